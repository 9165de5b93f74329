"""Gradient descent on one weight to a loss of 1e-9 by every engine: iterations, and time over sizes."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from closedform.app.blocks import Block, Figure, Heading, Paragraph, Table
from closedform.app.experiments.record import Experiment, Payload, Results, Setting, register
from closedform.app.wording import count, duration, listing, number, ratio, span
from closedform.problems.linear_regression import gradient, line, mean_squared_error, sheet_gradient

TOLERANCE = 1e-9
# Step size times curvature: what the sheet's 0.01 is at its four points.
STEP = 0.15
MOST_ITERATIONS = 10_000
ENGINES = ("closed form", "by hand", "autograd", "PyTorch", "JAX")
SHEET_POINTS = 4

# One iteration: the weight comes in, the loss and the next weight come out.
Update = Callable[[Any], tuple[Any, Any]]


def loss(w: Any, x: Any, y: Any) -> Any:
    """The mean squared error, in operations that every library writes alike."""
    return ((w * x - y) ** 2).mean()


def points(setting: Setting) -> list[int]:
    """The sheet's 50 sizes, every seventh in a quick run."""
    sizes = [round(n) for n in np.logspace(1, 4)]
    return sizes[::7] if setting.quick else sizes


def steps(setting: Setting) -> list[str]:
    """The check of the sheet's gradient, then every size, run and engine; the engines take turns."""
    runs = 3 if setting.quick else 5
    names = setting.among(*ENGINES)
    return ["check", *(f"{n}/{engine}/{k}" for n in points(setting) for k in range(runs) for engine in names)]


def run(step: str, setting: Setting) -> Payload:
    """One descent from w = 0, or the check."""
    if step == "check":
        return check()
    n, engine, _ = step.split("/")
    update, start = prepared(engine, int(n))
    begin = time.perf_counter()
    iterations, reached = descend(update, start)
    return {"seconds": time.perf_counter() - begin, "iterations": iterations, "loss": reached}


def descend(update: Update, w: Any) -> tuple[int, float]:
    """Iterate until the loss is at most the tolerance: the number of iterations and the loss."""
    for iteration in range(MOST_ITERATIONS):
        value, following = update(w)
        if value <= TOLERANCE:
            return iteration, float(value)
        w = following
    raise ArithmeticError(f"the loss was {float(value):.1e} after {MOST_ITERATIONS} iterations")


@lru_cache(maxsize=8)
def prepared(engine: str, n: int) -> tuple[Update, Any]:
    """The iteration, derived, compiled and called once, and the first weight."""
    x, y = line(n)
    update, start = UPDATES[engine](x, y, STEP / (2 * float(np.mean(x * x))))
    update(start)
    return update, start


def _closed_form(x: np.ndarray, y: np.ndarray, step: float) -> tuple[Update, Any]:
    import closedform as cf

    function = cf.value_and_grad(mean_squared_error).at(0.0, x, y).function

    def update(w: Any) -> tuple[Any, Any]:
        value, slope = function(w, x, y)
        return value, w - step * slope

    return update, 0.0


def _by_hand(x: np.ndarray, y: np.ndarray, step: float) -> tuple[Update, Any]:
    def update(w: Any) -> tuple[Any, Any]:
        return loss(w, x, y), w - step * gradient(w, x, y)

    return update, 0.0


def _autograd(x: np.ndarray, y: np.ndarray, step: float) -> tuple[Update, Any]:
    import autograd

    function = autograd.value_and_grad(loss)

    def update(w: Any) -> tuple[Any, Any]:
        value, slope = function(w, x, y)
        return value, w - step * slope

    return update, 0.0


def _torch(x: np.ndarray, y: np.ndarray, step: float) -> tuple[Update, Any]:
    import torch

    torch.set_num_threads(1)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)

    def update(w: Any) -> tuple[Any, Any]:
        value = loss(w, inputs, targets)
        (slope,) = torch.autograd.grad(value, w)
        return value.detach(), (w.detach() - step * slope).requires_grad_()

    return update, torch.zeros((), dtype=torch.float64, requires_grad=True)


def _jax(x: np.ndarray, y: np.ndarray, step: float) -> tuple[Update, Any]:
    import jax

    jax.config.update("jax_enable_x64", True)
    inputs, targets = jax.numpy.asarray(x), jax.numpy.asarray(y)

    def iteration(w: Any, inputs: Any, targets: Any) -> tuple[Any, Any]:
        value, slope = jax.value_and_grad(loss)(w, inputs, targets)
        return value, w - step * slope

    compiled = jax.jit(iteration)
    return lambda w: compiled(w, inputs, targets), jax.numpy.zeros(())


UPDATES: dict[str, Callable[[np.ndarray, np.ndarray, float], tuple[Update, Any]]] = {
    "closed form": _closed_form,
    "by hand": _by_hand,
    "autograd": _autograd,
    "PyTorch": _torch,
    "JAX": _jax,
}


def check() -> Payload:
    """What `check` says of the sheet's manual gradient, and of the right one, on the sheet's four points."""
    import closedform as cf

    x, y = line(SHEET_POINTS)
    verdict = cf.check(sheet_gradient, mean_squared_error, 0.0, x, y)
    return {
        "ok": bool(verdict.ok),
        "diagnosis": str(verdict.diagnosis),
        "sheet": float(sheet_gradient(0.0, x, y)),
        "right": float(gradient(0.0, x, y)),
        "right ok": bool(cf.check(gradient, mean_squared_error, 0.0, x, y).ok),
    }


def section(results: Results) -> list[Block]:
    """The finding of the check, the iterations, the times and the crossover."""
    blocks: list[Block] = []
    if "check" in results:
        blocks += _finding(results["check"])
    times, iterations = collect(results)
    if times:
        blocks += [Heading("Descent to a loss of 1e-9"), *_descent(times, iterations)]
    return blocks


def collect(results: Results) -> tuple[dict[str, dict[int, list[float]]], dict[int, set[int]]]:
    """Times by engine and size, and the numbers of iterations that occurred at each size."""
    times: dict[str, dict[int, list[float]]] = {}
    iterations: dict[int, set[int]] = {}
    for step, result in results.items():
        if "seconds" in result:
            n, engine, _ = step.split("/")
            times.setdefault(engine, {}).setdefault(int(n), []).append(result["seconds"])
            iterations.setdefault(int(n), set()).add(result["iterations"])
    return {e: {n: by_size[n] for n in sorted(by_size)} for e, by_size in times.items()}, iterations


def _finding(result: Payload) -> list[Block]:
    factor = result["sheet"] / result["right"]
    return [
        Heading("The sheet's manual gradient"),
        Paragraph(
            f"The sheet's `np.dot(2*x, y_pred - y).mean()` gives {number(result['sheet'])} on its "
            f"{SHEET_POINTS} points, where the gradient of the mean is {number(result['right'])}: it is "
            f"{factor:g} times too large, because `np.dot` has summed already and the mean of one number "
            "divides by one. With it, a comparison of times would compare two step sizes. `cf.check` says: "
            f"“{result['diagnosis']}”" + ("; the right gradient passes." if result["right ok"] else "."),
            kind="finding",
        ),
    ]


def _descent(times: dict[str, dict[int, list[float]]], iterations: dict[int, set[int]]) -> list[Block]:
    sizes = sorted(iterations)
    runs = min(len(samples) for by_size in times.values() for samples in by_size.values())
    equal = all(len(counts) == 1 for counts in iterations.values())
    counts = [k for n in sizes for k in iterations[n]]
    text = (
        f"The step size is {STEP:g} divided by the curvature 2 mean(x²), which is the sheet's 0.01 at its "
        f"four points; a fixed 0.01 diverges for large n. From w = 0 the descent takes {span(counts)} "
        "iterations"
        + (", the same number for every engine at each n" if equal else ", not the same for every engine")
        + f" (it grows slowly because the first loss does). {len(sizes)} sizes, at least {runs} runs each, "
        "the engines taking turns; deriving and compiling are not counted."
    )
    return [Paragraph(text), _plots(times), _table(times, iterations), Paragraph(_crossover(times))]


def middle(samples: list[float]) -> float:
    """The median."""
    return float(np.median(samples))


def _plots(times: dict[str, dict[int, list[float]]]) -> Figure:
    from closedform.app.plots import Panel, Series, plot

    lines, ratios = [], []
    for engine, by_size in times.items():
        sizes = list(by_size)
        medians = [middle(s) for s in by_size.values()]
        band = ([min(s) for s in by_size.values()], [max(s) for s in by_size.values()])
        lines.append(Series(engine, sizes, medians, band))
        if "by hand" in times:
            hand = times["by hand"]
            both = [n for n in sizes if n in hand]
            ratios.append(Series(engine, both, [middle(by_size[n]) / middle(hand[n]) for n in both]))
    panels = [Panel(lines, "n", "seconds to a loss of 1e-9", log="xy", title="total time", markers=False)]
    if ratios:
        panels.append(
            Panel(ratios, "n", "times the gradient by hand", "xy", "ratio", markers=False, ratios=True)
        )
    return Figure(
        plot(*panels, height=3.4),
        "Log-log plots over n from 10 to 10000: total time of the descent by each engine with bands, and "
        "its ratio to the gradient by hand.",
        "Total time of the descent (median; the band spans all runs), and its ratio to the gradient by hand.",
    )


def _table(times: dict[str, dict[int, list[float]]], iterations: dict[int, set[int]]) -> Table:
    sizes = sorted(iterations)
    shown = sorted({min(sizes, key=lambda n: abs(np.log(n / target))) for target in (10, 100, 1000, 10_000)})
    rows = [["iterations", *(span(sorted(iterations[n])) for n in shown), "", ""]]
    for engine, by_size in times.items():
        each = {n: middle(s) / max(iterations[n]) for n, s in by_size.items()}
        first = next(iter(each.values()))
        doubled = next((f"n = {count(n)}" for n, t in each.items() if t >= 2 * first), "never")
        cells = (duration(middle(by_size[n])) if n in by_size else "—" for n in shown)
        rows.append([engine, *cells, duration(first), doubled])
    columns = [
        "Engine",
        *(f"n = {count(n)}" for n in shown),
        f"Iteration at n = {sizes[0]}",
        "Twice that from",
    ]
    return Table(
        "Median total time of the descent; the time of one iteration, and the n at which it has doubled",
        columns,
        rows,
    )


def _name(engine: str) -> str:
    return "the closed form" if engine == "closed form" else engine


def _crossover(times: dict[str, dict[int, list[float]]]) -> str:
    """Who overtakes the gradient by hand, where, and why."""
    sentences = []
    hand = times.get("by hand", {})
    ends, ahead = {}, {}
    for engine, by_size in times.items():
        both = [n for n in by_size if n in hand]
        if engine == "by hand" or not both:
            continue
        ratios = [middle(by_size[n]) / middle(hand[n]) for n in both]
        ends[engine] = (ratios[0], ratios[-1])
        start = next((n for i, n in enumerate(both) if all(r < 1 for r in ratios[i:])), None)
        if start is not None:
            ahead[engine] = start
    for engine, n in ahead.items():
        where = "at every n" if n == min(hand) else f"from n = {count(n)} on"
        name = _name(engine)
        sentences.append(f"{name[0].upper()}{name[1:]} is faster than the gradient by hand {where}.")
    if ends:
        largest = count(max(hand))
        parts = (
            f"{_name(engine)} from {ratio(first)} to {ratio(last)}" for engine, (first, last) in ends.items()
        )
        sentences.append(
            f"In times of the gradient by hand, from n = {min(hand)} to n = {largest}: {listing(parts)}."
        )
    behind = [engine for engine in ends if engine not in ahead]
    if behind:
        sentences.append(
            f"{listing(behind)} never {'crosses' if len(behind) == 1 else 'cross'} over for good up to there."
        )
    return " ".join(sentences) + (
        " The overhead of a call (Python, the tape, the dispatch) is paid once an iteration whatever n is; "
        "reading the data is paid per point. While the overhead rules, the ratio is that of the overheads; "
        "once an iteration by hand has doubled, the ratio falls, and an engine can overtake only if it makes "
        "fewer passes over the data."
    )


register(Experiment("linear-regression", steps, run, section))
