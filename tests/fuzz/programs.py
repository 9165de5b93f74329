"""Random well-typed NumPy programs: a seed in, the source of a function and arguments for it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Values beyond this make second derivatives meaningless in floating point.
LARGEST_VALUE = 1e3
MOST_ENTRIES = 200

# Templates by the shape of what they take: {a} any array, {v} a vector, {M} a matrix, {S} a square matrix.
ANY = (
    "np.sin({a})", "np.cos({a})", "np.tanh({a})", "np.arctan({a})", "np.exp(0.3 * {a})", "{a}**2",
    "{a}**3", "-{a}",
    "1 - {a}", "2.5 * {a}", "np.log(1 + np.exp({a}))", "np.log(2 + {a} ** 2)", "np.sqrt(1 + {a} ** 2)",
    "1 / (1 + {a} ** 2)", "1 / (1 + np.exp(-{a}))", "np.abs({a})", "np.arcsinh({a})", "np.log1p({a} ** 2)",
    "np.expm1(0.3 * {a})", "np.cosh(0.3 * {a})", "np.square({a})", "np.maximum({a}, 0.1)",
    "np.minimum({a}, 0.2)",
)  # fmt: skip
REDUCED = (
    "np.log(np.sum(np.exp({a})))", "np.exp({a}) / np.sum(np.exp({a}))", "np.var({a})", "np.linalg.norm({a})",
    "np.max({a})", "np.prod(1 + 0.1 * {a})", "np.sum({a}, axis={axis})",
    "np.mean({a}, axis={axis}, keepdims=True)",
    "np.sum({a} ** 2)", "np.mean({a})", "np.cumsum({a}, axis={axis})", "np.flip({a}, axis={axis})",
    "np.ravel({a})",
)  # fmt: skip
VECTOR = (
    "{v}[1:]", "{v}[:-1]", "{v}[::-1]", "{v}[0]", "{v}[-1]", "{v}[::2]", "np.diag({v})", "{v}[:, None]",
    "np.outer({v}, {w})", "{v}[np.array([0, 0, -1])]", "np.diff({v})",
)  # fmt: skip
MATRIX = (
    "{M}.T", "{M}[0]", "{M}[:, 1:]", "{M}[:, 0]", "np.tril({M})", "np.trace({M} @ {M}.T)", "np.ravel({M})",
    "{M} @ {M}.T",
)  # fmt: skip
SQUARE = (
    "np.linalg.inv({S} + 4 * np.eye({S}.shape[0]))", "np.linalg.det({S})", "np.trace({S})", "np.diag({S})",
    "np.linalg.slogdet({S} @ {S}.T + np.eye({S}.shape[0]))[1]", "np.linalg.matrix_power({S}, 2)",
)  # fmt: skip
ALIKE = (
    "{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / (2 + {b} ** 2)", "{a} - 0.5 * {b}", "{a} * np.tanh({b})",
    "np.where({a} > 0, {a}, {b} ** 2)", "np.logaddexp({a}, {b})", "np.arctan2({a}, 1 + {b} ** 2)",
    "np.maximum({a}, {b})", "np.hypot(1 + {a} ** 2, {b})", "np.concatenate(({a}, {b}), axis={axis})",
    "np.stack(({a}, {b}))",
)  # fmt: skip


@dataclass
class _Builder:
    """A program under construction: its statements, and the value of each name."""

    rng: np.random.Generator
    values: dict[str, np.ndarray] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def pick(self, wanted: Callable[[np.ndarray], bool] = lambda value: True) -> str | None:
        """A name whose value is wanted, late ones more often."""
        names = [name for name, value in self.values.items() if wanted(value)]
        weights = np.arange(1, len(names) + 1) ** 1.5
        return str(self.rng.choice(names, p=weights / weights.sum())) if names else None

    def add(self, expression: str) -> None:
        """One more statement, if its value is fit for comparison."""
        try:
            with np.errstate(all="ignore"):
                value = np.asarray(eval(expression, {"np": np, **self.values}))
        except (ValueError, IndexError, np.linalg.LinAlgError):
            return
        if (
            value.size <= MOST_ENTRIES
            and np.all(np.isfinite(value))
            and np.all(np.abs(value) < LARGEST_VALUE)
        ):
            name = f"v{len(self.lines)}"
            self.lines.append(f"{name} = {expression}")
            self.values[name] = value

    def step(self) -> None:
        """A statement of a random kind."""
        kind = self.rng.choice(len(KINDS), p=[weight / TOTAL for weight, _ in KINDS])
        expression = KINDS[kind][1](self)
        if expression is not None:
            self.add(expression)

    def fill(self, templates: tuple[str, ...], **wanted: Callable[[np.ndarray], bool]) -> str | None:
        """A random template with names in its places."""
        names = {place: self.pick(condition) for place, condition in wanted.items()}
        if any(name is None for name in names.values()):
            return None
        first = self.values[str(next(iter(names.values())))]
        axis = int(self.rng.integers(0, max(first.ndim, 1)))
        return str(self.rng.choice(templates)).format(axis=axis, **names)

    def alike(self) -> str | None:
        """An operation on two arrays of one shape."""
        a = self.pick()
        shape = self.values[str(a)].shape
        b = self.pick(lambda value: value.shape == shape)
        axis = int(self.rng.integers(0, max(len(shape), 1)))
        return str(self.rng.choice(ALIKE)).format(a=a, b=b, axis=axis)

    def product(self) -> str | None:
        """A matrix product, or a product that broadcasts."""
        a = self.pick(lambda value: 0 < value.ndim <= 2)
        if a is None:
            return None
        size = self.values[a].shape[-1]
        b = self.pick(lambda value: value.ndim in (1, 2) and value.shape[0] == size)
        return f"{a} @ {b}" if b is not None else f"{a} * {self.pick()}"


KINDS: tuple[tuple[int, Callable[[_Builder], str | None]], ...] = (
    (5, lambda b: b.fill(ANY, a=lambda v: True)),
    (5, lambda b: b.alike()),
    (4, lambda b: b.product()),
    (3, lambda b: b.fill(REDUCED, a=lambda v: v.ndim > 0)),
    (2, lambda b: b.fill(VECTOR, v=lambda v: v.ndim == 1, w=lambda v: v.ndim == 1)),
    (2, lambda b: b.fill(MATRIX, M=lambda v: v.ndim == 2)),
    (2, lambda b: b.fill(SQUARE, S=lambda v: v.ndim == 2 and v.shape[0] == v.shape[1])),
)
TOTAL = sum(weight for weight, _ in KINDS)


def program(seed: int, depth: int = 12) -> tuple[str, tuple[np.ndarray, ...]]:
    """The source of a function `f` from arrays to a number, and arguments for it."""
    rng = np.random.default_rng(seed)
    n, m = (int(k) for k in rng.integers(2, 5, 2))
    shapes: list[tuple[int, ...]] = [(n,), (n, m), (m,), (n, n), ()]
    chosen = rng.permutation(len(shapes))[: rng.integers(1, 4)]
    arguments = tuple(np.asarray(rng.standard_normal(shapes[i])) for i in chosen)
    builder = _Builder(rng, {f"x{i}": a for i, a in enumerate(arguments)})
    for _ in range(int(rng.integers(3, depth + 1))):
        builder.step()
    results = [list(builder.values)[-1], *([builder.pick()] if rng.random() < 0.5 else [])]
    terms = [f"np.sum({r} * {r})" if rng.random() < 0.3 else f"np.sum({r})" for r in results]
    body = "".join(f"    {line}\n" for line in [*builder.lines, f"return {' + '.join(terms)}"])
    return f"def f({', '.join(f'x{i}' for i in range(len(arguments)))}):\n{body}", arguments


def compiled(source: str, namespace: Any) -> Callable[..., Any]:
    """The function of a program, on NumPy or on a namespace like it."""
    scope: dict[str, Any] = {"np": namespace}
    exec(source, scope)
    function: Callable[..., Any] = scope["f"]
    return function
