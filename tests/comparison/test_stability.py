"""Failures are counted where the truth is a normal number; a case's name is the code of its function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

from closedform.comparison.stability import ANSWERS, COMPOSITES, Case, Tally, largest_errors, tally

NAMES = {**{name: getattr(np, name) for name in np.__all__}, "norm": np.linalg.norm, "erf": scipy.special.erf}


@pytest.mark.parametrize("case", COMPOSITES, ids=lambda case: case.name)
def test_a_name_is_the_code_of_its_function(case: Case) -> None:
    x, y = (np.array([0.3, 0.1, 0.6]), 0.0) if case.size == 3 else (0.3, 0.6)
    arguments = [x, y][: case.arguments]
    code = eval(case.name, NAMES | {"x": x, "y": y, "p": x})
    np.testing.assert_array_equal(case.function(*arguments), code)


def test_names_are_distinct() -> None:
    assert len({case.name for case in COMPOSITES}) == len(COMPOSITES)


def cube(power: float = 3.0) -> Case:
    return Case("cube", lambda x: x**power)


POINTS = np.array([1.0, 2.0, 1e-200, 1e200])
TRUE = np.array([3.0, 12.0, 0.0, np.inf])  # what is no normal number is 0 or infinite


@pytest.mark.parametrize("engine", ANSWERS)
def test_points_count_where_the_truth_is_a_normal_number(engine: str) -> None:
    found = tally(engine, cube(), 1, POINTS, TRUE)
    assert (found.points, found.failures, found.refusal) == (2, 0, "") and found.worst < 1e-15


@pytest.mark.parametrize("engine", ANSWERS)
def test_wrong_values_are_counted(engine: str) -> None:
    found = tally(engine, cube(), 1, POINTS, TRUE * np.array([1, 1 + 1e-9, 1, 1]))
    assert (found.points, found.failures) == (2, 1) and 9e-10 < found.worst < 1.1e-9


def test_what_is_not_finite_is_wrong() -> None:
    assert largest_errors([np.nan, np.inf, 1.0], np.ones(3)).tolist() == [np.inf, np.inf, 0.0]


@pytest.mark.parametrize("engine", [engine for engine in ANSWERS if engine != "closed form"])
def test_a_refusal_of_a_library_is_told(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANSWERS, engine, refuse(ValueError("not here\nbut elsewhere")))
    assert tally(engine, cube(), 1, POINTS, TRUE) == Tally(2, refusal="ValueError: not here")


def test_a_refusal_of_the_closed_form_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANSWERS, "closed form", refuse(ValueError("never")))
    with pytest.raises(ValueError, match="never"):
        tally("closed form", cube(), 1, POINTS, TRUE)


def refuse(error: Exception) -> Callable[..., Any]:
    def answer(*arguments: Any) -> Any:
        raise error

    return answer
