"""An expression of the calculus goes in, its formula in LaTeX comes out."""

from __future__ import annotations

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
from closedform.primitives.record import Primitive


def latex(expr: Expr, inputs: Iterable[Expr] = (), turned: bool = False) -> str:
    r"""The formula in LaTeX (math mode); `closedform.notation.matrix` states the conventions.

    inputs  all arguments, if there are more than stand in the formula: their names are not used for others
    turned  whether to write the transpose: of a vector, the row

    >>> from closedform.expression.calculus import dot, transpose
    >>> from closedform.expression.expr import input_
    >>> A = input_("A", (3, 2))
    >>> latex(dot(transpose(A, (1, 0)), A))
    'A^\\top A'
    """
    known = list(inputs)
    names = [str(node.params[0]) for node in known]
    form = notation(expr, known, turned)
    return render(shared(form, names), _Latex(), names)


_TALL = re.compile(r"\\frac|\\sum|\\prod|\\left|\\begin")
_BRACKETS = {
    "()": ("(", ")"),
    "[]": ("[", "]"),
    "||": (r"\lVert ", r" \rVert"),
    "⌈⌉": (r"\lceil ", r" \rceil"),
}
_WORDS = frozenset(
    {"exp", "ln", "log", "det", "max", "min", "sin", "cos", "tan", "sinh", "cosh", "tanh"}
    | {"arcsin", "arccos", "arctan"}
)


class _Latex(Style):
    minus = "-"
    signs = MappingProxyType(
        {
            "hadamard": r"\odot",
            "quotient": r"\oslash",
            "kron": r"\otimes",
            "dot": r" \cdot ",
            "ones": r"\mathbf{1}",
            "transpose": r"\top",
            "inverse transpose": r"-\top",
            "different": r"\ne",
            "differential": r"\mathrm{d}",
            "sum": r"\sum",
            "prod": r"\prod",
            "pi": r"\pi",
            "e": "e",
        }
    )

    def symbol(self, name: str) -> Piece:
        base, subscripts = parts_of(name)
        text = self._word_or_letter(base)
        if subscripts:
            text += "_{" + ",".join(self._word_or_letter(s) for s in subscripts) + "}"
        return Piece(text, simple=True)

    def _word_or_letter(self, name: str) -> str:
        if name in GREEK:
            return "\\" + name
        return name if len(name) == 1 or name.isdigit() else rf"\mathrm{{{name}}}"

    def verbatim(self, name: str) -> Piece:
        escaped = name.replace("_", r"\_")
        return Piece(rf"\mathtt{{{escaped}}}", simple=True)

    def bold(self, name: str) -> str:
        return rf"\boldsymbol{{{name}}}" if name.startswith("\\") else rf"\mathbf{{{name}}}"

    def told_apart(self, text: str, symbols: Collection[str]) -> str:
        def word(match: re.Match[str]) -> str:
            if match[0] in symbols:
                return "{" + self.bold(match[0]) + "}"
            name = match[1] or match[0].removeprefix("\\")
            function = match[1] or name in _WORDS
            return self.bold(name) if function and rf"\mathrm{{{name}}}" in symbols else match[0]

        return re.sub(r"\\operatorname\{(\w+)\}|\\[a-zA-Z]+", word, text)

    def number(self, value: Number) -> Piece:
        found = written(value)
        if found.mantissa:
            return self.decimal(found)
        above = _multiple(found.above, found.constant)
        if found.below == 1 and not found.under:
            return Piece(above, Level.BARE if found.above != 1 and found.constant else Level.ATOM)
        return Piece(rf"\tfrac{{{above}}}{{{_multiple(found.below, found.under)}}}", Level.BARE)

    def brackets(self, inner: str, kind: str = "()") -> str:
        left, right = _BRACKETS[kind]
        if _TALL.search(inner):
            left, right = rf"\left{left.strip()} ", rf" \right{right.strip()}"
        return left + inner + right

    def superscript(self, base: str, exponent: str) -> str:
        return f"{base}^{exponent}" if exponent == r"\top" else f"{base}^{{{exponent}}}"

    def subscript(self, base: str, items: Sequence[str], letters: bool = True) -> str:
        between = "" if letters and all(re.fullmatch("[a-z]", item) for item in items) else ","
        grouped = f"{{{base}}}" if re.search(r"_(\{[^{}]*\}|.)$", base) else base
        return f"{grouped}_{{{between.join(items)}}}"

    def marked(self, base: str, items: Sequence[str]) -> str:
        return f"{base}_{{[{','.join(items)}]}}"

    def fraction(self, above: Piece, below: Piece) -> Piece:
        return Piece(rf"\frac{{{above.string}}}{{{below.string}}}", Level.BARE)

    def root(self, piece: Piece) -> Piece:
        return Piece(rf"\sqrt{{{piece.string}}}")

    def word(self, name: str) -> str:
        return f"\\{name}" if name in _WORDS else rf"\operatorname{{{name.replace('_', ' ')}}}"

    def template(self, primitive: Primitive) -> str:
        return primitive.latex

    def space(self, left: Piece, right: Piece, symbols: Collection[str]) -> str:
        return " "

    def blocks(self, rows: Sequence[Sequence[str]], order: int, plain: bool) -> str:
        lines = r" \\ ".join(" & ".join(row) for row in rows)
        return rf"\begin{{bmatrix}} {lines} \end{{bmatrix}}"

    def where(self, whole: str, definitions: Sequence[str]) -> str:
        return whole + r",\quad\text{where } " + r",\; ".join(definitions)


def _multiple(number: int, constant: str) -> str:
    """A multiple of a constant of `closedform.notation.numbers`, or the number alone."""
    constant = re.sub(r"sqrt\((.*)\)", r"\\sqrt{\1}", constant)
    constant = re.sub(r"\^\(?([\d/]+)\)?$", r"^{\1}", constant).replace("pi", r"\pi").replace("ln", r"\ln")
    return constant if constant and number == 1 else f"{number} {constant}".rstrip()
