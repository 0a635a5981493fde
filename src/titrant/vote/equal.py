r"""Which answers to one question are the same: grouped by equivalence, not by string.

`0.5`, `\frac{1}{2}` and `1/2` are one answer with three spellings, and a vote that counts strings splits
it (the published DeepConf does). Spellings are compared as verdicts are made: exactly first, and what
exact comparison cannot decide goes to math-verify. The spelling that was given most often stands for its
group; another joins the first group whose representative it equals. Math-verify's equality is neither
symmetric (the representative is taken for gold) nor transitive, so this order decides, and not chance.

A draw without an answer is in no group: −1.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.traces.record import Verdict
from titrant.traces.verify.exact import normalise_answer, tight
from titrant.traces.verify.verdict import MAX_CHARS, Claim, verify_one_exact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from titrant.traces.verify.verdict import Verifier

NO_ANSWER = -1
_KINDS = frozenset({"integer", "math", "exact"})


class Answers(NamedTuple):
    """The answers to one question, in the order of its draws."""

    given: tuple[str | None, ...]
    """`None` where none could be read, or the draw was cut."""
    gold_kind: str = "auto"
    """How answers are compared: `auto`, `integer`, `math`, `exact`; those of a world as `auto`."""


class Grouped(NamedTuple):
    """Groups of one question's answers."""

    group: np.ndarray
    """Of each draw, int32 [draws]; −1 without an answer. Group 0 is the one that was drawn first."""
    texts: tuple[str, ...]
    """An answer of each group as it was given: the first of its representative's spelling."""


@dataclass(slots=True)
class _Question:
    """One question while its spellings find their groups."""

    kind: str
    waiting: list[str]
    """Spellings without a group, the commonest last."""
    heads: list[str] = field(default_factory=list)
    head_of: dict[str, str] = field(default_factory=dict)

    def take(self) -> tuple[str, list[str]]:
        """The next spelling, and the representatives that only algebra can compare it with."""
        text = self.waiting.pop()
        open_heads = []
        for head in self.heads:
            verdict = verify_one_exact(Claim(text, head, self.kind))
            if verdict == Verdict.CORRECT:
                self.head_of[text] = head
                return text, []
            if verdict is None:
                open_heads.append(head)
        return text, open_heads

    def place(self, text: str, head: str | None) -> None:
        """Put a spelling into a group, or make it the representative of a new one."""
        if head is None:
            self.heads.append(text)
        self.head_of[text] = head or text


def group_answers(
    questions: Sequence[Answers],
    verifier: Verifier,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[Grouped]:
    """Group the answers of each question.

    Args:
        questions: any number.
        verifier: an open verifier; what needs algebra is asked for all questions together.
        progress: called with (spellings placed, all spellings).
    """
    open_ = [_Question(_kind(one.gold_kind), _spellings(one)) for one in questions]
    total = sum(len(question.waiting) for question in open_)
    while any(question.waiting for question in open_):
        _place_next([question for question in open_ if question.waiting], verifier)
        if progress:
            progress(sum(len(question.head_of) for question in open_), total)
    return [_grouped(one, found.head_of) for one, found in zip(questions, open_, strict=True)]


class Growing:
    """Groups of one question's answers while they come: the first spelling stands for its group.

    Beside `group_answers` this differs only where equality is not symmetric, as math-verify's is not.
    """

    def __init__(self, gold_kind: str = "auto") -> None:
        self._question = _Question(_kind(gold_kind), [])
        self._number: dict[str, int] = {}
        self.texts: list[str] = []
        """The first answer of each group as it was given."""

    def add(self, answer: str | None, verifier: Verifier) -> int:
        """The group of an answer, −1 without one."""
        text = spelling_of(answer)
        if text is None or answer is None:
            return NO_ANSWER
        if text not in self._question.head_of:
            self._question.waiting.append(text)
            _place_next([self._question], verifier)
        head = self._question.head_of[text]
        if head not in self._number:
            self._number[head] = len(self._number)
            self.texts.append(answer.strip())
        return self._number[head]


def spelling_of(answer: str | None) -> str | None:
    """What two answers that differ in blanks, delimiters and the like share; `None` for no answer."""
    if answer is None or len(answer) > MAX_CHARS:
        return None
    return tight(normalise_answer(answer)) or None


def _place_next(questions: Sequence[_Question], verifier: Verifier) -> None:
    """Place one spelling of each question."""
    asked = [(question, *question.take()) for question in questions]
    pairs = [(q, text, head) for q, text, heads in asked for head in heads]
    verdicts = verifier.verify([Claim(text, head, q.kind) for q, text, head in pairs])
    equal: dict[int, str] = {}
    for (question, _, head), verdict in zip(pairs, verdicts, strict=True):
        if verdict == Verdict.CORRECT:
            equal.setdefault(id(question), head)
    for question, text, _ in asked:
        if text not in question.head_of:
            question.place(text, equal.get(id(question)))


def _kind(gold_kind: str) -> str:
    return gold_kind if gold_kind in _KINDS else "auto"


def _spellings(answers: Answers) -> list[str]:
    """Different spellings, the commonest last; of equally common ones the first that came is last."""
    known = (spelling_of(answer) for answer in answers.given)
    return [text for text, _ in Counter(text for text in known if text).most_common()][::-1]


def _grouped(answers: Answers, head_of: dict[str, str]) -> Grouped:
    order: dict[str, int] = {}
    texts: dict[str, str] = {}
    group = np.full(len(answers.given), NO_ANSWER, dtype=np.int32)
    for i, answer in enumerate(answers.given):
        text = spelling_of(answer)
        if text is None or answer is None:
            continue
        head = head_of[text]
        group[i] = order.setdefault(head, len(order))
        if text == head:
            texts.setdefault(head, answer.strip())
    return Grouped(group, tuple(texts[head] for head in order))
