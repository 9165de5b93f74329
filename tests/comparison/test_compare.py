"""From a function to a table: what a case holds, and one comparison from end to end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import closedform as cf
from closedform.comparison.compare import Comparison, case_of, compare, import_path
from closedform.comparison.timing import Effort
from closedform.engines import ENGINES, Program
from closedform.errors import InvalidArgumentError

BRIEF = Effort(rounds=3, seconds=0.01, least=1e-4)
X, A = np.array([1.0, 2.0, 3.0]), np.arange(9.0).reshape(3, 3)


def form(x: Any, A: Any) -> Any:
    return x @ A @ x


def gradient_of_form(x: Any, A: Any) -> Any:
    return (A + A.T) @ x


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare(form, X, A, by_hand=lambda x, A: (A + A.T) @ x, memory=False, effort=BRIEF)


def test_a_comparison_from_end_to_end(compared: Comparison) -> None:
    for row in compared.rows:
        missing = ENGINES[row.engine].available()
        assert row.reason == (missing or "")
        if not missing:
            assert row.status == "measured"
            assert row.error is not None
            assert row.error < (1e-6 if row.engine == "finite differences" else 1e-14)
    assert compared.note == ""


def test_the_table_of_a_comparison(compared: Comparison) -> None:
    lines = str(compared).splitlines()
    assert lines[0] == "grad of form, 3 variables, float64"
    assert next(line.split("│")[1].strip() for line in lines if line.startswith("│")) == "closed form"
    assert "timed in the calling process" in compared._repr_html_()


def test_a_case_holds_text_and_arrays() -> None:
    case, note = case_of(form, (X, A), "hessian", by_hand=gradient_of_form, argnums="x", exact=False)
    task = case.task
    assert note == ""
    assert (task.problem, task.operator, task.argnums, task.result_shape) == ("form", "hessian", 0, ())
    assert task.by_hand == f"{__name__}:gradient_of_form"
    assert all(isinstance(program, Program) for program in task.programs.values())
    assert case.value == X @ A @ X
    assert case.derive_seconds > 0
    assert case.exact is None


def test_the_order_may_stand_in_the_operator() -> None:
    case, _ = case_of(np.tanh, (0.5,), "derivative:4", exact=False)
    assert (case.task.operator, case.task.order, case.task.arguments) == ("derivative", 4, (0.5,))
    assert case.task.dtype == np.float64


def test_descriptions_stand_for_arrays() -> None:
    case, _ = case_of(form, (cf.vector("n"), cf.matrix("n", "n")), argnums=(0, -1), exact=False)
    assert case.task.argnums == (0, 1)
    assert [np.shape(a) for a in case.task.arguments] == [(5,), (5, 5)]


def test_single_precision_stays() -> None:
    case, _ = case_of(lambda x, c: c * np.sum(x), (X.astype(np.float32), np.float32(2)), exact=False)
    assert case.task.dtype == np.float32
    assert [a.dtype for a in case.task.arrays()] == [np.float32, np.float32]


def test_arguments_that_are_not_there_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="argnums='z': form has the arguments x, A"):
        compare(form, X, A, argnums="z")


def test_only_what_a_fresh_process_can_import_has_a_path() -> None:
    def inner() -> None: ...

    assert import_path(gradient_of_form) == f"{__name__}:gradient_of_form"
    assert import_path(inner) is None
    assert import_path(np.float64(1.0).item) is None
    renamed = lambda x: x  # noqa: E731
    renamed.__qualname__ = "gradient_of_form"
    assert import_path(renamed) is None
