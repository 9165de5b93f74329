"""Functions that lose digits or overflow as they are written, inputs of every magnitude, and true values.

The truth is ball arithmetic on the user's own operations, with as many bits as it takes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.special

import closedform as cf
from closedform.engines.exact import taylor
from closedform.engines.exact.balls import UndecidedError, working
from closedform.errors import UnsupportedError
from closedform.expression.expr import Expr
from closedform.primitives import PRIMITIVES

SMALLEST = float(np.finfo(float).smallest_normal)
LARGEST = float(np.finfo(float).max)
TOLERANCE = 1e-10
MOST_BITS = 1 << 14


@dataclass(frozen=True)
class Case:
    """A function of a number, taken entry by entry, of an array with `size` entries, or of two numbers.

    orders  the derivatives that are asked: 0 is the value
    """

    name: str
    function: Callable[..., Any]
    size: int | None = None
    orders: tuple[int, ...] = (0, 1, 2)
    arguments: int = 1
    domain: Callable[[np.ndarray], bool] = lambda point: True


def pair(name: str, function: Callable[[Any, Any], Any]) -> Case:
    """A function of two numbers."""
    return Case(name, lambda x, y: function(x, y), 2, arguments=2)


# What is not right to TOLERANCE, by case and order, and why.
_REMOVABLE = "a difference that vanishes at 0 is divided by a power of x, as it is written"
_LARGEST = "1 - p for the largest entry p of a softmax is not taken as the sum of the others, as in SciPy"
_SINC = "NumPy's own sinc rounds pi x: its error grows with |x| and near whole numbers"
_SQUARED = "x / y^2 is computed as x / (y y), and y y leaves the range where both are huge or tiny"
LIMITS: dict[tuple[str, int], str] = {
    **{("sinc", order): _SINC for order in (0, 1, 2)},
    **{(name, 2): _SQUARED for name in ("xlogy", "xlog1py", "rel_entr", "kl_div")},
    ("rel_entr", 1): "its derivative has x / y, which overflows where ln(x / y) does not",
    **{("kl_div", order): "x ln(x / y) - x + y by SciPy: x / y overflows, or is near 1" for order in (0, 1)},
    ("log_ndtr", 2): "terms that cancel in the left tail: errors up to 3e-9 at x = -70",
    ("gammaln", 0): "SciPy's gammaln near its zeros at 1 and 2: errors up to 4e-2 within 1e-14 of them",
    ("(exp(x) - 1) / x", 0): "exp(x) overflows for x between 709.8 and 716.3, where the quotient does not",
    ("(exp(x) - 1) / x", 1): _REMOVABLE,
    ("(exp(x) - 1) / x", 2): _REMOVABLE,
    ("sin(x) / x", 1): _REMOVABLE,
    ("sin(x) / x", 2): _REMOVABLE,
    (
        "cross-entropy",
        0,
    ): "it is simplified to ln(1 + e^x) - x y, which cancels where y is near 1 and x is large",
    ("cross-entropy", 1): "it is simplified to expit(x) - y, which cancels where y is near 1 and x is large",
    ("log softmax", 0): _LARGEST,
    ("log softmax", 1): _LARGEST,
    ("log softmax by sums", 0): _LARGEST,
    ("log softmax by sums", 1): _LARGEST,
    ("standard deviation", 1): "np.mean rounds where entries cancel: the centred entries have its error",
    ("standard deviation", 2): "its Hessian is a sum of terms that cancel where one entry dominates",
    ("mean", 0): "np.mean rounds where entries cancel",
}


def _elementwise() -> Iterator[Case]:
    for name, record in sorted(PRIMITIVES.items()):
        if not record.elementwise and record.samples is not None:
            continue
        if record.bind is None or not record.numpy or not (record.partials or record.lower):
            continue
        arguments = len(record.partials) or 1
        if arguments == 1 and (record.elementwise or record.samples is None):
            yield Case(name, record.numpy[0])
        elif arguments == 2 and record.ball is not None:
            positive = name in {"rel_entr", "kl_div"}  # infinite elsewhere, by definition
            yield replace(
                pair(name, record.numpy[0]),
                domain=lambda point, positive=positive: not positive or bool(np.all(point > 0)),
            )


ELEMENTWISE = list(_elementwise())


def softmax(x: Any) -> Any:
    return np.exp(x) / np.sum(np.exp(x))


def cross_entropy(x: Any, y: Any) -> Any:
    p = 1 / (1 + np.exp(-x))
    return -y * np.log(p) - (1 - y) * np.log(1 - p)


# As people write them.
COMPOSITES = [
    Case("softplus", lambda x: np.log(1 + np.exp(x))),
    Case("log loss", lambda x: -np.log(1 / (1 + np.exp(-x)))),
    Case("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    Case("sigmoid as a ratio", lambda x: np.exp(x) / (1 + np.exp(x))),
    Case("1 - sigmoid", lambda x: 1 - 1 / (1 + np.exp(-x))),
    Case("log(1 - sigmoid)", lambda x: np.log(1 - 1 / (1 + np.exp(-x)))),
    Case("swish", lambda x: x / (1 + np.exp(-x))),
    Case("exp(x) - 1", lambda x: np.exp(x) - 1),
    Case("log(1 + x)", lambda x: np.log(1 + x)),
    Case("log(1 - exp(-x))", lambda x: np.log(1 - np.exp(-x))),
    Case("(exp(x) - 1) / x", lambda x: (np.exp(x) - 1) / x),
    Case("tanh by exponentials", lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))),
    Case("tanh by exp(2x)", lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1)),
    Case("sinh by exponentials", lambda x: (np.exp(x) - np.exp(-x)) / 2),
    Case("log cosh", lambda x: np.log(np.cosh(x))),
    Case("log of exp + exp", lambda x: np.log(np.exp(x) + np.exp(-x))),
    Case("1 / cosh", lambda x: 1 / np.cosh(x)),
    Case("sqrt(1 + x²)", lambda x: np.sqrt(1 + x**2)),
    Case("x / sqrt(1 + x²)", lambda x: x / np.sqrt(1 + x**2)),
    Case("1 / sqrt(1 + x²)", lambda x: 1 / np.sqrt(1 + x**2)),
    Case("pseudo-Huber", lambda x: np.sqrt(1 + x**2) - 1),
    Case("1 / (1 + x²)", lambda x: 1 / (1 + x**2)),
    Case("Student's t", lambda x: np.log(1 + x**2)),
    Case("arcsinh by log", lambda x: np.log(x + np.sqrt(1 + x**2))),
    Case("artanh by log", lambda x: 0.5 * np.log((1 + x) / (1 - x))),
    Case("sqrt(1 - x²)", lambda x: np.sqrt(1 - x**2)),
    Case("1 - cos x", lambda x: 1 - np.cos(x)),
    Case("sin(x) / x", lambda x: np.sin(x) / x),
    Case("x log x", lambda x: x * np.log(x)),
    Case("binary entropy", lambda p: -p * np.log(p) - (1 - p) * np.log(1 - p)),
    Case("log odds", lambda p: np.log(p / (1 - p))),
    Case("gelu", lambda x: x * 0.5 * (1 + scipy.special.erf(x / np.sqrt(2)))),
    Case("normal density", lambda x: np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)),
    Case("cross-entropy", cross_entropy, 2, (0, 1, 2), 2, lambda point: 0 < point[1] < 1),
    pair("logaddexp by hand", lambda x, y: np.log(np.exp(x) + np.exp(y))),
    pair("ratio of exponentials", lambda x, y: np.exp(x) / (np.exp(x) + np.exp(y))),
    pair("sqrt(x² + y²)", lambda x, y: np.sqrt(x**2 + y**2)),
    pair("arctan(y / x)", lambda x, y: np.arctan(y / x)),
    Case("logsumexp", lambda x: np.log(np.sum(np.exp(x))), 3),
    Case("softmax", softmax, 3, (0, 1)),
    Case("log softmax", lambda x: np.log(softmax(x)), 3, (0, 1)),
    Case("log softmax by sums", lambda x: x - np.log(np.sum(np.exp(x))), 3, (0, 1)),
    Case("norm by sums", lambda x: np.sqrt(np.sum(x**2)), 3),
    Case("norm", lambda x: np.linalg.norm(x), 3),
    Case("direction", lambda x: x / np.linalg.norm(x), 3, (0, 1)),
    Case("standard deviation", lambda x: np.std(x), 3),
    Case("mean", lambda x: np.mean(x), 3),
    Case("entropy", lambda p: -np.sum(p * np.log(p)), 3),
]


def inputs(case: Case, count: int, seed: int = 0) -> np.ndarray:
    """Points: log-uniform from 1e-300 to 1e300 and from 1e-6 to 1e3, of both signs, and near 1 and -1.

    An array of shape (count,), or (count, entries) for a function of several numbers.
    """
    rng = np.random.default_rng(seed)
    shape = (count,) if case.size is None else (count, case.size)
    wide = 10 ** rng.uniform(-300, 300, shape)
    usual = 10 ** rng.uniform(-6, 3, shape)
    near_one = 1 + 10 ** rng.uniform(-15, 0, shape) * rng.choice([-1, 1], shape)
    points = rng.choice([-1, 1], shape) * np.choose(
        rng.choice(3, shape, p=[0.5, 0.35, 0.15]), [wide, usual, near_one]
    )
    if len(shape) == 2:  # entries of one magnitude now and then
        alike = rng.random(count) < 0.3
        points[alike] = points[alike, :1] * rng.uniform(0.5, 2, (count, shape[1]))[alike]
    return points


# --- truth ----------------------------------------------------------------------------------------


def decided(ball: Any) -> float:
    """The value; 0 or infinity below and above the normal numbers, nan where more bits are needed."""
    if float(ball.abs_upper()) < SMALLEST:
        return 0.0
    if float(ball.abs_lower()) > LARGEST:
        return float("inf")
    return float(ball.mid()) if ball.is_finite() and ball.rel_accuracy_bits() > 60 else float("nan")


def truth(case: Case, root: Expr, names: Sequence[str], point: np.ndarray) -> list[np.ndarray] | None:
    """The function's value and derivatives at a point; None outside of its domain."""
    bits = 128
    while True:
        try:
            found = [np.vectorize(decided, [float])(d) for d in derivatives(case, root, names, point, bits)]
        except UndecidedError:
            found = []
        except UnsupportedError:
            return None
        if found and not any(np.isnan(array).any() for array in found):
            return found
        if bits >= MOST_BITS:
            return found or None
        bits *= 4


def derivatives(
    case: Case, root: Expr, names: Sequence[str], point: np.ndarray, bits: int
) -> list[np.ndarray]:
    """Arrays of balls of shape out.shape + point.shape * order."""
    n = case.size or 1
    units = np.eye(n).reshape(n, *point.shape)

    def named(array: np.ndarray) -> dict[str, Any]:
        return dict(zip(names, array if case.arguments > 1 else [array], strict=True))

    def along(direction: np.ndarray, order: int) -> list[np.ndarray]:
        return taylor(root, named(point), named(direction), order, bits)

    lines = [along(unit, case.orders[-1]) for unit in units]
    value = lines[0][0]
    found = [value, np.stack([line[1] for line in lines], -1).reshape(value.shape + point.shape)]
    if 2 in case.orders:
        hessian = np.empty((n, n), object)
        with working(bits):
            for i, j in itertools.product(range(n), repeat=2):
                both = along(units[i] + units[j], 2)[2]
                hessian[i, j] = np.ravel(lines[i][2] * 2 if i == j else both - lines[i][2] - lines[j][2])[0]
        found.append(hessian.reshape(point.shape * 2))
    return found


# --- what the library's code gives ----------------------------------------------------------------


def relative_errors(got: Any, true: np.ndarray) -> np.ndarray:
    """Errors where the truth is a normal number, infinite where the result is not finite; nan elsewhere."""
    with np.errstate(all="ignore"):
        errors = np.abs(np.asarray(got) - true) / np.abs(true)
    return np.where(np.isfinite(true) & (true != 0), np.where(np.isnan(errors), np.inf, errors), np.nan)


def example(case: Case) -> list[Any]:
    """Arguments to derive for."""
    if case.size is None:
        return [np.full(5, 0.5)]
    return [0.4, 0.6] if case.arguments > 1 else [np.array([0.4, 0.6, 0.5])]


def emitted(case: Case, order: int) -> Callable[[np.ndarray], np.ndarray]:
    """The compiled derivative of an order, of all points at once."""
    given = example(case)
    if order == 0:
        compiled = cf.trace(case.function, *given)
    elif case.size is None:
        compiled = cf.derivative(case.function, order).at(*given)
    else:
        argnums = (0, 1) if case.arguments > 1 else 0
        compiled = [cf.jacobian, cf.hessian][order - 1](case.function, argnums).at(*given)
    if case.size is None:
        return compiled.function
    if case.arguments > 1:
        return lambda points: np.array([compiled.function(*point) for point in points])
    return lambda points: np.array([compiled.function(point) for point in points])


def points_and_truth(case: Case, count: int, seed: int = 0) -> tuple[np.ndarray, list[np.ndarray]]:
    """Inputs in the function's domain, and the derivatives of each order there."""
    trace = cf.trace(case.function, *([0.5] if case.size is None else example(case))).trace
    kept, found = [], []
    for point in inputs(case, count, seed):
        true = case.domain(point) and truth(case, trace.root, trace.arguments, point)
        if true:
            kept.append(point)
            found.append(true)
    return np.array(kept), [np.array([true[k] for true in found]) for k in range(len(case.orders))]


def largest_errors(got: Any, true: np.ndarray) -> np.ndarray:
    """For each point the largest relative error of the entries; nan where none is a normal number."""
    entries = relative_errors(got, true).reshape(len(true), -1)
    largest: np.ndarray = np.max(np.where(np.isnan(entries), -1, entries), axis=1, initial=-1)
    return np.where(largest < 0, np.nan, largest)
