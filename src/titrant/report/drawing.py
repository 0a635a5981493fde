"""How the dose–response figure is drawn: the dose axis, the accuracy panel, the strip of end points.

Everything here takes plain data and a matplotlib `Axes`; `figures` makes the figure and turns it
into SVG or PNG. Strategies differ in marker and line style, never in colour alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from titrant.report import typeset

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes

    from titrant.estimate import Estimate
    from titrant.report.answer import Curve, CurvePoint

INK = {
    "paper": "#fdfdfc",
    "ink": "#1c1d20",
    "muted": "#62656a",
    "rule": "#dddcd8",
    "end": "#ad1f5b",
    "s0": "#17568a",
    "s1": "#a65300",
    "s2": "#33733a",
    "s3": "#75459a",
    "s4": "#7c6408",
    "s5": "#2c757d",
    "s6": "#8d3a4f",
    "s7": "#4d548c",
}
"""Colour names of the page's style sheet → their values in the light theme; all different, since
each value in the drawing is replaced by its name."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
MARK_NAMES = ("●", "■", "▲", "◆", "▼", "✚", "✖", "★")
"""What stands for each marker in text."""
LINES = ("-", (0, (5, 2)), (0, (1, 1.4)), (0, (6, 2, 1, 2)), (0, (3, 1.5)), (0, (8, 3)), "--", ":")
MAX_READINGS = 3000
"""Marks drawn at most (evenly thinned beyond): the page stays under a megabyte."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes of one drawing in inches; text and marks in points."""

    width: float
    height: float
    """Of the accuracy panel alone."""
    left: float
    right: float
    font: float
    mark: float
    ticks: int
    """Dose labels at most."""
    columns: int
    """Of the legend, at most."""
    dose_name: str
    """Has a place for what a dose counts."""


WIDE = Layout(10.0, 3.75, 0.55, 1.2, 9.3, 5.6, 9, 4, "dose: {unit}s trained on, doubling scale")
NARROW = Layout(4.3, 3.2, 0.55, 1.15, 9.6, 4.8, 4, 2, "dose: {unit}s")


class Level(NamedTuple):
    """A horizontal line with its name at the right."""

    value: float
    name: str
    line: str | tuple[int, tuple[float, ...]]
    ink: str


class Bar(NamedTuple):
    """One row of the strip: an end point, its interval and its words."""

    end: Estimate
    words: str
    style: int


@dataclass(frozen=True, slots=True)
class DoseAxis:
    """Doubling scale of dose with a separate place for dose 0."""

    first: int
    """Smallest dose above 0."""
    top: int

    @classmethod
    def over(cls, curves: Sequence[Curve], top_dose: int) -> DoseAxis:
        """The axis that holds every reading, every fitted dose and the top dose."""
        doses = [p.dose for curve in curves for p in (*curve.readings, *curve.band) if p.dose > 0]
        top = math.ceil(max([top_dose, *doses, 1]))
        return cls(first=math.floor(min([*doses, top])), top=top)

    @property
    def span(self) -> float:
        """Doublings from the first to the top dose; 1 where they are the same."""
        return max(math.log2(self.top / self.first), 1.0)

    @property
    def gap(self) -> float:
        """Doublings between dose 0 and the first dose: room for the break."""
        return max(0.9, 0.1 * self.span)

    def place(self, dose: float) -> float:
        """Position of a dose; everything under half a trace sits at the place of dose 0."""
        return math.log2(dose) if dose >= 0.5 else math.log2(self.first) - self.gap

    @property
    def limits(self) -> tuple[float, float]:
        """Left and right end."""
        return self.place(0) - 0.05 * self.span, math.log2(self.top) + 0.04 * self.span

    def ticks(self, most: int) -> list[int]:
        """Doses to label: powers of 2, 4, 8 … times the first dose, and always the top."""
        stride = max(1, math.ceil(self.span / max(most - 1, 1)))
        steps = range(0, math.floor(math.log2(self.top / self.first)) + 1, stride)
        doses = [self.first * 2**step for step in steps]
        near = 0.6 * stride
        return [dose for dose in doses if math.log2(self.top / dose) >= near] + [self.top]


def draw_panel(ax: Axes, curves: Sequence[Curve], *, axis: DoseAxis, layout: Layout) -> None:
    """Readings as marks and the fitted band of each curve; the first curve lies on top."""
    step = max(1, math.ceil(sum(len(curve.readings) for curve in curves) / MAX_READINGS))
    for index, curve in reversed(list(enumerate(curves))):
        _draw_band(ax, curve.band, axis=axis, style=index, is_headline=index == 0)
    for index, curve in reversed(list(enumerate(curves))):
        _draw_readings(ax, curve.readings[::step], axis=axis, layout=layout, style=index)


def _draw_band(
    ax: Axes, band: Sequence[CurvePoint], *, axis: DoseAxis, style: int, is_headline: bool
) -> None:
    points = sorted((p for p in band if p.dose > 0), key=lambda p: p.dose)
    if not points:
        return
    ink = INK[f"s{style % 8}"]
    places = [axis.place(p.dose) for p in points]
    middles = [p.accuracy for p in points]
    ax.plot(places, middles, color=ink, linewidth=1.8, linestyle=LINES[style % 8], zorder=3)
    edges = [(p.low, p.high) for p in points]
    lows = [math.nan if low is None else low for low, _ in edges]
    highs = [math.nan if high is None else high for _, high in edges]
    if is_headline:
        ax.fill_between(places, lows, highs, color=ink, alpha=0.13, linewidth=0, zorder=2)
    for edge in (lows, highs):
        ax.plot(places, edge, color=ink, linewidth=0.6, linestyle=LINES[style % 8], zorder=2)


def _draw_readings(
    ax: Axes, readings: Sequence[CurvePoint], *, axis: DoseAxis, layout: Layout, style: int
) -> None:
    """One hollow mark per arm; the seeds of a dose stand side by side, in the order of seeds."""
    places, values = [], []
    for dose in sorted({p.dose for p in readings}):
        same = sorted((p for p in readings if p.dose == dose), key=lambda p: p.seed or 0)
        width = min(0.012 * axis.span, 0.5 / len(same))
        shift = -(len(same) - 1) / 2
        places += [axis.place(dose) + (shift + i) * width for i in range(len(same))]
        values += [p.accuracy for p in same]
    ax.plot(
        places,
        values,
        linestyle="none",
        marker=MARKERS[style % 8],
        markersize=layout.mark,
        markerfacecolor=INK["paper"],
        markeredgecolor=INK[f"s{style % 8}"],
        markeredgewidth=1.2,
        zorder=5,
        clip_on=False,
    )


def value_limits(values: Iterable[float]) -> tuple[float, float]:
    """Ends of the accuracy axis: the values with a margin, at least ten points apart."""
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    room = max(high - low, 0.10)
    middle = (low + high) / 2
    low, high = middle - 0.56 * room, middle + 0.56 * room
    floor = -0.03 * room if min(known) >= 0 else -math.inf
    ceiling = max(1.0, *known) + 0.04 * room
    if low < floor:
        low, high = floor, high + (floor - low)
    if high > ceiling:
        low, high = max(floor, low - (high - ceiling)), ceiling
    return low, high


def draw_levels(ax: Axes, levels: Sequence[Level], layout: Layout) -> None:
    """Horizontal lines named at the right; names that would touch are moved apart."""
    low, high = ax.get_ylim()
    height_points = layout.height * 72
    apart = 1.25 * layout.font / height_points * (high - low)
    right = ax.get_xlim()[1]
    names = spread([level.value for level in levels], apart, low, high)
    for level, y in zip(levels, names, strict=True):
        ax.axhline(level.value, color=INK[level.ink], linewidth=0.9, linestyle=level.line, zorder=1)
        ax.annotate(
            level.name,
            xy=(right, level.value),
            xytext=(9, (y - level.value) / (high - low) * height_points),
            textcoords="offset points",
            va="center",
            color=INK[level.ink],
            fontsize=layout.font,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": INK["muted"],
                "linewidth": 0.5,
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )


def spread(values: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Positions as near to the values as can be, at least `apart` from each other, within the ends."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    placed = [values[i] for i in order]
    for _ in range(100):
        for i in range(1, len(placed)):
            overlap = apart - (placed[i] - placed[i - 1])
            if overlap > 1e-12:
                placed[i - 1] -= overlap / 2
                placed[i] += overlap / 2
        placed = [min(max(y, low), high) for y in placed]
    result = [0.0] * len(values)
    for i, y in zip(order, placed, strict=True):
        result[i] = y
    return result


def draw_strip(ax: Axes, bars: Sequence[Bar], *, axis: DoseAxis, layout: Layout) -> None:
    """One bar per strategy: the interval as a line with caps, the estimate as a mark, the words above."""
    left, right = axis.limits
    ax.set_ylim(len(bars), -0.05)
    for row, bar in enumerate(bars):
        ink = INK["end"] if row == 0 else INK[f"s{bar.style % 8}"]
        y = row + 0.70
        ax.text(
            left,
            row + 0.24,
            bar.words,
            va="center",
            ha="left",
            color=ink,
            fontsize=layout.font,
            clip_on=False,
            bbox={"facecolor": INK["paper"], "edgecolor": "none", "pad": 1.5},
            zorder=7,
        )
        _draw_bar(ax, bar, y=y, ink=ink, axis=axis, layout=layout)
    if bars and bars[0].end.estimate is not None:
        draw_drop(ax, _inside(axis.place(bars[0].end.estimate), axis), (-0.05, 0.70))
    ax.set_xlim(left, right)


def draw_drop(ax: Axes, place: float, ends: tuple[float, float]) -> None:
    """The line that leads from the target to the headline's end point."""
    ax.plot(
        [place, place],
        ends,
        color=INK["end"],
        linewidth=1.1,
        linestyle=(0, (5, 2.5)),
        zorder=4,
    )


def _draw_bar(ax: Axes, bar: Bar, *, y: float, ink: str, axis: DoseAxis, layout: Layout) -> None:
    """The interval of one end point; an open end is an arrow to the edge."""
    left, right = axis.limits
    end = bar.end
    if end.estimate is None and end.low is None and end.high is None:
        ax.plot([axis.place(axis.top), right], [y, y], color=ink, linewidth=1.6, clip_on=False)
        ax.plot([right], [y], marker=">", markersize=layout.mark, color=ink, clip_on=False)
        return
    start = left if end.low is None else _inside(axis.place(end.low), axis)
    stop = right if end.high is None else _inside(axis.place(end.high), axis)
    ax.plot([start, stop], [y, y], color=ink, linewidth=2.4, solid_capstyle="butt", clip_on=False)
    for place, is_open, arrow in ((start, end.low is None, "<"), (stop, end.high is None, ">")):
        ax.plot(
            [place],
            [y],
            marker=arrow if is_open else "|",
            markersize=layout.mark + 2,
            markeredgewidth=1.6,
            color=ink,
            clip_on=False,
        )
    if end.estimate is not None:
        ax.plot(
            [_inside(axis.place(end.estimate), axis)],
            [y],
            marker=MARKERS[bar.style % 8],
            markersize=layout.mark + 1.6,
            color=ink,
            markeredgecolor=INK["paper"],
            markeredgewidth=0.8,
            clip_on=False,
            zorder=6,
        )


def _inside(place: float, axis: DoseAxis) -> float:
    left, right = axis.limits
    return min(max(place, left), right)


def draw_dose_axis(ax: Axes, axis: DoseAxis, layout: Layout, *, unit: str) -> None:
    """Ticks, their labels, and the broken line between dose 0 and the first dose."""
    left, right = axis.limits
    ticks = axis.ticks(layout.ticks)
    ax.set_xlim(left, right)
    ax.set_xticks(
        [axis.place(0), *(axis.place(dose) for dose in ticks)],
        ["0", *(typeset.count(dose) for dose in ticks)],
        fontsize=layout.font,
        color=INK["muted"],
    )
    ax.tick_params(axis="x", length=4, color=INK["muted"], pad=4)
    ax.annotate(
        "base",
        xy=(axis.place(0), 0),
        xycoords=ax.get_xaxis_transform(),
        xytext=(0, -8 - 2.2 * layout.font),
        textcoords="offset points",
        ha="center",
        color=INK["muted"],
        fontsize=layout.font,
        annotation_clip=False,
    )
    middle = (axis.place(0) + axis.place(axis.first)) / 2
    half = 0.07 * axis.gap
    edge = ax.get_xaxis_transform()
    line = {"color": INK["muted"], "linewidth": 0.9, "transform": edge, "clip_on": False}
    ax.plot([left, middle - half], [0, 0], **line)
    ax.plot([middle + half, right], [0, 0], **line)
    slash = {"marker": [(-0.5, -1.0), (0.5, 1.0)], "markersize": 9, "linestyle": "none"}
    ax.plot([middle - half, middle + half], [0, 0], **(line | slash))
    ax.set_xlabel(
        layout.dose_name.format(unit=unit),
        fontsize=layout.font,
        color=INK["muted"],
        labelpad=4,
    )


def tidy(ax: Axes) -> None:
    """No box, no ticks, no ground: only what is drawn."""
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_facecolor("none")
    ax.tick_params(length=0)
    ax.set_xticks([])
