"""Problems and engines in; measurements, kept as they are made, and a report out."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from closedform.app.chapters import AUTOMATIC, Measured, by_operator, judge, medians, operator_name
from closedform.app.experiments import EXPERIMENTS, Setting
from closedform.app.store import Row as Stored
from closedform.app.store import Store, configuration_digest, decode
from closedform.app.wording import duration, listing, ratio, ulps
from closedform.comparison.compare import case_of
from closedform.comparison.rows import Row, machine
from closedform.comparison.timing import QUICK, Case, Effort, measure
from closedform.errors import ClosedformError
from closedform.problems import PROBLEMS, Problem

STORE = "lab.db"
PAGE = "index.html"
SEED = 0
# Engines that call the function for every entry of the variable.
MANY_CALLS = frozenset({"finite differences"})
FULL = Effort(rounds=11, seconds=0.3, timeout=30.0)
UNTIMED = Effort(rounds=0, fewest=0, timeout=30.0)
# Operators in a narrow table.
SIGNS = {"grad": "∇", "hessian": "∇²", "derivative:4": "d⁴"}
# How many random arguments errors are taken at in a full run.
DRAWS = 7
# Experiments that go with no problem.
QUESTIONS = tuple(name for name in EXPERIMENTS if name not in PROBLEMS)


class LabError(ClosedformError):
    """The lab cannot run as asked; the message says why."""


@dataclass(frozen=True)
class Plan:
    """What a lab runs: problems, engines by name, the folder of the report, and how much; and the names of
    experiments that go with no problem."""

    problems: tuple[Problem, ...]
    engines: tuple[str, ...]
    out: Path
    quick: bool = False
    fresh: bool = False
    questions: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the chapters."""
        return (*(problem.name for problem in self.problems), *self.questions)

    @property
    def mode(self) -> str:
        """The name under which measurements are kept."""
        return "quick" if self.quick else "full"


@dataclass(frozen=True)
class Place:
    """One comparison.

    problem, operator, n  what is compared, and its size
    draw                  number of the random arguments; only the first ones are timed
    smallest              whether n is the operator's smallest size
    memory                whether memory is measured
    """

    problem: Problem
    operator: str
    n: int
    draw: int = 0
    smallest: bool = False
    memory: bool = False


def require_libraries() -> None:
    """See that what writes the report is installed.

    Raises LabError otherwise.
    """
    missing = [name for name in ("matplotlib", "ziamath") if importlib.util.find_spec(name) is None]
    if missing:
        raise LabError(f"the lab needs {listing(missing)}: pip install 'closedform[lab]'")


def prepare_folder(out: Path) -> None:
    """Make the folder and see that it can be written to.

    Raises LabError otherwise.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise LabError(
            f"cannot write to the folder {out}: {error.strerror or error}; name another with --out"
        ) from error


def run(plan: Plan, console: Console) -> Path:
    """Measure what is not in the store yet, run the experiments, write the report; returns its path.

    Raises LabError for a folder that cannot be written to, StoreError for a damaged store.
    """
    begin = time.perf_counter()
    require_libraries()
    prepare_folder(plan.out)
    setting = _configuration()
    store = Store(plan.out / STORE, configuration_digest(setting), plan.mode)
    try:
        if plan.fresh:
            store.forget(plan.names)
        with _progress(console) as progress:
            _measure(plan, store, progress)
            run_experiments(plan, store, progress)
            task = progress.add_task("report", total=1)
            path = write_report(plan, store, setting)
            progress.advance(task)
        if plan.problems:
            console.print(table(plan, store))
    finally:
        store.close()
    console.print(f"{path} — {duration(time.perf_counter() - begin)}", highlight=False, soft_wrap=True)
    return path


def _configuration() -> dict[str, str]:
    return {
        "Machine": machine(),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), console=console,
    )  # fmt: skip


def places(plan: Plan) -> list[Place]:
    """Every comparison of the plan, in order: each size, and further draws for errors at the smallest."""
    found = []
    for problem in plan.problems:
        for operator in problem.operators:
            sizes = (problem.quick_sizes if plan.quick else problem.sizes)[operator]
            draws = 1 if plan.quick else DRAWS
            found += [
                Place(problem, operator, n, 0, n == sizes[0], n == sizes[-1] and not plan.quick)
                for n in sizes
            ]
            found += [Place(problem, operator, sizes[0], draw) for draw in range(1, draws)]
    return found


def engines_at(plan: Plan, place: Place) -> tuple[str, ...]:
    """The engines of a comparison: those that need many calls only at the smallest size."""
    return tuple(engine for engine in plan.engines if place.smallest or engine not in MANY_CALLS)


def effort(plan: Plan, place: Place) -> Effort:
    """How much time a comparison may take."""
    return UNTIMED if place.draw else QUICK if plan.quick else FULL


def open_places(plan: Plan, store: Store) -> list[Place]:
    """The comparisons of which some engine's row is not in the store."""
    kept = {problem.name: store.measurements(problem.name) for problem in plan.problems}
    return [
        place
        for place in places(plan)
        if any(
            (place.operator, engine, place.n, place.draw) not in kept[place.problem.name]
            for engine in engines_at(plan, place)
        )
    ]


def _measure(plan: Plan, store: Store, progress: Progress) -> None:
    """Compare the engines where that is open; every row is kept as soon as it is there."""
    everything, todo = places(plan), open_places(plan, store)
    if not everything:
        return
    task = progress.add_task("comparing", total=len(everything), completed=len(everything) - len(todo))
    groups: dict[tuple[tuple[str, ...], Effort], list[Place]] = {}
    for place in todo:
        groups.setdefault((engines_at(plan, place), effort(plan, place)), []).append(place)
    for (engines, spent), group in groups.items():
        current: list[tuple[Place, float]] = []
        for row in measure(_cases(group, current, progress, task), engines, spent):
            place, condition = current[0]
            stored: Stored = {"row": asdict(row), "condition": condition}
            key = place.problem.name, place.operator, row.engine, place.n, place.draw
            store.add_measurement(*key, stored)
    progress.update(task, description="compared", completed=len(everything))


def _cases(
    group: Sequence[Place], current: list[tuple[Place, float]], progress: Progress, task: TaskID
) -> Iterator[Case]:
    """The cases of a group one by one; `current` holds the place of the last one, and its condition."""
    for place in group:
        text = f"{place.problem.name}, {operator_name(place.operator)}, n = {place.n}"
        progress.update(task, description=text)
        case = build(place)
        current[:] = [(place, case.condition)]
        yield case
        progress.advance(task)


def build(place: Place) -> Case:
    """The comparison's task, with the exact answer where the size allows."""
    problem = place.problem
    rng = np.random.default_rng([SEED, problem.number, place.n, place.draw])
    built, _ = case_of(
        problem.function,
        problem.arguments(rng, place.n),
        place.operator,
        by_hand=problem.answers[place.operator],
        argnums=problem.argnums,
        memory=place.memory,
        exact=place.n <= problem.exact_size,
        problem=problem.name,
    )
    return built


def run_experiments(plan: Plan, store: Store, progress: Progress) -> None:
    """Run the experiments' steps that are not in the store, each experiment in a child process."""
    setting = Setting(plan.quick, plan.engines)
    for name in plan.names:
        experiment = EXPERIMENTS.get(name)
        if experiment is None:
            continue
        steps, kept = list(experiment.steps(setting)), store.experiments(name)
        todo = [step for step in steps if step not in kept]
        task = progress.add_task(f"{name}, experiment", total=len(steps), completed=len(steps) - len(todo))
        if todo:
            for step, payload in _steps(name, plan, sorted(kept)):
                store.add_experiment(name, step, payload)
                progress.advance(task)


def _steps(name: str, plan: Plan, skip: Sequence[str]) -> Iterator[tuple[str, Stored]]:
    """The steps of an experiment as its child process finishes them.

    Raises LabError where the child ends before its time.
    """
    request = {"problem": name, "quick": plan.quick, "engines": plan.engines, "skip": skip}
    environment = {
        **os.environ,
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    }
    environment |= {"JAX_PLATFORMS": "cpu", "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [sys.executable, "-m", "closedform.app.experiments.worker"], env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
        ) as child,
    ):  # fmt: skip
        assert child.stdin is not None and child.stdout is not None
        try:
            json.dump(request, child.stdin)
            child.stdin.close()
            for line in child.stdout:
                reply = decode(line)
                yield reply["step"], reply["payload"]
        except BaseException:
            child.kill()
            raise
        if child.wait():
            errors.seek(0)
            last = errors.read().decode(errors="replace").strip().splitlines()[-1:]
            raise LabError(
                f"the experiment of {name} ended with exit code {child.returncode}: {' '.join(last)}"
            )


def measurements(problem: Problem, plan: Plan, store: Store) -> list[Measured]:
    """A problem's rows in the store, in the order of the plan."""
    kept = store.measurements(problem.name)
    keys = [
        (place.operator, engine, place.n, place.draw)
        for place in places(replace(plan, problems=(problem,)))
        for engine in engines_at(plan, place)
    ]
    return [
        Measured(_row(stored["row"]), key[2], stored["condition"])
        for key in keys
        if (stored := kept.get(key)) is not None
    ]


def _row(stored: Stored) -> Row:
    """A row as it was before it was stored: JSON has lists for tuples."""
    values: dict[str, Any] = {
        field.name: tuple(value) if isinstance(value := stored[field.name], list) else value
        for field in fields(Row)
    }
    return Row(**values)


def write_report(plan: Plan, store: Store, setting: dict[str, str]) -> Path:
    """The report of what is in the store, as one HTML file put in place at once."""
    from closedform.app.lab_report import compose
    from closedform.app.report import page

    found = {problem.name: measurements(problem, plan, store) for problem in plan.problems}
    results = {name: store.experiments(name) for name in plan.names}
    text = page(compose(plan.problems, found, results, setting, plan.quick))
    path = plan.out / PAGE
    unfinished = path.with_suffix(".part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
    return path


def table(plan: Plan, store: Store) -> Table:
    """The result for the terminal: times as multiples of the closed form's, errors in ulps."""
    title = "Times over the closed form's; errors of the closed form / the best automatic"
    view = Table(title=title, title_justify="left", title_style="", box=None, padding=(0, 2, 0, 0))
    for name in ("problem", "n", "time", "by hand", "automatic", "ulps", "met"):
        view.add_column(name, justify="left" if name == "problem" else "right", no_wrap=True)
    for problem in plan.problems:
        for operator, found in by_operator(problem, measurements(problem, plan, store)).items():
            if found:
                view.add_row(f"{problem.name} {SIGNS.get(operator, operator_name(operator))}", *_cells(found))
    return view


def _cells(found: Sequence[Measured]) -> list[str]:
    times, judgement = medians(found), judge(found)
    n = max((n for by_size in times.values() for n in by_size), default=0)
    own = times.get("closed form", {}).get(n)
    others = {e: t[n] / own for e, t in times.items() if own and n in t}
    best = min((e for e in others if e in AUTOMATIC), key=lambda e: others[e], default=None)
    return [
        str(n) if n else "—",
        duration(own) if own else "—",
        ratio(others["by hand"]) if "by hand" in others else "—",
        f"{best} {ratio(others[best])}" if best else "—",
        " / ".join(ulps(u) for u in (judgement.ulps, judgement.best) if u is not None) if judgement else "—",
        ("yes" if judgement.met else "[red]no[/red]") if judgement else "—",
    ]


def problems_named(names: Sequence[str]) -> tuple[Problem, ...]:
    """The problems of these names in the sheet's order; all without names. Names of other experiments are
    passed over.

    Raises LabError with the names that there are.
    """
    known = [*PROBLEMS, *QUESTIONS]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise LabError(f"no problem {unknown[0]!r}; there are {', '.join(known)}")
    return tuple(problem for name, problem in PROBLEMS.items() if not names or name in names)


def questions_named(names: Sequence[str]) -> tuple[str, ...]:
    """Those of the names that are experiments of their own; all without names."""
    return tuple(name for name in QUESTIONS if not names or name in names)


def engines_named(names: Sequence[str]) -> tuple[str, ...]:
    """The engines of these names in the order of tables; the usual ones without names. Case does not matter,
    and a hyphen stands for a space.

    Raises LabError with the names that there are.
    """
    from closedform.engines import ENGINES, USUAL

    known = {engine.lower().replace(" ", "-"): engine for engine in ENGINES}
    chosen = [known.get(name.lower().replace(" ", "-")) for name in names]
    if None in chosen:
        unknown = names[chosen.index(None)]
        raise LabError(f"no engine {unknown!r}; there are {', '.join(ENGINES)}")
    return tuple(engine for engine in ENGINES if engine in (chosen or USUAL))
