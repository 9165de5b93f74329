"""Functions that know no stand-ins are replaced while a user's function runs."""

from __future__ import annotations

import dis
import functools
import operator
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

import numpy as np

from closedform.primitives.record import BY_CALLABLE, SEVERAL
from closedform.sources.compositions import COMPOSITIONS
from closedform.sources.numpy_calls import CREATORS, LIKE, apply, as_array, makes_floats
from closedform.sources.tape import active, is_recording, is_user_code
from closedform.sources.traced import Traced, holds_traced, is_size, lift

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
# np.prod(x.shape) and the like
_FOLDS: dict[Any, Callable[[Any, Any], Any]] = {
    np.sum: operator.add,
    np.prod: operator.mul,
    np.max: max,
    np.min: min,
}
_PATCHING = threading.RLock()


@contextmanager
def redirected(namespaces: Sequence[dict[str, Any]]) -> Iterator[None]:
    """Functions that know no stand-ins (SciPy's, and np.zeros and the like when they are given a traced
    size) are replaced while the function runs, in their modules and in the globals of the user's code."""
    outside = [
        c
        for c in [*BY_CALLABLE, *SEVERAL, *COMPOSITIONS]
        if (getattr(c, "__module__", None) or "").startswith("scipy") and not isinstance(c, np.ufunc)
    ]
    outside += [*CREATORS, *LIKE, *PINNING, *OF_LISTS, *MADE]
    identities = set(map(id, outside))  # not all that stands in a module has a hash
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
                    if callable(candidate) and id(candidate) in identities:
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
    if not isinstance(value, Traced) or not value.ndim or not active().symbolic:
        return len(value)
    active().measured = True
    return value.shape[0]


def _dispatching(function: Any, name: str) -> Any:
    """The function as it is called under a name while a user's function runs."""

    def call(*args: Any, **options: Any) -> Any:
        if not is_recording():
            return function(*args, **options)
        if function in OF_LISTS and not is_user_code(sys._getframe(1)):
            return function(*args, **options)
        if holds_traced((*args, *options.values())):
            untyped = function in CREATORS and not makes_floats(function, args, options)
            if function in PINNING or untyped:
                args = tuple(tuple(map(_as_integer, a)) if isinstance(a, tuple | list) else a for a in args)
                return function(*map(_as_integer, args), **{k: _as_integer(v) for k, v in options.items()})
            of_sizes = isinstance(args[0], list | tuple) and all(map(is_size, args[0]))
            if function in _FOLDS and of_sizes and not options:
                return functools.reduce(_FOLDS[function], args[0])
            if function in JOINING:
                args = ([as_array(a) if isinstance(a, list) else a for a in args[0]], *args[1:])
            elif function in OF_LISTS and function not in NESTED:
                args = tuple(as_array(a) if isinstance(a, list) else a for a in args)
            return apply(function, args, options)
        creates = function in CREATORS or (function in LIKE and np.asarray(args[0]).dtype.kind == "f")
        tape = active()
        if not (creates or (tape.creates and function in MADE)) or not _calls(sys._getframe(1), name, call):
            return function(*args, **options)
        if creates:
            typed = makes_floats(function, args, options)
            return apply(function, args, options) if typed else function(*args, **options)
        result = function(*args, **options)
        return Traced(lift(result)) if result.dtype == np.float64 else result

    return call


def _as_integer(value: Any) -> Any:
    return int(value) if isinstance(value, Traced) else value


def _calls(frame: FrameType, name: str, function: Any) -> bool:
    """Whether it is the user's code in a frame that now calls the function by a name. Compiled code has no
    frames: what it makes with np.empty, as np.random does, must be a plain array."""
    if not is_user_code(frame):
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
