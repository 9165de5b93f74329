"""The parts of a report (paragraphs, formulas, tables, figures, source) as records without markup.

Text in a block is plain; what stands between backticks is set as code, between dollars as a formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Paragraph:
    """Running text; its kind is "", "asked" (set back) or "finding" (set apart)."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Heading:
    """A heading within a problem."""

    text: str


@dataclass(frozen=True)
class Formula:
    """A displayed formula, with the text in which it reads aloud."""

    latex: str
    spoken: str = ""


@dataclass(frozen=True)
class Derived:
    """Derived formulas: what each is, its LaTeX, and the text in which it reads aloud."""

    rows: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class Table:
    """A caption, names of the columns and rows of text; the first cell of a row is its heading.

    `marked` are the rows to be set in bold. Columns other than the first, and those in `words`, hold numbers.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    marked: frozenset[int] = frozenset()
    words: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Figure:
    """A picture as SVG, what it shows (read aloud in its place), and the text below it; whether it is drawn
    for white paper, whatever the page's."""

    svg: str
    alt: str
    caption: str
    drawn: bool = False


@dataclass(frozen=True)
class Source:
    """Python source behind a line that opens it."""

    summary: str
    code: str


@dataclass(frozen=True)
class Folded:
    """Blocks behind a line that opens them."""

    summary: str
    blocks: Sequence[Block]


Block = Paragraph | Heading | Formula | Derived | Table | Figure | Source | Folded
