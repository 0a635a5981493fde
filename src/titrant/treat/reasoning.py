"""Where the reasoning of a trace stands, and where its final answer does.

Treatments work on the reasoning and leave the statement of the final answer alone:

- with thinking, the reasoning is the thinking, and its `lead`: what the answer text says before the
  line or sentence that states the final answer, since there the problem is often worked once more;
- without it (or where it is blank), the answer text up to that statement (GSM8K: all lines before
  `#### 42`); what follows the statement stays as well;
- where the answer is stated inside the thinking alone, the thinking up to that statement;
- where no answer can be found, the whole body.

What each treatment does with the lead stands in its own docstring: treatments of digits, words and
steps do to it what they do to the thinking, `foreign` hands it on with the thinking, `filler` fills
it, `format-only` and `answer-only` take it out, and `wrong-answer` leaves it.

`find_answer` says what the answer is and not where. Its place is the last one whose text, changed
to another, changes what `find_answer` reads; so place and reading cannot disagree. An answer that
the built-in rules do not read (a pattern of the user's found it) is taken to stand where it is
written last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from titrant.traces.steps import cut_steps
from titrant.traces.verify.answer import FoundAnswer, Rule, find_answer, find_answer_with_rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.traces.record import Step, Trace

PLACES = 32
"""So many places of an answer's text are tried, from the last one back."""
STATEMENTS = 8
"""So many pieces, from the last one back, are joined to make up the statement of the answer."""


class Place(NamedTuple):
    """A piece of text: characters `start` to `end`."""

    start: int
    end: int


class Reasoning(NamedTuple):
    """The reasoning of a trace: the first `end` characters of one of its texts, and its lead."""

    field: str
    """`thinking` or `answer_text`: the body's field, but for thinking that is blank."""
    text: str
    """The whole text of that field."""
    end: int
    is_apart: bool
    """Whether the final answer is read outside the body: then no change of the body touches it."""
    lead: Reasoning | None = None
    """What the answer text says before its statement, after thinking; `None` where that is blank."""

    @property
    def content(self) -> Place:
        """The reasoning without white space around it; empty where there is none."""
        body = self.text[: self.end]
        start = len(body) - len(body.lstrip())
        return Place(start, max(start, len(body.rstrip())))


def reasoning_of(trace: Trace) -> Reasoning:
    """Where the reasoning of a trace stands; see the module docstring."""
    field, body = "answer_text" if trace.thinking is None else "thinking", trace.body
    if trace.unfinished:
        return Reasoning(field, body, len(body), is_apart=True)
    if trace.thinking is None or not _states_answer(trace):
        return Reasoning(field, body, _statement(body, trace.final_answer), is_apart=False)
    lead = _lead_of(trace)
    if lead is not None and not body.strip():
        return lead
    return Reasoning(field, body, len(body), is_apart=True, lead=lead)


def _lead_of(trace: Trace) -> Reasoning | None:
    """What the answer text says before its statement; `None` where it only states the answer."""
    text = trace.answer_text
    end = _statement(text, trace.final_answer)
    return Reasoning("answer_text", text, end, is_apart=False) if end else None


def _states_answer(trace: Trace) -> bool:
    """Whether the text after the thinking states an answer."""
    text, answer = trace.answer_text, trace.final_answer
    return find_answer(text) is not None or (answer is not None and answer in text)


def answer_place(text: str, answer: str | None = None) -> Place | None:
    """Where a text states its final answer; `None` where it states none, or no place can be told.

    Args:
        text: what is searched.
        answer: the final answer on record, where one is; it counts where the built-in rules read
            something else.
    """
    found = find_answer(text)
    if answer and answer != found and (at := text.rfind(answer)) >= 0:
        return Place(at, at + len(answer))
    if found is None:
        return None
    probe = ("7" if found.strip("7") else "8") * len(found)
    end = len(text)
    for _ in range(PLACES):
        at = text.rfind(found, 0, end)
        if at < 0:
            return None
        after = at + len(found)
        if find_answer(f"{text[:at]}{probe}{text[after:]}") == probe:
            return Place(at, after)
        end = at
    return None


def _statement(text: str, answer: str | None) -> int:
    """Where the line or sentence begins that states the answer; the text's end where none does."""
    place = answer_place(text, answer)
    if place is None:
        return len(text)
    starts = _starts(text, place.start)[: -STATEMENTS - 1 : -1]
    found = find_answer_with_rule(text)
    if found is None or answer not in (None, found.text):
        return starts[0]
    # A statement may go over several pieces ("Answer:\n\n5"): as many are kept as read the same.
    return next((start for start in starts if _reads(text[start:], found)), 0)


def _reads(text: str, found: FoundAnswer) -> bool:
    """Whether a text states an answer as another did; a number alone may have stood among words."""
    own = find_answer_with_rule(text)
    if own is not None and own.rule == Rule.WHOLE and found.rule == Rule.NUMBER:
        return own.text == found.text
    return own == found


def _starts(text: str, at: int) -> list[int]:
    """Where paragraphs, lines and sentences begin up to an offset, in order."""
    starts, offset, piece = {0}, 0, text
    while len(steps := cut_steps(piece.rstrip())) > 1:
        before = [step for step in steps if offset + step.start <= at]
        starts.update(offset + step.start for step in before)
        offset += before[-1].start
        piece = before[-1].text
    return sorted(starts)


def steps_of(trace: Trace) -> Sequence[Step]:
    """The steps of a body: those on record where they join to it, else cut anew."""
    if trace.steps and "".join(step.text for step in trace.steps) == trace.body:
        return trace.steps
    return cut_steps(trace.body)


def step_places(trace: Trace, reasoning: Reasoning) -> list[Place]:
    """The steps of the reasoning without the white space around them; blank ones are left out.

    Those of a lead are cut anew, without the statement, since steps on record are of the body.
    """
    first, steps = 0, steps_of(trace)
    if reasoning.text != trace.body:
        first, end = reasoning.content
        steps = cut_steps(reasoning.text[first:end])
    places = []
    for step in steps:
        start = first + step.start
        piece = step.text[: max(0, reasoning.end - start)]
        kept = piece.strip()
        if kept:
            start += len(piece) - len(piece.lstrip())
            places.append(Place(start, start + len(kept)))
    return places
