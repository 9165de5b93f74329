"""Matrices that are sums over neighbours, collected by their bands: a tridiagonal Hessian, for example."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from closedform.expression.calculus import (
    Factor,
    Label,
    Number,
    contract,
    exact,
    expand_product,
    factors_of,
    linear,
    spec_of,
    terms_of,
)
from closedform.expression.expr import Expr
from closedform.expression.size import Size
from closedform.simplify.parts import SEVERAL, slice_of_slice
from closedform.simplify.rules import rule, with_factors

# A matrix with more terms than this when it is multiplied out stays as it is.
MOST_TERMS = 24


class Band(NamedTuple):
    """A product S'DT with slices S and T, or none, on the sides of a diagonal matrix D."""

    rows: Expr | None
    columns: Expr | None
    diagonal: Expr


@rule(
    "bands",
    "S'DT + S'ET = S'(D + E)T for diagonal D, E and slices S, T, where that is shorter",
    "linear",
    "contract",
)
def collected_by_bands(node: Expr) -> Expr | None:
    """A matrix of slices and diagonal matrices by its bands, multiplied out if that is shorter."""
    if node.ndim != 2 or not _holds_slices(node):
        return None
    bands: dict[tuple[Expr | None, Expr | None], list[tuple[Number, Expr]]] = {}
    pending = terms_of(node)
    count = 0
    while pending:
        coefficient, term = pending.pop()
        at = _first_sum(term)
        if at is not None:
            pending += [(exact(coefficient * c), part) for c, part in expand_product(term, [at])]
            continue
        band = _band(term)
        count += 1
        if band is None or count > MOST_TERMS:
            return None
        bands.setdefault((band.rows, band.columns), []).append((coefficient, band.diagonal))
    if len(bands) == count:
        return None
    sums = [Band(*sides, linear(terms, terms[0][1].shape)) for sides, terms in bands.items()]
    total = linear([(1, _matrix(band, node.shape)) for band in sums], node.shape)
    return total if total.weight < node.weight else None


@rule(
    "slices of slices in sums",
    "(S + T) (U + V) = S U + S V + T U + T V for slices, where that is shorter",
    "contract",
)
def slices_multiplied(node: Expr) -> Expr | None:
    """Differences of differences as x[2:] − 2 x[1:-1] + x[:-2]."""
    factors = factors_of(node)
    for f, g in itertools.permutations([f for f in factors if f.base.op == "linear" and f.exponent == 1], 2):
        if f.base.ndim != 2 or any(term.op != "select" for term in f.base.args):
            continue
        row, label = f.labels
        uses = sum(h.labels.count(label) for h in factors)
        if label in spec_of(node).out or uses != 2 or label not in g.labels or row in g.labels:
            continue
        labels = tuple(row if other == label else other for other in g.labels)
        products = [
            (exact(c * d), slice_of_slice(contract([Factor(s, f.labels), Factor(t, g.labels)], labels)))
            for (c, s), (d, t) in itertools.product(terms_of(f.base), terms_of(g.base))
        ]
        sliced = [(c, product) for c, product in products if product is not None]
        if len(sliced) < len(products):
            continue
        total = linear(sliced, sliced[0][1].shape)
        if len(terms_of(total)) < len(f.base.args) + len(g.base.args):
            rest = [h for h in factors if h is not f and h is not g]
            return with_factors(node, [*rest, Factor(total, labels)])
    return None


@rule(
    "differences of differences", "S (x − y) − T (x − y) = S x − (S + T) x + T y, where terms meet", "linear"
)
def slices_of_sums(node: Expr) -> Expr | None:
    terms = [(c, term, _sliced_sum(term)) for c, term in terms_of(node)]
    if sum(parts is not None for _, _, parts in terms) < 2:
        return None
    written = sum(len(parts or [term]) for _, term, parts in terms)
    single = [(exact(c * k), part) for c, term, parts in terms for k, part in parts or [(1, term)]]
    total = linear(single, node.shape)
    return total if len(terms_of(total)) < written else None


def _sliced_sum(term: Expr) -> list[tuple[Number, Expr]] | None:
    """The terms of a slice of a sum of slices, each as one slice; None for what is no such slice."""
    factors = factors_of(term) if term.op == "contract" else []
    if len(factors) != 2 or {f.exponent for f in factors} != {1}:
        return None
    for f, g in (factors, factors[::-1]):
        label = f.labels[1] if f.base.op == "select" else None
        if g.base.op != "linear" or label is None or g.labels.count(label) != 1 or label in spec_of(term).out:
            continue
        parts = [
            (c, _one_slice(with_factors(term, [f, g._replace(base=inner)]))) for c, inner in terms_of(g.base)
        ]
        found = [(c, part) for c, part in parts if part is not None]
        return found if len(found) == len(parts) else None
    return None


def _one_slice(product: Expr) -> Expr | None:
    """A slice of a slice, or of the identity, as one."""
    if product.op == "select":
        return product
    return slice_of_slice(product) if product.op == "contract" else None


def _holds_slices(node: Expr) -> bool:
    """Whether a slice takes one of the axes of a sum of products, as one of their factors or within these."""
    return any(
        base.op in SEVERAL or (base.op == "linear" and base.ndim == 2 and _holds_slices(base))
        for _, term in terms_of(node)
        if term.op == "contract"
        for base in term.args
    )


def _first_sum(term: Expr) -> int | None:
    """The position of the first sum of matrices in a product."""
    factors = factors_of(term) if term.op == "contract" else []
    sums = (i for i, (base, _, p) in enumerate(factors) if base.op == "linear" and base.ndim == 2 and p == 1)
    return next(sums, None)


def _band(term: Expr) -> Band | None:
    """A product of at most two slices and a diagonal matrix; None for any other."""
    if term.op != "contract":
        return None
    spec = spec_of(term)
    row, column = spec.out
    rest = factors_of(term)
    inner: list[Label] = []
    sides: list[Expr | None] = []
    for label in spec.out:
        found = [f for f in rest if f.base.op in SEVERAL and f.labels[1] == label and f.exponent == 1]
        used = sum(label in f.labels for f in rest)
        slice_ = found[0] if len(found) == 1 and used == 1 and row != column else None
        sides.append(slice_.base if slice_ else None)
        inner.append(slice_.labels[0] if slice_ else label)
        rest = [f for f in rest if f is not slice_]
    if inner[0] != inner[1] or any(set(f.labels) & {row, column} - {inner[0]} for f in rest):
        return None
    size = next((side.shape[0] for side in sides if side is not None), term.shape[0])
    return Band(sides[0], sides[1], contract(rest, (inner[0],), {inner[0]: size}, spec.coefficient))


def _matrix(band: Band, shape: tuple[Size, ...]) -> Expr:
    """The matrix of a band."""
    factors = [Factor(band.diagonal, (0,))]
    out: list[Label] = []
    for axis, side in enumerate((band.rows, band.columns)):
        if side is not None:
            factors.append(Factor(side, (0, ("side", axis))))
        out.append(0 if side is None else ("side", axis))
    return contract(factors, out)
