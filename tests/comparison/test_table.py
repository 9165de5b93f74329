"""Tables as a person reads them, and nothing in them taken for markup."""

import io
from dataclasses import replace

from rich.console import Console

from closedform.comparison.compare import Comparison
from closedform.comparison.rows import Row
from closedform.comparison.table import html_table, text

FAST = Row(
    "least squares", "grad", "closed form", "closedform 0.1.0", 8, "float64", "measured",
    error=1.2e-16, worst_error=3.4e-16, worst_index=(2,), ulps=0.54, prepare_seconds=0.0123,
    samples=(1.9e-6, 2.0e-6, 2.2e-6), repeats=1024, peak_memory=2_500_000, cpu_wall=1.0,
)  # fmt: skip
SLOW = replace(
    FAST, engine="PyTorch", samples=(50e-6, 60e-6, 70e-6), peak_memory=4096, error=0.0, ulps=0.0, cpu_wall=0.5
)
FAILED = Row(
    "least squares", "grad", "autograd", "autograd 1.9", 8, "float64", "failed", "wrong: [bold]<b>nan</b>"
)  # fmt: skip

# ruff: noqa: E501 (a table is as wide as it is)
EXPECTED = """\
grad of least squares, 8 variables, float64
┏━━━━━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━━━━━━┳━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━┓
┃ engine      ┃   error ┃ worst entry    ┃ ulps ┃ prepare ┃   median [quartiles] ┃ ratio ┃   memory ┃ note                     ┃
┡━━━━━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━━━━━━╇━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━┩
│ closed form │ 1.2e-16 │ 3.4e-16 at [2] │ 0.54 │ 12.3 ms │ 2.00 µs [1.95, 2.10] │  1.00 │  2.50 MB │                          │
│ PyTorch     │       0 │ 3.4e-16 at [2] │    0 │ 12.3 ms │ 60.0 µs [55.0, 65.0] │    30 │ < 0.1 MB │ disturbed by other       │
│             │         │                │      │         │                      │       │          │ processes                │
│ autograd    │       – │ –              │    – │       – │                    – │     – │        – │ wrong: [bold]<b>nan</b>  │
└─────────────┴─────────┴────────────────┴──────┴─────────┴──────────────────────┴───────┴──────────┴──────────────────────────┘"""


def test_the_table_as_text() -> None:
    assert text([FAST, SLOW, FAILED], width=128) == EXPECTED


def test_html_is_escaped() -> None:
    page = html_table([FAST, FAILED], note="<i>no errors</i>")
    assert "<td>wrong: [bold]&lt;b&gt;nan&lt;/b&gt;</td>" in page
    assert "<p>&lt;i&gt;no errors&lt;/i&gt;</p>" in page
    assert page.count("<tr>") == 3


def test_a_comparison_prints_as_its_table_and_note() -> None:
    comparison = Comparison((FAST,), "no errors: <why>")
    assert str(comparison).endswith("\nno errors: <why>")
    assert comparison._repr_html_().startswith("<table>")
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(comparison)
    assert "closed form" in console.export_text()


def test_no_rows_are_no_table() -> None:
    assert "nothing was compared" in text([])
