"""The stand-in for an array: every operation on it is put on the tape, with its value at the example."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType, FunctionType
from typing import Any

import numpy as np

from closedform.errors import InvalidArgumentError, InvalidFunctionError, UnsupportedError
from closedform.expression.expr import ArrayConstant, Expr, inputs, toposort
from closedform.expression.size import Size
from closedform.primitives import PRIMITIVES
from closedform.primitives.record import BY_CALLABLE, REQUIREMENTS, SEVERAL
from closedform.primitives.structure import freeze_index, thaw_index
from closedform.sources.tape import Guard, active, is_user_code, lost, pin, recording, user_frame, where

# Operations that only take or move entries.
PARTS = frozenset({"getitem", "transpose", "swapaxes", "reshape", "ravel", "flip", "diagonal", "expand_dims"})
# Operations that NumPy takes as "or", "and" or "differs" on truth values alone.
LOGIC = frozenset(
    {"add", "matmul", "dot", "inner", "vdot", "tensordot", "einsum", "matrix_power", "multi_dot", "diff"}
    | {"zeros_like", "ones_like", "full"}
)
_SCIPY = tuple(
    inspect.unwrap(f).__code__
    for f in [*BY_CALLABLE, *SEVERAL]
    if isinstance(inspect.unwrap(f), FunctionType) and f.__module__.startswith("scipy")
)


class Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """Stands for an array while the function runs: every operation on it is recorded.

    base    the array whose memory this one shares: it is read from there, and written there
    way     the operation, and its parameters, that reads it
    scalar  whether it is a number for NumPy, not an array: it cannot be changed in place

    What other modules use of it and arrays do not have is underscored all the same: code that asks for an
    attribute with hasattr takes it for an array.
    """

    __slots__ = ("_argument", "_expr", "_read_from", "base", "scalar", "way")

    def __init__(
        self,
        expr: Expr,
        argument: str | None = None,
        base: Traced | None = None,
        way: tuple[str, dict[str, Any]] | None = None,
    ) -> None:
        self._expr = expr
        self._argument = argument
        self.base = base
        self.way = way
        self._read_from = base.expr if base is not None else None
        self.scalar = not isinstance(active().values.get(expr), np.ndarray)

    @property
    def expr(self) -> Expr:
        """The expression of what the array holds now."""
        if self.base is not None and self.way is not None and self.base.expr is not self._read_from:
            self._expr, self._read_from = record(self.way[0], (self.base,), self.way[1]).expr, self.base.expr
        return self._expr

    @property
    def argument(self) -> str | None:
        """The argument whose memory this is."""
        return self._argument if self.base is None else self.base.argument

    @property
    def value(self) -> Any:
        """The value at the example."""
        return active().values[self.expr]

    # --- NumPy's protocols
    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Any:
        return active().call(ufunc, method, operands, options)

    def __array_function__(self, function: Any, types: Any, operands: Any, options: Any) -> Any:
        return active().call(function, "__call__", operands, options)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if not any(inputs(self.expr)):
            _pin_all(self.expr)
            return np.array(self.value, dtype=dtype)
        if (integers := _integers(self)) is not None:
            return np.array(integers, dtype=dtype)
        shape, cure = (
            np.shape(self.value),
            "use np.stack or np.concatenate to build arrays, and NumPy functions on them; to assign to a "
            "plain array y, start from np.array(y, dtype=float)",
        )
        if (unseen := _scipy_function()) is not None:
            cure = f"where SciPy's {unseen} is called, write its own name, as in scipy.special.{unseen}(...)"
        raise lost(
            InvalidFunctionError(
                f"a traced array of shape {shape} was turned into a plain array ({where()}); {cure}"
            )
        )

    # --- reading
    @property
    def shape(self) -> tuple[Any, ...]:
        """The axes' sizes, as numbers that remember whose sizes they are."""
        return tuple(s.value if s.is_literal else traced_size(s) for s in active().shape(self.expr))

    @shape.setter
    def shape(self, shape: Any) -> None:
        raise InvalidFunctionError(
            f"an array's shape is changed in place ({where()}); write y = y.reshape(...)"
        )

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return int(np.ndim(self.value))

    @property
    def size(self) -> Any:
        """Number of entries."""
        total: Any = 1
        for s in self.shape:
            total = total * s
        return total

    @property
    def dtype(self) -> np.dtype:
        """Data type at the example."""
        found: np.dtype = np.asarray(self.value).dtype
        return found

    @property
    def T(self) -> Any:  # noqa: N802  (NumPy's name)
        """The transposed array."""
        return np.transpose(self)

    @property
    def mT(self) -> Any:  # noqa: N802  (NumPy's name)
        """The transposed matrices of a stack."""
        return np.matrix_transpose(self)

    def _seen_as(self) -> type:
        """What isinstance finds in the user's code: an array, or a number of NumPy's."""
        if not is_user_code(sys._getframe(1)):
            return Traced
        if self.expr.op == "size":
            return int
        value = self.value
        return np.ndarray if np.ndim(value) else np.asarray(value).dtype.type

    __class__ = property(_seen_as)

    @property
    def real(self) -> Any:
        """The array itself."""
        return self

    def __len__(self) -> int:
        shape = np.shape(self.value)
        if not shape:
            raise TypeError("len() of a 0-d array")
        pin(active().shape(self.expr)[0])
        return int(shape[0])

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        return record("getitem", (self,), {"index": index_of(index, self)})

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, Traced) and _is_mask(index) and np.ndim(value_of(value)) == 0:
            after = (1,) * (self.ndim - index.ndim)
            mask = index if not after else np.reshape(index, (*index.shape, *after))
            chosen: Any = np.where(mask, value, self)
            self._assign(chosen)
            return
        place = {"index": index_of(index, self)}
        if any(
            _takes_a_part(item) for item in place["index"]
        ):  # the sizes that this takes for granted are noted
            active().shape(record("getitem", (self,), place).expr)
        if isinstance(value, Traced) and value.base is self and value.way == ("getitem", place):
            return  # the end of y[i] += v, which has changed this part already
        points = self._positions(place["index"])
        value = array_of(value)
        before = np.shape(value_of(value))[: max(0, np.ndim(value_of(value)) - points.ndim)]
        if before and set(before) == {1}:
            value = np.reshape(value, np.shape(value)[len(before) :])
        if any(isinstance(i, ArrayConstant) for i in place["index"]):
            last = np.zeros(self.value.size, dtype=int)
            last[points.ravel()] = np.arange(points.size)
            kept = np.unique(last[points.ravel()])
            if kept.size < points.size:  # an entry is named twice: the last value stays
                values: Any = np.ravel(np.broadcast_to(value, points.shape))
                self._put_flat(points.ravel()[kept], values[kept])
                return
        if self.base is not None and self.way is not None and self.way[0] == "getitem":
            outer, inner = self.way[1]["index"], place["index"]
            basic = not any(isinstance(i, ArrayConstant) for i in inner)
            if basic and all(isinstance(i, int) for i in outer):  # z[i][j] = v is z[i, j] = v
                self.base._assign(record("setitem", (self.base, value), {"index": outer + inner}))
                return
        self._assign(record("setitem", (self, value), place))

    def _positions(self, index: Any) -> np.ndarray:
        """Where the entries of a part are, counted in C order."""
        shape = np.shape(self.value)
        try:
            return np.asarray(np.arange(self.value.size).reshape(shape)[thaw_index(index)])
        except IndexError as error:
            raise InvalidArgumentError(
                f"an assignment to an array of shape {shape} ({where()}): {error}"
            ) from error

    def _put_flat(self, positions: np.ndarray, values: Any) -> None:
        """Assign to entries counted in C order, each named once: where they are depends on the sizes."""
        for size in active().shape(self.expr):
            pin(size)
        flat = record("setitem", (np.ravel(self), values), {"index": freeze_index((positions,))})
        self._assign(np.reshape(flat, self.shape))  # type: ignore[arg-type]

    def _assign(self, result: Traced) -> None:
        """Change what the array holds: where it is a view, its part of the other array."""
        active().assigned = True
        if self.argument is not None:
            raise InvalidFunctionError(
                f"the function changes its own argument {self.argument!r} ({where()}); work on a copy: "
                f"`y = {self.argument}.copy()`"
            )
        if np.shape(result.value) != np.shape(self.value):
            raise InvalidFunctionError(
                f"an in-place operation would change the shape {np.shape(self.value)} to "
                f"{np.shape(result.value)} ({where()})"
            )
        if self.base is not None and self.way is not None:
            op, parameters = self.way
            if op not in _PUT_BACK:
                raise UnsupportedError(
                    f"what {op} returns shares its memory with the array it was made of, and cannot be "
                    f"assigned to ({where()}): take a copy of it, or assign to that array"
                )
            self.base._assign(_PUT_BACK[op](self.base, result, **parameters))
        elif self.scalar:
            raise InvalidFunctionError(f"a number cannot be changed in place ({where()}): make it an array")
        else:
            if result.expr in active().plain:
                self._expr = lift(np.asarray(result.value))
            else:
                self._expr = laid_out(result, np.empty_like(self.value))

    # --- conversions that leave the trace
    def __bool__(self) -> bool:
        if np.size(self.value) != 1:
            raise lost(
                InvalidFunctionError(
                    f"a branch on an array of shape {np.shape(self.value)} ({where()}); "
                    f"choose per entry with np.where, or reduce it first"
                )
            )
        outcome = bool(self.value)
        if not any(inputs(self.expr)):
            _pin_all(self.expr)
        else:
            truth = self if np.asarray(self.value).dtype == bool else self != 0
            active().guards.append(Guard(truth.expr, outcome, where()))
        return outcome

    def _number(self, kind: str) -> Any:
        if any(inputs(self.expr)):
            raise lost(
                InvalidFunctionError(
                    f"a traced value was turned into a Python {kind} ({where()}), which would cut it off "
                    f"from its derivative; use NumPy functions (np.exp, not math.exp); build arrays with "
                    f"np.stack, or assign to the entries of np.zeros_like(...) or, for a plain array y, of "
                    f"np.array(y, dtype=float)"
                )
            )
        _pin_all(self.expr)
        return self.value

    def __index__(self) -> int:
        return int(self)

    def __int__(self) -> int:
        integer = _integers(self)
        return int(self._number("integer") if integer is None else integer)

    def __float__(self) -> float:
        return float(self._number("float"))

    def __round__(self, digits: int = 0) -> Any:
        return self if self.expr.op == "size" else np.round(self, digits)

    def __hash__(self) -> int:
        if self.expr.op == "size":
            return hash(int(self))
        raise InvalidFunctionError(f"a traced value was put into a set or a dict as a key ({where()})")

    def __repr__(self) -> str:
        return f"Traced(shape={np.shape(self.value)})"

    # --- methods of arrays
    def copy(self, order: Any = "C") -> Any:
        """The same values in an array of its own."""
        return Traced(laid_out(self, np.array(self.value, order=order)))

    def conj(self) -> Any:
        """The array itself, which is real."""
        return self

    conjugate = conj

    def view(self) -> Any:
        """Another array of the same memory."""
        return self[...]

    def astype(self, dtype: Any, **_: Any) -> Any:
        """The same values, as floating numbers or, of what holds integers or truth values, as integers."""
        to_integers = np.issubdtype(dtype, np.integer)
        if self.dtype == bool and (is_float(dtype) or to_integers):
            return np.where(self, 1.0, 0.0)
        if is_float(dtype) or (to_integers and _kind_of_argument(self) in {"i", "u"}):
            return self.copy("K")
        if to_integers and (integers := _integers(self)) is not None:
            return integers
        raise InvalidFunctionError(f"conversion to {np.dtype(dtype)} has no derivative ({where()})")

    def item(self, *index: Any) -> Any:
        """A number stays traced."""
        place = index[0] if len(index) == 1 else index or 0
        return self[place] if isinstance(place, tuple) else np.ravel(self)[place]

    @property
    def flat(self) -> Flat:
        """The entries in C order."""
        return Flat(self)

    @flat.setter
    def flat(self, values: Any) -> None:
        self.flat[:] = np.ravel(values)

    def flatten(self, order: str = "C") -> Any:
        """The entries as a vector of its own memory."""
        flat: Any = np.ravel(self, order=order)  # type: ignore[call-overload]
        return flat.copy()

    def fill(self, value: Any) -> None:
        """Give every entry one value."""
        self[...] = value

    def compress(self, condition: Any, axis: int | None = None) -> Any:
        """As np.compress."""
        return np.compress(condition, self, axis=axis)

    def sort(self, axis: int = -1, kind: Any = None) -> None:
        """Sort in place."""
        ordered: Any = np.sort(self, axis=axis)
        self._assign(ordered)

    def tolist(self) -> Any:
        """The entries in lists: they stay traced."""
        return [part.tolist() for part in self] if self.ndim > 1 else list(self)

    def reshape(self, *shape: Any, **options: Any) -> Any:
        """As np.reshape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, **options)

    def transpose(self, *axes: Any) -> Any:
        """As np.transpose."""
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name, None)
        if name in _METHODS and function is not None:
            return lambda *args, **options: function(self, *args, **options)
        error = AttributeError(
            f"arrays have no attribute {name!r} that can be traced ({where()}); "
            f"supported methods: {', '.join(sorted(_METHODS))}"
        )
        raise lost(error) if name in _OF_ARRAYS else error


# What plain arrays have: a function that asks for it and goes on without takes another way than they do.
_OF_ARRAYS = frozenset(name for name in dir(np.ndarray) if not name.startswith("__"))
_METHODS = frozenset(
    {"sum", "mean", "prod", "max", "min", "var", "std", "dot", "trace", "ravel", "swapaxes", "clip", "cumsum"}
    | {"diagonal", "squeeze", "repeat", "round", "cumprod", "take", "argsort", "argmax", "argmin", "all"}
    | {"any", "nonzero", "put"}
)


class Flat:
    """x.flat: entries that are read and assigned to by their position in C order."""

    def __init__(self, array: Traced) -> None:
        self.array = array

    def __len__(self) -> int:
        return int(self.array.size)

    def __iter__(self) -> Iterator[Any]:
        return iter(np.ravel(self.array))

    def __getitem__(self, index: Any) -> Any:
        found = np.ravel(self.array)[index]
        return found if found.scalar else found.copy()

    def __setitem__(self, index: Any, value: Any) -> None:
        flat: Any = np.ravel(self.array).copy()
        flat[index] = value
        whole: Any = np.reshape(flat, self.array.shape)
        self.array._assign(whole)


# --- views and memory -----------------------------------------------------------------------------

_CONTIGUOUS = ("c_contiguous", "f_contiguous")
# How a part, changed through a view, is put back: the other array with it, of the operation that reads it.
_PUT_BACK: dict[str, Callable[..., Any]] = {
    "getitem": lambda base, part, index: record("setitem", (base, part), {"index": index}),
    "transpose": lambda base, part, axes: np.transpose(
        part, axes if axes is None else np.argsort([a % base.ndim for a in axes])
    ),
    "swapaxes": lambda base, part, axis1, axis2: np.swapaxes(part, axis1, axis2),
    "flip": lambda base, part, axis: np.flip(part, axis),
    **dict.fromkeys(
        ("reshape", "ravel", "expand_dims"), lambda base, part, **_: np.reshape(part, base.shape)
    ),
}


def laid_out(traced: Traced, like: np.ndarray) -> Expr:
    """The expression of the same values that lie in memory as another array does: whether a reshaped array
    is a view depends on that."""
    value = np.asarray(traced.value)
    same = value.flags.forc and all(getattr(value.flags, f) == getattr(like.flags, f) for f in _CONTIGUOUS)
    if same or value.strides == like.strides:
        return traced.expr
    expr = record("positive", (traced,), {}).expr
    active().values[expr] = laid = np.empty_like(like, dtype=value.dtype)
    laid[...] = value
    return expr


# --- indices --------------------------------------------------------------------------------------


def index_of(index: Any, array: Traced) -> Any:
    """An index into an array as the parameter of an operation."""
    items = index if isinstance(index, tuple) else (index,)
    counted = any(isinstance(item, Traced) and is_size(item) for item in items)
    plain = all(isinstance(item, slice | int | Traced) and not isinstance(item, bool) for item in items)
    if counted and plain and len(items) <= array.ndim:
        items = tuple(map(_from_the_end, items, array.shape))
    try:
        return freeze_index(tuple(index_item(item) for item in items))
    except TypeError as error:
        raise UnsupportedError(f"this index cannot be traced ({where()}): {error}") from None


def _from_the_end(item: Any, length: Any) -> Any:
    """x[len(x) - 1] is x[-1]: a position that is the same for all sizes."""
    if not (is_size(item) and isinstance(item, Traced) and isinstance(length, Traced)):
        return item
    back = length.expr.params[0] - item.expr.params[0]
    return -back.value if back.is_literal and 0 < back.value <= length.value else item


def index_item(item: Any) -> Any:
    """An item of an index without stand-ins: what is computed from the arguments is a branch, as it was taken
    at the example."""
    if isinstance(item, slice):
        return slice(*(_bound(b) for b in (item.start, item.stop, item.step)))
    if not isinstance(item, Traced):
        return np.zeros(np.shape(item), dtype=int) if isinstance(item, list) and not np.size(item) else item
    value = np.asarray(item.value)
    if value.dtype.kind not in "iub" or not any(inputs(item.expr)):
        return int(item) if not value.ndim else np.asarray(item)
    _keep(item)
    return value if value.ndim else value.item()


def _takes_a_part(item: Any) -> bool:
    """Whether an index is a slice that some axes are too short for."""
    if not isinstance(item, tuple) or item[0] != "slice":
        return False
    _, start, stop, step = item
    usual = ((None, None), (0, None), (1, None), (None, -1), (0, -1))  # of one entry on they have a length
    return (start, stop) not in usual or (step or 1) < 0


def _bound(bound: Any) -> Any:
    """A bound of a slice: a size stays one."""
    return _as_size(bound) if isinstance(bound, Traced) else bound


def _is_mask(array: Traced) -> bool:
    return array.ndim > 0 and np.asarray(array.value).dtype == bool


def _keep(traced: Traced) -> None:
    """Note that a value must stay what it is, and with it the shape: comparisons broadcast."""
    value = np.asarray(traced.value)
    for size in active().shape(traced.expr):
        pin(size)
    same: Any = np.all(np.equal(traced, value)) if value.ndim else np.equal(traced, value)
    active().guards.append(Guard(same.expr, True, where()))


def _integers(traced: Traced) -> np.ndarray | None:
    """The integers or truth values that something computed of arguments given as such stands for; from here
    on they must stay what they are. None for other values."""
    tape = active()
    names = {leaf.params[0] for leaf in inputs(traced.expr)}
    value = np.asarray(traced.value)
    if not names or not names <= tape.integers.keys() or not np.array_equal(value, np.rint(value)):
        return None
    _keep(traced)
    tape.counted |= names
    truths = value.dtype == bool or is_truth(traced)
    return value.astype(bool if truths else int)


def is_truth(value: Any) -> bool:
    """Whether something is an argument that was given as truth values, or a part of one."""
    return _kind_of_argument(value) == "b"


def _kind_of_argument(value: Any) -> str | None:
    """The kind of integers or truth values that an argument was given as, of the argument or a part of it."""
    expr = getattr(value, "expr", None)
    while isinstance(expr, Expr) and expr.op in PARTS:
        expr = expr.args[0]
    if not isinstance(expr, Expr) or expr.op != "input":
        return None
    return active().integers.get(expr.params[0])


# --- sizes ----------------------------------------------------------------------------------------


def is_size(value: Any) -> bool:
    """Whether something is an integer or the size of an axis."""
    return isinstance(value, int) or (isinstance(value, Traced) and value.expr.op == "size")


def traced_size(size: Size) -> Traced:
    """A number that remembers whose size it is."""
    expr = Expr("size", (), (size,), ())
    active().values[expr] = size.value
    return Traced(expr)


def _as_size(traced: Traced) -> Any:
    if traced.expr.op == "size":
        return traced.expr.params[0]
    return int(traced)


def _pin_all(expr: Expr) -> None:
    for node in toposort(expr):
        for size in _sizes_in(node.params):
            pin(size)


def _sizes_in(value: Any) -> Iterator[Size]:
    if isinstance(value, Size):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _sizes_in(item)


# --- recording ------------------------------------------------------------------------------------


def record(op: str, operands: tuple[Any, ...], parameters: dict[str, Any]) -> Traced:
    """Put an operation on the tape, with its value at the example."""
    tape = active()
    args = tuple(lift(o) for o in operands)
    call = PRIMITIVES[op].call
    assert call is not None, op
    if PRIMITIVES[op].requires:
        _require(op, PRIMITIVES[op].requires, operands[0], parameters)
    concrete, symbolic = _concrete(parameters), tuple(_symbolic(parameters).items())
    try:
        with np.errstate(all="ignore"), recording(None):
            value = call(*(tape.values[a] for a in args), **concrete)
    except (ValueError, IndexError, TypeError, np.linalg.LinAlgError) as error:
        raise InvalidArgumentError(
            f"{op} failed on operands of shapes {shapes_of(operands)} ({where()}): {error}"
        ) from error
    if op in LOGIC and np.asarray(value).dtype == bool:
        raise InvalidFunctionError(
            f"{op} of truth values alone is logic in NumPy, not arithmetic ({where()}): make one of them "
            f"numbers with .astype(float), or write & and | if logic is meant"
        )
    expr = Expr(op, args, symbolic, np.shape(value))
    tape.values[expr] = value
    tape.lines.setdefault(expr, where())
    if all(a in tape.plain for a in args) and not any(_sizes_in(symbolic)):
        tape.plain.add(expr)
    base = operands[0] if operands and isinstance(operands[0], Traced) else None
    if base is None or base.scalar or not np.may_share_memory(value, tape.values[args[0]]):
        return Traced(expr)
    return Traced(expr, base=base, way=(op, parameters))


def _require(op: str, requirement: str, operand: Any, parameters: Mapping[str, Any]) -> None:
    """Refuse an operand that lacks what an operation requires; what is traced must have it in every call."""
    shape = np.shape(value_of(operand))
    if len(shape) < 2 or 0 in shape or (shape[-1] != shape[-2] and requirement != "full_rank"):
        return  # nothing to see, or NumPy refuses it
    for tolerance in {None, parameters.get("rtol", parameters.get("rcond"))}:
        fulfilled = record(requirement, (operand,), {} if tolerance is None else {"rtol": tolerance})
        if not fulfilled.value:
            raise InvalidArgumentError(f"{op} of shape {shape} ({where()}): {REQUIREMENTS[requirement]}")
        bool(fulfilled)  # becomes a guard


def _concrete(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _convert(v, lambda t: t.value) for k, v in parameters.items()}


def _symbolic(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _convert(v, _as_size) for k, v in parameters.items()}


def _convert(value: Any, convert: Callable[[Traced], Any]) -> Any:
    if isinstance(value, Traced):
        return convert(value)
    return tuple(_convert(v, convert) for v in value) if isinstance(value, tuple) else value


def lift(value: Any) -> Expr:
    """The expression of an operand; plain numbers and arrays become constants."""
    tape = active()
    if isinstance(value, Traced):
        if value.expr not in tape.values:
            raise UnsupportedError(
                f"a derivative is taken inside a function that is being derived ({where()}): "
                f"use cf.hessian, cf.jacobian or cf.derivative(..., order=2)"
            )
        return value.expr
    if isinstance(value, bool | int | float | np.generic) and np.ndim(value) == 0:
        plain = value.item() if isinstance(value, np.generic) else value
        if isinstance(plain, complex):
            raise InvalidFunctionError(f"complex numbers have no real derivative ({where()})")
        expr = Expr("number", (), (plain,), ())
        tape.values[expr] = value
        tape.plain.add(expr)
        return expr
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise InvalidFunctionError(f"an array of {array.dtype} cannot be differentiated through ({where()})")
    known = ArrayConstant(array)
    name = tape.names.setdefault(known.digest, _captured_name(value) or f"c{len(tape.names)}")
    expr = Expr("constant", (), (ArrayConstant(array, name),), array.shape)
    tape.values[expr] = known.array
    tape.plain.add(expr)
    return expr


def _captured_name(value: Any) -> str | None:
    """The name by which the user's function knows an array."""
    frame = user_frame()
    if frame is None:
        return None
    for scope in (frame.f_locals, frame.f_globals):
        for name, candidate in scope.items():
            if candidate is value and name.isidentifier():
                return name
    return None


# --- operands -------------------------------------------------------------------------------------


def value_of(operand: Any) -> Any:
    """The value at the example of what may be a stand-in."""
    return operand.value if isinstance(operand, Traced) else operand


def shapes_of(operands: tuple[Any, ...]) -> str:
    """The shapes of operands, for a message."""
    return ", ".join(str(np.shape(value_of(o))) for o in operands)


def holds_traced(value: Any) -> bool:
    """Whether there is a stand-in in nested lists and tuples."""
    if isinstance(value, list | tuple):
        return any(map(holds_traced, value))
    return isinstance(value, Traced)


def array_of(items: Any) -> Any:
    """The array of nested lists, in which there may be traced numbers and arrays."""
    if not isinstance(items, list | tuple):
        return items
    return np.stack([array_of(item) for item in items]) if holds_traced(items) else np.asarray(items)


def is_float(dtype: Any) -> bool:
    """Whether a data type is that of all traced arrays, or not given."""
    if dtype is not None and np.dtype(dtype).kind == "f" and np.dtype(dtype) != np.float64:
        raise InvalidFunctionError(
            f"numbers of {np.dtype(dtype)} ({where()}): derivatives are computed in float64; leave the "
            f"dtype out"
        )
    return dtype is None or np.dtype(dtype) == np.float64


def _scipy_function() -> str | None:
    """A function of SciPy that is known, but was called under a name that is not: in a default, a dict."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_user_code(frame):
        if any(code is frame.f_code for code in _SCIPY):
            return frame.f_code.co_name
        frame = frame.f_back
    return None
