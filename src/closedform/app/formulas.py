"""LaTeX in, SVG out: formulas that stand in a page's text, in its colour, each glyph stored once."""

from __future__ import annotations

import html
import re
from functools import cache

# What the formulas use and the typesetter sets too tightly or does not know.
_SPACING = (
    (
        re.compile(
            r"\\(det|log|ln|sin|cos|tan|tanh|sinh|cosh|exp)(\^\{?[-\w\\]+\}?)? "
            r"+(?=[A-Za-z\\])(?!\\(?:left|bigl|lvert|lVert))"
        ),
        r"\\\1\2\\, ",
    ),
    (re.compile(r"(^|[=(,{]|\\left\() *- *"), r"\1{-}"),
    (re.compile(r"\\lVert"), r"\\|"),
    (re.compile(r"\\rVert"), r"\\|"),
)
_SIZE = 24.0
_SYMBOL = re.compile(r'<symbol id="([^"]+)"[^>]*?(?:/>|(?<!/)>.*?</symbol>)', re.DOTALL)


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

    for pattern, replacement in _SPACING:
        latex = pattern.sub(replacement, latex)
    try:
        svg = Latex(latex, size=_SIZE, color="currentColor").svg()
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
