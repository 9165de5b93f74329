"""A derivative worked out by hand, compared with the derived one: is it right, and if not, what is wrong
with it?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.comparison.rows import relative_error, worst_entry
from closedform.engines.base import leaves
from closedform.errors import InvalidArgumentError
from closedform.pipeline import Argnums, derive
from closedform.transformations import Derived

NOUNS = {"grad": "gradient", "hessian": "Hessian", "jacobian": "Jacobian", "derivative": "derivative"}

# Relative differences up to this are rounding; ratios are recognised up to a tenth of it.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Verdict:
    """What `check` found.

    ok         whether the candidate is right at all points
    diagnosis  what is wrong with it, in words
    worst      (index, got, want) of the entry that is worst at the arguments given; in a tuple of arrays the
               number of the array stands first in the index
    error      |candidate - derivative| / |derivative| there, in the Euclidean norm; nan where shapes differ
    """

    ok: bool
    diagnosis: str
    worst: tuple[tuple[int, ...], float, float] | None = None
    error: float = math.nan

    def __str__(self) -> str:
        return self.diagnosis

    def __bool__(self) -> bool:
        return self.ok


Pair = tuple[Any, Any]


def check(
    candidate: Callable[..., Any] | Any,
    f: Callable[..., Any],
    *args: Any,
    operator: str = "grad",
    argnums: Argnums = 0,
    order: int = 1,
) -> Verdict:
    """Compare a derivative worked out by hand with the derived one, at the arguments and at points near by.

    candidate  the derivative, called as `f` is; or its value at the arguments, which is then compared
               there only
    f          a NumPy function
    args       arrays and numbers, or descriptions such as cf.vector("n")
    operator   "grad", "jacobian", "hessian" or "derivative" (of order `order`)

    >>> f = lambda x, y: np.mean((x - y) ** 2)
    >>> x, y = np.array([1.0, 2.0, 4.0]), np.array([0.0, 1.0, 1.0])
    >>> check(lambda x, y: 2 * (x - y) / 3, f, x, y).ok
    True
    >>> print(check(lambda x, y: 2 * (y - x) / 3, f, x, y))
    the sign is flipped: minus the gradient

    Raises UnsupportedError, InvalidFunctionError or InvalidArgumentError where `f` cannot be derived.
    """
    if operator not in NOUNS:
        raise InvalidArgumentError(f"operator={operator!r} is not one of {', '.join(NOUNS)}")
    if not callable(f):
        raise InvalidArgumentError(
            f"check: the second argument must be the function, not {type(f).__name__}: write "
            f"check(candidate, f, *args), with the derivative worked out by hand in the first place"
        )
    derivation = derive(f, args, operator, argnums, order)
    trace = derivation.trace
    arguments = tuple(array.copy() if array.shape else array[()] for array in trace.example)
    variables = [trace.arguments.index(name) for name in derivation.variables]
    points = _points(f, arguments, variables) if callable(candidate) else [arguments]
    try:
        got = evaluate(candidate, points)
    except Exception as error:  # whatever the candidate raises is what is wrong with it
        return Verdict(False, f"it raised {type(error).__name__}: {error}")
    derived = Derived(f, operator, argnums, order)
    with np.errstate(all="ignore"):
        want = [derived(*point) for point in points]
    if not any(leaf.size for leaf in leaves(want[0])):
        raise InvalidArgumentError(
            f"check: the {NOUNS[operator]} of {trace.name} has no entries at arguments of shapes "
            f"{', '.join(str(np.shape(a)) for a in arguments)}: give it arrays that are not empty"
        )
    pairs = _finite(got, want)
    if not pairs:
        raise InvalidArgumentError(
            f"check: the {NOUNS[operator]} of {trace.name} is not finite at these arguments"
        )
    if callable(candidate) and not any(derivation.inputs[name].params[1] for name in derivation.variables):
        pairs += _apart(f, candidate, derived, arguments, variables)
    return diagnose(pairs, NOUNS[operator], sizes_of(trace.arguments, arguments))


def _points(
    f: Callable[..., Any], arguments: tuple[Any, ...], variables: Sequence[int]
) -> list[tuple[Any, ...]]:
    """The arguments, and points near by at which the function has a finite value."""
    rng = np.random.default_rng(0)
    moved = [near(arguments, variables, rng) for _ in range(3)]
    with np.errstate(all="ignore"):
        return [arguments, *(point for point in moved if np.isfinite(f(*point)).all())]


def _finite(got: Sequence[Any], want: Sequence[Any]) -> list[Pair]:
    """Pairs in which the derivative is finite."""
    return [
        (g, w) for g, w in zip(got, want, strict=True) if all(np.isfinite(leaf).all() for leaf in leaves(w))
    ]


def _apart(
    f: Callable[..., Any],
    candidate: Callable[..., Any],
    derived: Derived,
    arguments: tuple[Any, ...],
    variables: Sequence[int],
) -> list[Pair]:
    """The pair at a point at which zeros and symmetries of the arguments are gone, so that entries that are
    wrong but 0, or transposed, show; none where the function, or the candidate, asks for them."""
    rng = np.random.default_rng(1)
    moved = tuple(apart(a, rng) if i in variables else a for i, a in enumerate(arguments))
    try:
        with np.errstate(all="ignore"):
            if not np.isfinite(f(*moved)).all():
                return []
            return _finite(evaluate(candidate, [moved]), [derived(*moved)])
    except Exception:  # whatever they raise of other arguments than were given
        return []


def apart(value: Any, rng: np.random.Generator) -> Any:
    """A number or array with each entry moved away from zero by about a tenth of the largest."""
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return value
    scale = np.max(np.abs(array), initial=0.0) or 1.0
    signs = np.where(array < 0, -1, 1)
    return (array + 0.1 * scale * signs * rng.uniform(0.5, 1, array.shape)).astype(array.dtype)[()]


def diagnose(
    pairs: Sequence[Pair], noun: str = "gradient", sizes: Mapping[str, int] | None = None
) -> Verdict:
    """Compare what a candidate gives with the derivative at some points.

    pairs  (candidate's result, derivative), the first at the arguments given, the others at points near by
    noun   what the derivative is called in the diagnosis
    sizes  what numbers the arguments have to offer, as {"the length of x": 5}, to explain a factor

    >>> x = np.array([1.0, 2.0, 4.0])
    >>> print(diagnose([(3 * x, x), (6 * x, 2 * x)], sizes={"the length of x": 3}))
    3 times the gradient (3 = the length of x: a mean taken twice, or a sum in place of a mean?)
    >>> print(diagnose([(x[:, None], x)]))
    wrong shape: (3, 1), where the gradient has (3,); the entries themselves are right

    The first explanation that holds at every point is given: wrong shape, nan, a constant factor, a
    transpose, a factor that depends on the arguments, single wrong entries.
    """
    shape = _shape(pairs, noun)
    if shape:
        return Verdict(False, shape)
    got, want = pairs[0]
    error = relative_error(got, want)
    _, index = worst_entry(got, want)
    worst = (index, _entry(got, index), _entry(want, index))
    if all(_same(g, w) for g, w in pairs):
        points = "1 point" if len(pairs) == 1 else f"{len(pairs)} points"
        return Verdict(True, f"right: agrees with the derived {noun} at {points}", worst, error)
    found = (
        _not_finite(pairs, noun)
        or _factor(pairs, noun, sizes or {})
        or _transposed(pairs, noun, sizes or {})
        or _varying_factor(pairs, noun)
        or _entries(pairs, noun, error)
    )
    return Verdict(False, found, worst, error)


# --- the explanations, each "" where it does not hold ----------------------------------------------


def _shape(pairs: Sequence[Pair], noun: str) -> str:
    for got, want in pairs:
        found, expected = list(leaves(got)), list(leaves(want))
        if any(a.dtype.kind not in "biuf" for a in found):
            return f"not an array of real numbers, nor a function that returns one: {found[0].dtype}"
        if [a.shape for a in found] == [b.shape for b in expected]:
            continue
        if len(found) != len(expected):
            return f"wrong number of arrays: {len(found)}, where the {noun} has {len(expected)}"
        a, b = next((a, b) for a, b in zip(found, expected, strict=True) if a.shape != b.shape)
        text = f"wrong shape: {a.shape}, where the {noun} has {b.shape}"
        if a.size == b.size and _same(a.reshape(b.shape), b):
            text += "; the entries themselves are right"
        elif a.shape == b.shape[::-1] and _same(a.T, b):
            text += "; it is the transpose"
        return text
    return ""


def _not_finite(pairs: Sequence[Pair], noun: str) -> str:
    for number, (got, want) in enumerate(pairs):
        wrong = ~np.isfinite(_flat(got)) & np.isfinite(_flat(want))
        if wrong.any():
            place = _index(got, int(np.argmax(wrong)))
            where = "" if number == 0 else ", at a point near the arguments"
            return (
                f"{_entry(got, place)} at {list(place)}, where the {noun} is {_entry(want, place):.6g}{where}"
            )
    return ""


def _factor(pairs: Sequence[Pair], noun: str, sizes: Mapping[str, int]) -> str:
    factors = [_ratio(got, want) for got, want in pairs if _flat(got).any() or _flat(want).any()]
    factor = factors[0]
    if math.isnan(factor) or any(not math.isclose(f, factor, rel_tol=TOLERANCE) for f in factors):
        return ""
    if factor == 0:
        return f"zero, where the {noun} is not"
    if _close(factor, -1):
        return f"the sign is flipped: minus the {noun}"
    return f"{_times(factor)} the {noun}{_explained(abs(factor), sizes)}"


def _transposed(pairs: Sequence[Pair], noun: str, sizes: Mapping[str, int]) -> str:
    if any(len(list(leaves(want))) != 1 or np.ndim(want) != 2 for _, want in pairs):
        return ""
    turned = [(np.asarray(got).T, want) for got, want in pairs]
    if all(_same(g, w) for g, w in turned):
        return f"the transpose of the {noun}"
    scaled = _factor(turned, f"transposed {noun}", sizes)
    if scaled:
        return scaled
    halves = [((np.asarray(got) + np.asarray(got).T) / 2, want) for got, want in pairs]
    if all(_same(g, w) for g, w in halves):
        return f"not symmetric: with G for it, (G + Gᵀ) / 2 is the {noun}"
    return ""


def _varying_factor(pairs: Sequence[Pair], noun: str) -> str:
    factors = [_ratio(got, want) for got, want in pairs]
    if any(map(math.isnan, factors)) or min(_flat(want).size for _, want in pairs) < 2:
        return ""
    return (
        f"a multiple of the {noun} by a factor that depends on the arguments ({factors[0]:.6g} at those "
        f"given): a scalar factor is missing, or one too many"
    )


def _entries(pairs: Sequence[Pair], noun: str, error: float) -> str:
    got, want = _flat(pairs[0][0]), _flat(pairs[0][1])
    scale = float(np.max(np.abs(want), initial=0.0)) or 1.0
    wrong = ~(np.abs(got - want) <= TOLERANCE * scale)
    count = int(wrong.sum())
    if count == 0:
        return (
            f"right at the arguments given, wrong at points near by: it does not depend on them as the "
            f"{noun} does"
        )
    which = "" if count == got.size else f"{count} of {got.size} entries are wrong; "
    return f"not the {noun}: {which}relative error {error:.2g}"


# --- numbers ---------------------------------------------------------------------------------------


def _flat(result: Any) -> np.ndarray:
    return np.concatenate([np.ravel(leaf).astype(np.float64) for leaf in leaves(result)])


def _same(got: Any, want: Any) -> bool:
    return relative_error(got, want) <= TOLERANCE


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=TOLERANCE)


def _ratio(got: Any, want: Any) -> float:
    """The number c with got = c want, or nan where there is none."""
    a, b = _flat(got), _flat(want)
    square = float(b @ b)
    if not math.isfinite(square) or square == 0:
        return math.nan
    factor = float(a @ b) / square
    scale = max(abs(factor), 1.0) * float(np.linalg.norm(b))
    fits = np.linalg.norm(a - factor * b) <= TOLERANCE / 10 * scale
    return (0.0 if abs(factor) < TOLERANCE / 10 else factor) if fits else math.nan


def _times(factor: float) -> str:
    """A factor in words.

    >>> _times(5.0000000001), _times(0.5), _times(-1 / 3), _times(0.7)
    ('5 times', 'half', '-1/3 of', '0.7 times')
    """
    sign = "-" if factor < 0 else ""
    size = abs(factor)
    if _close(size, 0.5):
        return "minus half" if sign else "half"
    if _close(size, round(size)):
        return f"{sign}{round(size)} times"
    if _close(1 / size, round(1 / size)):
        return f"{sign}1/{round(1 / size)} of"
    return f"{factor:.6g} times"


def _explained(factor: float, sizes: Mapping[str, int]) -> str:
    """Where a factor may come from."""
    causes = []
    names = [name for name, value in sizes.items() if value > 1 and _close(factor, value)]
    inverse = [name for name, value in sizes.items() if value > 1 and _close(factor * value, 1)]
    if _close(factor, 2):
        causes.append("the 2 of a square taken twice, or not cancelled by a 1/2?")
    if _close(factor, 0.5):
        causes.append("the 2 of a square is missing?")
    if names:
        number = round(factor)
        causes.append(f"{number} = {' = '.join(names)}: a mean taken twice, or a sum in place of a mean?")
    if inverse:
        number = round(1 / factor)
        causes.append(f"{number} = {' = '.join(inverse)}: divided twice, or a mean in place of a sum?")
    return f" ({'; or '.join(causes)})" if causes else ""


def _index(result: Any, flat: int) -> tuple[int, ...]:
    arrays = list(leaves(result))
    for number, array in enumerate(arrays):
        if flat < array.size:
            place = tuple(int(i) for i in np.unravel_index(flat, array.shape))
            return place if len(arrays) == 1 else (number, *place)
        flat -= array.size
    raise IndexError(flat)


def _entry(result: Any, index: tuple[int, ...]) -> float:
    arrays = list(leaves(result))
    return float(arrays[0][index] if len(arrays) == 1 else arrays[index[0]][index[1:]])


def sizes_of(names: Sequence[str], arguments: Sequence[Any]) -> dict[str, int]:
    """The numbers that arguments have to offer: axis sizes and numbers of entries.

    >>> sizes_of(["x", "A"], [np.ones(3), np.ones((2, 3))])
    {'the length of x': 3, 'the rows of A': 2, 'the columns of A': 3, 'the entries of A': 6}
    """
    found: dict[str, int] = {}
    for name, argument in zip(names, arguments, strict=True):
        shape = np.shape(argument)
        if len(shape) == 1:
            found[f"the length of {name}"] = shape[0]
        elif shape:
            axes = ("rows", "columns") if len(shape) == 2 else tuple(f"axis {i}" for i in range(len(shape)))
            found |= {f"the {axis} of {name}": size for axis, size in zip(axes, shape, strict=True)}
            found[f"the entries of {name}"] = math.prod(shape)
    return found


def near(arguments: Sequence[Any], variables: Sequence[int], rng: np.random.Generator) -> tuple[Any, ...]:
    """The arguments with the variables moved by up to a fifth of themselves; zeros, signs and symmetry are
    kept."""

    def moved(value: Any) -> Any:
        array = np.asarray(value)
        if array.dtype.kind != "f":
            return value
        change = rng.uniform(-0.2, 0.2, array.shape)
        if array.ndim == 2 and array.shape[0] == array.shape[1] and np.array_equal(array, array.T):
            change = (change + change.T) / 2
        return (array * (1 + change)).astype(array.dtype)[()]

    return tuple(moved(a) if i in variables else a for i, a in enumerate(arguments))


def evaluate(candidate: Callable[..., Any] | Any, points: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The candidate at the points; an array stands for its value at the first. Lists become arrays."""
    if not callable(candidate):
        found = [candidate]
    else:
        with np.errstate(all="ignore"):
            found = [
                candidate(*(np.array(a) if isinstance(a, np.ndarray) else a for a in point))
                for point in points
            ]
    return [np.asarray(a) if isinstance(a, list) else a for a in found]
