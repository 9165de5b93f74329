"""Errors as numbers: normwise, the worst entry, infinite and missing values."""

import math

import numpy as np
import pytest

from closedform.comparison.rows import Row, machine, relative_error, worst_entry

COMMON = {"problem": "f", "operator": "grad", "engine": "e", "version": "", "size": 2, "dtype": "float64"}


def test_relative_error_is_normwise_over_all_arrays() -> None:
    assert relative_error((np.array([3.0]), 4.0), (np.array([3.0]), 4.5)) == pytest.approx(
        0.5 / math.hypot(3, 4.5)
    )
    assert relative_error(np.array([1e300, 1e300]), np.array([1e300, 2e300])) == pytest.approx(
        1 / math.sqrt(5)
    )


def test_the_error_against_zero_is_absolute() -> None:
    assert relative_error(np.array([0.0, 1e-20]), np.zeros(2)) == 1e-20


def test_equal_infinities_are_no_error_and_nan_is_one() -> None:
    assert relative_error(np.array([np.inf, 1.0]), np.array([np.inf, 1.0])) == 0
    assert relative_error(np.array([np.nan]), np.array([np.nan])) == 0
    assert math.isnan(relative_error(np.array([np.nan, 1.0]), np.array([2.0, 1.0])))
    assert relative_error(np.array([np.inf, 1.0]), np.array([2.0, 1.0])) == math.inf


def test_the_worst_entry_is_relative_to_itself_unless_it_is_zero_to_working_precision() -> None:
    error, index = worst_entry(np.array([[1.0, 2e-8], [3.0, 1e-17]]), np.array([[1.0, 1e-8], [3.0, 0.0]]))
    assert (error, index) == (pytest.approx(1.0), (0, 1))
    error, index = worst_entry(np.array([1.0, 1e-17]), np.array([1.0, 0.0]))
    assert (error, index) == (1e-17, (1,))


def test_the_worst_entry_of_several_arrays_says_which_array() -> None:
    assert worst_entry((np.ones(2), np.array([1.0, 3.0])), (np.ones(2), np.ones(2))) == (2.0, (1, 1))
    assert worst_entry(np.array([1.0, np.nan]), np.ones(2)) == (math.inf, (1,))


def test_different_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"^the result has the shape \(3, 1\), expected \(3,\)$"):
        relative_error(np.ones((3, 1)), np.ones(3))


def test_median_quartiles_and_contention() -> None:
    row = Row(**COMMON, status="measured", samples=(4.0, 1.0, 2.0, 3.0, 5.0), cpu_wall=0.99)
    assert (row.median, row.quartiles, row.contended) == (3.0, (2.0, 4.0), False)
    assert Row(**COMMON, status="measured", samples=(1.0,), cpu_wall=0.8).contended
    empty = Row(**COMMON, status="failed", reason="why")
    assert (empty.median, empty.quartiles, empty.contended) == (None, None, False)


def test_the_machine_is_described() -> None:
    assert "cores" in machine()
