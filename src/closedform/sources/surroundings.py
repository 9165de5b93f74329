"""What a function reads besides its arguments: a function in, a snapshot that notices changes out."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

Reader = tuple[str, Callable[[], Any]]

# Objects inside objects are looked into this deep.
DEEPEST = 3
# Values of these types cannot change.
FIXED = (int, float, complex, str, bytes, bool, type(None), np.generic)


class Surroundings:
    """The captured variables, globals, defaults and attributes that a function reads, as they are now.

    >>> scale = [2.0]
    >>> known = Surroundings(lambda x: scale[0] * x)
    >>> known.changed()
    []
    >>> scale[0] = 3.0
    >>> known.changed()
    ['scale']
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._readers = list(_readers(function, set()))
        self._values = [_snapshot(read(), DEEPEST) for _, read in self._readers]

    def changed(self, kind: type = object) -> list[str]:
        """Names of what is no longer what it was, of those that were of a kind."""
        return [
            name
            for (name, read), old in zip(self._readers, self._values, strict=True)
            if isinstance(old, kind) and not _same(old, _snapshot(read(), DEEPEST, copy=False))
        ]


def _readers(function: Any, seen: set[int]) -> Iterator[Reader]:
    """Names, and how to read their values, of what a function reaches; functions it calls included."""
    function = inspect.unwrap(function) if callable(function) else function
    if id(function) in seen:
        return
    seen.add(id(function))
    if isinstance(function, functools.partial):
        yield from (
            ("a bound argument", functools.partial(_itself, v))
            for v in (*function.args, *function.keywords.values())
        )
        yield from _readers(function.func, seen)
    elif isinstance(function, MethodType):
        yield "self", lambda: function.__self__
        yield from _readers(function.__func__, seen)
    elif isinstance(function, FunctionType):
        yield from _variables(function, seen)
    elif hasattr(function, "__dict__") and not isinstance(function, type | ModuleType):
        yield "self", lambda: function
        yield from _readers(inspect.getattr_static(type(function), "__call__", None), seen)


def _variables(function: FunctionType, seen: set[int]) -> Iterator[Reader]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield from _variable(name, functools.partial(_content, cell), seen)
    for name in sorted(_names(function.__code__) & set(function.__globals__)):
        yield from _variable(name, functools.partial(function.__globals__.get, name), seen)
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for value in defaults:
        yield from _variable("a default", functools.partial(_itself, value), seen)


def _variable(name: str, read: Callable[[], Any], seen: set[int]) -> Iterator[Reader]:
    value = read()
    if isinstance(value, FunctionType | MethodType | functools.partial):
        if str(getattr(value, "__module__", "")).partition(".")[0] not in {"numpy", "scipy", "closedform"}:
            yield from _readers(value, seen)
    elif not isinstance(value, ModuleType | type | np.ufunc) and not inspect.isbuiltin(value):
        yield name, read


def _itself(value: Any) -> Any:
    return value


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _names(code: CodeType) -> set[str]:
    """Global names that a function's code mentions, in inner functions too."""
    inner = (_names(c) for c in code.co_consts if isinstance(c, CodeType))
    return set(code.co_names).union(*inner)


def _snapshot(value: Any, depth: int, copy: bool = True) -> Any:
    """The value as data that does not change with it."""
    if isinstance(value, np.ndarray):
        return value.copy() if copy else value
    if isinstance(value, FIXED) or depth == 0:
        return value if isinstance(value, FIXED) else id(value)
    if isinstance(value, list | tuple | set | frozenset):
        return (type(value), *(_snapshot(v, depth - 1, copy) for v in value))
    if isinstance(value, dict):
        return (dict, *((k, _snapshot(v, depth - 1, copy)) for k, v in value.items()))
    attributes = getattr(value, "__dict__", None)
    if isinstance(attributes, dict) and not isinstance(value, FunctionType | MethodType | type):
        return (id(value), _snapshot(attributes, depth - 1, copy))
    return id(value)


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, np.ndarray) or isinstance(new, np.ndarray):
        comparable = isinstance(old, np.ndarray) and isinstance(new, np.ndarray) and old.dtype == new.dtype
        return comparable and np.array_equal(old, new, equal_nan=old.dtype.kind in "fc")
    if isinstance(old, tuple) and isinstance(new, tuple):
        return len(old) == len(new) and all(_same(a, b) for a, b in zip(old, new, strict=True))
    return type(old) is type(new) and bool(old == new or (old != old and new != new))
