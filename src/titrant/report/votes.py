"""What a study of votes says in a terminal: tables of votes, stopping rules and signals, and a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from titrant.report import typeset
from titrant.vote.replay import DEALT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import RenderableType

    from titrant.vote.findings import Span, Study, VoteRow

    Write = Callable[[float | None], str]

MOST_VOTES = 12
"""Votes that are shown beside majority; `--json` has all."""


def render(found: Study, notes: Sequence[str]) -> list[RenderableType]:
    """The parts that are printed, one after the other."""
    parts: list[RenderableType] = [_head(found)]
    parts += [Text(f"note: {line}", style="yellow") for line in (*notes, *found.not_compared)]
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
        if share
    )
    text = Text()
    left_out = f" ({found.left_out:,} with fewer are left out)" if found.left_out else ""
    text.append(
        f"{typeset.plural(found.questions, 'question')}, {found.budget} draws each{left_out}: "
    )
    text.append(f"one draw is right {_share(found.accuracy)}", style="bold")
    text.append(f", {typeset.count(found.tokens)} tokens long" + (f"; {rest}" if rest else ""))
    if found.not_whole:
        text.append(
            f"; {typeset.plural(found.not_whole, 'draw')} that did not run to the end aside"
        )
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
        text = f"the best {MOST_VOTES} of {len(rest)}, flattered by the choice; all: --json"
        table.caption, table.caption_justify = Text(text, style="dim"), "left"
    return table


def _rules(rows: Sequence[VoteRow]) -> Table:
    """One line per rule, its control beside it."""
    controls = {row.name: row for row in rows if row.kind == "control"}
    table = _table(
        "stopping rule", "right", "control (saved)", "saved", "draws stopped", "points lost ≤"
    )
    for row in rows:
        if row.kind == "control":
            continue
        control = controls.get(f"{row.name}{DEALT}")
        table.add_row(
            row.name.replace(" confidence-lowest", "").replace("-lowest", ""),
            _share(row.accuracy, 0),
            typeset.MISSING if control is None else _control(control),
            _percent(row.saved),
            typeset.share(row.stopped, 0),
            typeset.points(row.loss_bound),
        )
    return table


def _control(row: VoteRow) -> str:
    """Right, and saved: under a consensus rule a control may save less, for it agrees more seldom."""
    return f"{typeset.share(row.accuracy.estimate)} ({typeset.share(row.saved.estimate, 0)})"


def _signals(found: Study) -> Table:
    table = _table("signal, high is better", "AUROC in question", "against confidence", "best of n")
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
    for head in heads:  # in a narrow terminal a cell is folded, never cut
        table.add_column(head, justify="right", overflow="fold")
    return table


def _share(span: Span, places: int = 1) -> str:
    return _with_ends(span, typeset.share, lambda x: typeset.share(x, places))


def _percent(span: Span) -> str:
    return _with_ends(span, lambda x: typeset.share(x, 0))


def _plain(span: Span) -> str:
    return _with_ends(
        span, lambda x: typeset.MISSING if x is None else f"{x:.3f}".replace("-", typeset.MINUS)
    )


def _points(span: Span, *, turned: bool = False) -> str:
    if turned and span.estimate is not None and span.low is not None and span.high is not None:
        span = span.model_copy(
            update={"estimate": -span.estimate, "low": -span.high, "high": -span.low}
        )
    return _with_ends(span, typeset.points)


def _with_ends(span: Span, write: Write, write_end: Write | None = None) -> str:
    if span.estimate is None:
        return typeset.MISSING
    if span.low is None or span.high is None:
        return write(span.estimate)
    bare = [(write_end or write)(x).removesuffix(" %") for x in (span.low, span.high)]
    sign = " to " if any(text.startswith((typeset.MINUS, "+")) for text in bare) else "–"
    return f"{write(span.estimate)} ({sign.join(bare)})"
