"""Truncated power series in t over real balls, as scalars that NumPy's object arrays can hold.

A ball is a real number known to lie within an error bound of a midpoint; every operation here returns balls
that hold the exact result. A series of one coefficient is a plain number.

Method: F. Johansson, "Arb: efficient arbitrary-precision midpoint-radius interval arithmetic", IEEE Trans.
Computers 66 (2017).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, final

import numpy as np

from closedform.errors import UnsupportedError


class UndecidedError(ArithmeticError):
    """The balls are too wide to decide a comparison or to divide; more bits may help."""


class KinkError(UnsupportedError):
    """Two branches of a piecewise function meet exactly at the point: no precision separates them."""


@contextmanager
def working(bits: int, order: int = 0) -> Iterator[None]:
    """Compute with this many bits, and with the coefficients of 1, t, ..., t^order."""
    from flint import ctx

    before = ctx.prec, ctx.cap
    ctx.prec, ctx.cap = bits, order + 1
    try:
        yield
    finally:
        ctx.prec, ctx.cap = before


@final
class Ball:
    """A truncated power series with real balls as coefficients: what `Primitive.ball` computes with.

    It has the arithmetic operators, and the elementary functions under the names of NumPy and of flint.
    Comparisons compare the values at t = 0; they are decided or raise.

    Raises UndecidedError where the balls are too wide, KinkError where a comparison is exactly equal at t = 0
    and not near it.
    """

    __slots__ = ("series",)
    series: Any

    def __init__(self, series: Any) -> None:
        self.series = series

    def __add__(self, other: Any) -> Ball:
        return Ball(self.series + _plain(other))

    def __sub__(self, other: Any) -> Ball:
        return Ball(self.series - _plain(other))

    def __rsub__(self, other: Any) -> Ball:
        return Ball(_plain(other) - self.series)

    def __mul__(self, other: Any) -> Ball:
        return Ball(self.series * _plain(other))

    def __truediv__(self, other: Any) -> Ball:
        return Ball(self.series / (other.nonzero() if isinstance(other, Ball) else _plain(other)))

    def __rtruediv__(self, other: Any) -> Ball:
        return Ball(_plain(other) / self.nonzero())

    def __neg__(self) -> Ball:
        return Ball(-self.series)

    __radd__ = __add__
    __rmul__ = __mul__

    def __pow__(self, exponent: Any) -> Ball:
        return _power(self, exponent)

    def __rpow__(self, base: Any) -> Ball:
        return _power(self * 0 + base, self)

    def __abs__(self) -> Ball:
        return -self if self.sign() < 0 else self

    def sign(self) -> int:
        """1, 0 or -1: the sign at t = 0, which is 0 only where the whole series vanishes."""
        value = self.series[0]
        if value > 0:
            return 1
        if value < 0:
            return -1
        if len(self.series) == 0:
            return 0
        if value.is_zero():
            raise KinkError("no exact reference: the point is at a kink of a piecewise function")
        raise UndecidedError("the point is at a kink of a piecewise function, or very near to one")

    def floor(self) -> int:
        """The largest integer that is not larger; its derivative is zero."""
        whole = self.series[0].floor().unique_fmpz()
        if whole is None:
            raise UndecidedError("a number is too near to an integer to be rounded down")
        return int(whole)

    def nonzero(self) -> Any:
        """The series, if it can be divided by."""
        value = self.series[0]
        if value.is_zero():
            raise UnsupportedError("no exact reference: there is a division by zero")
        if value != 0:
            return self.series
        raise UndecidedError("there is a division by zero, or by something very near to it")

    def positive(self, function: str) -> Any:
        """The series, if it is positive at t = 0."""
        value = self.series[0]
        if value > 0:
            return self.series
        if value <= 0:
            raise UnsupportedError(f"no exact reference: {function} of a number that is not positive")
        raise UndecidedError(f"{function} is taken of a number very near to zero")

    def __lt__(self, other: Any) -> bool:
        return (self - other).sign() < 0

    def __gt__(self, other: Any) -> bool:
        return (self - other).sign() > 0

    def __le__(self, other: Any) -> bool:
        return self is other or (self - other).sign() <= 0

    def __ge__(self, other: Any) -> bool:
        return self is other or (self - other).sign() >= 0

    def __eq__(self, other: object) -> bool:
        return self is other or (self - other).sign() == 0

    def __bool__(self) -> bool:
        return self.sign() != 0

    __hash__ = None  # type: ignore[assignment]

    def conjugate(self) -> Ball:
        """The number itself: it is real."""
        return self

    def exp(self) -> Ball:
        """The exponential function."""
        return Ball(self.series.exp())

    def log(self) -> Ball:
        """The natural logarithm."""
        return Ball(self.positive("log").log())

    def sqrt(self) -> Ball:
        """The square root; of zero only where the whole series vanishes."""
        return self if len(self.series) == 0 else Ball(self.positive("sqrt").sqrt())

    def sin(self) -> Ball:
        """The sine."""
        return Ball(self.series.sin())

    def cos(self) -> Ball:
        """The cosine."""
        return Ball(self.series.cos())

    def tan(self) -> Ball:
        """The tangent."""
        return Ball(self.series.tan())

    def asin(self) -> Ball:
        """The inverse sine."""
        return Ball(self.series.asin())

    def acos(self) -> Ball:
        """The inverse cosine."""
        return Ball(self.series.acos())

    def atan(self) -> Ball:
        """The inverse tangent."""
        return Ball(self.series.atan())

    def erf(self) -> Ball:
        """The error function."""
        return Ball(self.series.erf())

    def lgamma(self) -> Ball:
        """The logarithm of the gamma function, of a positive number."""
        return Ball(self.positive("gammaln").lgamma())

    def polygamma(self, n: int) -> Ball:
        """The derivative of order n + 1 of the logarithm of the gamma function, of a positive number."""
        from flint import arb_series, ctx

        self.positive("polygamma")
        terms = ctx.cap
        ctx.cap = terms + n + 1
        try:
            outer = arb_series([self.series[0], 1]).lgamma()
            for _ in range(n + 1):
                outer = outer.derivative()
        finally:
            ctx.cap = terms
        step = self.series - self.series[0]
        result = arb_series([0])
        for k in reversed(range(terms)):
            result = result * step + outer[k]
        return Ball(result)


def _plain(other: Any) -> Any:
    """What flint computes with: a NumPy scalar would take a series for a sequence."""
    if isinstance(other, Ball):
        return other.series
    return other.item() if isinstance(other, np.generic) else other


def _power(base: Ball, exponent: Any) -> Ball:
    """base ** exponent: exact for integers and halves, exp(exponent * log(base)) otherwise."""
    known = _constant(exponent)
    if known is None:
        return (base.log() * exponent).exp()
    if known.denominator == 1:
        return Ball((base.series if known >= 0 else base.nonzero()) ** int(known))
    if len(base.series) == 0 and known > 0:
        return base
    if known.denominator == 2:
        return _power(base.sqrt(), known.numerator)
    return (base.log() * known.numerator / known.denominator).exp()


def _constant(exponent: Any) -> Fraction | None:
    """The exponent as a fraction, if it is an exact constant."""
    if not isinstance(exponent, Ball):
        return Fraction(exponent)
    if len(exponent.series) > 1 or not exponent.series[0].is_exact():
        return None
    mantissa, power = (int(part) for part in exponent.series[0].man_exp())
    return mantissa * Fraction(2) ** power if abs(power) < 1100 else None
