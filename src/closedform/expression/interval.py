"""Intervals with exact ends, for what is known of the entries of an array."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from closedform.expression.calculus import Number, exact

# Ends with more digits than this are given up.
MOST_BITS = 256
# Higher powers are bounded by 0 and 1 only.
HIGHEST_POWER = 64


class End(NamedTuple):
    """An end of an interval: an exact number or an infinity, and whether it belongs to the interval."""

    at: Number | float
    closed: bool = True


@dataclass(frozen=True)
class Interval:
    """All real numbers between two ends.

    >>> interval(0, 1, closed=False) + interval(2, 3)
    (2, 4)
    >>> interval(-2, 1) ** 2
    [0, 4]
    """

    low: End
    high: End

    @property
    def is_nonnegative(self) -> bool:
        """Whether no number is below zero."""
        return self.low.at >= 0

    @property
    def is_positive(self) -> bool:
        """Whether every number is above zero."""
        return self > ZERO

    def __gt__(self, other: Interval) -> bool:
        """Whether every number is larger than all of the other interval's."""
        low, high = self.low, other.high
        return low.at > high.at or (low.at == high.at and not (low.closed and high.closed))

    def __neg__(self) -> Interval:
        return Interval(End(-self.high.at, self.high.closed), End(-self.low.at, self.low.closed))

    def __add__(self, other: Interval) -> Interval:
        low, high = (
            End(a.at + b.at, a.closed and b.closed)
            for a, b in ((self.low, other.low), (self.high, other.high))
        )
        return _between([low, high])

    def __mul__(self, other: Interval) -> Interval:
        return _between(
            _product(a, b) for a, b in itertools.product((self.low, self.high), (other.low, other.high))
        )

    def __pow__(self, exponent: Number) -> Interval:
        """The powers of those numbers that have a real one."""
        if exponent < 0:
            return self._inverted() ** -exponent
        if not isinstance(exponent, int) or exponent > HIGHEST_POWER:
            return self._coarse_power(exponent)
        ends = [End(end.at**exponent, end.closed) for end in (self.low, self.high)]
        if exponent % 2 == 0 and self.low.at < 0 < self.high.at:
            ends.append(End(0))
        return _between(ends)

    def _coarse_power(self, exponent: Number) -> Interval:
        """Ends other than 0 and 1 are left out: they have no exact power, or a long one."""
        if isinstance(exponent, int) and self.low.at < 0:
            return interval(0, math.inf) if exponent % 2 == 0 else REALS
        low = End(1, self.low.closed or self.low.at > 1) if self.low.at >= 1 else End(0, not self.is_positive)
        return Interval(low, End(1) if self.high.at <= 1 else End(math.inf, False))

    def _inverted(self) -> Interval:
        """1/x for all x but 0."""
        if self.low.at >= 0:
            return Interval(_reciprocal(self.high), _reciprocal(self.low))
        if self.high.at <= 0:
            return -((-self)._inverted())
        return REALS

    def repeated(self) -> Interval:
        """Sums of any number of such numbers, of none too."""
        low = End(0) if self.low.at >= 0 else End(-math.inf, False)
        return Interval(low, End(0) if self.high.at <= 0 else End(math.inf, False))

    def __or__(self, other: Interval) -> Interval:
        """The smallest interval with both."""
        return _between([self.low, self.high, other.low, other.high])

    def __and__(self, other: Interval) -> Interval:
        """The numbers in both, of which there are some."""
        low = max(self.low, other.low, key=lambda end: (end.at, not end.closed))
        return Interval(low, min(self.high, other.high, key=lambda end: (end.at, end.closed)))

    def __repr__(self) -> str:
        left, right = "[" if self.low.closed else "(", "]" if self.high.closed else ")"
        return f"{left}{self.low.at}, {self.high.at}{right}"


def interval(low: float | Number, high: float | Number, closed: bool = True) -> Interval:
    """The interval between two numbers or infinities; an infinity does not belong to it."""
    return _between(End(end, closed and end not in (-math.inf, math.inf)) for end in (low, high))


def _reciprocal(end: End) -> End:
    if end.at == 0:
        return End(math.inf, False)
    return End(0, False) if math.isinf(end.at) else End(exact(1 / Fraction(end.at)), end.closed)


def _product(first: End, second: End) -> End:
    if first.at == 0 or second.at == 0:
        return End(0, any(end.at == 0 and end.closed for end in (first, second)))
    return End(first.at * second.at, first.closed and second.closed)


def _between(ends: Iterable[End]) -> Interval:
    """The smallest interval with all the ends."""
    ends = list(ends)
    low, high = min(end.at for end in ends), max(end.at for end in ends)
    if _is_long(low):
        low = 0 if low >= 0 else -math.inf
    if _is_long(high):
        high = 0 if high <= 0 else math.inf
    return Interval(*(End(at, any(end == (at, True) for end in ends)) for at in (low, high)))


def _is_long(end: Number | float) -> bool:
    if isinstance(end, float):
        return False
    return end.numerator.bit_length() + end.denominator.bit_length() > MOST_BITS


REALS = interval(-math.inf, math.inf)
ZERO = interval(0, 0)
