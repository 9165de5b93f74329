"""A simple evaluator of formulas, and random formulas, to test emitted code against."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from closedform.code.helpers import HELPERS
from closedform.expression.calculus import Factor, contract, linear, spec_of
from closedform.expression.expr import Expr, input_, toposort
from closedform.expression.size import Size
from closedform.primitives import PRIMITIVES
from closedform.primitives.structure import gather, reshaping, roll, select, triangle, unit

Arrays = Mapping[str, np.ndarray]


def size_at(size: Size, arrays: Arrays) -> int:
    """The value of a size for these arguments."""
    return int(eval(size.render(lambda name, axis: str(arrays[name].shape[axis]))))


def evaluate(root: Expr, arrays: Arrays) -> Any:
    """The value of a formula: one einsum per contraction, deltas and structured constants dense."""
    values: dict[Expr, Any] = {}
    for node in toposort(root):
        values[node] = _evaluate(node, [values[arg] for arg in node.args], arrays)
    return values[root]


def _evaluate(node: Expr, args: list[Any], arrays: Arrays) -> Any:
    shape = tuple(size_at(s, arrays) for s in node.shape)
    params = dict(node.params) if node.op not in {"input", "constant", "size", "contract", "linear"} else {}
    if node.op == "input":
        return arrays[node.params[0]]
    if node.op == "constant":
        return node.params[0].array
    if node.op == "size":
        return float(size_at(node.params[0], arrays))
    if node.op == "linear":
        return sum(float(c) * a for c, a in zip(node.params, args, strict=True))
    if node.op == "contract":
        return _contraction(node, args, shape)
    if node.op in {"select", "unit", "gather", "shift", "triangle", "reshape"}:
        return _structured(node.op, params, shape, arrays)
    if node.op in HELPERS:
        return HELPERS[node.op].call(*map(np.asarray, args), **params)
    if node.op == "quotient":
        return args[0] / args[1]
    call = PRIMITIVES[node.op].call
    assert call is not None
    return call(*args, **params)


def _contraction(node: Expr, args: list[Any], shape: tuple[int, ...]) -> Any:
    spec = spec_of(node)
    operands: list[Any] = []
    for value, labels, exponent in zip(args, spec.labels, spec.exponents, strict=True):
        operands += [np.asarray(value, dtype=float) ** float(exponent), list(labels)]
    used = {label for labels in spec.labels for label in labels}
    for label, size in zip(spec.out, shape, strict=True):
        if label not in used:
            operands += [np.ones(size), [label]]
            used.add(label)
    unique = list(dict.fromkeys(spec.out))
    value = float(spec.coefficient) * (
        np.einsum(*operands, unique, optimize="greedy") if operands else np.ones(())
    )
    result = np.zeros(shape)
    if shape:
        np.einsum(result, list(spec.out), unique)[...] = value
        return result
    return value


def _structured(op: str, params: dict[str, Any], shape: tuple[int, ...], arrays: Arrays) -> np.ndarray:
    if op == "triangle":
        return np.tri(*shape, params["k"])
    if op == "reshape":
        return np.eye(shape[0]).reshape(shape)
    result = np.zeros(shape)
    if op == "unit":
        result[params["index"]] = 1
    elif op == "shift":
        return np.roll(np.eye(shape[0]), params["by"], axis=0)
    elif op == "gather":
        result[np.arange(shape[0]), params["index"].array] = 1
    else:
        rows = np.arange(shape[0])
        result[rows, size_at(Size.of(params["start"]), arrays) + params["step"] * rows] = 1
    return result


# --- random formulas ------------------------------------------------------------------------------

M, N = Size.axis("A", 0, 3), Size.axis("A", 1, 4)
INPUTS = [
    input_("A", (M, N)), input_("x", (N,)), input_("y", (N,)), input_("u", (M,)), input_("B", (N, N)),
    input_("C", (M, M)), input_("s", ()), input_("T", (N, M, N)),
]  # fmt: skip
ARGUMENTS = [node.params[0] for node in INPUTS]
STRUCTURES = [
    select(N - 1, N, 1), select(N - 1, N, 0), select(N, N, N - 1, -1), select(N.ceildiv(2), N, 0, 2),
    select(N.ceildiv(2), N, N - 1, -2), select(N, M + N, M), unit(N, 0), unit(N, -1), unit(M, 1),
    gather(np.array([1, 0, 1]), M), gather(np.array([2, 0]), N), gather(np.array([0, 2, 2, 1, 2]), N),
    roll(N, 1), roll(N, -2), roll(M, 4),
    triangle(N, N, 0), triangle(M, N, 1), triangle(N, M, -1), reshaping((M, N)), reshaping((N, N)),
]  # fmt: skip
NUMBERS = [1, 1, 1, 2, -1, Fraction(1, 2), Fraction(-2, 3), 4]


def arguments(m: int, n: int, seed: int = 0, dtype: Any = float) -> dict[str, np.ndarray]:
    """Random arguments, with the sizes m and n."""
    rng = np.random.default_rng(seed)
    sizes = {M: m, N: n}
    return {
        node.params[0]: rng.uniform(0.6, 1.4, [sizes[s] for s in node.shape]).astype(dtype) for node in INPUTS
    }


@st.composite
def formulas(draw: st.DrawFn, depth: int = 3) -> Expr:
    """A random expression in normal form."""
    kind = draw(st.sampled_from(["contract"] * 5 + ["sum"] * 3 + ["map", "leaf"])) if depth else "leaf"
    if kind == "leaf":
        return draw(st.sampled_from(INPUTS + STRUCTURES if depth < 3 else INPUTS))
    if kind == "map":
        v = draw(formulas(depth=depth - 1))
        op = draw(st.sampled_from(["tanh", "expit", "softplus", "arctan", "maximum"]))
        if op == "maximum":
            zero = contract([], range(v.ndim), dict(enumerate(v.shape)), 0)
            return Expr(op, (v, zero), (), v.shape)
        return Expr(op, (v,), (), v.shape)
    if kind == "sum":
        return draw(_sums(depth))
    return draw(_contractions(depth))


@st.composite
def _contractions(draw: st.DrawFn, depth: int, shape: tuple[Size, ...] | None = None) -> Expr:
    """A random contraction, if asked for of a shape."""
    factors, sizes = [], {}
    for i, size in enumerate(shape or ()):
        label = (
            ("out", i)
            if i == 0 or draw(st.integers(0, 3))
            else next((k for k in sizes if sizes[k] == size), ("out", i))
        )
        sizes[label] = size
    names = [next(k for k in list(sizes) if sizes[k] == s) for s in shape or ()]
    if shape and draw(st.booleans()):
        names = [("out", i) for i in range(len(shape))]
        sizes = dict(zip(names, shape, strict=True))
    for _ in range(draw(st.integers(0 if shape else 1, 4))):
        base = draw(formulas(depth=depth - 1))
        if base.ndim > 4:
            continue
        labels = []
        for size in base.shape:
            options = [k for k in sizes if sizes[k] == size]
            new = ("l", len(sizes))
            label = draw(st.sampled_from([*options, new] if len(sizes) < 7 else options or [new]))
            sizes[label] = size
            labels.append(label)
        positive = base.op == "input"
        exponent = draw(
            st.sampled_from(
                [1, 1, 1, 2, 3, -1, -2, Fraction(1, 2), Fraction(-3, 2)] if positive else [1, 1, 2]
            )
        )
        factors.append(Factor(base, tuple(labels), exponent))
    if shape is None:
        used = list(dict.fromkeys(label for f in factors for label in f.labels))
        names = draw(st.lists(st.sampled_from(used), max_size=4)) if used else []
        if draw(st.integers(0, 4)) == 0 and len(names) < 3:
            sizes["new"] = draw(st.sampled_from([M, N]))
            names.insert(draw(st.integers(0, len(names))), "new")
    return contract(factors, names, sizes, draw(st.sampled_from(NUMBERS)))


@st.composite
def _sums(draw: st.DrawFn, depth: int) -> Expr:
    """A random sum of terms of one shape."""
    first = draw(formulas(depth=depth - 1))
    terms = [first, *(draw(_contractions(depth, first.shape)) for _ in range(draw(st.integers(1, 3))))]
    return linear([(draw(st.sampled_from(NUMBERS)), t) for t in terms], first.shape)
