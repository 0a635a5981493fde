"""What a study of votes says in a terminal: tables of votes, stopping rules and signals, and a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from titrant.errors import ConfigError
from titrant.report import typeset
from titrant.report.drawing import INK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from rich.console import RenderableType

    from titrant.vote.study import Span, Study, VoteRow

MOST_VOTES = 12
"""Votes that are shown beside majority; `--json` has all."""
KINDS = (".png", ".svg")
MARKS = {"vote": "o", "rule": "D", "control": "x"}


def render(found: Study, notes: Sequence[str]) -> list[RenderableType]:
    """The parts that are printed, one after the other."""
    parts: list[RenderableType] = [_head(found)]
    parts += [Text(f"note: {line}", style="yellow") for line in notes]
    parts += [_curve(found), _votes(found)]
    rules = [row for row in found.rows if row.kind != "vote"]
    if rules:
        parts.append(_rules(rules))
    if found.signals:
        parts.append(_signals(found))
    parts.append(
        Text(
            f"{typeset.level(found.level)} intervals over {typeset.plural(found.questions, 'question')}, "
            f"{typeset.plural(found.resamples, 'order')} of draws each; saved and lost are against "
            f"majority over all {found.budget} draws, paired by question",
            style="dim",
        )
    )
    return parts


def _head(found: Study) -> Text:
    rest = ", ".join(
        f"{typeset.share(share)} {name}"
        for name, share in (("cut", found.truncated), ("unreadable", found.unreadable))
        if share > 0
    )
    text = Text()
    text.append(f"{typeset.plural(found.questions, 'question')}, {found.budget} draws each: ")
    text.append(f"one draw is right {_share(found.accuracy)}", style="bold")
    text.append(f", {typeset.count(found.tokens)} tokens long" + (f"; {rest}" if rest else ""))
    return text


def _curve(found: Study) -> Table:
    table = _table("draws", "tokens", "majority", "pass@draws")
    shown = [point for point in found.curve if point.draws & (point.draws - 1) == 0]
    if found.curve[-1] not in shown:
        shown.append(found.curve[-1])
    for point in shown:
        table.add_row(
            typeset.count(point.draws),
            typeset.short(point.tokens),
            _share(point.accuracy),
            typeset.share(point.pass_at),
        )
    return table


def _votes(found: Study) -> Table:
    votes = [row for row in found.rows if row.kind == "vote"]
    first, *rest = votes
    rest.sort(key=lambda row: -(row.accuracy.estimate or 0.0))
    table = _table("vote", "right", "against majority", "unanswered")
    for row in (first, *rest[:MOST_VOTES]):
        table.add_row(
            row.name,
            _share(row.accuracy),
            _points(row.loss, turned=True),
            typeset.share(row.unanswered),
        )
    left = len(rest) - MOST_VOTES
    if left > 0:
        table.add_row(Text(f"and {left} more in --json", style="dim"), "", "", "")
    return table


def _rules(rows: Iterable[VoteRow]) -> Table:
    table = _table(
        "stopping rule",
        "right",
        "tokens saved",
        "draws",
        "stopped",
        "at equal tokens",
        "loss at most",
    )
    for row in rows:
        table.add_row(
            Text(row.name, style="dim" if row.kind == "control" else ""),
            _share(row.accuracy),
            _percent(row.saved),
            f"{row.drawn:.1f}",
            typeset.share(row.stopped),
            _points(row.at_equal_tokens),
            typeset.points(row.loss_bound),
        )
    return table


def _signals(found: Study) -> Table:
    table = _table("signal", "right before wrong", "less that of the mean", "best of all draws")
    ordered = sorted(found.signals, key=lambda row: -(row.auroc.estimate or 0.0))
    for row in ordered:
        table.add_row(
            row.name,
            _plain(row.auroc),
            _plain(row.against_mean),
            typeset.share(found.best_of.get(row.name)),
        )
    table.add_row(Text("(shortness)", style="dim"), _plain(found.shorter_is_right), "", "")
    return table


def _table(first: str, *heads: str) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim", pad_edge=False)
    table.add_column(first, no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right")
    return table


def _share(span: Span) -> str:
    return _with_ends(span, typeset.share)


def _percent(span: Span) -> str:
    return _with_ends(span, lambda x: typeset.share(x, 0))


def _plain(span: Span) -> str:
    return _with_ends(span, lambda x: typeset.MISSING if x is None else f"{x:.3f}")


def _points(span: Span, *, turned: bool = False) -> str:
    if turned and span.estimate is not None and span.low is not None and span.high is not None:
        span = span.model_copy(
            update={"estimate": -span.estimate, "low": -span.high, "high": -span.low}
        )
    return _with_ends(span, typeset.points)


def _with_ends(span: Span, write: object) -> str:
    assert callable(write)
    if span.estimate is None:
        return typeset.MISSING
    if span.low is None or span.high is None:
        return str(write(span.estimate))
    bare = [str(write(x)).removesuffix(" %") for x in (span.low, span.high)]
    sign = " to " if any(text.startswith((typeset.MINUS, "+")) for text in bare) else "–"
    return f"{write(span.estimate)} ({sign.join(bare)})"


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
            do=f"--figure {path.with_suffix('.png')}",
        )


def write_figure(path: Path, found: Study) -> None:
    """Accuracy against tokens per question: majority's curve, and what each rule does beside it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 5.2), layout="constrained", facecolor=INK["paper"])
    ax = figure.subplots()
    ax.set_facecolor(INK["paper"])
    _draw(ax, found)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".svg":
        FigureCanvasSVG(figure).print_svg(path, metadata={"Date": None})
    else:
        canvas = FigureCanvasAgg(figure)
        figure.set_dpi(160)
        canvas.print_png(path, metadata={"Software": None})


def _draw(ax: Axes, found: Study) -> None:
    tokens = [point.tokens for point in found.curve]
    level = [point.accuracy.estimate or 0.0 for point in found.curve]
    ax.fill_between(
        tokens,
        [point.accuracy.low or 0.0 for point in found.curve],
        [point.accuracy.high or 0.0 for point in found.curve],
        color=INK["s0"],
        alpha=0.15,
        linewidth=0,
    )
    ax.plot(tokens, level, color=INK["s0"], marker="o", markersize=3, label="majority of n draws")
    _mark(ax, [row for row in found.rows if row.kind == "rule"], "rule", INK["end"])
    _mark(ax, [row for row in found.rows if row.kind == "control"], "control", INK["muted"])
    ax.set_xscale("log")
    ax.set_xlabel("tokens per question, log scale")
    ax.set_ylabel("accuracy")
    ax.grid(visible=True, color=INK["rule"], linewidth=0.6)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.legend(frameon=False, loc="lower right")
    ax.set_title(
        f"{found.questions:,} questions, {found.budget} draws each, "
        f"{typeset.level(found.level)} intervals over questions",
        loc="left",
        fontsize=10,
        color=INK["muted"],
    )


def _mark(ax: Axes, rows: Sequence[VoteRow], kind: str, ink: str) -> None:
    if not rows:
        return
    x = [row.tokens for row in rows]
    y = [row.accuracy.estimate or 0.0 for row in rows]
    ends = [
        [at - (row.accuracy.low or 0.0) for row, at in zip(rows, y, strict=True)],
        [(row.accuracy.high or 0.0) - at for row, at in zip(rows, y, strict=True)],
    ]
    name = "stopping rule" if kind == "rule" else "its control, confidences dealt anew"
    ax.errorbar(
        x, y, yerr=ends, fmt=MARKS[kind], color=ink, markersize=5, elinewidth=0.8, label=name
    )
    if kind != "rule":
        return
    for row, at, height in zip(rows, x, y, strict=True):
        ax.annotate(
            row.name.replace("confidence-lowest", "").strip(),
            (at, height),
            xytext=(5, 4),
            textcoords="offset points",
            fontsize=7,
            color=INK["ink"],
        )
