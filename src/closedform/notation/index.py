"""Index notation: arrays go in, scalars with labels (`entry`) come out, bound to an array (`index`)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

from closedform.expression.expr import Expr, Known, Shape, rebuild, toposort
from closedform.notation.form import LABELLED, factored, literal, negative, power, product
from closedform.primitives.record import PRIMITIVES

# Labels are numbers, none bound twice, until `lettered` replaces them.
Label = int | str

LETTERS = "ijklprstuv"
# Entries of arrays with formulas of more nodes are written with the array, which has a name then.
LARGEST_OPENED = 1000


def bound(body: Expr, labels: Sequence[Label], shape: Shape) -> Expr:
    """The array with the entries `body`."""
    return body if not shape else Expr("index", (body,), tuple(labels), shape)


def entry(form: Expr, labels: Sequence[Label], fresh: Iterator[int]) -> Expr:
    """The entry of an array at labels, as a scalar."""
    if not labels:
        return form
    scalars, array = factored(form)
    if array.op == "index" and array.weight < LARGEST_OPENED:
        return product(*scalars, _opened(array, labels, fresh))
    rule = _ENTRIES.get(array.op)
    if rule is None:
        return product(*scalars, Expr("entry", (array,), tuple(labels), ()))
    return product(*scalars, *(entry(part, at, fresh) for part, at in rule(array, tuple(labels))))


_Parts = list[tuple[Expr, tuple[Label, ...]]]


def _filled(array: Expr, _: tuple[Label, ...]) -> _Parts:
    return [(literal(array.params[0] if array.params else 1), ())]


# Arrays whose entry is a product of simpler entries.
_ENTRIES: dict[str, Callable[[Expr, tuple[Label, ...]], _Parts]] = {
    "ones": _filled,
    "literal": _filled,
    "identity": lambda _, at: [(delta(*at), ())],
    "diag": lambda array, at: [*((delta(at[0], other), ()) for other in at[1:]), (array.args[0], at[:1])],
    "transpose": lambda array, at: [(array.args[0], at[::-1])],
    "hadamard": lambda array, at: [(arg, at) for arg in array.args],
}


def labels_of(form: Expr) -> frozenset[Any]:
    """The labels that stand in a form itself, not in its operands."""
    return frozenset(form.params) if form.op in LABELLED else frozenset()


def bound_labels(form: Expr) -> frozenset[Any]:
    """The labels to which a form gives their meaning."""
    if form.op == "running_product":
        return frozenset(form.params[:1])
    return frozenset(form.params) if form.op in {"index", "summation"} else frozenset()


def delta(first: Label, second: Label) -> Expr:
    """Kronecker's delta."""
    return Expr("delta", (), (first, second), ())


def different(first: Label, second: Label) -> Expr:
    """One where two labels differ, else zero."""
    return Expr("different", (), (first, second), ())


def running_product(body: Expr, label: Label, without: Sequence[Label] = ()) -> Expr:
    """The product over a label, without some of its values."""
    return Expr("running_product", (body,), (label, *without), ())


def summed(labels: Sequence[Label], factors: Sequence[Expr]) -> Expr:
    """The sum over labels of a product; factors without these labels stand in front."""
    if not labels:
        return product(*factors)
    inside = [factor for factor in factors if not free_labels(factor).isdisjoint(labels)]
    outside = [factor for factor in factors if factor not in inside]
    return product(*outside, Expr("summation", (product(*inside),), tuple(labels), ()))


def _free_labels(form: Expr) -> frozenset[Any]:
    """The labels in a form and its operands that nothing there gives their meaning."""
    inner = frozenset[Any]().union(*map(free_labels, form.args))
    return (inner | labels_of(form)) - bound_labels(form)


free_labels = Known(_free_labels, frozenset[Any]())


def renamed(form: Expr, args: tuple[Expr, ...], names: Mapping[Label, Label]) -> Expr:
    """The form with new operands and labels."""
    params = tuple(names.get(p, p) for p in form.params) if form.op in LABELLED else form.params
    return Expr(form.op, args, params, form.shape)


def _opened(array: Expr, labels: Sequence[Label], fresh: Iterator[int]) -> Expr:
    """The entry of an `index` form: its own labels become the given ones, those bound to parts that have
    these new ones. Closed parts stay as they are, and so stay one part wherever they stand."""
    (body,) = array.args
    names: dict[Label, Label] = dict(zip(array.params, labels, strict=True))
    new: dict[Expr, Expr] = {}
    stack = [body]
    while stack:
        form = stack[-1]
        concerned = not names.keys().isdisjoint(free_labels(form))
        if concerned:
            names.update({label: next(fresh) for label in bound_labels(form) if label not in names})
        missing = [arg for arg in form.args if concerned and arg not in new]
        stack += missing
        if not missing:
            stack.pop()
            new[form] = renamed(form, tuple(new[arg] for arg in form.args), names) if concerned else form
    return new[body]


def lettered(root: Expr, taken: Container[str]) -> Expr:
    """The form with letters for labels: i, j, k, ..., none that already has a meaning where it stands."""
    names: dict[Label, str] = {}
    scope: dict[Expr, set[Label]] = {root: set()}
    for form in reversed(toposort(root)):
        inner = scope[form]
        if bound_labels(form):
            binds = [label for label in form.params if label in bound_labels(form)]
            first = "k" if form.op == "running_product" else ""
            meaning = {names[label] for label in inner}
            supply = (letter for letter in _letters(first) if letter not in meaning and letter not in taken)
            names.update({label: next(supply) for label in binds if label not in names})
            inner = inner | set(binds)
        for arg in form.args:
            scope.setdefault(arg, set()).update(inner)
    return rebuild(root, lambda form, args: renamed(form, args, names))


def _letters(first: str) -> Iterator[str]:
    plain = itertools.chain(first, LETTERS)
    return itertools.chain(plain, (f"{letter}_{n}" for n in itertools.count(1) for letter in LETTERS))


def pushed(form: Expr, labels: Sequence[Label], fresh: Iterator[int]) -> Expr:
    """The entry of an array with the labels at its names: (1 - a)_k is written 1 - a_k."""
    done: dict[Expr, Expr] = {}
    stack = [form]
    while stack:
        node = stack[-1]
        spreads = bool(node.shape) and is_elementwise(node)
        missing = [arg for arg in node.args if spreads and arg not in done]
        if missing:
            stack += missing
            continue
        stack.pop()
        if spreads:
            done[node] = scalar_version(node, [done[arg] for arg in node.args])
        else:
            done[node] = entry(node, labels, fresh) if node.shape else node
    return done[form]


def is_elementwise(form: Expr) -> bool:
    """Whether each entry of the form depends on the same entry of its operands alone."""
    if form.op == "call":
        record = PRIMITIVES.get(form.params[0])
        return record is not None and record.elementwise
    return form.op in {"sum", "negative", "product", "fraction", "hadamard", "quotient", "elementwise_power"}


def scalar_version(form: Expr, operands: Sequence[Expr]) -> Expr:
    """An elementwise form, of scalars."""
    if form.op in {"hadamard", "product"}:
        return product(*operands)
    if form.op in {"quotient", "fraction"}:
        return product(operands[0], power(operands[1], -1))
    if form.op == "elementwise_power":
        return power(operands[0], form.params[0])
    if form.op == "negative":
        return negative(operands[0])
    return Expr(form.op, tuple(operands), form.params, ())
