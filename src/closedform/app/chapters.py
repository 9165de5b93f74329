"""A problem with its measurements in, its chapter of the report out; and the summary of all problems."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.app.blocks import Block, Derived, Figure, Folded, Formula, Heading, Paragraph, Source, Table
from closedform.app.report import Chapter
from closedform.app.wording import count, duration, listing, memory, number, quartiles, ratio, ulps
from closedform.comparison.rows import Row
from closedform.errors import ClosedformError
from closedform.problems import Problem

# What the closed form must keep to: ulps over the problem's condition, and times the best engine's error.
MOST_ULPS = 4.0
MOST_TIMES = 2.0
AUTOMATIC = ("autograd", "PyTorch", "JAX", "JAX (eager)", "JAX (taylor)")
HALF_ULP = 0.5


@dataclass(frozen=True)
class Measured:
    """A row of the comparison, at a problem's size n, with the condition of the problem there."""

    row: Row
    n: int
    condition: float | None


Measurements = Sequence[Measured]

# What the graph problem shows: partial derivatives on no node or edge, on edges, on nodes; and captions.
DRAWINGS = {
    "none": "Every operation as it was traced, with its value: inputs at the start, the result at the end.",
    "edges": "The same graph, with the partial derivative of each operation on the edge of its operand.",
    "adjoints": "The same graph, with the derivative of the result in each node, as reverse mode finds it.",
}


def operator_name(operator: str) -> str:
    """What an operator gives, in words.

    >>> operator_name("hessian"), operator_name("derivative:4")
    ('Hessian', '4th derivative')
    """
    kind, _, order = operator.partition(":")
    if order:
        suffix = {"1": "st", "2": "nd", "3": "rd"}.get(order, "th")
        return f"{order}{suffix} derivative"
    return {"grad": "gradient", "hessian": "Hessian"}.get(kind, kind)


def symbol(operator: str, function: str) -> str:
    """What an operator gives of a function called by a letter, as LaTeX.

    >>> symbol("derivative:4", "f")
    'f^{(4)}'
    """
    kind, _, order = operator.partition(":")
    return {"grad": rf"\nabla {function}", "hessian": rf"\nabla^2 {function}"}.get(
        kind, f"{function}^{{({order})}}"
    )


@dataclass(frozen=True)
class Judgement:
    """Whether the closed form of one operator keeps to the bounds.

    ulps       its error in units in the last place, normwise
    condition  of the problem, at least 1
    best       the smallest error of an automatic engine, in ulps; None where none has one
    """

    ulps: float
    condition: float
    best: float | None

    @property
    def met(self) -> bool:
        """At most 4 ulps times the condition, and at most twice the best engine's error.

        An error below half a unit is counted as half: no rounded result can promise less.
        """
        near = self.ulps <= MOST_ULPS * self.condition
        return near and (self.best is None or self.ulps <= MOST_TIMES * max(self.best, HALF_ULP))


def judge(found: Measurements) -> Judgement | None:
    """The judgement on one operator's measurements; None where the closed form's error is not known.

    Errors and conditions are medians over all draws of the arguments.
    """
    errors = errors_of(found)
    if "closed form" not in errors:
        return None
    conditions = [m.condition for m in found if m.row.ulps is not None and m.condition is not None]
    return Judgement(
        errors["closed form"],
        max(1.0, float(np.median(conditions)) if conditions else 1.0),
        min((error for engine, error in errors.items() if engine in AUTOMATIC), default=None),
    )


def errors_of(found: Measurements) -> dict[str, float]:
    """Each engine's error in ulps, the median over all draws; those that were wrong are left out."""
    values: dict[str, list[float]] = {}
    for m in found:
        if m.row.ulps is not None and m.row.status == "measured":
            values.setdefault(m.row.engine, []).append(m.row.ulps)
    return {engine: float(np.median(errors)) for engine, errors in values.items()}


def by_operator(problem: Problem, found: Measurements) -> dict[str, list[Measured]]:
    """Measurements by operator, in the problem's order."""
    return {o: [m for m in found if m.row.operator == o] for o in problem.operators}


def medians(found: Measurements) -> dict[str, dict[int, float]]:
    """Median seconds by engine and size."""
    times: dict[str, dict[int, float]] = {}
    for m in found:
        if m.row.median is not None:
            times.setdefault(m.row.engine, {})[m.n] = m.row.median
    return {engine: dict(sorted(by_size.items())) for engine, by_size in times.items()}


def chapter(problem: Problem, found: Measurements, experiment: Sequence[Block]) -> Chapter:
    """Statement, derived formulas, comparison, experiment and graph of one problem."""
    blocks: list[Block] = [Formula(problem.statement), Paragraph(problem.asked, "asked")]
    drawing: list[Block] = []
    try:
        derived, drawing = derivations(problem)
        blocks += derived
    except ClosedformError as error:  # a formula that cannot be had does not cost the report
        blocks.append(Paragraph(f"No formula: {error}", "finding"))
    if problem.graph:
        blocks += [Heading("Computational graph"), *drawing]
    for operator, measured in by_operator(problem, found).items():
        if measured:
            blocks += compared(problem, operator, measured)
    blocks += experiment
    if not problem.graph and drawing:
        blocks.append(Folded("Computational graph of the primitive operations", drawing))
    return Chapter(problem.name, problem.title, blocks)


def derivations(problem: Problem) -> tuple[list[Block], list[Block]]:
    """The derived formulas with their sources, and the drawn graph."""
    import closedform as cf

    arguments = problem.arguments(np.random.default_rng(0), problem.shown_size)
    trace = cf.trace(problem.function, *arguments)
    rows = [(f"${problem.symbol}$", trace.latex, trace.text)]
    sources: list[Block] = []
    for operator in problem.operators:
        derivation = derive(problem, operator, arguments)
        rows.append((f"${symbol(operator, problem.symbol)}$", derivation.latex, derivation.text))
        name = operator_name(operator)
        sources.append(Source(f"Source of the {name}", derivation.source("numpy", name="derivative")))
    kinds = DRAWINGS if problem.graph else {"none": "The operations as they were traced, with their values."}
    drawings = [drawing(trace, partials, caption) for partials, caption in kinds.items()]
    return [Derived(rows), *sources], drawings


def drawing(trace: Any, partials: str, caption: str) -> Block:
    """The computational graph of a traced function, without the paper behind it; or why there is none."""
    try:
        svg = trace.graph(partials).svg
    except (ClosedformError, ImportError, OSError) as error:
        return Paragraph(f"No drawing: {error}", "asked")
    svg = re.sub(r'<polygon fill="white" stroke="none"[^>]*/>', "", svg, count=1)
    return Figure(svg, f"Computational graph of {trace.text}.", caption, drawn=True)


def derive(problem: Problem, operator: str, arguments: Sequence[Any]) -> Any:
    """The derivation of one operator at arguments like these."""
    import closedform as cf

    kind, _, order = operator.partition(":")
    if kind == "derivative":
        return cf.derivative(problem.function, order=int(order)).at(*arguments)
    return getattr(cf, kind)(problem.function, argnums=problem.argnums).at(*arguments)


def compared(problem: Problem, operator: str, found: Measurements) -> list[Block]:
    """The comparison of one operator: the result in words, the table, the plot."""
    name = operator_name(operator)
    blocks: list[Block] = [Heading(f"The {name} compared")]
    blocks.append(Paragraph(result(found)))
    blocks.append(comparison_table(name, found))
    missing = absent(found)
    if missing:
        blocks.append(Paragraph(missing, "asked"))
    times = medians(found)
    if len({n for by_size in times.values() for n in by_size}) > 1:
        blocks.append(over_sizes(name, found))
    return blocks


def result(found: Measurements) -> str:
    """What was measured, in sentences."""
    times = medians(found)
    sizes = sorted({n for by_size in times.values() for n in by_size})
    sentences = []
    if "closed form" in times and sizes:
        n = max(times["closed form"])
        sentences.append(_speed(times, n, many=len(sizes) > 1))
        if len(sizes) > 1 and sizes[0] in times["closed form"]:
            sentences.append(_speed(times, sizes[0], many=True))
    judgement = judge(found)
    if judgement is not None:
        sentences.append(_accuracy(judgement))
    return " ".join(sentences) or "Nothing was measured."


def _speed(times: Mapping[str, Mapping[int, float]], n: int, many: bool) -> str:
    own = times["closed form"][n]
    place = f"At n = {count(n)} the" if many else "The"
    text = f"{place} closed form takes {duration(own)}"
    automatic = {e: t[n] for e, t in times.items() if e in AUTOMATIC and n in t}
    clauses = []
    if n in times.get("by hand", {}):
        clauses.append(f"the formula by hand {ratio(times['by hand'][n] / own)} times that")
    if automatic:
        best = min(automatic, key=lambda e: automatic[e])
        clauses.append(
            f"{best}, the fastest automatic engine here, {ratio(automatic[best] / own)} times that"
        )
    return text + (f", {' and '.join(clauses)}." if clauses else ".")


def _accuracy(judgement: Judgement) -> str:
    text = (
        f"Its error is {ulps(judgement.ulps)} units in the last place, where the condition is "
        f"{number(judgement.condition)}"
    )
    if judgement.best is not None:
        text += f"; the best automatic engine's {ulps(judgement.best)}"
    return text + "."


def comparison_table(name: str, found: Measurements) -> Table:
    """Engines against error, preparation, time and memory: times at the largest size, errors where known."""
    times = medians(found)
    largest = max((n for by_size in times.values() for n in by_size), default=0)
    fastest = min((t[largest] for t in times.values() if largest in t), default=math.nan)
    engines = list(dict.fromkeys(m.row.engine for m in found))
    rows = []
    for engine in engines:
        own = [m for m in found if m.row.engine == engine and m.row.status == "measured"]
        if own:
            rows.append([engine, *_errors(own), *_times(own, largest, fastest)])
    exact = next((m.n for m in found if m.row.ulps is not None), None)
    draws = max(sum(m.row.ulps is not None and m.row.engine == e for m in found) for e in engines)
    size = f" at n = {count(exact)}" if exact is not None and largest > 1 else ""
    errors = f"error against the exact reference{size}" + (
        f" (median of {draws} random points)" if draws > 1 else ""
    )
    place = f" at n = {count(largest)}" if largest > 1 else ""
    caption = f"The {name}: {errors}; time of a call{place}, median and quartiles"
    columns = [
        "Engine",
        "Error, ulps",
        "Worst entry, ulps",
        "Prepared in",
        "Time",
        "To the fastest",
        "Memory",
    ]
    if all(row[-1] == "—" for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return Table(
        caption,
        columns,
        rows,
        marked=frozenset(i for i, row in enumerate(rows) if row[0] == "closed form"),
    )


def _errors(own: Measurements) -> list[str]:
    known = [m.row for m in own if m.row.ulps is not None]
    if not known:
        return ["—", "—"]
    in_ulps = float(np.median([row.ulps for row in known if row.ulps is not None]))
    worst = max(known, key=lambda row: row.worst_error or 0.0)
    eps = float(np.finfo(worst.dtype).eps)
    place = f" at {worst.worst_index}".replace(",)", ")") if worst.worst_index and in_ulps else ""
    return [ulps(in_ulps), ulps((worst.worst_error or 0.0) / eps) + place]


def _times(own: Measurements, largest: int, fastest: float) -> list[str]:
    row = next((m.row for m in own if m.n == largest), None)
    if row is None or row.median is None or row.quartiles is None:
        return ["—"] * 4
    disturbed = " †" if row.contended else ""
    return [
        "—" if row.prepare_seconds is None else duration(row.prepare_seconds),
        quartiles(row.median, *row.quartiles) + disturbed,
        f"{ratio(row.median / fastest)} ×",
        "—" if row.peak_memory is None else memory(row.peak_memory),
    ]


def absent(found: Measurements) -> str:
    """Why an engine has no row, or no time at some size; and what the marks mean."""
    reasons: dict[str, dict[str, list[int]]] = {}
    for m in found:
        if m.row.status != "measured":
            reasons.setdefault(m.row.engine, {}).setdefault(m.row.reason, []).append(m.n)
    every = {m.n for m in found}
    parts = []
    for engine, why in reasons.items():
        for reason, sizes in why.items():
            where = "" if set(sizes) == every else f" at n = {listing(map(count, sorted(sizes)))}"
            parts.append(f"{engine}{where}: {reason.rstrip('.')}")
    text = f"Not measured: {'; '.join(parts)}." if parts else ""
    if any(m.row.contended for m in found):
        text += " † Other processes disturbed this measurement."
    return text.strip()


def over_sizes(name: str, found: Measurements) -> Figure:
    """Time over sizes, and its ratio to the closed form."""
    from closedform.app.plots import Panel, Series, plot

    lines, ratios = [], []
    base = medians(found).get("closed form", {})
    for engine, by_size in medians(found).items():
        sizes = list(by_size)
        edges = {m.n: m.row.quartiles for m in found if m.row.engine == engine and m.row.quartiles}
        band = [edges[n][0] for n in sizes], [edges[n][1] for n in sizes]
        lines.append(Series(engine, sizes, list(by_size.values()), band))
        both = [n for n in sizes if n in base]
        ratios.append(Series(engine, both, [by_size[n] / base[n] for n in both]))
    panels = [Panel(lines, "n", "seconds", log="xy", title="time of a call")]
    if base:
        panels.append(
            Panel(ratios, "n", "times the closed form", log="xy", title="ratio", level=1.0, ratios=True)
        )
    return Figure(
        plot(*panels),
        f"Log-log plots over n: time of the {name} by each engine, and its ratio to the closed form.",
        f"Time of the {name} over n (median; the band holds half of the samples), and its ratio to the "
        "closed form.",
    )


def summary(found: Mapping[Problem, Measurements] | Sequence[tuple[Problem, Measurements]]) -> list[Block]:
    """The verdict, and two tables of all problems and engines: times and errors."""
    pairs = list(found.items()) if isinstance(found, Mapping) else list(found)
    cases = [(p, o, ms) for p, measured in pairs for o, ms in by_operator(p, measured).items() if ms]
    if not cases:
        return [Paragraph("Nothing was measured.")]
    engines = list(dict.fromkeys(m.row.engine for _, _, ms in cases for m in ms))
    timed = [e for e in engines if 2 * sum(_timed(e, ms) for _, _, ms in cases) >= len(cases)]
    return [
        Paragraph(verdict(cases)),
        Table(
            "Time of a call as a multiple of the fastest engine's, at the largest size of each",
            ["Problem", "n", *timed],
            [_time_row(p, o, ms, timed) for p, o, ms in cases],
        ),
        Table(
            "Error against the exact reference in units in the last place, divided by the condition of the "
            f"problem; the bound is met with at most {MOST_ULPS:g} and at most {MOST_TIMES:g} times the "
            "best automatic engine's error",
            ["Problem", "Condition", *engines, "Met"],
            [_error_row(p, o, ms, engines) for p, o, ms in cases],
        ),
    ]


Case = tuple[Problem, str, list[Measured]]


def verdict(cases: Sequence[Case]) -> str:
    """How often the closed form keeps to the bounds, and how fast it is."""
    judged = {f"{p.name} ({operator_name(o)})": judge(ms) for p, o, ms in cases}
    known = {name: j for name, j in judged.items() if j is not None}
    failing = [name for name, j in known.items() if not j.met]
    text = f"{len(known)} derivatives were judged against exact values. "
    if known:
        text += (
            f"The closed form is within {MOST_ULPS:g} units in the last place times the condition, and "
            f"within {MOST_TIMES:g} times the best automatic engine's error, in "
            + (
                "every one. "
                if not failing
                else f"{len(known) - len(failing)} of them; not in {listing(failing)}. "
            )
        )
    factors = [f for _, _, ms in cases if (f := _advantage(ms)) is not None]
    if factors:
        mean = math.exp(sum(map(math.log, factors)) / len(factors))
        wins = sum(f >= 1 for f in factors)
        text += (
            f"It takes less time than the fastest automatic engine in {wins} of {len(factors)} at the "
            f"largest size, where that engine takes {ratio(mean)} times as long in the geometric mean."
        )
    return text


def _advantage(found: Measurements) -> float | None:
    times = medians(found)
    own = times.get("closed form", {})
    if not own:
        return None
    n = max(own)
    others = [t[n] for e, t in times.items() if e in AUTOMATIC and n in t]
    return min(others) / own[n] if others else None


def _timed(engine: str, found: Measurements) -> bool:
    """Whether the engine has a time at the largest size."""
    times = medians(found)
    largest = max((n for t in times.values() for n in t), default=0)
    return largest in times.get(engine, {})


def _label(problem: Problem, operator: str) -> str:
    return f"{problem.name}, {operator_name(operator)}"


def _time_row(problem: Problem, operator: str, found: Measurements, engines: Sequence[str]) -> list[str]:
    times = medians(found)
    largest = max((n for t in times.values() for n in t), default=0)
    fastest = min((t[largest] for t in times.values() if largest in t), default=math.nan)
    cells = [ratio(times[e][largest] / fastest) if largest in times.get(e, {}) else "—" for e in engines]
    return [_label(problem, operator), count(largest) if largest else "—", *cells]


def _error_row(problem: Problem, operator: str, found: Measurements, engines: Sequence[str]) -> list[str]:
    judgement, errors = judge(found), errors_of(found)
    condition = judgement.condition if judgement else 1.0
    cells = [ulps(errors[e] / condition) if e in errors else "—" for e in engines]
    met = "—" if judgement is None else "yes" if judgement.met else "no"
    return [_label(problem, operator), number(condition) if judgement else "—", *cells, met]
