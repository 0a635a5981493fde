"""A finding before it is settled: its outcome waits for Holm's correction over the whole family.

alarm       the corrected p-value is at most α: what was looked for is there
clear       no alarm, and the whole interval is on the harmless side of the bar
undecided   neither

Without a number the outcome is `Draft.without_value`: *not looked at* where what the number needs is
missing, *undecided* where all is there and the data do not tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from titrant.audits.base import Excerpt, Finding, Outcome, Plot
from titrant.audits.faithfulness.interval import alpha
from titrant.audits.words import between, percent, points
from titrant.dose.judge.holm import holm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from titrant.estimate import Estimate

SHOWN_ROWS = 20
"""Most identities that a finding names."""
SHOWN_EXAMPLES = 3
FEWEST = 10
"""Problems under which nothing is settled."""


class Draft(NamedTuple):
    """A finding whose outcome is not settled."""

    name: str
    question: str
    says: Mapping[Outcome, str]
    """Outcome → the answer, to which `numbers` is added."""
    numbers: str
    value: Estimate
    unit: str
    p: float | None
    """Of the alarm, one-sided, not corrected."""
    is_clear: bool
    decides: str
    rows: tuple[str, ...] = ()
    plot: Plot | None = None
    examples: tuple[Excerpt, ...] = ()
    without_value: Outcome = "not looked at"
    """The outcome where `value` has no estimate: *undecided* where nothing that it needs is missing."""


def not_looked_at(audit: str, name: str, question: str, *, missing: str) -> Finding:
    """The finding of evidence that is absent."""
    return Finding(
        audit=audit,
        name=name,
        question=question,
        statement=f"Not looked at: {missing}.",
        outcome="not looked at",
        value=None,
        unit="",
        decides="the missing evidence",
    )


def _nothing(audit: str, draft: Draft) -> Finding:
    """The finding of evidence that gave no number."""
    outcome = draft.without_value
    is_absent = outcome == "not looked at"
    says = "Not looked at, since there is nothing to compare" if is_absent else draft.says[outcome]
    return Finding(
        audit=audit,
        name=draft.name,
        question=draft.question,
        statement=f"{says}: {draft.numbers}.",
        outcome=outcome,
        value=None,
        unit=draft.unit,
        decides=draft.decides,
        plot=draft.plot,
    )


def settle(audit: str, drafts: Sequence[Draft | Finding], level: float) -> tuple[Finding, ...]:
    """The findings in their order, outcomes by Holm over all drafts that have a p-value.

    Args:
        audit: its name.
        drafts: what it found; findings that are settled stay as they are.
        level: of the intervals; tests have the level of one of their sides.
    """
    tested = [d for d in drafts if isinstance(d, Draft) and d.p is not None]
    corrected = dict(zip((d.name for d in tested), holm([d.p or 0.0 for d in tested]), strict=True))
    return tuple(
        d if isinstance(d, Finding) else _settled(audit, d, corrected.get(d.name), level)
        for d in drafts
    )


def _settled(audit: str, draft: Draft, p: float | None, level: float) -> Finding:
    outcome: Outcome = "undecided"
    if draft.value.estimate is None:
        return _nothing(audit, draft)
    if (draft.value.n or 0) >= FEWEST:
        if p is not None and p <= alpha(level):
            outcome = "alarm"
        elif draft.is_clear:
            outcome = "clear"
    return Finding(
        audit=audit,
        name=draft.name,
        question=draft.question,
        statement=f"{draft.says[outcome]}: {draft.numbers}.",
        outcome=outcome,
        value=draft.value,
        unit=draft.unit,
        p=None if p is None else float(p),
        rows=draft.rows[:SHOWN_ROWS],
        plot=draft.plot,
        examples=draft.examples[:SHOWN_EXAMPLES],
        decides=draft.decides,
    )


def told(value: Estimate, unit: str = "share") -> str:
    """A number with its interval and its unit, as `words.between` writes it.

    Args:
        value: the number.
        unit: `share` (percent), `points` (percentage points), or the unit's own words.

    Example:
        >>> from titrant.estimate import Estimate
        >>> told(Estimate(estimate=0.25, low=0.2, high=0.314, level=0.9))
        '25.0 % (20.0 to 31.4 %)'
        >>> told(Estimate(estimate=2.5, low=None, high=None, level=0.9), "bits")
        '2.50 bits'
    """
    if unit == "share":
        return between(value, percent)
    if unit == "points":
        return f"{between(value, points)} points"
    return f"{between(value, _plain)} {unit}".rstrip()


def _plain(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}".replace("-", "−")
