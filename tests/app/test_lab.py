"""The lab: a report of what was measured, and a run that goes on where it was killed."""

import io
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from closedform.app.blocks import Paragraph
from closedform.app.chapters import Judgement, Measured, chapter, drawing, judge, operator_name, summary
from closedform.app.experiments import EXPERIMENTS, Setting
from closedform.app.experiments.worker import attempt
from closedform.app.lab import (
    LabError,
    Plan,
    engines_named,
    open_places,
    places,
    prepare_folder,
    problems_named,
    run,
    run_experiments,
)
from closedform.app.report import Chapter, Report, page
from closedform.app.store import Store, decode, encode
from closedform.comparison.rows import Row
from closedform.engines import USUAL
from closedform.problems import PROBLEMS

ENGINES = ("closed form", "by hand")
SMALL = ("quadratic", "quartic", "det-shift")


def plan(out: Path, *names: str, fresh: bool = False) -> Plan:
    return Plan(problems_named(names), ENGINES, out, quick=True, fresh=fresh)


def rows(path: Path) -> dict[tuple, float]:
    """When each row was made."""
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT problem, operator, engine, size, made FROM measurement").fetchall()
    connection.close()
    return {tuple(key): made for *key, made in found}


def test_a_lab_writes_a_report_and_does_nothing_twice(tmp_path: Path) -> None:
    printed = io.StringIO()
    page = run(plan(tmp_path, "quartic"), Console(file=printed, width=160))
    text = page.read_text(encoding="utf-8")
    assert page == tmp_path / "index.html" and 'id="quartic"' in text and "<script" not in text
    assert "quartic ∇²" in printed.getvalue()
    made = rows(tmp_path / "lab.db")
    assert len(made) == len(places(plan(tmp_path, "quartic"))) * len(ENGINES)
    run(plan(tmp_path, "quartic"), Console(file=io.StringIO()))
    assert rows(tmp_path / "lab.db") == made
    run(plan(tmp_path, "quartic", fresh=True), Console(file=io.StringIO()))
    assert min(rows(tmp_path / "lab.db").values()) > max(made.values())


def test_a_killed_lab_goes_on_and_loses_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from rich.console import Console\nfrom closedform.app.lab "
        f"import LabError, Plan, problems_named, run\nrun(Plan(problems_named({SMALL!r}), {ENGINES!r}, "
        "Path(sys.argv[1]), quick=True), Console())\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 40
    store = tmp_path / "lab.db"
    before: dict[tuple, float] = {}
    while len(before) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
        if store.exists():
            try:
                before = rows(store)
            except sqlite3.OperationalError:  # the tables are not there yet
                continue
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    wanted = plan(tmp_path, *SMALL)
    assert 3 <= len(before) < len(places(wanted)) * len(ENGINES), "killed in the middle"
    assert not (tmp_path / "index.html").exists()
    left = rows(store)
    assert before.items() <= left.items()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
    after = rows(store)
    whole = {key for key in left if all((*key[:2], engine, key[3]) in left for engine in ENGINES)}
    assert {key: after[key] for key in whole} == {key: left[key] for key in whole}, (
        "nothing is measured again"
    )
    assert len(after) == len(places(wanted)) * len(ENGINES)
    assert sqlite3.connect(store).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert (tmp_path / "index.html").exists()


def test_open_places_are_those_with_a_missing_row(tmp_path: Path) -> None:
    wanted = plan(tmp_path, "quartic")
    store = Store(Path(":memory:"), "digest", "quick")
    first, *others = places(wanted)
    for engine in ENGINES:
        store.add_measurement("quartic", first.operator, engine, first.n, 0, {})
    store.add_measurement("quartic", others[0].operator, ENGINES[0], others[0].n, 0, {})
    assert open_places(wanted, store) == others


def test_names_are_put_in_order() -> None:
    assert [p.name for p in problems_named(["quartic", "softplus"])] == ["softplus", "quartic"]
    assert problems_named([]) == tuple(PROBLEMS.values())
    assert engines_named([]) == USUAL
    assert engines_named(["jax", "Closed-Form"]) == ("closed form", "JAX")


def test_a_folder_is_made(tmp_path: Path) -> None:
    prepare_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir() and not list((tmp_path / "a" / "b").iterdir())


def test_missing_libraries_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LabError, match=r"needs matplotlib and ziamath: pip install 'closedform\[lab\]'"):
        run(plan(tmp_path / "never", "quartic"), Console(file=io.StringIO()))
    assert not (tmp_path / "never").exists()


def test_a_graph_that_cannot_be_drawn_does_not_cost_the_report() -> None:
    class Broken:
        text = "f"

        def graph(self, partials: str):
            raise ImportError("no Graphviz here")

    assert drawing(Broken(), "none", "").text == "No drawing: no Graphviz here"


def measured(engine: str, ulps: float, condition: float = 1.0, status: str = "measured") -> Measured:
    row = Row(
        "p", "grad", engine, "1", 10, "float64", status, error=ulps * 2**-52, ulps=ulps, samples=(1e-6,) * 3
    )
    return Measured(row, 10, condition)


@pytest.mark.parametrize(
    "closed, others, condition, met",
    [
        (1.0, {"JAX": 1.0}, 1.0, True),
        (3.9, {"JAX": 2.0}, 1.0, True),
        (4.1, {"JAX": 9.0}, 1.0, False),
        (4.1, {"JAX": 9.0}, 2.0, True),
        (2.1, {"JAX": 1.0, "PyTorch": 9.0}, 1.0, False),
        (1.0, {"JAX": 0.0}, 1.0, True),
        (1.0, {}, 1.0, True),
    ],
)
def test_the_closed_form_is_judged_by_both_bounds(
    closed: float, others: dict, condition: float, met: bool
) -> None:
    found = [
        measured("closed form", closed, condition),
        *(measured(e, u, condition) for e, u in others.items()),
    ]
    judgement = judge(found)
    assert judgement is not None and judgement.met is met


def test_what_has_no_exact_answer_is_not_judged() -> None:
    assert judge([]) is None
    assert judge([measured("JAX", 1.0)]) is None
    assert Judgement(1.0, 1.0, None).met


def test_operators_have_names() -> None:
    assert [operator_name(o) for o in ("grad", "derivative:1", "derivative:2")] == [
        "gradient", "1st derivative", "2nd derivative",
    ]  # fmt: skip


def test_a_chapter_tells_why_an_engine_is_missing() -> None:
    problem = PROBLEMS["expm-trace"]
    lost = Measured(
        Row("p", "grad", "autograd", "1", 10, "float64", "unsupported", "no rule for expm"), 10, None
    )
    blocks = chapter(problem, [measured("closed form", 0.4), lost], []).blocks
    assert any("autograd: no rule for expm" in getattr(block, "text", "") for block in blocks)


def test_a_summary_names_what_misses_the_bounds() -> None:
    problem = PROBLEMS["logdet"]
    blocks = summary([(problem, [measured("closed form", 9.0), measured("JAX", 1.0)])])
    assert "not in logdet (gradient)" in blocks[0].text


def test_a_failing_step_has_a_reason() -> None:
    def fails(step: str, setting: Setting):
        raise ValueError("too bad\nand more")

    assert attempt(fails, "s", Setting(True, ENGINES)) == {"failed": "ValueError: too bad"}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_has_distinct_steps_and_bears_missing_ones(name: str) -> None:
    experiment = EXPERIMENTS[name]
    for quick in (True, False):
        steps = list(experiment.steps(Setting(quick, USUAL)))
        assert steps and len(steps) == len(set(steps))
    assert list(experiment.section({})) == []


def test_the_regression_has_the_sizes_of_the_sheet() -> None:
    steps = EXPERIMENTS["linear-regression"].steps(Setting(False, USUAL))
    sizes = {int(s.split("/")[0]) for s in steps if "/" in s}
    assert len(sizes) == 50 and (min(sizes), max(sizes)) == (10, 10_000)
    assert all(sum(s.startswith(f"{n}/JAX/") for s in steps) >= 3 for n in sizes)


def test_an_experiment_goes_on_where_it_stopped(tmp_path: Path) -> None:
    wanted = plan(tmp_path, "linear-regression")
    store = Store(Path(":memory:"), "digest", "quick")
    steps = list(EXPERIMENTS["linear-regression"].steps(Setting(True, ENGINES)))
    for step in steps[:-2]:
        store.add_experiment("linear-regression", step, {"kept": True})
    with Progress(console=Console(file=io.StringIO())) as progress:
        run_experiments(wanted, store, progress)
    kept = store.experiments("linear-regression")
    assert set(kept) == set(steps)
    assert [step for step, payload in kept.items() if payload != {"kept": True}] == steps[-2:]
    assert all(kept[step]["iterations"] > 10 for step in steps[-2:])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_fills_its_section(name: str) -> None:
    experiment, setting = EXPERIMENTS[name], Setting(True, ENGINES)
    results = {step: attempt(experiment.run, step, setting) for step in experiment.steps(setting)}
    assert not [payload for payload in results.values() if "failed" in payload]
    blocks = experiment.section(decode(encode(results)))
    assert any(isinstance(block, Paragraph) for block in blocks)
    text = page(Report("Title", "", {}, [], [Chapter("one", "One", blocks)], ""))
    assert not re.search(r"\b(nan|None)\b", re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL))


def test_the_sheets_gradient_is_found_out() -> None:
    result = EXPERIMENTS["linear-regression"].run("check", Setting(True, ENGINES))
    assert not result["ok"] and result["right ok"]
    assert (result["sheet"], result["right"]) == (-120.0, -30.0)
    assert result["diagnosis"].startswith("4 times the gradient")
