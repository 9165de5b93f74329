"""A NumPy function, run once on stand-ins for its arguments, becomes an expression of its operations."""

from __future__ import annotations

import dis
import functools
import inspect
import itertools
import linecache
import operator
import re
import sys
import sysconfig
import threading
from collections import namedtuple
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special

from closedform.errors import ClosedformError, InvalidArgumentError, InvalidFunctionError, UnsupportedError
from closedform.expression.expr import ArrayConstant, Expr, inputs, toposort
from closedform.expression.size import Size
from closedform.primitives import PRIMITIVES
from closedform.primitives.record import REQUIREMENTS, SEVERAL, called_name
from closedform.primitives.structure import freeze_index, thaw_index
from closedform.sources.compositions import COMPOSITIONS, is_square
from closedform.sources.surroundings import Surroundings

PACKAGE = str(Path(__file__).resolve().parents[1])
# Functions that make arrays from numbers: what they make can be assigned to.
CREATORS: frozenset[Any] = frozenset({np.eye, np.identity, np.zeros, np.ones, np.empty, np.full})
# The same, of the shape of an array that may be a captured one.
LIKE: frozenset[Any] = frozenset({np.zeros_like, np.ones_like, np.empty_like, np.full_like})
# Those whose sizes become plain numbers, and functions that NumPy does not hand over: of lists and tuples.
PINNING = frozenset({np.arange, np.tri})
OF_LISTS = frozenset(
    {np.array, np.asarray, np.linspace, np.prod, np.sum, np.max, np.min, np.block, np.mean, np.median, np.var}
    | {np.std, np.dot, np.vdot, np.inner, np.outer, np.cross, np.cumsum, np.cumprod, np.argmax, np.argmin}
    | {np.sort, np.argsort, np.diff, np.linalg.norm, np.diag, np.vander, np.append, np.average, np.interp}
    | {np.ascontiguousarray, np.asfortranarray, np.compress, np.ndenumerate}
    | {np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack, np.where, np.polyval}
)
# Those for which lists within lists are no arrays, and those of several arrays in a list.
NESTED = frozenset({np.block})
JOINING = frozenset({np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack})
# Functions whose arrays can be assigned to where that is all that is lacking.
MADE: frozenset[Any] = frozenset({np.array, np.arange, np.linspace, np.logspace, np.geomspace, np.copy})
LIBRARIES = tuple({sysconfig.get_paths()[k] for k in ("purelib", "platlib", "stdlib")})
# Operations that need regular matrices, and the condition number from which on a matrix is singular.
OF_REGULAR_MATRICES = frozenset(
    {"inv", "solve", "solve_transposed", "solve_symmetric", "det", "logdet", "sign_det"}
)
LARGEST_CONDITION = 1e12
# Options of SciPy's functions that do not change the result.
WITHOUT_EFFECT = frozenset({"check_finite", "driver", "lapack_driver"})
# Operations that only take or move entries.
PARTS = frozenset({"getitem", "transpose", "swapaxes", "reshape", "ravel", "flip", "diagonal", "expand_dims"})
# A function is run again so far from the example.
NEARBY = 1e-3
BY_CALLABLE = {callable_: record for record in PRIMITIVES.values() for callable_ in record.numpy}


@dataclass(frozen=True)
class Line:
    """A line of the user's code."""

    file: str
    number: int
    function: str

    def __str__(self) -> str:
        text = linecache.getline(self.file, self.number).strip()
        place = f"in {self.function}, line {self.number} of {Path(self.file).name}"
        return f"{place}: `{text}`" if text else place


@dataclass(frozen=True)
class Guard:
    """A branch on a value: the condition as traced, the outcome at the example, and where it stands."""

    condition: Expr
    outcome: bool
    line: Line


@dataclass(frozen=True)
class Trace:
    """A user's function as the operations it performs.

    name        the function's name
    arguments   names of all arguments, in order
    root        the result (level one: the user's own operations)
    values      every node's NumPy value at the example
    example     the example's arguments as arrays
    guards      branches that were taken
    pinned      sizes that the function used as plain numbers: they must stay what they were
    lines       the user's line of each operation, for messages
    counted     arguments given as integers or truth values and used to count or as indices: they must stay
                what they were
    """

    name: str
    arguments: tuple[str, ...]
    root: Expr
    values: Mapping[Expr, Any]
    example: tuple[np.ndarray, ...]
    guards: tuple[Guard, ...] = ()
    pinned: frozenset[Size] = frozenset()
    lines: Mapping[Expr, Line] = field(default_factory=dict)
    counted: frozenset[str] = frozenset()

    def is_regular(self) -> bool:
        """Whether the value at the example is finite, and no matrix singular that must not be."""
        matrices = [self.values[node.args[0]] for node in self.values if node.op in OF_REGULAR_MATRICES]
        return bool(np.isfinite(self.values[self.root]).all()) and all(
            np.linalg.cond(matrix).max(initial=0) < LARGEST_CONDITION
            for matrix in matrices
            if np.size(matrix)
        )


# The symbolic sizes of an expression, and the sizes that must be numbers for it.
ShapeOf = Callable[[Expr], tuple[Sequence[Size], Collection[Size]]]


@dataclass
class _Tape:
    """What one run of the function leaves behind."""

    values: dict[Expr, Any] = field(default_factory=dict)
    guards: list[Guard] = field(default_factory=list)
    pinned: set[Size] = field(default_factory=set)
    lines: dict[Expr, Line] = field(default_factory=dict)
    integers: Mapping[str, str] = field(default_factory=dict)
    shape_of: ShapeOf = lambda expr: (expr.shape, ())
    counted: set[str] = field(default_factory=set)
    plain: set[Expr] = field(default_factory=set)  # what has neither arguments nor their sizes in it
    names: dict[str, str] = field(default_factory=dict)
    creates: bool = False  # whether what np.array, np.linspace and the like make can be assigned to
    lost: Exception | None = None  # where something traced was to leave the trace, or is not known
    symbolic: bool = True  # whether len(x) is a size, not a number
    measured: bool = False  # whether it was asked for
    shapes: dict[Expr, Sequence[Size]] = field(default_factory=dict)

    def shape(self, expr: Expr) -> Sequence[Size]:
        """The symbolic sizes of what was computed; those that are numbers for it are noted."""
        if expr not in self.shapes:
            self.shapes[expr], fixed = self.shape_of(expr)
            self.pinned.update(fixed)
        return self.shapes[expr]


_ACTIVE = threading.local()
_PATCHING = threading.RLock()


def _tape() -> _Tape:
    tape: _Tape | None = getattr(_ACTIVE, "tape", None)
    if tape is None:
        raise InvalidFunctionError("a traced value was used after its function had returned")
    return tape


# --- where in the user's code ---------------------------------------------------------------------


def _user_frame() -> FrameType | None:
    frame: FrameType | None = sys._getframe(1)
    libraries = (PACKAGE, str(Path(np.__file__).parent))
    while frame is not None and frame.f_code.co_filename.startswith((*libraries, "<__array_function__")):
        frame = frame.f_back
    return frame


def _lost(error: Exception) -> Exception:
    """An error about what leaves the trace; the function may catch it, but what it does then is no use."""
    _tape().lost = _tape().lost or error
    return error


def _scipy_function() -> str | None:
    """A function of SciPy that is known, but was called under a name that is not: in a default, a dict."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _is_user_code(frame):
        if any(code is frame.f_code for code in _SCIPY):
            return frame.f_code.co_name
        frame = frame.f_back
    return None


def where() -> Line:
    """The line of the user's function that is running."""
    frame = _user_frame()
    if frame is None:
        return Line("", 0, "the function")
    return Line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def _shapes(operands: tuple[Any, ...]) -> str:
    return ", ".join(str(np.shape(o.value if isinstance(o, Traced) else o)) for o in operands)


# --- the stand-in ---------------------------------------------------------------------------------


class Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """Stands for an array while the function runs: every operation on it is recorded.

    base    the array whose memory this one shares: it is read from there, and written there
    way     the operation, and its parameters, that reads it
    scalar  whether it is a number for NumPy, not an array: it cannot be changed in place
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
        self.scalar = not isinstance(_tape().values.get(expr), np.ndarray)

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
        return _tape().values[self.expr]

    # --- NumPy's protocols
    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Any:
        if method != "__call__":
            return _method(ufunc, method, operands, options)
        alone = not options.keys() - {"out"}  # n += 1 makes another size
        if ufunc in _OF_SIZES and alone and (size := _of_sizes(ufunc, operands)) is not None:
            return size
        if ufunc is np.multiply and any(isinstance(o, list | tuple | str) for o in operands):
            first, second = (int(o) if _is_size(o) else o for o in operands)
            if isinstance(first, int) or isinstance(second, int):  # [0.5] * len(x)
                return first * second
        return apply(ufunc, operands, options)

    def __array_function__(self, function: Any, types: Any, operands: Any, options: Any) -> Any:
        return apply(function, operands, options)

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
        raise _lost(
            InvalidFunctionError(
                f"a traced array of shape {shape} was turned into a plain array ({where()}); {cure}"
            )
        )

    # --- reading
    @property
    def shape(self) -> tuple[Any, ...]:
        """The axes' sizes, as numbers that remember whose sizes they are."""
        return tuple(s.value if s.is_literal else _size(s) for s in _tape().shape(self.expr))

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
        if not _is_user_code(sys._getframe(1)):
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
        _pin(_tape().shape(self.expr)[0])
        return int(shape[0])

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        return record("getitem", (self,), {"index": _index(index, self)})

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, Traced) and _is_mask(index) and np.ndim(_value(value)) == 0:
            after = (1,) * (self.ndim - index.ndim)
            mask = index if not after else np.reshape(index, (*index.shape, *after))
            chosen: Any = np.where(mask, value, self)
            self._assign(chosen)
            return
        place = {"index": _index(index, self)}
        if isinstance(value, Traced) and value.base is self and value.way == ("getitem", place):
            return  # the end of y[i] += v, which has changed this part already
        points = self._positions(place["index"])
        value = _array(value) if isinstance(value, list | tuple) else value
        before = np.shape(_value(value))[: max(0, np.ndim(_value(value)) - points.ndim)]
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
        for size in _tape().shape(self.expr):
            _pin(size)
        flat = record("setitem", (np.ravel(self), values), {"index": freeze_index((positions,))})
        self._assign(np.reshape(flat, self.shape))  # type: ignore[arg-type]

    def _assign(self, result: Traced) -> None:
        """Change what the array holds: where it is a view, its part of the other array."""
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
            if result.expr in _tape().plain:
                self._expr = _lift(np.asarray(result.value))
            else:
                self._expr = _laid_out(result, np.empty_like(self.value))

    # --- conversions that leave the trace
    def __bool__(self) -> bool:
        if np.size(self.value) != 1:
            raise _lost(
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
            _tape().guards.append(Guard(truth.expr, outcome, where()))
        return outcome

    def _number(self, kind: str) -> Any:
        if any(inputs(self.expr)):
            raise _lost(
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
        return Traced(_laid_out(self, np.array(self.value, order=order)))

    def conj(self) -> Any:
        """The array itself, which is real."""
        return self

    conjugate = conj

    def view(self) -> Any:
        """Another array of the same memory."""
        return self[...]

    def astype(self, dtype: Any, **_: Any) -> Any:
        """The same values: only conversions between floating types are traced."""
        if not _is_float(dtype):
            raise InvalidFunctionError(f"conversion to {np.dtype(dtype)} has no derivative ({where()})")
        return np.where(self, 1.0, 0.0) if self.dtype == bool else self.copy()

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
        raise _lost(error) if name in _OF_ARRAYS else error


# What plain arrays have: a function that asks for it and goes on without takes another way than they do.
_OF_ARRAYS = frozenset(name for name in dir(np.ndarray) if not name.startswith("__"))
_METHODS = frozenset(
    [
        "sum",
        "mean",
        "prod",
        "max",
        "min",
        "var",
        "std",
        "dot",
        "trace",
        "ravel",
        "swapaxes",
        "clip",
        "cumsum",
        "diagonal",
        "squeeze",
        "repeat",
        "round",
        "cumprod",
        "take",
        "argsort",
        "argmax",
        "argmin",
        "all",
        "any",
        "nonzero",
        "put",
    ]
)


def _laid_out(traced: Traced, like: np.ndarray) -> Expr:
    """The expression of the same values that lie in memory as another array does: whether a reshaped array
    is a view depends on that."""
    value = np.asarray(traced.value)
    if value.ndim < 2 or all(getattr(value.flags, f) == getattr(like.flags, f) for f in _CONTIGUOUS):
        return traced.expr
    expr = record("positive", (traced,), {}).expr
    _tape().values[expr] = laid = np.empty_like(like, dtype=value.dtype)
    laid[...] = value
    return expr


_CONTIGUOUS = ("c_contiguous", "f_contiguous")


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


def _index(index: Any, array: Traced) -> Any:
    items = index if isinstance(index, tuple) else (index,)
    counted = any(isinstance(item, Traced) and _is_size(item) for item in items)
    plain = all(isinstance(item, slice | int | Traced) and not isinstance(item, bool) for item in items)
    if counted and plain and len(items) <= array.ndim:
        items = tuple(map(_from_the_end, items, array.shape))
    try:
        return freeze_index(tuple(_index_item(item) for item in items))
    except TypeError as error:
        raise UnsupportedError(f"this index cannot be traced ({where()}): {error}") from None


def _from_the_end(item: Any, length: Any) -> Any:
    """x[len(x) - 1] is x[-1]: a position that is the same for all sizes."""
    if not (_is_size(item) and isinstance(item, Traced) and isinstance(length, Traced)):
        return item
    back = length.expr.params[0] - item.expr.params[0]
    return -back.value if back.is_literal and 0 < back.value <= length.value else item


def _index_item(item: Any) -> Any:
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


def _keep(traced: Traced) -> None:
    """Note that a value must stay what it is."""
    value = np.asarray(traced.value)
    same: Any = np.all(np.equal(traced, value)) if value.ndim else np.equal(traced, value)
    _tape().guards.append(Guard(same.expr, True, where()))


def _integers(traced: Traced) -> np.ndarray | None:
    """The integers or truth values that something computed of arguments given as such stands for; from here
    on they must stay what they are. None for other values."""
    tape = _tape()
    names = {leaf.params[0] for leaf in inputs(traced.expr)}
    value = np.asarray(traced.value)
    if not names or not names <= tape.integers.keys() or not np.array_equal(value, np.rint(value)):
        return None
    _keep(traced)
    tape.counted |= names
    truths = value.dtype == bool or _is_truth(traced)
    return value.astype(bool if truths else int)


def _is_truth(value: Any) -> bool:
    """Whether something is an argument that was given as truth values, or a part of one."""
    expr = getattr(value, "expr", None)
    while isinstance(expr, Expr) and expr.op in PARTS:
        expr = expr.args[0]
    if not isinstance(expr, Expr) or expr.op != "input":
        return False
    return _tape().integers.get(expr.params[0]) == "b"


def _bound(bound: Any) -> Any:
    """A bound of a slice: a size stays one."""
    return _as_size(bound) if isinstance(bound, Traced) else bound


def _is_mask(array: Traced) -> bool:
    return array.ndim > 0 and np.asarray(array.value).dtype == bool


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
        _pin(first)
        _pin(second)
        return int(ufunc(first.value, second.value))
    return int(result.value) if result.is_literal else _size(result)


def _size(size: Size) -> Traced:
    expr = Expr("size", (), (size,), ())
    _tape().values[expr] = size.value
    return Traced(expr)


def _pin(size: Size) -> None:
    if not size.is_literal:
        _tape().pinned.add(size)


def _pin_all(expr: Expr) -> None:
    for node in toposort(expr):
        for size in _sizes_in(node.params):
            _pin(size)


def _sizes_in(value: Any) -> Iterator[Size]:
    if isinstance(value, Size):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _sizes_in(item)


# Operations that NumPy takes as "or", "and" or "differs" on truth values alone.
LOGIC = frozenset(
    {"add", "matmul", "dot", "inner", "vdot", "tensordot", "einsum", "matrix_power", "multi_dot", "diff"}
    | {"zeros_like", "ones_like", "full"}
)


# --- recording ------------------------------------------------------------------------------------


def apply(function: Any, operands: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """Record a call of a NumPy function."""
    options = dict(options)
    if str(getattr(function, "__module__", "")).startswith("scipy.linalg"):
        options = {name: value for name, value in options.items() if name not in WITHOUT_EFFECT}
    target = options.pop("out", None)
    if isinstance(target, tuple):
        target = target[0] if len(target) == 1 else target
    like = operands[0] if function in LIKE and operands else None
    if isinstance(like, Traced) and not _makes_floats(function, operands, options):
        for size in _tape().shape(like.expr):
            _pin(size)
        return function(like.value, *operands[1:], **options)
    if function not in TYPED and "dtype" in options and _is_float(options["dtype"]):
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
        raise _lost(
            UnsupportedError(
                f"{called_name(function)} is not supported ({where()}); operands of shapes "
                f"{_shapes(_flat(operands))}. Write it with supported functions, or ask for it"
            )
        )
    bound, parameters = _called(function, primitive.bind, operands, options)
    return record(primitive.name, bound, parameters)


def _put_into(target: Any, result: Any) -> Any:
    """What is computed into an array that there is: by `out`, and by y += v."""
    if not isinstance(target, Traced):
        raise _lost(
            InvalidFunctionError(
                f"the function changes a plain array, captured or made by np.zeros, in place ({where()}): "
                f"an operation of shapes {_shapes((target, result))} on it cannot be traced; write `y = y + "
                f"...`, or start from np.zeros_like(...) of an argument, or np.array(y, dtype=float)"
            )
        )
    if target.scalar:  # s += v makes a new number
        return result
    if np.size(_value(result)) < np.size(target.value):
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
            f"{called_name(function)} failed on operands of shapes {_shapes(_flat(operands))} ({where()}): "
            f"{error}"
        ) from error


def _flat(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(x for o in operands for x in (o if isinstance(o, list | tuple) else (o,)))


def record(op: str, operands: tuple[Any, ...], parameters: dict[str, Any]) -> Traced:
    """Put an operation on the tape, with its value at the example."""
    tape = _tape()
    args = tuple(_lift(o) for o in operands)
    call = PRIMITIVES[op].call
    assert call is not None, op
    if PRIMITIVES[op].requires:
        _require(op, PRIMITIVES[op].requires, operands[0], parameters)
    concrete, symbolic = _concrete(parameters), tuple(_symbolic(parameters).items())
    try:
        with np.errstate(all="ignore"), _paused():
            value = call(*(tape.values[a] for a in args), **concrete)
    except (ValueError, IndexError, TypeError, np.linalg.LinAlgError) as error:
        raise InvalidArgumentError(
            f"{op} failed on operands of shapes {_shapes(operands)} ({where()}): {error}"
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


@contextmanager
def _paused() -> Iterator[None]:
    """What runs now is not the user's function."""
    tape, _ACTIVE.tape = _ACTIVE.tape, None
    try:
        yield
    finally:
        _ACTIVE.tape = tape


def _require(op: str, requirement: str, operand: Any, parameters: Mapping[str, Any]) -> None:
    """Refuse an operand that lacks what an operation requires; what is traced must have it in every call."""
    shape = np.shape(_value(operand))
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


def _as_size(traced: Traced) -> Any:
    if traced.expr.op == "size":
        return traced.expr.params[0]
    return int(traced)


def _lift(value: Any) -> Expr:
    """The expression of an operand; plain numbers and arrays become constants."""
    tape = _tape()
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
    frame = _user_frame()
    if frame is None:
        return None
    for scope in (frame.f_locals, frame.f_globals):
        for name, candidate in scope.items():
            if candidate is value and name.isidentifier():
                return name
    return None


def _results(function: Any, operands: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """The results of a function that has several, each recorded, in a tuple with NumPy's field names."""
    found = {
        field: record(*result) if isinstance(result, tuple) else result
        for field, result in _called(function, SEVERAL[function], operands, options).items()
    }
    if len(found) == 1:
        return next(iter(found.values()))
    return namedtuple(f"{function.__name__}_result", found)(**found)


def _value(operand: Any) -> Any:
    return operand.value if isinstance(operand, Traced) else operand


def _method(ufunc: Any, method: str, operands: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """np.add.reduce and the like, as the functions that they are."""
    function = _UFUNC_METHODS.get((ufunc, method))
    if function is not None:
        first = {"axis": 0} if method == "reduce" and len(operands) == 1 else {}
        return _called(ufunc, function, operands, first | options)
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
    place = _index(index, target)
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


def _diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    if is_square(a) and (offset, axis1, axis2) == (0, 0, 1):
        return NotImplemented
    return record("diagonals", (a,), {"offset": int(offset), "axis1": axis1, "axis2": axis2})


def _nonzero(a: Any) -> Any:
    """The positions of what is not zero, as they are at the example."""
    mask: Any = a if _value(a).dtype == bool else np.not_equal(a, 0)
    return np.nonzero(_index_item(mask))


def _of_truth_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """The operators &, |, ^ and ~, of comparisons."""

    def operate(*operands: Any) -> Any:
        for given in filter(_is_truth, operands):
            _tape().counted |= {leaf.params[0] for leaf in inputs(given.expr)}
        operands = tuple(np.not_equal(o, 0) if _is_truth(o) else o for o in operands)
        if any(np.asarray(_value(o)).dtype != bool for o in operands):
            raise TypeError("of numbers that are not truth values")
        return function(*operands)

    return operate


def _array(
    object: Any, dtype: Any = None, *, copy: bool | None = True, order: str = "K", ndmin: int = 0, **_: Any
) -> Any:
    """np.array, of nested lists in which there are traced numbers or arrays too."""
    if not _is_float(dtype):
        raise TypeError(f"of {np.dtype(dtype)}: it has no derivative")
    if isinstance(object, Traced):
        result = object.copy(order) if copy else object
    elif isinstance(object, list | tuple):
        result = np.stack([_array(item) for item in object]) if _holds_traced(object) else np.asarray(object)
    else:
        result = object
    lacking = ndmin - np.ndim(result)
    return np.reshape(result, (*[1] * lacking, *np.shape(result))) if lacking > 0 else result


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
    np.array: _array,
    np.asarray: lambda a, dtype=None, **_: _array(a, dtype, copy=None),
    np.linspace: _linspace,
    np.empty: lambda shape, dtype=None, make=np.zeros: apply(make, (shape,), {}),
    np.empty_like: lambda a, dtype=None, make=np.zeros_like: apply(make, (a,), {}),
    np.full_like: lambda a, fill_value, dtype=None, make=np.full: apply(make, (np.shape(a), fill_value), {}),
}


# --- running the user's function ------------------------------------------------------------------


@contextmanager
def _redirected(namespaces: Sequence[dict[str, Any]]) -> Iterator[None]:
    """Functions that know no stand-ins (SciPy's, and np.zeros and the like when they are given a traced
    size) are replaced while the function runs, in their modules and in the globals of the user's code."""
    outside = [
        c
        for c in [*BY_CALLABLE, *SEVERAL, *COMPOSITIONS]
        if (getattr(c, "__module__", None) or "").startswith("scipy") and not isinstance(c, np.ufunc)
    ]
    outside += [*CREATORS, *LIKE, *PINNING, *OF_LISTS, *MADE]
    scopes: list[dict[str, Any]] = [
        sys.modules[m].__dict__ for m in ("numpy", "numpy.linalg", "scipy.linalg", "scipy.special")
    ]
    replaced: list[tuple[dict[str, Any], str, Any]] = []
    with _PATCHING:
        try:
            for scope in namespaces:
                if "len" not in scope:  # Python's own gives plain numbers, not sizes
                    replaced.append((scope, "len", None))
                    scope["len"] = _length
            for scope in (*scopes, *namespaces):
                for name, candidate in list(scope.items()):
                    if callable(candidate) and any(candidate is c for c in outside):
                        replaced.append((scope, name, candidate))
                        scope[name] = _dispatching(candidate, name)
            yield
        finally:
            for scope, name, candidate in replaced:
                if candidate is None:
                    del scope[name]
                else:
                    scope[name] = candidate


def _length(value: Any) -> Any:
    """len(x): of a traced array, its size."""
    if not isinstance(value, Traced) or not value.ndim or not _tape().symbolic:
        return len(value)
    _tape().measured = True
    return value.shape[0]


_SCIPY = tuple(
    inspect.unwrap(f).__code__
    for f in [*BY_CALLABLE, *SEVERAL]
    if isinstance(inspect.unwrap(f), FunctionType) and f.__module__.startswith("scipy")
)


def _as_integer(value: Any) -> Any:
    return int(value) if isinstance(value, Traced) else value


def _dispatching(function: Any, name: str) -> Any:
    """The function as it is called under a name while a user's function runs."""

    def call(*args: Any, **options: Any) -> Any:
        if getattr(_ACTIVE, "tape", None) is None:
            return function(*args, **options)
        if function in OF_LISTS and not _is_user_code(sys._getframe(1)):
            return function(*args, **options)
        if _holds_traced((*args, *options.values())):
            untyped = function in CREATORS and not _makes_floats(function, args, options)
            if function in PINNING or untyped:
                args = tuple(tuple(map(_as_integer, a)) if isinstance(a, tuple | list) else a for a in args)
                return function(*map(_as_integer, args), **{k: _as_integer(v) for k, v in options.items()})
            of_sizes = isinstance(args[0], list | tuple) and all(map(_is_size, args[0]))
            if function in _FOLDS and of_sizes and not options:
                return functools.reduce(_FOLDS[function], args[0])
            if function in JOINING:
                args = ([_array(a) if isinstance(a, list) else a for a in args[0]], *args[1:])
            elif function in OF_LISTS and function not in NESTED:
                args = tuple(_array(a) if isinstance(a, list) else a for a in args)
            return apply(function, args, options)
        creates = function in CREATORS or (function in LIKE and np.asarray(args[0]).dtype.kind == "f")
        tape = _tape()
        if not (creates or (tape.creates and function in MADE)) or not _calls(sys._getframe(1), name, call):
            return function(*args, **options)
        if creates:
            typed = _makes_floats(function, args, options)
            return apply(function, args, options) if typed else function(*args, **options)
        result = function(*args, **options)
        return Traced(_lift(result)) if result.dtype == np.float64 else result

    return call


def _holds_traced(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_traced, value))
    return isinstance(value, Traced)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, Traced) and value.expr.op == "size")


# np.prod(x.shape) and the like
_FOLDS: dict[Any, Callable[[Any, Any], Any]] = {
    np.sum: operator.add,
    np.prod: operator.mul,
    np.max: max,
    np.min: min,
}


# Functions that take a dtype, and those that take it at another position than the second.
TYPED = CREATORS | LIKE | {np.array, np.asarray}
POSITION_OF_DTYPE: dict[Any, int] = {np.eye: 3, np.full: 2, np.full_like: 2}


def _is_float(dtype: Any) -> bool:
    """Whether a data type is that of all traced arrays, or not given."""
    if dtype is not None and np.dtype(dtype).kind == "f" and np.dtype(dtype) != np.float64:
        raise InvalidFunctionError(
            f"numbers of {np.dtype(dtype)} ({where()}): derivatives are computed in float64; leave the "
            f"dtype out"
        )
    return dtype is None or np.dtype(dtype) == np.float64


def _makes_floats(function: Any, args: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    at = POSITION_OF_DTYPE.get(function, 1)
    return _is_float(options.get("dtype", args[at] if len(args) > at else None))


def _is_user_code(frame: FrameType) -> bool:
    """Whether a call stands in the user's code, not in a library that works on plain arrays."""
    return not frame.f_code.co_filename.startswith((PACKAGE, *LIBRARIES, "<__array_function__"))


def _calls(frame: FrameType, name: str, function: Any) -> bool:
    """Whether it is the user's code in a frame that now calls the function by a name. Compiled code has no
    frames: what it makes with np.empty, as np.random does, must be a plain array."""
    if not _is_user_code(frame):
        return False
    called = _called_name(frame.f_code, frame.f_lasti)
    if called in frame.f_locals:
        return frame.f_locals[called] is function
    return called == name


@functools.lru_cache(maxsize=4096)
def _called_name(code: CodeType, at: int) -> str | None:
    """The name of what the instruction at an offset calls: the last that is loaded where the call begins."""
    instructions = [i for i in dis.get_instructions(code) if i.offset <= at]
    start = _start(instructions[-1])
    names = [i.argval for i in instructions if i.opname.startswith("LOAD_") and _start(i) == start]
    return names[-1] if names and isinstance(names[-1], str) else None


def _start(instruction: dis.Instruction) -> tuple[int | None, int | None]:
    positions = instruction.positions
    return (positions.lineno, positions.col_offset) if positions else (None, None)


def argument_names(function: Callable[..., Any], count: int) -> tuple[str, ...]:
    """Names of the first `count` positional arguments; x, y, ... where the function does not tell."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if any(p.kind == p.VAR_POSITIONAL for p in parameters):
        names += [f"x{i}" for i in range(len(names), count)]
    if not names or isinstance(function, np.ufunc):
        names = ["x", "y", "z"][:count] if count <= 3 else [f"x{i}" for i in range(count)]
    return tuple(names[:count])


def trace_function(
    function: Callable[..., Any],
    example: tuple[np.ndarray, ...],
    leaves: tuple[Expr, ...],
    integers: Mapping[str, str] | None = None,
    shape_of: ShapeOf = lambda expr: (expr.shape, ()),
) -> Trace:
    """Run the function on stand-ins for `example` and return what it did.

    `leaves` are the input nodes, one an argument, with symbolic sizes; `integers` names the arguments
    that may be used to count or as indices, with the kinds of their dtypes, `shape_of` tells the symbolic
    sizes of what was computed. The value that was traced is compared with the function's own value on the
    plain arguments.

    Raises InvalidFunctionError where the function cannot be traced, UnsupportedError where an operation is
    not known, InvalidArgumentError where an operation fails on the arguments.
    """
    name = getattr(function, "__name__", type(function).__name__)
    surroundings = Surroundings(function)
    start = functools.partial(_Tape, integers=integers or {}, shape_of=shape_of)
    example = tuple(np.array(a, order="C") for a in example)
    values = {leaf: a[()] for leaf, a in zip(leaves, example, strict=True)}
    symbolic, creates, refused = True, False, None
    while True:
        tape = start(dict(values), symbolic=symbolic, creates=creates)
        try:
            root = _recorded(function, surroundings, tape, leaves, name)
            break
        except Exception as error:
            if tape.measured and symbolic:
                symbolic = False
            elif tape.lost is not None and not creates:
                creates, refused = True, error
            elif refused is not None:
                raise refused from None
            else:
                raise
    changed = surroundings.changed(np.ndarray)
    if changed:
        raise InvalidFunctionError(
            f"{name} changes the captured {changed[0]!r}: its result depends on how often it ran; "
            f"work on a copy inside the function"
        )
    arguments = tuple(leaf.params[0] for leaf in leaves)
    trace = Trace(
        name,
        arguments,
        root,
        tape.values,
        example,
        tuple(tape.guards),
        frozenset(tape.pinned),
        tape.lines,
        frozenset(tape.counted),
    )
    with np.errstate(all="ignore"):
        _verify(function, trace, leaves, tape.integers)
    return trace


def _recorded(
    function: Callable[..., Any], surroundings: Surroundings, tape: _Tape, leaves: Sequence[Expr], name: str
) -> Expr:
    """The function's result, run on stand-ins; what it does is put on the tape."""
    outer = getattr(_ACTIVE, "tape", None)
    _ACTIVE.tape = tape
    try:
        with _redirected(surroundings.namespaces):
            result = _run(function, [Traced(leaf, argument=leaf.params[0]) for leaf in leaves])
        if tape.lost is not None:  # the function caught it: plain arrays would not have raised it
            raise tape.lost
        return _result(result, name)
    finally:
        _ACTIVE.tape = outer


def _run(function: Callable[..., Any], stand_ins: list[Traced]) -> Any:
    """Call the function; NumPy hides our errors behind its own where a conversion fails."""
    try:
        return function(*stand_ins)
    except (TypeError, ValueError) as error:
        if isinstance(error.__cause__, ClosedformError):
            raise error.__cause__ from None
        raise


def _result(result: Any, name: str) -> Expr:
    if result is None:
        raise InvalidFunctionError(f"{name} returned nothing: does it end with a return statement?")
    if isinstance(result, tuple | list | dict):
        raise InvalidFunctionError(
            f"{name} returned a {type(result).__name__}; return one array (np.stack joins several)"
        )
    return _lift(result)


def _verify(
    function: Callable[..., Any], trace: Trace, leaves: Sequence[Expr], integers: Mapping[str, str]
) -> None:
    """The traced value must be the function's value, at the example and near it: this refuses functions that
    are not deterministic, and those that take another way for stand-ins, though both ways meet at zero."""
    plain = function(*_plain_arguments(trace, trace.example, integers))
    _compare(trace, plain, trace.values[trace.root])
    rng = np.random.default_rng(0)
    moved = [
        a if leaf.params[1] or leaf.params[0] in trace.counted else a + NEARBY * rng.uniform(0.5, 1, a.shape)
        for leaf, a in zip(leaves, trace.example, strict=True)
    ]
    try:
        value = _value_near(trace, dict(zip(leaves, moved, strict=True)))
        plain = function(*_plain_arguments(trace, moved, integers))
    except Exception:  # outside of what the function accepts
        return
    if value is not None and np.isfinite(value).all() and np.isfinite(plain).all():
        _compare(trace, plain, value)


def _value_near(trace: Trace, values: dict[Expr, Any]) -> Any:
    """The value of the trace for other arguments; None where it takes another branch."""
    conditions = [guard.condition for guard in trace.guards]
    for node in toposort(trace.root, *conditions):
        if not node.args:
            values.setdefault(node, trace.values[node])
        elif node not in values:
            call = PRIMITIVES[node.op].call
            assert call is not None, node.op
            values[node] = call(*(values[a] for a in node.args), **dict(_numbers(node.params)))
    taken = [bool(values[condition]) for condition in conditions]
    return values[trace.root] if taken == [guard.outcome for guard in trace.guards] else None


def _numbers(value: Any) -> Any:
    """Parameters with numbers for the sizes in them."""
    if isinstance(value, Size):
        return value.value
    return tuple(map(_numbers, value)) if isinstance(value, tuple) else value


def _compare(trace: Trace, plain: Any, traced: Any) -> None:
    plain, traced = np.asarray(plain), np.asarray(traced)
    scale = np.finfo(traced.dtype).eps if traced.dtype.kind == "f" else 1e-15
    if plain.shape != traced.shape or not np.allclose(
        plain, traced, rtol=1e3 * scale, atol=1e-300, equal_nan=True
    ):
        raise InvalidFunctionError(
            f"{trace.name} gave {_brief(plain)} on plain arrays and {_brief(traced)} when traced: it uses "
            f"random numbers or state outside its arguments, or asks for the type of its arguments, or for "
            f"numbers that are not float64"
        )


def _plain_arguments(trace: Trace, example: Sequence[np.ndarray], integers: Mapping[str, str]) -> list[Any]:
    """Copies of an example, with counts and indices as the integers or truth values they were."""
    kinds = {"b": bool, "i": int, "u": int}
    return [
        a.astype(kinds[integers[name]])[()] if name in trace.counted else np.array(a, copy=True)[()]
        for name, a in zip(trace.arguments, example, strict=True)
    ]


def _brief(value: np.ndarray) -> str:
    return f"{float(value):.6g}" if not value.shape else f"an array of shape {value.shape}"
