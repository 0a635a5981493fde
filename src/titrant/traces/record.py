"""Problem, Trace and Step: the one currency of titrant.

A trace is one recorded attempt at a problem. Its `body` is the text that holds the reasoning: the
thinking where the source has one, the answer text otherwise. Steps cut the body into pieces with
character offsets, and joining the steps gives the body back exactly.

Identity is content: `qid` is a hash of the normalised question, `uid` of the normalised question
and the whole trace. Sixteen answers to one question are sixteen traces and one question; splits,
folds and counts go by `qid`.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import Field

from titrant.records import Record


class Verdict(StrEnum):
    """What a verifier says of one attempt. Never asked is `None`, which is none of these."""

    CORRECT = "correct"
    WRONG = "wrong"
    UNREADABLE = "unreadable"
    """No final answer could be read, or the verifier ran out of its time."""
    TRUNCATED = "truncated"
    """The attempt was cut by a limit before it ended; censored, not wrong."""


class Step(NamedTuple):
    """One piece of the body: `body[start:end] == text`."""

    text: str
    start: int
    end: int


class Problem(Record):
    """One question, its gold answer where one is known, and where it came from."""

    version: int = 1
    qid: str
    """Hash of the normalised question."""
    question: str
    gold: str | None
    """The right answer as text; `None` where the source gives none."""
    gold_kind: str = "auto"
    """How gold is compared: `auto`, `integer`, `math`, `exact`, or `world:<name>`."""
    source: str = ""
    domain: str = ""
    meta: dict[str, Any] = Field(default_factory=dict)


class Trace(Record):
    """One recorded attempt at a problem."""

    version: int = 1
    uid: str
    """Hash of the normalised question and the trace."""
    qid: str
    question: str
    system: str | None = None
    """System prompt that came with the trace."""
    thinking: str | None = None
    """Text between the thinking tags (or the source's own column); `None` where there is none."""
    answer_text: str = ""
    """What follows the thinking; the whole attempt where there is no thinking."""
    unfinished: bool = False
    """The thinking was opened and never closed."""
    final_answer: str | None = None
    """The answer read out of the attempt; `None` when none could be read."""
    gold: str | None = None
    gold_kind: str = "auto"
    verdict: Verdict | None = None
    """`None`: never verified (no gold answer, say)."""
    source: str = ""
    """Where the problem came from; in older pools of a model's own draws, the model."""
    domain: str = ""
    n_tokens: int | None = None
    """Tokens of thinking and answer under the base model's tokenizer, where known."""
    steps: tuple[Step, ...] = ()
    meta: dict[str, Any] = Field(default_factory=dict)

    @property
    def problem(self) -> Problem:
        """What the trace attempts, with its gold answer and whatever else is known.

        Some worlds judge an answer by the item that `meta` names (`world:gym`).
        """
        return Problem(
            qid=self.qid,
            question=self.question,
            gold=self.gold,
            gold_kind=self.gold_kind,
            source=self.source,
            domain=self.domain,
            meta=self.meta,
        )

    @property
    def body(self) -> str:
        """The text that the steps cut: thinking where there is one, else the answer text."""
        return self.answer_text if self.thinking is None else self.thinking


_SPACE = re.compile(r"\s+")


def normalise(text: str) -> str:
    """Unicode NFC, runs of white space folded to one blank, ends stripped."""
    return _SPACE.sub(" ", unicodedata.normalize("NFC", text)).strip()


def content_hash(*parts: str | None) -> str:
    """The first 16 hex digits of the SHA-256 of the parts, which may be missing."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def question_id(question: str) -> str:
    """`qid`: the hash of the normalised question."""
    return content_hash(normalise(question))


def trace_id(question: str, thinking: str | None, answer_text: str) -> str:
    """`uid`: the hash of the normalised question and the trace."""
    body = None if thinking is None else normalise(thinking)
    return content_hash(normalise(question), body, normalise(answer_text))
