"""From tasks to rows: every engine in a child process of its own, one at a time on the same core, in
rounds."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from closedform.comparison.children import Child, EngineError, InProcess, Pool
from closedform.comparison.rows import Row, Status, relative_error, worst_entry
from closedform.comparison.worker import Answer, Sample
from closedform.engines import ENGINES, USUAL, Task
from closedform.errors import UnsupportedError

# Relative differences between an engine's function value and the user's own that are rounding.
VALUE_TOLERANCE = {"float64": 1e-12, "float32": 1e-4}


@dataclass(frozen=True)
class Effort:
    """How much time a comparison spends.

    rounds   samples for each engine, at most
    fewest   samples for each engine, at least
    seconds  s of sampling for one row, after which no further round is begun
    least    s that one sample takes at least
    timeout  s after which a task is given up
    """

    rounds: int = 15
    fewest: int = 3
    seconds: float = 0.4
    least: float = 2e-3
    timeout: float = 60.0


QUICK = Effort(rounds=7, seconds=0.1, timeout=20.0)


@dataclass(frozen=True)
class Case:
    """A task with what its answers are judged by.

    task             what the engines compute
    value            the function's value, by the user's function itself
    exact            the exact answer, correctly rounded; None where it is not known
    remainder        what rounding took from it; None where that is not known
    exact_value      the exact value of the function, likewise
    condition        condition number of the answer: rounding the inputs changes it by eps times this
    value_condition  the same of the function's value
    derive_seconds   s that deriving the closed form took
    memory           whether to measure memory
    """

    task: Task
    value: Any
    exact: Any = None
    remainder: Any = None
    exact_value: Any = None
    condition: float = 1.0
    value_condition: float = 1.0
    derive_seconds: float = 0.0
    memory: bool = True


@dataclass
class _Entry:
    """One engine's progress on a case: the row so far, and its samples."""

    row: Row
    worker: Child | InProcess | None = None
    answer: Answer | None = None
    samples: list[Sample] = field(default_factory=list)
    spent: float = 0.0

    def fail(self, error: Exception) -> None:
        """The row becomes one with a reason, and nothing more is asked of the engine."""
        status: Status = "unsupported" if isinstance(error, UnsupportedError) else "failed"
        self.row = replace(self.row, status=status, reason=str(error), samples=())
        self.worker = None
        self.samples.clear()

    def ask(self, method: str, *arguments: Any, timeout: float) -> Any:
        """Ask the worker; when it cannot, the row says why and the result is None."""
        if self.worker is None:
            return None
        try:
            return self.worker.ask(method, *arguments, timeout=timeout)
        except (UnsupportedError, EngineError) as error:
            self.fail(error)
            return None


def measure(
    cases: Iterable[Case],
    engines: Sequence[str] | None = None,
    effort: Effort | None = None,
    threads: int = 1,
) -> Iterator[Row]:
    """Rows for all engines on each case, as soon as a case is done.

    Each engine lives in one child process for all cases; its imports and start are not counted. Samples
    are taken in rounds, each engine in turn on the same core while the others wait, so that drift of the
    machine meets all of them alike. An engine whose function value differs from the user's, or whose
    answer is wrong, is not timed. A child that ends or takes too long gives a failed row, and the next
    case begins with a new child. Derivatives by hand that are Python callables, rather than import paths,
    are timed in this process.
    """
    names = list(USUAL if engines is None else engines)
    unknown = [name for name in names if name not in ENGINES]
    if unknown:
        raise ValueError(f"no engine {unknown[0]!r}; there are {', '.join(ENGINES)}")
    effort = effort or Effort()
    with Pool(threads) as pool:
        pool.begin(names, "time")
        for case in cases:
            yield from _measure_case(case, names, effort, pool)


def _measure_case(case: Case, names: Sequence[str], effort: Effort, pool: Pool) -> list[Row]:
    entries = {name: _begin(case, name, effort, pool) for name in names}
    if case.exact is None:
        _refuse_loners(list(entries.values()))
    _sample(list(entries.values()), effort)
    for entry in entries.values():
        _finish(entry, effort)
    if case.memory:
        _measure_memory(case.task, entries, effort, pool)
    return [entry.row for entry in entries.values()]


def _measure_memory(task: Task, entries: Mapping[str, _Entry], effort: Effort, pool: Pool) -> None:
    """Peak memory of the engines that were timed, in children of their own."""
    timed = {name: entry for name, entry in entries.items() if entry.samples and not _stays_here(task, name)}
    pool.begin(timed, "memory")
    for name, entry in timed.items():
        kept, entry.worker = entry.row, pool.get(name, "memory", False)
        peak = entry.ask("peak_memory", _sendable(task, name), timeout=effort.timeout)
        note = kept.note if entry.worker else f"memory: {entry.row.reason}"
        entry.row = replace(kept, peak_memory=peak, note=note)


def _begin(case: Case, name: str, effort: Effort, pool: Pool) -> _Entry:
    """The engine's answer, judged."""
    task = case.task
    order = f":{task.order}" if task.operator == "derivative" else ""
    row = Row(
        problem=task.problem,
        operator=task.operator + order,
        engine=name,
        version="",
        size=sum(np.size(task.arguments[i]) for i in task.variables),
        dtype=str(task.dtype),
        status="measured",
        threads=pool.threads,
        machine=pool.machine,
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )
    entry = _Entry(row)
    missing = ENGINES[name].available()
    if missing:
        entry.fail(UnsupportedError(missing))
        return entry
    if name == "by hand" and task.by_hand is None:
        entry.fail(UnsupportedError("no derivative by hand was given"))
        return entry
    try:
        entry.worker = pool.get(name, "time", _stays_here(task, name))
        entry.row = replace(row, version=entry.worker.version, note=entry.worker.note)
    except EngineError as error:
        entry.fail(error)
    entry.answer = entry.ask("answer", _sendable(task, name), timeout=effort.timeout)
    if entry.answer is not None:
        _judge(entry, case)
    return entry


def _stays_here(task: Task, engine: str) -> bool:
    return engine == "by hand" and callable(task.by_hand)


def _sendable(task: Task, engine: str) -> Task:
    """The task as sent to an engine: a callable stays in this process, and so does all that is not needed."""
    return task if engine == "by hand" else replace(task, by_hand=None)


def _judge(entry: _Entry, case: Case) -> None:
    """Errors of the value and of the answer; a wrong one fails."""
    answer = cast(Answer, entry.answer)
    dtype = case.task.dtype
    engine = ENGINES[entry.row.engine]
    derived = case.derive_seconds if entry.row.engine == "closed form" else 0.0
    entry.row = replace(entry.row, prepare_seconds=answer.prepare_seconds + derived)
    try:
        off = relative_error(answer.value, case.value)
        if not off <= max(VALUE_TOLERANCE[dtype.name], 100 * np.finfo(dtype).eps * case.value_condition):
            raise EngineError(f"its function value differs from the function's own by {off:.1e} (relative)")
        if case.exact_value is not None:
            entry.row = replace(entry.row, value_error=relative_error(answer.value, case.exact_value))
        if case.exact is None:
            return
        error = relative_error(answer.result, case.exact, case.remainder)
        worst, index = worst_entry(answer.result, case.exact, case.remainder)
    except (EngineError, ValueError) as wrong:
        entry.fail(wrong)
        return
    eps = float(np.finfo(dtype).eps)
    entry.row = replace(entry.row, error=error, worst_error=worst, worst_index=index, ulps=error / eps)
    allowed = max(engine.tolerance, 100 * eps * case.condition, 1e3 * eps)
    if not error <= allowed:
        entry.fail(EngineError(_wrong(error, worst, index)))


def _wrong(error: float, worst: float, index: tuple[int, ...]) -> str:
    if np.isnan(error) or np.isinf(error):
        return f"wrong: not a number, or infinite, at {list(index)}, where the exact answer is finite"
    return f"wrong: off by {error:.1e} (relative); worst at {list(index)}, by {worst:.1e}"


def _refuse_loners(entries: list[_Entry]) -> None:
    """Without an exact answer, one that agrees with no other is not timed, where there are others."""
    answered = [e for e in entries if e.worker is not None and e.answer is not None]
    if len(answered) < 2:
        return
    agreed = {id(e): any(_agree(e, other) for other in answered if other is not e) for e in answered}
    for entry in answered:
        if not agreed[id(entry)]:
            entry.fail(
                EngineError("agrees with no other engine, and the exact answer is not known at this size")
            )


def _agree(one: _Entry, other: _Entry) -> bool:
    tolerance = max(ENGINES[e.row.engine].tolerance for e in (one, other))
    try:
        return relative_error(cast(Answer, one.answer).result, cast(Answer, other.answer).result) <= tolerance
    except ValueError:
        return False


def _sample(entries: list[_Entry], effort: Effort) -> None:
    """Samples in rounds; every round begins with another engine."""
    for round_ in range(effort.rounds):
        running = [
            e
            for e in entries
            if e.worker is not None and (e.spent < effort.seconds or len(e.samples) < effort.fewest)
        ]
        if not running:
            return
        first = round_ % len(running)
        for entry in running[first:] + running[:first]:
            begin = time.perf_counter()
            sample = entry.ask("sample", "answer", effort.least, timeout=effort.timeout)
            entry.spent += time.perf_counter() - begin
            if sample is not None:
                entry.samples.append(sample)


def _finish(entry: _Entry, effort: Effort) -> None:
    """The samples and the function's own time go into the row."""
    samples = entry.samples
    if not samples:
        return
    entry.row = replace(
        entry.row,
        samples=tuple(s.seconds for s in samples),
        repeats=samples[0].repeats,
        cpu_wall=sum(s.cpu for s in samples) / sum(s.wall for s in samples),
        involuntary_switches=sum(s.switches for s in samples),
    )
    own = [entry.ask("sample", "value", effort.least, timeout=effort.timeout) for _ in range(effort.fewest)]
    if all(own):
        entry.row = replace(entry.row, function_seconds=float(np.median([s.seconds for s in own])))
