"""Unrolled loops rolled up again: terms that differ by a running index alone become one term with an axis.

sum over k of g(x[k], x[k+1], ...) becomes the sum of g over slices of x, and a product of scalars g(x[k])
the product of the entries of g(x), whatever way the loop was written. In a loop within a loop one index runs
while the others stay: sum over i and j of g(x[i], y[j]) is the sum of g over all pairs of entries, also where
j = i is left out, or the loop has one of (i, j) and (j, i).
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

from closedform.expression.calculus import Factor, factors_of, linear
from closedform.expression.expr import Expr
from closedform.primitives.reductions import products_without
from closedform.simplify.loops import SHORTEST_RUN, loops_in_loops
from closedform.simplify.rules import rule, with_factors
from closedform.simplify.stacking import (
    at_indices,
    index_of,
    reads_entry,
    rows_from,
    skeleton,
    summed,
    units_of,
    with_axis,
)

Item = TypeVar("Item")


def _shifted(root: Expr, units: Sequence[Expr], offset: int) -> Expr:
    """The expression with the indices of its unit vectors lowered."""
    return at_indices(root, {u: index_of(u) - offset for u in units})


def _runs(items: Iterable[tuple[Expr, Item]]) -> list[list[tuple[int, Expr, Item]]]:
    """Expressions that are the same up to a running index: (index, expression, what comes with it)."""
    groups: dict[tuple[Expr, Item], list[tuple[int, Expr, Item]]] = {}
    found = [((skeleton(expr), item), expr) for expr, item in items]
    alike = Counter(kind for kind, _ in found)
    for kind, expr in found:
        item = kind[1]
        units = units_of(expr) if alike[kind] >= SHORTEST_RUN else []
        if units:
            first = min(index_of(u) for u in units)
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


# A sum is looked at each time that an expression around it is simplified; None for one that is not rolled up.
_ROLLED: weakref.WeakKeyDictionary[Expr, Expr | None] = weakref.WeakKeyDictionary()


@rule("roll up a sum", "g(x[0]) + ... + g(x[n-1]) = Σ g(x)", "linear")
def roll_up_sum(node: Expr) -> Expr | None:
    if node not in _ROLLED:
        _ROLLED[node] = _rolled_up(node)
    return _ROLLED[node]


def _rolled_up(node: Expr) -> Expr | None:
    terms = dict(zip(node.args, node.params, strict=True))
    if len(terms) < SHORTEST_RUN or not reads_entry(node):
        return None
    rolled = loops_in_loops(dict(terms), node.shape)
    if rolled is not None:
        return rolled
    for run in _runs(terms.items()):
        first = run[0][1]
        total = summed(first, rows_from({u: index_of(u) for u in units_of(first)}, len(run)))
        if total is None:
            continue
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
        first = run[0][1]
        stacked = with_axis(first, rows_from({u: index_of(u) for u in units_of(first)}, len(run)))
        if stacked is None:
            continue
        members = {expr for _, expr, _ in run}
        rest = [f for f in factors if f.labels or f.base not in members]
        return with_factors(node, [*rest, Factor(products_without(stacked, 0), (), run[0][2])])
    return None
