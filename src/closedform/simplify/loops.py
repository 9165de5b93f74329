"""Loops within loops: an index runs while the others stay, or two indices run over pairs of positions."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

import numpy as np

from closedform.expression.calculus import (
    Factor,
    Label,
    Number,
    contract,
    exact,
    factors_of,
    is_integer,
    is_zero,
    linear,
    spec_of,
    terms_of,
)
from closedform.expression.expr import Expr, Shape, toposort
from closedform.expression.facts import bounds
from closedform.expression.size import Size
from closedform.primitives.structure import gather, triangle, unit
from closedform.simplify.stacking import (
    at_indices,
    index_of,
    rows_from,
    simplified,
    skeleton,
    summed,
    units_of,
    with_axis,
)

# Shorter runs are left as they were written.
SHORTEST_RUN = 3
# Pairs of so many positions in a term are looked at.
MOST_PAIRED = 3
# Positions that are varied in vain, before no more loops within loops are looked for in a sum.
MOST_TRIED = 8
# Terms of more nodes are not looked at for loops within loops.
LARGEST_VARIED = 150
# Functions of one entry that are finite, as are their derivatives; those that are never large.
FINITE = {"exp", "expm1", "sinh", "cosh", "softplus", "logsumexp", "logaddexp", "arcsinh", "erfc"}
BOUNDED = {"sin", "cos", "tanh", "expit", "arctan", "erf", "softmax", "abs", "sign", "maximum", "minimum"}

# The unit vectors that select one position: those of axes of one size at the example, as a loop counts both.
_Position = tuple[Expr, ...]
# Terms of a sum, and what their sum is.
_Rolled = tuple[list[Expr], list[tuple[Number, Expr]]]


def _positions(root: Expr) -> list[_Position]:
    """The positions in a term: those that stand in fewer places first, then those on later axes, as they are
    of the inner loop, so that the stacked array has the axes of the arrays it is made from."""
    found: dict[tuple[int, int], list[Expr]] = {}
    for u in units_of(root):
        found.setdefault((u.shape[0].value, index_of(u)), []).append(u)
    places = _places(root)
    read = {tuple(units): sorted(itertools.chain(*(places[u] for u in units))) for units in found.values()}
    return sorted(sorted(read, key=read.__getitem__, reverse=True), key=lambda units: len(read[units]))


def _places(root: Expr) -> dict[Expr, list[tuple[int, str, int]]]:
    """The axes along which unit vectors select: larger arrays first, by name and axis."""
    found: dict[Expr, list[tuple[int, str, int]]] = {u: [] for u in units_of(root)}
    for node in toposort(root):
        factors = factors_of(node) if node.op == "contract" else []
        for f, g in itertools.permutations(factors, 2):
            if f.base in found and f.labels[0] in g.labels:
                name = g.base.params[0] if g.base.op == "input" else ""
                found[f.base].append((-g.base.ndim, name, g.labels.index(f.labels[0])))
    return found


class _Term:
    """A term of a sum, c t, as a function of its positions: so many terms may differ in these alone."""

    def __init__(self, t: Expr, terms: Mapping[Expr, Number], alike: int, read: set[frozenset[Expr]]) -> None:
        self.t, self.c, self.terms, self.alike, self.read = t, terms[t], terms, alike, read
        self.positions = _positions(t)

    def may_meet(self, indices: Mapping[Expr, int]) -> bool:
        """Whether terms of the sum read what this one would with other indices: less, where some become one,
        as factors may cancel then."""
        units = units_of(self.t)
        moved = {unit(u.shape[0], indices[u]) if u in indices else u for u in units}
        return moved in self.read if len(moved) == len(units) else any(read <= moved for read in self.read)

    def like(self, other: Expr, times: Number = 1) -> Expr | None:
        """The term of the sum that is `other`, with so many times the coefficient of this one."""
        found = terms_of(other)
        if len(found) != 1:
            return None
        ((c, t),) = found
        return t if self.terms.get(t) == exact(self.c * c * times) else None

    def all_like(self, others: Iterable[Expr], times: Number = 1) -> list[Expr] | None:
        """The terms of the sum that are the `others`; None unless all are there, each once."""
        found: dict[Expr, None] = {}
        for other in others:
            term = self.like(other, times)
            if term is None or term in found:
                return None
            found[term] = None
        return list(found)

    def is_regular(self, indices: Mapping[Expr, int]) -> bool:
        """Whether the term is finite at other positions too, with its derivatives, for all usual entries.
        What is 0 there, or is multiplied by 0, must not be infinite in code."""
        for node in toposort(self.t):
            risky = [] if node.op in BOUNDED or node.op in {"linear", "unit"} else list(node.args)
            if node.op == "contract":
                powers = zip(node.args, spec_of(node).exponents, strict=True)
                risky = [arg for arg, p in powers if not is_integer(p) or p < 0]
            for base in risky:
                units = set(units_of(base))
                if units.isdisjoint(indices):
                    continue
                if node.op in FINITE and sum(not units.isdisjoint(p) for p in self.positions) == 1:
                    continue
                limits = bounds(at_indices(base, indices))
                if not (limits.high.at < math.inf if node.op == "exp" else limits.is_positive):
                    return False
        return True

    def role(self, units: _Position) -> Expr:
        """The term with 0 for positions that run and 1, 2, ... for those that stay."""
        others = [p for p in self.positions if set(units).isdisjoint(p)]
        indices = {u: k for k, position in enumerate(others, 1) for u in position}
        return at_indices(self.t, {**dict.fromkeys(units, 0), **indices})

    def runs(self, roles: set[Expr]) -> Iterator[_Rolled]:
        """The terms where one position runs while the others stay, or all positions on one axis do; axes of
        two entries first, since what is left when the others are rolled up looks like no loop, and then in
        the role that ran in other terms: rows all, or columns all."""
        axes: dict[Size, list[Expr]] = {}
        for u in itertools.chain(*self.positions):
            axes.setdefault(u.shape[0], []).append(u)
        running = dict.fromkeys((*self.positions, *map(tuple, axes.values())))
        order = sorted(running, key=lambda units: units[0].shape[0].value > 2)
        if roles:
            order.sort(key=lambda units: self.role(units) not in roles)
        for units in order:
            rolled = self._run({u: index_of(u) for u in units})
            if rolled is not None:
                roles.add(self.role(units))
                yield rolled

    def _run(self, own: Mapping[Expr, int]) -> _Rolled | None:
        """The terms where unit vectors move together from their own indices."""
        size = next(iter(own)).shape[0].value
        if self.alike < min(size, SHORTEST_RUN + 1) - 1:
            return None
        steps = [step for step in range(-min(own.values()), size - max(own.values())) if step]
        if not any(self.may_meet({u: index + step for u, index in own.items()}) for step in steps):
            return None
        ends, found = [0, 0], {self.t: None}
        for end, step in enumerate((-1, 1)):
            while all(0 <= index + ends[end] + step < size for index in own.values()):
                moved = {u: index + ends[end] + step for u, index in own.items()}
                other = at_indices(self.t, moved)
                if not (is_zero(other) and self.is_regular(moved)):
                    term = self.like(other)
                    if term is None or term in found:
                        break
                    found[term] = None
                ends[end] += step
        count = ends[1] - ends[0] + 1
        whole = count == size and len(self.positions) > 1
        if len(found) < (2 if whole else SHORTEST_RUN):
            return None
        total = summed(self.t, rows_from({u: index + ends[0] for u, index in own.items()}, count))
        return None if total is None else (list(found), [(1, total)])

    def pairs(self) -> Iterator[_Rolled]:
        """The terms for all pairs of positions in one order."""
        for first, second in itertools.combinations(self.positions[:MOST_PAIRED], 2):
            size = first[0].shape[0].value
            if SHORTEST_RUN <= size == second[0].shape[0].value and self.alike >= size * (size - 1) // 2:
                below = index_of(first[0]) > index_of(second[0])
                rolled = self._paired(*((first, second) if below else (second, first)), size)
                if rolled is not None:
                    yield rolled

    def _paired(self, first: _Position, second: _Position, size: int) -> _Rolled | None:
        """The terms for all pairs in which the first position is after the second."""

        def at(i: int, j: int) -> Expr:
            return at_indices(self.t, {**dict.fromkeys(first, i), **dict.fromkeys(second, j)})

        other, equal = at(index_of(second[0]), index_of(first[0])), at(0, 0)
        symmetric, with_equal = other is self.t, self.like(equal) is not None
        if not symmetric and self.like(other) is not None and (with_equal or is_zero(equal)):
            return None  # these are runs
        pairs = [(i, j) for i in range(size) for j in range(i + with_equal)]
        members = self.all_like(itertools.starmap(at, pairs))
        diagonal = [at(i, i) for i in range(size)]
        if members is None or (not with_equal and any(self.like(term) is not None for term in diagonal)):
            return None
        if not self.is_regular(dict.fromkeys(first + second, 0)):
            rows, columns = np.array(pairs).T
            chosen = {u: gather(rows, u.shape[0]) for u in first}
            some = summed(self.t, chosen | {u: gather(columns, u.shape[0]) for u in second})
            return None if some is None else (members, [(1, some)])
        inner = with_axis(self.t, rows_from(dict.fromkeys(second, 0), size))
        outer = None if inner is None else with_axis(inner, rows_from(dict.fromkeys(first, 0), size))
        if outer is None:
            return None
        labels: tuple[Label, ...] = tuple(range(self.t.ndim))
        square = Factor(outer, ("first", "second", *labels))
        if symmetric:
            halves = self.all_like(diagonal, Fraction(1, 2))
            if halves is not None or (not with_equal and is_zero(simplified(equal))):
                return [*members, *(halves or [])], [(Fraction(1, 2), contract([square], labels))]
        # The others are not taken from the sum over the square: they could be larger than what is left.
        below = Factor(triangle(outer.shape[0], outer.shape[0], 0 if with_equal else -1), ("first", "second"))
        return members, [(1, contract([square, below], labels))]


def loops_in_loops(terms: dict[Expr, Number], shape: Shape) -> Expr | None:
    """The sum with loops within loops rolled up."""
    totals: list[tuple[Number, Expr]] = []
    tried, roles = 0, set[Expr]()
    alike = Counter(map(skeleton, terms))
    counts = {t: alike[skeleton(t)] for t in terms if t.weight < LARGEST_VARIED}
    if max(counts.values(), default=0) < 2:
        return None
    read = {frozenset(units_of(t)) for t in terms}
    candidates = [_Term(t, terms, count, read) for t, count in counts.items() if count > 1]
    for term in sorted(candidates, key=lambda term: -len(term.positions)):
        if term.t not in terms or tried > MOST_TRIED:
            continue
        rolled = next(itertools.chain(() if roles else term.pairs(), term.runs(roles)), None)
        if rolled is None:
            tried += len(term.positions)
            continue
        for member in rolled[0]:
            del terms[member]
        totals += [(term.c * c, total) for c, total in rolled[1]]
    return linear([*totals, *((c, t) for t, c in terms.items())], shape) if totals else None
