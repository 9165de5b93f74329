"""What a derivation starts from: example arguments or their descriptions in, arrays and input nodes out."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.errors import InvalidArgumentError
from closedform.expression.expr import Expr, input_
from closedform.expression.facts import IMPLIED
from closedform.expression.size import Size

# Example sizes for named axes: all different, so that no two are taken for one by accident.
_EXAMPLE_SIZES = (5, 7, 4, 6, 9, 11, 8, 13)
# Where the example is singular, the axes named first are made the longest, then the shortest.
_OTHER_SIZES = (tuple(sorted(_EXAMPLE_SIZES, reverse=True)), tuple(sorted(_EXAMPLE_SIZES)))


@dataclass(frozen=True)
class Described:
    """An argument described by its axes ("n", or a number) and by what is known of it.

    It stands for an example in `.at(...)`, or in the function's annotations. The facts are "positive",
    "nonnegative", "negative", "probability" (entries in (0, 1)), "sign" (entries 1 and -1), "simplex"
    (a vector of nonnegative entries with sum 1), and for square matrices "symmetric", "spd", "diagonal",
    "orthogonal", "lower" and "upper" (triangular).

    Raises InvalidArgumentError for other facts, or for those of another shape.

    >>> matrix("m", "n").axes
    ('m', 'n')
    """

    axes: tuple[str | int, ...]
    facts: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for axis in self.axes:
            if not isinstance(axis, str | int) or isinstance(axis, bool):
                raise InvalidArgumentError(f"an axis is described by a name or a size, not {axis!r}")
        for fact in sorted(self.facts):
            if fact not in _FACTS:
                raise InvalidArgumentError(f"the fact {fact!r} is not one of {', '.join(_FACTS)}")
            axes = _FACTS[fact].axes
            if axes is not None and len(self.axes) != axes:
                raise InvalidArgumentError(
                    f"{fact!r} is said of {('', 'vectors', 'matrices')[axes]}, not of an array with "
                    f"{len(self.axes)} axes"
                )
            if axes == 2 and self.axes[0] != self.axes[1]:
                raise InvalidArgumentError(f"{fact!r} is said of square matrices, not of axes {self.axes}")


def scalar(*facts: str) -> Described:
    """A number."""
    return Described((), frozenset(facts))


def vector(n: str | int, *facts: str) -> Described:
    """A vector of n entries; a name says that axes of that name have one size."""
    return Described((n,), frozenset(facts))


def matrix(m: str | int, n: str | int, *facts: str) -> Described:
    """A matrix of m rows and n columns."""
    return Described((m, n), frozenset(facts))


def array(*axes: str | int, facts: Sequence[str] = ()) -> Described:
    """An array with any number of axes."""
    return Described(axes, frozenset(facts))


def symmetric(n: str | int) -> Described:
    """A symmetric matrix of n rows."""
    return Described((n, n), frozenset({"symmetric"}))


def spd(n: str | int) -> Described:
    """A symmetric positive definite matrix of n rows."""
    return Described((n, n), frozenset({"spd"}))


def diagonal(n: str | int) -> Described:
    """A diagonal matrix of n rows."""
    return Described((n, n), frozenset({"diagonal"}))


def orthogonal(n: str | int) -> Described:
    """A square matrix whose inverse is its transpose."""
    return Described((n, n), frozenset({"orthogonal"}))


def lower_triangular(n: str | int) -> Described:
    """A matrix of n rows that is zero above its diagonal."""
    return Described((n, n), frozenset({"lower"}))


def upper_triangular(n: str | int) -> Described:
    """A matrix of n rows that is zero below its diagonal."""
    return Described((n, n), frozenset({"upper"}))


def positive(*axes: str | int) -> Described:
    """A number, vector or array of positive entries."""
    return Described(axes, frozenset({"positive"}))


def nonnegative(*axes: str | int) -> Described:
    """A number, vector or array without negative entries."""
    return Described(axes, frozenset({"nonnegative"}))


def simplex(n: str | int) -> Described:
    """A vector of n nonnegative entries with sum 1."""
    return Described((n,), frozenset({"simplex"}))


def signs(n: str | int) -> Described:
    """A vector of entries 1 and -1."""
    return Described((n,), frozenset({"sign"}))


sign = signs


# --- facts of arrays ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Fact:
    """A fact that can be declared.

    text     what it says of an array, for messages
    example  an array of the kind, from one of normal entries
    holds    whether it is so
    axes     number of axes of such an array, if that is part of the fact
    """

    text: str
    example: Callable[[np.ndarray], np.ndarray]
    holds: Callable[[np.ndarray], bool]
    axes: int | None = None


def _tolerance(v: np.ndarray) -> float:
    """Rounding errors in a computed array are below this, unless it is ill-conditioned."""
    return float(np.sqrt(np.finfo(v.dtype).eps)) * max(float(np.abs(v).max(initial=0)), 1e-300)


def _is_symmetric(v: np.ndarray) -> bool:
    return bool(np.abs(v - v.T).max(initial=0) <= _tolerance(v))


def _is_definite(v: np.ndarray) -> bool:
    try:
        np.linalg.cholesky(v)
    except np.linalg.LinAlgError:
        return False
    return _is_symmetric(v)


def _is_orthogonal(v: np.ndarray) -> bool:
    return bool(np.abs(v.T @ v - np.eye(len(v))).max(initial=0) <= np.sqrt(np.finfo(v.dtype).eps))


_FACTS: dict[str, _Fact] = {
    "positive": _Fact("positive", lambda v: np.abs(v) + 0.1, lambda v: bool((v > 0).all())),
    "nonnegative": _Fact("nonnegative", np.abs, lambda v: bool((v >= 0).all())),
    "negative": _Fact("negative", lambda v: -np.abs(v) - 0.1, lambda v: bool((v < 0).all())),
    "probability": _Fact(
        "between 0 and 1", lambda v: 1 / (1 + np.exp(-v)), lambda v: bool(((v > 0) & (v < 1)).all())
    ),
    "sign": _Fact(
        "of entries 1 and -1", lambda v: np.where(v >= 0, 1.0, -1.0), lambda v: bool((np.abs(v) == 1).all())
    ),
    "simplex": _Fact(
        "nonnegative with sum 1",
        lambda v: np.abs(v) / np.abs(v).sum(),
        lambda v: bool((v >= 0).all() and abs(v.sum() - 1) <= np.sqrt(np.finfo(v.dtype).eps)),
        1,
    ),
    "symmetric": _Fact("symmetric", lambda v: v + v.T, _is_symmetric, 2),
    "spd": _Fact("symmetric positive definite", lambda v: v @ v.T + len(v) * np.eye(len(v)), _is_definite, 2),
    "orthogonal": _Fact("orthogonal", lambda v: np.linalg.qr(v)[0], _is_orthogonal, 2),
    "lower": _Fact("lower triangular", np.tril, lambda v: bool((np.triu(v, 1) == 0).all()), 2),
    "upper": _Fact("upper triangular", np.triu, lambda v: bool((np.tril(v, -1) == 0).all()), 2),
    "diagonal": _Fact(
        "diagonal", lambda v: np.diag(np.diag(v)), lambda v: bool((v == np.diag(np.diag(v))).all()), 2
    ),
}


def fact_text(facts: frozenset[str]) -> str:
    """The facts in words, without those that another one implies.

    >>> fact_text(frozenset({"spd", "symmetric"}))
    'symmetric positive definite'
    """
    implied = frozenset[str]().union(*(IMPLIED.get(fact, frozenset()) for fact in facts))
    return " and ".join(_FACTS[fact].text for fact in _FACTS if fact in facts - implied)


def example(
    described: Described,
    size: Callable[[str | int], int],
    rng: np.random.Generator,
    values: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> np.ndarray:
    """Random values of the kind described.

    size    tells the size of an axis
    values  what is done to normal entries before the facts are seen to
    """
    shape = tuple(size(axis) for axis in described.axes)
    value = values(np.asarray(rng.standard_normal(shape)))
    for name, fact in _FACTS.items():
        if name in described.facts:
            value = fact.example(value)
    if not all(_FACTS[fact].holds(value) for fact in described.facts):
        raise InvalidArgumentError(
            f"no example is known of an array that is {fact_text(described.facts)}: pass one"
        )
    return value


def checked_array(value: Any, name: str, function: str) -> np.ndarray:
    """The argument as a floating-point array.

    Raises InvalidArgumentError for complex numbers, objects and text, and for arrays of other rules.
    """
    if isinstance(value, np.ma.MaskedArray | np.matrix):
        raise InvalidArgumentError(
            f"{function}: argument {name!r} is a {type(value).__name__}, whose operations are others than "
            f"those of arrays: pass np.asarray({name})"
        )
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


# --- declared arguments ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Declared:
    """An array with the description that its function's annotation gives."""

    array: np.ndarray
    described: Described


def annotated(function: Callable[..., Any]) -> dict[str, Described]:
    """The descriptions among the annotations of a function, by argument.

    An annotation is a description, or `Annotated[np.ndarray, description]` for type checkers. Names in
    annotations written as text are looked up by `typing.get_type_hints`.

    >>> def f(x: vector("n"), k: int): ...
    >>> annotated(f)
    {'x': Described(axes=('n',), facts=frozenset())}
    """
    try:
        hints = typing.get_type_hints(inspect.unwrap(function), include_extras=True)
    except (TypeError, NameError, AttributeError):
        hints = getattr(function, "__annotations__", {})
    found = {}
    for name, hint in hints.items():
        for candidate in (hint, *getattr(hint, "__metadata__", ())):
            if isinstance(candidate, Described) and name != "return":
                found[name] = candidate
    return found


def check_declared(
    arrays: Mapping[int, np.ndarray],
    declared: Mapping[int, Described],
    names: Sequence[str],
    function: str,
) -> None:
    """Compare arrays with what their function's annotations say of them.

    arrays    arguments by position
    declared  descriptions of these, by position

    Raises InvalidArgumentError that names the argument, the shape or the fact.
    """
    sizes: dict[str, tuple[int, str]] = {}
    for position, described in declared.items():
        array, name = arrays[position], names[position]
        if array.ndim != len(described.axes):
            raise InvalidArgumentError(
                f"{function}: argument {name!r} has shape {array.shape}; its annotation says "
                f"({', '.join(map(str, described.axes))})"
            )
        for axis, size in zip(described.axes, array.shape, strict=True):
            wanted, by = (
                (axis, "its annotation")
                if isinstance(axis, int)
                else sizes.setdefault(axis, (size, f"{axis} of {name!r}"))
            )
            if size != wanted:
                raise InvalidArgumentError(
                    f"{function}: argument {name!r} has shape {array.shape}; {by} says {wanted}, not {size}"
                )
        for fact in described.facts:
            if not _FACTS[fact].holds(array):
                raise InvalidArgumentError(
                    f"{function}: argument {name!r} was declared {fact_text(described.facts)} "
                    f"and is not {_FACTS[fact].text}"
                )


# --- examples -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attempt:
    """How examples are chosen for descriptions.

    sizes   of named axes, in the order in which they are met
    values  what is done to normal entries before the facts are seen to
    """

    sizes: Sequence[int]
    values: Callable[[np.ndarray], np.ndarray] = np.asarray


ATTEMPTS = (
    Attempt(_EXAMPLE_SIZES),
    *(Attempt(sizes) for sizes in _OTHER_SIZES),
    Attempt(_EXAMPLE_SIZES, np.abs),
)


def check_callable(function: Any) -> None:
    """Refuse what is no function where one is to be derived."""
    if not callable(function):
        raise InvalidArgumentError(f"the first argument must be a function, not {type(function).__name__}")


def prepare(
    arguments: Sequence[Any], names: Sequence[str], function: str, attempt: Attempt = ATTEMPTS[0]
) -> tuple[tuple[np.ndarray, ...], tuple[Expr, ...]]:
    """Example arrays and input nodes with symbolic sizes, for arguments or their descriptions."""
    rng = np.random.default_rng(0)
    known: dict[str, Size] = {}
    examples: dict[str, int] = {}
    arrays = []
    leaves = []
    for argument, name in zip(arguments, names, strict=True):
        described = argument.described if isinstance(argument, Declared) else argument
        if isinstance(argument, Described):
            array = example(
                argument, lambda axis: _example_size(axis, examples, attempt), rng, attempt.values
            )
        else:
            array = argument.array if isinstance(argument, Declared) else argument
            array = checked_array(array, name, function)
        shape: list[int | Size] = [*array.shape]
        facts: frozenset[str] = frozenset()
        if isinstance(described, Described):
            facts = described.facts
            for position, axis in enumerate(described.axes):
                size = array.shape[position]
                label = axis if isinstance(axis, str) else None
                own = Size.axis(name, position, size, array.ndim, label) if size > 1 else Size.of(size)
                shape[position] = own if isinstance(axis, int) else known.setdefault(axis, own)
                if isinstance(axis, str):
                    examples.setdefault(axis, size)
            if any(_FACTS[fact].axes == 2 for fact in facts):
                shape[1] = shape[0]
        arrays.append(array)
        leaves.append(input_(name, shape, facts))
    return tuple(arrays), tuple(leaves)


def _example_size(axis: str | int, examples: dict[str, int], attempt: Attempt) -> int:
    """The example size of an axis; axes of other names have others."""
    if isinstance(axis, int):
        return axis
    if axis not in examples:
        used = set(examples.values())
        examples[axis] = next(n for n in (*attempt.sizes, *range(14, 1000)) if n not in used)
    return examples[axis]
