"""A trace with some pieces of its text replaced: the new record and what in it is new.

A treatment says what it does as edits of one text; everything else follows from them: the text, the
spans, the steps (old boundaries move along, those inside a replaced piece go), the uid, and whether
the final answer is still the same. What nobody knows after a change is missing: `n_tokens`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from titrant.seeds import derive_rng
from titrant.traces.record import Trace, Verdict, trace_id
from titrant.traces.steps import pack_steps
from titrant.traces.verify.assess import WORLD, final_answer
from titrant.traces.verify.verdict import Claim, verify_one_exact
from titrant.treat.base import Span, Treated
from titrant.treat.reasoning import reasoning_of, steps_of
from titrant.worlds.base import worlds
from titrant.worlds.verdicts import verdict_of_world

if TYPE_CHECKING:
    import numpy as np

    from titrant.traces.record import Step
    from titrant.treat.base import Apply
    from titrant.treat.reasoning import Reasoning


LEAD = "lead"
"""Label of the chance that changes the lead."""


class Edit(NamedTuple):
    """One replacement: characters `start` to `end` of a text give way to another text."""

    start: int
    end: int
    text: str
    cuts: tuple[int, ...] = ()
    """Where steps end inside the new text, as offsets into it."""


class Edited(NamedTuple):
    """A text after its edits."""

    text: str
    spans: list[tuple[int, int]]
    """What is new in it, in order, touching ones joined; empty where something was taken out."""
    ends: list[int]
    """Where the steps end now."""


Change = Callable[["Trace", "Reasoning", float, "np.random.Generator"], Sequence[Edit]]
"""(trace, its reasoning, ratio, chance) → edits of its text, in order and apart from each other."""


def by_row(name: str, change: Change) -> Apply:
    """A treatment that looks at one row at a time; its chance comes from seed, uid and `name`.

    After thinking, the lead is changed as the thinking is, at the same ratio and by itself.
    """

    def apply(traces: Sequence[Trace], ratio: float, seed: int) -> list[Treated]:
        treated = []
        for trace in traces:
            reasoning, labels = reasoning_of(trace), ("treat", name, trace.uid)
            edits = change(trace, reasoning, ratio, derive_rng(seed, *labels))
            of_lead: Sequence[Edit] = ()
            if reasoning.lead is not None:
                of_lead = change(trace, reasoning.lead, ratio, derive_rng(seed, *labels, LEAD))
            treated.append(rewrite(trace, reasoning, edits, of_lead))
        return treated

    return apply


def part_of(ratio: float, n: int) -> int:
    """A share of n things, to the nearest whole number, halves up."""
    return min(n, math.floor(ratio * n + 0.5))


def edit_text(text: str, edits: Sequence[Edit], ends: Sequence[int] = ()) -> Edited:
    """A text after its edits, and where the pieces that ended at `ends` do so now.

    Example:
        >>> edit_text("1+2=3", [Edit(2, 3, "20")], [2, 5])
        Edited(text='1+20=3', spans=[(2, 4)], ends=[2, 6])
    """
    pieces: list[str] = []
    spans: list[tuple[int, int]] = []
    moved: list[int] = []
    bounds = [*ends, len(text) + 1]  # the last one is never passed
    at = length = k = 0
    for start, end, new, cuts in edits:
        while bounds[k] <= start:
            moved.append(bounds[k] - at + length)
            k += 1
        while bounds[k] < end:
            k += 1
        pieces += (text[at:start], new)
        first = length + start - at
        if cuts:
            moved += [first + cut for cut in cuts]
        at, length = end, first + len(new)
        if spans and spans[-1][1] == first:
            spans[-1] = (spans[-1][0], length)
        else:
            spans.append((first, length))
    moved += [end - at + length for end in ends[k:]]
    return Edited("".join([*pieces, text[at:]]), spans, moved)


def rewrite(
    trace: Trace, reasoning: Reasoning, edits: Sequence[Edit], of_lead: Sequence[Edit] = ()
) -> Treated:
    """The trace with its reasoning edited; itself where no edit changes anything.

    The final answer is read anew where it stands in an edited text. Where the reading is as before,
    answer and verdict on record stay, even those that the built-in rules would not give.

    Args:
        trace: the old one.
        reasoning: of it.
        edits: of the reasoning's own text.
        of_lead: edits of the answer text, where the reasoning has a lead.
    """
    edits, of_lead = _real(reasoning.text, edits), _real(trace.answer_text, of_lead)
    if not edits and not of_lead:
        return Treated(trace, ())
    body = "answer_text" if trace.thinking is None else "thinking"
    texts = {"thinking": trace.thinking, "answer_text": trace.answer_text}
    steps, spans = tuple(steps_of(trace)), list[Span]()
    for field, own in ((reasoning.field, edits), ("answer_text", of_lead)):
        if not own:
            continue
        ends = [step.end for step in steps] if field == body else ()
        edited = edit_text(texts[field] or "", own, ends)
        texts[field] = edited.text
        spans += [Span(field, start, end) for start, end in edited.spans]
        if field == body:
            steps = pack_steps(edited.text, edited.ends)
    new = retold(trace, texts["thinking"], texts["answer_text"] or "", steps=steps)
    is_touched = bool(of_lead) or not reasoning.is_apart
    return Treated(_read_anew(trace, new) if is_touched else new, tuple(spans))


def _real(text: str, edits: Sequence[Edit]) -> list[Edit]:
    """The edits that change a text."""
    return [edit for edit in edits if text[edit.start : edit.end] != edit.text]


def retold(
    trace: Trace, thinking: str | None, answer_text: str, *, steps: tuple[Step, ...]
) -> Trace:
    """The trace with other texts, the steps of its new body, and the uid that follows."""
    return trace.model_copy(
        update={
            "uid": trace_id(trace.question, thinking, answer_text),
            "thinking": thinking,
            "answer_text": answer_text,
            "steps": steps,
            "n_tokens": None,
        }
    )


def _read_anew(old: Trace, new: Trace) -> Trace:
    before, after = final_answer(old), final_answer(new)
    if after == before or old.final_answer not in (None, before):
        return new
    return answered(new, after)


def answered(trace: Trace, answer: str | None) -> Trace:
    """The trace with another final answer and the verdict on it."""
    return trace.model_copy(update={"final_answer": answer, "verdict": verdict_on(trace, answer)})


def verdict_on(trace: Trace, answer: str | None) -> Verdict | None:
    """The verdict on a trace that ends in an answer.

    `None` where there is no gold answer, where only algebra can tell (that needs a process), and
    where a world that is not known here would have to.
    """
    if trace.unfinished:
        return Verdict.TRUNCATED
    if trace.gold is None:
        return None
    if not trace.gold_kind.startswith(WORLD):
        return verify_one_exact(Claim(answer, trace.gold, trace.gold_kind))
    if trace.gold_kind.removeprefix(WORLD).partition("/")[0] not in worlds.names():
        return None
    return verdict_of_world(trace.problem, trace.answer_text)
