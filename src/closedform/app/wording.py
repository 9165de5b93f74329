"""Measured numbers in, text for people out: durations, ratios, powers of ten, lists of names."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNITS = ((1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms"), (1.0, "s"))


def number(value: float, digits: int = 2) -> str:
    """A number with so many significant digits; far from one as a power of ten.

    >>> number(0.5), number(1234.5, 3), number(6.25e-9), number(float("inf"))
    ('0.50', '1230', '6.2 × 10⁻⁹', 'inf')
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value).replace("-", "−")
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    exponent = int(power)
    if -3 <= exponent < 4:
        text = f"{float(f'{mantissa}e{power}'):.{max(0, digits - 1 - exponent)}f}"
    else:
        text = f"{mantissa} × 10{str(exponent).translate(_SUPERSCRIPTS)}"
    return text.replace("-", "−")


def count(value: int) -> str:
    """A whole number, its thousands set apart.

    >>> count(10_000), count(1000)
    ('10\u202f000', '1000')
    """
    return f"{value:,}".replace(",", "\u202f") if value >= 10_000 else str(value)


def duration(seconds: float) -> str:
    """A time in the unit that suits it.

    >>> duration(3.21e-5), duration(0.5), duration(90)
    ('32 µs', '500 ms', '90 s')
    """
    scale, unit = _scale(seconds)
    return f"{number(seconds / scale)} {unit}"


def quartiles(median: float, low: float, high: float) -> str:
    """A median time with its quartiles in the same unit.

    >>> quartiles(3.2e-5, 3.1e-5, 3.6e-5)
    '32 (31–36) µs'
    """
    scale, unit = _scale(median)
    return f"{number(median / scale)} ({number(low / scale)}–{number(high / scale)}) {unit}"


def _scale(seconds: float) -> tuple[float, str]:
    rounded = float(f"{seconds:.1e}")
    return next((unit for unit in reversed(_UNITS) if rounded >= unit[0]), _UNITS[0])


def ratio(value: float) -> str:
    """How many times.

    >>> ratio(1.0), ratio(2.345), ratio(123.4)
    ('1.0', '2.3', '120')
    """
    return number(value) if value >= 1 else f"{value:.2f}"


def ulps(value: float) -> str:
    """An error in units in the last place; less than a hundredth is none.

    >>> ulps(1e-9), ulps(0.512)
    ('0', '0.51')
    """
    return "0" if value < 0.01 else number(value)


def memory(size: float) -> str:
    """A number of bytes in the unit that suits it; a few pages cannot be told from none.

    >>> memory(2_500_000), memory(512)
    ('2.5 MB', '< 10 kB')
    """
    if size < 10_000:
        return "< 10 kB"
    scale, unit = next(u for u in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if size >= u[0])
    return f"{number(size / scale)} {unit}"


def listing(names: Iterable[str], conjunction: str = "and") -> str:
    """Names as they stand in a sentence.

    >>> listing(["a", "b", "c"])
    'a, b and c'
    """
    names = list(names)
    return (
        names[0]
        if len(names) == 1
        else f"{', '.join(names[:-1])} {conjunction} {names[-1]}"
        if names
        else "none"
    )


def span(values: Sequence[float], write: Callable[[float], str] = "{:g}".format) -> str:
    """The smallest and the largest value, or the only one.

    >>> span([3, 3]), span([1, 5, 2])
    ('3', '1 to 5')
    """
    low, high = write(min(values)), write(max(values))
    return low if low == high else f"{low} to {high}"


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "step"), plural(3, "step")
    ('1 step', '3 steps')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"
