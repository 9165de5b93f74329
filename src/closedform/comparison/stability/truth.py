"""A function and points in, the values and derivatives that are right out.

By ball arithmetic on the operations as they are written, with as many bits as it takes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform.comparison.stability.cases import Case, inputs
from closedform.engines.exact import taylor
from closedform.engines.exact.balls import UndecidedError, working
from closedform.errors import UnsupportedError
from closedform.expression.expr import Expr

SMALLEST = float(np.finfo(float).smallest_normal)
LARGEST = float(np.finfo(float).max)
MOST_BITS = 1 << 14


def decided(ball: Any) -> float:
    """The value; 0 or infinity below and above the normal numbers, nan where more bits are needed."""
    if float(ball.abs_upper()) < SMALLEST:
        return 0.0
    if float(ball.abs_lower()) > LARGEST:
        return float("inf")
    return float(ball.mid()) if ball.is_finite() and ball.rel_accuracy_bits() > 60 else float("nan")


def truth(case: Case, root: Expr, names: Sequence[str], point: np.ndarray) -> list[np.ndarray] | None:
    """The function's value and derivatives at a point; None outside of its domain."""
    bits = 128
    while True:
        try:
            found = [np.vectorize(decided, [float])(d) for d in derivatives(case, root, names, point, bits)]
        except UndecidedError:
            found = []
        except UnsupportedError:
            return None
        if found and not any(np.isnan(array).any() for array in found):
            return found
        if bits >= MOST_BITS:
            return found or None
        bits *= 4


def derivatives(
    case: Case, root: Expr, names: Sequence[str], point: np.ndarray, bits: int
) -> list[np.ndarray]:
    """Arrays of balls of shape out.shape + point.shape * order."""
    n = case.size or 1
    units = np.eye(n).reshape(n, *point.shape)

    def named(array: np.ndarray) -> dict[str, Any]:
        return dict(zip(names, array if case.arguments > 1 else [array], strict=True))

    def along(direction: np.ndarray, order: int) -> list[np.ndarray]:
        return taylor(root, named(point), named(direction), order, bits)

    lines = [along(unit, case.orders[-1]) for unit in units]
    value = lines[0][0]
    found = [value, np.stack([line[1] for line in lines], -1).reshape(value.shape + point.shape)]
    if 2 in case.orders:
        hessian = np.empty((n, n), object)
        with working(bits):
            for i, j in itertools.product(range(n), repeat=2):
                both = along(units[i] + units[j], 2)[2]
                hessian[i, j] = np.ravel(lines[i][2] * 2 if i == j else both - lines[i][2] - lines[j][2])[0]
        found.append(hessian.reshape(point.shape * 2))
    return found


def points_and_truth(case: Case, count: int, seed: int = 0) -> tuple[np.ndarray, list[np.ndarray]]:
    """Inputs in the function's domain, and the derivatives of each order there."""
    trace = case.trace
    kept, found = [], []
    for point in inputs(case, count, seed):
        true = case.domain(point) and truth(case, trace.root, trace.arguments, point)
        if true:
            kept.append(point)
            found.append(true)
    return np.array(kept), [np.array([true[k] for true in found]) for k in range(len(case.orders))]
