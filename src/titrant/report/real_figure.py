"""A finding's picture: dots with intervals over categories, or lines over a numeric axis.

Series differ in marker and line, never in colour alone.
"""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from titrant.report import typeset
from titrant.report.drawing import INK, LINES, MARKERS
from titrant.report.figures import drawing_settings, for_page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

    from titrant.audits.base import Plot, Point

INKS = ("s0", "end", "s1", "s2", "s3", "s4", "s5", "s6")
ROW_IN, FOOT_IN, WIDTH_IN, LINES_IN = 0.3, 0.9, 6.2, 2.7


def plot_svg(plot: Plot, *, prefix: str) -> str:
    """The picture as an `<svg>` that stands in a page; the same plot gives the same text.

    Args:
        plot: what is drawn.
        prefix: of the ids in it, unique within the page.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    is_lines = all(point.x is not None for point in plot.points)
    labels = list(dict.fromkeys(point.label for point in plot.points))
    series = list(dict.fromkeys(point.series for point in plot.points))
    extra = 0.25 if len(series) > 1 else 0.0
    rows = ROW_IN * len(labels) * max(1.0, 0.62 * len(series))
    height = (LINES_IN if is_lines else rows) + FOOT_IN + extra
    with drawing_settings():
        figure = Figure(figsize=(WIDTH_IN, height), layout="constrained", facecolor=INK["paper"])
        ax = figure.subplots()
        ax.set_facecolor(INK["paper"])
        for i, name in enumerate(series):
            mine = [point for point in plot.points if point.series == name]
            if is_lines:
                _draw_line(ax, mine, name, i)
            else:
                _draw_dots(ax, mine, labels, (i, len(series)), name=name)
        _dress(ax, plot, [] if is_lines else labels, has_legend=len(series) > 1)
        text = StringIO()
        FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None})
    return for_page(text.getvalue(), prefix=prefix, label=describe(plot))


def describe(plot: Plot) -> str:
    """The picture in words, for those who do not see it."""
    write = writer(plot)
    said = [
        f"{point.series + ' ' if point.series else ''}{point.label}: "
        f"{typeset.with_interval(point.y, write)}"
        for point in plot.points
    ]
    return f"{plot.title}. {'; '.join(said)}"


def writer(plot: Plot) -> Callable[[float | None], str]:
    """How the numbers of a plot are written."""
    kinds: dict[str, Callable[[float | None], str]] = {
        "share": lambda value: typeset.share(value, 0),
        "points": typeset.points,
        "tokens": typeset.short,
    }
    return kinds.get(plot.unit, _plain)


def _plain(value: float | None) -> str:
    return typeset.MISSING if typeset.is_missing(value) else f"{value:.3g}".replace("-", "−")


def _draw_dots(
    ax: Axes, points: Sequence[Point], labels: list[str], place: tuple[int, int], *, name: str
) -> None:
    i, n = place
    known = [point for point in points if point.y.estimate is not None]
    shift = 0.0 if n == 1 else 0.5 * (i / (n - 1) - 0.5)
    heights = [labels.index(point.label) + shift for point in known]
    ax.errorbar(
        [point.y.estimate or 0.0 for point in known],
        heights,
        xerr=_ends(known),
        fmt=MARKERS[i % len(MARKERS)],
        color=INK[INKS[i % len(INKS)]],
        markersize=5.5,
        elinewidth=1.1,
        label=name,
    )


def _draw_line(ax: Axes, points: Sequence[Point], name: str, i: int) -> None:
    known = sorted(
        (point for point in points if point.y.estimate is not None), key=lambda p: p.x or 0.0
    )
    ax.errorbar(
        [point.x or 0.0 for point in known],
        [point.y.estimate or 0.0 for point in known],
        yerr=_ends(known),
        marker=MARKERS[i % len(MARKERS)],
        linestyle=LINES[i % len(LINES)],
        color=INK[INKS[i % len(INKS)]],
        markersize=4.5,
        elinewidth=0.9,
        label=name,
    )


def _ends(points: Sequence[Point]) -> list[list[float]]:
    """Distances down and up; 0 where an end is open."""
    down, up = [], []
    for point in points:
        at = point.y.estimate or 0.0
        down.append(max(0.0, at - (at if point.y.low is None else point.y.low)))
        up.append(max(0.0, (at if point.y.high is None else point.y.high) - at))
    return [down, up]


def _dress(ax: Axes, plot: Plot, labels: list[str], *, has_legend: bool) -> None:
    from matplotlib.ticker import FuncFormatter

    write = writer(plot)
    formatter = FuncFormatter(lambda value, _: write(value))
    for name, value in plot.marks.items():
        line = ax.axvline if labels else ax.axhline
        line(value, color=INK["muted"], linewidth=0.9, linestyle=(0, (3, 2)), label=name)
    if labels:
        ax.set_yticks(range(len(labels)), labels)
        ax.set_ylim(len(labels) - 0.5, -0.5)
        ax.xaxis.set_major_formatter(formatter)
        ax.set_xlabel(plot.y_name)
        ax.grid(visible=True, axis="x", color=INK["rule"], linewidth=0.6)
    else:
        ax.yaxis.set_major_formatter(formatter)
        ax.set_xlabel(plot.x_name)
        ax.set_ylabel(plot.y_name)
        ax.grid(visible=True, color=INK["rule"], linewidth=0.6)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.tick_params(labelsize=8.5, colors=INK["ink"])
    ax.set_title(plot.title.replace("`", ""), loc="left", fontsize=9.5, color=INK["muted"])
    if has_legend or plot.marks:
        ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
