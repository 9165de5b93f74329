"""closedform: derivatives of NumPy functions as formulas and as code."""

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
