"""What every treatment must hold to, as checks that can be run on any of them by name.

    from titrant.testing.treatments import check_treatment
    check_treatment("digits@0.5")

The traces are made up (`made_traces`): with thinking and without, cut, answered inside the
thinking, bare answers. Each check raises AssertionError with the fact that does not hold. Left out:
whether training on treated traces tells anything.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from titrant.errors import DataError
from titrant.seeds import derive_rng
from titrant.traces.record import Trace, Verdict, question_id, trace_id
from titrant.traces.steps import cut_steps
from titrant.traces.verify.assess import final_answer
from titrant.traces.verify.verdict import Claim, verify_one_exact
from titrant.treat.table import parse_treatment, treat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from titrant.treat.base import Span
    from titrant.treat.table import TreatedPool

N_TRACES, N_QUESTIONS = 34, 10
KEPT = ("qid", "question", "system", "gold", "gold_kind", "source", "domain", "unfinished")
"""Fields that no treatment touches."""
WRONG_ANSWER = "wrong-answer"
"""The treatment that is there to change the final answer."""


class TreatmentCheck(NamedTuple):
    """One fact that a treatment must hold to."""

    name: str
    run: Callable[[str], None]


def made_traces(n: int = N_TRACES, n_questions: int = N_QUESTIONS) -> list[Trace]:
    """Traces of six kinds, several to a question, all different, with verdicts and meta."""
    return [_made(i, i % n_questions) for i in range(n)]


def _made(i: int, q: int) -> Trace:
    a, b = 10 + q, 3 + q % 4
    question = f"A box holds {a} pens and {b} more come. How many are there after {q} days?"
    gold = a + b
    said = gold + (i % 7 == 3)
    lines = [f"{a} + {b} = {said}", f"Wait, let me check: {said} - {b} = {a}", f"so it is {said}"]
    lines += [f"Line {j} of trace {i} – ∑ 1{j}0.5" for j in range(1 + i % 4)]
    text = "\n".join(lines)
    thinking, answer_text, unfinished = (
        (text, f"#### {said}", False),
        (None, f"{text}\n#### {said}", False),
        (text.replace("\n", "\n\n"), f"In all there are **{said}**.\n\\boxed{{{said}}}", False),
        (text, "", True),
        (f"{text}\nHmm. The answer is {said}.", "", False),
        (None, f"#### {said}", False),
    )[i % 6]
    trace = Trace(
        uid=trace_id(question, thinking, answer_text),
        qid=question_id(question),
        question=question,
        thinking=thinking,
        answer_text=answer_text,
        unfinished=unfinished,
        gold=str(gold),
        gold_kind="integer",
        source=f"source {i % 3}",
        n_tokens=50,
        meta={"row": i} | ({"start": [q % 3, q % 2], "goal": [2, q % 3]} if q < 6 else {}),
    )
    answer = final_answer(trace)
    claim = Claim(answer, trace.gold, trace.gold_kind, truncated=unfinished)
    verdict = verify_one_exact(claim)
    steps = cut_steps(trace.body)
    return trace.model_copy(update={"final_answer": answer, "verdict": verdict, "steps": steps})


def check_treatment(name: str) -> None:
    """Run all checks.

    Raises:
        AssertionError: the treatment breaks the contract; the text says where.
        ConfigError: there is no such treatment.
    """
    for check in TREATMENT_CHECKS:
        check.run(name)


def check_rows_and_questions_stay(name: str) -> None:
    """As many rows, in the same order, to the same questions with the same gold answers."""
    for n in (0, 2, 3, N_TRACES):
        pool = made_traces(n)
        treated = _treated(pool, name)
        _hold(len(treated.traces) == len(treated.spans) == n, f"{n} rows became another number")
        for old, new in zip(pool, treated.traces, strict=True):
            for field in KEPT:
                _hold(getattr(old, field) == getattr(new, field), f"{field} is another one")


def check_a_change_is_on_record(name: str) -> None:
    """Identity, meta and token count follow from the text; without a change all stays."""
    pool = made_traces()
    treated = _treated(pool, name)
    n_changed = 0
    for old, new, spans in zip(pool, *treated[:2], strict=True):
        if not spans:
            _hold(new == old, "a row without spans is not as it was")
            continue
        n_changed += 1
        uid = trace_id(new.question, new.thinking, new.answer_text)
        _hold(new.uid == uid, "the uid is not that of the new text")
        _hold(new.n_tokens is None, "the number of tokens is said to be known")
        signed = {**old.meta, "treatment": parse_treatment(name).name, "of": old.uid}
        _hold(new.meta == signed, f"the meta is {new.meta}")
    _hold(treated.share_changed == n_changed / len(pool), "the share of changed rows is wrong")
    _hold(math.isnan(_treated([], name).share_changed), "of no rows a share was changed")


def check_steps_join_to_the_body(name: str) -> None:
    """Steps give the body back, and none is white space alone."""
    for new in _treated(made_traces(), name).traces:
        _hold("".join(s.text for s in new.steps) == new.body, "steps do not join to the body")
        for text, start, end in new.steps:
            _hold(new.body[start:end] == text, "a step is not where it says")
            _hold(text.strip() != "", "a step is white space alone")


def check_spans_mark_what_is_new(name: str) -> None:
    """Spans lie in order inside the text; what lies outside them is old text in its old order."""
    pool = made_traces()
    for old, new, spans in zip(pool, *_treated(pool, name)[:2], strict=True):
        for field in ("thinking", "answer_text"):
            before, after = getattr(old, field) or "", getattr(new, field) or ""
            own = [span for span in spans if span.field == field]
            pieces = outside(after, own)
            at = 0
            for piece in pieces:
                found = before.find(piece, at)
                _hold(found >= 0, f"{piece!r} outside the spans is not old text")
                at = found + len(piece)
            _hold(bool(own) or before == after, f"{field} changed and has no span")


def outside(text: str, spans: Sequence[Span]) -> list[str]:
    """What of a text lies outside its spans.

    Raises:
        AssertionError: the spans overlap, touch, or lie outside the text.
    """
    pieces, at, is_first = [], 0, True
    for span in spans:
        _hold(at <= span.start <= span.end <= len(text), f"{span} overlaps or is outside")
        _hold(is_first or span.start > at, f"{span} touches the one before it")
        pieces.append(text[at : span.start])
        at, is_first = span.end, False
    return [*pieces, text[at:]]


def check_the_answer_is_told_truthfully(name: str) -> None:
    """Final answer and verdict are those of the new text; only one treatment changes them."""
    pool = made_traces()
    for old, new, spans in zip(pool, *_treated(pool, name)[:2], strict=True):
        _hold(final_answer(new) == new.final_answer, "the final answer is not the one in the text")
        claim = Claim(new.final_answer, new.gold, new.gold_kind, truncated=new.unfinished)
        _hold(new.verdict == verify_one_exact(claim), f"the verdict {new.verdict} is not true")
        if name == WRONG_ANSWER:
            _hold(new.verdict == Verdict.WRONG or not spans, "a new answer is not wrong")
        else:
            _hold(new.final_answer == old.final_answer, "the final answer is another one")


def check_chance_goes_by_uid(name: str) -> None:
    """The same seed gives the same rows in whatever order; alone, where rows do not trade."""
    pool = made_traces()
    first, again = (_treated(pool, name) for _ in range(2))
    _hold(first == again, "the same seed gave other rows")
    order = derive_rng(0, "shuffle").permutation(len(pool)).tolist()
    shuffled = _treated([pool[i] for i in order], name)
    _hold(shuffled.traces == [first.traces[i] for i in order], "a row depends on its place")
    if parse_treatment(name).treatment.trades:
        return
    for old, new in zip(pool, first.traces, strict=True):
        _hold(_treated([old], name).traces == [new], "a row depends on other rows")


def check_ratio_nothing_changes_nothing(name: str) -> None:
    """At a ratio of 0 the rows are those that came, also where there is no other question."""
    treatment = parse_treatment(name).treatment
    if treatment.ratio is None:
        return
    for pool in (made_traces(), made_traces(4, n_questions=1)):
        nothing = _treated(pool, f"{treatment.name}@0")
        _hold(nothing.traces == pool and not any(nothing.spans), "a ratio of 0 changes rows")


def check_one_question(name: str) -> None:
    """Where rows would have to trade and cannot, it is said; else one question is enough."""
    pool = made_traces(4, n_questions=1)
    try:
        treated = _treated(pool, name)
    except DataError:
        is_trader = parse_treatment(name).treatment.trades
        _hold(is_trader, "rows do not trade, and one question is not enough")
    else:
        _hold(len(treated.traces) == len(pool), "rows were lost")


def check_its_name_can_name_a_file(name: str) -> None:
    """Arms carry the treatment's name as folders, so it has one spelling in plain characters."""
    strange = set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789-@.")
    _hold(not strange and name == parse_treatment(name).name, f"{strange} in the name, or an alias")


TREATMENT_CHECKS = tuple(
    TreatmentCheck(run.__name__.removeprefix("check_"), run)
    for run in (
        check_rows_and_questions_stay,
        check_a_change_is_on_record,
        check_steps_join_to_the_body,
        check_spans_mark_what_is_new,
        check_the_answer_is_told_truthfully,
        check_chance_goes_by_uid,
        check_ratio_nothing_changes_nothing,
        check_one_question,
        check_its_name_can_name_a_file,
    )
)
"""All checks of the contract, by name."""


def _treated(pool: Sequence[Trace], name: str) -> TreatedPool:
    return treat(pool, name, seed=5)


def _hold(holds: bool, fact: str) -> None:  # noqa: FBT001
    """An assertion that python -O keeps."""
    if not holds:
        raise AssertionError(fact)
