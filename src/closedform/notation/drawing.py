"""A graph in the DOT language in, its SVG and PNG out, drawn alike on every machine."""

from __future__ import annotations

import html
import importlib.util
import math
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from closedform.errors import ClosedformError

# A larger PNG is scaled down to this, so that it takes seconds and not gigabytes.
MOST_PIXELS = 25_000_000

_GRAPHVIZ = threading.Lock()  # Graphviz keeps its state in global variables


class DrawingError(ClosedformError, RuntimeError):
    """What draws is not installed, or could not draw."""


def draw_svg(dot: str, title: str, titles: Mapping[str, str]) -> str:
    """An `<svg>` element for a page, laid out by Graphviz: no prologue, comments or ids.

    dot     the graph, with text in DejaVu Sans
    title   of the drawing
    titles  of its nodes ("n0") and edges ("n0->n1")
    """
    svg = _graphviz(dot)
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<[a-z]+) id="[^"]*"', r"\1", svg)
    svg = re.sub(
        r"<title>(.*?)</title>",
        lambda found: f"<title>{escaped(titles[html.unescape(found[1])])}</title>",
        svg,
    )
    opening, rest = svg.split(">", 1)
    style = 'role="img" style="max-width:100%;height:auto"'
    return f"{opening} {style}>\n<title>{escaped(title)}</title>{rest}"


def escaped(words: str) -> str:
    """Any text as XML, on one line; what XML cannot hold becomes a replacement character.

    >>> escaped("a < b")
    'a &lt; b'
    """
    line = re.sub(r"\s", " ", words)
    return html.escape(re.sub("[^\\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", line))


def rasterise(svg: str) -> bytes:
    """The PNG of an SVG with sizes in points, at 192 dots per inch or what MOST_PIXELS allows."""
    if importlib.util.find_spec("resvg_py") is None:
        raise DrawingError("a PNG needs resvg-py: pip install resvg-py (SVG and DOT do not need it)")
    import resvg_py

    width, height = (
        float(size) * 96 / 72 for size in re.findall(r'\b(?:width|height)="([\d.]+)pt"', svg)[:2]
    )
    folder = _bundled_fonts()
    return resvg_py.svg_to_bytes(
        svg_string=svg,
        dpi=96,
        zoom=min(2.0, math.sqrt(MOST_PIXELS / (width * height))),
        background="white",
        font_dirs=None if folder is None else [str(folder)],
        skip_system_fonts=folder is not None,
    )


def _graphviz(dot: str) -> str:
    """The SVG by pygraphviz, or else by the program `dot`."""
    if importlib.util.find_spec("pygraphviz") is not None:
        import pygraphviz

        with _GRAPHVIZ:
            _load_fonts()
            drawn: bytes = pygraphviz.AGraph(string=dot).draw(format="svg", prog="dot")
        return drawn.decode()
    program = shutil.which("dot")
    if program is None:
        raise DrawingError(
            "drawing a graph needs Graphviz: install pygraphviz, whose wheels hold it (pip install "
            "pygraphviz), or put the program dot on the path; the graph's .dot needs neither"
        )
    with _font_settings() as settings:
        command, environment = [program, "-Tsvg"], os.environ | settings
        done = subprocess.run(command, input=dot.encode(), env=environment, capture_output=True, check=False)
    if done.returncode != 0:
        raise DrawingError(f"{program} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode()


def _bundled_fonts() -> Path | None:
    """The folder of the fonts that come with matplotlib, DejaVu Sans among them."""
    matplotlib = importlib.util.find_spec("matplotlib")
    if matplotlib is None or matplotlib.origin is None:
        return None
    folder = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"
    return folder if folder.is_dir() else None


@contextmanager
def _font_settings() -> Iterator[dict[str, str]]:
    """Environment in which Graphviz finds the bundled fonts only, so that text has one width everywhere,
    even on a machine without fonts."""
    folder = _bundled_fonts()
    if folder is None:
        yield {}
        return
    with tempfile.TemporaryDirectory() as cached:
        settings = Path(cached, "fonts.conf")
        places = f"<dir>{escaped(str(folder))}</dir><cachedir>{escaped(cached)}</cachedir>"
        settings.write_text(f"<fontconfig>{places}</fontconfig>", encoding="utf-8")
        yield {"FONTCONFIG_FILE": str(settings)}


@cache
def _load_fonts() -> None:
    """Draw once: pygraphviz looks for fonts at its first drawing, and then no more.

    Its fontconfig complains on standard error of system settings newer than itself: that is dropped.
    """
    import pygraphviz

    before = os.environ.copy()
    errors = os.dup(2)
    with _font_settings() as settings, open(os.devnull, "wb") as nothing:
        try:
            os.environ.update(settings)
            os.dup2(nothing.fileno(), 2)
            pygraphviz.AGraph(string="digraph { font }").draw(format="svg", prog="dot")
        finally:
            os.dup2(errors, 2)
            os.close(errors)
            for key in settings:
                del os.environ[key]
                os.environ.update({key: before[key]} if key in before else {})
