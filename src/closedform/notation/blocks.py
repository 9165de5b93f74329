"""Arrays put together of slices and entries: an expression goes in, its blocks come out.

Slices and unit vectors at an axis of the result, in the terms of a sum, cut the axis into pieces. Where these
follow on one another from its beginning to its end, the array is written by what stands on the pieces: the
rows of S[:k]'u + S[k:]'v are u above v. An axis of few entries, whose size is a number, is cut into these.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from closedform.expression.calculus import (
    Factor,
    Label,
    contract,
    factors_of,
    label_sizes,
    linear,
    spec_of,
    terms_of,
    zeros,
)
from closedform.expression.expr import Expr, Known
from closedform.expression.size import Size
from closedform.primitives.structure import interval, unit
from closedform.simplify.parts import WHOLE_AXIS, position
from closedform.simplify.simplify import simplify

# Axes of at most so many entries are cut into these; arrays are written by at most so many blocks.
MOST_ENTRIES, MOST_BLOCKS = 4, 16
# Expressions that are longer, written out, are not cut.
LARGEST_CUT = 1000


class Block(NamedTuple):
    """What stands on a piece of each axis; `is_row` tells a vector along the second axis."""

    expr: Expr
    is_row: bool


class Piece(NamedTuple):
    """An interval of an axis, `start` included and `stop` not; `None` is any other set of entries."""

    start: Size
    stop: Size


# The unit vector or slice that is taken of each axis, or none.
Cuts = tuple[Expr | None, ...]
Pieces = tuple[frozenset[Piece | None], ...]


def _pieces(node: Expr) -> Pieces:
    """What the slices and entries are that stand at each axis of an expression."""
    if node.op == "linear":
        return tuple(frozenset().union(*at) for at in zip(*map(pieces, node.args), strict=True))
    if node.op == "shift":
        return (frozenset([None]),) * 2
    whole = WHOLE_AXIS.get(node.op)
    if node.op != "contract":
        return tuple(frozenset([_piece(node)] if axis == whole else ()) for axis in range(node.ndim))
    at: dict[Hashable, set[Piece | None]] = {}
    for base, labels, _ in factors_of(node):
        for label, found in zip(labels, pieces(base), strict=True):
            at.setdefault(label, set()).update(found)
    return tuple(frozenset(at.get(label, ())) for label in spec_of(node).out)


pieces: Known[Pieces] = Known(_pieces, ())


def _piece(node: Expr) -> Piece | None:
    params = dict(node.params)
    if node.op == "unit":
        start = position(node)
        return Piece(start, start + 1)
    if node.op == "select" and params["step"] == 1:
        return Piece(Size.of(params["start"]), params["start"] + node.shape[0])
    return None


def partition(node: Expr, axis: int, filled: bool) -> list[Expr] | None:
    """The entries and slices, in their order, that an axis falls into; None where it is not cut, or where
    they overlap. If the rest is to be `filled`, one interval may be left out beside slices."""
    found, size = pieces(node)[axis], node.shape[axis]
    if not found:
        return None
    chain = _chain({piece for piece in found if piece is not None}, size)
    if chain and None not in found and (filled or found.issuperset(chain)):
        return [interval(*piece, size) for piece in chain]
    if size.is_literal and size.value <= MOST_ENTRIES:
        return [unit(size, k) for k in range(size.value)]
    return None


def _chain(found: set[Piece], size: Size) -> list[Piece]:
    """All pieces in their order, with the one interval that is left out; empty where that is not so."""
    chain: list[Piece] = []
    start, one = Size.of(0), Size.of(1)
    while start != size:
        rest = found.difference(chain)
        following = [piece for piece in rest if piece.start == start]
        if not following:
            stop = min(rest, key=lambda piece: piece.start.value).start if rest else size
            orders = [stop - start, *(piece.start - stop for piece in rest)]
            following = [Piece(start, stop)]
            if not all((order + one).is_positive for order in orders[: len(orders) if rest else 0]):
                return []
        if len(following) > 1:
            return []
        chain += following
        start = chain[-1].stop
    gaps = [piece for piece in chain if piece not in found]
    # A block of zeros is one entry: of a longer one the formula would not say how long it is.
    only_entries = all(piece.stop - piece.start == one for piece in found)
    filled = len(gaps) == 1 and not only_entries and gaps[0].stop - gaps[0].start == one
    return chain if found <= set(chain) and (not gaps or filled) else []


class Cutter:
    """Cuts arrays into blocks, and each part of them once."""

    def __init__(self) -> None:
        self.known: dict[tuple[Expr, Cuts], Expr] = {}

    def blocks(self, node: Expr, filled: bool) -> list[list[Block]] | None:
        """The blocks of a vector or matrix, in rows; None where its axes do not fall into pieces; `filled`
        allows blocks that no slice tells of, which are mostly zero."""
        if not 0 < node.ndim <= 2 or not any(pieces(node)) or node.weight > LARGEST_CUT:
            return None
        cuts: list[Sequence[Expr | None]] = [
            partition(node, axis, filled) or [None] for axis in range(node.ndim)
        ]
        counts = [len(cut) for cut in cuts]
        if not 1 < counts[0] * counts[-1] <= MOST_BLOCKS or (node.ndim == 1 and counts[0] < 2):
            return None
        found = [self._block(node, at) for at in itertools.product(*cuts)]
        columns = counts[1] if node.ndim == 2 else 1
        return [found[n : n + columns] for n in range(0, len(found), columns)]

    def _block(self, node: Expr, at: Cuts) -> Block:
        is_row = node.ndim == 2 and _is_unit(at[0]) and not _is_unit(at[1])
        return Block(simplify(self._cut(node, at)), is_row)

    def _cut(self, node: Expr, at: Cuts) -> Expr:
        """An array at an entry or a slice of each axis: each term and each factor of it there."""
        if not any(at):
            return node
        if (node, at) not in self.known:
            self.known[node, at] = self._newly_cut(node, at)
        return self.known[node, at]

    def _newly_cut(self, node: Expr, at: Cuts) -> Expr:
        shape = [size for axis, size in enumerate(node.shape) for size in _kept(size, at[axis])]
        if node.op == "linear":
            return linear([(c, self._cut(term, at)) for c, term in terms_of(node)], shape)
        if node.op == "contract" and len(set(spec_of(node).out)) == node.ndim:
            spec = spec_of(node)
            cuts: dict[Hashable, Expr | None] = dict(zip(spec.out, at, strict=True))
            found = [(f, tuple(map(cuts.get, f.labels))) for f in factors_of(node)]
            if any(_is_apart(f.base, cut) for f, cut in found):
                return zeros(shape)
            factors = [Factor(self._cut(f.base, cut), _left(f.labels, cut), f.exponent) for f, cut in found]
            out = _left(spec.out, at)
            sizes: dict[Hashable, Size] = {**label_sizes(node), **dict(zip(out, shape, strict=True))}
            return contract(factors, out, sizes, spec.coefficient)
        if _is_apart(node, at):
            return zeros(shape)
        places: list[Hashable] = [axis if at[axis] is None else ("part", axis) for axis in range(node.ndim)]
        factors = [Factor(node, tuple(range(node.ndim)))]
        for axis, constant in enumerate(at):
            if constant is not None:
                factors.append(Factor(constant, (*_left(places[axis : axis + 1], (constant,)), axis)))
        return contract(factors, _left(places, at))


def _is_unit(constant: Expr | None) -> bool:
    return constant is not None and constant.op == "unit"


def _kept(size: Size, constant: Expr | None) -> Sequence[Size]:
    """The size of an axis after a cut, if there is one."""
    return (size,) if constant is None else constant.shape[:-1]


def _left(labels: Sequence[Label], at: Cuts) -> tuple[Label, ...]:
    """The labels of the axes that are left when entries are taken of some."""
    return tuple(label for label, constant in zip(labels, at, strict=True) if not _is_unit(constant))


def _is_apart(node: Expr, at: Cuts) -> bool:
    """Whether a slice or unit vector is cut at another piece of its axis, where it is zero. Slices of axes
    whose size is a number may hold the entry at which they are cut."""
    axis = WHOLE_AXIS.get(node.op)
    constant = None if axis is None else at[axis]
    if (
        axis is None
        or constant is None
        or constant.op not in WHOLE_AXIS
        or (node.shape[axis].is_literal and constant.op != node.op)
    ):
        return False
    return _piece(node) not in {None, _piece(constant)}
