"""What `titrant rank` shows: first rows with their reasons, what is among them, and the list of strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from titrant.cli.common import console, emit_json
from titrant.select.strategies.order import NOT_SCORED

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from titrant.select.overview import Overview
    from titrant.select.rank import RankedRow, Ranking
    from titrant.traces.record import Trace

ROWS_SHOWN = 10
EXCERPT = 60
"""Characters of a trace."""


class Shown(NamedTuple):
    """What is told of it."""

    ranking: Ranking
    first: list[Trace]
    """The traces of its first rows."""
    traces: list[Trace]
    """All of them."""
    n_repeats: int
    """Exact repeats that were left out."""

    @property
    def n_unscored(self) -> int:
        """Traces without a score, which stand last."""
        return sum(row.reason.startswith(NOT_SCORED) for row in self.ranking.rows)

    @property
    def rows(self) -> tuple[RankedRow, ...]:
        """The first rows."""
        return self.ranking.rows[: len(self.first)]


def as_tree(shown: Shown, out: Path | None) -> dict[str, object]:
    """The ranking for machines."""
    from titrant.select.overview import overviews

    first, pool = overviews(shown.first, shown.traces)
    pairs = zip(shown.rows, shown.first, strict=True)
    return {
        "strategy": shown.ranking.strategy,
        "draw": shown.ranking.draw,
        "repeats_left_out": shown.n_repeats,
        "not_scored": shown.n_unscored,
        "first": first,
        "pool": pool,
        "rows": [{**row._asdict(), "qid": trace.qid} for row, trace in pairs],
        "out": out,
    }


def print_ranking(shown: Shown, out: Path | None) -> None:
    """The ranking for people."""
    from rich.padding import Padding

    from titrant.select.overview import overviews

    screen = console()
    title = f"{shown.ranking.strategy}, draw {shown.ranking.draw}"
    screen.print(f" {title}: {len(shown.traces):,} traces\n", markup=False)
    for table in (_rows_table(shown), _views_table(*overviews(shown.first, shown.traces))):
        screen.print(Padding(table, (0, 0, 1, 1), expand=False))
    if shown.n_repeats:
        screen.print(f" {shown.n_repeats:,} exact repeats of a trace were left out")
    if shown.n_unscored:
        screen.print(f" {shown.n_unscored:,} traces have no score and stand last")
    if out is not None:
        screen.print(f" {out}", markup=False, soft_wrap=True)


def _table(*columns: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column)
    return table


def _rows_table(shown: Shown) -> Table:
    from rich.text import Text

    table = _table("rank", "reason", "question", "trace")
    rows = zip(shown.rows[:ROWS_SHOWN], shown.first, strict=False)
    for row, trace in rows:
        texts = (row.reason, _excerpt(trace.question), _excerpt(trace.body))
        table.add_row(str(row.rank), *(Text(text) for text in texts))
    return table


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else f"{line[: EXCERPT - 1]}…"


def _views_table(first: Overview, pool: Overview) -> Table:
    table = _table("", f"first {first.traces:,}", "pool")
    for column in table.columns[1:]:
        column.justify = "right"
    views = (first, pool)
    table.add_row("questions", *(f"{view.questions:,}" for view in views))
    length = [_number(view.mean_length, ",.1f") for view in views]
    table.add_row(f"mean length in {first.length_unit}", *length)
    table.add_row("wrong, of those verified", *(_number(view.wrong, ".1%") for view in views))
    table.add_row("truncated or unreadable", *(_number(view.unread, ".1%") for view in views))
    table.add_row("near repeats", *(_number(view.near_repeats, ".1%") for view in views))
    return table


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def show_list(*, as_json: bool) -> None:
    """All strategies, and what each needs."""
    from titrant.select.rank import STRATEGIES
    from titrant.select.strategies.grammar import FORM
    from titrant.signals.base import signals

    outside = sorted(set(signals.names()) - set(STRATEGIES))
    if as_json:
        rows = [
            {"name": name, "needs": sorted(row.needs), "draws": row.draws, "about": row.about}
            for name, row in STRATEGIES.items()
        ]
        emit_json({"form": FORM, "strategies": rows, "outside_signals": outside})
        return
    table = _table("strategy", "needs", "")
    for name, row in STRATEGIES.items():
        about = f"{row.about} (draws)" if row.draws else row.about
        table.add_row(name, ", ".join(sorted(row.needs)) or "–", about)
    for name in outside:
        table.add_row(name, name, "a signal from outside, in the direction that it prefers")
    screen = console()
    screen.print(table)
    screen.print(f"\n {FORM}", markup=False)
