"""closedform: derivatives of NumPy functions as formulas and as code."""

from typing import Any

from closedform.arguments import matrix, positive, scalar, signs, spd, symmetric, vector
from closedform.errors import (
    ClosedformError,
    InvalidArgumentError,
    InvalidFunctionError,
    UnsupportedError,
)
from closedform.pipeline import Derivation, derive
from closedform.transformations import (
    Derived,
    derivative,
    grad,
    hessian,
    hvp,
    jacobian,
    trace,
    value_and_grad,
)

__version__ = "0.1.0"

__all__ = [
    "ClosedformError",
    "Derivation",
    "Derived",
    "InvalidArgumentError",
    "InvalidFunctionError",
    "UnsupportedError",
    "check",
    "compare",
    "derivative",
    "derive",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "matrix",
    "positive",
    "scalar",
    "signs",
    "spd",
    "symmetric",
    "trace",
    "value_and_grad",
    "vector",
]


def __getattr__(name: str) -> Any:
    """Comparison is loaded when it is asked for: most uses need the calculus alone."""
    if name in {"check", "compare"}:
        from closedform import comparison

        return getattr(comparison, name)
    raise AttributeError(f"module 'closedform' has no attribute {name!r}")
