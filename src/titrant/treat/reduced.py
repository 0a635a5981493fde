"""Treatments that leave the form and take the content: `filler`, `format-only`, `answer-only`.

`filler` is the control of computation: as many words in the same lines, none of which says
anything. With the tokens of a real tokenizer the length is equal in words only.

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

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from titrant.traces.record import Trace
    from titrant.treat.reasoning import Reasoning

FILLER = "."
"""What each word becomes."""
NEUTRAL = "..."
"""The one line that stands for a whole reasoning."""

_WORD = re.compile(r"\S+")


def apply_filler(traces: Sequence[Trace], _ratio: float, _seed: int) -> list[Treated]:
    """Each word of the reasoning becomes a full stop; white space stays."""
    return [_rewritten(trace, _fill) for trace in traces]


def apply_format_only(traces: Sequence[Trace], _ratio: float, _seed: int) -> list[Treated]:
    """One neutral line in place of the reasoning; white space around it stays."""
    return [_rewritten(trace, _blank) for trace in traces]


def _rewritten(trace: Trace, change: Callable[[Reasoning], list[Edit]]) -> Treated:
    reasoning = reasoning_of(trace)
    return rewrite(trace, reasoning, change(reasoning))


def _fill(reasoning: Reasoning) -> list[Edit]:
    words = _WORD.finditer(reasoning.text, 0, reasoning.end)
    return [Edit(word.start(), word.end(), FILLER) for word in words]


def _blank(reasoning: Reasoning) -> list[Edit]:
    start, end = reasoning.content
    return [Edit(start, end, NEUTRAL)] if start < end else []


def apply_answer_only(traces: Sequence[Trace], _ratio: float, _seed: int) -> list[Treated]:
    """The answer alone: no thinking, or nothing before the statement of the answer.

    A trace of which nothing would be left (it was cut in its thinking) stays as it is.
    """
    return [_answer_only(trace) for trace in traces]


def _answer_only(trace: Trace) -> Treated:
    reasoning = reasoning_of(trace)
    if trace.thinking is not None and trace.answer_text.strip():
        new = retold(trace, None, trace.answer_text, steps=cut_steps(trace.answer_text))
        return Treated(new, (Span("thinking", 0, 0),))
    if not reasoning.text[reasoning.end :].strip():
        return Treated(trace, ())
    return rewrite(trace, reasoning, [Edit(0, reasoning.end, "")])
