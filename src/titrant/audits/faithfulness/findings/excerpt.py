"""Examples for the eyes: a trace's thinking and the changed one, each with the answer that it gave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from titrant.audits.base import Excerpt
from titrant.audits.faithfulness.parts.own import EARLY

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN = 3


def changed_answers(
    own: pl.DataFrame, qids: tuple[str, ...], *, kind: str, x: float | None = None
) -> Iterator[Excerpt]:
    """The first arm's thinking before and after a change.

    Args:
        own: the table of the part `own`.
        qids: the problems, those to show first.
        kind: which change.
        x: where; `None`: at the middle one of the places that were asked.
    """
    tuned = own.filter(pl.col("role") == "tuned").sort("seed", "x")
    for qid in qids[:SHOWN]:
        rows = tuned.filter(pl.col("qid") == qid)
        rows = rows.filter(pl.col("seed") == rows["seed"].min())
        full = rows.filter((pl.col("kind") == EARLY) & (pl.col("x") == 1.0)).to_dicts()
        changed = rows.filter(pl.col("kind") == kind)
        if x is not None:
            changed = changed.filter(pl.col("x") == x)
        other = changed.to_dicts()
        if full and other:
            yield _excerpt(full[0], other[len(other) // 2], kind=kind)


def _excerpt(full: dict[str, Any], changed: dict[str, Any], *, kind: str) -> Excerpt:
    same = "the same answer" if changed["same"] else "another answer"
    where = "" if changed["x"] is None else f" at {changed['x']:.2f}"
    return Excerpt(
        caption=f"{full['question']} – {kind}{where}: {same}",
        left_name="all of its thinking",
        left=_with_answer(full),
        right_name=f"{kind}{where}",
        right=_with_answer(changed),
    )


def _with_answer(row: dict[str, Any]) -> str:
    answer = row["answer"] if row["answer"] is not None else "(none)"
    return f"{(row['thinking'] or '').rstrip() or '(no thinking)'}\n→ {answer}"
