"""Calls of NumPy's and SciPy's functions on stand-ins, in terms of the operations that are recorded."""

from __future__ import annotations

import inspect
import itertools
import re
from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.special

from closedform.errors import ClosedformError, InvalidArgumentError, InvalidFunctionError, UnsupportedError
from closedform.expression.expr import inputs
from closedform.expression.size import Size
from closedform.primitives.record import BY_CALLABLE, SEVERAL, called_name
from closedform.sources.compositions import COMPOSITIONS, is_square
from closedform.sources.tape import active, lost, pin, where
from closedform.sources.traced import (
    Traced,
    array_of,
    index_item,
    index_of,
    is_float,
    is_size,
    is_truth,
    laid_out,
    record,
    shapes_of,
    traced_size,
    value_of,
)

# Functions that make arrays from numbers: what they make can be assigned to.
CREATORS: frozenset[Any] = frozenset({np.eye, np.identity, np.zeros, np.ones, np.empty, np.full})
# The same, of the shape of an array that may be a captured one.
LIKE: frozenset[Any] = frozenset({np.zeros_like, np.ones_like, np.empty_like, np.full_like})
# Functions that take a dtype, and those that take it at another position than the second.
TYPED = CREATORS | LIKE | {np.array, np.asarray}
POSITION_OF_DTYPE: dict[Any, int] = {np.eye: 3, np.full: 2, np.full_like: 2}
# Options of SciPy's functions that do not change the result.
WITHOUT_EFFECT = frozenset({"check_finite", "driver", "lapack_driver"})


def call(function: Any, method: str, operands: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """Record a call of a NumPy function, or of a method of a ufunc."""
    if method != "__call__":
        return _method(function, method, operands, options)
    alone = not options.keys() - {"out"}  # n += 1 makes another size
    if function in _OF_SIZES and alone and (size := _of_sizes(function, operands)) is not None:
        return size
    if function is np.multiply and any(isinstance(o, list | tuple | str) for o in operands):
        first, second = (int(o) if is_size(o) else o for o in operands)
        if isinstance(first, int) or isinstance(second, int):  # [0.5] * len(x)
            return first * second
    return apply(function, operands, options)


def apply(function: Any, operands: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """Record a call of a NumPy function."""
    options = dict(options)
    if str(getattr(function, "__module__", "")).startswith("scipy.linalg"):
        options = {name: value for name, value in options.items() if name not in WITHOUT_EFFECT}
    target = options.pop("out", None)
    if isinstance(target, tuple):
        target = target[0] if len(target) == 1 else target
    like = operands[0] if function in LIKE and operands else None
    if isinstance(like, Traced) and not makes_floats(function, operands, options):
        for size in active().shape(like.expr):
            pin(size)
        return function(like.value, *operands[1:], **options)
    if function not in TYPED and "dtype" in options and is_float(options["dtype"]):
        del options["dtype"]  # as it is anyway
    chosen = options.pop("where", True) if isinstance(function, np.ufunc) else True
    result = _applied(function, operands, options)
    if chosen is not True:
        if target is None:
            raise InvalidFunctionError(
                f"{called_name(function)} with `where` leaves the other entries undefined ({where()}): say "
                f"what they are with `out`, or use np.where"
            )
        result = np.where(chosen, result, target)
    return result if target is None else _put_into(target, result)


def _applied(function: Any, operands: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    if function in SEVERAL:
        return _results(function, operands, options)
    composed = COMPOSITIONS.get(function) or _SPECIAL.get(function)
    if composed is not None:
        result = _called(function, composed, operands, options)
        if result is not NotImplemented:
            return result
    primitive = BY_CALLABLE.get(function)
    if primitive is None or primitive.bind is None:
        raise lost(
            UnsupportedError(
                f"{called_name(function)} is not supported ({where()}); operands of shapes "
                f"{shapes_of(_flat(operands))}. Write it with supported functions, or ask for it"
            )
        )
    bound, parameters = _called(function, primitive.bind, operands, options)
    return record(primitive.name, bound, parameters)


def _put_into(target: Any, result: Any) -> Any:
    """What is computed into an array that there is: by `out`, and by y += v."""
    if not isinstance(target, Traced):
        raise lost(
            InvalidFunctionError(
                f"the function changes a plain array, captured or made by np.zeros, in place ({where()}): "
                f"an operation of shapes {shapes_of((target, result))} on it cannot be traced; write "
                f"`y = y + ...`, or start from np.zeros_like(...) of an argument, or np.array(y, dtype=float)"
            )
        )
    if target.scalar:  # s += v makes a new number
        return result
    if np.size(value_of(result)) < np.size(target.value):
        result = np.broadcast_to(result, target.shape)
    target._assign(result)
    return target


def _called(
    function: Any, bind: Callable[..., Any], operands: tuple[Any, ...], options: Mapping[str, Any]
) -> Any:
    """What a call of a NumPy function is in terms of primitives."""
    try:
        return bind(*operands, **options)
    except ClosedformError:
        raise
    except TypeError as error:
        try:
            inspect.signature(bind).bind(*operands, **options)
            reason = re.sub(r"^[\w.<>]+\(\) (?=got|missing|takes)", "it ", str(error))  # without our names
        except TypeError as mismatch:
            reason = str(mismatch)
        raise UnsupportedError(
            f"{called_name(function)} was called in a way that is not supported ({where()}): {reason}"
        ) from None
    except (ValueError, IndexError) as error:
        raise InvalidArgumentError(
            f"{called_name(function)} failed on operands of shapes {shapes_of(_flat(operands))} ({where()}): "
            f"{error}"
        ) from error


def _results(function: Any, operands: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """The results of a function that has several, each recorded, in a tuple with NumPy's field names."""
    found = {
        field: record(*result) if isinstance(result, tuple) else result
        for field, result in _called(function, SEVERAL[function], operands, options).items()
    }
    if len(found) == 1:
        return next(iter(found.values()))
    return namedtuple(f"{function.__name__}_result", found)(**found)


def _flat(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(x for o in operands for x in (o if isinstance(o, list | tuple) else (o,)))


def makes_floats(function: Any, args: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    """Whether the array that a call makes is of the data type of all traced ones."""
    at = POSITION_OF_DTYPE.get(function, 1)
    return is_float(options.get("dtype", args[at] if len(args) > at else None))


# --- sizes as numbers -----------------------------------------------------------------------------

_OF_SIZES = frozenset(
    {np.add, np.subtract, np.multiply, np.floor_divide, np.remainder, np.maximum, np.minimum}
)


def _of_sizes(ufunc: Any, operands: tuple[Any, ...]) -> Any:
    """The result for sizes and integers: a size, or a plain number; None for other operands."""
    sizes = []
    for operand in operands:
        if isinstance(operand, Traced) and operand.expr.op == "size":
            sizes.append(operand.expr.params[0])
        elif isinstance(operand, int | np.integer) and not isinstance(operand, bool):
            sizes.append(Size.of(int(operand)))
        else:
            return None
    first, second = sizes
    if ufunc is np.floor_divide and second.is_literal and second.value > 0:
        result = (first - (second.value - 1)).ceildiv(second.value)
    elif ufunc in (np.add, np.subtract, np.multiply):
        result = {np.add: first + second, np.subtract: first - second, np.multiply: first * second}[ufunc]
    else:  # known for these sizes only
        pin(first)
        pin(second)
        return int(ufunc(first.value, second.value))
    return int(result.value) if result.is_literal else traced_size(result)


# --- methods of ufuncs ----------------------------------------------------------------------------


def _method(ufunc: Any, method: str, operands: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """np.add.reduce and the like, as the functions that they are."""
    function = _UFUNC_METHODS.get((ufunc, method))
    if function is not None:
        first = {"axis": 0} if method == "reduce" and len(operands) == 1 else {}
        return _called(ufunc, function, operands, {**first, **options})
    if method == "outer":
        first, second = operands
        return ufunc(np.reshape(first, (*np.shape(first), *[1] * np.ndim(second))), second)
    if method == "at":
        _at(ufunc, *operands)
        return None
    if method == "accumulate" and ufunc.nin == 2 and not options.keys() - {"axis"}:
        parts = itertools.accumulate(np.moveaxis(operands[0], options.get("axis", 0), 0), ufunc)
        return np.stack(list(parts), axis=options.get("axis", 0))
    raise UnsupportedError(
        f"np.{ufunc.__name__}.{method} is not supported ({where()}); write the NumPy function, "
        f"such as np.sum, np.cumsum or np.outer"
    )


def _at(ufunc: Any, target: Any, index: Any, value: Any = None) -> None:
    """np.add.at and the like: an entry that is named twice is changed twice."""
    if not isinstance(target, Traced):
        raise InvalidFunctionError(
            f"np.{ufunc.__name__}.at changes a plain array ({where()}); start from np.zeros_like(...)"
        )
    place = index_of(index, target)
    if ufunc in (np.add, np.subtract):
        signed = value if ufunc is np.add else -value
        target._assign(record("add_at", (target, signed), {"index": place}))
        return
    points = target._positions(place)
    values: Any = None if value is None else np.ravel(np.broadcast_to(value, points.shape))
    left, order = points.ravel(), np.arange(points.size)
    while order.size:
        _, first = np.unique(left[order], return_index=True)
        now, flat = order[first], np.ravel(target)
        entries = flat[left[now]]
        target._put_flat(left[now], ufunc(entries) if value is None else ufunc(entries, values[now]))
        order = np.delete(order, first)


_UFUNC_METHODS: dict[Any, Callable[..., Any]] = {
    (np.add, "reduce"): np.sum,
    (np.multiply, "reduce"): np.prod,
    (np.maximum, "reduce"): np.max,
    (np.minimum, "reduce"): np.min,
    (np.logical_and, "reduce"): np.all,
    (np.logical_or, "reduce"): np.any,
    (np.logaddexp, "reduce"): lambda a, axis=0, keepdims=False: scipy.special.logsumexp(
        a, axis=axis, keepdims=keepdims
    ),
    (np.add, "accumulate"): lambda a, axis=0: np.cumsum(a, axis=axis),
    (np.multiply, "accumulate"): lambda a, axis=0: np.cumprod(a, axis=axis),
}


# --- functions that are no primitives -------------------------------------------------------------


def _diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    if is_square(a) and (offset, axis1, axis2) == (0, 0, 1):
        return NotImplemented
    return record("diagonals", (a,), {"offset": int(offset), "axis1": axis1, "axis2": axis2})


def _nonzero(a: Any) -> Any:
    """The positions of what is not zero, as they are at the example."""
    mask: Any = a if value_of(a).dtype == bool else np.not_equal(a, 0)
    return np.nonzero(index_item(mask))


def _of_truth_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """The operators &, |, ^ and ~, of comparisons."""

    def operate(*operands: Any) -> Any:
        for given in filter(is_truth, operands):
            active().counted |= {leaf.params[0] for leaf in inputs(given.expr)}
        operands = tuple(np.not_equal(o, 0) if is_truth(o) else o for o in operands)
        if any(np.asarray(value_of(o)).dtype != bool for o in operands):
            raise TypeError("of numbers that are not truth values")
        return function(*operands)

    return operate


def as_array(
    object: Any, dtype: Any = None, *, copy: bool | None = True, order: str = "K", ndmin: int = 0, **_: Any
) -> Any:
    """np.array, of nested lists in which there are traced numbers or arrays too."""
    if not is_float(dtype):
        raise TypeError(f"of {np.dtype(dtype)}: it has no derivative")
    result = object.copy(order) if copy and isinstance(object, Traced) else array_of(object)
    lacking = ndmin - np.ndim(result)
    return np.reshape(result, (*[1] * lacking, *np.shape(result))) if lacking > 0 else result


def _full_like(a: Any, fill_value: Any, dtype: Any = None, make: Any = np.full) -> Any:
    """np.full_like, which lies in memory as the other array does."""
    return Traced(laid_out(apply(make, (np.shape(a), fill_value), {}), np.empty_like(value_of(a))))


def _linspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True) -> Any:
    return start + np.linspace(0.0, 1.0, int(num), endpoint=endpoint) * (stop - start)


_SPECIAL: dict[Any, Callable[..., Any]] = {
    np.diagonal: _diagonal,
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a, axis=None: a.size if axis is None else a.shape[axis],
    np.ndenumerate: lambda arr: ((index, arr[index]) for index in np.ndindex(*map(int, arr.shape))),
    np.nonzero: _nonzero,
    np.flatnonzero: lambda a: _nonzero(np.ravel(a))[0],
    np.argwhere: lambda a: np.transpose(np.asarray(_nonzero(a))),
    np.where: lambda condition, *choices: NotImplemented if choices else _nonzero(condition),
    np.bitwise_and: _of_truth_values(np.logical_and),
    np.bitwise_or: _of_truth_values(np.logical_or),
    np.bitwise_xor: _of_truth_values(np.logical_xor),
    np.invert: _of_truth_values(np.logical_not),
    np.array: as_array,
    np.asarray: lambda a, dtype=None, **_: as_array(a, dtype, copy=None),
    np.linspace: _linspace,
    np.empty: lambda shape, dtype=None, make=np.zeros: apply(make, (shape,), {}),
    np.empty_like: lambda a, dtype=None, make=np.zeros_like: apply(make, (a,), {}),
    np.full_like: _full_like,
}
