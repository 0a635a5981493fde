"""Majority labels: the answer that a base gives most often, right or wrong, as a stand-in for gold.

Of a question's draws those without an answer (truncated, unreadable) do not vote. Two answers are one
where exact comparison says so under the question's kind of gold; equality by algebra is left out, and
whoever has grouped answers by it (`titrant.vote.equal`) gives each draw the text of its group. Of equal
counts the answer that was drawn first wins, so labels do not depend on chance.

Source: TTRL (arXiv:2504.16084) and the incorrect-label control of Spurious Rewards (arXiv:2506.10947),
with 64 draws per question there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from titrant.errors import DataError
from titrant.files import write_table
from titrant.traces.record import Verdict
from titrant.traces.verify.verdict import Claim, verify_one_exact
from titrant.worlds.verdicts import Written, is_judged_by_world, judge_by_world

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from titrant.traces.record import Problem
    from titrant.traces.verify.verdict import Verifier

FILE = "majority.parquet"
"""In a run folder: the labels of the pool's questions."""
_SCHEMA = pa.schema(
    [
        ("qid", pa.string()),
        ("answer", pa.string()),
        ("is_right", pa.bool_()),
        ("votes", pa.int32()),
        ("draws", pa.int32()),
    ]
)


class Label(NamedTuple):
    """What most draws of one question answer."""

    answer: str
    is_right: bool | None
    """Whether it is the right answer; `None` where no gold answer is known."""
    votes: int
    """Draws that gave it."""
    draws: int
    """All draws, those without an answer too."""


def majority_labels(
    answers: Mapping[str, Sequence[str | None]],
    problems: Iterable[Problem],
    *,
    verifier: Verifier,
) -> dict[str, Label]:
    """The label of each question that has an answer at all, by qid.

    Args:
        answers: final answers of a question's draws in their order, by qid; `None`: no vote.
        problems: with gold answers; those without draws are passed over.
        verifier: an open verifier, which says whether a label is right.
    """
    votes = {
        problem.qid: (problem, _leader(answers[problem.qid], compared_as(problem)))
        for problem in problems
        if any(answer is not None for answer in answers.get(problem.qid, ()))
    }
    right = _are_right([(problem, answer) for problem, (answer, _) in votes.values()], verifier)
    return {
        qid: Label(answer, is_right, count, len(answers[qid]))
        for (qid, (_, (answer, count))), is_right in zip(votes.items(), right, strict=True)
    }


def _are_right(answered: Sequence[tuple[Problem, str]], verifier: Verifier) -> list[bool | None]:
    """Whether each answer is right; `None` where no gold answer is known."""
    claims = [
        Claim(None, None)
        if is_judged_by_world(problem)
        else Claim(answer, problem.gold, problem.gold_kind)
        for problem, answer in answered
    ]
    verdicts = [
        judge_by_world(Written(problem, answer, is_cut=False)).verdict
        if is_judged_by_world(problem)
        else verdict
        for (problem, answer), verdict in zip(answered, verifier.verify(claims), strict=True)
    ]
    return [None if verdict is None else verdict == Verdict.CORRECT for verdict in verdicts]


def compared_as(problem: Problem) -> str:
    """The kind of gold under which two answers to a problem are held against each other."""
    return "exact" if is_judged_by_world(problem) else problem.gold_kind


def _leader(answers: Sequence[str | None], kind: str) -> tuple[str, int]:
    """The commonest answer as it was first given, and its votes."""
    counts: dict[str, int] = {}
    head_of: dict[str, str] = {}
    for answer in answers:
        if answer is None:
            continue
        if answer not in head_of:
            same = (head for head in counts if _agree(answer, head, kind))
            head_of[answer] = next(same, answer)
        counts[head_of[answer]] = counts.get(head_of[answer], 0) + 1
    return max(counts.items(), key=lambda item: item[1])  # the first of equals


def _agree(answer: str, head: str, kind: str) -> bool:
    return answer == head or verify_one_exact(Claim(answer, head, kind)) == Verdict.CORRECT


def write_labels(path: Path, labels: Mapping[str, Label]) -> None:
    """Write labels as Parquet, whole or not at all."""
    rows = [{"qid": qid, **label._asdict()} for qid, label in sorted(labels.items())]
    write_table(path, pa.Table.from_pylist(rows, schema=_SCHEMA))


def read_labels(path: Path) -> dict[str, Label]:
    """Labels written by `write_labels`.

    Raises:
        DataError: the file is missing or holds no labels.
    """
    try:
        with pq.ParquetFile(path) as file:
            rows = file.read(_SCHEMA.names).to_pylist()
    except (OSError, KeyError, pa.ArrowInvalid) as error:
        raise DataError(
            f"{path} cannot be read as majority labels",
            expected=f"a Parquet file with the columns {', '.join(_SCHEMA.names)}",
            came=f"{type(error).__name__}: {error}",
            do="set train.grpo.reward to one that needs no labels, or delete the file and run the same "
            "command again: it is made anew",
        ) from error
    return {row.pop("qid"): Label(**row) for row in rows}
