"""Unrolled loops rolled up again: terms that differ by a running index alone become one term with an axis.

sum over k of g(x[k], x[k+1], ...) becomes the sum of g over slices of x, and a product of scalars g(x[k])
the product of the entries of g(x), whatever way the loop was written.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import TypeVar

from closedform.expression.calculus import (
    Factor,
    broadcast,
    contract,
    factors_of,
    label_sizes,
    linear,
    spec_of,
)
from closedform.expression.expr import Expr, toposort
from closedform.expression.size import Size
from closedform.primitives import PRIMITIVES
from closedform.primitives.reductions import products_without
from closedform.primitives.structure import select, unit
from closedform.simplify.rules import rule, with_factors

# Shorter runs are left as they were written.
SHORTEST_RUN = 3

Item = TypeVar("Item")


def _index(node: Expr) -> int:
    """The position that a unit vector of known size selects, from the front."""
    index: int = dict(node.params)["index"]
    return index % node.shape[0].value if node.shape[0].is_literal else index


# Whether an entry of known position is read anywhere below a node.
_READS_ENTRY: weakref.WeakKeyDictionary[Expr, bool] = weakref.WeakKeyDictionary()


def _reads_entry(root: Expr) -> bool:
    stack = [root]
    while stack:
        node = stack[-1]
        unknown = [arg for arg in node.args if arg not in _READS_ENTRY]
        if unknown:
            stack.extend(unknown)
            continue
        _READS_ENTRY[node] = (node.op == "unit" and _index(node) >= 0) or any(
            _READS_ENTRY[arg] for arg in node.args
        )
        stack.pop()
    return _READS_ENTRY[root]


def _units(root: Expr) -> list[Expr]:
    if not _reads_entry(root):
        return []
    return [node for node in toposort(root) if node.op == "unit" and _index(node) >= 0]


def _shifted(root: Expr, units: Sequence[Expr], offset: int) -> Expr:
    """The expression with the indices of its unit vectors lowered."""
    from closedform.simplify.simplify import replaced  # which applies the rules of this module

    return replaced(root, {u: unit(u.shape[0], _index(u) - offset) for u in units})


def _runs(items: Iterable[tuple[Expr, Item]]) -> list[list[tuple[int, Expr, Item]]]:
    """Expressions that are the same up to a running index: (index, expression, what comes with it)."""
    groups: dict[tuple[Expr, Item], list[tuple[int, Expr, Item]]] = {}
    for expr, item in items:
        units = _units(expr)
        if units:
            first = min(_index(u) for u in units)
            groups.setdefault((_shifted(expr, units, first), item), []).append((first, expr, item))
    runs = []
    for group in groups.values():
        group.sort(key=lambda entry: entry[0])
        run = group[:1]
        for entry in group[1:]:
            if entry[0] != run[-1][0] + 1:
                runs.append(run)
                run = []
            run.append(entry)
        runs.append(run)
    return [run for run in runs if len(run) >= SHORTEST_RUN]


def _with_axis(root: Expr, count: int) -> Expr | None:
    """The expressions for the next `count` indices, stacked along a new first axis."""
    new: dict[Expr, Expr] = {}
    for node in toposort(root):
        if node.op == "unit" and _index(node) >= 0:
            new[node] = select(Size.of(count), node.shape[0], _index(node))
        elif any(arg in new for arg in node.args):
            stacked = _stacked(node, new, Size.of(count))
            if stacked is None:
                return None
            new[node] = stacked
    return new.get(root)


def _stacked(node: Expr, new: dict[Expr, Expr], count: Size) -> Expr | None:
    shape = (count, *node.shape)
    if node.op == "contract":
        spec = spec_of(node)
        factors = [
            Factor(new[f.base], ("run", *f.labels), f.exponent) if f.base in new else f
            for f in factors_of(node)
        ]
        return contract(factors, ("run", *spec.out), {**label_sizes(node), "run": count}, spec.coefficient)
    args = [new.get(arg) or broadcast(arg, (count, *arg.shape)) for arg in node.args]
    if node.op == "linear":
        return linear(zip(node.params, args, strict=True), shape)
    if PRIMITIVES[node.op].elementwise:
        return Expr(node.op, tuple(args), node.params, shape)
    return None


@rule("roll up a sum", "g(x[0]) + ... + g(x[n-1]) = Σ g(x)", "linear")
def roll_up_sum(node: Expr) -> Expr | None:
    terms = dict(zip(node.args, node.params, strict=True))
    if len(terms) < SHORTEST_RUN:
        return None
    for run in _runs(terms.items()):
        stacked = _with_axis(run[0][1], len(run))
        if stacked is None:
            continue
        labels = tuple(range(node.ndim))
        total = contract([Factor(stacked, ("run", *labels))], labels)
        members = {expr for _, expr, _ in run}
        rest = [(c, term) for term, c in terms.items() if term not in members]
        return linear([*rest, (run[0][2], total)], node.shape)
    return None


@rule("roll up a product", "g(x[0]) ... g(x[n-1]) = ∏ g(x)", "contract")
def roll_up_product(node: Expr) -> Expr | None:
    factors = factors_of(node)
    scalars = {f.base: f.exponent for f in factors if not f.labels}
    if len(scalars) < SHORTEST_RUN:
        return None
    for run in _runs(scalars.items()):
        stacked = _with_axis(run[0][1], len(run))
        if stacked is None:
            continue
        members = {expr for _, expr, _ in run}
        rest = [f for f in factors if f.labels or f.base not in members]
        return with_factors(node, [*rest, Factor(products_without(stacked, 0), (), run[0][2])])
    return None
