"""The template doctor: refuses to train on rows that do not say what the traces say.

Each check answers one way in which supervised fine-tuning silently trains on something else:

| check | what goes wrong without it |
|---|---|
| stop token | the model never learns to end; every answer is read to the limit |
| text unchanged | a tokenizer that loses blanks and newlines (transformers 5 rebuilds the pre-tokenizer of `qwen2` models) or folds characters into `<unk>` |
| rendered once | a trace that is missing, twice, or under two BOS tokens |
| prompt tokens | trainer and engine feed different tokens for the same question |
| loss mask | loss on the prompt, or none on the stop token |
| one stop token | a stop token inside the text, at which reading ends |
| thinking kept | a chat template that deletes the thinking |
| thinking closed | a prompt that opens thinking, before a trace that has none |
| no empty thinking | `<think></think>` as a target teaches not to think |
| row length | TRL cuts rows at 1,024 tokens by default and loses answer and stop token |

The rows that were examined are the rows that are trained: `DoctorReport.rows`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

from titrant.engines.prompt import PromptEncoder
from titrant.errors import TrainError
from titrant.traces.record import question_id
from titrant.train.render import Row, render_rows
from titrant.train.row_checks import (
    ROW_CHECKS,
    Practice,
    decode_many,
    describe_difference,
    make_cases,
    make_practice,
    same_text,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from transformers import PreTrainedTokenizerBase

    from titrant.engines.prompt import PromptBuilder
    from titrant.settings import RecipeSettings
    from titrant.traces.record import Trace


class Check(NamedTuple):
    """One check and how it went."""

    name: str
    ok: bool
    detail: str


class Fault(NamedTuple):
    """Why a check failed, with the first row that shows it."""

    check: str
    uid: str
    question: str
    reason: str
    n_rows: int = 1
    """Rows with this fault, the first one included."""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """What the doctor found."""

    checks: tuple[Check, ...]
    faults: tuple[Fault, ...]
    rows: tuple[Row, ...]
    """Rows that may be trained, in the order of the traces."""
    dropped: tuple[str, ...]
    """Uids of traces left out because they are too long (`recipe.long_rows: drop`)."""


def examine(
    traces: Sequence[Trace],
    questions: Sequence[str],
    *,
    builder: PromptBuilder,
    tokenizer: PreTrainedTokenizerBase,
    recipe: RecipeSettings,
    context_tokens: int | None,
    stop_ids: Collection[int] | None = None,
) -> DoctorReport:
    """Render the traces and examine the rows.

    Args:
        traces: what is to be trained.
        questions: of the benchmarks.
        builder: makes prompts and completions.
        tokenizer: the base model's.
        recipe: `max_tokens` and `long_rows` count here.
        context_tokens: the model's context; `None`: unknown.
        stop_ids: tokens on which the engine stops (`engines.drawing.rows.stop_ids`), beside the
            tokenizer's own.

    Raises:
        TrainError: a check failed; names the check, the first trace and the reason.
    """
    practice = make_practice(
        builder, tokenizer, recipe, context_tokens=context_tokens, stop_ids=stop_ids
    )
    rows = render_rows(traces, builder, tokenizer, stop_ids=stop_ids)
    report = diagnose(rows, traces, questions, practice)
    for fault in report.faults:
        raise refusal(fault)
    return report


def diagnose(
    rows: Sequence[Row], traces: Sequence[Trace], questions: Sequence[str], practice: Practice
) -> DoctorReport:
    """Examine rows and report every check, failed ones too.

    Args:
        rows: what would be trained, one per trace in the same order.
        traces: what the rows should say.
        questions: of the benchmarks.
        practice: template, tokenizer and limits.
    """
    faults: dict[str, Fault] = {}
    _note(faults, _changed_questions(questions, traces, practice))
    _note(faults, _not_rendered_once(rows, traces, practice))
    kept = [row for row in rows if not (practice.drops_long and _is_long(row, practice))]
    _note(faults, _row_faults(kept, traces, practice))
    _note(faults, _length_faults(kept, traces, practice))
    checks = tuple(
        Check(name, name not in faults, faults[name].reason if name in faults else detail)
        for name, detail in _details(kept, len(rows) - len(kept), practice).items()
    )
    dropped = tuple(row.uid for row in rows if practice.drops_long and _is_long(row, practice))
    return DoctorReport(checks, tuple(faults.values()), tuple(kept), dropped)


def refusal(fault: Fault) -> TrainError:
    """The error that a fault becomes."""
    others = f" and {fault.n_rows - 1} more" if fault.n_rows > 1 else ""
    expected, remedy = _ADVICE[fault.check]
    return TrainError(
        f"the template doctor refuses to train: {fault.check}",
        expected=expected,
        came=f"{fault.uid}{others}, question {shown(fault.question)}: {fault.reason}",
        do=remedy,
    )


def check_masters(model: torch.nn.Module) -> Check:
    """Refuse float16 weights: one step of AdamW turns them to infinity.

    Raises:
        TrainError: a weight is float16.
    """
    for name, weight in model.named_parameters():
        if weight.dtype == torch.float16:
            raise TrainError(
                "the weights to be trained are float16, which overflows in the first update",
                expected="float32 or bfloat16 weights",
                came=f"{name}: float16",
                do="set base.dtype: float32, or bfloat16 on a GPU",
            )
    return Check("master weights", ok=True, detail="no float16")


def _note(faults: dict[str, Fault], found: Iterable[Fault]) -> None:
    """Keep the first fault of each check and count the others."""
    for fault in found:
        first = faults.setdefault(fault.check, fault._replace(n_rows=0))
        faults[fault.check] = first._replace(n_rows=first.n_rows + 1)


def _changed_questions(
    questions: Sequence[str], traces: Sequence[Trace], practice: Practice
) -> Iterator[Fault]:
    """Questions of pool and benchmarks that encoding and decoding does not give back."""
    asked = {question: question_id(question) for question in questions}
    asked |= {trace.question: trace.uid for trace in traces}
    texts = list(asked)
    ids = PromptEncoder(practice.tokenizer).encode_continuations(texts)
    for text, back in zip(texts, decode_many(practice.tokenizer, ids), strict=True):
        if not same_text(text, back):
            yield Fault("text unchanged", asked[text], text, describe_difference(text, back))


def _not_rendered_once(
    rows: Sequence[Row], traces: Sequence[Trace], practice: Practice
) -> Iterator[Fault]:
    bos = practice.tokenizer.bos_token_id
    question_of = {trace.uid: trace.question for trace in traces}
    seen: set[str] = set()
    for row in rows:
        reason = ""
        if row.uid in seen:
            reason = "the trace was rendered twice"
        elif row.uid not in question_of:
            reason = "the row belongs to no trace"
        elif bos is not None and row.input_ids[:2] == (bos, bos):
            reason = "the row begins with two BOS tokens"
        seen.add(row.uid)
        if reason:
            yield Fault("rendered once", row.uid, question_of.get(row.uid, ""), reason)
    for uid, question in question_of.items():
        if uid not in seen:
            yield Fault("rendered once", uid, question, "the trace has no row")


def _row_faults(
    rows: Sequence[Row], traces: Sequence[Trace], practice: Practice
) -> Iterator[Fault]:
    for case in make_cases(rows, traces, practice):
        for name, check in ROW_CHECKS.items():
            reason = check(case, practice)
            if reason:
                yield Fault(name, case.row.uid, case.trace.question, reason)


def _length_faults(
    rows: Sequence[Row], traces: Sequence[Trace], practice: Practice
) -> Iterator[Fault]:
    question_of = {trace.uid: trace.question for trace in traces}
    for row in rows:
        if _is_long(row, practice):
            reason = f"{len(row.input_ids)} tokens, over the limit of {practice.limit}"
            yield Fault("row length", row.uid, question_of.get(row.uid, ""), reason)


def _is_long(row: Row, practice: Practice) -> bool:
    return practice.limit is not None and len(row.input_ids) > practice.limit


def _details(rows: Sequence[Row], n_dropped: int, practice: Practice) -> dict[str, str]:
    """Every check in its order, with what to say of it when all is well."""
    longest = max((len(row.input_ids) for row in rows), default=0)
    limit = "none known" if practice.limit is None else f"{practice.limit}"
    return {
        "stop token": _stop_words(practice),
        "text unchanged": "pool and benchmarks come back as they went in",
        "rendered once": f"{len(rows)} rows",
        "prompt tokens": "the engine is fed the tokens that the rows begin with",
        "loss mask": f"{sum(row.n_loss_tokens for row in rows)} tokens under loss",
        "one stop token": "at the end of each row",
        "thinking kept": "every trace's thinking stands in its row",
        "thinking closed": _closing_words(practice),
        "no empty thinking": "none",
        "row length": f"longest {longest} tokens, limit {limit}, {n_dropped} rows dropped",
    }


def _stop_words(practice: Practice) -> str:
    """Which token ends a row, where it comes from, and on which others reading ends."""
    others = sorted(practice.reading_stops - {practice.stop[-1]})
    names = ", ".join(repr(text) for text in decode_many(practice.tokenizer, [[i] for i in others]))
    own = practice.stop == (practice.tokenizer.eos_token_id,)
    origin = "the tokenizer's own" if own else "which the chat template ends a turn with"
    also = f"; reading also stops on {names}" if names else ""
    return f"{practice.stop_text!r}, {origin}{also}"


def _closing_words(practice: Practice) -> str:
    opened = practice.builder.opens_thinking
    return f"the prompt opens it with {opened!r}" if opened else "the prompt opens none"


_ADVICE = {
    "text unchanged": (
        "a tokenizer that gives every text back as it was",
        "use the tokenizer that the base was trained with (transformers 5 ignores a saved tokenizer "
        "beside model_type qwen2: choose another architecture), or clean the text",
    ),
    "rendered once": (
        "one row per trace, with one BOS token at most",
        "remove duplicates from the pool; set prompt.template: plain if the chat template writes a "
        "second BOS token",
    ),
    "prompt tokens": (
        "rows that begin with exactly the tokens that the engine is fed",
        "set prompt.template: plain",
    ),
    "loss mask": (
        "loss on thinking, answer and stop token, and on nothing else",
        "set prompt.template: plain",
    ),
    "one stop token": (
        "the stop token at the end of a row only",
        "remove the stop token from the text of the trace",
    ),
    "thinking kept": (
        "the whole thinking in the row",
        "check pool.columns, prompt.think_open and prompt.think_close",
    ),
    "thinking closed": (
        "traces with thinking, since the prompt opens it and nothing else would close it",
        "set prompt.template: plain (and a prompt.format that opens none), or name the column that "
        "holds the reasoning: pool.columns: {thinking: NAME}",
    ),
    "no empty thinking": (
        "thinking with text in it, or none at all",
        "drop such traces, or map no column to thinking in pool.columns",
    ),
    "row length": (
        "rows that the model can take whole: a cut row loses its answer and stop token",
        "set recipe.long_rows: drop, raise recipe.max_tokens, or take a base with a longer context",
    ),
}
"""Check → what was expected, what to do."""
