"""Being written."""
from typing import Any
def source_and_constants(*a: Any, **k: Any) -> Any: raise NotImplementedError
def compile_source(*a: Any, **k: Any) -> Any: raise NotImplementedError
