"""A forest plot of comparisons: one row each, the difference in points with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.report import typeset
from titrant.report.compare import p_value
from titrant.report.drawing import INK

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from titrant.dose.paired.findings import PairedComparison, PairedStudy

ROW = 0.42
"""Inches."""


def write_figure(path: Path, study: PairedStudy) -> None:
    """Draw a study; PNG or SVG by the ending of the name."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    height = 1.5 + ROW * len(study.comparisons)
    figure = Figure(figsize=(10.5, height), layout="constrained", facecolor=INK["paper"])
    ax = figure.subplots()
    ax.set_facecolor(INK["paper"])
    for row, one in enumerate(study.comparisons):
        _draw_row(ax, row, one)
    _dress(ax, study)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".svg":
        FigureCanvasSVG(figure).print_svg(path, metadata={"Date": None})
        return
    figure.set_dpi(160)
    FigureCanvasAgg(figure).print_png(path, metadata={"Software": None})


def _draw_row(ax: Axes, row: int, one: PairedComparison) -> None:
    """Told apart: filled and coloured; not told apart: hollow and grey."""
    told = one.outcome != "not told apart"
    ink = INK["end"] if told else INK["muted"]
    at, ends = one.difference.estimate or 0.0, (one.difference.low, one.difference.high)
    low, high = (at if end is None else end for end in ends)
    ax.plot([100 * low, 100 * high], [row, row], color=ink, linewidth=1.8, solid_capstyle="butt")
    ax.plot(
        [100 * at],
        [row],
        marker="o" if told else "s",
        markersize=6,
        color=ink,
        markerfacecolor=ink if told else INK["paper"],
        linestyle="none",
    )
    ax.annotate(
        f"{typeset.with_interval(one.difference, typeset.points)}  p {p_value(one.p_holm)}",
        xy=(1.0, row),
        xycoords=ax.get_yaxis_transform(),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
        color=ink,
        annotation_clip=False,
    )


def _dress(ax: Axes, study: PairedStudy) -> None:
    from matplotlib.ticker import FuncFormatter

    found = study.comparisons
    margin = 100 * study.margin
    ax.axvspan(-margin, margin, color=INK["rule"], alpha=0.5, linewidth=0, zorder=0)
    ax.axvline(0, color=INK["ink"], linewidth=0.9, zorder=1)
    ax.set_yticks(range(len(found)), [_name(one, study) for one in found], fontsize=9)
    ax.set_ylim(len(found) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: typeset.points(x / 100)))
    ax.set_xlabel("points of accuracy, second less first; grey: under the margin")
    ax.grid(visible=True, axis="x", color=INK["rule"], linewidth=0.6)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    holm = f", p Holm-corrected over {len(found)} tests" if len(found) > 1 else ""
    ax.set_title(
        f"{typeset.level(study.level)} intervals, paired by problem{holm}",
        loc="left",
        fontsize=10,
        color=INK["muted"],
    )


def _name(one: PairedComparison, study: PairedStudy) -> str:
    several = len({other.benchmark for other in study.comparisons}) > 1
    where = f"{one.benchmark}: " if several else ""
    return f"{where}{one.a} → {one.b}".replace("$", r"\$")
