"""What an experiment is: steps that are run and kept one by one, and the section of the report they give."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from closedform.app.blocks import Block

Payload = dict[str, Any]
Results = Mapping[str, Payload]


@dataclass(frozen=True)
class Setting:
    """How much is run (`quick`), and with which engines."""

    quick: bool
    engines: tuple[str, ...]

    def among(self, *names: str) -> list[str]:
        """Those of the names that were asked for."""
        return [name for name in names if name in self.engines]


@dataclass(frozen=True)
class Experiment:
    """What a problem asks beyond formula, error and time; or a question of its own.

    problem  name of the problem, or of the question
    steps    the steps of a setting, in order; each is kept when it is done, and not run again
    run      one step: plain values that JSON can hold
    section  the results of all steps, by name, as blocks of the report; steps that failed are missing
    title    heading of its chapter, for a question of its own
    finding  the result in words, for the summary; empty where there is none
    """

    problem: str
    steps: Callable[[Setting], Sequence[str]]
    run: Callable[[str, Setting], Payload]
    section: Callable[[Results], Sequence[Block]]
    title: str = ""
    finding: Callable[[Results], str] = lambda results: ""


EXPERIMENTS: dict[str, Experiment] = {}


def register(experiment: Experiment) -> Experiment:
    """Add an experiment to the registry; a problem has at most one."""
    if experiment.problem in EXPERIMENTS:
        raise ValueError(f"problem {experiment.problem!r} has two experiments")
    EXPERIMENTS[experiment.problem] = experiment
    return experiment


def typical_seconds(call: Callable[[], Any], repeats: int = 7, least: float = 2e-4) -> float:
    """The median time of a call in seconds, each sample over enough calls to last `least` seconds."""
    start = time.perf_counter()
    call()
    once = max(time.perf_counter() - start, 1e-8)
    loops = max(1, int(least / once))
    samples = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(loops):
            call()
        samples.append((time.perf_counter() - start) / loops)
        if sum(samples) * loops > 1.0:
            break
    return statistics.median(samples)
