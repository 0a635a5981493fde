"""The dose–response figure, as inline SVG for the report and as PNG for a README.

One drawing, top to bottom: a legend where there are several strategies; accuracy over log dose with
every reading as a mark of its own, the fitted band, and the levels of base, target and plateau named
at the right; a strip with the end point and its interval as a horizontal bar per strategy. Dose 0
(the base) has a place of its own left of a break in the axis.

Colours are written as CSS variables with the light theme as fallback, so one SVG fits light, dark
and paper. The same answer gives the same bytes: ids are hashed with a fixed salt, no date is
written. matplotlib is imported on use and drawn without pyplot, so nothing global changes.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from titrant.report import typeset
from titrant.report.drawing import (
    INK,
    LINES,
    MARKERS,
    NARROW,
    WIDE,
    Bar,
    DoseAxis,
    Layout,
    Level,
    draw_dose_axis,
    draw_drop,
    draw_levels,
    draw_panel,
    draw_strip,
    tidy,
    value_limits,
)
from titrant.report.headline import NO_GAIN, curves_on, end_point_name, first_benchmark, response_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from titrant.report.answer import Answer, Curve


def dose_response_svg(
    answer: Answer, *, benchmark: str | None = None, is_narrow: bool = False, prefix: str = "dose"
) -> str:
    """The figure as an `<svg>` element without a size, to be fitted by its container.

    Args:
        answer: What to draw.
        benchmark: Which benchmark; the first where not given.
        is_narrow: Draw for a phone: fewer labels, larger text.
        prefix: Put before every id, so that several figures can stand on one page.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    name = benchmark or first_benchmark(answer)
    out = io.StringIO()
    with drawing_settings():
        figure = _draw(answer, name, NARROW if is_narrow else WIDE)
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None})
    return for_page(out.getvalue(), prefix=prefix, label=describe(answer, name))


def save_png(answer: Answer, path: Path, *, dpi: int = 200, is_narrow: bool = False) -> None:
    """The figure as a PNG on the light theme's paper."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with drawing_settings():
        figure = _draw(answer, first_benchmark(answer), NARROW if is_narrow else WIDE)
        figure.set_dpi(dpi)
        FigureCanvasAgg(figure).print_png(path, metadata={"Software": None})


def describe(answer: Answer, benchmark: str | None) -> str:
    """The figure in words, for those who do not see it."""
    where = f" on {benchmark}" if benchmark else ""
    if benchmark != first_benchmark(answer):
        return f"Accuracy{where} over the number of {answer.dose_unit}s trained on."
    return (
        f"Accuracy{where} over the number of {answer.dose_unit}s trained on, from "
        f"{typeset.share(answer.base.estimate)} for the base to "
        f"{typeset.share(answer.plateau.estimate)} at {typeset.plural(answer.top_dose, answer.dose_unit)}; "
        f"{end_point_name(answer.level)}: {typeset.with_interval(answer.ed95, typeset.dose)}."
    )


@contextmanager
def drawing_settings() -> Iterator[None]:
    """Settings of matplotlib for one drawing, and silence about glyphs that it cannot measure."""
    import matplotlib as mpl

    settings: dict[Any, Any] = {
        "svg.hashsalt": "titrant",
        "svg.fonttype": "none",
        "text.parse_math": False,
        "font.family": "DejaVu Sans",
    }
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def _draw(answer: Answer, benchmark: str | None, layout: Layout) -> Figure:
    """Lay out and draw; heights in inches add up to the figure's."""
    from matplotlib.figure import Figure

    curves = curves_on(answer, benchmark)
    bars = (
        _bars(answer, curves, is_short=layout is NARROW)
        if benchmark == first_benchmark(answer)
        else []
    )
    columns = _columns(curves, layout)
    legend = 0.22 * math.ceil(len(curves) / columns) + 0.06 if len(curves) > 1 else 0.0
    strip, foot, head = 0.42 * len(bars), 0.62, 0.38 + legend
    total = foot + strip + layout.height + head
    figure = Figure(figsize=(layout.width, total), facecolor=INK["paper"])
    left = layout.left / layout.width
    inner = 1 - left - layout.right / layout.width

    axis = DoseAxis.over(curves, answer.top_dose)
    main = figure.add_axes((left, (foot + strip) / total, inner, layout.height / total))
    _draw_main(main, answer, curves, axis=axis, layout=layout)
    figure.text(
        left,
        1 - 0.16 / total,
        f"accuracy{f' on {benchmark}' if benchmark else ''}",
        fontsize=layout.font,
        color=INK["muted"],
        va="center",
    )
    if legend:
        _draw_legend(figure, curves, layout, corner=(left, 1 - 0.3 / total))
    lowest = main
    if bars:
        lowest = figure.add_axes((left, foot / total, inner, strip / total))
        tidy(lowest)
        lowest.set_yticks([])
        draw_strip(lowest, bars, axis=axis, layout=layout)
    draw_dose_axis(lowest, axis, layout, unit=answer.dose_unit)
    return figure


def _draw_main(
    ax: Axes, answer: Answer, curves: Sequence[Curve], *, axis: DoseAxis, layout: Layout
) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    tidy(ax)
    if not curves:
        ax.text(0.5, 0.5, "no readings", transform=ax.transAxes, ha="center", color=INK["muted"])
    levels = _levels(answer, curves)
    values: list[float] = [level.value for level in levels]
    values += [p.accuracy for curve in curves for p in (*curve.readings, *curve.band)]
    values += [e for c in curves[:1] for p in c.band for e in (p.low, p.high) if e is not None]
    ax.set_ylim(*value_limits(values))
    ax.set_xlim(*axis.limits)
    draw_panel(ax, curves, axis=axis, layout=layout)
    draw_levels(ax, levels, layout)
    _draw_drop(ax, answer, curves, axis)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g} %"))
    ax.tick_params(axis="y", labelsize=layout.font, labelcolor=INK["muted"], pad=2)
    ax.grid(axis="y", color=INK["rule"], linewidth=0.6)
    ax.set_axisbelow(True)


def _levels(answer: Answer, curves: Sequence[Curve]) -> list[Level]:
    """Base, target, plateau, and the constant answer where the verdict is about it."""
    if not curves:
        return []
    if curves[0].benchmark != first_benchmark(answer):
        return _base_level(curves)
    is_open = answer.verdict == "undecided" and answer.ed95.estimate is None
    target = None if is_open or answer.verdict in NO_GAIN else curves[0].target
    guess = answer.guess.estimate if answer.guess and "guessing" in answer.verdict else None
    rows = (
        (answer.plateau.estimate, "plateau", "-", "ink"),
        (target, "target", (0, (5.0, 2.5)), "end"),
        (guess, "guessing", (0, (6.0, 2.0, 1.0, 2.0)), "muted"),
        (answer.base.estimate, "base", (0, (1.0, 2.0)), "ink"),
    )
    return [
        Level(value, f"{typeset.share(value)}  {name}", line, ink)
        for value, name, line, ink in rows
        if value is not None and math.isfinite(value)
    ]


def _base_level(curves: Sequence[Curve]) -> list[Level]:
    """The base on another benchmark, from its readings at dose 0."""
    bases = {p.accuracy for curve in curves for p in curve.readings if p.dose == 0}
    return [
        Level(value, f"{typeset.share(value)}  base", (0, (1.0, 2.0)), "ink") for value in bases
    ][:1]


def _draw_drop(ax: Axes, answer: Answer, curves: Sequence[Curve], axis: DoseAxis) -> None:
    """A line from the target down to the end point of the headline."""
    end, target = answer.ed95.estimate, curves[0].target if curves else None
    if end is None or target is None or curves[0].benchmark != first_benchmark(answer):
        return
    left, right = axis.limits
    place = min(max(axis.place(end), left), right)
    draw_drop(ax, place, (ax.get_ylim()[0], target))


def _bars(answer: Answer, curves: Sequence[Curve], *, is_short: bool) -> list[Bar]:
    """One row of the strip for each strategy that is drawn and has, or could have, an end point."""
    if answer.verdict in NO_GAIN:
        return []
    name, bars = end_point_name(answer.level), []
    for style, curve in enumerate(curves):
        response = response_of(answer, curve.strategy)
        if response is None:
            continue
        found = typeset.with_interval(response.ed95, typeset.dose)
        if not is_short:
            clause = typeset.interval_clause(response.ed95, typeset.dose)
            found = f"{typeset.dose_of(response.ed95.estimate, answer.dose_unit)}, {clause}"
        if typeset.is_missing(response.ed95.estimate):
            found = f"not reached within {typeset.dose(answer.top_dose)}"
        who = f" {curve.strategy}" if len(curves) > 1 else ""
        bars.append(Bar(response.ed95, f"{name}{who}: {found}", style))
    return bars


def _columns(curves: Sequence[Curve], layout: Layout) -> int:
    """Columns of the legend: as many of its longest name as fit beside each other."""
    longest = max((len(curve.strategy) for curve in curves), default=0)
    inches = 0.9 + longest * layout.font * 0.62 / 72
    return max(1, min(layout.columns, int((layout.width - layout.left) / inches)))


def _draw_legend(
    figure: Figure, curves: Sequence[Curve], layout: Layout, *, corner: tuple[float, float]
) -> None:
    from matplotlib.lines import Line2D

    samples = [
        Line2D(
            [],
            [],
            color=INK[f"s{i % 8}"],
            linestyle=LINES[i % 8],
            linewidth=1.8,
            marker=MARKERS[i % 8],
            markersize=layout.mark,
            markerfacecolor=INK["paper"],
            markeredgewidth=1.2,
            label=curve.strategy,
        )
        for i, curve in enumerate(curves)
    ]
    figure.legend(
        handles=samples,
        loc="upper left",
        bbox_to_anchor=corner,
        ncols=_columns(curves, layout),
        frameon=False,
        fontsize=layout.font,
        labelcolor=INK["ink"],
        handlelength=3.4,
        borderpad=0,
        borderaxespad=0,
        columnspacing=1.6,
        labelspacing=0.5,
    )


def for_page(svg: str, *, prefix: str, label: str) -> str:
    """An `<svg>` that stands in a page: no size, own ids, colours and font from the style sheet."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<svg[^>]*?viewBox="([^"]*)"[^>]*>', lambda m: _head(m[1], label), svg, count=1)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'href="#', f'href="#{prefix}-', svg)
    svg = svg.replace(
        "font-family: 'DejaVu Sans'", "font-family: var(--sans, system-ui, sans-serif)"
    )
    svg = re.sub(r"url\(#", f"url(#{prefix}-", svg)
    names = {value: name for name, value in INK.items()}
    svg = re.sub("|".join(names), lambda m: f"var(--{names[m[0]]}, {m[0]})", svg)
    return svg.strip()


def _head(view_box: str, label: str) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{view_box}" role="img" aria-label={quoteattr(label)}>'
        f"<title>{escape(label)}</title>"
    )
