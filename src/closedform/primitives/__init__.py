"""The registry of primitive operations."""

from closedform.primitives import (
    contraction,
    elementwise,
    factorisations,
    linalg,
    matrix_functions,
    norms,
    reductions,
    structure,
)
from closedform.primitives.record import PRIMITIVES, Primitive

__all__ = [
    "PRIMITIVES",
    "Primitive",
    "contraction",
    "elementwise",
    "factorisations",
    "linalg",
    "matrix_functions",
    "norms",
    "reductions",
    "structure",
]
