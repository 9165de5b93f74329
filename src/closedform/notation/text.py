"""An expression of the calculus goes in, its formula as Unicode text comes out."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Sequence
from types import MappingProxyType

from closedform.expression.calculus import Number
from closedform.expression.expr import Expr
from closedform.notation.layout import Level, Piece, Style, render
from closedform.notation.matrix import notation
from closedform.notation.names import GREEK, parts_of
from closedform.notation.numbers import written
from closedform.notation.shared import shared
from closedform.primitives.record import PRIMITIVES, Primitive


def text(expr: Expr, inputs: Iterable[Expr] = (), turned: bool = False) -> str:
    """The formula as one line of Unicode text; `closedform.notation.matrix` states the conventions.

    inputs  all arguments, if there are more than stand in the formula: their names are not used for others
    turned  whether to write the transpose: of a vector, the row

    >>> from closedform.expression.calculus import dot, transpose
    >>> from closedform.expression.expr import input_
    >>> A = input_("A", (3, 2))
    >>> text(dot(transpose(A, (1, 0)), A))
    'AᵀA'
    """
    known = list(inputs)
    names = [str(node.params[0]) for node in known]
    form = notation(expr, known, turned)
    return render(shared(form, names), _Text(), names)


def spelled(name: str) -> str:
    """How a name is printed.

    >>> spelled("x0"), spelled("lam")
    ('x₀', 'λ')
    """
    return _Text().symbol(name).string


_RAISED = dict(zip("0123456789+-T⊤", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵀᵀ", strict=True))
_LOWERED = {
    **dict(zip("0123456789-aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₋ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True)),
    ",": "",
}
_BOLD = {
    chr(ord(first) + n): chr(ord(bold) + n)
    for first, bold, count in (("a", "𝐚", 26), ("A", "𝐀", 26), ("0", "𝟎", 10), ("α", "𝛂", 25), ("Α", "𝚨", 25))
    for n in range(count)
}
_NUMBER = re.compile(r"[0-9.]+|[½⅓⅔¼¾⅙⅛]")
_FRACTIONS = {(1, 2): "½", (1, 3): "⅓", (2, 3): "⅔", (1, 4): "¼", (3, 4): "¾", (1, 6): "⅙", (1, 8): "⅛"}


def _constant(name: str) -> str:
    """A constant of `closedform.notation.numbers` as text."""
    name = re.sub(r"sqrt\((\w+)\)", r"√\1", name).replace("sqrt", "√").replace("pi", "π").replace(" ", "")
    return re.sub(r"\^(\d+)$", lambda power: "".join(_RAISED[c] for c in power[1]), name)


@functools.cache
def _function_words() -> frozenset[str]:
    """The words that stand for functions."""
    return frozenset().union(*(record.words for record in PRIMITIVES.values())) | set(PRIMITIVES)


def _runs_together(left: str, right: str, symbols: Collection[str]) -> bool:
    """Whether two strings side by side are read as an index, a number, or a word that begins in the first."""
    if right.startswith("[") or re.match("[eE][0-9]", right):
        return True
    end, start = re.search(r"\w*$", left), re.match(r"\w*", right)
    before, after = end[0] if end else "", start[0] if start else ""
    if not before or not after:
        return False
    both = before + after
    spans = [both[i:j] for i in range(len(before)) for j in range(len(before) + 1, len(both) + 1)]
    return any(span in symbols or span in _function_words() for span in spans)


class _Text(Style):
    minus = "−"
    signs = MappingProxyType(
        {
            "hadamard": "⊙",
            "quotient": "⊘",
            "kron": "⊗",
            "dot": "·",
            "ones": "𝟏",
            "transpose": "T",
            "inverse transpose": "-T",
            "different": "≠",
            "differential": "d",
            "sum": "∑",
            "prod": "∏",
            "pi": "π",
            "e": "e",
        }
    )

    def symbol(self, name: str) -> Piece:
        base, subscripts = parts_of(name)
        base = GREEK.get(base, base)
        shown = base
        if subscripts:
            shown = "_".join((base, *subscripts)) if subscripts[1:] else self.subscript(base, subscripts)
        long = len(base) > 1
        return Piece(shown, simple=True, opens=long, closes=long or "_" in shown)

    def verbatim(self, name: str) -> Piece:
        return Piece(name, simple=True, opens=True, closes=True)

    def bold(self, name: str) -> str:
        return "".join(_BOLD.get(c, c) for c in name)

    def told_apart(self, text: str, symbols: Collection[str]) -> str:
        def word(match: re.Match[str]) -> str:
            return self.bold(match[0]) if match[0] in symbols else match[0]

        return re.sub(r"[^\W\d_]\w*", word, text)

    def number(self, value: Number) -> Piece:
        found = written(value)
        if found.mantissa:
            return self.decimal(found)
        constant, under = _constant(found.constant), _constant(found.under)
        closes = constant.endswith(")") or "√" in constant
        vulgar = _FRACTIONS.get((found.above, found.below))
        if vulgar and not under:
            return Piece(vulgar + constant, Level.BARE, closes=closes)
        above = (str(found.above) if found.above != 1 or not constant else "") + constant
        below = (str(found.below) if found.below != 1 else "") + under
        if below:
            both = found.below != 1 and under
            return Piece(f"{above}/{self.brackets(below) if both else below}", Level.PRODUCT)
        level = Level.ATOM if not constant or found.above == 1 else Level.BARE
        return Piece(above, level, closes=closes)

    def brackets(self, inner: str, kind: str = "()") -> str:
        return f"‖{inner}‖" if kind == "||" else kind[0] + inner + kind[1]

    def superscript(self, base: str, exponent: str) -> str:
        if all(c in _RAISED for c in exponent):
            return base + "".join(_RAISED[c] for c in exponent)
        plain = re.fullmatch(r"⊙\d+|\w+", exponent)
        return f"{base}^{exponent}" if plain else f"{base}^({exponent.replace('-', self.minus)})"

    def subscript(self, base: str, items: Sequence[str], letters: bool = True) -> str:
        small = all(c in _LOWERED for item in items for c in item)
        numbers = len(items) > 1 and any(not item.isalpha() for item in items)
        if letters and small and not numbers:
            return base + "".join(_LOWERED[c] for item in items for c in item)
        if (letters and not numbers) or items in (["F"], ["⊙"]):
            plain = len(items) == 1 and items[0].isalpha() and len(items[0]) <= 4
            return f"{base}_{items[0]}" if plain or items == ["⊙"] else f"{base}_({', '.join(items)})"
        return self.marked(base, items)

    def marked(self, base: str, items: Sequence[str]) -> str:
        return f"{base}[{', '.join(items)}]"

    def fraction(self, above: Piece, below: Piece) -> Piece:
        inner = above.shut or above.closed or above.string
        left = inner if above.level > Level.SUM else self.brackets(inner)
        right = below.string if below.level > Level.BARE else self.brackets(below.string)
        return Piece(f"{left}/{right}", Level.PRODUCT)

    def root(self, piece: Piece) -> Piece:
        return Piece(
            "√" + (piece.string if piece.simple else self.brackets(piece.string)), Level.POWER, closes=True
        )

    def word(self, name: str) -> str:
        return name

    def template(self, primitive: Primitive) -> str:
        return primitive.text

    def space(self, left: Piece, right: Piece, symbols: Collection[str]) -> str:
        if right.string.startswith("[") and _NUMBER.fullmatch(left.string):
            return ""
        return " " if left.closes or right.opens or _runs_together(left.string, right.string, symbols) else ""

    def blocks(self, rows: Sequence[Sequence[str]], order: int, plain: bool) -> str:
        if not plain:
            return self.brackets("; ".join(", ".join(row) for row in rows), "[]")
        entries = rows if order == 2 else [[row[0] for row in rows]]
        lists = [self.brackets(", ".join(row), "[]") for row in entries]
        return self.brackets(", ".join(lists), "[]") if order == 2 else lists[0]

    def where(self, whole: str, definitions: Sequence[str]) -> str:
        return f"{whole}, where {', '.join(definitions)}"
