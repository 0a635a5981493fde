"""What a log of draws told: votes, stopping rules and signals, as one plain record."""

from __future__ import annotations

from titrant.records import Record


class Span(Record):
    """A number with its interval."""

    estimate: float | None
    low: float | None
    high: float | None


class VoteRow(Record):
    """One vote or stopping rule against majority over the whole budget."""

    name: str
    kind: str
    """`vote`: every draw runs to its end; `rule`: draws or questions are stopped; `control`: a rule whose
    confidences were dealt out anew."""
    signal: str = ""
    """What weighs, filters or stops; empty: nothing."""
    accuracy: Span
    """Right / asked."""
    tokens: float
    """Generated per question."""
    drawn: float
    """Draws started per question."""
    stopped: float
    """Share of them ended for want of confidence."""
    saved: Span
    """Share of majority's tokens."""
    loss: Span
    """Accuracy lost against majority; under 0: won."""
    loss_bound: float
    """One-sided upper bound of the loss."""
    at_equal_tokens: Span
    """Accuracy won against majority with as many tokens."""
    unanswered: float
    """Share of questions without an answer."""
    fell_back: float
    """Share of questions where no draw was left to vote."""


class SignalRow(Record):
    """How well a signal tells right from wrong draws of one question."""

    name: str
    auroc: Span
    """Within question; 0.5 is a coin."""
    against_mean: Span
    """AUROC less that of mean confidence, paired by question."""
    known: float
    """Share of draws for which it could be computed."""


class Point(Record):
    """Majority over n draws."""

    draws: int
    tokens: float
    accuracy: Span
    pass_at: float
    """pass@n: share of questions with a right draw among n."""


class Study(Record):
    """What a log tells."""

    version: int = 2
    questions: int
    left_out: int = 0
    """Questions with fewer draws than the budget; nothing here is about them."""
    draws: int
    """Of these questions, in all; each ran to its end or to the limit."""
    not_whole: int = 0
    """Draws of the log that were stopped or cancelled, or that failed; nothing here is about them."""
    budget: int
    """Draws per question that the comparisons use."""
    resamples: int
    level: float
    """Of the intervals; they are over questions."""
    window: int
    """Tokens of a window of group confidence."""
    accuracy: Span
    """Of one draw: right / drawn."""
    truncated: float
    """Share of draws cut by the limit."""
    unreadable: float
    """Share of draws whose answer could not be read."""
    tokens: float
    """Of one draw, mean."""
    curve: tuple[Point, ...]
    rows: tuple[VoteRow, ...]
    signals: tuple[SignalRow, ...]
    best_of: dict[str, float]
    """Signal → accuracy of the best draw of the whole budget, in expectation."""
    not_compared: tuple[str, ...] = ()
    """Rules that were asked for and cannot be replayed on these draws, and why; one sentence each."""
    shorter_is_right: Span
    """AUROC of shortness: near 0.5, length cannot be what a signal knows."""
