"""The registry of primitive operations."""

from closedform.primitives import contraction, elementwise, linalg, reductions, structure
from closedform.primitives.record import PRIMITIVES, Primitive

__all__ = ["PRIMITIVES", "Primitive", "contraction", "elementwise", "linalg", "reductions", "structure"]
