"""The page *Is it real?* as plain data: findings of audits, every number already a string."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from titrant.estimate import Estimate
from titrant.report import typeset
from titrant.report.excerpt import Badge, clip
from titrant.report.real_figure import plot_svg
from titrant.report.tables import Cell, Column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from titrant.audits.base import AuditResult, Excerpt, Finding, FindingTable, Outcome

COMMAND = "titrant audit RUN"
MARKS: Mapping[Outcome, str] = {
    "clear": "✓",
    "alarm": "!",
    "undecided": "?",
    "not looked at": "·",
}
MAX_EXAMPLES = 3
LEAD = (
    "What the gain is made of. `alarm` is said where a corrected test says so, `clear` where the data lie "
    "beyond a margin that was fixed beforehand; `undecided` where they do neither."
)
WRITERS: Mapping[str, Callable[[float | None], str]] = {
    "share": typeset.share,
    "points": typeset.points,
    "tokens": typeset.count,
}
"""Unit of a plot or column → how its numbers are written; others as plain numbers."""


@dataclass(frozen=True, slots=True)
class RowView:
    """One line of the table of findings."""

    anchor: str
    name: str
    badge: Badge
    number: str
    n: str
    seeds: str
    p: str


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding with everything that is shown of it."""

    anchor: str
    name: str
    badge: Badge
    question: str
    statement: str
    decides: str
    figure: Markup | None
    examples: tuple[Excerpt, ...]


@dataclass(frozen=True, slots=True)
class TableView:
    """A table of an audit."""

    title: str
    lead: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class AuditView:
    """One audit."""

    question: str
    notes: tuple[str, ...]
    tables: tuple[TableView, ...]
    findings: tuple[FindingView, ...]


@dataclass(frozen=True, slots=True)
class RealView:
    """The whole page."""

    headline: str
    lead: str
    rows: tuple[RowView, ...]
    audits: tuple[AuditView, ...]
    note: str
    command: str = COMMAND


def build_real(results: Sequence[AuditResult]) -> RealView | None:
    """The page; `None` where nothing was audited."""
    findings = [finding for result in results for finding in result.findings]
    if not findings:
        return None
    return RealView(
        headline=headline(findings),
        lead=LEAD,
        rows=tuple(_row(finding) for finding in findings),
        audits=tuple(_audit(result) for result in results),
        note=_note(findings),
    )


def headline(findings: Sequence[Finding]) -> str:
    """How many findings there are of each outcome, in a sentence."""
    counts = {name: sum(f.outcome == name for f in findings) for name in MARKS}
    said = [f"{counts[name]} {name}" for name in MARKS if counts[name]]
    return f"{typeset.plural(len(findings), 'finding')}: {', '.join(said)}"


def anchor_of(finding: Finding) -> str:
    """A name for links within the page."""
    words = "".join(c if c.isalnum() else "-" for c in finding.name.lower())
    return f"{finding.audit}-{words}"


def write_number(estimate: Estimate | None, unit: str) -> str:
    """A number of a finding with its interval; shares are told by their unit's words."""
    if estimate is None or estimate.estimate is None:
        return typeset.MISSING
    return typeset.with_interval(estimate, WRITERS.get(_kind_of(unit), plain))


def plain(value: float | None) -> str:
    """A number in three digits."""
    return typeset.MISSING if typeset.is_missing(value) else f"{value:.3g}".replace("-", "−")


def _kind_of(unit: str) -> str:
    first = unit.split(maxsplit=1)[0] if unit else ""
    return {"share": "share", "accuracy": "share", "points": "points", "tokens": "tokens"}.get(
        first, "number"
    )


def _badge(outcome: Outcome) -> Badge:
    return Badge(MARKS[outcome], outcome)


def _row(finding: Finding) -> RowView:
    value = finding.value
    return RowView(
        anchor=anchor_of(finding),
        name=finding.name,
        badge=_badge(finding.outcome),
        number=write_number(value, finding.unit),
        n=typeset.count(None if value is None else value.n),
        seeds=typeset.count(None if value is None else value.seeds),
        p=typeset.MISSING if finding.p is None else _p(finding.p),
    )


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _note(findings: Sequence[Finding]) -> str:
    levels = sorted({f.value.level for f in findings if f.value is not None})
    return " · ".join(f"{typeset.level(level)} intervals" for level in levels)


def _audit(result: AuditResult) -> AuditView:
    return AuditView(
        question=result.question,
        notes=result.notes,
        tables=tuple(_table(table) for table in result.tables),
        findings=tuple(_finding(finding) for finding in result.findings),
    )


def _finding(finding: Finding) -> FindingView:
    anchor = anchor_of(finding)
    figure = None if finding.plot is None else Markup(plot_svg(finding.plot, prefix=anchor))
    return FindingView(
        anchor=anchor,
        name=finding.name,
        badge=_badge(finding.outcome),
        question=finding.question,
        statement=finding.statement,
        decides=finding.decides,
        figure=figure,
        examples=tuple(_clipped(one) for one in finding.examples[:MAX_EXAMPLES]),
    )


def _clipped(one: Excerpt) -> Excerpt:
    texts = {name: clip(getattr(one, name), 900, 300) for name in ("caption", "left", "right")}
    return one.model_copy(update=texts)


def _table(table: FindingTable) -> TableView:
    return TableView(
        title=table.title,
        lead=table.lead,
        columns=tuple(
            Column(name, is_number=unit != "text")
            for name, unit in zip(table.columns, table.units, strict=True)
        ),
        rows=tuple(
            tuple(_cell(value, unit) for value, unit in zip(row, table.units, strict=True))
            for row in table.rows
        ),
    )


def _cell(value: Estimate | float | str | None, unit: str) -> Cell:
    if isinstance(value, str):
        return Cell(value)
    write = WRITERS.get(unit, plain)
    if isinstance(value, Estimate):
        missing = value.estimate is None
        return Cell(typeset.MISSING if missing else typeset.with_interval(value, write))
    return Cell(write(value))
