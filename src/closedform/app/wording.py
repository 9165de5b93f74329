"""Measured numbers in, text for people out: durations, ratios, powers of ten, lists of names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNITS = ((1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms"), (1.0, "s"))


def number(value: float, digits: int = 2) -> str:
    """A number with so many significant digits; far from one as a power of ten.

    >>> number(0.5), number(1234.5, 3), number(6.25e-9), number(float("inf"))
    ('0.5', '1230', '6.3 × 10⁻⁹', 'inf')
    """
    if not math.isfinite(value):
        return str(value).replace("-", "−")
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(float(f"{abs(value):.{digits - 1}e}")))
    sign = "−" if value < 0 else ""
    if -3 <= exponent < 6:
        rounded = float(f"{abs(value):.{digits - 1}e}")
        return sign + f"{rounded:.{max(0, digits - 1 - exponent)}f}".rstrip("0").rstrip(".") if exponent < 0 else (
            sign + f"{rounded:.{max(0, digits - 1 - exponent)}f}"
        )
    mantissa = f"{abs(value) / 10.0**exponent:.{digits - 1}f}".rstrip("0").rstrip(".")
    power = "10" + str(exponent).translate(_SUPERSCRIPTS)
    return sign + (power if mantissa == "1" else f"{mantissa} × {power}")


def duration(seconds: float) -> str:
    """A time in the unit that suits it.

    >>> duration(3.21e-5), duration(0.5), duration(90)
    ('32 µs', '500 ms', '90 s')
    """
    if not math.isfinite(seconds) or seconds <= 0:
        return number(seconds) + " s"
    scale, unit = next((u for u in reversed(_UNITS) if seconds >= u[0]), _UNITS[0])
    return f"{float(f'{seconds / scale:.2g}'):g} {unit}"


def ratio(value: float) -> str:
    """How many times.

    >>> ratio(1.0), ratio(2.345), ratio(123.4)
    ('1.0', '2.3', '120')
    """
    return f"{value:.1f}" if value < 9.95 else f"{float(f'{value:.2g}'):g}"


def memory(size: float) -> str:
    """A number of bytes in the unit that suits it.

    >>> memory(2_500_000), memory(512)
    ('2.5 MB', '512 B')
    """
    for scale, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= scale:
            return f"{float(f'{size / scale:.2g}'):g} {unit}"
    return f"{size:.0f} B"


def listing(names: Iterable[str], conjunction: str = "and") -> str:
    """Names as they stand in a sentence.

    >>> listing(["a", "b", "c"])
    'a, b and c'
    """
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {conjunction} {names[-1]}" if names else "none"


def span(values: Sequence[float], write: object = None) -> str:
    """The smallest and the largest value, or the only one.

    >>> span([3, 3]), span([1, 5, 2])
    ('3', '1 to 5')
    """
    text = write if callable(write) else (lambda value: f"{value:g}")
    low, high = text(min(values)), text(max(values))
    return low if low == high else f"{low} to {high}"


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "step"), plural(3, "step")
    ('1 step', '3 steps')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"
