"""Rules on parts of arrays: entries and slices of what was put together of entries and slices."""

from __future__ import annotations

import numpy as np

from closedform.expression.calculus import (
    Factor,
    Label,
    contract,
    factors_of,
    identity,
    linear,
    spec_of,
    terms_of,
    zeros,
)
from closedform.expression.expr import Expr
from closedform.expression.size import Size
from closedform.primitives.structure import Index, lower_getitem, select, unit
from closedform.simplify.rules import product_of_units, rule, with_factors

# The axis of a structured constant that is an axis of the whole array.
WHOLE_AXIS = {"unit": 0, "select": 1, "gather": 1}
SEVERAL = frozenset({"select", "gather"})


def _whole_label(f: Factor) -> Label | None:
    """The label of the axis that an entry or a slice is taken of."""
    return f.labels[WHOLE_AXIS[f.base.op]] if f.base.op in WHOLE_AXIS else None


def has_distinct_entries(part: Expr) -> bool:
    """Whether no entry is taken twice."""
    if part.op != "gather":
        return True
    found = _indices(part)
    return found is not None and len(np.unique(found)) == len(found)


def _literal(size: Size) -> int | None:
    return size.value if size.is_literal else None


def position(entry: Expr) -> Size:
    """Where a unit vector has its one."""
    index = dict(entry.params)["index"]
    return Size.of(index) if index >= 0 else entry.shape[0] + index


def _slice(part: Expr) -> tuple[Size, int, Size]:
    """Start, step and length."""
    parameters = dict(part.params)
    return parameters["start"], parameters["step"], part.shape[0]


def _indices(part: Expr) -> np.ndarray | None:
    """The indices of an entry or of gathered entries, if they are counted from one end."""
    index = dict(part.params)["index"]
    found = np.atleast_1d(index if part.op == "unit" else index.array)
    size = part.shape[WHOLE_AXIS[part.op]]
    if size.is_literal:
        found = found % max(size.value, 1)
    return found if np.all(found >= 0) or np.all(found < 0) else None


def _entry_in_part(entry: Expr, part: Expr) -> Expr | None:
    """S e_k for a slice or gathered entries: a unit vector, or zero; None where that depends on sizes."""
    if part.op == "select":
        return _entry_in_slice(entry, part)
    (index,), gathered = _indices(entry), _indices(part)  # type: ignore[misc]
    if gathered is None or (gathered[:1] < 0).any() != (index < 0):
        return None
    (found,) = np.nonzero(gathered == index)
    if len(found) == 1:
        return unit(part.shape[0], int(found[0]))
    return None if len(found) else zeros(part.shape[:1])


def _entry_in_slice(entry: Expr, part: Expr) -> Expr | None:
    start, step, length = _slice(part)
    if step < 0:
        return None
    offset = position(entry) - start
    beyond = offset - (length - 1) * step
    below = _literal(offset)
    outside = (Size.of(0) - offset).is_positive or beyond.is_positive
    if outside or (below is not None and below % step):
        return zeros((length,))
    if below is None:
        return None
    to_the_end = step == 1 and start + length == part.shape[1] and dict(entry.params)["index"] >= 0
    within = to_the_end or _literal(beyond) is not None
    return unit(length, below // step) if within else None


def _apart(first: Expr, second: Expr) -> bool:
    """Whether two slices, or two arrays of gathered entries, are known to have no entry in common."""
    if first.op != second.op:
        return False
    if first.op == "gather":
        one, other = _indices(first), _indices(second)
        same_end = one is not None and other is not None and (one[:1] < 0).any() == (other[:1] < 0).any()
        return same_end and not np.intersect1d(one, other).size  # type: ignore[arg-type]
    for lower, upper in ((first, second), (second, first)):
        start, step, length = _slice(lower)
        gap = _slice(upper)[0] - (start + (length - 1) * step)
        if step > 0 and _slice(upper)[1] > 0 and gap.is_positive:
            return True
    return False


@rule("slice of a unit vector", "S e_k = e_j where entry j of the slice is entry k, else 0", "contract")
def slice_of_unit(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op not in SEVERAL:
            continue
        for g in factors:
            if g.base.op != "unit" or g.labels[0] != f.labels[1]:
                continue
            part = _entry_in_part(g.base, f.base)
            if part is not None:
                return with_factors(node, [*factors[:i], Factor(part, f.labels[:1]), *factors[i + 1 :]])
    return None


@rule("slice of a slice's transpose", "S S' = I", "contract", condition="no entry is taken twice")
def slice_times_transpose(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op not in SEVERAL or f.exponent != 1 or not has_distinct_entries(f.base):
            continue
        shared = f.labels[1]
        uses = [j for j, g in enumerate(factors) if shared in g.labels]
        if shared in spec_of(node).out or len(uses) != 2:
            continue
        g = factors[next(j for j in uses if j != i)]
        if g.base is f.base and g.labels[1] == shared and g.labels[0] != shared and g.exponent == 1:
            rest = [h for j, h in enumerate(factors) if j not in uses]
            same = Factor(identity((f.base.shape[0],)), (f.labels[0], g.labels[0]))
            return with_factors(node, [*rest, same])
    return None


def _entry_of_part(entry: Expr, part: Expr) -> Expr | None:
    """S' e_i: the unit vector of the whole axis."""
    index, size = dict(entry.params)["index"], part.shape[1]
    if part.op == "gather":
        array = dict(part.params)["index"].array
        return unit(size, int(array[index])) if -len(array) <= index < len(array) else None
    start, step, length = _slice(part)
    place = start + (length + index if index < 0 else Size.of(index)) * step
    from_end = _literal(place - size)
    at = _literal(place) if from_end is None or size.is_literal else from_end
    return None if at is None else unit(size, at)


@rule("entry of a slice", "S' e_i = e_k where entry i of the slice is entry k", "contract")
def entry_of_slice(node: Expr) -> Expr | None:
    factors = factors_of(node)
    entries = {f.labels[0]: f.base for f in factors if f.base.op == "unit"}
    for i, f in enumerate(factors):
        if f.base.op in SEVERAL and f.labels[0] in entries:
            whole = _entry_of_part(entries[f.labels[0]], f.base)
            if whole is not None:
                return with_factors(node, [*factors[:i], Factor(whole, f.labels[1:]), *factors[i + 1 :]])
    return None


@rule(
    "entry of a shift",
    "R e_j = e_k where R moves entry j to k, and R' e_k = e_j",
    "contract",
    condition="the size is a number",
)
def entry_of_shift(node: Expr) -> Expr | None:
    factors = factors_of(node)
    entries = {f.labels[0]: f.base for f in factors if f.base.op == "unit"}
    for i, f in enumerate(factors):
        if f.base.op != "shift" or not f.base.shape[0].is_literal:
            continue
        by = dict(f.base.params)["by"]
        for axis, moved in ((0, -by), (1, by)):
            entry = entries.get(f.labels[axis])
            if entry is not None:
                at = (dict(entry.params)["index"] + moved) % f.base.shape[0].value
                other = Factor(unit(f.base.shape[0], at), (f.labels[1 - axis],))
                return with_factors(node, [*factors[:i], other, *factors[i + 1 :]])
    return None


@rule(
    "slice of a slice",
    "S T = U, where entry i of the slice U is entry i of the slice S of the slice T",
    "contract",
)
def slice_of_slice(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, f in enumerate(factors):
        shared = f.labels[1] if f.base.op == "select" else None
        uses = [j for j, g in enumerate(factors) if shared in g.labels and j != i]
        if shared is None or shared in spec_of(node).out or len(uses) != 1:
            continue
        g = factors[uses[0]]
        if g.base.op != "select" or g.labels[0] != shared or g.labels[1] == shared:
            continue
        (start, step, length), (first, by, _) = _slice(f.base), _slice(g.base)
        whole = select(length, g.base.shape[1], first + start * by, step * by)
        rest = [h for j, h in enumerate(factors) if j not in (i, *uses)]
        return with_factors(node, [*rest, Factor(whole, (f.labels[0], g.labels[1]))])
    return None


@rule("triangle read backwards", "J L J = L' for the reversal J", "contract")
def triangle_backwards(node: Expr) -> Expr | None:
    """Sums from an entry on, as of x[::-1] summed up and reversed again."""
    factors = factors_of(node)
    for i, f in enumerate(factors):
        if f.base.op != "triangle" or f.base.shape[0] != f.base.shape[1]:
            continue
        ends = [_reversed_at(label, node, factors) for label in f.labels]
        row, column = ends
        if row is None or column is None or row is column:
            continue
        rest = [g for k, g in enumerate(factors) if k != i and g is not row and g is not column]
        outer = [next(a for a in end.labels if a not in f.labels) for end in (row, column)]
        return with_factors(node, [*rest, f._replace(labels=(outer[1], outer[0]))])
    return None


def _reversed_at(label: Label, node: Expr, factors: list[Factor]) -> Factor | None:
    """The reversal that a summed axis of another factor goes through, if it is all that stands there."""
    found = [g for g in factors if g.base.op == "select" and label in g.labels and g.exponent == 1]
    used = sum(g.labels.count(label) for g in factors)
    if len(found) != 1 or used != 2 or label in spec_of(node).out:
        return None
    (g,) = found
    start, step, length = _slice(g.base)
    size = g.base.shape[1]
    return g if step == -1 and length == size and start == size - 1 else None


@rule("slices that have no entry in common", "S T' = 0", "contract")
def slices_apart(node: Expr) -> Expr | None:
    slices = [f for f in factors_of(node) if f.base.op in SEVERAL]
    for i, f in enumerate(slices):
        if any(g.labels[1] == f.labels[1] and _apart(f.base, g.base) for g in slices[i + 1 :]):
            return zeros(node.shape)
    return None


@rule("part of a sum of parts", "S (v + T' w) = S v for slices S, T without common entry", "contract")
def part_of_sum(node: Expr) -> Expr | None:
    factors = factors_of(node)
    for i, g in enumerate(factors):
        if g.base.op != "linear":
            continue
        for f in factors:
            label = _whole_label(f)
            if label is None or g.labels.count(label) != 1 or f.exponent != 1:
                continue
            axis = g.labels.index(label)
            decided = [_decided(f.base, term, axis) for term in g.base.args]
            if True not in decided or (f.base.op != "unit" and False in decided):
                continue
            part = _part(f, g.base, axis)
            whole = WHOLE_AXIS[f.base.op]
            kept = (*f.labels[:whole], *f.labels[whole + 1 :])
            labels = (*g.labels[:axis], *kept, *g.labels[axis + 1 :])
            others = [*factors[:i], *factors[i + 1 :]]
            if label not in spec_of(node).out and sum(h.labels.count(label) for h in others) == 1:
                others.remove(f)
            return with_factors(node, [*others, Factor(part, labels, g.exponent)])
    return None


def read_part(a: Expr, index: Index) -> Expr:
    """a[index], from the parts that were put into a: what a loop assigned before."""
    return _read(lower_getitem(a, index))


def _read(node: Expr) -> Expr:
    if node.op == "linear":
        return linear([(c, _read(term)) for c, term in terms_of(node)], node.shape)
    if node.op != "contract":
        return node
    for rewrite in (product_of_units, slices_apart, part_of_sum):
        known = rewrite(node)
        if known is not None:
            return _read(known)
    scalars = [f.base for f in factors_of(node) if f.base.op == "contract"]
    return zeros(node.shape) if any(product_of_units(base) is not None for base in scalars) else node


def _decided(part: Expr, term: Expr, axis: int) -> bool | None:
    """Whether the part of a term along an axis is known where it is itself a part: one that was put into its
    place, or of which an entry is taken. None where it is none."""
    if term.op == "unit":
        return _known(part, term)
    if term.op != "contract":
        return None
    label = spec_of(term).out[axis]
    placed = [f.base for f in factors_of(term) if _whole_label(f) == label]
    if part.op == "unit":
        taken = [f.base for f in factors_of(term) if f.base.op in SEVERAL and f.labels[0] == label]
        if any(_entry_of_part(part, other) is not None for other in taken):
            return True
    return any(_known(part, other) for other in placed) if placed else None


def _known(first: Expr, second: Expr) -> bool:
    """Whether the product of two parts of one axis is the identity, a unit vector or zero."""
    if first is second:
        return has_distinct_entries(first)
    if first.op == second.op == "unit":
        indices = [dict(u.params)["index"] for u in (first, second)]
        return first.shape[0].is_literal or (indices[0] < 0) == (indices[1] < 0)
    if "unit" not in (first.op, second.op):
        return _apart(first, second)
    entry, part = (first, second) if first.op == "unit" else (second, first)
    return _entry_in_part(entry, part) is not None


def _part(f: Factor, whole: Expr, axis: int) -> Expr:
    """The entry or slice of an array along an axis."""
    axes: list[Label] = list(range(whole.ndim))
    labels: tuple[Label, ...] = (axis,) if f.base.op == "unit" else ("part", axis)
    out = [*axes[:axis], *labels[:-1], *axes[axis + 1 :]]
    terms = [
        (c, contract([Factor(term, tuple(axes)), Factor(f.base, labels)], out)) for c, term in terms_of(whole)
    ]
    return linear(terms, terms[0][1].shape)
