"""An exact rational goes in; the fraction, decimal or multiple of pi that a person would write comes out."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from closedform.expression.calculus import Number


class Written(NamedTuple):
    """above / below times a constant and over a constant (names in CONSTANTS, or none), or else a decimal,
    `mantissa` times 10 ** `exponent`."""

    above: int = 1
    below: int = 1
    constant: str = ""
    under: str = ""
    mantissa: str = ""
    exponent: int = 0


# Fractions with a larger denominator are written as decimals if they are floats (dyadic) or have many digits.
LARGEST_DENOMINATOR = 1000
MOST_DIGITS, MOST_DECIMALS = 20, 12
# A decimal of so many digits stands for a float that is so near to it, relative to its size.
SHORT_DIGITS, ROUNDING = 12, 1e-15
CONSTANTS = (
    {"pi": math.pi, "e": math.e, "sqrt(pi)": math.sqrt(math.pi), "sqrt(2 pi)": math.sqrt(2 * math.pi)}
    | {"sqrt(2/pi)": math.sqrt(2 / math.pi), "ln(2)": math.log(2), "ln(10)": math.log(10)}
    | {"ln(pi)": math.log(math.pi), "ln(2 pi)": math.log(2 * math.pi)}
    | {f"sqrt({n})": math.sqrt(n) for n in (2, 3, 5, 6, 7, 10)}
    | {f"pi^{n}": math.pi**n for n in (2, 3, 4)}
    # Of normal densities in several dimensions.
    | {f"(2 pi)^{n}": (2 * math.pi) ** n for n in range(2, 11)}
    | {f"(2 pi)^({n}/2)": (2 * math.pi) ** (n / 2) for n in range(3, 20, 2)}
)
# Those by which a number may be divided; a root of an integer is taken above the line.
UNDER = tuple(name for name in CONSTANTS if "pi" in name or "ln" in name)
# Fractions whose denominator divides a power of ten, but none of these, are written as decimals.
PLAIN_DENOMINATORS = frozenset(range(1, 10))
# A multiple of a constant has no larger numerator or denominator: pi / 180 is one.
LARGEST_RATIO = 360


@lru_cache(maxsize=4096)
def written(value: Number) -> Written:
    """How a number that is not negative is written; a float, exact in the calculus, as its shortest decimal.

    >>> written(Fraction(1, 2)).below, written(Fraction(0.1)).mantissa, written(Fraction(2 * math.pi)).above
    (2, '0.1', 2)
    """
    fraction = Fraction(value)
    if not _is_decimal(fraction) and (fraction.denominator <= LARGEST_DENOMINATOR or _is_short(fraction)):
        return Written(fraction.numerator, fraction.denominator)
    near = Fraction(_shortest(fraction))
    if near.denominator in PLAIN_DENOMINATORS:  # 0.5000000000000001
        return Written(near.numerator, near.denominator)
    named = _multiple(fraction)
    if named is not None:
        return named
    mantissa, _, exponent = _shortest(fraction).partition("e")
    return Written(mantissa=mantissa, exponent=int(exponent or 0))


def _multiple(fraction: Fraction) -> Written | None:
    """The simplest multiple of a constant, or of its inverse, that is the number to its last digits."""
    try:
        number = float(fraction)
    except OverflowError:
        return None
    found = [Written(*_near(number / value), constant=name) for name, value in CONSTANTS.items()]
    found += [Written(*_near(number * CONSTANTS[name]), under=name) for name in UNDER]
    return min((ratio for ratio in found if ratio.above), key=lambda r: r.above * r.below, default=None)


def _near(value: float) -> tuple[int, int]:
    """The fraction of small integers that a float is, up to rounding; 0 / 1 if there is none."""
    ratio = Fraction(value).limit_denominator(LARGEST_RATIO)
    small = 0 < ratio.numerator <= LARGEST_RATIO
    return ratio.as_integer_ratio() if small and abs(value / float(ratio) - 1) < ROUNDING else (0, 1)


def _is_decimal(fraction: Fraction) -> bool:
    """Whether a fraction is better read as a decimal, as 0.04 for 1/25."""
    if fraction.denominator in PLAIN_DENOMINATORS:
        return False
    rest = fraction.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1 and len(_shortest(fraction)) <= MOST_DECIMALS


def _is_short(fraction: Fraction) -> bool:
    """Whether a fraction that is no float is short enough to be read."""
    dyadic = fraction.denominator & (fraction.denominator - 1) == 0
    return not dyadic and len(f"{fraction.numerator}{fraction.denominator}") <= MOST_DIGITS


def _shortest(fraction: Fraction) -> str:
    """The shortest decimal; a float's last bits, as in 0.2 * 0.2, are those of its rounding."""
    try:
        value = float(fraction)
        short = float(f"{value:.{SHORT_DIGITS}g}")
        return repr(short if abs(short - value) <= ROUNDING * abs(value) else value).removesuffix(".0")
    except OverflowError:
        digits = str(fraction.numerator // fraction.denominator)
        return f"{digits[0]}.{digits[1:16]}e{len(digits) - 1}"
