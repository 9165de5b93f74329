"""Measurements and results of experiments in, the report of the lab out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from closedform.app.blocks import Block, Paragraph
from closedform.app.chapters import Measured, chapter, summary
from closedform.app.experiments import EXPERIMENTS
from closedform.app.report import Chapter, Report
from closedform.app.store import Row, library_versions
from closedform.problems import Problem

# Between the parts of a step's name; one with spaces is a division.
_STEP = re.compile(r"(?<! )/(?! )")

LEAD = (
    "Each function below is differentiated as a formula by closedform and compared with the formula worked "
    "out by hand, with automatic differentiation and with finite differences: the error against a reference "
    "in ball arithmetic, whose own error is bounded, and the time of a call."
)
METHOD = (
    "Every engine runs in a process of its own on one core with one thread, and the engines take turns, "
    "round by round. Times are medians of all samples; deriving, tracing and compiling are counted apart, as "
    "preparation. Errors are in the Euclidean norm, relative to the exact answer; the error of the worst "
    "entry is relative to that entry. The condition of a problem is the relative change of its answer over "
    "that of its inputs: rounding the inputs alone costs about half a unit in the last place times the "
    "condition. All arithmetic is in double precision unless stated. Finite differences, which call the "
    "function for every entry, are taken at the smallest size only. Memory is what one call adds at its peak."
)


def compose(
    problems: Sequence[Problem],
    found: Mapping[str, Sequence[Measured]],
    results: Mapping[str, Mapping[str, Row]],
    setting: Mapping[str, str],
    quick: bool,
) -> Report:
    """The report of these problems, and of the other experiments that have results."""
    chapters = [chapter(p, found[p.name], experiment(p.name, results[p.name])) for p in problems]
    questions = {name: EXPERIMENTS[name] for name in results if name not in found and results[name]}
    chapters += [Chapter(name, q.title, experiment(name, results[name])) for name, q in questions.items()]
    findings = [text for name, q in questions.items() if (text := q.finding(done(results[name])))]
    judged = summary([(p, found[p.name]) for p in problems]) if problems else []
    versions = ", ".join(f"{name} {version}" for name, version in library_versions().items())
    kind = "quick run: fewer sizes and samples" if quick else "full run"
    return Report(
        title="Derivatives in closed form, compared",
        lead=LEAD,
        setting={**setting, "Libraries": versions, "Extent": kind},
        summary=[*judged[:1], *map(Paragraph, findings), *judged[1:]],
        chapters=chapters,
        footer=METHOD,
    )


def done(results: Mapping[str, Row]) -> Mapping[str, Row]:
    """The steps that did not fail."""
    return {step: payload for step, payload in results.items() if "failed" not in payload}


def experiment(name: str, results: Mapping[str, Row]) -> list[Block]:
    """The section of an experiment, and what of it could not be run."""
    record = EXPERIMENTS.get(name)
    if record is None or not results:
        return []
    failed: dict[str, list[str]] = {}
    for step, payload in results.items():
        if "failed" in payload:
            failed.setdefault(str(payload["failed"]), []).append(_STEP.sub(", ", step))
    blocks = list(record.section(done(results)))
    if failed:
        text = "; ".join(f"{_steps(steps)} ({reason})" for reason, steps in failed.items())
        blocks.append(Paragraph(f"Not run: {text}.", "asked"))
    return blocks


def _steps(steps: Sequence[str]) -> str:
    shown = ", ".join(steps[:3])
    return shown if len(steps) <= 3 else f"{shown} and {len(steps) - 3} more"
