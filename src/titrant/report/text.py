"""The answer for a terminal: sentence, verdict, key figures, and the response as bars.

What a run prints at its end and `titrant report` prints again. Everything is said in words and
lengths, colour only repeats it, so that it reads the same in a log file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from titrant.report import typeset
from titrant.report.controls import OUTCOMES
from titrant.report.headline import (
    NO_GAIN,
    curves_on,
    end_point_name,
    first_benchmark,
    ordered_responses,
)
from titrant.report.tables import compared, end_point, pays, ratio_cell
from titrant.report.view import build_view

if TYPE_CHECKING:
    from rich.console import RenderableType

    from titrant.report.answer import Answer, Curve, CurvePoint
    from titrant.report.view import View

EIGHTHS = " ▏▎▍▌▋▊▉"
BAR_CELLS = 34


class DoseRow(NamedTuple):
    """All readings of one dose."""

    dose: int
    mean: float
    low: float
    """Lowest reading."""
    high: float
    readings: int


def summary(answer: Answer) -> RenderableType:
    """The answer as something that a rich console prints."""
    view = build_view(answer)
    parts: list[RenderableType] = [Text(), _sentence(view), Text(), _verdict(view), Text()]
    parts.append(_figures(view))
    bars = response_bars(answer)
    if bars is not None:
        parts += [Text(), bars]
    strategies = strategy_rows(answer)
    if strategies is not None:
        parts += [Text(), strategies]
    if any(item.controls for item in answer.responses):
        parts += [Text(), control_rows(answer)]
    if answer.warnings:
        parts += [Text(), *(Text(f"⚠ {text}", style="yellow") for text in view.warnings)]
        if view.warnings_left:
            parts.append(Text(view.warnings_left, style="dim"))
    return Padding(Group(*parts), (0, 2))


def response_bars(answer: Answer) -> Table | None:
    """Mean accuracy of the headline's arms at each dose as bars; `None` without readings."""
    benchmark = first_benchmark(answer)
    curves = curves_on(answer, benchmark)
    if not curves or not curves[0].readings:
        return None
    rows = dose_rows(curves[0])
    top = max(*(row.high for row in rows), 1e-9)
    table = Table(box=None, padding=(0, 1), show_header=True, header_style="dim", pad_edge=False)
    table.add_column("dose", justify="right")
    table.add_column(f"accuracy on {benchmark}" if benchmark else "accuracy", no_wrap=True)
    table.add_column("", justify="right")
    table.add_column("seeds", justify="right")
    end = None if answer.verdict in NO_GAIN else answer.ed95.estimate
    for row in rows:
        if end is not None and row.dose >= end:
            _add_end(table, answer)
            end = None
        table.add_row(*_bar_row(row, top))
    return table


def strategy_rows(answer: Answer) -> Table | None:
    """What each strategy needs and costs; `None` for a single one."""
    if len(answer.responses) < 2:
        return None
    table = Table(box=None, padding=(0, 1), show_header=True, header_style="dim", pad_edge=False)
    table.add_column("strategy", no_wrap=True)
    name = end_point_name(answer.level)
    rival = next((item.versus for item in answer.responses if item.versus), None)
    heads = (name, f"÷ {rival}" if rival else "", "choosing cost", "")
    for head in heads:
        table.add_column(head, justify="right" if head else "left")
    for item in ordered_responses(answer):
        is_far = item.beyond_pool
        end = f"> {typeset.dose(answer.top_dose)}" if is_far else end_point(answer, item.ed95)
        cost = item.selection
        table.add_row(
            item.strategy,
            end,
            compared(item),
            typeset.MISSING if cost is None else f"{typeset.short(cost.flops)} FLOP",
            "" if cost is None else pays(cost, is_reference=item.strategy == rival),
        )
    return table


def control_rows(answer: Answer) -> Table:
    """Each strategy beside its matched controls."""
    table = Table(box=None, padding=(0, 1), show_header=True, header_style="dim", pad_edge=False)
    for head in ("strategy", "its control", f"{end_point_name(answer.level)} ÷ the control's", ""):
        table.add_column(head, justify="right" if "÷" in head else "left")
    for item in ordered_responses(answer):
        for one in item.controls:
            ratio = ratio_cell(one.ratio, one.p_holm)
            table.add_row(item.strategy, one.control, ratio, OUTCOMES[one.outcome])
    return table


def dose_rows(curve: Curve) -> list[DoseRow]:
    """Readings of one curve gathered by dose, lowest dose first."""
    by_dose: dict[int, list[CurvePoint]] = {}
    for point in curve.readings:
        by_dose.setdefault(int(point.dose), []).append(point)
    rows = []
    for dose in sorted(by_dose):
        values = [point.accuracy for point in by_dose[dose]]
        mean = sum(values) / len(values)
        rows.append(DoseRow(dose, mean, min(values), max(values), len(values)))
    return rows


def bar(share: float, cells: int = BAR_CELLS) -> str:
    """A bar of `share` of the cells, to an eighth of a cell."""
    eighths = round(min(max(share, 0.0), 1.0) * cells * 8)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _bar_row(row: DoseRow, top: float) -> tuple[Text, Text, Text, Text]:
    name = "base" if row.dose == 0 else typeset.count(row.dose)
    return (
        Text(name, style="dim" if row.dose == 0 else ""),
        Text(bar(row.mean / top), style="dim" if row.dose == 0 else "blue"),
        Text(typeset.share(row.mean)),
        Text(str(row.readings), style="dim"),
    )


def _add_end(table: Table, answer: Answer) -> None:
    """The end point stands between the doses that it lies between."""
    words = f"╌╌ {end_point_name(answer.level)}"
    ends = typeset.interval(answer.ed95, typeset.dose)
    known = "" if ends == typeset.MISSING else f" ({ends})"
    table.add_row(
        Text(typeset.dose(answer.ed95.estimate), style="bold magenta"),
        Text(f"{words}{known} ╌╌", style="bold magenta"),
        "",
        "",
    )


def _sentence(view: View) -> Text:
    text = _marked(view.sentence.claim, style="bold")
    said = view.sentence
    for part in (said.control, said.condition, said.cost, said.selection):
        if part:
            text.append("\n")
            text.append_text(_marked(part, style="dim"))
    return text


def _verdict(view: View) -> Text:
    text = Text(f"{view.mark} {view.verdict}", style="bold magenta")
    text.append(f"  {view.meaning}", style="not bold default")
    if view.sentence.decides:
        text.append(f" {view.sentence.decides}", style="bold default")
    return text


def _figures(view: View) -> Table:
    table = Table.grid(padding=(0, 2))
    for tile in view.tiles:
        table.add_row(
            Text(tile.short, style="dim"),
            Text(tile.value, style="bold"),
            Text(" · ".join(tile.notes)),
        )
    return table


def _marked(text: str, *, style: str) -> Text:
    """Text with the pieces between backticks set apart; rich markup in it means nothing."""
    out = Text(style=style)
    for i, part in enumerate(text.split("`")):
        out.append(part, style="cyan" if i % 2 else None)
    return out
