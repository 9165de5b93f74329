"""What a function reads besides its arguments: a function in, a snapshot that notices changes out."""

from __future__ import annotations

import array
import functools
import inspect
import sys
import weakref
from argparse import Namespace
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextvars import ContextVar
from types import CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

Reader = tuple[str, Callable[[], Any]]

# Data inside data is looked into this deep, and so many items of it; what is beyond counts as changed.
DEEPEST = 50
MOST_ITEMS = 20_000
# Values of these types cannot change.
FIXED: tuple[type[Any], ...] = (int, float, complex, str, bytes, bool, type(None), np.generic)
# Values of these types are what they are by being the same one.
WHOLE = frozenset({FunctionType, ModuleType, np.ufunc})
# Names in a class that operators and conversions do not call.
NOT_CALLED = frozenset(
    {"__init__", "__new__", "__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__slots__"}
    | {"__annotations__", "__firstlineno__", "__static_attributes__", "__hash__", "__eq__", "__repr__"}
)
# Modules whose functions and objects are taken to stay what they are.
LASTING = frozenset({"numpy", "scipy", "closedform", "builtins"}) | (sys.stdlib_module_names - {"__main__"})


class Seen(set[int | tuple[int, str]]):
    """What has been visited, by identity, and the globals of the functions among it."""

    def __init__(self) -> None:
        super().__init__()
        self.namespaces: list[dict[str, Any]] = []


class Surroundings:
    """The captured variables, globals, defaults and attributes that a function reads, as they are now.

    >>> scale = [2.0]
    >>> known = Surroundings(lambda x: scale[0] * x)
    >>> known.changed()
    []
    >>> scale[0] = 3.0
    >>> known.changed()
    ['scale']

    namespaces  the globals of the function and of those that it calls
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        seen = Seen()
        self._readers = list(_readers(function, seen))
        self.namespaces = seen.namespaces
        self._values = [_Snapshot().of(read()) for _, read in self._readers]

    def changed(self, kind: type = object) -> list[str]:
        """Names of what is no longer what it was, of those that were of a kind."""
        return [
            name
            for (name, read), old in zip(self._readers, self._values, strict=True)
            if isinstance(old, kind) and not _same(old, _Snapshot(copy=False).of(read()))
        ]


def _readers(function: Any, seen: Seen) -> Iterator[Reader]:
    """Names, and how to read their values, of what a function reaches; functions it calls included."""
    if id(function) in seen:
        return
    seen.add(id(function))
    if hasattr(function, "__wrapped__"):
        yield from _readers(function.__wrapped__, seen)
    if isinstance(function, functools.partial):
        yield from (
            ("a bound argument", functools.partial(_itself, v))
            for v in (*function.args, *function.keywords.values())
        )
        yield from _readers(function.func, seen)
    elif isinstance(function, MethodType):
        names = _names(function.__func__.__code__) if isinstance(function.__func__, FunctionType) else set()
        yield from _variable("self", lambda: function.__self__, names, seen)
        yield from _readers(function.__func__, seen)
    elif isinstance(function, FunctionType):
        yield from _variables(function, seen)
    elif not isinstance(function, type | ModuleType):
        yield "self", lambda: function
        call = inspect.getattr_static(type(function), "__call__", None)
        if isinstance(call, FunctionType):
            yield from _attributes(type(function), _names(call.__code__), seen)
            yield from _readers(call, seen)


def _variables(function: FunctionType, seen: Seen) -> Iterator[Reader]:
    names = _names(function.__code__)
    if vars(function):
        yield "an attribute of the function", lambda: {**vars(function), "__wrapped__": None}
    if function.__defaults__ or function.__kwdefaults__:
        yield "a default", lambda: [function.__defaults__, function.__kwdefaults__]
    if not any(function.__globals__ is known for known in seen.namespaces):
        seen.namespaces.append(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield from _variable(name, functools.partial(_content, cell), names, seen)
    for name in sorted(names & set(function.__globals__)):
        yield from _variable(name, functools.partial(function.__globals__.get, name), names, seen)
    for name in sorted(names & set(sys.modules) - set(function.__globals__)):  # imported in the function
        yield from _attributes(sys.modules[name], names, seen)
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for value in defaults:
        yield from _variable("a default", functools.partial(_itself, value), names, seen)


def _variable(name: str, read: Callable[[], Any], names: set[str], seen: Seen) -> Iterator[Reader]:
    """What the value of a variable holds, of which the code uses attributes of these names."""
    yield name, read
    value = read()
    if isinstance(value, FunctionType | MethodType | functools.partial):
        if _module(value) not in LASTING:
            yield from _readers(value, seen)
    elif isinstance(value, ModuleType | type):
        yield from _attributes(value, names, seen)
    elif isinstance(value, list | tuple | dict):
        items = list(value.values() if isinstance(value, dict) else value)
        for item in items[:MOST_ITEMS]:
            if callable(item) or not isinstance(item, (np.ndarray, list, tuple, dict, *FIXED)):
                yield from _variable(name, functools.partial(_itself, item), names, seen)
    elif not isinstance(value, (np.ndarray, *FIXED)):
        yield from _attributes(type(value), names, seen)


def _attributes(owner: type | ModuleType, names: set[str], seen: Seen) -> Iterator[Reader]:
    """What a module, or a class, holds under the names: constants, functions and methods."""
    if _module(owner) in LASTING:
        return
    if isinstance(owner, type):
        for base in owner.__bases__:  # what super() reaches
            yield from _attributes(base, names, seen)
        names = names | {name for name in vars(owner) if name.startswith("__") and name not in NOT_CALLED}
    for name in sorted(names):
        if (id(owner), name) in seen:
            continue
        seen.add((id(owner), name))
        found = inspect.getattr_static(owner, name, None)
        if isinstance(found, staticmethod | classmethod):
            found = found.__func__
        if isinstance(found, property):
            found = found.fget
        if found is not None:
            read = functools.partial(getattr, owner, name, None)
            if isinstance(found, FunctionType):
                yield name, read
                yield from _readers(found, seen)
                if isinstance(owner, type):  # a method, which uses others
                    yield from _attributes(owner, _names(found.__code__), seen)
            else:
                yield from _variable(name, read, names - {name}, seen)


def _module(value: Any) -> str:
    """The name of the outermost module that a function, class or module is of."""
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return str(name).partition(".")[0]


def _itself(value: Any) -> Any:
    return value


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _names(code: CodeType) -> set[str]:
    """Names that a function's code mentions, in inner functions too; as text in getattr(c, "scale")."""
    inner = (_names(c) for c in code.co_consts if isinstance(c, CodeType))
    texts = {c for c in code.co_consts if isinstance(c, str) and c.isidentifier()}
    return texts.union(code.co_names, *inner)


class _Identity:
    """An object that is compared by being the same one."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self.value is other.value

    __hash__ = None  # type: ignore[assignment]


class _Beyond:
    """What is not looked into: it may always have changed."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


class _Snapshot:
    """A value as data that does not change with it."""

    def __init__(self, copy: bool = True) -> None:
        self.copy = copy
        self.left = MOST_ITEMS
        self.above: set[int] = set()

    def of(self, value: Any) -> Any:
        """The snapshot of a value."""
        if type(value) in FIXED or isinstance(value, np.generic | _Identity):
            return value
        if type(value) is np.ndarray and value.dtype.kind != "O":
            return value.copy() if self.copy else value
        if isinstance(value, MethodType):
            return (_Identity(value.__func__), _Identity(value.__self__))
        parts = self._parts(value)
        if parts is None or id(value) in self.above:
            return _Identity(value)
        self.left -= len(parts)
        if self.left < 0 or len(self.above) >= DEEPEST:
            return _Beyond()
        self.above.add(id(value))
        found = tuple(map(self.of, parts))
        self.above.discard(id(value))
        return found

    @staticmethod
    def _parts(value: Any) -> list[Any] | None:
        """What a container or an object holds; None for what is one thing."""
        kind = type(value)
        if kind in WHOLE or isinstance(value, type):
            return None
        held = [_Identity(kind), *_attributes_of(value)]
        for base in FIXED[:5]:
            if isinstance(value, base):  # a number or text of a class of its own
                return [*held, base(value)]
        if isinstance(value, np.ma.MaskedArray):
            return [*held, value.filled(0), np.ma.getmaskarray(value)]
        if isinstance(value, np.ndarray):  # of objects, or a subclass
            return [*held, *(value.ravel().tolist() if value.dtype.kind == "O" else [np.asarray(value)])]
        if isinstance(value, Mapping):
            return [*held, *value.keys(), *value.values()]
        if isinstance(value, Sequence | Set | deque | bytearray | memoryview | array.array):
            return [*held, *value]
        if isinstance(value, ContextVar):
            return [*held, value.get(None)]
        if isinstance(value, weakref.ref):
            return [*held, value()]
        if isinstance(value, functools.partial):
            return [value.func, *value.args, value.keywords]
        known = isinstance(value, SimpleNamespace | Namespace) or _module(kind) == "scipy"
        if _module(kind) in LASTING and not known:
            return None
        return [_Identity(value), *held] if len(held) > 1 else None


def _attributes_of(value: Any) -> list[Any]:
    """What an object holds in slots and attributes, if there is anything of the kind."""
    slots = [name for base in type(value).__mro__ for name in _slots(base)]
    attributes = getattr(value, "__dict__", None)
    held = [getattr(value, name, None) for name in slots]
    return [*held, dict(attributes)] if attributes is not None else held


def _slots(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(s for s in slots if not s.startswith("__"))


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, np.ndarray) or isinstance(new, np.ndarray):
        comparable = isinstance(old, np.ndarray) and isinstance(new, np.ndarray) and old.dtype == new.dtype
        return comparable and np.array_equal(old, new, equal_nan=old.dtype.kind in "fc")
    if isinstance(old, tuple) and isinstance(new, tuple):
        return len(old) == len(new) and all(_same(a, b) for a, b in zip(old, new, strict=True))
    return type(old) is type(new) and bool(old == new or (_is_nan(old) and _is_nan(new)))


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | complex | np.inexact) and value != value
