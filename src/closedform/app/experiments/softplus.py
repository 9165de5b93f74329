"""The softplus at inner products from -1000 to 1000: who overflows, and who is right."""

from __future__ import annotations

import math

import numpy as np

from closedform.app.blocks import Block, Heading, Paragraph, Table
from closedform.app.experiments.record import Experiment, Payload, Results, Setting, register
from closedform.app.wording import listing, number
from closedform.comparison.rows import relative_error
from closedform.comparison.timing import Case
from closedform.engines import ENGINES, start
from closedform.errors import UnsupportedError
from closedform.problems.softplus import gradient, hessian, softplus

INNER = (-1000, -40, 0, 40, 1000)
ANSWERS = {"grad": gradient, "hessian": hessian}


def steps(setting: Setting) -> list[str]:
    """A step for each operator and inner product."""
    return [f"{operator}/{z}" for operator in ANSWERS for z in INNER]


def run(step: str, setting: Setting) -> Payload:
    """The error of each engine."""
    from closedform.comparison.compare import case_of

    operator, z = step.split("/")
    x, a = vectors(float(z))
    case, note = case_of(softplus, (x, a), operator, by_hand=ANSWERS[operator], memory=False)
    if case.exact is None:
        raise ArithmeticError(note or "the exact answer is not known")
    return {"errors": {engine: error(engine, case) for engine in setting.engines}}


def error(engine: str, case: Case) -> float | None:
    """The relative error of an engine's answer; None where it gives none."""
    try:
        start(engine)
        with np.errstate(all="ignore"):
            answer = ENGINES[engine].numpy(ENGINES[engine].prepare(case.task)())
    except (ImportError, UnsupportedError):
        return None
    return relative_error(answer, case.exact)


def vectors(z: float) -> tuple[np.ndarray, np.ndarray]:
    """Vectors with the inner product z: a has entries of order one, x is a multiple of it."""
    a = np.array([1.0, -0.5, 0.25, 2.0, -1.0])
    return a * (z / (a @ a)), a


def section(results: Results) -> list[Block]:
    """A table for each operator, and who fails where."""
    blocks: list[Block] = []
    tables = [_table(operator, results) for operator in ANSWERS]
    shown = [table for table in tables if table is not None]
    if shown:
        blocks = [Heading("Far from zero"), Paragraph(_described(results)), *shown]
    return blocks


def _table(operator: str, results: Results) -> Table | None:
    found = {z: results[f"{operator}/{z}"]["errors"] for z in INNER if f"{operator}/{z}" in results}
    if not found:
        return None
    engines = list(next(iter(found.values())))
    rows = [[engine, *(_cell(found[z].get(engine)) for z in found)] for engine in engines]
    name = "gradient" if operator == "grad" else "Hessian"
    headings = [f"⟨a, x⟩ = {z}".replace("-", "−") for z in found]
    return Table(f"Relative error of the {name}", ["Engine", *headings], rows)


def _cell(error: float | None) -> str:
    if error is None:
        return "—"
    return "not a number" if math.isnan(error) else number(error)


def _wrong(error: float | None) -> bool:
    """Whether an answer is no number, infinite, or has hardly a digit right."""
    return error is not None and not error < 0.1


def _described(results: Results) -> str:
    failing: dict[str, list[str]] = {}
    for step, result in results.items():
        operator, z = step.split("/")
        for engine, error in result["errors"].items():
            if _wrong(error) and engine != "finite differences":
                name = "gradient" if operator == "grad" else "Hessian"
                failing.setdefault(f"the {name} at {z}".replace("-", "−"), []).append(engine)
    text = (
        "The function overflows as it is written: $e^z$ is infinite beyond z = 709.8, and the derivative by "
        "the chain rule becomes ∞/∞. The derived formula has $\\sigma(a^\\top x)$ in it, computed without "
        "overflow."
    )
    if failing:
        text += (
            " Wrong or not a number: "
            + "; ".join(f"{listing(names)} for {what}" for what, names in failing.items())
            + "."
        )
    closed = [
        r["errors"]["closed form"] for r in results.values() if r["errors"].get("closed form") is not None
    ]
    if closed and not any(map(_wrong, closed)):
        text += f" The closed form's largest error in both tables is {number(max(closed))}."
    return text


register(Experiment("softplus", steps, run, section))
