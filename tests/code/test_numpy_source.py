"""Emitted code computes what the formula says, at any size, and reads as it should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from tests.code.reference import ARGUMENTS, arguments, evaluate, formulas

from closedform.code.numpy_source import compile_source, source, source_and_constants
from closedform.expression.expr import Expr

RELAXED = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def agree(got: object, want: object, tolerance: float = 1e-9) -> None:
    """Equal to rounding, relative to the largest entry."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    assert np.max(np.abs(got - want), initial=0) <= tolerance * np.max(np.abs(want), initial=1e-3)


@RELAXED
@given(formulas())
def test_random_formulas_at_two_sizes(expr: Expr) -> None:
    text, constants = source_and_constants(expr, ARGUMENTS)
    function = compile_source(text, constants)
    for m, n in ((3, 4), (5, 6)):
        arrays = arguments(m, n)
        with np.errstate(all="ignore"):
            want = np.asarray(evaluate(expr, arrays))
        assume(np.all(np.isfinite(want)) and np.max(np.abs(want), initial=0) < 1e6)
        with np.errstate(all="ignore"):
            got = function(**arrays)
        agree(got, want)
