"""Measuring: what goes wrong in a child becomes a row, and the next case goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from closedform.comparison.children import IN_PROCESS, cores
from closedform.comparison.rows import Row
from closedform.comparison.timing import Case, Effort, measure
from closedform.engines import Program, Task

BRIEF = Effort(rounds=3, seconds=0.01, least=1e-4, timeout=1.0)
X = np.array([1.0, 2.0, 3.0])
FUNCTION = Program("def f(x):\n    return (x * x).sum()\n", "f")


def case(derivative: str = "return 2 * x", **changes: Any) -> Case:
    closed = Program(f"import os, time\nimport numpy as np\n\ndef d(x):\n    {derivative}\n", "d")
    task = Task("squares", "grad", (X,), programs={"numpy": FUNCTION}, closed={"numpy": closed})
    found = Case(task, np.array(14.0), exact=2 * X, exact_value=np.array(14.0), memory=False)
    return replace(found, **changes)


def rows(*cases: Case, engines: tuple[str, ...] = ("closed form",)) -> list[Row]:
    return list(measure(cases, engines, BRIEF))


def test_what_goes_wrong_is_a_row_and_the_next_case_goes_on() -> None:
    broken = {
        "os._exit(3)": "the engine's process ended (exit code 3)",
        "os.kill(os.getpid(), 9)": "the engine's process ended (signal SIGKILL)",
        "time.sleep(60)": "gave up after 1 s",
        "raise ArithmeticError('no such\\n  number')": "ArithmeticError: no such number",
        "return 3 * x": "wrong: off by 5.0e-01 (relative); worst at [0], by 5.0e-01",
        "return x * np.array([2, np.nan, 2])": "wrong: not a number, or infinite, at [1], where the exact "
        "answer is finite",
        "return 2 * x[:, None]": "the result has the shape (3, 1), expected (3,)",
    }
    cases = [case(source) for source in broken]
    found = rows(*(c for broken_case in cases for c in (broken_case, case())))
    assert [row.reason for row in found[::2]] == list(broken.values())
    assert {row.status for row in found[::2]} == {"failed"}
    assert not any(row.samples for row in found[::2])
    assert {row.status for row in found[1::2]} == {"measured"}
    assert found[8].error == pytest.approx(0.5)


def test_a_wrong_function_value_is_not_timed() -> None:
    (row,) = rows(case(value=np.array(14.0001)))
    assert row.status == "failed"
    assert row.reason == "its function value differs from the function's own by 7.1e-06 (relative)"


def test_an_ill_conditioned_answer_may_be_off_by_its_condition() -> None:
    off = case("return 2.00001 * x")
    assert rows(off, replace(off, condition=1e12))[1].status == "measured"


def test_without_the_exact_answer_engines_must_agree_with_another() -> None:
    by_hand = lambda x: 2 * x  # noqa: E731
    known = case("return 3 * x", exact=None)
    alone, disagreeing, right = rows(known, engines=("closed form",)) + rows(
        replace(known, task=replace(known.task, by_hand=by_hand)), engines=("closed form", "by hand")
    )
    assert alone.status == "measured"
    assert alone.error is None
    reason = "agrees with no other engine, and the exact answer is not known at this size"
    assert (disagreeing.reason, right.reason) == (reason, reason)


def test_a_callable_is_timed_here_and_an_import_path_in_a_child() -> None:
    here = case()
    for by_hand, note in ((lambda x: 2 * x, IN_PROCESS), ("tests.comparison.test_timing:twice", "")):
        (row,) = rows(
            replace(here, task=replace(here.task, by_hand=by_hand), memory=True), engines=("by hand",)
        )
        assert (row.status, row.note, row.reason) == ("measured", note, "")
        assert (row.peak_memory is None) == bool(note)


def twice(x: np.ndarray) -> np.ndarray:
    return 2 * x


def test_a_callable_that_raises_is_a_row() -> None:
    def fails(x: Any) -> Any:
        raise KeyError("nothing")

    (row,) = rows(replace(case(), task=replace(case().task, by_hand=fails)), engines=("by hand",))
    assert (row.status, row.reason) == ("failed", "KeyError: 'nothing'")


def test_rounds_and_figures() -> None:
    (row,) = rows(case(memory=True))
    assert len(row.samples) == 3
    assert row.error == 0.0
    assert row.ulps == 0.0
    assert row.threads == 1
    assert row.size == 3
    assert row.peak_memory is not None
    assert row.involuntary_switches is not None
    assert row.cpu_wall is not None
    assert 0 < row.cpu_wall < 1.5


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no engine 'magic'; there are closed form, .*, by hand, autograd"):
        rows(engines=("magic",))


def test_one_thread_has_one_core() -> None:
    assert len(cores(1)) <= 1


def test_memory_is_what_one_call_adds_at_its_peak() -> None:
    megabytes = case("a = np.ones(1_000_000); b = a + 1; return 2 * x + b[0] - 2", memory=True)
    (row,) = rows(megabytes)
    assert row.peak_memory is not None
    assert 15_500_000 < row.peak_memory < 16_500_000
