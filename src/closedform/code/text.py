"""Pieces of Python source: expressions with their binding strength, numbers, sizes, slices and templates."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from closedform.code.idioms import MODULES, Translate
from closedform.expression.calculus import Number
from closedform.expression.size import Size

# Binding strength of Python's operators, loosest first.
SUM, PRODUCT, SIGN, POWER, ATOM = range(5)

Text = tuple[str, int]


def wrap(text: Text, strength: int) -> str:
    """The text, in brackets if it binds less strongly."""
    return text[0] if text[1] >= strength else f"({text[0]})"


def size_text(size: Size) -> str:
    """A size as source."""
    return size.render(lambda argument, axis: f"{argument}.shape[{axis}]")


def operand_text(size: Size) -> str:
    """A size as an operand: a sum or a product stands in brackets."""
    text = size_text(size)
    return text if re.fullmatch(r"[\w.\[\]]+", text) else f"({text})"


def slice_text(start: Size, stride: int, count: Size, size: Size) -> str:
    """The slice of `count` entries from `start` on, of an axis of a size."""
    if count == Size.of(0):
        return ":0"
    first = bound_text(start, size) if start != (Size.of(0) if stride > 0 else size - 1) else ""
    if stride > 0:
        ends = count == (size - start).ceildiv(stride)
        last = "" if ends else bound_text(start + count * stride, size)
    else:
        last = _lower_stop(start, stride, count, size)
    return f"{first}:{last}" + ("" if stride == 1 else f":{stride}")


def _lower_stop(start: Size, stride: int, count: Size, size: Size) -> str:
    """Where a slice with a negative step stops: -1 would be the last entry, so there is no stop before 0."""
    lowest = start + (count - 1) * stride
    if lowest == Size.of(0) or count == (start + 1).ceildiv(-stride):
        return ""
    stop = bound_text(lowest - 1, size)
    known = lowest.is_literal or (lowest - 1 - size).is_literal
    return stop if known else f"({stop} if {stop} >= 0 else None)"


def bound_text(bound: Size, size: Size) -> str:
    """A bound of a slice, counted from the end where that is a number."""
    back = bound - size
    if back.is_literal and back.value < 0 and not bound.is_literal:
        return str(back.value)
    return size_text(bound)


def number_text(value: Number) -> Text:
    """A number as source: a decimal if that is exact, else a quotient if that is short."""
    fraction = Fraction(value)
    if fraction.denominator == 1:
        text = str(fraction.numerator) if abs(fraction) < 1 << 53 else repr(float(fraction))
    elif Fraction(float(fraction)) == fraction or fraction.denominator > 10**6:
        text = repr(float(fraction))
    else:
        return f"({fraction.numerator} / {fraction.denominator})", ATOM
    return signed(text)


def signed(text: str) -> Text:
    return text, SIGN if text.startswith("-") else ATOM


def literal(value: Any) -> str:
    """A plain value as source."""
    text = repr(value)
    return text if isinstance(value, str) else re.sub(r"\b(inf|nan)\b", r"np.\1", text)


def fill(template: str, operands: Sequence[Text], values: Mapping[str, str], idiom: str) -> Text:
    """A template with its parameters and operands, in an idiom's names.

    An operand stands in brackets unless it is alone between brackets or commas.

    >>> fill("np.hypot({0}, 2 * {1})", [("a + b", SUM), ("c", ATOM)], {}, "jax")
    ('jnp.hypot(a + b, 2 * c)', 4)
    """
    words = {**values, **{str(i): f"_{i}_" for i in range(len(operands))}}
    words["args"] = ", ".join(f"_{i}_" for i in range(len(operands)))
    text, strength = _prepared(re.sub(r"\{(\w+)\}", lambda match: words[match[1]], template), idiom)

    def put(match: re.Match[str]) -> str:
        before, after = text[: match.start()].rstrip(" ")[-1:], text[match.end() :].lstrip(" ")[:1]
        alone = before in {"(", ","} and after in {")", ","}
        return wrap(operands[int(match[1])], SUM if alone else ATOM)

    return re.sub(r"\b_(\d+)_\b", put, text), strength


@lru_cache(maxsize=4096)
def _prepared(text: str, idiom: str) -> Text:
    """A template's text in an idiom, and its binding strength."""
    expression = ast.parse(text, mode="eval").body
    plain = isinstance(expression, ast.Call | ast.Subscript | ast.Attribute | ast.Name)
    if idiom != "numpy":
        text = ast.unparse(Translate(idiom).visit(expression))
    return text, ATOM if plain else SUM


def translated(text: str, idiom: str) -> str:
    """Statements that this package wrote for NumPy, with the modules of an idiom.

    >>> translated("np.exp(x)", "torch")
    'torch.exp(x)'
    """
    for module, name in MODULES[idiom].items():
        text = re.sub(rf"(?<![\w.]){re.escape(module)}(?=[.,])", name, text)
    return text
