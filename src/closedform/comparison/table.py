"""From rows to tables: for the terminal, as plain text, and as HTML for notebooks."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from closedform.comparison.rows import Row

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = (
    "engine",
    "error",
    "worst entry",
    "ulps",
    "prepare",
    "median [quartiles]",
    "ratio",
    "memory",
    "note",
)
NOTHING = "–"
_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def ratios(rows: Sequence[Row]) -> list[float | None]:
    """Medians over the smallest median among the rows.

    >>> common = dict(problem="f", operator="grad", version="", size=1, dtype="float64", status="measured")
    >>> ratios([Row(engine="a", samples=(2.0,), **common), Row(engine="b", samples=(1.0,), **common)])
    [2.0, 1.0]
    """
    medians = [row.median for row in rows]
    fastest = min((m for m in medians if m is not None), default=None)
    return [None if m is None or fastest is None else m / fastest for m in medians]


def cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """The text of every cell, a tuple for each row, in the order of COLUMNS."""
    return [_cells(row, ratio) for row, ratio in zip(rows, ratios(rows), strict=True)]


def _cells(row: Row, ratio: float | None) -> tuple[str, ...]:
    notes = [row.reason, row.note]
    notes.append("disturbed by other processes" if row.contended else "")
    return (
        row.engine,
        number(row.error),
        NOTHING if row.worst_error is None else f"{number(row.worst_error)} at {index(row.worst_index)}",
        NOTHING if row.ulps is None else f"{row.ulps:.2g}" if row.ulps < 1e4 else f"{row.ulps:.0e}",
        seconds(row.prepare_seconds),
        timing(row),
        NOTHING if ratio is None else f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}",
        size(row.peak_memory),
        "; ".join(note for note in notes if note),
    )


def number(value: float | None) -> str:
    """An error, in two digits.

    >>> number(1.234e-16), number(0.0), number(None)
    ('1.2e-16', '0', '–')
    """
    return NOTHING if value is None else "0" if value == 0 else f"{value:.1e}"


def index(position: tuple[int, ...] | None) -> str:
    """An entry's index.

    >>> index((1, 2)), index(())
    ('[1, 2]', '[]')
    """
    return str(list(position or ()))


def seconds(value: float | None) -> str:
    """A time in three digits, with the unit that fits.

    >>> seconds(0.00123), seconds(4.5e-8)
    ('1.23 ms', '45.0 ns')
    """
    return NOTHING if value is None else _with_unit(value, _SECONDS)


def timing(row: Row) -> str:
    """Median and quartiles, in the unit of the median.

    >>> timing(Row("f", "grad", "a", "", 1, "float64", "measured", samples=(1e-3, 2e-3, 3e-3)))
    '2.00 ms [1.50, 2.50]'
    """
    if row.median is None or row.quartiles is None:
        return NOTHING
    scale, unit = _unit(row.median, _SECONDS)
    low, high = (f"{q / scale:.3g}" if q < scale else _three(q / scale) for q in row.quartiles)
    return f"{_three(row.median / scale)} {unit} [{low}, {high}]"


def size(value: int | None) -> str:
    """A number of bytes; what is below the resolution of the measurement is said to be so.

    >>> size(1_234_567), size(4096), size(None)
    ('1.23 MB', '< 0.1 MB', '–')
    """
    if value is None:
        return NOTHING
    return "< 0.1 MB" if value < 1e5 else _with_unit(value, _BYTES)


def _with_unit(value: float, units: Sequence[tuple[float, str]]) -> str:
    scale, unit = _unit(value, units)
    return f"{_three(value / scale)} {unit}"


def _unit(value: float, units: Sequence[tuple[float, str]]) -> tuple[float, str]:
    return next(((scale, unit) for scale, unit in units if value >= scale), units[-1])


def _three(value: float) -> str:
    """Three digits, without an exponent."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def title(rows: Sequence[Row]) -> str:
    """What the rows compare, in one line."""
    if not rows:
        return "nothing was compared"
    row = rows[0]
    return f"{row.operator} of {row.problem}, {row.size} variables, {row.dtype}"


def rich_table(rows: Sequence[Row]) -> Table:
    """The rows as a table for the terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title(rows)), title_justify="left")
    for column in COLUMNS:
        right = column not in {"engine", "note", "worst entry"}
        table.add_column(Text(column), justify="right" if right else "left", overflow="fold")
    for row in cells(rows):
        table.add_row(*map(Text, row))
    return table


def text(rows: Sequence[Row], width: int = 160) -> str:
    """The rows as plain text."""
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(rich_table(rows))
    file = console.file
    assert isinstance(file, io.StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def html_table(rows: Sequence[Row], note: str = "") -> str:
    """The rows as an HTML table with a note below; everything in it is escaped."""
    head = "".join(f"<th>{html.escape(column)}</th>" for column in COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in cells(rows)
    )
    caption = html.escape(title(rows))
    below = f"<p>{html.escape(note)}</p>" if note else ""
    content = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f"<table><caption>{caption}</caption>{content}</table>{below}"
