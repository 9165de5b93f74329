"""Functions that lose digits or overflow as they are written, inputs of every magnitude, and known limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.special

from closedform.derivation import Derivation
from closedform.pipeline import derive
from closedform.primitives import PRIMITIVES
from closedform.sources.numpy_function import Trace

# The relative error beyond which a result is wrong.
TOLERANCE = 1e-10


@dataclass(frozen=True)
class Case:
    """A function of a number, taken entry by entry, of an array with `size` entries, or of two numbers.

    name    of the elementwise function, or the code as it is written, without "np."
    orders  the derivatives that are asked: 0 is the value
    """

    name: str
    function: Callable[..., Any]
    size: int | None = None
    orders: tuple[int, ...] = (0, 1, 2)
    arguments: int = 1
    domain: Callable[[np.ndarray], bool] = lambda point: True

    @property
    def example(self) -> list[Any]:
        """Arguments to derive for; a function of a number is derived for arrays of them."""
        if self.size is None:
            return [np.full(5, 0.5)]
        return [0.4, 0.6] if self.arguments > 1 else [np.array([0.4, 0.6, 0.5])]

    @property
    def trace(self) -> Trace:
        """The operations as they are written, at one point."""
        return derive(self.function, [0.5] if self.size is None else self.example, "value").trace

    def derived(self, order: int) -> Derivation:
        """The closed form of the value, or of a derivative."""
        argnums = (0, 1) if self.arguments > 1 else 0
        operator = "derivative" if order and self.size is None else ("value", "jacobian", "hessian")[order]
        return derive(self.function, self.example, operator, argnums, max(order, 1))


def pair(name: str, function: Callable[[Any, Any], Any]) -> Case:
    """A function of two numbers."""
    return Case(name, lambda x, y: function(x, y), 2, arguments=2)


# What is not right to TOLERANCE, by case and order, and why.
_REMOVABLE = "a difference that vanishes at 0 is divided by a power of x, as it is written"
_SINC = "NumPy's own sinc rounds pi x: its error grows with |x| and near whole numbers"
CROSS_ENTROPY = "-y * log(1 / (1 + exp(-x))) - (1 - y) * log(1 - 1 / (1 + exp(-x)))"
LIMITS: dict[tuple[str, int], str] = {
    **{("sinc", order): _SINC for order in (0, 1, 2)},
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
        CROSS_ENTROPY,
        0,
    ): "it is simplified to ln(1 + e^x) - x y, which cancels where y is near 1 and x is large",
    (CROSS_ENTROPY, 1): "it is simplified to expit(x) - y, which cancels where y is near 1 and x is large",
    ("std(x)", 1): "np.mean rounds where entries cancel: the centred entries have its error",
    ("std(x)", 2): "its Hessian is a sum of terms that cancel where one entry dominates",
    ("mean(x)", 0): "np.mean rounds where entries cancel",
}


def _positive(point: np.ndarray) -> bool:
    return bool(np.all(point > 0))


def _elementwise() -> Iterator[Case]:
    for name, record in sorted(PRIMITIVES.items()):
        if record.samples is not None and (not record.elementwise or len(record.partials) == 1):
            continue  # it has parameters
        if record.bind is None or not record.numpy or not (record.partials or record.lower):
            continue
        arguments = len(record.partials) or 1
        if arguments == 1 and (record.elementwise or record.samples is None):
            yield Case(name, record.numpy[0])
        elif arguments == 2 and record.ball is not None:
            case = pair(name, record.numpy[0])
            infinite_elsewhere = name in {"rel_entr", "kl_div"}
            yield replace(case, domain=_positive) if infinite_elsewhere else case


ELEMENTWISE = tuple(_elementwise())


def softmax(x: Any) -> Any:
    """exp(x) / sum(exp(x))"""
    return np.exp(x) / np.sum(np.exp(x))


def cross_entropy(x: Any, y: Any) -> Any:
    """Of a label y and the logarithm x of the odds."""
    p = 1 / (1 + np.exp(-x))
    return -y * np.log(p) - (1 - y) * np.log(1 - p)


# As people write them.
COMPOSITES = (
    Case("log(1 + exp(x))", lambda x: np.log(1 + np.exp(x))),
    Case("-log(1 / (1 + exp(-x)))", lambda x: -np.log(1 / (1 + np.exp(-x)))),
    Case("1 / (1 + exp(-x))", lambda x: 1 / (1 + np.exp(-x))),
    Case("exp(x) / (1 + exp(x))", lambda x: np.exp(x) / (1 + np.exp(x))),
    Case("1 - 1 / (1 + exp(-x))", lambda x: 1 - 1 / (1 + np.exp(-x))),
    Case("log(1 - 1 / (1 + exp(-x)))", lambda x: np.log(1 - 1 / (1 + np.exp(-x)))),
    Case("x / (1 + exp(-x))", lambda x: x / (1 + np.exp(-x))),
    Case("exp(x) - 1", lambda x: np.exp(x) - 1),
    Case("log(1 + x)", lambda x: np.log(1 + x)),
    Case("log(1 - exp(-x))", lambda x: np.log(1 - np.exp(-x))),
    Case("(exp(x) - 1) / x", lambda x: (np.exp(x) - 1) / x),
    Case(
        "(exp(x) - exp(-x)) / (exp(x) + exp(-x))",
        lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)),
    ),
    Case("(exp(2 * x) - 1) / (exp(2 * x) + 1)", lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1)),
    Case("(exp(x) - exp(-x)) / 2", lambda x: (np.exp(x) - np.exp(-x)) / 2),
    Case("log(cosh(x))", lambda x: np.log(np.cosh(x))),
    Case("log(exp(x) + exp(-x))", lambda x: np.log(np.exp(x) + np.exp(-x))),
    Case("1 / cosh(x)", lambda x: 1 / np.cosh(x)),
    Case("sqrt(1 + x**2)", lambda x: np.sqrt(1 + x**2)),
    Case("x / sqrt(1 + x**2)", lambda x: x / np.sqrt(1 + x**2)),
    Case("1 / sqrt(1 + x**2)", lambda x: 1 / np.sqrt(1 + x**2)),
    Case("sqrt(1 + x**2) - 1", lambda x: np.sqrt(1 + x**2) - 1),
    Case("1 / (1 + x**2)", lambda x: 1 / (1 + x**2)),
    Case("log(1 + x**2)", lambda x: np.log(1 + x**2)),
    Case("log(x + sqrt(1 + x**2))", lambda x: np.log(x + np.sqrt(1 + x**2))),
    Case("0.5 * log((1 + x) / (1 - x))", lambda x: 0.5 * np.log((1 + x) / (1 - x))),
    Case("sqrt(1 - x**2)", lambda x: np.sqrt(1 - x**2)),
    Case("1 - cos(x)", lambda x: 1 - np.cos(x)),
    Case("sin(x) / x", lambda x: np.sin(x) / x),
    Case("x * log(x)", lambda x: x * np.log(x)),
    Case("-p * log(p) - (1 - p) * log(1 - p)", lambda p: -p * np.log(p) - (1 - p) * np.log(1 - p)),
    Case("log(p / (1 - p))", lambda p: np.log(p / (1 - p))),
    Case("x * 0.5 * (1 + erf(x / sqrt(2)))", lambda x: x * 0.5 * (1 + scipy.special.erf(x / np.sqrt(2)))),
    Case("exp(-(x**2) / 2) / sqrt(2 * pi)", lambda x: np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)),
    Case(CROSS_ENTROPY, cross_entropy, 2, (0, 1, 2), 2, lambda point: 0 < point[1] < 1),
    pair("log(exp(x) + exp(y))", lambda x, y: np.log(np.exp(x) + np.exp(y))),
    pair("exp(x) / (exp(x) + exp(y))", lambda x, y: np.exp(x) / (np.exp(x) + np.exp(y))),
    pair("sqrt(x**2 + y**2)", lambda x, y: np.sqrt(x**2 + y**2)),
    pair("arctan(y / x)", lambda x, y: np.arctan(y / x)),
    Case("log(sum(exp(x)))", lambda x: np.log(np.sum(np.exp(x))), 3),
    Case("exp(x) / sum(exp(x))", softmax, 3, (0, 1)),
    Case("log(exp(x) / sum(exp(x)))", lambda x: np.log(softmax(x)), 3, (0, 1)),
    Case("x - log(sum(exp(x)))", lambda x: x - np.log(np.sum(np.exp(x))), 3, (0, 1)),
    Case("sqrt(sum(x**2))", lambda x: np.sqrt(np.sum(x**2)), 3),
    Case("norm(x)", lambda x: np.linalg.norm(x), 3),
    Case("x / norm(x)", lambda x: x / np.linalg.norm(x), 3, (0, 1)),
    Case("std(x)", lambda x: np.std(x), 3),
    Case("mean(x)", lambda x: np.mean(x), 3),
    Case("-sum(p * log(p))", lambda p: -np.sum(p * np.log(p)), 3),
)


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
