"""Series of measured numbers in, SVG out: plots that stand inline in a page, in its own text colour."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

# Stands for the page's text colour until the SVG is written.
INK = "#010203"
FAINT = "#808182"

# Colour, line and marker of each engine: readable on white and on black, told apart without colour too.
STYLES: Mapping[str, tuple[str, str, str]] = {
    "closed form": ("#1b7fd4", "-", "o"),
    "by hand": (INK, "--", "s"),
    "autograd": ("#d98200", "-", "^"),
    "PyTorch": ("#d9472b", "-", "D"),
    "JAX": ("#12a17c", "-", "v"),
    "JAX (eager)": ("#12a17c", ":", "<"),
    "JAX (taylor)": ("#7aa300", "-", ">"),
    "finite differences": ("#b065c9", ":", "x"),
}
OTHERS = ("#1b7fd4", "#d98200", "#12a17c", "#d9472b", "#b065c9", "#7aa300", FAINT)


@dataclass(frozen=True)
class Series:
    """A named line: points, and the lower and upper edge of a band around it, if any."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    band: tuple[Sequence[float], Sequence[float]] | None = None


@dataclass(frozen=True)
class Panel:
    """One set of axes: what is drawn, how the axes are called and whether they are logarithmic."""

    series: Sequence[Series]
    x: str
    y: str
    log: str = ""
    title: str = ""
    limits: tuple[float, float] | None = None
    markers: bool = True
    level: float | None = None


def plot(*panels: Panel, height: float = 3.1) -> str:
    """The panels side by side with one legend, as SVG without declaration, metadata or size in points.

    >>> svg = plot(Panel([Series("JAX", [1, 10], [1e-6, 2e-6])], "n", "seconds", log="xy"))
    >>> svg.startswith("<svg"), "metadata" in svg
    (True, False)
    """
    with _drawing() as pyplot:
        figure, axes = pyplot.subplots(1, len(panels), figsize=(7.2, height), squeeze=False)
        for ax, panel in zip(axes[0], panels, strict=True):
            _draw(ax, panel)
        handles: dict[str, Any] = {}
        for ax in axes[0]:
            for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        if len(handles) > 1:
            columns = min(len(handles), 4)
            figure.legend(
                handles.values(), handles.keys(), loc="outside lower center", ncols=columns, frameon=False
            )
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True)
        pyplot.close(figure)
    return inline_svg(buffer.getvalue())


def _draw(ax: Any, panel: Panel) -> None:
    for i, series in enumerate(panel.series):
        colour, line, marker = STYLES.get(series.name, (OTHERS[i % len(OTHERS)], "-", "o"))
        ax.plot(
            series.x, series.y, line, color=colour, label=series.name, linewidth=1.4,
            marker=marker if panel.markers else None, markersize=3.5, markerfacecolor="none", markeredgewidth=1.0,
        )  # fmt: skip
        if series.band is not None:
            ax.fill_between(series.x, *series.band, color=colour, alpha=0.18, linewidth=0)
    if panel.level is not None:
        ax.axhline(panel.level, color=FAINT, linewidth=0.8)
    ax.set_xscale("log" if "x" in panel.log else "linear")
    ax.set_yscale("log" if "y" in panel.log else "linear")
    if panel.limits is not None:
        ax.set_ylim(*panel.limits)
    ax.set_xlabel(panel.x)
    ax.set_ylabel(panel.y)
    ax.set_title(panel.title, fontsize=9.5)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, which="major", color=FAINT, alpha=0.25, linewidth=0.5)


@contextmanager
def _drawing() -> Iterator[Any]:
    import matplotlib

    settings = {
        "svg.hashsalt": "closedform", "svg.fonttype": "path", "font.size": 9, "figure.constrained_layout.use": True,
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": FAINT, "xtick.color": INK, "ytick.color": INK,
        "xtick.minor.size": 0, "ytick.minor.size": 0, "legend.fontsize": 9,
    }  # fmt: skip
    with matplotlib.rc_context(settings):
        matplotlib.use("svg")
        from matplotlib import pyplot

        yield pyplot


_PICTURES = count(1)


def inline_svg(text: str, prefix: str | None = None, numbers: Callable[[], int] = lambda: next(_PICTURES)) -> str:
    """An SVG document made fit to stand in a page: no declaration, no metadata, ids of its own, the page's ink.

    >>> inline_svg('<?xml version="1.0"?><svg width="9pt"><g id="a"/><use href="#a"/></svg>', "p-")
    '<svg width="9pt"><g id="p-a"/><use href="#p-a"/></svg>'
    """
    prefix = f"s{numbers()}-" if prefix is None else prefix
    text = re.sub(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{prefix}', text)
    text = re.sub(r'href="#', f'href="#{prefix}', text)
    text = text.replace("url(#", f"url(#{prefix}")
    return re.sub(INK, "currentColor", text).strip()
