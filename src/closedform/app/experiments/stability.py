"""Functions as people write them, at every magnitude: whose derivatives are wrong, and how often."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from typing import TypeVar

import numpy as np

from closedform.app.blocks import Block, Folded, Paragraph, Table
from closedform.app.experiments.record import Experiment, Payload, Results, Setting, register
from closedform.app.wording import listing
from closedform.comparison.stability import (
    ANSWERS,
    COMPOSITES,
    LIMITS,
    TOLERANCE,
    Case,
    Tally,
    points_and_truth,
    tally,
)

T = TypeVar("T")
ORDERS = {1: "first", 2: "second"}
# Tallies by function, engine and order.
Tallies = dict[tuple[str, str, int], Tally]


def cases(setting: Setting) -> dict[str, Case]:
    """By name: all with their second derivatives; in a quick run every other one, with the first alone."""
    most = 1 if setting.quick else 2
    return {
        case.name: replace(case, orders=tuple(order for order in case.orders if order <= most))
        for case in COMPOSITES[:: 2 if setting.quick else 1]
    }


def steps(setting: Setting) -> list[str]:
    """A step for each function and engine."""
    return [f"{name}/{engine}" for name in cases(setting) for engine in setting.among(*ANSWERS)]


def run(step: str, setting: Setting) -> Payload:
    """The failures of an engine, by order of the derivative."""
    name, _, engine = step.rpartition("/")
    case = cases(setting)[name]
    points, true = _points_and_truth(case, 40 if setting.quick else 300)
    return {
        str(order): asdict(tally(engine, case, order, points, true[order])) for order in case.orders if order
    }


@lru_cache(maxsize=1)
def _points_and_truth(case: Case, count: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Kept from one engine of a function to the next."""
    return points_and_truth(case, count)


def section(results: Results) -> list[Block]:
    """The result in words, what it means, a table for each order, and the known limits."""
    found = _tallies(results)
    if not found:
        return []
    blocks: list[Block] = [Paragraph(finding(results), "finding"), Paragraph(_meaning(found))]
    for order in _distinct(order for *_, order in found):
        counted = _counts(order, found)
        blocks += counted if order == 1 else [Folded(f"The {ORDERS[order]} derivative", counted)]
    limits = _limits(found)
    return [*blocks, Paragraph(limits)] if limits else blocks


def finding(results: Results) -> str:
    """For how many functions each engine fails somewhere."""
    found = _tallies(results)
    return " ".join(_counted(order, found) for order in _distinct(order for *_, order in found))


def _counted(order: int, found: Tallies) -> str:
    functions = _distinct(name for name, _, k in found if k == order)
    counts = []
    for engine in sorted(_distinct(engine for _, engine, _ in found), key="closed form".__eq__):
        wrong = [name for name in functions if _of(found, name, engine, order).failures]
        count = f"by {engine} in {len(wrong)}"
        if engine == "closed form":
            unknown = [name for name in wrong if (name, order) not in LIMITS]
            why = f"{_code(unknown)}: no known limit" if unknown else "known limits, see the chapter"
            count = f"by the closed form in {len(wrong) or 'none'}" + (f" ({why})" if wrong else "")
        counts.append(count)
    return (
        f"Of {len(functions)} functions as people write them, the {ORDERS[order]} derivative is wrong "
        f"somewhere {listing(counts)}."
    )


def _meaning(found: Tallies) -> str:
    points = max(t.points for t in found.values())
    return (
        "Each library differentiates the function as it is written; the closed form is the code that this "
        f"package emits for it. There are up to {points} points for each function, where it is defined: "
        "log-uniform from 1e-300 to 1e300 and from 1e-6 to 1e3, of both signs, and close to 1 and −1; an "
        "array has three entries. A point counts where the true value, by ball arithmetic, is a normal "
        f"number of double precision; it fails where the relative error of an entry is above {TOLERANCE:g} "
        "or the result is not finite."
    )


def _counts(order: int, found: Tallies) -> list[Block]:
    """The failures of each engine, of an order; and the functions for which there are none."""
    engines = _distinct(engine for _, engine, _ in found)
    rows, spared = [], []
    for name in _distinct(name for name, _, k in found if k == order):
        tallies = [_of(found, name, engine, order) for engine in engines]
        if any(t.failures for t in tallies):
            rows.append([f"`{name}`", str(max(t.points for t in tallies)), *map(_cell, tallies)])
        else:
            spared.append(name)
    caption = f"Points at which the {ORDERS[order]} derivative is wrong"
    blocks: list[Block] = [Table(caption, ["Function", "Points", *engines], rows)] if rows else []
    if spared:
        blocks.append(Paragraph(f"At none of the points: {_code(spared)}."))
    return blocks


def _cell(tally: Tally) -> str:
    return "—" if tally.refusal else str(tally.failures)


def _limits(found: Tallies) -> str:
    names: dict[str, list[str]] = {}
    for name, order in _distinct((name, order) for name, _, order in found):
        if (name, order) in LIMITS:
            names.setdefault(LIMITS[name, order], []).append(name)
    if not names:
        return ""
    listed = "; ".join(f"{_code(_distinct(functions))}: {reason}" for reason, functions in names.items())
    return f"Known limits of the closed form, which fails at some points there too: {listed}."


def _tallies(results: Results) -> Tallies:
    found = {}
    for step, payload in results.items():
        name, _, engine = step.rpartition("/")
        for order, stored in payload.items():
            found[name, engine, int(order)] = Tally(**stored)
    return found


def _of(found: Tallies, name: str, engine: str, order: int) -> Tally:
    return found.get((name, engine, order), Tally(0, refusal="not run"))


def _distinct(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))


def _code(names: Sequence[str]) -> str:
    return listing(f"`{name}`" for name in names)


register(Experiment("stability", steps, run, section, "Functions as people write them", finding))
