"""Sums and products exchanged where that saves work: (D + M) A is D A + M A, and A B + A C is A (B + C)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from closedform.code.products import volume
from closedform.expression.calculus import (
    Factor,
    Number,
    contract,
    exact,
    factors_of,
    is_recursion,
    is_zero,
    label_sizes,
    linear,
    spec_of,
    zeros,
)
from closedform.expression.expr import Expr

# Names of a factor's axes: a position in the result, or a position in the factor that it is summed with.
Names = tuple[tuple[str, int], ...]
# Sums are not distributed into more products than this: each sum multiplies their number.
MOST_PRODUCTS = 32


def arranged(node: Expr) -> Expr:
    """The node as the sum or the product that takes less work; its operands are left as they are.

    >>> from closedform.expression.calculus import dot, transpose
    >>> from closedform.expression.expr import input_
    >>> from closedform.expression.size import Size
    >>> n = Size.axis("A", 0, 3)
    >>> A, B, C = (input_(name, (n, n)) for name in "ABC")
    >>> arranged(dot(A, B) + dot(A, C)) is dot(A, B + C)
    True
    """
    if node.op == "contract":
        return _distributed(node) or node
    if node.op == "linear":
        return _collected(node) or node
    return node


def _sum(terms: Sequence[tuple[Number, Expr]], like: Expr) -> Expr:
    """A sum of terms as they are: the normal form would undo what is done here."""
    kept = [(c, term) for c, term in terms if not is_zero(term)]
    if not kept:
        return zeros(like.shape)
    if len(kept) == 1 and kept[0][0] == 1:
        return kept[0][1]
    return Expr("linear", tuple(term for _, term in kept), tuple(c for c, _ in kept), like.shape)


def is_sparse(node: Expr) -> bool:
    """Whether the entries that are not zero by structure have fewer indices than there are axes: deltas, unit
    vectors, and slices of an identity."""
    if node.op in {"select", "unit", "gather", "shift"}:
        return True
    if node.op != "contract":
        return False
    spec = spec_of(node)
    tied: dict[int, int] = {}

    def first(label: int) -> int:
        while label in tied:
            label = tied[label]
        return label

    fixed = set()
    for base, labels in zip(node.args, spec.labels, strict=True):
        if base.op == "unit":
            fixed.add(labels[0])
        elif base.op in {"select", "gather", "shift"} and first(labels[0]) != first(labels[1]):
            tied[first(labels[0])] = first(labels[1])
    fixed = set(map(first, fixed))
    return len({first(label) for label in spec.out} - fixed) < len(spec.out)


def _distributed(node: Expr) -> Expr | None:
    """A product with a sum of sparse and other terms, as the sum of the products with each."""
    spec, factors = spec_of(node), factors_of(node)
    arrays = [f for f in factors if f.base.ndim]
    if len(arrays) == 1 and sorted(spec.out) == sorted(arrays[0].labels):  # type: ignore[type-var]
        return None
    for i, (base, labels, exponent) in enumerate(factors):
        if base.op != "linear" or exponent != 1 or base.ndim < 2:
            continue
        terms = list(zip(base.params, base.args, strict=True))
        sparse = [(c, t) for c, t in terms if is_sparse(t)]
        if not sparse:
            continue
        dense = [(c, t) for c, t in terms if not is_sparse(t)]
        parts = [*sparse, *([(1, linear(dense, base.shape))] if dense else [])]
        others = factors[:i] + factors[i + 1 :]
        sizes = label_sizes(node)
        if len(parts) * _products_in(others) > MOST_PRODUCTS:
            continue
        products = [
            (exact(c * spec.coefficient), contract([*others, Factor(t, labels)], spec.out, sizes))
            for c, t in parts
        ]
        return _sum(products, node)
    return None


def _products_in(factors: Sequence[Factor]) -> int:
    """How many products there are when all sums with sparse terms are distributed."""
    sums = [f.base.args for f in factors if f.base.op == "linear" and f.exponent == 1 and f.base.ndim > 1]
    return math.prod(len(terms) for terms in sums if any(map(is_sparse, terms)))


def _collected(node: Expr) -> Expr | None:
    """A sum of products that share a factor, as the product with a sum, if that is the larger factor."""
    groups: dict[tuple[Expr, Names, Names], dict[int, tuple[Expr, Callable[[], Expr]]]] = {}
    for i, term in enumerate(node.args):
        for key, base, other in _splits(term):
            groups.setdefault(key, {})[i] = (base, other)
    several = [
        (key, found)
        for key, found in groups.items()
        if len(found) > 1 and not is_recursion([{base for base, _ in found.values()}], {key[0]})
    ]
    if not several:
        return None
    (shared, names, other_names), found = max(several, key=lambda item: len(item[1]))
    others = {i: other() for i, (_, other) in found.items()}
    total = linear(
        [(node.params[i], other) for i, other in others.items()], next(iter(others.values())).shape
    )
    out = [("out", axis) for axis in range(node.ndim)]
    product = contract([Factor(shared, names), Factor(total, other_names)], out)
    rest = [(c, t) for i, (c, t) in enumerate(zip(node.params, node.args, strict=True)) if i not in others]
    collected = _sum([(1, product), *rest], node)
    return arranged(collected) if len(rest) > 1 else collected


def _splits(term: Expr) -> list[tuple[tuple[Expr, Names, Names], Expr, Callable[[], Expr]]]:
    """The ways to see a term as a large array times another: where their axes go, the other, and how to make
    it with the numbers."""
    if term.op != "contract":
        return []
    spec, factors = spec_of(term), factors_of(term)
    arrays = [f for f in factors if f.base.ndim]
    if len(arrays) != 2 or len(set(spec.out)) != len(spec.out):
        return []
    splits: list[tuple[tuple[Expr, Names, Names], Expr, Callable[[], Expr]]] = []
    for shared, other in (arrays, arrays[::-1]):
        named = {label: ("in", axis) for axis, label in enumerate(shared.labels)}
        named.update({label: ("out", axis) for axis, label in enumerate(spec.out)})
        covered = set(spec.out) <= {*shared.labels, *other.labels} and set(other.labels) <= set(named)
        distinct = len(set(other.labels)) == len(other.labels) and not is_sparse(other.base)
        if (
            shared.exponent != 1
            or not covered
            or not distinct
            or volume(other.base.shape) > volume(shared.base.shape)
        ):
            continue
        numbers = [f for f in factors if not f.base.ndim]
        axes = tuple(range(other.base.ndim))
        scaled = partial(
            contract,
            [*numbers, Factor(other.base, axes, other.exponent)],
            axes,
            coefficient=exact(spec.coefficient),
        )
        key = (shared.base, tuple(named[x] for x in shared.labels), tuple(named[x] for x in other.labels))
        splits.append((key, other.base, scaled))
    return splits
