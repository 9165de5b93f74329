"""closedform: derivatives of NumPy functions as formulas and as code."""

from typing import Any

from closedform.arguments import (
    array,
    diagonal,
    lower_triangular,
    matrix,
    nonnegative,
    orthogonal,
    positive,
    scalar,
    sign,
    signs,
    simplex,
    spd,
    symmetric,
    upper_triangular,
    vector,
)
from closedform.derivation import Derivation
from closedform.errors import (
    ClosedformError,
    InvalidArgumentError,
    InvalidFunctionError,
    UnsupportedError,
)
from closedform.formulas import Formula, parse
from closedform.pipeline import derive
from closedform.transformations import (
    Derived,
    derivative,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    trace,
    value_and_grad,
    vjp,
)

__version__ = "0.1.0"

__all__ = [
    "ClosedformError",
    "Derivation",
    "Derived",
    "Formula",
    "InvalidArgumentError",
    "InvalidFunctionError",
    "UnsupportedError",
    "array",
    "check",
    "compare",
    "derivative",
    "derive",
    "diagonal",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "lower_triangular",
    "matrix",
    "nonnegative",
    "orthogonal",
    "parse",
    "positive",
    "scalar",
    "sign",
    "signs",
    "simplex",
    "spd",
    "symmetric",
    "trace",
    "upper_triangular",
    "value_and_grad",
    "vector",
    "vjp",
]


def __getattr__(name: str) -> Any:
    """Comparison is loaded when it is asked for: most uses need the calculus alone."""
    if name in {"check", "compare"}:
        from closedform import comparison

        return getattr(comparison, name)
    raise AttributeError(f"module 'closedform' has no attribute {name!r}")
