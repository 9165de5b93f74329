"""The chapter on functions as people write them: counts, what is no known limit, and what is left out."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from closedform.app.blocks import Folded, Paragraph, Table
from closedform.app.experiments import EXPERIMENTS, Setting
from closedform.app.experiments.worker import attempt
from closedform.app.lab import QUESTIONS, LabError, Plan, problems_named, questions_named, run
from closedform.app.lab_report import experiment
from closedform.comparison.stability import COMPOSITES
from closedform.problems import PROBLEMS

STABILITY = EXPERIMENTS["stability"]
SETTING = Setting(True, ("closed form", "JAX"))
SOFTPLUS, LIMITED, SPARED = "log(1 + exp(x))", "sin(x) / x", "mean(x)"


def counts(failures: int, order: int = 1, refusal: str = "") -> dict[str, Any]:
    return {str(order): {"points": 40, "failures": failures, "worst": 1.0, "refusal": refusal}}


RESULTS = {
    f"{SOFTPLUS}/closed form": counts(0),
    f"{SOFTPLUS}/JAX": counts(7),
    f"{LIMITED}/closed form": counts(5),
    f"{LIMITED}/JAX": counts(0, refusal="not in JAX"),
    f"{SPARED}/closed form": counts(0),
    f"{SPARED}/JAX": counts(0),
}


def test_the_finding_counts_functions() -> None:
    assert STABILITY.finding(RESULTS) == (
        "Of 3 functions as people write them, the first derivative is wrong somewhere by JAX in 1 and by the "
        "closed form in 1 (known limits, see the chapter)."
    )
    right = {step: payload for step, payload in RESULTS.items() if LIMITED not in step}
    assert STABILITY.finding(right).endswith("by JAX in 1 and by the closed form in none.")
    assert STABILITY.finding({}) == ""


def test_what_is_no_known_limit_is_told() -> None:
    assert "closed form in 2 (`log(1 + exp(x))`: no known limit)." in STABILITY.finding(
        RESULTS | {f"{SOFTPLUS}/closed form": counts(1)}
    )


def test_the_section_has_a_row_for_each_function_that_fails() -> None:
    finding, _, table, spared, limits = STABILITY.section(RESULTS)
    assert isinstance(finding, Paragraph) and finding.text == STABILITY.finding(RESULTS)
    assert isinstance(table, Table)
    assert table.columns == ["Function", "Points", "closed form", "JAX"]
    assert table.rows == [
        [f"`{SOFTPLUS}`", "40", "0", "7"],
        [f"`{LIMITED}`", "40", "5", "—"],
    ]
    assert spared == Paragraph("At none of the points: `mean(x)`.")
    assert isinstance(limits, Paragraph) and "`sin(x) / x`: a difference that vanishes" in limits.text


def test_second_derivatives_are_folded() -> None:
    both = {step: payload | counts(2, order=2) for step, payload in RESULTS.items()}
    (folded,) = (block for block in STABILITY.section(both) if isinstance(block, Folded))
    assert isinstance(folded.blocks[0], Table) and len(folded.blocks[0].rows) == 3


def test_a_step_counts_the_failures_of_an_engine() -> None:
    closed, jax = (attempt(STABILITY.run, f"{SOFTPLUS}/{engine}", SETTING) for engine in SETTING.engines)
    assert closed["1"]["failures"] == 0 < jax["1"]["failures"] < jax["1"]["points"] <= 40


def test_a_full_run_has_every_function_and_both_orders() -> None:
    full = list(STABILITY.steps(Setting(False, ("JAX", "by hand"))))
    assert full == [f"{case.name}/JAX" for case in COMPOSITES]
    assert set(STABILITY.steps(Setting(True, ("JAX",)))) < set(full)


def test_a_step_that_failed_is_named_as_it_is_written() -> None:
    results = RESULTS | {f"{SPARED}/JAX": {"failed": "jax is not installed"}, "1 / x/JAX": {"failed": "why"}}
    assert experiment("stability", results)[-1] == Paragraph(
        "Not run: mean(x), JAX (jax is not installed); 1 / x, JAX (why).", "asked"
    )


def test_questions_are_asked_for_by_name() -> None:
    assert questions_named([]) == QUESTIONS == ("stability",)
    assert questions_named(["quartic"]) == () and questions_named(["quartic", "stability"]) == QUESTIONS
    assert problems_named(["stability"]) == () and problems_named([]) == tuple(PROBLEMS.values())
    with pytest.raises(LabError, match=r"no problem 'no'; there are .*quartic.*, stability"):
        problems_named(["no"])


def test_the_lab_writes_the_chapter_and_measures_nothing_twice(tmp_path: Path) -> None:
    plan = Plan((), ("closed form",), tmp_path, quick=True, questions=QUESTIONS)
    page = run(plan, Console(file=io.StringIO()))
    text = page.read_text(encoding="utf-8")
    assert text.count(f">{STABILITY.title}</") == 2 and 'id="stability"' in text
    assert "wrong somewhere by the closed form in" in text.partition('id="stability"')[0], "in the summary"
    made = kept(tmp_path / "lab.db")
    page.unlink()
    run(plan, Console(file=io.StringIO()))
    assert page.exists() and len(made) == 24 and kept(tmp_path / "lab.db") == made


def test_without_its_engines_there_is_no_chapter(tmp_path: Path) -> None:
    plan = Plan((), ("by hand",), tmp_path, quick=True, questions=QUESTIONS)
    assert STABILITY.title not in run(plan, Console(file=io.StringIO())).read_text(encoding="utf-8")


def kept(path: Path) -> dict[str, float]:
    """When each step was made."""
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT step, made FROM experiment").fetchall())
