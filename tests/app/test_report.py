"""The report: one well-formed page that fetches nothing and runs nothing."""

import re
from html.parser import HTMLParser

import pytest

from closedform.app.blocks import Derived, Figure, Folded, Formula, Heading, Paragraph, Source, Table
from closedform.app.formulas import Formulas, broken, typeset, width
from closedform.app.plots import Panel, Series, plot
from closedform.app.report import Chapter, Report, page
from closedform.problems import PROBLEMS

VOID = {"meta", "br", "hr", "img", "input", "link", "wbr", "col"}


class Checker(HTMLParser):
    """Collects what is wrong with a page's structure, its ids, its headings, and what it would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: set[str] = set()
        self.headings: list[int] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag in {"script", "link", "iframe", "object", "embed"}:
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in {"href", "xlink:href", "src"}:
                if (value or "").startswith("#"):
                    self.references.add((value or "")[1:])
                else:
                    self.faults.append(f"{name}={value}")
            elif name.startswith("on"):
                self.faults.append(f"{name} handler")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")


def check(text: str) -> Checker:
    checker = Checker()
    checker.feed(text)
    assert not checker.open, checker.open
    assert not checker.faults, checker.faults
    assert len(checker.ids) == len(set(checker.ids)), "an id stands twice"
    assert checker.references <= set(checker.ids)
    assert checker.headings[0] == 1
    assert all(b <= a + 1 for a, b in zip(checker.headings, checker.headings[1:], strict=False))
    assert not re.search(r"@import|url\((?!#)", text)
    assert not re.search(r"https?://(?!www\.w3\.org/)", text), "an address in the page"
    return checker


def figure(name: str) -> Figure:
    return Figure(
        plot(Panel([Series(name, [1, 10], [1e-6, 2e-6], ([1e-7] * 2, [1e-5] * 2))], "n", "s", "xy")), "A", "B"
    )


def report() -> Report:
    blocks = [
        Formula(r"f(x) = \tfrac{1}{2} x^\top A x"),
        Paragraph("Less < more & `a < b`, $x^2$.", "finding"),
        Derived([("$f$", r"A^\top b", "Aᵀb")]),
        Heading("Compared"),
        Table(
            "Times of `f`",
            ["Engine", "Time", "Note"],
            [["JAX", "1 µs", "a <b>"]],
            frozenset({0}),
            frozenset({2}),
        ),
        figure("JAX"),
        figure("PyTorch"),
        Source("Source", "def f(x):\n    return x < 1\n"),
        Folded("More", [Paragraph("inside")]),
    ]
    return Report(
        "Title", "Lead", {"Machine": "M"}, [Paragraph("All well.")], [Chapter("one", "One", blocks)], "End"
    )


def test_a_page_is_well_formed_and_stands_alone() -> None:
    checker = check(page(report()))
    assert {"summary", "one"} <= set(checker.ids)


def test_a_page_is_accessible() -> None:
    text = page(report())
    assert '<html lang="en">' in text
    assert text.count("<caption>") == text.count("<table>") == 1
    assert '<th scope="row">JAX</th>' in text and '<th scope="col">Engine</th>' in text
    assert 'role="img" aria-label="A"' in text and 'aria-label="Aᵀb"' in text
    assert "prefers-color-scheme: dark" in text and "@media print" in text


def test_text_is_escaped() -> None:
    text = page(report())
    assert "Less &lt; more &amp; <code>a &lt; b</code>" in text and "a &lt;b&gt;" in text
    assert "return x &lt; 1" in text


def test_pages_are_reproducible() -> None:
    assert page(report()) == page(report())


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_statement_can_be_typeset(name: str) -> None:
    assert "em" in typeset(PROBLEMS[name].statement)


@pytest.mark.parametrize(
    "latex",
    [
        r"A^\top (A x - b)", r"\tfrac{1}{2}\left(A + A^\top\right)", r"\sigma\left(a^\top x\right) a a^\top",
        r"A \odot B \otimes C", r"\prod_{k=1}^{10} (1-\alpha_k)^2", r"\mathbf{1}", r"X^{-\top}",
        r"-\log\det X", r"\operatorname{diag}(x)", r"\lVert x \rVert_2^2", r"\left|\det X\right|",
    ],
)  # fmt: skip
def test_the_notation_can_be_typeset(latex: str) -> None:
    assert typeset(latex).startswith("<svg")


def test_a_formula_that_cannot_be_typeset_is_named() -> None:
    with pytest.raises(ValueError, match=r"cannot typeset '\\\\frac"):
        typeset(r"\frac{1")


def test_glyphs_are_stored_once() -> None:
    formulas = Formulas()
    for _ in range(3):
        formulas.inline("x + x")
    assert formulas.glyphs().count("<symbol") == 2


def test_a_wide_formula_is_broken_before_its_signs() -> None:
    latex = " + ".join(rf"\frac{{1}}{{{k}}} (x - {k})^{{2}}" for k in range(1, 30))
    lines = broken(latex)
    assert "".join(lines) == latex and len(lines) > 1
    assert all(line.startswith("+ ") for line in lines[1:])
    assert all(width(line) < 40 for line in lines)
    html = Formulas().display(latex, "a sum")
    assert html.count('aria-label="a sum"') == 1 and html.count("<br>") == len(lines) - 1


@pytest.mark.parametrize("name", ["sum", "prod"])
def test_brackets_around_a_sum_stay_in_bounds(name: str) -> None:
    svg = typeset(rf"\left( \{name}_{{k}} (1 - \alpha_{{k}}) \right) x")
    height = re.search(r'height="([\d.]+)em"', svg)
    assert height is not None and float(height[1]) < 4
