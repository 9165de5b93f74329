"""What is typed on the command line in, functions and arguments out. Text is never evaluated."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import closedform as cf
from closedform.errors import ClosedformError

KINDS: dict[str, tuple[int, Callable[..., Any]]] = {
    "scalar": (0, cf.scalar),
    "vector": (1, cf.vector),
    "matrix": (2, cf.matrix),
    "symmetric": (1, cf.symmetric),
    "spd": (1, cf.spd),
    "diagonal": (1, cf.diagonal),
    "orthogonal": (1, cf.orthogonal),
    "lower": (1, cf.lower_triangular),
    "upper": (1, cf.upper_triangular),
    "positive": (1, cf.positive),
    "nonnegative": (1, cf.nonnegative),
    "simplex": (1, cf.simplex),
    "signs": (1, cf.signs),
}
_AXIS = re.compile(r"[A-Za-z_]\w*|[1-9]\d*")


class TargetError(ClosedformError):
    """What was typed names no function, or no argument; the message says what was expected."""


def function_at(target: str) -> Callable[..., Any]:
    """The function at "module:name" or "file.py:name"; importing runs the module, as Python's import does.

    >>> function_at("math:hypot")(3, 4)
    5.0

    Raises TargetError where there is no such module, file or function.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise TargetError(f"{target!r}: write a function as module:function or file.py:function")
    module = _file(Path(place)) if place.endswith(".py") else _module(place)
    try:
        function: Any = reduce(getattr, name.split("."), module)
    except AttributeError:
        known = [n for n, v in vars(module).items() if inspect.isfunction(v) and not n.startswith("_")]
        raise TargetError(
            f"{place} has no {name!r}; its functions are {', '.join(known) or '(none)'}"
        ) from None
    if not callable(function):
        raise TargetError(f"{name!r} in {place} is a {type(function).__name__}, not a function")
    found: Callable[..., Any] = function
    return found


def _module(name: str) -> Any:
    if "" not in sys.path:
        sys.path.insert(0, "")  # modules of the folder one stands in, as with `python -m`
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise TargetError(f"cannot import {name!r}: {type(error).__name__}: {error}") from error


def _file(path: Path) -> Any:
    if not path.is_file():
        raise TargetError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise TargetError(f"cannot import {path}: {type(error).__name__}: {error}") from error
    return module


def arguments_of(function: Callable[..., Any], texts: Sequence[str]) -> list[Any]:
    """The function's arguments in order, from texts such as "x=vector:7", "A=matrix:mxn" and "t=0.5".

    >>> arguments_of(lambda x, t: t * x, ["t=0.5", "x=vector:n"])
    [Described(axes=('n',), facts=frozenset()), 0.5]

    Raises TargetError for a text that cannot be read, and for arguments that the function lacks or needs.
    """
    given: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise TargetError(f"--arg {text!r}: write name=kind:axes or name=number, such as x=vector:7")
        given[name] = argument(value)
    parameters = inspect.signature(function).parameters.values()
    names = [p.name for p in parameters]
    unknown = [name for name in given if name not in names]
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in given]
    if unknown or missing:
        what = f"has no argument {unknown[0]!r}" if unknown else f"needs --arg {missing[0]}=..."
        raise TargetError(
            f"{getattr(function, '__name__', 'the function')} {what}; its arguments are {', '.join(names)}"
        )
    return [given[name] for name in names if name in given]


def argument(text: str) -> Any:
    """A number, or the description of an array: its kind and its axes, as numbers or names.

    >>> argument("matrix:3xn").axes, argument("1e-3")
    ((3, 'n'), 0.001)
    """
    try:
        return float(text)
    except ValueError:
        kind, _, rest = text.partition(":")
    axes = rest.split("x") if rest else []
    if kind not in KINDS or len(axes) != KINDS[kind][0] or not all(_AXIS.fullmatch(axis) for axis in axes):
        kinds = ", ".join(name + ("", ":n", ":mxn")[axes] for name, (axes, _) in KINDS.items())
        raise TargetError(
            f"{text!r} is no argument: write a number, or one of {kinds}, with numbers or names as sizes"
        )
    return KINDS[kind][1](*(int(axis) if axis.isdigit() else axis for axis in axes))
