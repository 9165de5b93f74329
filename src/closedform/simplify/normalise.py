"""The user's own operations in, the calculus in normal form out; axes used as one get one size."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.errors import InvalidArgumentError, UnsupportedError
from closedform.expression.calculus import (
    SizeMismatchError,
    SizeUsedError,
    identity,
    linear,
    multiply,
    number,
    size_number,
)
from closedform.expression.expr import Expr, constant, input_, toposort
from closedform.expression.size import Atom, AxisOf, Size
from closedform.primitives import PRIMITIVES
from closedform.primitives.elementwise import elementwise
from closedform.simplify.parts import read_part


@dataclass(frozen=True)
class Normalised:
    """A traced function in the calculus.

    root      the result
    inputs    the input nodes, with the sizes that the function's operations imply
    fixed     axes whose size is a plain number: (argument, axis) -> number
    equal     sizes that must be one although NumPy would accept others (it would broadcast, or cut)
    """

    root: Expr
    inputs: dict[str, Expr]
    fixed: dict[AxisOf, int]
    equal: tuple[tuple[Size, Size], ...] = ()


# NumPy itself refuses operands of these whose axes do not match.
CHECKED_BY_NUMPY = frozenset(
    {"matmul", "dot", "inner", "vdot", "tensordot", "inv", "det", "slogdet", "expm", "matrix_power"}
    | {"solve", "solve_transposed", "solve_symmetric"}
)


def normalise(
    root: Expr,
    leaves: Iterable[Expr],
    pinned: Iterable[Size] = (),
    lines: Mapping[Expr, object] | None = None,
) -> Normalised:
    """Lower a level-one expression; `pinned` sizes become plain numbers, `lines` are named in messages."""
    sizes: dict[Atom, Size] = {}
    for size in pinned:
        _fix(size, sizes)
    leaves = list(leaves)
    equal: list[tuple[Size, Size]] = []
    while True:
        inputs = {
            leaf.params[0]: input_(leaf.params[0], [s.substitute(sizes) for s in leaf.shape], leaf.params[1])
            for leaf in leaves
        }
        try:
            lowered = _lower(root, inputs, sizes, lines or {})
        except SizeUsedError as used:
            _fix(used.sizes[0], sizes)
            continue
        except SizeMismatchError as mismatch:
            _unite(*mismatch.sizes, sizes)
            if mismatch.op not in CHECKED_BY_NUMPY:
                equal.append(mismatch.sizes)
            continue
        fixed = {
            atom: size.value for atom, size in sizes.items() if isinstance(atom, AxisOf) and size.is_literal
        }
        return Normalised(lowered, inputs, fixed, tuple(equal))


def _fix(size: Size, sizes: dict[Atom, Size]) -> None:
    for monomial, _ in size.terms:
        for atom in monomial:
            if isinstance(atom, AxisOf):
                _replace(atom, Size.of(atom.value), sizes)
            else:
                _fix(atom.size, sizes)


def _replace(atom: Atom, size: Size, sizes: dict[Atom, Size]) -> None:
    sizes[atom] = size
    for other, old in sizes.items():
        sizes[other] = old.substitute({atom: size})


def _unite(first: Size, second: Size, sizes: dict[Atom, Size]) -> None:
    """Make two sizes one: an axis takes the other's size; if neither is an axis, both become numbers."""
    if first.value != second.value:
        raise InvalidArgumentError(f"axes of sizes {first.value} and {second.value} do not match")
    for one, other in ((first, second), (second, first)):
        if len(one.terms) == 1 and one.terms[0][1] == 1 and len(one.terms[0][0]) == 1:
            (atom,) = one.terms[0][0]
            if isinstance(atom, AxisOf) and str(one) not in str(other):
                _replace(atom, other, sizes)
                return
    _fix(first, sizes)
    _fix(second, sizes)


def _lower(
    root: Expr, inputs: dict[str, Expr], sizes: dict[Atom, Size], lines: Mapping[Expr, object]
) -> Expr:
    lowered: dict[Expr, Expr] = {}
    chains = _chains(root)
    for node in toposort(root):
        leaf = _LEAVES.get(node.op)
        if leaf is not None:
            lowered[node] = leaf(node, inputs, sizes)
        elif chains.get(node) != []:
            try:
                if node in chains:
                    terms = [(c, lowered[term]) for c, term in chains[node]]
                    lowered[node] = linear(terms, terms[0][1].shape)
                else:
                    args = tuple(lowered[a] for a in node.args)
                    lowered[node] = lower_operation(node.op, args, node.params, sizes)
            except SizeMismatchError as mismatch:
                mismatch.op = node.op
                raise
            except UnsupportedError as error:
                raise UnsupportedError(f"{error} ({lines.get(node, 'in the function')})") from error.__cause__
    return lowered[root]


def _chains(root: Expr) -> dict[Expr, list[tuple[int, Expr]]]:
    """The terms of sums of sums, such as a loop adds up, by the last addition; none for those inside. What is
    one sum for the reader is made at once: in parts, the first ones would be factored for themselves."""
    order = toposort(root)
    places = Counter(arg for node in order for arg in node.args)
    chains: dict[Expr, list[tuple[int, Expr]]] = {}
    for node in order:
        if node.op not in {"add", "subtract"} or any(arg.shape != node.shape for arg in node.args):
            continue
        terms: list[tuple[int, Expr]] = []
        for sign, arg in zip((1, 1 if node.op == "add" else -1), node.args, strict=True):
            if arg in chains and places[arg] == 1:
                inner, chains[arg] = chains[arg], []
                if sign > 0 and not terms:
                    terms = inner
                else:
                    terms += [(sign * c, term) for c, term in inner]
            else:
                terms.append((sign, arg))
        chains[node] = terms
    return chains


def lower_operation(
    op: str, args: tuple[Expr, ...], params: tuple[tuple[str, object], ...], sizes: dict[Atom, Size]
) -> Expr:
    """One of the user's operations, in the calculus."""
    lower = PRIMITIVES[op].lower
    parameters: dict[str, Any] = {name: _substituted(value, sizes) for name, value in params}
    if op == "setitem":
        parameters["read"] = read_part
    try:
        return elementwise(op, *args) if lower is None else lower(*args, **parameters)
    except (NotImplementedError, TypeError) as error:
        shapes = ", ".join(str(tuple(s.value for s in a.shape)) for a in args)
        raise UnsupportedError(f"{op} of shapes {shapes} is not supported: {error}") from error


def _substituted(value: object, sizes: dict[Atom, Size]) -> object:
    if isinstance(value, Size):
        return value.substitute(sizes)
    return tuple(_substituted(v, sizes) for v in value) if isinstance(value, tuple) else value


Leaf = Callable[[Expr, dict[str, Expr], dict[Atom, Size]], Expr]

_LEAVES: dict[str, Leaf] = {
    "input": lambda node, inputs, sizes: inputs[node.params[0]],
    "constant": lambda node, inputs, sizes: _constant(node),
    "number": lambda node, inputs, sizes: _number(node.params[0]),
    "size": lambda node, inputs, sizes: size_number(node.params[0].substitute(sizes)),
}


def _constant(node: Expr) -> Expr:
    array = node.params[0].array
    if array.ndim == 2 and array.size and array.dtype.kind in "iuf" and np.isfinite(array[0, 0]):
        scale = float(array[0, 0])
        if scale and np.array_equal(array, scale * np.eye(len(array))):
            return multiply(scale, identity((Size.of(len(array)),)))
    return constant(array.astype(float) if array.dtype.kind in "iub" else array, node.params[0].name)


def _number(value: float) -> Expr:
    if math.isfinite(value):
        return number(value)
    return constant(np.asarray(value, dtype=float))
