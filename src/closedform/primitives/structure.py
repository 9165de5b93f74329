"""Rearrangements: slices, reshapes, joins. Each is a contraction with a structured constant."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from closedform.expression.calculus import (
    Factor,
    Label,
    SizeUsedError,
    broadcast,
    contract,
    factors_of,
    identity,
    is_zero,
    label_sizes,
    linear,
    multiply,
    number,
    terms_of,
    zeros,
)
from closedform.expression.expr import ArrayConstant, Expr, toposort
from closedform.expression.size import Size
from closedform.primitives.contraction import Bound, _hashable
from closedform.primitives.record import ATOM, CALL, Primitive, register, shape

# --- structured constants -------------------------------------------------------------------------


def select(rows: Size, size: Size, start: int | Size = 0, step: int = 1) -> Expr:
    """S of shape (rows, size) with S[i, start + step i] = 1: S x is a slice of x, S' y puts it back."""
    if rows == size and Size.of(start) == Size.of(0) and step == 1:
        return identity((size,))
    return Expr("select", (), (("start", Size.of(start)), ("step", step)), (rows, size))


def interval(start: Size, stop: Size, size: Size) -> Expr:
    """The slice from `start` up to `stop`; a single entry counted from one end is a unit vector."""
    if stop - start == Size.of(1):
        for at in (start, start - size):
            if at.is_literal:
                return unit(size, at.value)
    return select(stop - start, size, start)


def intervals(sizes: Sequence[Size]) -> list[Expr]:
    """The slices and unit vectors of intervals of these sizes that follow on one another."""
    stops = list(itertools.accumulate(sizes))
    starts = [Size.of(0), *stops[:-1]]
    return [interval(start, stop, stops[-1]) for start, stop in zip(starts, stops, strict=True)]


# An axis of at most so many entries is one of named entries, if the function reads each of them.
MOST_LISTED = 4


def covered(root: Expr) -> frozenset[Size]:
    """Sizes n of axes that are sliced as [0:k] with a plain number k that is n at the example."""
    return frozenset(
        node.shape[1]
        for node in toposort(root)
        if node.op == "select"
        and dict(node.params) == {"start": Size.of(0), "step": 1}
        and node.shape[0].is_literal
        and node.shape[0].value == node.shape[1].value
    )


def reached(root: Expr, entries: bool = False) -> Iterator[tuple[Size, Size]]:
    """Sizes in the order that slices take for granted: 0, where they begin, where they end, that of the axis;
    NumPy would cut a slice there. With `entries` also those of single entries."""
    for node in toposort(root):
        if node.op == "select":
            length, size = node.shape
            start, step = dict(node.params).values()
            span = length.span(abs(step))
            exact = (length - 1) * abs(step) + 1
            span = exact if step < 0 and (start - exact).is_literal else span
            yield Size.of(0), start if step > 0 else start - span + 1
            yield start + span if step > 0 else start + 1, size
        elif node.op == "unit" and entries:
            index = dict(node.params)["index"]
            yield Size.of(index + 1 if index >= 0 else -index), node.shape[0]


def listed(root: Expr) -> frozenset[Size]:
    """Sizes of axes of few entries, which are all read one by one, by their index, and not otherwise."""
    indices: dict[Size, set[int]] = {}
    elsewhere: set[Size] = set()
    for node in toposort(root):
        if node.op == "unit":
            (size,), index = node.shape, dict(node.params)["index"]
            indices.setdefault(size, set()).add(index % size.value if size.value else 0)
        elif node.op == "contract":
            factors = factors_of(node)
            read = {f.labels[0] for f in factors if f.base.op == "unit"}
            elsewhere.update(size for label, size in label_sizes(node).items() if label not in read)
        elif node.op != "input":
            elsewhere.update(node.shape)
    return frozenset(
        size
        for size, found in indices.items()
        if not size.is_literal
        and size not in elsewhere
        and 1 < size.value <= MOST_LISTED
        and found == set(range(size.value))
    )


def unit(size: Size, index: int) -> Expr:
    """The unit vector with a one at `index`, which counts from the end if it is negative."""
    if size.is_literal and index < 0:
        index += size.value
    return Expr("unit", (), (("index", index),), (size,))


def gather(index: np.ndarray, size: Size) -> Expr:
    """G of shape (len(index), size) with G[i, index[i]] = 1."""
    return Expr("gather", (), (("index", ArrayConstant(index)),), (len(index), size))


def roll(size: Size, shift: int) -> Expr:
    """The cyclic permutation R with R[i, (i - shift) mod n] = 1: R x is np.roll(x, shift)."""
    if size.is_literal:
        shift %= size.value or 1
    return Expr("shift", (), (("by", shift),), (size, size)) if shift else identity((size,))


def triangle(rows: Size, columns: Size, k: int = 0) -> Expr:
    """The matrix with ones where column - row <= k."""
    return Expr("triangle", (), (("k", k),), (rows, columns))


def reshaping(shape: Sequence[Size]) -> Expr:
    """The delta between a flat index and the multi-index (in C order) of a shape."""
    return Expr("reshape", (), (), (math.prod(shape, start=Size.of(1)), *shape))


def _dense_select(shape: tuple[int, ...], start: Any, step: int) -> np.ndarray:
    result = np.zeros(shape)
    first = start.value if isinstance(start, Size) else start
    result[np.arange(shape[0]), first + step * np.arange(shape[0])] = 1
    return result


def _dense_unit(shape: tuple[int, ...], index: int) -> np.ndarray:
    result = np.zeros(shape)
    result[index] = 1
    return result


def _dense_gather(shape: tuple[int, ...], index: ArrayConstant) -> np.ndarray:
    result = np.zeros(shape)
    result[np.arange(shape[0]), index.array] = 1
    return result


def _dense_shift(shape: tuple[int, ...], by: int) -> np.ndarray:
    return np.roll(np.eye(shape[0]), by, axis=0)


def _dense_triangle(shape: tuple[int, ...], k: int) -> np.ndarray:
    return np.tri(shape[0], shape[1], k)


def _dense_reshape(shape: tuple[int, ...]) -> np.ndarray:
    return np.eye(shape[0]).reshape(shape)


DENSE: dict[str, Callable[..., np.ndarray]] = {
    "select": _dense_select,
    "unit": _dense_unit,
    "gather": _dense_gather,
    "shift": _dense_shift,
    "triangle": _dense_triangle,
    "reshape": _dense_reshape,
}


def dense(node: Expr) -> np.ndarray:
    """A structured constant as an array, at the example's sizes.

    >>> dense(unit(Size.of(3), 1))
    array([0., 1., 0.])
    """
    return DENSE[node.op](tuple(s.value for s in node.shape), **dict(node.params))


# --- reshape --------------------------------------------------------------------------------------


def merge_axes(node: Expr, groups: Sequence[int]) -> Expr:
    """Consecutive axes merged into one: `groups` tells how many axes go into each new one."""
    factors = [Factor(node, tuple(range(node.ndim)))]
    out: list[Label] = []
    position = 0
    for count in groups:
        axes = tuple(range(position, position + count))
        position += count
        if count == 1:
            out.append(axes[0])
        else:
            label = ("merged", axes)
            factors.append(Factor(reshaping([node.shape[a] for a in axes]), (label, *axes)))
            out.append(label)
    return contract(factors, out, dict(enumerate(node.shape)))


def flattened(node: Expr) -> Expr:
    """The entries as a vector."""
    if node.ndim == 1:
        return node
    return merge_axes(node, [node.ndim]) if node.ndim else broadcast(node, (Size.of(1),))


def _bind_reshape(a: Any, *shape: Any, order: str = "C") -> Bound:
    target = shape[0] if len(shape) == 1 else shape
    if order != "C":
        raise TypeError(f"order={order!r}: only 'C' and 'F'")
    return (a,), {"shape": _hashable(target if isinstance(target, tuple | list) else (target,))}


def _lower_reshape(a: Expr, shape: tuple[Any, ...]) -> Expr:
    if _same(a.shape, shape):
        return a
    sizes = _reshaped_sizes(a, shape)
    flat = flattened(a)
    if len(sizes) == 1:
        return flat
    if not sizes:
        return contract([Factor(flat, ("i",))], ())
    labels = tuple(range(len(sizes)))
    return contract([Factor(flat, ("flat",)), Factor(reshaping(sizes), ("flat", *labels))], labels)


def _same(sizes: Sequence[Size], shape: tuple[Any, ...]) -> bool:
    return len(sizes) == len(shape) and all(s == Size.of(t) for s, t in zip(sizes, shape, strict=True))


def _reshaped_sizes(a: Expr, shape: tuple[Any, ...]) -> list[Size]:
    """Symbolic sizes of the new axes; -1 takes a whole axis, or the product, where that is what is left."""
    total = math.prod(a.shape, start=Size.of(1))
    known = math.prod((Size.of(s) for s in shape if s != -1), start=Size.of(1))
    if -1 not in shape:
        if known != total and not (shape and known.value == total.value):
            raise TypeError(f"cannot reshape {total} entries to {shape}")
        return [Size.of(s) for s in shape]
    rest = total if known == Size.of(1) else _quotient(total, known, a.shape)
    return [rest if s == -1 else Size.of(s) for s in shape]


def _quotient(total: Size, known: Size, shape: Sequence[Size]) -> Size:
    for i in range(len(shape)):
        for j in range(i, len(shape)):
            candidate = math.prod(shape[i : j + 1], start=Size.of(1))
            if candidate * known == total:
                return candidate
    return Size.of(total.value // known.value)


def _bind_ravel(a: Any, order: str = "C") -> Bound:
    if order != "C":
        raise TypeError(f"order={order!r}: only 'C' and 'F'")
    return (a,), {}


# --- indexing -------------------------------------------------------------------------------------

Index = tuple[Any, ...]


def freeze_index(index: Any) -> Index:
    """An index as hashable data: ints, ("slice", start, stop, step), None, "...", or an array of ints;
    a mask becomes the positions of its true entries.

    >>> freeze_index((0, slice(None), np.array([True, False])))
    (0, ('slice', None, None, None), array:...)
    """
    items: list[Any] = []
    for item in index if isinstance(index, tuple) else (index,):
        mask = np.asarray(item) if isinstance(item, list | np.ndarray) else None
        items += [item] if mask is None or mask.dtype != bool or not mask.ndim else mask.nonzero()
    return tuple(_freeze(item) for item in items)


def _freeze(item: Any) -> Any:
    if isinstance(item, slice):
        return (
            "slice",
            *(x if x is None or isinstance(x, Size) else int(x) for x in (item.start, item.stop, item.step)),
        )
    if item is Ellipsis:
        return "..."
    if item is None:
        return None
    if isinstance(item, int | np.integer) and not isinstance(item, bool | np.bool_):
        return int(item)
    array = np.asarray(item)
    if array.dtype.kind not in "iu":
        raise TypeError("an index array must be of integers or booleans")
    return ArrayConstant(array.astype(np.intp))


def thaw_index(index: Index) -> tuple[Any, ...]:
    """The index as NumPy takes it."""

    def thaw(item: Any) -> Any:
        if isinstance(item, tuple):
            return slice(*(x.value if isinstance(x, Size) else x for x in item[1:]))
        if isinstance(item, ArrayConstant):
            return item.array
        return Ellipsis if item == "..." else item

    return tuple(thaw(item) for item in index)


def _expanded(index: Index, ndim: int) -> list[Any]:
    """The index with the ellipsis written out: one item an axis, and None for new axes."""
    items = list(index)
    used = sum(item is not None and item != "..." for item in items)
    full = [("slice", None, None, None)] * (ndim - used)
    if "..." in items:
        at = items.index("...")
        return items[:at] + full + items[at + 1 :]
    return items + full


def slice_bounds(item: tuple[Any, ...], size: Size) -> tuple[Size, Size, int]:
    """(length, start, step) of a slice of an axis, symbolic where the bounds count from an end.

    Raises SizeUsedError for a slice that is cut, or empty, for some sizes of the axis only.
    """
    _, start, stop, step = item
    step = 1 if step is None else step
    below, above = (Size.of(0), size) if step > 0 else (Size.of(-1), size - 1)
    first = _bound(start, size, below, above, default=below if step > 0 else above)
    last = _bound(stop, size, below, above, default=above if step > 0 else below)
    length = last - first if step > 0 else first - last
    if length.value <= 0:
        _fixed(length)
        return Size.of(0), Size.of(0), 1
    return length.ceildiv(abs(step)), first, step


def _bound(bound: Any, size: Size, below: Size, above: Size, default: Size) -> Size:
    """Where a slice starts or stops: cut to the axis as NumPy does, which then has the example's size."""
    if bound is None:
        return default
    value = bound.value if isinstance(bound, Size) else bound
    place = Size.of(bound) if value >= 0 else size + bound
    if place.value < 0:
        _fixed(size)
        return below
    if place.value > above.value:
        _fixed(size)
        return above
    return place


def _fixed(size: Size) -> Size:
    """A size that is a number: what it is at the example matters."""
    if not size.is_literal:
        raise SizeUsedError(size)
    return size


def index_factors(
    index: Index, shape: Sequence[Size]
) -> tuple[list[Factor], list[Label], list[Label], dict[Label, Size]]:
    """The structured constants of an index: (factors, labels of the whole, labels of the part, sizes)."""
    factors: list[Factor] = []
    whole: list[Label] = []
    part: list[Label] = []
    sizes: dict[Label, Size] = {}
    items = _expanded(index, len(shape))
    advanced = [i for i, item in enumerate(items) if isinstance(item, ArrayConstant)]
    if advanced:  # NumPy counts integers beside arrays as arrays
        advanced = [i for i, item in enumerate(items) if isinstance(item, ArrayConstant | int)]
    together = advanced == list(range(advanced[0], advanced[-1] + 1)) if advanced else False
    together = together and not _parted(index)
    points = _Points([item.array for item in items if isinstance(item, ArrayConstant)])
    if advanced and not together:
        part += points.place(factors, sizes)
    axis = 0
    for position, item in enumerate(items):
        if together and position == advanced[0]:
            part += points.place(factors, sizes)
        if item is None:
            label: Label = ("new", len(part))
            part.append(label)
            sizes[label] = Size.of(1)
            continue
        whole.append(("axis", axis))
        sizes["axis", axis] = shape[axis]
        if isinstance(item, ArrayConstant):
            factors.append(points.factor(item.array, ("axis", axis), shape[axis]))
        else:
            _index_axis(item, axis, shape[axis], factors, part)
        axis += 1
    return factors, whole, part, sizes


def _parted(index: Index) -> bool:
    """Whether an ellipsis stands between arrays: they are apart for NumPy, even if it stands for no axis."""
    if "..." not in [item for item in index if isinstance(item, str)]:
        return False
    at = [isinstance(item, str) for item in index].index(True)
    return any(isinstance(i, ArrayConstant | int) for i in index[:at]) and any(
        isinstance(i, ArrayConstant | int) for i in index[at + 1 :]
    )


class _Points:
    """The index arrays of one index, broadcast together: the axes that they make have labels of their own.

    Arrays that vary along one of these axes each (as np.ix_ makes them) are gathered along it; others are
    gathered along one flat axis, which is then reshaped.
    """

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        self.shape = np.broadcast_shapes(*(a.shape for a in arrays))
        self.separate = all(sum(n != 1 for n in a.shape) <= 1 for a in arrays)
        self.labels: list[Label] = [("point", i) for i in range(len(self.shape))]

    def place(self, factors: list[Factor], sizes: dict[Label, Size]) -> list[Label]:
        """The labels of the axes that the arrays make."""
        sizes.update(zip(self.labels, map(Size.of, self.shape), strict=True))
        if not self.separate:
            shape = [Size.of(n) for n in self.shape]
            factors.append(Factor(reshaping(shape), ("points", *self.labels)))
        return self.labels

    def factor(self, array: np.ndarray, axis: Label, size: Size) -> Factor:
        """The structured constant of one of the arrays, along an axis."""
        if array.size == 1 and self.separate:
            return Factor(unit(size, int(array.item())), (axis,))
        if not self.separate:
            return Factor(gather(np.broadcast_to(array, self.shape).ravel(), size), ("points", axis))
        along = next(i for i, n in enumerate(array.shape[::-1]) if n != 1)
        return Factor(gather(array.ravel(), size), (self.labels[-1 - along], axis))


def _index_axis(item: Any, axis: int, size: Size, factors: list[Factor], part: list[Label]) -> None:
    label = ("axis", axis)
    if isinstance(item, int):
        factors.append(Factor(unit(size, item), (label,)))
        return
    length, start, step = slice_bounds(item, size)
    if (length, start, step) == (size, Size.of(0), 1):
        part.append(label)
        return
    factors.append(Factor(select(length, size, start, step), (("part", axis), label)))
    part.append(("part", axis))


def lower_getitem(a: Expr, index: Index) -> Expr:
    factors, whole, part, sizes = index_factors(index, a.shape)
    return contract([Factor(a, tuple(whole)), *factors], part, sizes)


def put(part_value: Expr, index: Index, shape: Sequence[Size]) -> Expr:
    """The array of a shape that holds a value at an index, and zeros elsewhere."""
    factors, whole, part, sizes = index_factors(index, shape)
    target = [sizes.get(label) or _size_of(label, factors) for label in part]
    value = broadcast(part_value, target)
    return contract([Factor(value, tuple(part)), *factors], whole, sizes)


def _size_of(label: Label, factors: Sequence[Factor]) -> Size:
    return next(f.base.shape[f.labels.index(label)] for f in factors if label in f.labels)


# An array that is filled with more parts is a sum of sums: to make each sum anew would take too long.
MOST_PARTS = 64


def _lower_setitem(
    a: Expr, value: Expr, index: Index, read: Callable[[Expr, Index], Expr] | None = None
) -> Expr:
    """The array with another part; `read` gives the part that it has, where that may be known to be zero: an
    array that is being filled is one sum of its parts."""
    if _repeats(index, a.shape):
        raise NotImplementedError("an entry is assigned to twice: use np.add.at for a sum")
    new = put(value, index, a.shape)
    parts = terms_of(a)
    if read is not None and len(index) == 1 and len(parts) < MOST_PARTS and is_zero(read(a, index)):
        return linear([*parts, (1, new)], a.shape)
    return linear([(1, a), (-1, put(lower_getitem(a, index), index, a.shape)), (1, new)], a.shape)


def _lower_add_at(a: Expr, value: Expr, index: Index) -> Expr:
    return linear([(1, a), (1, put(value, index, a.shape))], a.shape)


def may_repeat(positions: np.ndarray, size: Size) -> bool:
    """Whether two positions may be one, at some size: 0 and -1 are where there is one entry."""
    mixed = bool(np.any(positions < 0) and np.any(positions >= 0))
    unique = np.unique(positions % size.value if size.is_literal else positions)
    return len(unique) < positions.size or (mixed and not size.is_literal)


def _repeats(index: Index, shape: Sequence[Size]) -> bool:
    """Whether index arrays name an entry more than once."""
    axes = [item for item in _expanded(index, len(shape)) if item is not None]
    for item, size in zip(axes, shape, strict=True):
        if isinstance(item, ArrayConstant) and np.unique(np.sign(item.array + 0.5)).size > 1:
            _fixed(size)  # 0 and -1 may be one
    arrays = [
        item.array % size.value
        for item, size in zip(axes, shape, strict=True)
        if isinstance(item, ArrayConstant) and size.value
    ]
    if not arrays:
        return False
    points = np.stack([a.ravel() for a in np.broadcast_arrays(*arrays)])
    return len(np.unique(points, axis=1).T) < points.shape[1]


def _call_add_at(a: Any, value: Any, index: Index) -> Any:
    result = np.array(a, dtype=np.result_type(a, value), copy=True)
    np.add.at(result, thaw_index(index), value)
    return result


def _call_setitem(a: Any, value: Any, index: Index) -> Any:
    result = np.array(a, dtype=np.result_type(a, value), copy=True)
    result[thaw_index(index)] = value
    return result


SETITEM = '''
def setitem(a, value, index):
    """A copy of the array with a value at an index."""
    copy = a * 1.0
    copy[index] = value
    return copy
'''
ADD_AT = '''
def add_at(a, value, index):
    """A copy of the array with a value added at an index, as often as the index names an entry."""
    copy = a * 1.0
    np.add.at(copy, index, value)
    return copy
'''


# --- joining --------------------------------------------------------------------------------------


def _bind_concatenate(arrays: Any, axis: Any = 0) -> Bound:
    return tuple(arrays), {"axis": int(axis)}


def _lower_concatenate(*parts: Expr, axis: int) -> Expr:
    at = axis % parts[0].ndim
    total = sum((p.shape[at] for p in parts), start=Size.of(0))
    shape = [total if a == at else s for a, s in enumerate(parts[0].shape)]
    terms = []
    start = Size.of(0)
    for part in parts:
        labels: list[Label] = list(range(part.ndim))
        moved: list[Label] = ["joined" if a == at else a for a in labels]
        factors = [Factor(part, tuple(labels)), Factor(select(part.shape[at], total, start), (at, "joined"))]
        terms.append((1, contract(factors, moved)))
        start = start + part.shape[at]
    return linear(terms, shape)


def _lower_stack(*parts: Expr, axis: int) -> Expr:
    at = axis % (parts[0].ndim + 1)
    size = Size.of(len(parts))
    labels = list(range(parts[0].ndim))
    out: list[Label] = [*labels[:at], "stacked", *labels[at:]]
    terms = [
        (1, contract([Factor(p, tuple(labels)), Factor(unit(size, k), ("stacked",))], out))
        for k, p in enumerate(parts)
    ]
    shape = [*parts[0].shape[:at], size, *parts[0].shape[at:]]
    return linear(terms, shape)


def _triangular(lower: bool) -> Callable[..., Expr]:
    def cut(m: Expr, k: int) -> Expr:
        if m.ndim < 2:
            raise NotImplementedError("of a vector: write the matrix that it is broadcast to")
        below = triangle(m.shape[-2], m.shape[-1], k if lower else k - 1)
        kept = multiply(m, broadcast(below, m.shape))
        return kept if lower else m - kept

    return cut


def _bind_triangular(m: Any, k: int = 0) -> Bound:
    return (m,), {"k": int(k)}


def _lower_cumsum(a: Expr, axis: int | None) -> Expr:
    if axis is None:
        a, axis = flattened(a), 0
    at = axis % a.ndim
    labels: list[Label] = list(range(a.ndim))
    out: list[Label] = ["cumulated" if i == at else i for i in labels]
    sums = triangle(a.shape[at], a.shape[at])
    return contract([Factor(a, tuple(labels)), Factor(sums, ("cumulated", at))], out)


def _lower_flip(m: Expr, axis: Any) -> Expr:
    axes = range(m.ndim) if axis is None else [a % m.ndim for a in np.atleast_1d(axis).tolist()]
    reverse = ("slice", None, None, -1)
    return lower_getitem(
        m, tuple(reverse if a in axes else ("slice", None, None, None) for a in range(m.ndim))
    )


def _lower_diff(a: Expr, n: int, axis: int) -> Expr:
    for _ in range(n):
        later, earlier = (part_along(a, axis, slice(*bounds)) for bounds in ((1, None), (None, -1)))
        a = later - earlier
    return a


def part_along(a: Expr, axis: int, part: slice) -> Expr:
    """A slice along one axis."""
    at = axis % a.ndim
    return lower_getitem(a, freeze_index(tuple(part if i == at else slice(None) for i in range(a.ndim))))


def _bind_diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Bound:
    if n < 1:
        raise TypeError(f"n={n}: differences of order 1 or more")
    for joined, before in ((prepend, True), (append, False)):
        if joined is not None:
            if not np.ndim(joined):
                joined = np.broadcast_to(
                    joined, [1 if i == axis % np.ndim(a) else s for i, s in enumerate(np.shape(a))]
                )
            a = np.concatenate((joined, a) if before else (a, joined), axis=axis)
    return (a,), {"n": int(n), "axis": axis}


# --- repeats and borders --------------------------------------------------------------------------


def _lower_roll(a: Expr, shift: Any, axis: Any) -> Expr:
    if axis is None:
        return _lower_reshape(_lower_roll(flattened(a), shift, 0), a.shape)
    shifts, axes = np.broadcast_arrays(shift, axis)
    for s, at in zip(shifts.ravel().tolist(), axes.ravel().tolist(), strict=True):
        labels: list[Label] = list(range(a.ndim))
        out: list[Label] = ["rolled" if i == at % a.ndim else i for i in labels]
        factor = Factor(roll(a.shape[at], s), ("rolled", at % a.ndim))
        a = contract([Factor(a, tuple(labels)), factor], out)
    return a


def _bind_roll(a: Any, shift: Any, axis: Any = None) -> Bound:
    return (a,), {"shift": _integers(shift), "axis": _integers(axis)}


def _integers(value: Any) -> Any:
    return (
        None
        if value is None
        else np.asarray(value).tolist()
        if np.ndim(value) == 0
        else tuple(map(int, value))
    )


def _lower_repeat(a: Expr, repeats: Any, axis: int | None) -> Expr:
    if axis is None:
        a, axis = flattened(a), 0
    at = axis % a.ndim
    if isinstance(repeats, ArrayConstant):
        index = np.repeat(np.arange(a.shape[at].value), repeats.array)
        return lower_getitem(a, freeze_index((slice(None),) * at + (index,)))
    if a.shape[at] == Size.of(1):
        return broadcast(a, (*a.shape[:at], Size.of(repeats), *a.shape[at + 1 :]))
    labels: list[Label] = list(range(a.ndim))
    sizes: dict[Label, Size] = {"copies": Size.of(repeats)}
    spread = contract([Factor(a, tuple(labels))], [*labels[: at + 1], "copies", *labels[at + 1 :]], sizes)
    return merge_axes(spread, [2 if i == at else 1 for i in labels])


def _bind_repeat(a: Any, repeats: Any, axis: int | None = None) -> Bound:
    return (a,), {"repeats": ArrayConstant(repeats) if np.ndim(repeats) else repeats, "axis": axis}


def _call_repeat(a: Any, repeats: Any, axis: int | None) -> Any:
    return np.repeat(a, repeats.array if isinstance(repeats, ArrayConstant) else repeats, axis)


def _lower_tile(a: Expr, reps: tuple[Any, ...]) -> Expr:
    ndim = max(a.ndim, len(reps))
    copies = [Size.of(1)] * (ndim - len(reps)) + [Size.of(r) for r in reps]
    a = broadcast(a, (*[Size.of(1)] * (ndim - a.ndim), *a.shape))
    labels: list[Label] = [label for i in range(ndim) for label in (("copy", i), i)]
    sizes: dict[Label, Size] = {("copy", i): n for i, n in enumerate(copies)}
    repeated = [i for i, n in enumerate(copies) if n != Size.of(1)]
    kept = [label for label in labels if not isinstance(label, tuple) or label[1] in repeated]
    spread = contract([Factor(a, tuple(range(ndim)))], kept, sizes)
    return merge_axes(spread, [2 if i in repeated else 1 for i in range(ndim)])


def _bind_tile(A: Any, reps: Any) -> Bound:
    return (A,), {"reps": _sizes(_hashable(reps))}


MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def _bind_pad(array: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Bound:
    if mode not in MODES:
        raise TypeError(f"mode={mode!r}: only {', '.join(MODES)}")
    if isinstance(pad_width, dict) or np.ndim(constant_values):
        raise TypeError("give the widths as numbers or pairs, and one constant")
    widths = np.broadcast_to(np.asarray(pad_width, dtype=int), (np.ndim(array), 2))
    return (array,), {
        "pad_width": _hashable(widths.tolist()),
        "mode": mode,
        "constant_values": float(constant_values),
    }


def _call_pad(array: Any, pad_width: Any, mode: str, constant_values: float) -> Any:
    options = {"constant_values": constant_values} if mode == "constant" else {}
    return np.pad(array, pad_width, mode, **options)  # type: ignore[call-overload]


def _lower_pad(a: Expr, pad_width: tuple[tuple[int, int], ...], mode: str, constant_values: float) -> Expr:
    if mode == "constant":
        whole = [size + before + after for size, (before, after) in zip(a.shape, pad_width, strict=True)]
        inner = tuple(
            ("slice", before, size + before, None)
            for size, (before, _) in zip(a.shape, pad_width, strict=True)
        )
        padded = put(a, inner, whole)
        if constant_values == 0:
            return padded
        border = 1 - put(number(1, a.shape), inner, whole)
        return linear([(1, padded), (constant_values, border)], whole)
    for axis, (before, after) in enumerate(pad_width):
        least = max(before, after) + (mode == "reflect")
        if mode != "edge" and least > a.shape[axis].value:
            raise NotImplementedError(f"a border that is wider than axis {axis}")
        parts = [_border(a, axis, before, mode, False), a, _border(a, axis, after, mode, True)]
        kept = [part for part in parts if part.shape[axis] != Size.of(0)]
        a = _lower_concatenate(*kept, axis=axis)
    return a


def _border(a: Expr, axis: int, width: int, mode: str, end: bool) -> Expr:
    """The entries that np.pad puts before or after an axis."""
    if mode == "edge":
        return _lower_repeat(part_along(a, axis, slice(-1, None) if end else slice(0, 1)), width, axis)
    n = a.shape[axis].value
    skip = int(mode == "reflect")
    if mode != "edge" and width + skip >= n:
        _fixed(a.shape[axis])
    if mode == "wrap":
        return part_along(a, axis, slice(0, width) if end else slice(-width or n, None))
    if end:
        return part_along(a, axis, slice(-1 - skip, -1 - skip - width if width + skip < n else None, -1))
    return part_along(
        a, axis, slice(skip + width - 1, skip - 1 if skip else None, -1) if width else slice(0, 0)
    )


def _lower_broadcast_to(array: Expr, shape: tuple[Any, ...]) -> Expr:
    return broadcast(array, [Size.of(s) for s in shape])


def _bind_zeros(shape: Any, dtype: Any = None) -> Bound:
    return (), {"shape": _sizes(shape)}


def _bind_full(shape: Any, fill_value: Any, dtype: Any = None) -> Bound:
    return (fill_value,), {"shape": _sizes(shape)}


def _bind_eye(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Bound:
    return (), {"shape": (N, N if M is None else M), "k": int(k)}


def _sizes(shape: Any) -> tuple[Any, ...]:
    return tuple(shape) if isinstance(shape, tuple | list) else (shape,)


def _lower_eye(shape: tuple[Any, ...], k: int) -> Expr:
    rows, columns = (Size.of(s) for s in shape)
    if rows == columns and not k:
        return identity((rows,))
    down, right = max(-k, 0), max(k, 0)
    length = min(rows - down, columns - right, key=lambda size: size.value)
    if length.value <= 0:
        return zeros((rows, columns))
    first, second = select(length, rows, down), select(length, columns, right)
    return contract([Factor(first, ("p", "i")), Factor(second, ("p", "j"))], ("i", "j"))


def _lower_full(shape: tuple[Any, ...], value: Expr) -> Expr:
    return broadcast(value, [Size.of(s) for s in shape])


PAD = '''
def pad(a, widths, mode, constant):
    """np.pad, whose constant is given for one of its modes only."""
    if mode == "constant":
        return np.pad(a, widths, constant_values=constant)
    return np.pad(a, widths, mode)
'''


# --- samples for tests ----------------------------------------------------------------------------


def _array(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(shape(rng, int(rng.integers(1, 4))))


def _along_axis(rng: np.random.Generator) -> Bound:
    a = _array(rng)
    return (a,), {"axis": int(rng.integers(-a.ndim, a.ndim))}


def _some_index(rng: np.random.Generator, sizes: tuple[int, ...], repeats: bool = True) -> Index:
    """An index of any kind for an array of a shape."""
    n = sizes[0]
    positions = rng.integers(-n, n, 3) if repeats else rng.permutation(n)[: rng.integers(1, n + 1)]
    kinds: list[Any] = [
        int(rng.integers(-n, n)),
        slice(1, None),
        slice(None, None, -1),
        slice(-1, 0, -2),
        (Ellipsis, None, slice(None, -1)),
        (slice(None, None, 2), *[slice(None)] * (len(sizes) - 2), *[-1] * (len(sizes) > 1)),
        positions,
        (Ellipsis, rng.permutation(sizes[-1])),
        rng.random(sizes) > 0.3,
        tuple(rng.permutation(m)[: min(sizes)] for m in sizes),
        (positions[:1], *[slice(None)] * (len(sizes) - 2), *[0] * (len(sizes) > 1)),
        np.ix_(*(rng.permutation(m) for m in sizes)),
    ]
    if repeats:
        kinds.append(rng.integers(0, n, (2, 3)))
    return freeze_index(kinds[rng.integers(len(kinds))])


def _assigned(rng: np.random.Generator, repeats: bool) -> Bound:
    a = _array(rng)
    index = _some_index(rng, a.shape, repeats)
    part = a[thaw_index(index)]
    value = rng.standard_normal(part.shape[rng.integers(part.ndim + 1) :])
    return (a, value), {"index": index}


def _padded(rng: np.random.Generator) -> Bound:
    a = rng.standard_normal(shape(rng, 2, 3))
    mode = MODES[rng.integers(len(MODES))]
    widths = _hashable(rng.integers(0, 3, (2, 2)).tolist())
    return (a,), {"pad_width": widths, "mode": mode, "constant_values": 1.5 * (mode == "constant")}


register(
    Primitive(
        "getitem",
        (),
        lambda a, index: ((a,), {"index": index}),
        lower_getitem,
        strength=ATOM,
        call=lambda a, index: a[thaw_index(index)],
        source="{0}[{index}]",
        latex="{0}_{{{index}}}",
        text="{0}[{index}]",
        samples=lambda rng: ((a := _array(rng),), {"index": _some_index(rng, a.shape)}),
    )
)
register(
    Primitive(
        "setitem",
        (),
        lambda a, value, index: ((a, value), {"index": index}),
        _lower_setitem,
        call=_call_setitem,
        source="setitem({0}, {1}, {index})",
        helper=SETITEM,
        latex=r"{0}[{index} \leftarrow {1}]",
        text="{0}[{index} ← {1}]",
        samples=lambda rng: _assigned(rng, repeats=False),
        sources={"autograd": None, "jax": "{0}.at[{index}].set({1})"},
    )
)
register(
    Primitive(
        "add_at",
        (),
        lambda a, value, index: ((a, value), {"index": index}),
        _lower_add_at,
        call=_call_add_at,
        source="add_at({0}, {1}, {index})",
        helper=ADD_AT,
        latex=r"{0}[{index} \mathrel{{+}}= {1}]",
        text="{0}[{index} += {1}]",
        samples=lambda rng: _assigned(rng, repeats=True),
        sources={
            "autograd": None,
            "jax": "{0}.at[{index}].add({1})",
            "torch": None,
        },
    )
)
register(
    Primitive(
        "reshape",
        (np.reshape,),
        _bind_reshape,
        _lower_reshape,
        call=lambda a, shape: np.reshape(a, _plain(shape)),
        source="np.reshape({0}, {shape})",
        latex=r"\operatorname{{reshape}}({0})",
        text="reshape({0})",
        samples=lambda rng: ((a := _array(rng),), {"shape": (a.shape[-1], -1)}),
    )
)
register(
    Primitive(
        "ravel",
        (np.ravel,),
        _bind_ravel,
        flattened,
        source="np.ravel({0})",
        text="vec({0})",
        latex=r"\operatorname{{vec}}({0})",
        samples=lambda rng: ((_array(rng),), {}),
    )
)
register(
    Primitive(
        "concatenate",
        (np.concatenate, np.concat),
        _bind_concatenate,
        _lower_concatenate,
        strength=CALL,
        call=lambda *arrays, axis: np.concatenate(arrays, axis=axis),
        latex=r"\operatorname{{concatenate}}({args})",
        text="concatenate({args})",
        source="np.concatenate(({args},), axis={axis})",
        samples=lambda rng: (
            (a := rng.standard_normal(shape(rng, 2)), a[:, :1] ** 2, a),
            {"axis": int(rng.choice([1, -1]))},
        ),
        sources={"torch": "torch.cat(({args},), dim={axis})"},
    )
)
register(
    Primitive(
        "stack",
        (np.stack,),
        _bind_concatenate,
        _lower_stack,
        call=lambda *arrays, axis: np.stack(arrays, axis=axis),
        latex=r"\operatorname{{stack}}({args})",
        text="stack({args})",
        source="np.stack(({args},), axis={axis})",
        samples=lambda rng: (
            (a := rng.standard_normal(shape(rng, 2)), a**2),
            {"axis": int(rng.integers(-3, 3))},
        ),
        sources={"torch": "torch.stack(({args},), dim={axis})"},
    )
)
for _name, _is_lower in (("tril", True), ("triu", False)):
    register(
        Primitive(
            _name,
            (getattr(np, _name),),
            _bind_triangular,
            _triangular(_is_lower),
            source=f"np.{_name}({{0}}{{params}})",
            sources={"torch": f"torch.{_name}({{0}}, {{k}})"},
            latex=rf"\operatorname{{{{{_name}}}}}({{0}})",
            text=f"{_name}({{0}})",
            samples=lambda rng: (
                (rng.standard_normal(shape(rng, int(rng.integers(2, 4)))),),
                {"k": int(rng.integers(-2, 3))},
            ),
        )
    )
register(
    Primitive(
        "cumsum",
        (np.cumsum,),
        lambda a, axis=None: ((a,), {"axis": axis}),
        _lower_cumsum,
        latex=r"\operatorname{{cumsum}}({0})",
        text="cumsum({0})",
        source="np.cumsum({0}{params})",
        samples=_along_axis,
    )
)
register(
    Primitive(
        "flip",
        (np.flip,),
        lambda m, axis=None: ((m,), {"axis": _hashable(axis)}),
        _lower_flip,
        latex=r"\operatorname{{flip}}({0})",
        text="flip({0})",
        source="np.flip({0}{params})",
        sources={"autograd": None, "torch": "{0}.flip({axis} or tuple(range({0}.ndim)))"},
        samples=_along_axis,
    )
)
register(
    Primitive(
        "diff",
        (np.diff,),
        _bind_diff,
        _lower_diff,
        latex=r"\operatorname{{diff}}({0})",
        text="diff({0})",
        source="np.diff({0}, n={n}, axis={axis})",
        samples=lambda rng: (
            (rng.standard_normal(shape(rng, 2, 3)),),
            {"n": int(rng.integers(1, 3)), "axis": -2},
        ),
    )
)
register(
    Primitive(
        "zeros_like",
        (np.zeros_like,),
        lambda a, dtype=None: ((a,), {}),
        lambda a: zeros(a.shape),
        source="np.zeros_like({0})",
        latex="0",
        text="0",
        strength=ATOM,
        samples=lambda rng: ((_array(rng),), {}),
    )
)
register(
    Primitive(
        "ones_like",
        (np.ones_like,),
        lambda a, dtype=None: ((a,), {}),
        lambda a: number(1, a.shape),
        source="np.ones_like({0})",
        latex=r"\mathbf{{1}}",
        text="𝟏",
        strength=ATOM,
        samples=lambda rng: ((_array(rng),), {}),
    )
)


def _filled(create: Callable[..., Any]) -> Callable[..., Any]:
    return lambda shape: create(_plain(shape))


for _name, _entry in (("zeros", 0), ("ones", 1)):
    register(
        Primitive(
            _name,
            (getattr(np, _name),),
            _bind_zeros,
            lambda shape, entry=_entry: _lower_full(shape, number(entry)),
            source=f"np.{_name}({{shape}})",
            sources={"torch": f"torch.{_name}({{shape}}, dtype=torch.float64)"},
            latex=rf"\mathbf{{{{{_entry}}}}}",
            text=str(_entry),
            strength=ATOM,
            samples=lambda rng: ((), {"shape": shape(rng, 2)}),
            call=_filled(getattr(np, _name)),
        )
    )
register(
    Primitive(
        "full",
        (np.full,),
        _bind_full,
        lambda value, shape: _lower_full(shape, value),
        source="np.full({shape}, {0})",
        sources={"torch": "torch.ones({shape}, dtype=torch.float64) * {0}"},
        call=lambda value, shape: np.full(_plain(shape), value),
        latex=r"{0} \mathbf{{1}}",
        text="{0}·𝟏",
        samples=lambda rng: ((float(rng.standard_normal()),), {"shape": shape(rng, 2)}),
    )
)
register(
    Primitive(
        "eye",
        (np.eye, np.identity),
        _bind_eye,
        _lower_eye,
        call=lambda shape, k: np.eye(_plain(shape)[0], _plain(shape)[1], k),
        text="I",
        latex="I",
        source="np.eye({shape[0]}, {shape[1]}, {k})",
        strength=ATOM,
        sources={
            "jax": "jnp.eye({shape[0]}, {shape[1]}, {k})",
            "torch": "torch.ones(({shape[0]}, {shape[1]}), dtype=torch.float64).triu({k}).tril({k})",
        },
        samples=lambda rng: ((), {"shape": shape(rng, 2, 2), "k": int(rng.integers(-1, 2))}),
    )
)
register(
    Primitive(
        "expand_dims",
        (np.expand_dims,),
        lambda a, axis: ((a,), {"axis": _hashable(axis)}),
        lambda a, axis: lower_getitem(a, _new_axes(a.ndim, axis)),
        source="np.expand_dims({0}, axis={axis})",
        latex="{0}",
        text="{0}",
        strength=ATOM,
        samples=lambda rng: ((a := _array(rng),), {"axis": int(rng.integers(-a.ndim - 1, a.ndim + 1))}),
        sources={"torch": "torch.unsqueeze({0}, {axis})"},
    )
)


def _new_axes(ndim: int, axis: Any) -> Index:
    axes = axis if isinstance(axis, tuple) else (axis,)
    whole = ndim + len(axes)
    new = {a % whole for a in axes}
    return tuple(None if i in new else ("slice", None, None, None) for i in range(whole))


register(
    Primitive(
        "roll",
        (np.roll,),
        _bind_roll,
        _lower_roll,
        source="np.roll({0}, {shift}, axis={axis})",
        latex=r"\operatorname{{roll}}({0})",
        text="roll({0})",
        samples=lambda rng: (
            (_array(rng),),
            {"shift": int(rng.integers(-5, 6)), "axis": (None, 0, -1, (0, -1))[rng.integers(4)]},
        ),
        sources={"torch": "torch.roll({0}, {shift}, {axis})"},
    )
)
register(
    Primitive(
        "repeat",
        (np.repeat,),
        _bind_repeat,
        _lower_repeat,
        call=_call_repeat,
        source="np.repeat({0}, {repeats}, axis={axis})",
        latex=r"\operatorname{{repeat}}({0})",
        text="repeat({0})",
        samples=lambda rng: (
            (_array(rng),),
            {"repeats": int(rng.integers(1, 4)), "axis": (None, 0, -1)[rng.integers(3)]},
        ),
        sources={"torch": "torch.repeat_interleave({0}, {repeats}, {axis})"},
    )
)
register(
    Primitive(
        "tile",
        (np.tile,),
        _bind_tile,
        _lower_tile,
        call=lambda A, reps: np.tile(A, _plain(reps)),
        source="np.tile({0}, {reps})",
        latex=r"\operatorname{{tile}}({0})",
        text="tile({0})",
        samples=lambda rng: ((_array(rng),), {"reps": shape(rng, int(rng.integers(1, 4)))}),
        sources={"autograd": None},  # whose derivative of tile is wrong
    )
)
register(
    Primitive(
        "pad",
        (np.pad,),
        _bind_pad,
        _lower_pad,
        call=_call_pad,
        source="pad({0}, {pad_width}, {mode}, {constant_values})",
        helper=PAD,
        latex=r"\operatorname{{pad}}({0})",
        text="pad({0})",
        samples=_padded,
        sources={"autograd": None, "torch": None},
    )
)
register(
    Primitive(
        "broadcast_to",
        (np.broadcast_to,),
        lambda array, shape: ((array,), {"shape": _sizes(shape)}),
        _lower_broadcast_to,
        call=lambda array, shape: np.broadcast_to(array, _plain(shape)),
        source="np.broadcast_to({0}, {shape})",
        latex="{0}",
        text="{0}",
        strength=ATOM,
        samples=lambda rng: ((a := _array(rng),), {"shape": (2, *a.shape)}),
        sources={"autograd": "{0} * np.ones({shape})"},
    )
)


def _plain(shape: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(s.value if isinstance(s, Size) else s for s in shape)


for _name in DENSE:
    if _name != "reshape":
        register(Primitive(_name, strength=ATOM))
