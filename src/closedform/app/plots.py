"""Series of measured numbers in, SVG out: plots that can stand in a page, in its own text colour."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from closedform.app.wording import count

# Stands for the page's text colour until the SVG is written.
INK = "#010203"
FAINT = "#808182"
# Inches, and the names in a row of the legend.
WIDTH, COLUMNS = 7.2, 4
# So many points on a logarithmic axis are all written at it.
FEW = 5
_SETTINGS: Any = {
    "svg.hashsalt": "closedform", "svg.fonttype": "path",
    "font.size": 9, "legend.fontsize": 9, "axes.edgecolor": FAINT, "axes.labelcolor": INK,
    "text.color": INK, "xtick.color": INK, "ytick.color": INK, "xtick.minor.size": 0, "ytick.minor.size": 0,
}  # fmt: skip
# The name of a line that others are to be compared with.
TRUTH = "exact"

# Colour, line and marker of each engine: readable on white and on black, told apart without colour too.
STYLES: Mapping[str, tuple[str, str, str]] = {
    "closed form": ("#1b7fd4", "-", "o"),
    "by hand": (INK, "--", "s"),
    "autograd": ("#d98200", "-", "^"),
    "PyTorch": ("#d9472b", "-", "D"),
    "JAX": ("#12a17c", "-", "v"),
    "nested JAX": ("#12a17c", "-", "v"),
    "JAX in Taylor mode": ("#7aa300", "-", ">"),
    "JAX (eager)": ("#12a17c", ":", "<"),
    "JAX (taylor)": ("#7aa300", "-", ">"),
    "finite differences": ("#b065c9", ":", "x"),
    TRUTH: (INK, "--", ""),
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
    """One set of axes: what is drawn, what the axes are called and which are logarithmic ("x", "y", "xy"), a
    title, limits of y, whether points are marked, the y of a line across, and whether the values of y are
    `ratios`, written as plain numbers (1, 2, 5, 10).
    """

    series: Sequence[Series]
    x: str
    y: str
    log: str = ""
    title: str = ""
    limits: tuple[float, float] | None = None
    markers: bool = True
    level: float | None = None
    ratios: bool = False


def plot(*panels: Panel, height: float = 3.1) -> str:
    """The panels side by side with one legend, as an SVG document.

    >>> svg = plot(Panel([Series("JAX", [1, 10], [1e-6, 2e-6])], "n", "seconds", log="xy"))
    >>> inline_svg(svg, "p-")[:4]
    '<svg'
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(WIDTH, height))
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        handles: dict[str, Any] = {}
        for ax, panel in zip(axes, panels, strict=True):
            _draw(ax, panel)
            for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        rows = -(-len(handles) // COLUMNS) if len(handles) > 1 else 0
        if rows:
            names, columns = list(handles), min(len(handles), COLUMNS)
            figure.legend(handles.values(), names, loc="lower center", ncols=columns, frameon=False)
        figure.subplots_adjust(
            left=0.62 / WIDTH, right=1 - 0.25 / WIDTH,
            top=1 - 0.28 / height, bottom=(0.55 + 0.2 * rows) / height,
            wspace=0.13 + 0.12 * len(panels),
        )  # fmt: skip
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True)
    return buffer.getvalue()


def _draw(ax: Any, panel: Panel) -> None:
    for i, series in enumerate(panel.series):
        colour, line, marker = STYLES.get(series.name, (OTHERS[i % len(OTHERS)], "-", "o"))
        ax.plot(
            series.x, series.y, line, color=colour, label=series.name, linewidth=1.4,
            marker=marker if panel.markers else None, markersize=3.5, markerfacecolor="none",
        )  # fmt: skip
        if series.band is not None:
            ax.fill_between(series.x, *series.band, color=colour, alpha=0.18, linewidth=0)
    if panel.level is not None:
        ax.axhline(panel.level, color=FAINT, linewidth=0.8)
    ax.set_xscale("log" if "x" in panel.log else "linear")
    ax.set_yscale("log" if "y" in panel.log else "linear")
    if panel.limits is not None:
        ax.set_ylim(*panel.limits)
    if "x" not in panel.log:
        ax.xaxis.get_major_locator().set_params(integer=True)
    sizes = sorted({x for series in panel.series for x in series.x})
    if "x" in panel.log and len(sizes) <= FEW:
        ax.set_xticks(sizes, [count(int(x)) for x in sizes])
    if panel.ratios:
        from matplotlib.ticker import LogLocator, StrMethodFormatter

        low, high = ax.get_ylim()
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 300 else (1,)))
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.minorticks_off()
    ax.set_xlabel(panel.x)
    ax.set_ylabel(panel.y)
    ax.set_title(panel.title, fontsize=9.5)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, which="major", color=FAINT, alpha=0.25, linewidth=0.5)


def inline_svg(text: str, prefix: str) -> str:
    """An SVG document made fit to stand in a page: without declaration, comments and metadata, its ids with a
    prefix, and in the page's text colour.

    >>> inline_svg('<?xml version="1.0"?><svg width="9pt"><g id="a"/><use href="#a"/></svg>', "p-")
    '<svg width="9pt"><g id="p-a"/><use href="#p-a"/></svg>'
    """
    text = re.sub(
        r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.DOTALL
    )
    text = re.sub(r'\bid="', f'id="{prefix}', text)
    text = re.sub(r'href="#', f'href="#{prefix}', text)
    return text.replace("url(#", f"url(#{prefix}").replace(INK, "currentColor").strip()
