"""Step sizes learned by gradient descent: on the sheet's function, and on a quadratic worth asking about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from closedform.app.blocks import Block, Figure, Heading, Paragraph, Table
from closedform.app.experiments.record import Experiment, Payload, Results, Setting, register
from closedform.app.wording import count, duration, listing, number, span
from closedform.problems.step_sizes import STEPS, after_descent

DIMENSION = 1000
BETA = 1e-3
SEED = 0
# How many points of a descent are kept for plots.
KEPT = 120
SMALLEST, LARGEST = 0.05, 1.0
FRESH = 20

WIDE = "normal about 1, deviation 0.5"
STARTS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "uniform in [0, 0.1]": lambda rng: rng.uniform(0, 0.1, STEPS),
    "uniform in [0, 0.5]": lambda rng: rng.uniform(0, 0.5, STEPS),
    "all 0.05": lambda rng: np.full(STEPS, 0.05),
    WIDE: lambda rng: rng.normal(1, 0.5, STEPS),
}
MAIN = next(iter(STARTS))

ValueAndGradient = Callable[[np.ndarray], tuple[float, np.ndarray]]


def after_quadratic(alpha: Any, x0: Any, spectrum: Any) -> Any:
    """The value x' diag(spectrum) x / 2 after one step of descent on it for each step size, from x0."""
    x = x0
    for k in range(STEPS):
        x = x - alpha[k] * (spectrum * x)
    return 0.5 * np.sum(spectrum * x * x)


def steps(setting: Setting) -> list[str]:
    """The degenerate start, the descents, and the quadratic."""
    return ["degenerate", *(f"descent/{start}" for start in STARTS), "quadratic"]


def run(step: str, setting: Setting) -> Payload:
    """One of the steps."""
    what, _, start = step.partition("/")
    if what == "degenerate":
        return degenerate()
    if what == "descent":
        return descent(start, 5_000 if setting.quick else 20_000)
    return quadratic(2 if setting.quick else FRESH)


def first_point(seed: int = SEED) -> np.ndarray:
    """A random point of the unit cube."""
    return np.random.default_rng(seed).uniform(0, 1, DIMENSION)


def automatic(x0: np.ndarray) -> tuple[str, ValueAndGradient]:
    """The loss and its gradient by automatic differentiation: the first of three libraries that is here."""
    for name, build in (("JAX", _jax), ("PyTorch", _torch), ("autograd", _autograd)):
        try:
            return name, build(x0)
        except ImportError:
            continue
    raise ImportError("automatic differentiation needs one of JAX, PyTorch and autograd")


def _jax(x0: np.ndarray) -> ValueAndGradient:
    import jax

    jax.config.update("jax_enable_x64", True)
    point = jax.numpy.asarray(x0)
    compiled = jax.jit(jax.value_and_grad(after_descent))

    def call(alpha: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = compiled(alpha, point)
        return float(value), np.asarray(slope)

    return call


def _torch(x0: np.ndarray) -> ValueAndGradient:
    import torch

    point = torch.from_numpy(x0)

    def call(alpha: np.ndarray) -> tuple[float, np.ndarray]:
        variable = torch.tensor(alpha, requires_grad=True)
        value = after_descent(variable, point)
        return float(value), torch.autograd.grad(value, variable)[0].numpy()

    return call


def _autograd(x0: np.ndarray) -> ValueAndGradient:
    import autograd

    both = autograd.value_and_grad(after_descent)
    return lambda alpha: both(alpha, x0)


def closed(function: Callable[..., Any], *data: np.ndarray) -> ValueAndGradient:
    """The loss and its gradient in closed form."""
    import closedform as cf

    both = cf.value_and_grad(function).at(np.full(STEPS, 0.5), *data).function
    return lambda alpha: both(alpha, *data)


def degenerate() -> Payload:
    """The loss and its gradient at the sheet's start."""
    name, both = automatic(first_point())
    value, slope = both(np.ones(STEPS))
    return {"engine": name, "value": value, "largest": float(np.max(np.abs(slope)))}


def descent(start: str, iterations: int) -> Payload:
    """Gradient descent on the step sizes by automatic differentiation, and again in closed form."""
    import closedform as cf

    x0 = first_point()
    first = STARTS[start](np.random.default_rng(SEED + 1))
    name, both = automatic(x0)
    both(first)
    begin = time.perf_counter()
    path = follow(both, first, iterations)
    seconds = time.perf_counter() - begin
    begin = time.perf_counter()
    again = follow(closed(after_descent, x0), first, iterations)
    closed_seconds = time.perf_counter() - begin
    last = np.array(path["alpha"][-1])
    hessian = np.asarray(cf.hessian(after_descent)(last, x0))
    return {
        **path,
        "engine": name,
        "seconds": seconds,
        "closed seconds": closed_seconds,
        "difference": float(np.max(np.abs(last - np.array(again["alpha"][-1])))),
        "spectrum": np.linalg.eigvalsh(hessian).tolist(),
        "norm": float(x0 @ x0),
    }


def follow(both: ValueAndGradient, alpha: np.ndarray, iterations: int) -> Payload:
    """Losses and step sizes along a descent, at about `KEPT` iterations, evenly on a logarithmic scale."""
    kept = sorted({0, iterations, *np.geomspace(1, iterations, KEPT).round().astype(int).tolist()})
    path: Payload = {"iterations": kept, "loss": [], "alpha": []}
    wanted = set(kept)
    for k in range(iterations + 1):
        value, slope = both(alpha)
        if k in wanted:
            path["loss"].append(float(value))
            path["alpha"].append(alpha.tolist())
        alpha = alpha - BETA * slope
    return path


def schedules() -> dict[str, np.ndarray]:
    """Step sizes from the literature, for spectra in [mu, L].

    Chebyshev: the reciprocals of the roots of the Chebyshev polynomial on [mu, L].
    Silver: (1 + (1 + sqrt 2)^(v(k) - 1)) / L, where 2^v(k) is the largest power of two in k (Altschuler and
    Parrilo 2023), its first ten.
    """
    k = np.arange(1, STEPS + 1)
    powers = np.log2(k & -k)
    mean, half = (LARGEST + SMALLEST) / 2, (LARGEST - SMALLEST) / 2
    return {
        "constant 1/L": np.full(STEPS, 1 / LARGEST),
        "constant 2/(L + μ)": np.full(STEPS, 2 / (LARGEST + SMALLEST)),
        "silver": (1 + (1 + np.sqrt(2)) ** (powers - 1)) / LARGEST,
        "Chebyshev": 1 / (mean + half * np.cos((2 * k - 1) * np.pi / (2 * STEPS))),
    }


def quadratic(fresh: int) -> Payload:
    """Losses after ten steps on a quadratic with known and learned step sizes, on one x0 and on others."""
    from scipy.optimize import minimize

    spectrum = np.linspace(SMALLEST, LARGEST, DIMENSION)
    x0 = first_point()
    both = closed(after_quadratic, x0, spectrum)
    known = schedules()
    equal = minimize(lambda a: _along_ones(both, a), [1.0], jac=True, method="BFGS").x[0]
    # Of the logarithm of the loss, since it falls over five orders of magnitude.
    learned = minimize(
        lambda a: _logarithm(both, a), known["Chebyshev"], jac=True, method="BFGS", options={"gtol": 1e-7}
    )
    everything = {
        **known,
        "constant, learned": np.full(STEPS, equal),
        "ten, learned": np.sort(learned.x),
    }
    points = [first_point(SEED + 100 + k) for k in range(fresh)]
    return {
        "start": float(after_quadratic(np.zeros(STEPS), x0, spectrum)),
        "slopes at equal steps": float(np.ptp(both(np.full(STEPS, 1.0))[1])),
        "alpha": {name: alpha.tolist() for name, alpha in everything.items()},
        "own": {name: float(both(alpha)[0]) for name, alpha in everything.items()},
        "fresh": {
            name: [float(after_quadratic(alpha, x, spectrum)) for x in points]
            for name, alpha in everything.items()
        },
    }


def _along_ones(both: ValueAndGradient, size: np.ndarray) -> tuple[float, np.ndarray]:
    value, slope = both(np.full(STEPS, size[0]))
    return value, np.array([slope.sum()])


def _logarithm(both: ValueAndGradient, alpha: np.ndarray) -> tuple[float, np.ndarray]:
    value, slope = both(alpha)
    return float(np.log(value)), slope / value


def section(results: Results) -> list[Block]:
    """The degenerate start, the descents, and the quadratic."""
    blocks: list[Block] = []
    if "degenerate" in results:
        blocks += _degenerate(results["degenerate"])
    descents = {start: results[f"descent/{start}"] for start in STARTS if f"descent/{start}" in results}
    if descents:
        blocks += [Heading("Descent from other starts"), *_descents(descents)]
    if "quadratic" in results:
        blocks += [
            Heading("Where the question is worth asking: a quadratic"),
            *_quadratic(results["quadratic"]),
        ]
    return blocks


def _degenerate(result: Payload) -> list[Block]:
    return [
        Heading("The sheet's start is a solution"),
        Paragraph(
            f"At α = (1, …, 1) the loss is {number(result['value'])} and the largest entry of the gradient, "
            f"by {result['engine']}, is {number(result['largest'])}: there is nothing to descend. The "
            "gradient of "
            "f is x itself, so a step of size 1 ends at 0. In closed form $L = \\tfrac{1}{2} \\|x_0\\|^2 "
            "\\prod_k "
            "(1 - \\alpha_k)^2$: one step size equal to 1 is optimal, whatever the other nine are, and since "
            "its "
            "factor is in every partial derivative, the gradient vanishes there too.",
            kind="finding",
        ),
    ]


def _descents(descents: dict[str, Payload]) -> list[Block]:
    from closedform.app.plots import Panel, Series, plot

    main = descents.get(MAIN, next(iter(descents.values())))
    ks = main["iterations"]
    losses = [
        Series(start, r["iterations"][1:], [max(v, 1e-30) for v in r["loss"][1:]])
        for start, r in descents.items()
    ]
    columns = np.array(main["alpha"]).T
    sizes = [Series("", ks[1:], column[1:].tolist()) for column in columns]
    rows = []
    for start, r in descents.items():
        positive, negative, scale = signs(r["spectrum"])
        rows.append([
            start, number(r["loss"][0]), number(r["loss"][-1]),
            span([min(r["alpha"][-1]), max(r["alpha"][-1])], lambda v: f"{v:.2f}".replace("-", "−")),
            f"{positive} / {negative}", number(scale),
        ])  # fmt: skip
    return [
        Paragraph(_described(descents)),
        Figure(
            plot(
                Panel(losses, "iteration", "L", log="xy", title="loss", markers=False),
                Panel(sizes, "iteration", "αₖ", log="x", title=f"the ten step sizes, {MAIN}", markers=False),
                height=3.5,
            ),
            "Left: the loss over the iterations from four starts, on logarithmic scales. Right: the ten "
            "step sizes over the iterations from the first start.",
            f"Gradient descent on the step sizes with β = {BETA:g}: the loss from each start, and the ten "
            f"step sizes from the start {MAIN}.",
        ),
        Table(
            "Where the descents end; the eigenvalues are those of the Hessian in closed form",
            ["Start", "First L", "Last L", "Last αₖ", "Eigenvalues + / −", "Largest eigenvalue"],
            rows,
        ),
    ]


def signs(spectrum: list[float]) -> tuple[int, int, float]:
    """The numbers of positive and of negative eigenvalues beyond rounding, and the largest one."""
    largest = max(map(abs, spectrum))
    small = 1e-12 * largest
    return sum(v > small for v in spectrum), sum(v < -small for v in spectrum), max(spectrum)


def _described(descents: dict[str, Payload]) -> str:
    main = descents.get(MAIN, next(iter(descents.values())))
    positive, negative, _ = signs(main["spectrum"])
    small = max((abs(v) for v in sorted(main["spectrum"])[:-1]), default=0.0)
    last = np.array(main["alpha"][-1])
    sentences = [
        f"From α {MAIN}, with β = {BETA:g}, {count(main['iterations'][-1])} iterations take L from "
        f"{number(main['loss'][0])} to {number(main['loss'][-1])} and the step sizes to between "
        f"{last.min():.2f} and {last.max():.2f}.",
        f"The Hessian at the end has {positive} positive eigenvalue{'s' if positive != 1 else ''}, the "
        f"largest {number(max(main['spectrum']))}, and {negative} negative, of at most {number(small)} in "
        "size: the descent "
        + ("is not at a minimum; it creeps along a valley" if negative else "is in a flat valley")
        + " towards the set where some αₖ is 1, the steeper walls of which it has already come down.",
        f"The gradient by {main['engine']} and the one in closed form lead to the same step sizes within "
        f"{number(main['difference'], 1)}, in {duration(main['seconds'])} and "
        f"{duration(main['closed seconds'])}.",
    ]
    if WIDE in descents:
        wide = descents[WIDE]
        sentences.append(
            f"From α {WIDE}, the loss is {number(wide['loss'][0])} from the start and "
            f"{number(wide['loss'][-1])} at the end: the largest eigenvalue is "
            f"{number(max(wide['spectrum']))}, and there is no slope to follow."
        )
    if "all 0.05" in descents:
        spread = float(np.ptp(descents["all 0.05"]["alpha"][-1]))
        sentences.append(
            "From equal step sizes all partial derivatives are equal, so they stay "
            + ("exactly equal." if spread == 0 else f"equal, here within {number(spread, 1)}.")
        )
    return " ".join(sentences)


def _quadratic(result: Payload) -> list[Block]:
    from closedform.app.plots import Panel, Series, plot

    own, fresh, alpha = result["own"], result["fresh"], result["alpha"]
    order = sorted(own, key=lambda name: -own[name])
    rows = []
    for name in order:
        low, middle, high = np.quantile(fresh[name], (0, 0.5, 1))
        rows.append(
            [name, number(own[name]), number(middle), f"{number(low)} to {number(high)}", _sizes(alpha[name])]
        )
    best = order[-1]
    ranks = {name: float(np.median(values)) for name, values in fresh.items()}
    best_fresh = min(ranks, key=lambda name: ranks[name])
    values = np.linspace(SMALLEST, LARGEST, 200)
    lines = [
        Series(name, values.tolist(), np.abs(np.prod(1 - np.outer(alpha[name], values), axis=0)).tolist())
        for name in order
    ]
    return [
        Paragraph(
            "On |x|²/2 every direction has the same curvature, so one step solves it. With f(x) = ½ Σ λᵢ xᵢ² "
            f"and the λᵢ spread evenly over [{SMALLEST:g}, {LARGEST:g}] no step size does. From L = "
            f"{number(result['start'])}, ten steps come to "
            f"{listing(f'{number(own[n])} ({n})' for n in order)}. Learned here means minimised over the "
            "step sizes with the gradient in closed form, by the BFGS method on ln L, from Chebyshev's "
            "steps. Descent from equal steps never leaves them (all partial derivatives are equal there), so "
            "it ends at the best constant."
        ),
        Table(
            "L after ten steps on the quadratic, on the x₀ of the learning and on "
            f"{len(next(iter(fresh.values())))} fresh ones",
            ["Step sizes", "Own x₀", "Fresh x₀, median", "Fresh x₀, range", "The ten, sorted"],
            rows,
            marked=frozenset({len(rows) - 1}),
            words=frozenset({4}),
        ),
        Figure(
            plot(Panel(lines, "λ", "|∏ (1 − αₖ λ)|", log="y", markers=False, limits=(1e-6, 3.0)), height=3.3),
            "The factor by which ten steps shrink a component, over its eigenvalue, for each choice of step "
            "sizes.",
            "What ten steps leave of a component with eigenvalue λ.",
        ),
        Paragraph(
            f"Lowest on its own x₀: {best}; on fresh x₀: {best_fresh}. "
            + (
                "The learned steps carry over, because a random point of the cube in a thousand dimensions "
                "excites all eigenvalues nearly alike; they beat Chebyshev's, which guard against the worst "
                "x₀ and spend steps on the smallest eigenvalues that weigh little in this average."
                if best_fresh == best == "ten, learned"
                else "The learned steps do not carry over: they fit the one x₀ they were learned on."
            )
        ),
    ]


def _sizes(alpha: list[float]) -> str:
    ordered = sorted(alpha)
    if ordered[0] == ordered[-1]:
        return f"{ordered[0]:.3g}, ten times"
    return ", ".join(f"{v:.3g}" for v in ordered)


register(Experiment("step-sizes", steps, run, section))
