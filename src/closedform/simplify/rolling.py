"""Unrolled loops rolled up again: terms that differ by a running index alone become one term with an axis.

sum over k of g(x[k], x[k+1], ...) becomes the sum of g over slices of x, and a product of scalars g(x[k])
the product of the entries of g(x), whatever way the loop was written. In a loop within a loop one index runs
while the others stay: sum over i and j of g(x[i], y[j]) is the sum of g over all pairs of entries, also where
j = i is left out, or the loop has one of (i, j) and (j, i) for symmetric g.
"""

from __future__ import annotations

import itertools
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TypeVar

from closedform.expression.calculus import (
    Factor,
    Number,
    broadcast,
    contract,
    exact,
    factors_of,
    is_integer,
    is_zero,
    label_sizes,
    linear,
    spec_of,
    terms_of,
)
from closedform.expression.expr import Expr, Shape, toposort
from closedform.expression.facts import holds
from closedform.expression.size import Size
from closedform.primitives import PRIMITIVES
from closedform.primitives.reductions import products_without
from closedform.primitives.structure import select, unit
from closedform.simplify.rules import rule, with_factors

# Shorter runs are left as they were written.
SHORTEST_RUN = 3
# Pairs of so many indices of a term are looked at.
MOST_INDICES = 3
# Indices that are varied in vain, before no more loops within loops are looked for in a sum.
MOST_TRIED = 30
# Functions that are finite everywhere, as are their derivatives.
FINITE = {
    *("exp", "expm1", "sin", "cos", "sinh", "cosh", "tanh", "expit", "softplus", "arctan", "arcsinh", "erf"),
    *("erfc", "logaddexp", "logsumexp", "softmax", "abs", "sign", "maximum", "minimum"),
}

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


def _with_axis(root: Expr, starts: Mapping[Expr, int], count: int) -> Expr | None:
    """The expressions in which unit vectors have the next `count` indices, stacked along a new first axis."""
    new: dict[Expr, Expr] = {}
    for node in toposort(root):
        if node in starts:
            new[node] = select(Size.of(count), node.shape[0], starts[node])
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
    if node.op in {"softmax", "logsumexp"}:
        return Expr(node.op, tuple(args), (("axis", tuple(a + 1 for a in dict(node.params)["axis"])),), shape)
    return None


def _summed(root: Expr, starts: Mapping[Expr, int], count: int) -> Expr | None:
    """The sum of the expressions in which unit vectors have the next `count` indices."""
    stacked = _with_axis(root, starts, count)
    labels = tuple(range(root.ndim))
    return None if stacked is None else contract([Factor(stacked, ("run", *labels))], labels)


# --- loops within loops ---------------------------------------------------------------------------


# The unit vectors that select one position: those of axes of one size at the example, as a loop counts both.
_Index = tuple[Expr, ...]


def _indices(root: Expr) -> list[_Index]:
    """The indices in a term, those that stand in fewer places first."""
    found: dict[tuple[int, int], list[Expr]] = {}
    for u in _units(root):
        found.setdefault((u.shape[0].value, _index(u)), []).append(u)
    places = Counter(arg for node in toposort(root) for arg in node.args)
    return [tuple(found[key]) for key in sorted(found, key=lambda k: (sum(places[u] for u in found[k]), k))]


# Terms of a sum, and what their sum is.
_Rolled = tuple[list[Expr], list[tuple[Number, Expr]]]


def _at(root: Expr, values: Mapping[_Index, int]) -> Expr:
    from closedform.simplify.simplify import replaced  # which applies the rules of this module

    return replaced(root, {u: unit(u.shape[0], k) for index, k in values.items() for u in index})


class _Term:
    """A term of a sum, c t, as a function of the indices of its unit vectors."""

    def __init__(self, t: Expr, c: Number, terms: Mapping[Expr, Number]) -> None:
        self.t, self.c, self.terms = t, c, terms
        self.indices = _indices(t)

    def at(self, values: Mapping[_Index, int]) -> Expr:
        """The term with other values of some indices."""
        return _at(self.t, values)

    def is_there(self, term: Expr) -> bool:
        """Whether the sum has a term, with the coefficient of this one."""
        return any(self.terms.get(t) == exact(self.c * c) for c, t in terms_of(term)[:1])

    def is_regular(self, values: Mapping[_Index, int]) -> bool:
        """Whether the term has a value and derivatives at other indices too, wherever it has them at its own:
        the normal form may be 0 where code would divide by 0."""
        for node in toposort(self.t):
            if node.op == "contract":
                spec = spec_of(node)
                risky = [
                    arg
                    for arg, p in zip(node.args, spec.exponents, strict=True)
                    if not is_integer(p) or p < 0
                ]
            elif node.op in FINITE or node.op in {"linear", "unit"}:
                continue
            else:
                risky = list(node.args)
            for base in risky:
                other = _at(base, values)
                if other is not base and not holds(other, "positive"):
                    return False
        return True

    def run(self, running: _Index) -> _Rolled | None:
        """The terms where one index runs while the others stay."""
        own, size = _index(running[0]), running[0].shape[0].value
        ends, found = [own, own], {self.t: None}
        for end, step in enumerate((-1, 1)):
            while 0 <= ends[end] + step < size:
                k = ends[end] + step
                other = self.at({running: k})
                if is_zero(other) and self.is_regular({running: k}):
                    ends[end] = k
                    continue
                if not self.is_there(other) or terms_of(other)[0][1] in found:
                    break
                found[terms_of(other)[0][1]] = None
                ends[end] = k
        if len(found) < SHORTEST_RUN:
            return None
        total = _summed(self.t, dict.fromkeys(running, ends[0]), ends[1] - ends[0] + 1)
        return None if total is None else (list(found), [(1, total)])

    def pairs(self, first: _Index, second: _Index) -> _Rolled | None:
        """The terms for all pairs of different indices, in one order if that does not matter."""
        n, both = first[0].shape[0].value, {first: 0, second: 0}
        if n != second[0].shape[0].value or n < SHORTEST_RUN:
            return None
        symmetric = self.at({first: _index(second[0]), second: _index(first[0])}) is self.t
        equal = self.at(both)
        if not symmetric and (is_zero(equal) or self.is_there(equal)):
            return None  # these are runs
        found: dict[Expr, None] = {}
        for i, j in itertools.permutations(range(n), 2):
            other = self.at({first: i, second: j})
            if (i > j and symmetric) or is_zero(other):
                continue
            if not self.is_there(other) or terms_of(other)[0][1] in found:
                return None
            found[terms_of(other)[0][1]] = None
        if not found or not self.is_regular(both):
            return None
        inner = _with_axis(self.t, dict.fromkeys(first, 0), n)
        outer = None if inner is None else _with_axis(inner, dict.fromkeys(second, 0), n)
        diagonal = _summed(self.t, dict.fromkeys(first + second, 0), n)
        if outer is None or diagonal is None:
            return None
        labels = tuple(range(self.t.ndim))
        total = contract([Factor(outer, ("second", "first", *labels))], labels)
        half = Fraction(1, 2) if symmetric else 1
        return list(found), [(half, total), (-half, diagonal)]


def _loops_in_loops(terms: dict[Expr, Number], shape: Shape) -> Expr | None:
    """The sum with loops within loops rolled up."""
    rolled: list[tuple[Number, Expr]] = []
    tried = 0
    candidates = [_Term(t, c, terms) for t, c in terms.items()]
    for term in sorted(candidates, key=lambda term: -len(term.indices)):
        if term.t not in terms or tried > MOST_TRIED:
            continue
        couples = [term.pairs(*couple) for couple in itertools.combinations(term.indices[:MOST_INDICES], 2)]
        ways = (*couples, *map(term.run, term.indices))
        found = next((way for way in ways if way is not None), None)
        if found is None:
            tried += len(term.indices)
            continue
        members, totals = found
        for member in members:
            del terms[member]
        rolled += [(term.c * c, total) for c, total in totals]
    return linear([*rolled, *((c, t) for t, c in terms.items())], shape) if rolled else None


@rule("roll up a sum", "g(x[0]) + ... + g(x[n-1]) = Σ g(x)", "linear")
def roll_up_sum(node: Expr) -> Expr | None:
    terms = dict(zip(node.args, node.params, strict=True))
    if len(terms) < SHORTEST_RUN or not _reads_entry(node):
        return None
    rolled = _loops_in_loops(dict(terms), node.shape)
    if rolled is not None:
        return rolled
    for run in _runs(terms.items()):
        first = run[0][1]
        total = _summed(first, {u: _index(u) for u in _units(first)}, len(run))
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
        stacked = _with_axis(first, {u: _index(u) for u in _units(first)}, len(run))
        if stacked is None:
            continue
        members = {expr for _, expr, _ in run}
        rest = [f for f in factors if f.labels or f.base not in members]
        return with_factors(node, [*rest, Factor(products_without(stacked, 0), (), run[0][2])])
    return None
