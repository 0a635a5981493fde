"""Treatments that leave the form and take the content.

    filler              a full stop per word
    filler-characters   a full stop per character of a word
    format-only         one neutral line
    answer-only         nothing

The fillers are the control of computation: as long as the reasoning, in the same lines, and saying
nothing. `filler` is as long in words, and in tokens only where a word is a token (the maze world);
of the arithmetic world's traces, a token per character, it leaves 0.52 of the trained tokens.
`filler-characters` is as long in characters, so equal in tokens there. `filler` is the one to begin
with, since the results in `docs/results.md` are of it. With the tokens of a real tokenizer neither
is as long: a word is one or more of them, and so is a run of full stops.

What the answer text says before its statement, after thinking (the lead), is filled too;
`format-only` and `answer-only` take it out.

Source: Pfau, Merrill & Bowman 2024, *Let's think dot by dot* (arXiv 2404.15758); Lanham et al. 2023
(arXiv 2307.13702), "filler tokens".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from titrant.traces.steps import cut_steps
from titrant.treat.base import Span, Treated
from titrant.treat.reasoning import reasoning_of
from titrant.treat.rewrite import Edit, retold, rewrite
from titrant.worlds.maze.pool import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.traces.record import Trace
    from titrant.treat.reasoning import Reasoning

FILLER = "."
"""What each word becomes, or each of its characters."""
NEUTRAL = "..."
"""The one line that stands for a whole reasoning; `FILLER` where a word is a token, which "..." is
not in such a vocabulary."""

_WORD = re.compile(r"\S+")


def apply_filler(traces: Sequence[Trace], _ratio: float, _seed: int) -> list[Treated]:
    """Each word of the reasoning and its lead becomes a full stop; white space stays."""
    return [_filled(trace, per_character=False) for trace in traces]


def apply_filler_characters(traces: Sequence[Trace], _ratio: float, _seed: int) -> list[Treated]:
    """Each character that is no white space becomes a full stop, in the lead too.

    In traces of a world whose words are tokens each word becomes one, as in `filler`.
    """
    return [_filled(trace, per_character=words_of(trace.source) is None) for trace in traces]


def _filled(trace: Trace, *, per_character: bool) -> Treated:
    reasoning = reasoning_of(trace)
    of_lead = [] if reasoning.lead is None else _fill(reasoning.lead, per_character=per_character)
    return rewrite(trace, reasoning, _fill(reasoning, per_character=per_character), of_lead)


def _fill(reasoning: Reasoning, *, per_character: bool) -> list[Edit]:
    words = _WORD.finditer(reasoning.text, 0, reasoning.end)
    return [
        Edit(word.start(), word.end(), FILLER * (len(word[0]) if per_character else 1))
        for word in words
    ]


def apply_format_only(traces: Sequence[Trace], _ratio: float, _seed: int) -> list[Treated]:
    """One neutral line in place of the reasoning; white space around it stays, the lead goes."""
    return [_format_only(trace) for trace in traces]


def _format_only(trace: Trace) -> Treated:
    reasoning = reasoning_of(trace)
    start, end = reasoning.content
    neutral = NEUTRAL if words_of(trace.source) is None else FILLER
    edits = [Edit(start, end, neutral)] if start < end else []
    of_lead = [] if reasoning.lead is None else [Edit(0, reasoning.lead.end, "")]
    return rewrite(trace, reasoning, edits, of_lead)


def apply_answer_only(traces: Sequence[Trace], _ratio: float, _seed: int) -> list[Treated]:
    """The answer alone: no thinking and nothing before the statement of the answer.

    A trace of which nothing would be left (it was cut in its thinking) stays as it is.
    """
    return [_answer_only(trace) for trace in traces]


def _answer_only(trace: Trace) -> Treated:
    reasoning = reasoning_of(trace)
    if trace.thinking is not None and trace.answer_text.strip():
        lead = reasoning if reasoning.field == "answer_text" else reasoning.lead
        text = trace.answer_text if lead is None else lead.text[lead.end :]
        new = retold(trace, None, text, steps=cut_steps(text))
        of_lead = () if lead is None else (Span("answer_text", 0, 0),)
        return Treated(new, (Span("thinking", 0, 0), *of_lead))
    if not reasoning.text[reasoning.end :].strip():
        return Treated(trace, ())
    return rewrite(trace, reasoning, [Edit(0, reasoning.end, "")])
