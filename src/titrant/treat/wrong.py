"""`wrong-answer`: the stated final answer gives way to a wrong one, and to nothing else.

The wrong answer is the final answer of another row. Where both are numbers it is one of like size:
one of the `NEAREST` by asinh, which is linear near 0 and logarithmic beyond, and tells signs apart.
A wrong answer is replaced too, so that no row's answer follows from its reasoning. What the answer
text says before its statement stays, with the old answer where it names it: it is reasoning.

An answer is taken only if exact comparison (or the world that posed the question) calls it wrong,
and it is read back from the new text. Where no gold answer is known it must differ from what stood
there, and the verdict stays missing.

Source: Li et al. 2025 (arXiv 2502.07374), samples with wrong answers: −3.2 points. Difference:
there the whole trace belongs to the wrong answer, here the reasoning is what it was.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from titrant.errors import DataError
from titrant.seeds import derive_rng
from titrant.traces.record import Verdict
from titrant.traces.steps import pack_steps
from titrant.traces.verify.answer import find_answer
from titrant.traces.verify.assess import WORLD, final_answer
from titrant.traces.verify.exact import normalise_answer, read_number
from titrant.treat.base import Span, Treated
from titrant.treat.reasoning import answer_place, steps_of
from titrant.treat.rewrite import Edit, answered, edit_text, retold, verdict_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from titrant.traces.record import Trace
    from titrant.treat.reasoning import Place

NEAREST = 12
"""Numbers on each side from which one is drawn."""
TRIES = 48
"""Answers tried for one row."""


class Answers(NamedTuple):
    """The different final answers of all rows."""

    sizes: list[float]
    """Of the numbers, ascending."""
    numbers: list[str]
    """As written, in the same order."""
    words: list[str]
    """All other answers."""


def apply_wrong_answer(traces: Sequence[Trace], _ratio: float, seed: int) -> list[Treated]:
    """Each stated answer is replaced by another row's that is wrong.

    Raises:
        DataError: all rows give the same final answer.
    """
    own = [_answer_of(trace) for trace in traces]
    different = {answer for answer in own if answer is not None}
    if len(different) == 1:
        raise DataError(
            "the treatment 'wrong-answer' takes other traces' answers, and all give the same one",
            expected="2 different final answers or more",
            came=f"{next(iter(different))!r} in all of them",
            do="take a larger dose, or leave the treatment out",
        )
    answers = _sorted(different)
    treated = []
    for trace, answer in zip(traces, own, strict=True):
        rng = derive_rng(seed, "treat", "wrong-answer", trace.uid)
        treated.append(_answered_wrongly(trace, answer, answers, rng))
    return treated


def _answer_of(trace: Trace) -> str | None:
    return final_answer(trace) if trace.final_answer is None else trace.final_answer


def _size(answer: str) -> float | None:
    """The size by which numbers are neighbours; `None` for what is no number."""
    number = read_number(normalise_answer(answer))
    try:
        return None if number is None else math.asinh(number.value)
    except OverflowError:  # hundreds of digits
        return None


def _sorted(answers: set[str]) -> Answers:
    sizes = {answer: _size(answer) for answer in answers}
    numbers = sorted((size, answer) for answer, size in sizes.items() if size is not None)
    words = sorted(answer for answer, size in sizes.items() if size is None)
    return Answers([size for size, _ in numbers], [answer for _, answer in numbers], words)


def _candidates(answer: str, answers: Answers, rng: np.random.Generator) -> Iterator[str]:
    """Answers to try: those of the same kind first, numbers of like size before others."""
    words = [answers.words[i] for i in rng.permutation(len(answers.words))[:TRIES].tolist()]
    size = _size(answer)
    if size is None:
        some = rng.permutation(len(answers.numbers))[:TRIES].tolist()
        return chain(words, (answers.numbers[i] for i in some))
    at = bisect_left(answers.sizes, size)
    near = range(max(0, at - NEAREST), min(len(answers.sizes), at + NEAREST + 1))
    drawn = [answers.numbers[near[i]] for i in rng.permutation(len(near)).tolist()]
    return chain(drawn, words)


def _answered_wrongly(
    trace: Trace, answer: str | None, answers: Answers, rng: np.random.Generator
) -> Treated:
    place = None if answer is None else answer_place(trace.answer_text, answer)
    if answer is None or place is None or trace.unfinished:
        return Treated(trace, ())
    is_read = find_answer(trace.answer_text) == answer
    for other, _ in zip(_candidates(answer, answers, rng), range(TRIES), strict=False):
        if other == answer or other == trace.gold:
            continue
        new = _restated(trace, place, other)
        if is_read and find_answer(new.answer_text) != other:
            continue
        verdict = verdict_on(new, other)
        if verdict == Verdict.WRONG or (verdict is None and not _is_judged(trace)):
            span = Span("answer_text", place.start, place.start + len(other))
            return Treated(answered(new, other), (span,))
    return Treated(trace, ())


def _is_judged(trace: Trace) -> bool:
    """Whether exact comparison can call an answer wrong; else another text must do."""
    return trace.gold is not None and not trace.gold_kind.startswith(WORLD)


def _restated(trace: Trace, place: Place, answer: str) -> Trace:
    """The trace with another answer at a place of its answer text."""
    edit = Edit(place.start, place.end, answer)
    if trace.thinking is not None:
        text = edit_text(trace.answer_text, [edit]).text
        return retold(trace, trace.thinking, text, steps=tuple(steps_of(trace)))
    edited = edit_text(trace.answer_text, [edit], [step.end for step in steps_of(trace)])
    return retold(trace, None, edited.text, steps=pack_steps(edited.text, edited.ends))
