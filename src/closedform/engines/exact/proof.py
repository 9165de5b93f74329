"""A derived derivative is compared with the Taylor series of the user's own operations: equal, or refused.

Along x + t v the coefficient of t^n of f, times n!, is the derivative of order n contracted n times with v.
For n > 1 this settles the derivative up to its symmetry, which is then tested on distinct directions. Both
sides are balls: if they do not overlap, the derivation is wrong. A derivative of order n that is wrong passes
for a random v of 2^20 values an entry with probability n / 2^20 at most (Schwartz-Zippel lemma).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.engines.exact.balls import UndecidedError, working
from closedform.engines.exact.evaluation import taylor
from closedform.engines.exact.tensors import lift, matmul
from closedform.errors import ClosedformError
from closedform.expression.expr import Expr

# Radius of a comparison, relative to the size of what is compared.
AGREEMENT = 1e-18
# Coefficients such as 2/sqrt(pi) stand in formulas as float64 numbers: a difference of that size is not a
# wrong rule, but it bounds what the reference is worth.
ROUNDED_COEFFICIENTS = 2.0**-50
# A ball around zero of a radius below the smallest float64 number is zero.
VANISHING = 2.0**-1074

ALONG = " along a random direction is {} by Taylor arithmetic on the function, and {} as derived"
SWAPPED = " is not symmetric: along the same directions in two orders it is {} and {}"

Direction = Mapping[str, np.ndarray]
Blocks = Mapping[tuple[str, ...], np.ndarray]


class WrongDerivative(ClosedformError, ArithmeticError):  # noqa: N818 - a verdict more than an error
    """A derived derivative is not the derivative of the function.

    taylor     n! times the Taylor coefficient of the function along a direction; or, where the derivative is
               not symmetric, the derived one contracted with some directions
    derived    the derived derivative contracted with that direction; or with those in another order
    direction  argument name -> direction
    """

    def __init__(self, message: str, taylor: np.ndarray, derived: np.ndarray, direction: Direction) -> None:
        self.taylor, self.derived, self.direction = taylor, derived, dict(direction)
        super().__init__(message.format(_brief(taylor), _brief(derived)))


@dataclass(frozen=True)
class Derived:
    """A derivative of an order: for each tuple of that many variables a block, its axes those of the result
    and then of the variables; an entrywise one has the axes of the result alone."""

    order: int
    blocks: Blocks
    entrywise: bool = False


@dataclass(frozen=True)
class Point:
    """Where the derivative is compared: the user's operations, and their inputs' values."""

    root: Expr
    values: Mapping[str, np.ndarray]
    bits: int

    def coefficient(self, order: int, direction: Direction) -> np.ndarray:
        """order! times the Taylor coefficient along a direction."""
        found = taylor(self.root, self.values, direction, order, self.bits)[order]
        with working(self.bits):
            return np.asarray(found * math.factorial(order), dtype=object)

    def compare(
        self, message: str, left: np.ndarray, right: np.ndarray, size: float, direction: Direction
    ) -> float:
        """How far two arrays of balls may be apart, relative to `size`: at most AGREEMENT, or a little more
        where they are known to differ by rounded coefficients.

        Raises WrongDerivative where they differ, UndecidedError where the balls are too wide to tell.
        """
        with working(self.bits):
            differences = np.asarray(left - right, dtype=object).ravel().tolist()
        certain = math.hypot(*(float(d.abs_lower()) for d in differences))
        possible = math.hypot(*(float(d.abs_upper()) for d in differences))
        if certain > ROUNDED_COEFFICIENTS * size:
            raise WrongDerivative(message, _floats(left), _floats(right), direction)
        if possible - certain > max(AGREEMENT * size, VANISHING):
            raise UndecidedError("the result cancels to zero, or very nearly")
        return possible / size if size else 0.0


def prove(point: Point, derived: Derived, draw: Callable[[], Direction], what: str) -> float:
    """Compare a derivative with the function along one random direction; the relative difference left open.

    Raises as `Point.compare` does.
    """
    direction = draw()
    order = derived.order
    expected = point.coefficient(order, direction)
    found, size = contracted(derived, [direction] * order, point.bits)
    agreement = point.compare(what + ALONG, expected, found, size, direction)
    if order < 2 or derived.entrywise or sum(a.size for a in direction.values()) == 1:
        return agreement
    several = [direction, *(draw() for _ in range(order - 1))]
    one, size = contracted(derived, several, point.bits)
    for i in range(order - 1):
        swapped = [*several[:i], several[i + 1], several[i], *several[i + 2 :]]
        other, _ = contracted(derived, swapped, point.bits)
        point.compare(what + SWAPPED, one, other, size, direction)
    return agreement


def prove_product(
    point: Point, product: np.ndarray, vector: Direction, draw: Callable[[], Direction]
) -> float:
    """Compare a Hessian-vector product H v with the function: for a random w and the second Taylor
    coefficients c_2 along v + w, v and w, w'Hv = c_2(v + w) - c_2(v) - c_2(w).

    Raises as `Point.compare` does.
    """
    other = draw()
    with working(point.bits):
        both = {name: np.asarray(_exact(vector[name]) + _exact(other[name]), dtype=object) for name in vector}
        first, second, third = (point.coefficient(2, d) for d in (both, vector, other))
        expected = np.asarray((first - second - third) / 2, dtype=object)
    (name,) = vector
    found, size = contracted(Derived(1, {(name,): product}), [other], point.bits)
    return point.compare("the Hessian-vector product" + ALONG, expected, found, size, other)


def contracted(derived: Derived, directions: Sequence[Direction], bits: int) -> tuple[np.ndarray, float]:
    """The derivative contracted with a direction for each order, and the size of what was summed for it."""
    total: Any = 0
    size: Any = 0.0
    for names, block in derived.blocks.items():
        vectors = [direction[name] for direction, name in zip(directions, names, strict=True)]
        absolute = np.abs(_floats(block))
        with working(bits):
            if derived.entrywise:
                part = np.asarray(block * np.prod([_exact(v) for v in vectors], axis=0), dtype=object)
                weight = absolute * np.abs(np.prod(vectors, axis=0))
            else:
                part = _contract_last(block, vectors)
                weight = absolute
                for vector in reversed(vectors):
                    weight = np.tensordot(weight, np.abs(vector), vector.ndim)
            total = total + part
        size = size + weight
    return np.asarray(total, dtype=object), float(np.linalg.norm(np.ravel(size)))


def _contract_last(block: np.ndarray, vectors: Sequence[np.ndarray]) -> np.ndarray:
    """The block contracted with the last vector, then the one before, and so on."""
    shape = block.shape
    table = block
    for vector in reversed(vectors):
        shape = shape[: len(shape) - vector.ndim]
        product = matmul(table.reshape(math.prod(shape), vector.size), vector.reshape(-1, 1))
        table = np.fromiter((ball.series[0] for ball in lift(product).ravel()), object, product.size)
    return table.reshape(shape)


def _exact(array: np.ndarray) -> np.ndarray:
    from flint import arb

    return np.asarray(np.frompyfunc(arb, 1, 1)(np.asarray(array).astype(object)), dtype=object)


def _floats(array: np.ndarray) -> np.ndarray:
    return np.asarray(np.frompyfunc(float, 1, 1)(array), dtype=np.float64)


def _brief(array: np.ndarray) -> str:
    return f"{float(array):.17g}" if not array.shape else np.array2string(array, precision=17, threshold=6)


def block_names(variables: Sequence[str], order: int) -> list[tuple[str, ...]]:
    """The tuples of variables of an order's blocks, in the order of nested tuples."""
    return list(itertools.product(variables, repeat=order))
