"""An expression of the calculus goes in, its formula as Unicode text comes out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import MappingProxyType

from closedform.expression.calculus import Number
from closedform.expression.expr import Expr
from closedform.notation.layout import Level, Piece, Style, render
from closedform.notation.matrix import notation
from closedform.notation.names import GREEK, parts_of
from closedform.notation.numbers import written
from closedform.notation.shared import shared
from closedform.primitives.record import Primitive


def text(expr: Expr) -> str:
    """The formula as one line of Unicode text; `closedform.notation.matrix` states the conventions.

    >>> from closedform.expression.calculus import dot, transpose
    >>> from closedform.expression.expr import input_
    >>> A = input_("A", (3, 2))
    >>> text(dot(transpose(A, (1, 0)), A))
    'AᵀA'
    """
    return render(shared(notation(expr)), _Text())


_RAISED = dict(zip("0123456789+-T⊤", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵀᵀ", strict=True))
_LOWERED = {
    **dict(zip("0123456789-aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₋ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True)),
    ",": "",
}
_FRACTIONS = {(1, 2): "½", (1, 3): "⅓", (2, 3): "⅔", (1, 4): "¼", (3, 4): "¾", (1, 6): "⅙", (1, 8): "⅛"}


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
            "sum": "Σ",
            "prod": "∏",
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

    def bold(self, name: str) -> str:
        offset = ord("𝐚") - ord("a") if name.islower() else ord("𝐀") - ord("A")
        return chr(ord(name) + offset)

    def number(self, value: Number) -> Piece:
        found = written(value)
        if found.mantissa:
            return self.decimal(found)
        constant = re.sub(r"sqrt\((.*)\)", r"√\1", found.constant.replace("pi", "π")).replace("^2", "²")
        vulgar = _FRACTIONS.get((found.above, found.below))
        if vulgar:
            return Piece(vulgar + constant, Level.BARE)
        above = (str(found.above) if found.above != 1 or not constant else "") + constant
        level = Level.ATOM if not constant or found.above == 1 else Level.BARE
        return Piece(above, level) if found.below == 1 else Piece(f"{above}/{found.below}", Level.PRODUCT)

    def brackets(self, inner: str, kind: str = "()") -> str:
        return f"‖{inner}‖" if kind == "||" else kind[0] + inner + kind[1]

    def superscript(self, base: str, exponent: str) -> str:
        if all(c in _RAISED for c in exponent):
            return base + "".join(_RAISED[c] for c in exponent)
        plain = re.fullmatch(r"⊙?\w+", exponent)
        return f"{base}^{exponent}" if plain else f"{base}^({exponent.replace('-', self.minus)})"

    def subscript(self, base: str, items: Sequence[str], letters: bool = True) -> str:
        small = all(c in _LOWERED for item in items for c in item)
        numbers = len(items) > 1 and any(not item.isalpha() for item in items)
        if letters and small and not numbers:
            return base + "".join(_LOWERED[c] for item in items for c in item)
        if (letters and not numbers) or items in (["F"], ["⊙"]):
            short = "".join(items)
            return f"{base}_{short}" if len(short) <= 4 else f"{base}_({', '.join(items)})"
        return self.marked(base, items)

    def marked(self, base: str, items: Sequence[str]) -> str:
        return f"{base}[{', '.join(items)}]"

    def fraction(self, above: Piece, below: Piece) -> Piece:
        left = above.string if above.level > Level.SUM else self.brackets(above.string)
        right = below.string if below.level > Level.BARE else self.brackets(below.string)
        return Piece(f"{left}/{right}", Level.PRODUCT)

    def root(self, piece: Piece) -> Piece:
        return Piece("√" + (piece.string if piece.simple else self.brackets(piece.string)))

    def word(self, name: str) -> str:
        return name

    def template(self, primitive: Primitive) -> str:
        return primitive.text

    def space(self, left: Piece, right: Piece) -> str:
        return " " if left.closes or right.opens else ""

    def where(self, whole: str, definitions: Sequence[str]) -> str:
        return f"{whole}, where {', '.join(definitions)}"
