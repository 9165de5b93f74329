"""A derivation in, its value to 20 digits and more out: checked against the function, with its condition."""

from __future__ import annotations

import importlib.util
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from closedform.derivation import Derivation
from closedform.engines.base import leaves
from closedform.engines.exact.balls import KinkError, UndecidedError, working
from closedform.engines.exact.evaluation import evaluate_all, seconds
from closedform.engines.exact.proof import (
    AGREEMENT,
    VANISHING,
    Derived,
    Direction,
    Point,
    block_names,
    prove,
    prove_product,
)
from closedform.errors import InvalidArgumentError, UnsupportedError
from closedform.expression.expr import Expr

FIRST_BITS, MOST_BITS = 128, 4096
# Inputs are changed by this relative amount, the spacing of float64 numbers, to find the condition.
PERTURBATION = 2.0**-52
Nest = Any  # an array, or a tuple of nests
Found = TypeVar("Found")


@dataclass(frozen=True)
class Reference:
    """The exact value of a derivation, rounded, and what it is worth. It holds NumPy arrays and numbers only.

    value       the value rounded to float64: an array, or a tuple of arrays where the result is one
    remainder   float64 of the same shapes: `value + remainder` is good to about 32 digits
    bound       relative error bound of `value + remainder` in the Euclidean norm (absolute for a zero value)
    condition   relative change of the value, divided by the relative change of the inputs that caused it: the
                largest over random changes of all entries, at least 1 (no unit)
    bits        precision at which the bound was reached
    directions  random directions along which it was compared with the function's Taylor series
    seconds     time that it took
    """

    value: Nest
    remainder: Nest
    bound: float
    condition: float
    bits: int
    directions: int
    seconds: float


@dataclass(frozen=True)
class Errors:
    """How far a computed result is from the exact one.

    normwise  |computed - exact| / |exact| in the Euclidean norm (no unit); absolute where exact is zero
    worst     the largest error of an entry, divided by the same |exact| (no unit)
    index     that entry; for a tuple of arrays the array's number comes first
    ulps      `normwise` in units of the last place of float64, 2^-52
    """

    normwise: float
    worst: float
    index: tuple[int, ...]
    ulps: float


def reference(
    derivation: Derivation,
    vector: Any = None,
    *,
    tolerance: float = 1e-20,
    directions: int = 2,
    perturbations: int = 8,
    limit: float = 60.0,
    seed: int = 0,
) -> Reference:
    """The exact value of a derivation at its example.

    The derived expression is evaluated in ball arithmetic, with more and more bits until the error bound is
    below `tolerance`. Independently of all rules of differentiation, the user's own operations are evaluated
    in Taylor arithmetic along random directions, and must agree with it to 1e-18. (Coefficients that the
    formula holds as float64 numbers, such as 2/sqrt(pi), may make a difference of up to 1e-15; `bound` then
    says so.)

    vector         v, of a Hessian-vector product
    tolerance      relative error bound asked for
    directions     number of random directions
    perturbations  number of random changes of the inputs for the condition; fewer where they are slow
    limit          longest time to take, in seconds, as estimated in advance
    seed           of the random directions and changes

    >>> import closedform as cf
    >>> found = reference(cf.derive(lambda x: x**3, (0.1,), "grad"))
    >>> found.value, found.bound < 1e-20, round(found.condition, 3)
    (array(0.03), True, 2.0)

    Raises WrongDerivative where the derivation is not the derivative; UnsupportedError at kinks, singular
    matrices and points where the result is not finite, for operations without an exact rule, and where it
    would take longer than `limit`.
    """
    if importlib.util.find_spec("flint") is None:
        raise UnsupportedError("the exact reference needs python-flint: pip install closedform[lab]")
    began = time.monotonic()
    job = _Job(derivation, _values(derivation, vector), np.random.default_rng(seed))
    estimate = job.seconds(directions)
    if estimate > limit:
        raise UnsupportedError(
            f"the exact reference at this size would take {_duration(estimate)} (the limit is {limit:g} s): "
            f"measure errors at a smaller size"
        )
    deadline = began + 2 * limit
    bits, rounded, exact = _with_more_bits(lambda bits: job.evaluate(bits, tolerance), FIRST_BITS, deadline)
    taken = time.monotonic() - began
    left_open = [_with_more_bits(job.prove, bits, deadline) for _ in range(directions)]
    repeats = max(1, min(perturbations, int(limit / 2 / max(taken, 1e-6))))
    return Reference(
        value=_nested(derivation.result, iter([r.high for r in rounded])),
        remainder=_nested(derivation.result, iter([r.low for r in rounded])),
        bound=max([r.bound for r in rounded] + [gap for gap in left_open if gap > 2 * AGREEMENT]),
        condition=job.condition(exact, bits, repeats),
        bits=bits,
        directions=directions,
        seconds=time.monotonic() - began,
    )


def errors(exact: Reference, computed: Any) -> Errors:
    """How far a computed result, an array or nested tuples of arrays, is from the reference, without flint.

    The exact value's remainder is taken into account, so errors far below 1e-16 are right too. An entry that
    is nan or infinite makes the error infinite.

    >>> exact = Reference(np.array([3.0, 4.0]), np.array([0.0, 1e-20]), 1e-30, 1.0, 128, 2, 0.0)
    >>> errors(exact, np.array([3.0, 4.0])).normwise
    2e-21

    Raises ValueError where the shapes differ.
    """
    parts = [list(leaves(nest)) for nest in (computed, exact.value, exact.remainder)]
    shapes = [[a.shape for a in arrays] for arrays in parts[:2]]
    if shapes[0] != shapes[1]:
        raise ValueError(f"the computed result has the shapes {shapes[0]}, the reference {shapes[1]}")
    worst = -1.0
    index: tuple[int, ...] = ()
    gaps = []
    for number, (found, high, low) in enumerate(zip(*parts, strict=True)):
        with np.errstate(invalid="ignore", over="ignore"):
            gap = np.abs((found.astype(np.float64) - high) - low)
        gap = np.where(np.isnan(gap), np.inf, gap)
        gaps.append(gap)
        if gap.size and gap.max() > worst:
            at = np.unravel_index(int(gap.argmax()), gap.shape)
            worst, place = float(gap[at]), tuple(int(i) for i in at)
            index = place if len(parts[0]) == 1 else (number, *place)
    size = _norm(parts[1]) or 1.0
    normwise = _norm(gaps) / size
    return Errors(normwise, max(worst, 0.0) / size, index, normwise * 2.0**52)


def _norm(arrays: Sequence[np.ndarray]) -> float:
    """The Euclidean norm of all entries, without overflow."""
    largest = max((float(np.max(np.abs(a), initial=0.0)) for a in arrays), default=0.0)
    if largest == 0.0 or math.isinf(largest):
        return largest
    return largest * math.hypot(*(float(np.linalg.norm(np.ravel(a / largest))) for a in arrays))


# --- the work -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rounded:
    """Balls as pairs of float64 numbers, with the relative error bound of the pairs."""

    high: np.ndarray
    low: np.ndarray
    bound: float


@dataclass(frozen=True)
class _Job:
    """A derivation at a point, the source of random numbers, and the result at each precision so far."""

    derivation: Derivation
    values: Mapping[str, np.ndarray]
    random: np.random.Generator
    known: dict[int, list[np.ndarray]] = field(default_factory=dict)

    @property
    def results(self) -> list[Expr]:
        """The expressions of the result, in the order of its nested tuples."""
        return _flat(self.derivation.result)

    @property
    def order(self) -> int:
        """The highest order of the derivatives in the result."""
        return _ORDERS.get(self.derivation.operator, self.derivation.order)

    def seconds(self, directions: int) -> float:
        """About how long everything takes, with a single change of the inputs."""
        passes = directions * (3 if self.derivation.operator == "hvp" else 1)
        return 2 * seconds(self.results) + passes * seconds([self.derivation.trace.root], self.order)

    def balls(self, bits: int) -> list[np.ndarray]:
        """The result at a precision."""
        if bits not in self.known:
            self.known[bits] = evaluate_all(self.results, self.values, bits)
        return self.known[bits]

    def evaluate(self, bits: int, tolerance: float) -> tuple[int, list[_Rounded], list[np.ndarray]]:
        """The precision, the rounded result, and the result.

        Raises UndecidedError where the error bound is not below the tolerance.
        """
        arrays = self.balls(bits)
        with working(2 * bits):
            rounded = [_round(array) for array in arrays]
        if any(r.bound > (tolerance if np.any(r.high) else VANISHING) for r in rounded):
            raise UndecidedError("the result cancels to zero, or very nearly")
        return bits, rounded, arrays

    def prove(self, bits: int) -> float:
        """Compare with the function along one random direction; the relative difference that is left open."""
        derivation = self.derivation
        arrays = self.balls(bits)
        point = Point(derivation.trace.root, self.values, bits)
        if derivation.operator == "hvp":
            (name,) = derivation.variables
            return prove_product(
                point, arrays[0], {name: self.values[derivation.directions[0]]}, self._direction
            )
        gaps = []
        orders = [0, 1] if derivation.operator == "value_and_grad" else [self.order]
        for order in orders:
            names = block_names(derivation.variables, order)
            blocks = dict(zip(names, arrays, strict=False))
            arrays = arrays[len(names) :]
            entrywise = derivation.operator == "derivative" and bool(derivation.trace.root.shape)
            what = f"{derivation.operator} of {derivation.trace.name}"
            gaps.append(prove(point, Derived(order, blocks, entrywise), self._direction, what))
        return max(gaps)

    def _direction(self) -> Direction:
        """A random direction in all variables, tangent to what was declared of them."""
        names = self.derivation.variables
        return {name: self._alike(name, self._fraction(self.values[name].shape)) for name in names}

    def _fraction(self, shape: tuple[int, ...]) -> np.ndarray:
        """Random multiples of 2^-20, between 1/2 and 1 in absolute value."""
        return self._signs(shape) * self.random.integers(1 << 19, 1 << 20, shape) / float(1 << 20)

    def _signs(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.random.choice([-1.0, 1.0], shape)

    def _alike(self, name: str, array: np.ndarray) -> np.ndarray:
        """The array, symmetric or with zeros where the input of that name is so."""
        node = self.derivation.inputs.get(name)
        facts = frozenset() if node is None else node.params[1]
        for fact, kept in (("lower", np.tril), ("upper", np.triu), ("diagonal", _on_diagonal)):
            array = kept(array) if fact in facts else array
        return np.triu(array) + np.triu(array, 1).T if facts & SYMMETRIC else array

    def condition(self, exact: Sequence[np.ndarray], bits: int, repeats: int) -> float:
        """The condition number, from random changes of the inputs."""
        largest = 1.0
        size = _distance(exact, None)
        for _ in range(repeats):
            changed = {name: self._changed(name, value, bits) for name, value in self.values.items()}
            try:
                arrays = evaluate_all(self.results, changed, bits)
            except (UndecidedError, KinkError):
                return math.inf
            with working(bits):
                change = _distance(arrays, exact)
            if change:
                largest = max(largest, change / size / PERTURBATION if size else math.inf)
        return largest

    def _changed(self, name: str, value: np.ndarray, bits: int) -> np.ndarray:
        """The value with every entry larger or smaller by the factor 1 + or - PERTURBATION, exactly."""
        from flint import arb

        if value.dtype.kind != "f":
            return value
        signs = self._alike(name, self._signs(value.shape))
        with working(bits):
            changed = np.frompyfunc(lambda x, s: arb(x) * (1 + s * PERTURBATION), 2, 1)(
                value.astype(object), signs.astype(object)
            )
        return np.asarray(changed, dtype=object)


_ORDERS = {"value": 0, "grad": 1, "value_and_grad": 1, "jacobian": 1, "hessian": 2, "hvp": 2}
SYMMETRIC = frozenset({"symmetric", "spd"})
# Facts that a rounded array does not have exactly.
INEXACT = {"orthogonal", "simplex"}


def _on_diagonal(array: np.ndarray) -> np.ndarray:
    return np.diag(np.diag(array))


def _values(derivation: Derivation, vector: Any) -> dict[str, np.ndarray]:
    """Name -> array of all inputs, which must be what was declared of them."""
    if derivation.symmetric != "ambient":
        raise UnsupportedError(
            f"no exact reference with symmetric={derivation.symmetric!r}: use the ambient one"
        )
    values = {
        name: np.asarray(array)
        for name, array in zip(derivation.trace.arguments, derivation.trace.example, strict=True)
    }
    if derivation.operator == "hvp":
        if vector is None:
            raise InvalidArgumentError("a Hessian-vector product needs its vector: reference(derivation, v)")
        values[derivation.directions[0]] = np.asarray(vector, dtype=np.float64)
    for name, node in derivation.inputs.items():
        if node.params[1] & SYMMETRIC and not np.array_equal(values[name], values[name].T):
            raise UnsupportedError(f"no exact reference: {name!r} was declared symmetric and is not, exactly")
        for fact in node.params[1] & INEXACT:
            raise UnsupportedError(
                f"no exact reference: {name!r} was declared {fact}, which no rounding keeps"
            )
    return values


def _flat(result: Any) -> list[Expr]:
    return [result] if isinstance(result, Expr) else [expr for part in result for expr in _flat(part)]


def _nested(result: Any, arrays: Iterator[np.ndarray]) -> Nest:
    return next(arrays) if isinstance(result, Expr) else tuple(_nested(part, arrays) for part in result)


def _with_more_bits(compute: Callable[[int], Found], bits: int, deadline: float) -> Found:
    """What `compute` finds at the lowest precision, doubled from `bits` on, that decides it."""
    while True:
        try:
            return compute(bits)
        except UndecidedError as undecided:
            reason = str(undecided)
        if bits >= MOST_BITS:
            raise UnsupportedError(f"no exact reference: {reason} ({bits} bits do not settle it)")
        if time.monotonic() > deadline:
            raise UnsupportedError(f"no exact reference in time: {reason} ({bits} bits do not settle it)")
        bits *= 2


def _round(array: np.ndarray) -> _Rounded:
    """Balls as pairs of floats; a ball that holds zero is taken as zero."""
    balls = array.ravel().tolist()
    high = [0.0 if ball.contains(0) else float(ball.mid()) for ball in balls]
    if any(map(math.isinf, high)):
        raise UnsupportedError("no exact reference: the result is too large for float64")
    low = [float((ball - h).mid()) if h else 0.0 for ball, h in zip(balls, high, strict=True)]
    gap = [float((ball - h - l).abs_upper()) for ball, h, l in zip(balls, high, low, strict=True)]
    size, error = math.hypot(*high), math.hypot(*gap)
    shape = array.shape
    return _Rounded(np.reshape(high, shape), np.reshape(low, shape), error / size if size else error)


def _distance(arrays: Sequence[np.ndarray], others: Sequence[np.ndarray] | None) -> float:
    """The Euclidean norm of the difference of arrays of balls, or of the arrays."""
    differences = arrays if others is None else [a - b for a, b in zip(arrays, others, strict=True)]
    balls = [ball for d in differences for ball in np.asarray(d, dtype=object).ravel().tolist()]
    return math.hypot(*(float(ball.mid()) for ball in balls))


def _duration(estimate: float) -> str:
    if math.isinf(estimate):
        return "more memory than there is"
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if estimate >= 2 * length:
            return f"about {estimate / length:.0f} {unit}"
    return f"about {estimate:.1g} s"
