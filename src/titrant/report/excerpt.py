"""Traces and generations for the eyes: cut in the middle, with a mark for each verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from titrant.report import typeset

if TYPE_CHECKING:
    from titrant.report.answer import BeforeAfter, TraceSample

TRACE_MARKS = {"correct": "✓", "wrong": "✗", "unreadable": "?", "truncated": "…"}


@dataclass(frozen=True, slots=True)
class Badge:
    """A verdict on one attempt: a mark that differs in shape, and the word."""

    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class TraceView:
    """One trace of the chosen subset."""

    question: str
    thinking: str
    answer: str
    final: str
    gold: str
    badge: Badge


@dataclass(frozen=True, slots=True)
class PairView:
    """Base and trained arm on the same problem."""

    question: str
    gold: str
    before: str
    before_badge: Badge
    after: str
    after_badge: Badge
    arm: str


def clip(text: str, head: int, tail: int) -> str:
    """A long text cut in the middle, saying how many characters are left out."""
    left = len(text) - head - tail
    if left <= 40:
        return text
    return f"{text[:head]} […{typeset.count(left)} characters left out…] {text[-tail:]}"


def _badge(verdict: str | None) -> Badge:
    if verdict is None:
        return Badge(typeset.MISSING, "not verified")
    return Badge(TRACE_MARKS.get(verdict, "·"), verdict)


def show_trace(trace: TraceSample) -> TraceView:
    """A trace of the subset, cut to what a page can hold."""
    return TraceView(
        question=clip(trace.question, 700, 200),
        thinking=clip(trace.thinking or "", 1100, 400),
        answer=clip(trace.answer_text, 500, 300),
        final=_brief(trace.final_answer),
        gold=_brief(trace.gold),
        badge=_badge(trace.verdict),
    )


def show_pair(pair: BeforeAfter) -> PairView:
    """Two generations for one problem, cut to what a page can hold."""
    return PairView(
        question=clip(pair.question, 700, 200),
        gold=_brief(pair.gold),
        before=clip(pair.before, 900, 400),
        before_badge=_badge(pair.before_verdict),
        after=clip(pair.after, 900, 400),
        after_badge=_badge(pair.after_verdict),
        arm=clip(pair.after_arm, 80, 40),
    )


def _brief(text: str | None) -> str:
    return typeset.MISSING if text is None or not text.strip() else clip(text, 80, 40)
