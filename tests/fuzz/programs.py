"""Random well-typed NumPy programs: a seed in, the source of a function and arguments for it out.

Statements are made from the records of the registry (tests/fuzz/records.py), from templates of what people
write with them: methods, indexing, assignment to parts, loops, branches on values, and, in some programs,
from the pieces of loops over entries (tests/fuzz/loops.py).
"""

from __future__ import annotations

import ast
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy
import scipy.linalg
import scipy.special
from tests.fuzz.loops import loop
from tests.fuzz.records import CALLED, arity, near_sample, on_values

# Values beyond this make second derivatives meaningless in floating point.
LARGEST_VALUE = 1e3
MOST_ENTRIES = 40
# The fraction of programs with a loop over entries.
LOOPED = 1 / 6

# Templates by the shape of what they take: {a} any array, {v} a vector, {M} a matrix, {S} a square matrix.
ANY = (
    "np.exp(0.3 * {a})", "{a}**2", "{a}**3", "-{a}", "1 - {a}", "2.5 * {a}", "np.log(1 + np.exp({a}))",
    "np.log(2 + {a} ** 2)", "np.sqrt(1 + {a} ** 2)", "1 / (1 + {a} ** 2)", "1 / (1 + np.exp(-{a}))",
    "np.log1p({a} ** 2)", "np.cosh(0.3 * {a})", "np.maximum({a}, 0.1)", "np.minimum({a}, 0.2)",
    "np.abs({a})", "np.where({a} > 0.1, {a}, 0.2 * {a})", "np.sin({a}) * np.cos({a})",
    "(1 + {a} ** 2) ** -1.5", "np.clip({a}, -0.7, 0.9)", "{a} * ({a} > 0)", "np.copy({a})",
    "np.tanh({a}) ** 2 + np.tanh({a})", "{a} / np.sqrt(1 + {a} ** 2)", "np.full_like({a}, 2.0) * {a}",
    "{a} - {a}", "2 * {a} - {a} / 3 + 0.5", "np.exp(-({a} ** 2) / 2)", "0.1 ** (1 + {a} ** 2)",
)  # fmt: skip
REDUCED = (
    "np.log(np.sum(np.exp({a})))", "np.exp({a}) / np.sum(np.exp({a}))", "np.var({a})", "np.linalg.norm({a})",
    "np.max({a})", "np.prod(1 + 0.1 * {a})", "np.sum({a}, axis={axis})", "np.std({a})",
    "np.mean({a}, axis={axis}, keepdims=True)", "np.sum({a} ** 2)", "np.mean({a})",
    "np.cumsum({a}, axis={axis})", "np.flip({a}, axis={axis})", "np.ravel({a})", "{a}.sum()",
    "{a}.mean(axis={axis})", "{a}.max(axis={axis}, keepdims=True)", "{a}.reshape(-1)", "{a}.flatten()",
    "{a} - np.mean({a}, axis={axis}, keepdims=True)", "{a} / np.linalg.norm({a})",
    "np.exp({a} - np.max({a}))", "{a} / np.sum({a} ** 2)", "{a}.T", "np.sort({a}, axis={axis})", "{a}[-1]",
    "{a}[..., 0]", "{a}[..., None]", "{a}[None]", "np.moveaxis({a}, {axis}, 0)", "np.squeeze({a}[None])",
    "np.atleast_2d({a})", "np.cumsum({a})", "np.append({a}, 1.5)", "np.roll({a}, 1, axis={axis})",
    "np.take({a}, np.array([0, -1]), axis={axis})", "np.sum(np.abs({a}))", "np.average({a}, axis={axis})",
    "np.sum({a}, axis={axis}, keepdims=True) * {a}", "np.ptp({a})", "{a}[::-1] * {a}",
)  # fmt: skip
VECTOR = (
    "{v}[1:]", "{v}[:-1]", "{v}[::-1]", "{v}[0]", "{v}[-1]", "{v}[::2]", "np.diag({v})", "{v}[:, None]",
    "np.outer({v}, {w})", "{v}[np.array([0, 0, -1])]", "np.diff({v})", "{v}[:, None] * {w}", "{v} @ {v}",
    "{v}[:, None] - {w}[None, :]", "{v}[np.argsort({v})]", "{v}[np.argmax({v})]", "{v}[1:] * {v}[:-1]",
    "np.exp(-(({v}[:, None] - {v}[None, :]) ** 2))", "np.einsum('i,j->ij', {v}, {w})", "np.vander({v}, 3)",
    "np.convolve({v}, {w})", "np.linalg.norm({v}, 1)", "np.max(np.abs({v}))", "sum({v})",
    "np.array([{v}[0], {v}[-1] ** 2, 1.0])", "sum([t**2 for t in {v}])", "np.polyval({v}, 0.5)",
    "np.sum({v}) * {v} - {v} * ({v} @ {v})", "np.trapezoid({v})", "np.interp(0.3, [0.0, 1.0], {v}[:2])",
)  # fmt: skip
MATRIX = (
    "{M}.T", "{M}[0]", "{M}[:, 1:]", "{M}[:, 0]", "np.tril({M})", "np.trace({M} @ {M}.T)", "np.ravel({M})",
    "{M} @ {M}.T", "{M}.T @ {M}", "{M}[:, [0, -1]]", "{M}[1:, :-1]", "np.linalg.norm({M}, axis=1)",
    "np.einsum('ij,ij->i', {M}, {M})", "np.triu({M}, 1)", "{M}[np.arange(2), np.array([0, -1])]",
    "np.sum({M} * {M}, axis=1)", "np.linalg.slogdet({M} @ {M}.T + np.eye({M}.shape[0]))[1]",
    "{M}.shape[0] * {M}", "np.vstack([{M}, {M}[:1]])", "np.linalg.norm({M}, 'fro')", "np.kron({M}, {M}[:1])",
    "{M} - {M}.mean(axis=0)", "{M} / {M}.shape[1]", "np.cov({M})", "{M}.swapaxes(0, 1)[None]",
    "np.sum([r @ r for r in {M}])", "np.stack([r**2 for r in {M}])",
    "np.einsum('ij,kj->ik', {M}, {M})", "np.tensordot({M}, {M}, axes=([0, 1], [0, 1]))",
)  # fmt: skip
SQUARE = (
    "np.linalg.inv({S} + 4 * np.eye({S}.shape[0]))", "np.linalg.det({S})", "np.trace({S})", "np.diag({S})",
    "np.linalg.slogdet({S} @ {S}.T + np.eye({S}.shape[0]))[1]", "np.linalg.matrix_power({S}, 2)",
    "{S} @ {S}.T + np.eye({S}.shape[0])", "({S} + {S}.T) / 2", "{S} - {S}.T", "{S} @ {S}",
    "np.linalg.solve({S} @ {S}.T + np.eye({S}.shape[0]), {S})", "np.trace({S} @ {S} @ {S})",
    "np.linalg.inv({S} @ {S}.T + np.eye({S}.shape[0]))", "np.einsum('ii->i', {S})", "np.einsum('ii', {S})",
    "np.log(np.linalg.det({S} @ {S}.T + np.eye({S}.shape[0])))", "{S} - np.diag(np.diag({S}))",
    "np.linalg.cholesky({S} @ {S}.T + np.eye({S}.shape[0]))", "scipy.linalg.expm(0.2 * {S})",
    "np.linalg.eigvalsh({S} + {S}.T)", "np.linalg.eigvalsh({S} @ {S}.T + np.eye({S}.shape[0]))",
    "np.linalg.eigh({S} + {S}.T)[0]", "np.linalg.pinv({S} @ {S}.T + np.eye({S}.shape[0]))",
    "np.linalg.svd({S} + 2 * np.eye({S}.shape[0]), compute_uv=False)", "np.linalg.norm({S}, 2)",
)  # fmt: skip
ALIKE = (
    "{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / (2 + {b} ** 2)", "{a} - 0.5 * {b}", "{a} * np.tanh({b})",
    "np.where({a} > 0, {a}, {b} ** 2)", "np.logaddexp({a}, {b})", "np.arctan2({a}, 1 + {b} ** 2)",
    "np.maximum({a}, {b})", "np.hypot(1 + {a} ** 2, {b})", "np.stack(({a}, {b}))", "np.sum({a} * {b})",
    "np.exp({a} - np.logaddexp({a}, {b}))", "(1 + {a} ** 2) ** np.tanh({b})", "np.vdot({a}, {b})",
    "{a} * {b} - {b} * {a} + {a}", "np.mean(({a} - {b}) ** 2)", "np.where({a} < {b}, {a}, {b})",
    "(np.sum({a}) - {b}) * {a}", "{a} * np.exp({b}) / (1 + np.exp({b}))",
)  # fmt: skip
JOINED = ("np.concatenate(({a}, {b}), axis={axis})", "np.concatenate(({a}[:1], {b}[1:]))")
# Statements: {new} is the name they define.
STATEMENTS = (
    "{new} = {a}.copy()\n{new}[1:] = {a}[:-1] ** 2",
    "{new} = {a}.copy()\n{new}[0] *= 0.5 * {a}[-1]",
    "{new} = np.zeros({a}.shape)\n{new}[0] = np.sin({a}[0])\n{new}[1:] += 2 * {a}[1:]",
    "{new} = {a}.copy()\n{new}[::2] -= np.sum({a})",
    "{new} = {a}.copy()\nfor k in range(1, len({a})):\n    {new}[k] = 0.5 * {new}[k - 1] + {new}[k]",
    "{new} = {a}\nfor k in range(3):\n    {new} = {new} + 0.1 * np.cos({new})",
    "{new} = 0.0\nfor row in {a}:\n    {new} = {new} + np.tanh(row)",
    "{new} = 0\nfor k in range(len({a})):\n    {new} += (k + 1) * {a}[k] ** 2",
    "if np.sum({a}) > 0:\n    {new} = {a} ** 2\nelse:\n    {new} = np.sin({a})",
    "{new} = {a}\nwhile np.max(np.abs({new})) > 1:\n    {new} = {new} / 2",
    "{new} = [np.exp(0.1 * t) for t in {a}]\n{new} = np.array({new})",
    "{new} = {a} if np.max({a}) > 0.5 else 3 * {a}",
    "{new} = {a}.copy()\n{new}[{a} > 0.3] = 0.3",
)
MODULES = {"np": np, "scipy": scipy}
# What JAX calls an augmented assignment.
UPDATES: Any = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide"}


@dataclass
class _Builder:
    """A program under construction: its statements, and the value of each name."""

    rng: np.random.Generator
    values: dict[str, np.ndarray] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    # Names that depend on the first argument, in which derivatives are taken.
    varying: set[str] = field(default_factory=lambda: {"x0"})

    def pick(self, wanted: Callable[[np.ndarray], bool] = lambda value: True) -> str | None:
        """A name whose value is wanted, late ones more often."""
        names = [name for name, value in self.values.items() if wanted(value)]
        weights = np.arange(1, len(names) + 1) ** 1.5
        return str(self.rng.choice(names, p=weights / weights.sum())) if names else None

    def add(self, statement: str, new: str) -> None:
        """One more statement, which defines the name `new`, if its value is fit for comparison."""
        scope: dict[str, Any] = {**MODULES, **self.values}
        with np.errstate(all="ignore"):
            try:
                exec(statement, scope)
                value = np.asarray(scope[new], dtype=float)
            except (ValueError, IndexError, TypeError, np.linalg.LinAlgError):
                return
        fit = 0 < value.size <= MOST_ENTRIES and value.ndim <= 4
        if fit and np.all(np.isfinite(value)) and np.all(np.abs(value) < LARGEST_VALUE):
            self.lines += statement.split("\n")
            self.values[new] = value
            if self.varies(statement):
                self.varying.add(new)

    def varies(self, statement: str) -> bool:
        """Whether a statement uses what depends on the first argument."""
        return not self.varying.isdisjoint(re.findall(r"\w+", statement))

    def step(self) -> None:
        """A statement of a random kind."""
        kind = self.rng.choice(len(KINDS), p=[weight / TOTAL for weight, _ in KINDS])
        made = KINDS[kind][1](self)
        new = f"v{len(self.values)}"
        if made is not None:
            self.add(made.replace("{new}", new) if "{new}" in made else f"{new} = {made}", new)

    def loop(self, rng: np.random.Generator) -> str | None:
        """A loop over entries, drawn until one is fit and has a derivative; the name it defines."""
        new = f"v{len(self.values)}"
        shapes = {name: value.shape for name, value in self.values.items() if value.ndim <= 3}
        for _ in range(50):
            statement = loop(rng, shapes, new)
            if self.varies(statement):
                self.add(statement, new)
            if new in self.values:
                return new
        return None

    def fill(self, templates: tuple[str, ...], **wanted: Callable[[np.ndarray], bool]) -> str | None:
        """A random template with names in its places."""
        names = {place: self.pick(condition) for place, condition in wanted.items()}
        if any(name is None for name in names.values()):
            return None
        first = self.values[str(next(iter(names.values())))]
        axis = int(self.rng.integers(-1, max(first.ndim, 1)))
        return str(self.rng.choice(templates)).format(axis=axis, new="{new}", **names)

    def like(self, name: str) -> str:
        """A name whose value broadcasts with that of a name, mostly of the same shape."""
        shape = self.values[name].shape
        fits = _broadcasts if self.rng.random() < 0.3 else lambda a, b: a == b
        return str(self.pick(lambda value: fits(value.shape, shape)))

    def alike(self) -> str:
        """An operation on two arrays of one shape, or of shapes that broadcast."""
        a = str(self.pick())
        b = self.like(a)
        return str(self.rng.choice(ALIKE)).format(a=a, b=b)

    def joined(self) -> str | None:
        """Two arrays of one shape joined along an axis."""
        a = self.pick(lambda value: value.ndim > 0)
        if a is None:
            return None
        b = self.pick(lambda value: value.shape == self.values[a].shape)
        axis = int(self.rng.integers(0, self.values[a].ndim))
        return str(self.rng.choice(JOINED)).format(a=a, b=b, axis=axis)

    def product(self) -> str | None:
        """A matrix product of arrays of any number of axes, or a product that broadcasts."""
        a = self.pick(lambda value: value.ndim > 0)
        if a is None:
            return None
        size = self.values[a].shape[-1]
        b = self.pick(lambda value: value.ndim > 0 and value.shape[max(value.ndim - 2, 0)] == size)
        return f"{a} @ {b}" if b is not None else f"{a} * {self.like(a)}"

    def record(self) -> str:
        """A call of a record of the registry."""
        # A record that is added to the registry changes only the programs that it gets into.
        draw = int(self.rng.integers(1 << 30))
        name = max(CALLED, key=lambda record: zlib.crc32(f"{draw} {record}".encode()))
        if arity(name) and self.rng.random() < 0.8:
            operands = [str(self.pick())]
            operands += [self.like(operands[0]) for _ in range(arity(name) - 1)]
            made = on_values(name, [(operand, self.values[operand]) for operand in operands])
        else:
            made = near_sample(name, int(self.rng.integers(1 << 30)), self._named_value)
        return self._as_float(made)

    def _as_float(self, made: str) -> str:
        """Truth values and integers are multiplied by something that has a derivative."""
        with np.errstate(all="ignore"):
            value = np.asarray(eval(made, {**MODULES, **self.values}))
        return made if value.dtype.kind == "f" else f"({made}) * np.sum(np.sin({self.pick()}))"

    def _named_value(self) -> tuple[str, np.ndarray]:
        name = str(self.pick())
        return name, self.values[name]


def _broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return all(n == m or 1 in (n, m) for n, m in zip(a[::-1], b[::-1], strict=False))


KINDS: tuple[tuple[int, Callable[[_Builder], str | None]], ...] = (
    (8, _Builder.record),
    (5, lambda b: b.fill(ANY, a=lambda v: True)),
    (5, _Builder.alike),
    (4, _Builder.product),
    (4, lambda b: b.fill(REDUCED, a=lambda v: v.ndim > 0)),
    (2, lambda b: b.fill(VECTOR, v=lambda v: v.ndim == 1, w=lambda v: v.ndim == 1)),
    (2, lambda b: b.fill(MATRIX, M=lambda v: v.ndim == 2)),
    (2, lambda b: b.fill(SQUARE, S=lambda v: v.ndim == 2 and v.shape[0] == v.shape[1])),
    (2, lambda b: b.fill(STATEMENTS, a=lambda v: v.ndim > 0)),
    (1, _Builder.joined),
)
TOTAL = sum(weight for weight, _ in KINDS)


def program(seed: int, depth: int = 12, looped: float = LOOPED) -> tuple[str, tuple[np.ndarray, ...]]:
    """The source of a function `f` from arrays to a number, and arguments for it."""
    rng = np.random.default_rng(seed)
    n, m = (int(k) for k in rng.integers(2, 5, 2))
    shapes: list[tuple[int, ...]] = [(n,), (n, m), (m,), (n, n), ()]
    chosen = rng.permutation(len(shapes))[: rng.integers(1, 4)]
    arguments = tuple(np.asarray(rng.standard_normal(shapes[i])) for i in chosen)
    builder = _Builder(rng, {f"x{i}": a for i, a in enumerate(arguments)})
    # Loops have draws of their own: programs without one do not depend on them. Those with one are short.
    loops = np.random.default_rng([seed, 1])
    steps, at = int(rng.integers(3, depth + 1)), -1
    if loops.random() < looped:
        steps = int(loops.integers(1, 4))
        at = int(loops.integers(steps))
    defined = None
    for k in range(steps):
        if k == at:
            defined = builder.loop(loops)
        builder.step()
    results = [list(builder.values)[-1], *([builder.pick()] if rng.random() < 0.5 else [])]
    results += [defined] * (defined is not None and defined not in results)
    terms = [f"np.sum({r} * {r})" if rng.random() < 0.3 else f"np.sum({r})" for r in results]
    body = "".join(f"    {line}\n" for line in [*builder.lines, f"return {' + '.join(terms)}"])
    return f"def f({', '.join(f'x{i}' for i in range(len(arguments)))}):\n{body}", arguments


def compiled(source: str, modules: Any = MODULES) -> Callable[..., Any]:
    """The function of a program on NumPy and SciPy, or on modules like them."""
    scope: dict[str, Any] = dict(modules)
    exec(source, scope)
    function: Callable[..., Any] = scope["f"]
    return function


def without_assignment(source: str) -> str:
    """The program with assignments to parts of arrays written as JAX has them."""
    return ast.unparse(ast.fix_missing_locations(_Functional().visit(ast.parse(source))))


class _Functional(ast.NodeTransformer):
    """y[i] = v becomes y = y.at[i].set(v)."""

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        target = node.targets[0]
        return self._updated(target, "set", node.value) if isinstance(target, ast.Subscript) else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        if not isinstance(node.target, ast.Subscript):
            return node
        return self._updated(node.target, UPDATES[type(node.op)], node.value)

    def _updated(self, target: ast.Subscript, update: str, value: ast.expr) -> ast.AST:
        name, index = ast.unparse(target.value), ast.unparse(target.slice)
        return ast.parse(f"{name} = {name}.at[{index}].{update}({ast.unparse(value)})").body[0]
