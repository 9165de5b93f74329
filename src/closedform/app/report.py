"""Chapters of blocks in, one HTML page out, which needs no network and no JavaScript."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatchmethod
from importlib.resources import files

from closedform.app.blocks import Block, Derived, Figure, Folded, Formula, Heading, Paragraph, Source, Table
from closedform.app.formulas import Formulas
from closedform.app.plots import inline_svg

_SKELETON = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="closedform">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{glyphs}
<header>
<h1>{title}</h1>
{lead}
</header>
<nav aria-label="Contents">
<ol>
{contents}</ol>
</nav>
<main>
{main}
</main>
<footer>
{footer}
</footer>
</body>
</html>
"""


@dataclass(frozen=True)
class Chapter:
    """A part of the report with a heading and a name to link to."""

    name: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Report:
    """A title, a line below it, the setting of the measurements, chapters, and a line at the end."""

    title: str
    lead: str
    setting: Mapping[str, str]
    summary: Sequence[Block]
    chapters: Sequence[Chapter]
    footer: str


def page(report: Report) -> str:
    """The report as HTML.

    >>> text = page(Report("Results", "", {}, [], [Chapter("a", "A", [Paragraph("x < y")])], ""))
    >>> "<p>x &lt; y</p>" in text, "<script" in text
    (True, False)
    """
    writer = _Writer()
    summary = writer.blocks(report.summary)
    chapters = "\n".join(writer.chapter(chapter) for chapter in report.chapters)
    setting = "".join(f"<dt>{_text(k)}</dt><dd>{_text(v)}</dd>" for k, v in report.setting.items())
    head = f'<section aria-labelledby="summary">\n<h2 id="summary">Summary</h2>\n{summary}\n</section>'
    return _SKELETON.format(
        title=_text(report.title),
        style=files("closedform.app").joinpath("page.css").read_text(encoding="utf-8"),
        glyphs=writer.formulas.glyphs(),
        lead=f'<p class="lead">{writer.inline(report.lead)}</p>\n<dl class="setting">{setting}</dl>',
        contents="".join(f'<li><a href="#{c.name}">{_text(c.title)}</a></li>\n' for c in report.chapters),
        main=f"{head}\n{chapters}",
        footer=f"<p>{writer.inline(report.footer)}</p>",
    )


def _text(text: str) -> str:
    return html.escape(text, quote=False)


class _Writer:
    """Writes blocks as HTML; its formulas share their glyphs."""

    def __init__(self) -> None:
        self.formulas = Formulas()
        self.pictures = 0

    def chapter(self, chapter: Chapter) -> str:
        """A chapter with its heading."""
        body = self.blocks(chapter.blocks)
        return (
            f'<section aria-labelledby="{chapter.name}">\n'
            f'<h2 id="{chapter.name}">{_text(chapter.title)}</h2>\n{body}\n</section>'
        )

    def blocks(self, blocks: Sequence[Block]) -> str:
        """Blocks one after another."""
        return "\n".join(self.block(block) for block in blocks)

    def inline(self, text: str) -> str:
        """Text with `code` and $formulas$."""
        parts = re.split(r"(`[^`]*`|\$[^$]*\$)", text)
        return "".join(self._part(part) for part in parts)

    def _part(self, part: str) -> str:
        if part.startswith("`") and part.endswith("`") and len(part) > 1:
            return f"<code>{_text(part[1:-1])}</code>"
        if part.startswith("$") and part.endswith("$") and len(part) > 1:
            return self.formulas.inline(part[1:-1])
        return _text(re.sub(r"(\b\w) = ", "\\1\u00a0=\u00a0", part.replace("'", "’")))

    @singledispatchmethod
    def block(self, block: Block) -> str:
        """One block."""
        raise TypeError(f"no way to write a {type(block).__name__}")

    @block.register
    def _(self, block: Paragraph) -> str:
        kind = f' class="{block.kind}"' if block.kind else ""
        return f"<p{kind}>{self.inline(block.text)}</p>"

    @block.register
    def _(self, block: Heading) -> str:
        return f"<h3>{self.inline(block.text)}</h3>"

    @block.register
    def _(self, block: Formula) -> str:
        return f'<div class="display statement">{self.formulas.display(block.latex, block.spoken)}</div>'

    @block.register
    def _(self, block: Derived) -> str:
        rows = "".join(
            f"<dt>{self.inline(label)}</dt><dd>{self.formulas.display(latex, spoken)}</dd>"
            for label, latex, spoken in block.rows
        )
        return f'<dl class="derived">{rows}</dl>'

    @block.register
    def _(self, block: Table) -> str:
        def cell(column: int, text: str) -> str:
            words = ' class="words"' if column in block.words else ""
            if column == 0:
                return f'<th scope="row">{self.inline(text)}</th>'
            return f"<td{words}>{self.inline(text)}</td>"

        def heading(column: int, text: str) -> str:
            words = ' class="words"' if column in block.words else ""
            return f'<th scope="col"{words}>{self.inline(text)}</th>'

        head = "".join(heading(i, text) for i, text in enumerate(block.columns))
        body = "".join(
            ('<tr class="marked">' if n in block.marked else "<tr>")
            + "".join(cell(i, text) for i, text in enumerate(row))
            + "</tr>\n"
            for n, row in enumerate(block.rows)
        )
        label = html.escape(_plain(block.caption), quote=True)
        return (
            f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
            f"<table>\n<caption>{self.inline(block.caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>"
        )

    @block.register
    def _(self, block: Figure) -> str:
        self.pictures += 1
        kind = "picture drawn" if block.drawn else "picture"
        alt, svg = html.escape(block.alt, quote=True), inline_svg(block.svg, f"p{self.pictures}-")
        return (
            f'<figure><div class="{kind}" role="img" aria-label="{alt}">{svg}</div>\n'
            f"<figcaption>{self.inline(block.caption)}</figcaption></figure>"
        )

    @block.register
    def _(self, block: Source) -> str:
        code = html.escape(block.code.strip(), quote=False)
        return (
            f"<details><summary>{_text(block.summary)}</summary>\n<pre><code>{code}\n</code></pre></details>"
        )

    @block.register
    def _(self, block: Folded) -> str:
        return f"<details><summary>{_text(block.summary)}</summary>\n{self.blocks(block.blocks)}\n</details>"


def _plain(text: str) -> str:
    return re.sub(r"[`$]", "", text)
