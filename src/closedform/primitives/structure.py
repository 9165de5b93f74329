"""Rearrangements: slices, reshapes, joins. Each is a contraction with a structured constant."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform.expression.calculus import (
    Factor,
    Label,
    broadcast,
    contract,
    identity,
    linear,
    multiply,
    number,
    zeros,
)
from closedform.expression.expr import ArrayConstant, Expr, toposort
from closedform.expression.size import Size
from closedform.primitives.contraction import Bound, _hashable
from closedform.primitives.record import ATOM, CALL, Primitive, register

# --- structured constants -------------------------------------------------------------------------


def select(rows: Size, size: Size, start: int | Size = 0, step: int = 1) -> Expr:
    """S of shape (rows, size) with S[i, start + step i] = 1: S x is a slice of x, S' y puts it back."""
    if rows == size and Size.of(start) == Size.of(0) and step == 1:
        return identity((size,))
    return Expr("select", (), (("start", Size.of(start)), ("step", step)), (rows, size))


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


def unit(size: Size, index: int) -> Expr:
    """The unit vector with a one at `index`."""
    return Expr("unit", (), (("index", index),), (size,))


def gather(index: np.ndarray, size: Size) -> Expr:
    """G of shape (len(index), size) with G[i, index[i]] = 1."""
    return Expr("gather", (), (("index", ArrayConstant(index)),), (len(index), size))


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


def _dense_triangle(shape: tuple[int, ...], k: int) -> np.ndarray:
    return np.tri(shape[0], shape[1], k)


def _dense_reshape(shape: tuple[int, ...]) -> np.ndarray:
    return np.eye(shape[0]).reshape(shape)


DENSE: dict[str, Callable[..., np.ndarray]] = {
    "select": _dense_select,
    "unit": _dense_unit,
    "gather": _dense_gather,
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


def _bind_reshape(a: Any, *shape: Any, order: str = "C") -> Bound:
    target = shape[0] if len(shape) == 1 else shape
    if order != "C":
        raise TypeError("only order='C'")
    return (a,), {"shape": _hashable(target if isinstance(target, tuple | list) else (target,))}


def _lower_reshape(a: Expr, shape: tuple[Any, ...]) -> Expr:
    if _same(a.shape, shape):
        return a
    sizes = _reshaped_sizes(a, shape)
    flat: Expr = a
    if a.ndim != 1:
        flat = merge_axes(a, [a.ndim]) if a.ndim else broadcast(a, (Size.of(1),))
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


def _lower_ravel(a: Expr) -> Expr:
    return _lower_reshape(a, (-1,))


def _bind_ravel(a: Any) -> Bound:
    return (a,), {}


# --- indexing -------------------------------------------------------------------------------------

Index = tuple[Any, ...]


def freeze_index(index: Any) -> Index:
    """An index as hashable data: ints, ("slice", start, stop, step), None, "...", or an array of ints."""
    return tuple(_freeze(item) for item in (index if isinstance(index, tuple) else (index,)))


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
    if array.dtype == bool:
        if array.ndim != 1:
            raise TypeError("a mask of several axes: use np.where")
        array = np.flatnonzero(array)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise TypeError("an index array must be a vector of integers or booleans")
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
    """(length, start, step) of a slice of an axis, symbolic where the bounds count from an end."""
    _, start, stop, step = item
    step = 1 if step is None else step
    if step == -1 and start is None and stop is None:
        return size, size - 1, -1
    if step < 1:
        raise NotImplementedError("a negative step other than [::-1]")
    first = _bound(start, size, Size.of(0))
    last = _bound(stop, size, size)
    length = last - first
    if length.value < 0:
        return Size.of(0), first, step
    return length.ceildiv(step), first, step


def _bound(bound: Any, size: Size, default: Size) -> Size:
    if bound is None:
        return default
    if isinstance(bound, Size):
        return bound
    if bound < 0:
        return size + bound if size.value + bound >= 0 else Size.of(0)
    return Size.of(bound) if bound <= size.value else size


def index_factors(
    index: Index, shape: Sequence[Size]
) -> tuple[list[Factor], list[Label], list[Label], dict[Label, Size]]:
    """The structured constants of an index: (factors, labels of the whole, labels of the part, sizes)."""
    factors: list[Factor] = []
    whole: list[Label] = []
    part: list[Label] = []
    sizes: dict[Label, Size] = {}
    arrays = sum(isinstance(item, ArrayConstant) for item in index)
    if arrays > 1:
        raise NotImplementedError("more than one index array")
    axis = 0
    for item in _expanded(index, len(shape)):
        if item is None:
            label: Label = ("new", len(part))
            part.append(label)
            sizes[label] = Size.of(1)
            continue
        whole.append(("axis", axis))
        sizes["axis", axis] = shape[axis]
        _index_axis(item, axis, shape[axis], factors, part)
        axis += 1
    return factors, whole, part, sizes


def _index_axis(item: Any, axis: int, size: Size, factors: list[Factor], part: list[Label]) -> None:
    label = ("axis", axis)
    if isinstance(item, int):
        factors.append(Factor(unit(size, item), (label,)))
        return
    if isinstance(item, tuple):
        length, start, step = slice_bounds(item, size)
        if (length, start, step) == (size, Size.of(0), 1):
            part.append(label)
            return
        factors.append(Factor(select(length, size, start, step), (("part", axis), label)))
    else:
        factors.append(Factor(gather(item.array, size), (("part", axis), label)))
    part.append(("part", axis))


def _lower_getitem(a: Expr, index: Index) -> Expr:
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


def _lower_setitem(a: Expr, value: Expr, index: Index) -> Expr:
    old = put(_lower_getitem(a, index), index, a.shape)
    return linear([(1, a), (-1, old), (1, put(value, index, a.shape))], a.shape)


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
        if m.ndim != 2:
            raise NotImplementedError("of an array that is not a matrix")
        below = triangle(m.shape[0], m.shape[1], k if lower else k - 1)
        kept = multiply(m, below)
        return kept if lower else m - kept

    return cut


def _bind_triangular(m: Any, k: int = 0) -> Bound:
    return (m,), {"k": int(k)}


def _lower_cumsum(a: Expr, axis: int | None) -> Expr:
    if axis is None:
        a, axis = _lower_ravel(a), 0
    at = axis % a.ndim
    labels: list[Label] = list(range(a.ndim))
    out: list[Label] = ["cumulated" if i == at else i for i in labels]
    sums = triangle(a.shape[at], a.shape[at])
    return contract([Factor(a, tuple(labels)), Factor(sums, ("cumulated", at))], out)


def _lower_flip(m: Expr, axis: Any) -> Expr:
    axes = range(m.ndim) if axis is None else [a % m.ndim for a in np.atleast_1d(axis).tolist()]
    reverse = ("slice", None, None, -1)
    return _lower_getitem(
        m, tuple(reverse if a in axes else ("slice", None, None, None) for a in range(m.ndim))
    )


def _lower_diff(a: Expr, axis: int) -> Expr:
    at = axis % a.ndim

    def part(start: int | None, stop: int | None) -> Expr:
        return _lower_getitem(
            a,
            tuple(
                ("slice", start if i == at else None, stop if i == at else None, None) for i in range(a.ndim)
            ),
        )

    return part(1, None) - part(None, -1)


def _bind_diff(a: Any, n: int = 1, axis: int = -1) -> Bound:
    if n != 1:
        raise TypeError("only first differences: apply np.diff again")
    return (a,), {"axis": axis}


def _bind_zeros(shape: Any, dtype: Any = None) -> Bound:
    return (), {"shape": _sizes(shape)}


def _bind_full(shape: Any, fill_value: Any, dtype: Any = None) -> Bound:
    return (fill_value,), {"shape": _sizes(shape)}


def _bind_eye(N: Any, M: Any = None, dtype: Any = None) -> Bound:
    return (), {"shape": (N, N if M is None else M)}


def _sizes(shape: Any) -> tuple[Any, ...]:
    return tuple(shape) if isinstance(shape, tuple | list) else (shape,)


def _lower_eye(shape: tuple[Any, ...]) -> Expr:
    rows, columns = (Size.of(s) for s in shape)
    if rows != columns:
        raise TypeError("only a square identity")
    return identity((rows,))


def _lower_full(shape: tuple[Any, ...], value: Expr) -> Expr:
    return broadcast(value, [Size.of(s) for s in shape])


register(
    Primitive(
        "getitem",
        (),
        lambda a, index: ((a,), {"index": index}),
        _lower_getitem,
        strength=ATOM,
        call=lambda a, index: a[thaw_index(index)],
        source="{0}[{index}]",
        latex="{0}_{{{index}}}",
        text="{0}[{index}]",
        samples=lambda rng: ((rng.standard_normal((4, 3)),), {"index": freeze_index((slice(1, None), 0))}),
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
        samples=lambda rng: (
            (rng.standard_normal((4, 3)), rng.standard_normal(3)),
            {"index": freeze_index(1)},
        ),
        sources={"autograd": None, "jax": "{0}.at[{index}].set({1})"},
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
        samples=lambda rng: ((rng.standard_normal((4, 3)),), {"shape": (2, 6)}),
    )
)
register(
    Primitive(
        "ravel",
        (np.ravel,),
        _bind_ravel,
        _lower_ravel,
        source="np.ravel({0})",
        text="vec({0})",
        latex=r"\operatorname{{vec}}({0})",
        samples=lambda rng: ((rng.standard_normal((4, 3)),), {}),
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
        samples=lambda rng: ((rng.standard_normal((2, 3)), rng.standard_normal((1, 3))), {"axis": 0}),
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
        samples=lambda rng: ((rng.standard_normal(3), rng.standard_normal(3)), {"axis": 0}),
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
            samples=lambda rng: ((rng.standard_normal((4, 3)),), {"k": 0}),
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
        samples=lambda rng: ((rng.standard_normal((4, 3)),), {"axis": 0}),
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
        samples=lambda rng: ((rng.standard_normal((4, 3)),), {"axis": 0}),
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
        source="np.diff({0}, axis={axis})",
        samples=lambda rng: ((rng.standard_normal((4, 3)),), {"axis": 0}),
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
        samples=lambda rng: ((rng.standard_normal((4, 3)),), {}),
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
        samples=lambda rng: ((rng.standard_normal((4, 3)),), {}),
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
            samples=lambda rng: ((), {"shape": (2, 3)}),
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
        samples=lambda rng: ((0.5,), {"shape": (2, 3)}),
    )
)
register(
    Primitive(
        "eye",
        (np.eye, np.identity),
        _bind_eye,
        _lower_eye,
        call=lambda shape: np.eye(_plain(shape)[0], _plain(shape)[1]),
        text="I",
        latex="I",
        source="np.eye({shape[0]}, {shape[1]})",
        strength=ATOM,
        sources={"torch": "torch.eye({shape[0]}, {shape[1]}, dtype=torch.float64)"},
        samples=lambda rng: ((), {"shape": (2, 2)}),
    )
)
register(
    Primitive(
        "expand_dims",
        (np.expand_dims,),
        lambda a, axis: ((a,), {"axis": axis}),
        lambda a, axis: _lower_getitem(a, _new_axis(a.ndim, axis)),
        source="np.expand_dims({0}, axis={axis})",
        latex="{0}",
        text="{0}",
        strength=ATOM,
        samples=lambda rng: ((rng.standard_normal((4, 3)),), {"axis": 1}),
        sources={"torch": "torch.unsqueeze({0}, {axis})"},
    )
)


def _new_axis(ndim: int, axis: int) -> Index:
    items: list[Any] = [("slice", None, None, None)] * ndim
    items.insert(axis % (ndim + 1), None)
    return tuple(items)


def _plain(shape: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(s.value if isinstance(s, Size) else s for s in shape)


for _name in DENSE:
    if _name != "reshape":
        register(Primitive(_name, strength=ATOM))
