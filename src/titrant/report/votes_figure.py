"""Accuracy against tokens: majority's curve, and every stopping rule with its control beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.errors import ConfigError
from titrant.report import typeset
from titrant.report.drawing import INK, MARKERS
from titrant.vote.replay import DEALT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from titrant.vote.findings import Study, VoteRow

KINDS = (".png", ".svg")
INKS = ("end", "s1", "s2", "s3", "s4", "s5")
"""One per signal that stops draws, the first for rules without one."""


def check_figure(path: Path) -> None:
    """Refuse a picture that cannot be written, before any work is done.

    Raises:
        ConfigError: the name ends otherwise.
    """
    if path.suffix not in KINDS:
        raise ConfigError(
            f"--figure {path} is of no kind that a picture is written in",
            expected=" or ".join(KINDS),
            came=path.suffix or "no ending",
            do=f"name it {path.stem or 'rules'}.png",
        )


def write_figure(path: Path, found: Study) -> None:
    """Draw a study; PNG or SVG by the ending of the name."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 5.4), layout="constrained", facecolor=INK["paper"])
    ax = figure.subplots()
    ax.set_facecolor(INK["paper"])
    _draw_curve(ax, found)
    _draw_rules(ax, [row for row in found.rows if row.kind == "rule"])
    _draw_controls(ax, found.rows)
    _dress(ax, found)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".svg":
        FigureCanvasSVG(figure).print_svg(path, metadata={"Date": None})
        return
    figure.set_dpi(160)
    FigureCanvasAgg(figure).print_png(path, metadata={"Software": None})


def _draw_curve(ax: Axes, found: Study) -> None:
    tokens = [point.tokens for point in found.curve]
    ax.fill_between(
        tokens,
        [point.accuracy.low or 0.0 for point in found.curve],
        [point.accuracy.high or 0.0 for point in found.curve],
        color=INK["s0"],
        alpha=0.14,
        linewidth=0,
    )
    level = [point.accuracy.estimate or 0.0 for point in found.curve]
    ax.plot(tokens, level, color=INK["s0"], marker=".", markersize=5, label="majority of n draws")


def _draw_rules(ax: Axes, rows: Sequence[VoteRow]) -> None:
    """One mark per rule; its colour tells the signal that it stops by, its form the rule."""
    signals = list(dict.fromkeys(row.signal for row in rows))
    forms = list(dict.fromkeys(_form(row) for row in rows))
    for row in rows:
        at = row.accuracy
        ax.errorbar(
            [row.tokens],
            [at.estimate or 0.0],
            yerr=[
                [max(0.0, (at.estimate or 0.0) - (at.low or 0.0))],  # rounding may turn a sign
                [max(0.0, (at.high or 0.0) - (at.estimate or 0.0))],
            ],
            fmt=MARKERS[forms.index(_form(row)) % len(MARKERS)],
            color=INK[INKS[signals.index(row.signal) % len(INKS)]],
            markersize=6,
            elinewidth=0.7,
            label=row.name,
        )


def _form(row: VoteRow) -> str:
    return row.name.removesuffix(f" {row.signal}")


def _draw_controls(ax: Axes, found: Sequence[VoteRow]) -> None:
    """A cross for each control, and a thread to its rule."""
    rows = [row for row in found if row.kind == "control"]
    rules = {row.name: row for row in found if row.kind == "rule"}
    for row in rows:
        rule = rules[row.name.removesuffix(DEALT)]
        ax.plot(
            [rule.tokens, row.tokens],
            [rule.accuracy.estimate or 0.0, row.accuracy.estimate or 0.0],
            color=INK["muted"],
            linewidth=0.6,
            zorder=1,
        )
    if rows:
        ax.plot(
            [row.tokens for row in rows],
            [row.accuracy.estimate or 0.0 for row in rows],
            linestyle="none",
            marker="x",
            color=INK["muted"],
            markersize=5,
            label="controls: confidences dealt anew",
        )


def _dress(ax: Axes, found: Study) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: typeset.short(round(x))))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: typeset.share(y, 0)))
    ax.set_xlabel("tokens per question, doubling scale")
    ax.set_ylabel("accuracy")
    ax.grid(visible=True, color=INK["rule"], linewidth=0.6)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    ax.set_title(
        f"{found.questions:,} questions, {found.budget} draws each, "
        f"{typeset.level(found.level)} intervals over questions",
        loc="left",
        fontsize=10,
        color=INK["muted"],
    )
