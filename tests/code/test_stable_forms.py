"""Emitted code is right wherever the true value is a normal number: records, and what people write.

`make stable` runs more points, and the same functions in JAX, PyTorch and autograd.
"""

from __future__ import annotations

import numpy as np
import pytest

from closedform.comparison.stability import (
    COMPOSITES,
    ELEMENTWISE,
    LIMITS,
    TOLERANCE,
    Case,
    closed_form,
    largest_errors,
    points_and_truth,
)

CASES = [*ELEMENTWISE, *COMPOSITES]
COUNT = 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_derivatives_are_right_at_every_magnitude(case: Case) -> None:
    points, true = points_and_truth(case, COUNT)
    assert len(points) > COUNT // 12
    for order in case.orders:
        if (case.name, order) not in LIMITS:
            with np.errstate(all="ignore"):
                errors = largest_errors(closed_form(case, order, points), true[order])
            wrong = np.flatnonzero(errors > TOLERANCE)
            assert not wrong.size, f"order {order} at {points[wrong[0]]!r}: {errors[wrong[0]]:.1e}"


def test_limits_name_cases() -> None:
    known = {(case.name, order) for case in CASES for order in case.orders}
    assert set(LIMITS) <= known and all(LIMITS.values())


def test_most_of_the_points_are_tested() -> None:
    (case,) = (case for case in CASES if case.name == "sqrt(1 + x**2)")
    points, true = points_and_truth(case, COUNT)
    assert len(points) == COUNT and np.all(np.isfinite(true[0]))
    with np.errstate(over="ignore"):
        got = np.sqrt(1 + points**2)
    assert np.mean(largest_errors(got, true[0]) > TOLERANCE) > 0.05
