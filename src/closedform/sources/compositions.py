"""NumPy functions that are a few others: each is written with those, and traced as they are.

Some are so for some keywords only: they return NotImplemented where the call has a record of its own.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special

# --- entry by entry -------------------------------------------------------------------------------


def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """np.clip with one bound."""
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    if low is None:
        return +a if high is None else np.minimum(a, high)
    return np.maximum(a, low) if high is None else NotImplemented


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """np.select: the first choice whose condition holds."""
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        default = np.where(condition, choice, default)
    return default


def float_power(x1: Any, x2: Any) -> Any:
    """np.float_power."""
    return np.power(x1 * 1.0, x2)


def round_(a: Any, decimals: int = 0) -> Any:
    """np.round."""
    return np.rint(a) if decimals == 0 else np.rint(a * 10.0**decimals) / 10.0**decimals


def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> Any:
    """np.isclose, of finite numbers."""
    return np.abs(a - b) <= atol + rtol * np.abs(b)


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> Any:
    """np.allclose, of finite numbers."""
    return np.all(isclose(a, b, rtol, atol))


def array_equal(a1: Any, a2: Any) -> Any:
    """np.array_equal."""
    return np.shape(a1) == np.shape(a2) and np.all(np.equal(a1, a2))


# --- reductions -----------------------------------------------------------------------------------


def mean(a: Any, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Any:
    """np.mean with the keyword `where`."""
    if where is True:
        return NotImplemented
    counted = np.sum(np.where(where, np.ones_like(a), 0), axis=axis, keepdims=keepdims)
    return np.sum(np.where(where, a, 0), axis=axis, keepdims=keepdims) / counted


def prod(a: Any, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Any:
    """np.prod over several axes: one after the other."""
    if not isinstance(axis, tuple):
        return NotImplemented
    a = a if where is True else np.where(where, a, 1)
    for at in sorted((i % np.ndim(a) for i in axis), reverse=True):
        a = np.prod(a, axis=at, keepdims=keepdims)
    return a


def starting(reduction: Any, combine: Any, neutral: bool = False) -> Callable[..., Any]:
    """A reduction with the keyword `initial`; `neutral` if it may stand for entries that do not count."""

    def reduce(a: Any, axis: Any = None, *, initial: Any = None, where: Any = True, **options: Any) -> Any:
        if initial is None:
            if where is not True and neutral:
                raise TypeError("where needs initial")
            return NotImplemented
        if where is not True and neutral:
            a = np.where(where, a, initial)
        elif where is not True:
            options["where"] = where
        return combine(reduction(a, axis=axis, **options), initial)

    return reduce


def var(
    a: Any,
    axis: Any = None,
    *,
    ddof: float = 0,
    correction: float | None = None,
    keepdims: bool = False,
    where: Any = True,
    mean: Any = None,
) -> Any:
    """np.var with the keywords `where` and `mean`."""
    if where is True and mean is None:
        return NotImplemented
    centre = np.mean(a, axis=axis, keepdims=True, where=where) if mean is None else mean
    deviations = a - centre if where is True else np.where(where, a - centre, 0)
    squares = np.sum(deviations**2, axis=axis, keepdims=keepdims)
    chosen = np.ones_like(a) if where is True else np.where(where, np.ones_like(a), 0)
    counted = np.sum(chosen, axis=axis, keepdims=keepdims)
    return squares / (counted - (ddof if correction is None else correction))


def std(a: Any, axis: Any = None, **options: Any) -> Any:
    """np.std with the keywords `where` and `mean`."""
    found = var(a, axis, **options)
    return found if found is NotImplemented else np.sqrt(found)


def ignoring_nan(reduction: Any, neutral: float | None = None) -> Callable[..., Any]:
    """np.nansum and the like: of arrays without nan, as they mostly are, the reduction itself."""

    def reduce(a: Any, axis: Any = None, **options: Any) -> Any:
        if not np.any(np.isnan(a)):
            return reduction(a, axis=axis, **options)
        if neutral is None:
            return reduction(a, axis=axis, where=~np.isnan(a), **options)
        return reduction(np.where(np.isnan(a), neutral, a), axis=axis, **options)

    return reduce


def cumulative(sums: Any, first: float) -> Callable[..., Any]:
    """np.cumulative_sum and np.cumulative_prod."""

    def cumulate(x: Any, /, *, axis: int | None = None, include_initial: bool = False) -> Any:
        if axis is None and np.ndim(x) > 1:
            raise TypeError("which axis?")
        at = 0 if axis is None else axis
        found = sums(x, axis=at)
        if not include_initial:
            return found
        return np.concatenate((np.full_like(_along(found, at, slice(0, 1)), first), found), axis=at)

    return cumulate


def ptp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.ptp."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    """np.average."""
    if weights is None:
        found = np.mean(a, axis=axis, keepdims=keepdims)
        return (found, np.sum(np.ones_like(a), axis=axis, keepdims=keepdims)) if returned else found
    weights = _array(weights)
    if np.ndim(weights) < np.ndim(a):
        if axis is None:
            raise TypeError("which axis are the weights of?")
        axes = [int(i) % np.ndim(a) for i in np.atleast_1d(axis)]
        order = tuple(sorted(range(len(axes)), key=axes.__getitem__))
        weights = np.transpose(weights, order)[
            tuple(slice(None) if i in axes else None for i in range(np.ndim(a)))
        ]
        weights = weights * np.ones_like(a)
    total = np.sum(weights, axis=axis, keepdims=keepdims)
    found = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (found, total) if returned else found


def median(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.median: the middle of the sorted entries, or the mean of the two in the middle."""
    if axis is None:
        flat = median(np.ravel(a), 0)
        return np.reshape(flat, (1,) * np.ndim(a)) if keepdims else flat
    if isinstance(axis, tuple | list):
        first = tuple(range(len(axis)))
        moved = np.moveaxis(a, tuple(axis), first)
        flat = median(np.reshape(moved, (-1, *np.shape(moved)[len(axis) :])), 0)
        return np.expand_dims(flat, tuple(i % np.ndim(a) for i in axis)) if keepdims else flat
    n = int(np.shape(a)[axis])
    ordered = np.sort(a, axis=axis)
    lower, upper = (_along(ordered, axis, slice(k, k + 1)) for k in ((n - 1) // 2, n // 2))
    middle = lower if n % 2 else (lower + upper) / 2
    return middle if keepdims else np.squeeze(middle, axis=axis)


def quantile(
    a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False, scale: float = 1
) -> Any:
    """np.quantile: between two of the sorted entries; `scale` is 100 for percentiles."""
    if method != "linear" or isinstance(axis, tuple | list):
        raise TypeError("method='linear' along one axis, or all")
    if np.ndim(q):
        parts = [quantile(a, p, axis, keepdims=keepdims, scale=scale) for p in np.asarray(q).ravel()]
        return np.reshape(np.stack(parts), (*np.shape(q), *np.shape(parts[0])))
    if axis is None:
        flat = quantile(np.ravel(a), q, 0, scale=scale)
        return np.reshape(flat, (1,) * np.ndim(a)) if keepdims else flat
    ordered = np.sort(a, axis=axis)
    last = int(np.shape(a)[axis]) - 1
    place = float(q) / scale * last
    low = min(int(place), last)
    lower, upper = (_along(ordered, axis, slice(k, k + 1)) for k in (low, min(low + 1, last)))
    found = lower + (place - low) * (upper - lower)
    return found if keepdims else np.squeeze(found, axis=axis)


def percentile(a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """np.percentile."""
    return quantile(a, q, axis, method=method, keepdims=keepdims, scale=100)


def vector_norm(x: Any, /, *, axis: int | None = None, keepdims: bool = False, ord: float = 2) -> Any:
    """np.linalg.vector_norm."""
    if isinstance(axis, tuple):
        raise TypeError("axis: one, or None")
    if axis is None:
        flat = np.linalg.norm(np.ravel(x), ord)
        return np.reshape(flat, (1,) * np.ndim(x)) if keepdims else flat
    return np.linalg.norm(x, ord, axis, keepdims)


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """np.linalg.matrix_norm."""
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.count_nonzero."""
    return np.sum(np.not_equal(a, 0), axis=axis, keepdims=keepdims)


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """np.trapezoid."""
    middles = (_along(y, axis, slice(1, None)) + _along(y, axis, slice(None, -1))) / 2
    if x is None:
        return dx * np.sum(middles, axis=axis)
    widths = np.diff(x, axis=axis if np.ndim(x) > 1 else -1)
    if np.ndim(x) == 1:
        widths = widths[(slice(None), *[None] * (np.ndim(y) - axis % np.ndim(y) - 1))]
    return np.sum(widths * middles, axis=axis)


def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None) -> Any:
    """np.cov of the rows (or columns) of a matrix, or of vectors."""
    if np.ndim(m) == 2 and not rowvar:
        m = np.transpose(m)
    if y is not None:
        second = np.transpose(y) if np.ndim(y) == 2 and not rowvar else y
        m = np.concatenate((np.atleast_2d(m), np.atleast_2d(second)))
    count = np.shape(m)[-1] - ((0 if bias else 1) if ddof is None else ddof)
    centred = m - np.mean(m, axis=-1, keepdims=True)
    if np.ndim(m) == 1:
        return centred @ centred / count
    return centred @ np.transpose(centred) / count


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """np.corrcoef of the rows (or columns) of a matrix, or of vectors."""
    c = cov(x, y, rowvar)
    if np.ndim(c) == 0:
        return c / c
    deviations = np.sqrt(np.diag(c))
    return c / np.outer(deviations, deviations)


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    """scipy.special.logsumexp with weights: ln sum b e^a = logsumexp(a) + ln sum b softmax(a)."""
    if b is None:
        return NotImplemented
    weighted = np.sum(b * scipy.special.softmax(a, axis=axis), axis=axis, keepdims=keepdims)
    return np.log(weighted) + scipy.special.logsumexp(a, axis=axis, keepdims=keepdims)


# --- products -------------------------------------------------------------------------------------


def is_square(a: Any) -> bool:
    """Whether an array is a square matrix at the example."""
    shape = np.shape(_plain(a))
    return len(shape) == 2 and shape[0] == shape[1]


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """np.trace of more than a matrix."""
    if is_square(a) and (offset, axis1, axis2) == (0, 0, 1):
        return NotImplemented
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1)


def vecdot(x1: Any, x2: Any, axis: int = -1) -> Any:
    """np.vecdot."""
    return np.sum(x1 * x2, axis=axis)


def vdot(a: Any, b: Any) -> Any:
    """np.vdot of arrays of different shapes: their entries in C order."""
    if np.shape(_plain(a)) == np.shape(_plain(b)):
        return NotImplemented
    return np.dot(np.ravel(a), np.ravel(b))


def matvec(x1: Any, x2: Any) -> Any:
    """np.matvec."""
    return np.einsum("...ij,...j->...i", x1, x2)


def vecmat(x1: Any, x2: Any) -> Any:
    """np.vecmat."""
    return np.einsum("...i,...ij->...j", x1, x2)


def cross(a: Any, b: Any, axis: int = -1) -> Any:
    """np.cross of vectors with three entries."""
    if np.shape(a)[axis] != 3 or np.shape(b)[axis] != 3:
        raise TypeError("only of vectors with three entries")
    a, b = np.moveaxis(a, axis, -1), np.moveaxis(b, axis, -1)
    product = np.roll(a, -1, -1) * np.roll(b, 1, -1) - np.roll(a, 1, -1) * np.roll(b, -1, -1)
    return np.moveaxis(product, -1, axis)


def polyval(p: Any, x: Any) -> Any:
    """np.polyval, by Horner's rule."""
    value = 0 * x
    for k in range(len(p)):
        value = value * x + p[k]
    return value


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """np.vander."""
    powers = range(len(x) if N is None else int(N))
    return np.stack([x**k for k in (powers if increasing else reversed(powers))], axis=-1)


def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """np.convolve: the sum of the longer vector's shifts, times the entries of the shorter one."""
    if np.ndim(a) != 1 or np.ndim(v) != 1 or not (len(a) and len(v)):
        raise TypeError("only of vectors that are not empty")
    if mode not in ("full", "same", "valid"):
        raise TypeError(f"mode={mode!r}; write 'full', 'same' or 'valid'")
    if len(a) < len(v):
        a, v = v, a
    count = len(v)
    if mode == "valid":
        length = np.shape(a)[0] - (count - 1)
        return _sum_of(v[k] * a[count - 1 - k : count - 1 - k + length] for k in range(count))
    full = _sum_of(v[k] * np.pad(a, (k, count - 1 - k)) for k in range(count))
    start = (count - 1) // 2
    return full if mode == "full" else full[start : start + np.shape(a)[0]]


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """np.correlate, of real vectors."""
    if mode == "same" and len(v) > len(a):
        raise TypeError("mode='same' with the longer vector last")
    return convolve(a, v[::-1], mode)


def _sum_of(terms: Iterable[Any]) -> Any:
    return functools.reduce(operator.add, terms)


# --- axes -----------------------------------------------------------------------------------------


def matrix_transpose(x: Any) -> Any:
    """np.matrix_transpose."""
    return np.swapaxes(x, -1, -2)


def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """np.moveaxis."""
    ndim = np.ndim(a)
    sources, targets = ([int(i) % ndim for i in np.atleast_1d(x)] for x in (source, destination))
    order = [i for i in range(ndim) if i not in sources]
    for target, moved in sorted(zip(targets, sources, strict=True)):
        order.insert(target, moved)
    return np.transpose(a, tuple(order))


def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """np.rollaxis."""
    ndim = np.ndim(a)
    axis, start = axis % ndim, start + ndim if start < 0 else start
    return np.moveaxis(a, axis, start - (axis < start))


def reshape(a: Any, shape: Any, order: str = "C") -> Any:
    """np.reshape in Fortran's order: C order of the transposed arrays."""
    if _order(a, order) == "C":
        return NotImplemented if order == "C" else np.reshape(a, shape)
    sizes = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    return np.transpose(np.reshape(np.transpose(a), sizes[::-1]))


def ravel(a: Any, order: str = "C") -> Any:
    """np.ravel in other orders: C order of an array with its axes in another order."""
    if order == "K":
        strides = np.asarray(_plain(a)).strides
        axes = sorted(range(len(strides)), key=lambda i: -abs(strides[i]))
        return np.ravel(a if axes == list(range(len(axes))) else np.transpose(a, tuple(axes)))
    if _order(a, order) == "C":
        return NotImplemented if order == "C" else np.ravel(a)
    return np.ravel(np.transpose(a))


def _order(a: Any, order: str) -> str:
    """C or F, for the order that depends on how an array lies in memory."""
    if order == "A":
        flags = np.asarray(_plain(a)).flags
        return "F" if flags.f_contiguous and not flags.c_contiguous else "C"
    if order not in ("C", "F"):
        raise TypeError(f"order={order!r}")
    return order


def contiguous(order: str) -> Callable[..., Any]:
    """np.ascontiguousarray and np.asfortranarray: the array itself if it lies so."""

    is_so = operator.attrgetter(f"{order.lower()}_contiguous")

    def arrange(a: Any) -> Any:
        a = np.atleast_1d(_array(a))
        return a if is_so(np.asarray(_plain(a)).flags) else a.copy(order)

    return arrange


def squeeze(a: Any, axis: Any = None) -> Any:
    """np.squeeze."""
    shape = np.shape(_plain(a))
    axes = [i for i, n in enumerate(shape) if n == 1] if axis is None else np.atleast_1d(axis).tolist()
    drop = {i % len(shape) for i in axes}
    if any(shape[i] != 1 for i in drop):
        raise TypeError(f"an axis of {shape} that is not of length 1")
    index = tuple(0 if i in drop else slice(None) for i in range(len(shape)))
    return a[(*index, ...)] if len(drop) == len(shape) else a[index]  # an array, not a number


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)


def _array(value: Any) -> Any:
    """A list as an array."""
    return np.asarray(value) if isinstance(value, list | tuple) else value


def atleast_1d(*arrays: Any) -> Any:
    """np.atleast_1d."""
    return _each(lambda a: a if np.ndim(a) else np.reshape(a, (1,)), arrays)


def atleast_2d(*arrays: Any) -> Any:
    """np.atleast_2d."""
    return _each(lambda a: a if np.ndim(a) > 1 else np.atleast_1d(a)[None, :], arrays)


def atleast_3d(*arrays: Any) -> Any:
    """np.atleast_3d."""
    return _each(lambda a: a if np.ndim(a) > 2 else np.atleast_2d(a)[:, :, None], arrays)


def _each(change: Callable[[Any], Any], arrays: Sequence[Any]) -> Any:
    return change(arrays[0]) if len(arrays) == 1 else tuple(change(a) for a in arrays)


def _along(a: Any, axis: int, part: Any) -> Any:
    """A part along one axis."""
    return a[(slice(None),) * (axis % np.ndim(a)) + (part,)]


# --- joining and splitting ------------------------------------------------------------------------


def concatenate(arrays: Any, axis: int | None = 0) -> Any:
    """np.concatenate of flattened arrays, for axis=None."""
    return np.concatenate([np.ravel(a) for a in arrays]) if axis is None else NotImplemented


def hstack(arrays: Any) -> Any:
    """np.hstack."""
    parts = [np.atleast_1d(a) for a in arrays]
    return np.concatenate(parts, axis=0 if np.ndim(parts[0]) == 1 else 1)


def vstack(arrays: Any) -> Any:
    """np.vstack."""
    return np.concatenate([np.atleast_2d(a) for a in arrays], axis=0)


def dstack(arrays: Any) -> Any:
    """np.dstack."""
    return np.concatenate([np.atleast_3d(a) for a in arrays], axis=2)


def column_stack(arrays: Any) -> Any:
    """np.column_stack."""
    return np.concatenate([a if np.ndim(a) > 1 else np.atleast_1d(a)[:, None] for a in arrays], axis=1)


def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """np.append."""
    if axis is None:
        return np.concatenate((np.ravel(arr), np.ravel(values)))
    return np.concatenate((arr, values), axis=axis)


def insert(arr: Any, obj: int, values: Any, axis: int | None = None) -> Any:
    """np.insert at one position."""
    if np.ndim(obj) or isinstance(obj, slice):
        raise TypeError("at one position: join the parts with np.concatenate")
    if axis is None:
        arr, axis = np.ravel(arr), 0
    values = _array(values)
    place = int(obj) if obj >= 0 else int(np.shape(arr)[axis]) + int(obj)
    shape, lacking = list(np.shape(arr)), np.ndim(arr) - np.ndim(values)
    new = np.moveaxis(np.reshape(values, (*[1] * lacking, *np.shape(values))), 0, axis)
    shape[axis] = np.shape(new)[axis]
    return np.concatenate(
        (
            _along(arr, axis, slice(0, place)),
            np.broadcast_to(new, tuple(shape)),
            _along(arr, axis, slice(place, None)),
        ),
        axis=axis,
    )


def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """np.delete."""
    if axis is None:
        arr, axis = np.ravel(arr), 0
    if np.ndim(obj) == 0 and not isinstance(obj, slice) and obj >= 0:
        parts = (_along(arr, axis, slice(0, int(obj))), _along(arr, axis, slice(int(obj) + 1, None)))
        return np.concatenate(parts, axis=axis)
    return _along(arr, axis, np.delete(np.arange(int(np.shape(arr)[axis])), obj))


def block(arrays: Any) -> Any:
    """np.block."""

    def depth(item: Any) -> int:
        return 1 + depth(item[0]) if isinstance(item, list) else 0

    def joined(item: Any, level: int) -> Any:
        if not isinstance(item, list):
            lacking = ndim - np.ndim(item)
            return np.reshape(item, (1,) * lacking + tuple(np.shape(item))) if lacking > 0 else item
        return np.concatenate([joined(part, level - 1) for part in item], axis=-level)

    def rank(item: Any) -> int:
        return max(map(rank, item)) if isinstance(item, list) else np.ndim(item)

    levels = depth(arrays)
    ndim = max(rank(arrays), levels)
    return joined(arrays, levels)


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """np.array_split."""
    if np.ndim(indices_or_sections):
        bounds = [0, *map(int, indices_or_sections), None]
    else:
        n, sections = int(np.shape(ary)[axis]), int(indices_or_sections)
        each, extra = divmod(n, sections)
        bounds = np.cumsum([0] + [each + 1] * extra + [each] * (sections - extra)).tolist()
    return [_along(ary, axis, slice(a, b)) for a, b in itertools.pairwise(bounds)]


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """np.split."""
    if not np.ndim(indices_or_sections) and int(np.shape(ary)[axis]) % int(indices_or_sections):
        raise TypeError("no equal division: use np.array_split")
    return array_split(ary, indices_or_sections, axis)


def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """np.hsplit."""
    return split(ary, indices_or_sections, 1 if np.ndim(ary) > 1 else 0)


def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """np.vsplit."""
    return split(ary, indices_or_sections, 0)


def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """np.dsplit."""
    return split(ary, indices_or_sections, 2)


def unstack(x: Any, *, axis: int = 0) -> tuple[Any, ...]:
    """np.unstack."""
    return tuple(_along(x, axis, k) for k in range(int(np.shape(x)[axis])))


# --- rearrangements -------------------------------------------------------------------------------


def fliplr(m: Any) -> Any:
    """np.fliplr."""
    return np.flip(m, axis=1)


def flipud(m: Any) -> Any:
    """np.flipud."""
    return np.flip(m, axis=0)


def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """np.rot90."""
    first, second = axes
    if k % 4 == 0:
        return m
    if k % 4 == 2:
        return np.flip(m, axis=(first, second))
    turned = np.flip(m, axis=second) if k % 4 == 1 else m
    turned = np.swapaxes(turned, first, second)
    return turned if k % 4 == 1 else np.flip(turned, axis=second)


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """np.ediff1d."""
    parts = [np.ravel(p) for p in (to_begin, np.diff(np.ravel(ary)), to_end) if p is not None]
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def gradient(f: Any, *varargs: float, axis: Any = None) -> Any:
    """np.gradient at equal distances."""
    axes = range(np.ndim(f)) if axis is None else np.atleast_1d(axis).tolist()
    steps = varargs * (len(axes) if len(varargs) == 1 else 1) or (1.0,) * len(axes)
    if len(steps) != len(axes) or any(np.ndim(h) for h in steps):
        raise TypeError("give one distance, or one for each axis")

    def along(at: int, h: float) -> Any:
        first, second = _along(f, at, slice(0, 1)), _along(f, at, slice(1, 2))
        last, before = _along(f, at, slice(-1, None)), _along(f, at, slice(-2, -1))
        inner = (_along(f, at, slice(2, None)) - _along(f, at, slice(None, -2))) / (2 * h)
        return np.concatenate(((second - first) / h, inner, (last - before) / h), axis=at)

    results = [along(at, h) for at, h in zip(axes, steps, strict=True)]
    return results[0] if len(results) == 1 else tuple(results)


def take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
    """np.take."""
    chosen = _array(indices)
    if np.size(chosen) == 0:
        chosen = np.zeros(np.shape(chosen), dtype=int)
    if mode != "raise":
        length = int(np.size(a) if axis is None else np.shape(a)[axis])
        chosen = chosen % length if mode == "wrap" else np.minimum(np.maximum(chosen, 0), length - 1)
    found = np.ravel(a)[chosen] if axis is None else _along(a, axis, chosen)
    return found if np.ndim(chosen) else np.copy(found)  # never a view


def take_along_axis(arr: Any, indices: Any, axis: int = -1) -> Any:
    """np.take_along_axis."""
    sizes = [int(n) for n in np.shape(arr)]
    at = axis % len(sizes)
    grid = np.ogrid[tuple(slice(n) for n in sizes)]
    return arr[tuple(indices if i == at else grid[i] for i in range(len(sizes)))]


def compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    """np.compress."""
    condition = _array(condition)
    return np.ravel(a)[condition] if axis is None else _along(a, axis, condition)


def extract(condition: Any, arr: Any) -> Any:
    """np.extract."""
    return arr[condition]


def diff(a: Any, n: int = 1, *args: Any, **options: Any) -> Any:
    """np.diff of order 0, which is the array itself."""
    return a if n == 0 else NotImplemented


PADDED: dict[str, Callable[..., Any]] = {
    "mean": np.mean,
    "maximum": np.max,
    "minimum": np.min,
    "median": np.median,
}


def pad(array: Any, pad_width: Any, mode: str = "constant", **options: Any) -> Any:
    """np.pad with a border that is computed, or that is not the same everywhere: one axis after the other."""
    constant = options.get("constant_values", 0)
    if mode in ("reflect", "symmetric", "wrap"):
        return _pad_by_position(array, pad_width, mode, **options)
    if mode not in {"constant", "linear_ramp", *PADDED}:
        return NotImplemented
    if mode == "constant" and np.ndim(constant) == 0 and not hasattr(constant, "expr"):
        return NotImplemented
    if options.keys() - {"constant_values", "end_values"} or isinstance(pad_width, dict):
        raise TypeError(
            f"mode={mode!r} with widths as numbers or pairs, constant_values and end_values alone"
        )
    widths = np.broadcast_to(pad_width, (np.ndim(array), 2)).tolist()
    ends = np.broadcast_to(options.get("end_values", constant), (np.ndim(array), 2))
    for axis, pair in enumerate(widths):
        borders = []
        for k, width in enumerate(pair):
            edge = _along(array, axis, slice(-1, None) if k else slice(0, 1))
            if mode in PADDED:
                edge = PADDED[mode](array, axis=axis, keepdims=True)
            elif mode == "constant":
                edge = np.zeros_like(edge) + ends[axis, k]
            border = np.repeat(edge, width, axis=axis)
            if mode == "linear_ramp" and width:
                steps = np.arange(width) / width if k == 0 else 1 - np.arange(1, width + 1) / width
                ramp = np.reshape(steps, [-1 if i == axis else 1 for i in range(np.ndim(array))])
                border = ends[axis, k] + ramp * (border - ends[axis, k])
            borders.append(border)
        array = np.concatenate((borders[0], array, borders[1]), axis=axis)
    return array


def _pad_by_position(array: Any, pad_width: Any, mode: str, reflect_type: str = "even") -> Any:
    """np.pad with entries of the array, where the border is wide or odd: twice the edge less these."""
    shape = [int(n) for n in np.shape(_plain(array))]
    widths = np.broadcast_to(pad_width, (len(shape), 2)).tolist()
    fits = all(max(pair) + (mode == "reflect") <= n for pair, n in zip(widths, shape, strict=True))
    if reflect_type == "even" and fits:
        return NotImplemented
    if reflect_type != "even" and not fits:
        raise TypeError("reflect_type='odd' with a border that is wider than the array")
    for axis, (before, after) in enumerate(widths):
        n = int(np.shape(array)[axis])
        places = np.pad(np.arange(n), (before, after), mode)  # type: ignore[call-overload]
        moved = _along(array, axis, places)
        if reflect_type != "even":
            sign = np.array([-1.0] * before + [1.0] * n + [-1.0] * after)
            edges = np.array([0] * before + list(range(n)) + [n - 1] * after)
            sign = np.reshape(sign, [-1 if i == axis else 1 for i in range(len(shape))])
            moved = sign * moved + (1 - sign) * _along(array, axis, edges)
        array = moved
    return array


def interp(x: Any, xp: Any, fp: Any) -> Any:
    """np.interp: the part of the line that x is on stays what it is at the example."""
    x, xp, fp = map(_array, (x, xp, fp))
    known, _ = np.asarray(_plain(xp)), int(np.size(x))  # the parts are those of so many positions
    if known.size < 2 or not np.all(np.diff(known) > 0):
        raise TypeError("with fewer than two positions, or some that do not increase")
    inside = np.minimum(np.maximum(x, xp[0]), xp[-1])
    after = np.searchsorted(known, np.asarray(_plain(inside)), side="right")
    left = np.clip(after - 1, 0, known.size - 2)
    if not np.all((xp[left] <= inside) & (inside <= xp[left + 1])):
        raise TypeError("at positions that are not numbers")
    slope = (fp[left + 1] - fp[left]) / (xp[left + 1] - xp[left])
    return fp[left] + slope * (inside - xp[left])


def sliding_window_view(x: Any, window_shape: Any, axis: Any = None) -> Any:
    """np.lib.stride_tricks.sliding_window_view."""
    windows = [int(w) for w in np.atleast_1d(window_shape)]
    axes = list(range(np.ndim(x))) if axis is None else [int(i) % np.ndim(x) for i in np.atleast_1d(axis)]
    for at, width in zip(axes, windows, strict=True):
        starts = np.arange(int(np.shape(x)[at]) - width + 1)
        x = np.moveaxis(_along(x, at, starts[:, None] + np.arange(width)), at + 1, -1)
    return x


def toeplitz(c: Any, r: Any = None) -> Any:
    """scipy.linalg.toeplitz of vectors."""
    r = c if r is None else r
    if np.ndim(c) != 1 or np.ndim(r) != 1:
        raise TypeError("only of vectors")
    rows, columns = int(np.shape(c)[0]), int(np.shape(r)[0])
    entries = np.concatenate((c[::-1], r[1:]))
    return entries[rows - 1 - np.arange(rows)[:, None] + np.arange(columns)]


def circulant(c: Any) -> Any:
    """scipy.linalg.circulant of a vector."""
    if np.ndim(c) != 1:
        raise TypeError("only of a vector")
    places = np.arange(int(np.shape(c)[0]))
    return c[(places[:, None] - places) % len(places)]


def loggamma(z: Any) -> Any:
    """scipy.special.loggamma of positive numbers."""
    if not np.all(z > 0):
        raise TypeError("of numbers that are not positive: it has none but complex values")
    return scipy.special.gammaln(z)


# --- changes in place -----------------------------------------------------------------------------


def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """np.fill_diagonal."""
    shape = [int(n) for n in np.shape(a)]
    places = _diagonal_of(shape, wrap)
    val = _array(val)
    if np.ndim(val) > 1 or (np.ndim(val) and np.shape(val)[0] != len(places)):
        raise TypeError("with a vector that is not as long as the diagonal")
    if is_square(a):
        spread = np.full(np.shape(a)[0], val) if np.ndim(val) == 0 else val
        a[...] = a - np.diag(np.diag(a)) + np.diag(spread)
    else:
        a[np.unravel_index(places, shape)] = val


def _diagonal_of(shape: Sequence[int], wrap: bool) -> Any:
    """Positions of the diagonal in the flat array, as NumPy takes them."""
    places = np.arange(int(np.prod(shape)))
    if len(shape) == 2:
        return places[: None if wrap else shape[1] * shape[1] : shape[1] + 1]
    if len(set(shape)) != 1:
        raise TypeError("of axes of different lengths")
    return places[:: int(np.sum(np.cumprod([1, *shape[:0:-1]])))]


def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """np.put: the values again and again, if they are too few."""
    places = np.ravel(np.asarray(ind))
    shape = [int(n) for n in np.shape(a)]
    size = int(np.prod(shape))
    if mode == "clip":
        places = np.clip(places, 0, size - 1)
    elif mode == "raise" and np.any((places < -size) | (places >= size)):
        raise IndexError(f"a position outside of {size} entries")
    a[np.unravel_index(places % size, shape)] = _again(v, len(places))


def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """np.copyto."""
    src = _array(src)
    dst[...] = src if where is True else np.where(where, src, dst)


def putmask(a: Any, mask: Any, values: Any) -> None:
    """np.putmask: fewer values than entries are taken again and again, also where the mask is false."""
    size = int(np.prod([int(n) for n in np.shape(a)]))
    a[...] = np.where(mask, np.reshape(_again(values, size), np.shape(a)), a)


def place(arr: Any, mask: Any, vals: Any) -> None:
    """np.place: the values one after the other."""
    arr[mask] = _again(vals, int(np.count_nonzero(np.asarray(_plain(mask)))))


def _again(values: Any, count: int) -> Any:
    """So many values: again and again, if they are fewer."""
    flat = np.ravel(_array(values))
    return flat[np.arange(count) % int(np.shape(flat)[0])]


def meshgrid(*xi: Any, indexing: str = "xy") -> list[Any]:
    """np.meshgrid."""
    shape = [np.shape(x)[0] for x in xi]
    order = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        order[:2] = [1, 0]
        shape[:2] = shape[1], shape[0]
    spread = [tuple(slice(None) if i == at else None for i in range(len(xi))) for at in order]
    return [np.broadcast_to(x[where], tuple(shape)).copy() for x, where in zip(xi, spread, strict=True)]


def broadcast_arrays(*args: Any) -> tuple[Any, ...]:
    """np.broadcast_arrays."""
    widest = sum(np.zeros_like(a) for a in args)
    return tuple(np.broadcast_to(a, np.shape(widest)) for a in args)


def diagflat(v: Any, k: int = 0) -> Any:
    """np.diagflat."""
    return np.diag(np.ravel(v), k)


COMPOSITIONS: dict[Any, Callable[..., Any]] = {
    np.conjugate: lambda x: +x,
    np.real: lambda x: x,
    np.clip: clip,
    np.mean: mean,
    np.prod: lambda a, axis=None, **options: (
        prod(a, axis, **options)
        if "initial" not in options
        else starting(np.prod, np.multiply)(a, axis, **options)
    ),
    np.sum: starting(np.sum, np.add),
    np.max: starting(np.max, np.maximum, neutral=True),
    np.min: starting(np.min, np.minimum, neutral=True),
    np.var: var,
    np.std: std,
    np.nansum: ignoring_nan(np.sum, 0.0),
    np.nanprod: ignoring_nan(np.prod, 1.0),
    np.nanmax: ignoring_nan(np.max, -np.inf),
    np.nanmin: ignoring_nan(np.min, np.inf),
    np.nanmean: ignoring_nan(np.mean),
    np.nanvar: ignoring_nan(np.var),
    np.nanstd: ignoring_nan(np.std),
    np.cumulative_sum: cumulative(np.cumsum, 0.0),
    np.cumulative_prod: cumulative(np.cumprod, 1.0),
    np.diff: diff,
    np.pad: pad,
    np.interp: interp,
    np.lib.stride_tricks.sliding_window_view: sliding_window_view,
    scipy.linalg.toeplitz: toeplitz,
    scipy.linalg.circulant: circulant,
    scipy.special.loggamma: loggamma,
    np.ascontiguousarray: contiguous("C"),
    np.asfortranarray: contiguous("F"),
    np.fill_diagonal: fill_diagonal,
    np.put: put,
    np.copyto: copyto,
    np.putmask: putmask,
    np.place: place,
    np.trace: trace,
    np.reshape: reshape,
    np.ravel: ravel,
    np.concatenate: concatenate,
    np.copy: lambda a, order="K", subok=False: a.copy(order),
    scipy.special.logsumexp: logsumexp,
    np.select: select,
    np.float_power: float_power,
    np.round: round_,
    np.isclose: isclose,
    np.allclose: allclose,
    np.array_equal: array_equal,
    np.ptp: ptp,
    np.average: average,
    np.median: median,
    np.count_nonzero: count_nonzero,
    np.trapezoid: trapezoid,
    np.cov: cov,
    np.corrcoef: corrcoef,
    np.vecdot: vecdot,
    np.vdot: vdot,
    np.convolve: convolve,
    np.correlate: correlate,
    np.quantile: quantile,
    np.percentile: percentile,
    np.fmax: np.maximum,
    np.fmin: np.minimum,
    np.divmod: lambda a, b: (np.floor_divide(a, b), np.remainder(a, b)),
    scipy.special.betaln: lambda a, b: (
        scipy.special.gammaln(a) + scipy.special.gammaln(b) - scipy.special.gammaln(a + b)
    ),
    np.cross: cross,
    np.polyval: polyval,
    np.vander: vander,
    np.matrix_transpose: matrix_transpose,
    np.moveaxis: moveaxis,
    np.rollaxis: rollaxis,
    np.squeeze: squeeze,
    np.atleast_1d: atleast_1d,
    np.atleast_2d: atleast_2d,
    np.atleast_3d: atleast_3d,
    np.hstack: hstack,
    np.vstack: vstack,
    np.dstack: dstack,
    np.column_stack: column_stack,
    np.append: append,
    np.insert: insert,
    np.delete: delete,
    np.block: block,
    np.array_split: array_split,
    np.split: split,
    np.hsplit: hsplit,
    np.vsplit: vsplit,
    np.dsplit: dsplit,
    np.fliplr: fliplr,
    np.flipud: flipud,
    np.rot90: rot90,
    np.ediff1d: ediff1d,
    np.gradient: gradient,
    np.take: take,
    np.take_along_axis: take_along_axis,
    np.compress: compress,
    np.extract: extract,
    np.meshgrid: meshgrid,
    np.broadcast_arrays: broadcast_arrays,
    np.diagflat: diagflat,
    np.fabs: lambda x: np.abs(x),
    # NumPy's newer names
    **{
        getattr(np, name): function
        for name, function in (("matvec", matvec), ("vecmat", vecmat), ("unstack", unstack))
        if hasattr(np, name)
    },
    **{
        getattr(np.linalg, name): function
        for name, function in (
            ("vector_norm", vector_norm),
            ("matrix_norm", matrix_norm),
            ("trace", lambda x, /, *, offset=0: np.trace(x, offset, -2, -1)),
            ("diagonal", lambda x, /, *, offset=0: np.diagonal(x, offset, -2, -1)),
            ("outer", np.outer),
            ("cross", cross),
            ("vecdot", vecdot),
            ("matmul", np.matmul),
            ("tensordot", np.tensordot),
            ("matrix_transpose", matrix_transpose),
        )
        if hasattr(np.linalg, name)
    },
}
