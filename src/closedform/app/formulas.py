"""LaTeX in, SVG out: formulas that stand in a page's text, in its colour, each glyph stored once."""

from __future__ import annotations

import html
import itertools
import re
from functools import cache

# What the typesetter sets too tightly, too loosely, not in bold, or not at all.
_FUNCTIONS = r"\\(det|log|ln|sin|cos|tan|tanh|sinh|cosh|exp)(\^\{?[-\w\\]+\}?)? +(?=[A-Za-z\\])"
_SPACING = (
    (re.compile(_FUNCTIONS + r"(?!\\(?:left|bigl|lvert|lVert))"), r"\\\1\2\\, "),
    (re.compile(r"(^|[=(,{]|\\left\() *- *"), r"\1{-}"),
    (re.compile(r"\\nabla\^"), r"{\\nabla}^"),
    (re.compile(r"\\mathbf\{1\}"), "𝟏"),
    (re.compile(r"\\[lr]Vert"), r"\\|"),
)
_SIZE = 24.0
_SYMBOL = re.compile(r'<symbol id="([^"]+)"[^>]*?(?:/>|(?<!/)>.*?</symbol>)', re.DOTALL)
_DELIMITER = re.compile(r"\\(left|right)(?![a-z])")
# A formula wider than this, in em, is broken into lines.
_WIDEST = 38.0


class Formulas:
    """Typesets formulas and collects their glyphs, which `glyphs` holds once for the page.

    >>> formulas = Formulas()
    >>> formulas.inline("x")[:48]
    '<span class="formula" role="img" aria-label="x">'
    >>> formulas.glyphs().count("<symbol")
    1
    """

    def __init__(self) -> None:
        self._symbols: dict[str, str] = {}

    def inline(self, latex: str, spoken: str = "") -> str:
        """The formula as a part of a line; read aloud as `spoken`, or as its LaTeX."""
        svg = typeset(latex)
        self._symbols.update((found[1], found[0]) for found in _SYMBOL.finditer(svg))
        svg = _SYMBOL.sub("", svg)
        label = html.escape(spoken or latex, quote=True)
        return f'<span class="formula" role="img" aria-label="{label}">{svg}</span>'

    def display(self, latex: str, spoken: str = "") -> str:
        """The formula on lines of its own, broken before + and − where it is too wide for one."""
        first, *others = broken(latex)
        lines = [self.inline(first, spoken or latex)]
        lines += [f'<span class="more" aria-hidden="true">{self.inline(line)}</span>' for line in others]
        return "<br>".join(lines)

    def glyphs(self) -> str:
        """The glyphs of all formulas so far, to be put into the page once."""
        symbols = "".join(self._symbols.values())
        return (
            f'<svg class="glyphs" width="0" height="0" aria-hidden="true" focusable="false">{symbols}</svg>'
        )


@cache
def typeset(latex: str) -> str:
    """The formula as SVG with sizes in em and the surrounding text's colour.

    Raises ValueError with the formula where it cannot be set.
    """
    from ziamath.zmath import Latex

    text = _fixed_delimiters(latex)
    for pattern, replacement in _SPACING:
        text = pattern.sub(replacement, text)
    try:
        svg = Latex(text, size=_SIZE, color="currentColor").svg()
    except Exception as error:  # whatever the typesetter trips over
        raise ValueError(f"cannot typeset {latex!r}: {error}") from error
    return re.sub(r"<svg [^>]*>", _in_em, svg, count=1).replace("black", "currentColor")


def _in_em(found: re.Match[str]) -> str:
    box = re.search(r'viewBox="([^"]*)"', found[0])
    assert box is not None
    _, top, width, height = map(float, box[1].split())
    size = f'width="{width / _SIZE:.3f}em" height="{height / _SIZE:.3f}em"'
    drop = f"vertical-align:{-(top + height) / _SIZE:.3f}em"
    return f'<svg {size} viewBox="{box[1]}" style="{drop}" aria-hidden="true" focusable="false">'


def broken(latex: str) -> list[str]:
    """The formula in lines of at most `_WIDEST` em, as far as its sums and differences allow.

    >>> broken("a + b")
    ['a + b']
    """
    if width(latex) <= _WIDEST:
        return [latex]
    terms = _pieces(latex, 0)
    pieces = [p for term in terms for p in ([term] if width(term) <= _WIDEST else _pieces(term, 1))]
    lines: list[str] = []
    for piece in pieces:
        if lines and width(lines[-1] + piece) <= _WIDEST:
            lines[-1] += piece
        else:
            lines.append(piece)
    return lines


def width(latex: str) -> float:
    """The width of the formula in em."""
    found = re.search(r'width="([\d.]+)em"', typeset(latex))
    assert found is not None
    return float(found[1])


def _pieces(latex: str, depth: int) -> list[str]:
    """The formula cut before each + and − that is neither within braces, nor between growing delimiters, nor
    deeper than so many pairs of parentheses."""
    cuts, braces, brackets = [0], 0, 0
    for at, sign in enumerate(latex):
        braces += (sign == "{") - (sign == "}")
        brackets += (sign == "(") - (sign == ")")
        fixed = len(re.findall(r"\\left(?![a-z])", latex[:at])) > len(
            re.findall(r"\\right(?![a-z])", latex[:at])
        )
        if sign in "+-" and latex[at - 1 : at] == " " and not braces and brackets <= depth and not fixed:
            cuts.append(at)
    return [latex[a:b] for a, b in itertools.pairwise([*cuts, len(latex)])]


def _fixed_delimiters(latex: str) -> str:
    """Brackets that grow, around a sum or product with limits, in one large size: the typesetter makes them
    far too tall otherwise."""
    opened: list[re.Match[str]] = []
    for found in _DELIMITER.finditer(latex):
        if found[1] == "left":
            opened.append(found)
        elif opened:
            start = opened.pop()
            inner = latex[start.end() : found.start()]
            if re.search(r"\\(sum|prod)", inner):
                outer = latex[: start.start()], latex[found.end() :]
                return _fixed_delimiters(rf"{outer[0]}\Big{inner}\Big{outer[1]}")
    return latex
