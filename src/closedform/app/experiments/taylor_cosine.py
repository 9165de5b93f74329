"""The derivative of a Taylor series written as a loop: by each library, and over the number of terms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from closedform.app.blocks import Block, Figure, Heading, Paragraph, Table
from closedform.app.experiments.record import Experiment, Payload, Results, Setting, register, typical_seconds
from closedform.app.wording import duration, listing, number
from closedform.problems.taylor_cosine import TERMS, partial_sum, until_small

POINT = 2.0
MOST_TERMS = 20
LOOPS: dict[str, Callable[[Any], Any]] = {"fixed": partial_sum(TERMS), "until small": until_small}
CURVES = (2, 4, 7)
PLACES = (1.0, 3.0, 6.0)


def steps(setting: Setting) -> list[str]:
    """A step for every engine and loop, then the curves and the errors."""
    engines = setting.among("closed form", "autograd", "PyTorch", "JAX", "JAX (eager)")
    if "JAX" in engines:
        engines.append("JAX (eager)")
    return [f"{engine}/{loop}" for engine in engines for loop in LOOPS] + ["curves", "terms"]


def run(step: str, setting: Setting) -> Payload:
    """One engine on one of the loops, or the curves, or the errors against the number of terms."""
    if step == "curves":
        return curves()
    if step == "terms":
        return terms()
    engine, loop = step.split("/")
    slope = DERIVATIVES[engine](LOOPS[loop])
    try:
        slope(POINT)
    except Exception as error:  # the finding is that, and how, a library refuses
        return {"refused": type(error).__name__}
    return {"slope": float(slope(POINT)), "seconds": typical_seconds(lambda: slope(POINT))}


def _closed_form(f: Callable[[Any], Any]) -> Callable[[float], Any]:
    import closedform as cf

    return cf.grad(f)


def _autograd(f: Callable[[Any], Any]) -> Callable[[float], Any]:
    import autograd

    return autograd.grad(f)


def _torch(f: Callable[[Any], Any]) -> Callable[[float], Any]:
    import torch

    def slope(x: float) -> Any:
        variable = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        return torch.autograd.grad(f(variable), variable)[0]

    return slope


def _jax_eager(f: Callable[[Any], Any]) -> Callable[[float], Any]:
    import jax

    jax.config.update("jax_enable_x64", True)
    gradient = jax.grad(f)
    return lambda x: gradient(x).block_until_ready()


def _jax(f: Callable[[Any], Any]) -> Callable[[float], Any]:
    import jax

    jax.config.update("jax_enable_x64", True)
    gradient = jax.jit(jax.grad(f))
    return lambda x: gradient(x).block_until_ready()


DERIVATIVES = {
    "closed form": _closed_form,
    "autograd": _autograd,
    "PyTorch": _torch,
    "JAX": _jax,
    "JAX (eager)": _jax_eager,
}


def curves() -> Payload:
    """Partial sums and their derivatives by the autograd library, at points of [-8, 8]."""
    import autograd

    x = np.linspace(-8, 8, 161)
    return {
        "x": x.tolist(),
        "series": {str(k): partial_sum(k)(x).tolist() for k in CURVES},
        "slopes": {str(k): autograd.elementwise_grad(partial_sum(k))(x).tolist() for k in CURVES},
    }


def terms() -> Payload:
    """The distance between the derivative of a partial sum, by the autograd library, and -sin x."""
    import autograd

    counts = list(range(2, MOST_TERMS + 1))
    errors = {
        f"{x:g}": [abs(float(autograd.grad(partial_sum(k))(x)) + math.sin(x)) for k in counts] for x in PLACES
    }
    return {"terms": counts, "errors": errors}


def section(results: Results) -> list[Block]:
    """Both loops by every engine, the curves, and the errors."""
    blocks: list[Block] = [Heading("Two loops, and the cosine itself")] if results else []
    blocks += _loops(results)
    if "curves" in results:
        blocks.append(_curves(results["curves"]))
    if "terms" in results:
        blocks += _terms(results["terms"])
    return blocks


def _loops(results: Results) -> list[Block]:
    rows = []
    for step, result in results.items():
        engine, _, loop = step.partition("/")
        name = f"{TERMS} terms" if loop == "fixed" else "until a term is below 1e-16"
        if "refused" in result:
            rows.append([engine, name, result["refused"], "—"])
        elif loop in LOOPS:
            error = abs(result["slope"] + math.sin(POINT))
            rows.append([engine, name, number(error), duration(result["seconds"])])
    if not rows:
        return []
    stopping = {s.partition("/")[0]: r for s, r in results.items() if s.endswith("until small")}
    right = [
        "the closed form" if e == "closed form" else e
        for e, r in stopping.items()
        if "slope" in r and abs(r["slope"] + math.sin(POINT)) < 1e-14
    ]
    refused = [f"{e} ({r['refused']})" for e, r in stopping.items() if "refused" in r]
    text = (
        f"Both loops are plain Python, and each library differentiates them as they stand. At x = {POINT:g} "
        "the loop that stops by itself gives the derivative of the cosine to the last digits by "
        f"{listing(right)}; the loop of {TERMS} terms keeps the error of the series it cuts off. "
    )
    if refused:
        text += (
            f"Refused: {listing(refused)}. A compiled loop cannot depend on the data unless it is written "
            "with `jax.lax.while_loop`, which has no reverse mode; without compiling JAX takes it."
        )
    return [
        Paragraph(text.strip()),
        Table(
            f"The two loops at x = {POINT:g}, called as each library's users would call them",
            ["Engine", "Loop", "Distance from −sin x", "Time of a call"],
            rows,
            words=frozenset({1}),
        ),
    ]


def _curves(result: Payload) -> Figure:
    from closedform.app.plots import TRUTH, Panel, Series, plot

    x = result["x"]
    panels = []
    for title, truth, key in (("series", np.cos, "series"), ("derivative, by autograd", np.sin, "slopes")):
        name, sign = ("cos x", 1) if key == "series" else ("−sin x", -1)
        lines = [Series(f"{k} terms", x, y) for k, y in result[key].items()]
        exact = Series(TRUTH, x, (sign * truth(np.asarray(x))).tolist())
        panels.append(Panel([*lines, exact], "x", name, title=title, limits=(-2.2, 2.2), markers=False))
    return Figure(
        plot(*panels),
        "Two plots over x from -8 to 8: partial sums of the cosine series, and their derivatives; more "
        "terms follow the cosine and minus the sine further out.",
        "Partial sums of the series and their derivatives by the autograd library, with the functions they "
        "approach.",
    )


def _terms(result: Payload) -> list[Block]:
    from closedform.app.plots import Panel, Series, plot

    counts = result["terms"]
    series = [
        Series(f"x = {x}", counts, [max(e, 1e-17) for e in errors]) for x, errors in result["errors"].items()
    ]
    floors = {
        x: next((k for k, e in zip(counts, errors, strict=True) if e < 1e-14), None)
        for x, errors in result["errors"].items()
    }
    reached = listing(
        (f"{k} terms" if k else f"more than {counts[-1]} terms") + f" at x = {x}" for x, k in floors.items()
    )
    return [
        Figure(
            plot(Panel(series, "terms", "|derivative + sin x|", log="y"), height=2.8),
            "Error of the derivative against the number of terms, falling faster than exponentially at each "
            "x.",
            "Error of the derivative of the partial sum against its number of terms.",
        ),
        Paragraph(f"An error below 1e-14 takes {reached}."),
    ]


register(Experiment("taylor-cosine", steps, run, section))
