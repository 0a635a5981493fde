"""What can be wrong with one training row, each as a reason in words or an empty string.

`doctor` runs them over all rows; its table says what each one is for. Texts are compared after
Unicode NFC, which several tokenizers apply and which changes no character's meaning.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from titrant.engines.prompt import PromptEncoder
from titrant.train.render import IGNORED, Row, stop_tokens

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from transformers import PreTrainedTokenizerBase

    from titrant.engines.prompt import PromptBuilder
    from titrant.settings import RecipeSettings
    from titrant.traces.record import Trace

BATCH = 1024
"""Texts decoded together."""
_EMPTY_THINKING = re.compile(r"<(think|thinking|reasoning)>\s*</\1>|◁think▷\s*◁/think▷")
_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class Practice:
    """What rows are examined against."""

    builder: PromptBuilder
    tokenizer: PreTrainedTokenizerBase
    stop: tuple[int, ...]
    """The tokens that end a row."""
    stop_text: str
    reading_stops: frozenset[int]
    """Every token on which reading ends."""
    limit: int | None
    """Longest row in tokens; `None`: no limit known."""
    drops_long: bool


def make_practice(
    builder: PromptBuilder,
    tokenizer: PreTrainedTokenizerBase,
    recipe: RecipeSettings,
    *,
    context_tokens: int | None,
    stop_ids: Collection[int] | None = None,
) -> Practice:
    """The practice for a base and a recipe.

    Raises:
        TrainError: no token ends an answer.
    """
    stop = stop_tokens(builder, tokenizer, stop_ids=stop_ids)
    own = tokenizer.eos_token_id
    limits = [n for n in (recipe.max_tokens, context_tokens) if n is not None]
    return Practice(
        builder,
        tokenizer,
        stop=stop,
        stop_text=decode_many(tokenizer, [stop])[0],
        reading_stops=frozenset(
            {*(stop_ids or ()), *([own] if isinstance(own, int) else ()), stop[-1]}
        ),
        limit=min(limits, default=None),
        drops_long=recipe.long_rows == "drop",
    )


class Case(NamedTuple):
    """A row beside what it should be."""

    trace: Trace
    row: Row
    prompt_ids: tuple[int, ...]
    """What the engine is fed."""
    completion: str
    target: str
    """The tokens under loss, decoded."""


def make_cases(rows: Sequence[Row], traces: Sequence[Trace], practice: Practice) -> Iterator[Case]:
    """Put each row beside its trace; a row without one is passed over."""
    builder, tokenizer = practice.builder, practice.tokenizer
    trace_of = {trace.uid: trace for trace in traces}
    known = [row for row in rows if row.uid in trace_of]
    questions = list(dict.fromkeys(trace_of[row.uid].question for row in known))
    fed = PromptEncoder(tokenizer).encode_many([builder.prompt(q) for q in questions])
    ids_of = {q: tuple(ids) for q, ids in zip(questions, fed, strict=True)}
    for start in range(0, len(known), BATCH):
        batch = known[start : start + BATCH]
        supervised = [[token for token in row.labels if token != IGNORED] for row in batch]
        for row, target in zip(batch, decode_many(tokenizer, supervised), strict=True):
            trace = trace_of[row.uid]
            yield Case(trace, row, ids_of[trace.question], builder.completion(trace), target)


def prompt_differs(case: Case, _: Practice) -> str:
    """The row does not begin with the tokens that the engine is fed."""
    n = len(case.prompt_ids)
    if case.row.input_ids[:n] == case.prompt_ids:
        return ""
    begins = _ids(case.row.input_ids[:n])
    return f"the engine is fed {_ids(case.prompt_ids)}, the row begins {begins}"


def mask_differs(case: Case, practice: Practice) -> str:
    """The loss covers more or less than completion and stop tokens."""
    labels, ids, n = case.row.labels, case.row.input_ids, len(case.prompt_ids)
    if len(labels) != len(ids):
        return f"{len(ids)} tokens and {len(labels)} labels"
    if any(label != IGNORED for label in labels[:n]):
        return "the loss covers part of the prompt"
    if labels[-len(practice.stop) :] != practice.stop:
        return "the row does not end in the stop token under loss"
    if labels[n:] != ids[n:]:
        return "the loss leaves out part of thinking or answer"
    return ""


def target_differs(case: Case, practice: Practice) -> str:
    """The tokens under loss do not say what the trace says."""
    expected = case.completion + practice.stop_text
    if same_text(case.target, expected) or mask_differs(case, practice):
        return ""
    return describe_difference(expected, case.target)


def stops_early(case: Case, practice: Practice) -> str:
    """A token on which reading ends stands inside the completion."""
    inside = case.row.labels[len(case.prompt_ids) : -len(practice.stop)]
    at = next((i for i, token in enumerate(inside) if token in practice.reading_stops), None)
    if at is None:
        return ""
    name = decode_many(practice.tokenizer, [[inside[at]]])[0]
    return f"the stop token {name!r} stands {at} tokens into the completion"


def thinking_lost(case: Case, _: Practice) -> str:
    """The trace's thinking is not in the row."""
    thinking = case.trace.thinking
    if thinking is None or not thinking.strip() or _nfc(thinking) in _nfc(case.target):
        return ""
    return f"the row trains {shown(case.target)}"


def never_closed(case: Case, practice: Practice) -> str:
    """The prompt opens thinking and the trace has none, so that nothing closes it."""
    opened = practice.builder.opens_thinking
    if not opened or case.trace.thinking is not None:
        return ""
    return f"the prompt ends with {opened!r}, and the trace has no thinking"


def thinks_nothing(case: Case, _: Practice) -> str:
    """The row trains a block of thinking without text."""
    blank = case.trace.thinking is not None and not case.trace.thinking.strip()
    if blank or _EMPTY_THINKING.search(case.target):
        return f"the row trains {shown(case.target)}"
    return ""


ROW_CHECKS = {
    "prompt tokens": prompt_differs,
    "loss mask": mask_differs,
    "text unchanged": target_differs,
    "one stop token": stops_early,
    "thinking kept": thinking_lost,
    "thinking closed": never_closed,
    "no empty thinking": thinks_nothing,
}


def decode_many(tokenizer: PreTrainedTokenizerBase, ids: Sequence[Sequence[int]]) -> list[str]:
    """Token ids as text, special tokens included and nothing tidied up."""
    if not ids:
        return []
    return tokenizer.batch_decode(
        [list(row) for row in ids], skip_special_tokens=False, clean_up_tokenization_spaces=False
    )


def same_text(text: str, other: str) -> bool:
    """Equal, or equal after Unicode NFC."""
    return text == other or _nfc(text) == _nfc(other)


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def describe_difference(text: str, back: str) -> str:
    """The surroundings of the first character that differs."""
    pairs = zip(text, back, strict=False)
    at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(text), len(back)))
    start = max(0, at - 20)
    return f"{text[start : at + 20]!r} comes back as {back[start : at + 20]!r}"


def shown(text: str) -> str:
    """The start of a text, quoted."""
    return repr(text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…")


def _ids(ids: Sequence[int]) -> str:
    return f"[{', '.join(map(str, ids[:8]))}{', …' if len(ids) > 8 else ''}]"
