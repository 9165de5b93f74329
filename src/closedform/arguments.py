"""What a derivation starts from: example arguments or their descriptions in, arrays and input nodes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.errors import InvalidArgumentError
from closedform.expression.expr import Expr, input_
from closedform.expression.size import Size

# Example sizes for named axes: all different, so that no two are taken for one by accident.
_EXAMPLE_SIZES = (5, 7, 4, 6, 9, 11, 8, 13)


@dataclass(frozen=True)
class Described:
    """An argument described by its axes ("n", or a number) and by what is known of it.

    >>> matrix("m", "n").axes
    ('m', 'n')
    """

    axes: tuple[str | int, ...]
    facts: frozenset[str] = frozenset()


def scalar(*facts: str) -> Described:
    """A number."""
    return Described((), frozenset(facts))


def vector(n: str | int, *facts: str) -> Described:
    """A vector of n entries; a name says that axes of that name have one size."""
    return Described((n,), frozenset(facts))


def matrix(m: str | int, n: str | int, *facts: str) -> Described:
    """A matrix of m rows and n columns."""
    return Described((m, n), frozenset(facts))


def symmetric(n: str | int) -> Described:
    """A symmetric matrix of n rows."""
    return Described((n, n), frozenset({"symmetric"}))


def spd(n: str | int) -> Described:
    """A symmetric positive definite matrix of n rows."""
    return Described((n, n), frozenset({"spd"}))


def positive(*axes: str | int) -> Described:
    """A number, vector or array of positive entries."""
    return Described(axes, frozenset({"positive"}))


def signs(n: str | int) -> Described:
    """A vector of entries 1 and -1."""
    return Described((n,), frozenset({"sign"}))


def _examples(described: Described, size: Callable[[str | int], int], rng: np.random.Generator) -> np.ndarray:
    """Random values of the kind described."""
    shape = tuple(size(axis) for axis in described.axes)
    value = np.asarray(rng.standard_normal(shape))
    for fact in described.facts:
        value = _WITH_FACT[fact](value)
    return value


_WITH_FACT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "symmetric": lambda v: v + v.T,
    "spd": lambda v: v @ v.T + len(v) * np.eye(len(v)),
    "positive": lambda v: np.abs(v) + 0.1,
    "nonnegative": np.abs,
    "sign": lambda v: np.where(v >= 0, 1.0, -1.0),
}


def checked_array(value: Any, name: str, function: str) -> np.ndarray:
    """The argument as a floating-point array.

    Raises InvalidArgumentError for complex numbers, objects and text.
    """
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"{function}: argument {name!r} is no array: {error}") from None
    if array.dtype.kind == "f":
        return array
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    if array.dtype.kind == "c":
        raise InvalidArgumentError(
            f"{function}: argument {name!r} is complex (shape {array.shape}); derivatives are real: "
            f"pass real and imaginary parts as two arguments"
        )
    raise InvalidArgumentError(
        f"{function}: argument {name!r} of type {type(value).__name__} is an array of {array.dtype}; "
        f"pass real numbers"
    )


def prepare(
    arguments: Sequence[Any], names: Sequence[str], function: str
) -> tuple[tuple[np.ndarray, ...], tuple[Expr, ...]]:
    """Example arrays and input nodes with symbolic sizes, for arguments or their descriptions."""
    rng = np.random.default_rng(0)
    known: dict[str, Size] = {}
    arrays = []
    leaves = []
    for argument, name in zip(arguments, names, strict=True):
        facts: frozenset[str] = frozenset()
        shape: list[int | Size] = []
        if isinstance(argument, Described):
            array = _examples(argument, lambda axis: _example_size(axis, known), rng)
            facts = argument.facts
            for position, axis in enumerate(argument.axes):
                own = Size.axis(name, position, array.shape[position])
                shape.append(own if isinstance(axis, int) else known.setdefault(axis, own))
        else:
            array = checked_array(argument, name, function)
            shape.extend(array.shape)
        if "symmetric" in facts or "spd" in facts:
            shape[1] = shape[0] if isinstance(shape[0], Size) else Size.axis(name, 0, array.shape[0])
            shape[0] = shape[1]
        arrays.append(array)
        leaves.append(input_(name, shape, facts))
    return tuple(arrays), tuple(leaves)


def _example_size(axis: str | int, known: dict[str, Size]) -> int:
    if isinstance(axis, int):
        return axis
    if axis in known:
        return known[axis].value
    used = {size.value for size in known.values()}
    return next(n for n in (*_EXAMPLE_SIZES, *range(14, 1000)) if n not in used)
