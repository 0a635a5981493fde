"""Treatments of steps: `shuffled`, `deleted`, `inserted`, `replaced`.

Steps move without the white space around them, which stays where it was, so lines remain lines.
Steps from elsewhere are those of traces of other questions, each drawn alike, without the statement
of their final answer.

Where the answer text works the problem once more after the thinking (a lead), its steps are treated
by themselves at the same ratio: none moves from one text to the other. What is inserted or replaced
is drawn from the steps of both texts of other questions.

Source: Li et al. 2025, *LLMs can easily learn to reason from demonstrations* (arXiv 2502.07374),
structure operators at 33, 67 and 100 %. Difference: steps there are cut by a model, here by
`cut_steps` or by the source; a step that is put in never stands last.

Choices of what is shuffled, deleted or replaced are nested: a larger ratio chooses more.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.seeds import derive_rng
from titrant.treat.base import Treated
from titrant.treat.derange import derange
from titrant.treat.reasoning import step_places
from titrant.treat.rewrite import LEAD, Edit, part_of, rewrite
from titrant.treat.rows import Row, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.traces.record import Trace
    from titrant.treat.base import Apply
    from titrant.treat.reasoning import Reasoning

TRIES = 8
"""So often a drawn step is drawn again because it says what it would replace."""
LINE_END = "\n"
"""What parts an inserted step from the next one where the trace's own steps do not show it."""


def shuffle_steps(
    trace: Trace, reasoning: Reasoning, ratio: float, rng: np.random.Generator
) -> list[Edit]:
    """A share of the steps, two at least where it is not 0, change places among themselves."""
    places = step_places(trace, reasoning)
    order = rng.permutation(len(places))
    n = part_of(ratio, len(places))
    chosen = sorted(order[: 2 if n == 1 else n].tolist())
    texts = [reasoning.text[places[i].start : places[i].end] for i in chosen]
    return [
        Edit(places[i].start, places[i].end, texts[j])
        for i, j in zip(chosen, derange(texts, rng), strict=True)
    ]


def delete_steps(
    trace: Trace, reasoning: Reasoning, ratio: float, rng: np.random.Generator
) -> list[Edit]:
    """A share of the steps is taken out; at a ratio under 1 one stays at least (of a lead too).

    The white space after a step goes with it; that before it where it was the last that is left.
    """
    places = step_places(trace, reasoning)
    n = len(places)
    order = rng.permutation(n)
    n_gone = part_of(ratio, n) if ratio == 1 else min(part_of(ratio, n), n - 1)
    gone = set(order[: max(0, n_gone)].tolist())
    if not gone:
        return []
    kept = [i for i in range(n) if i not in gone]
    if not kept:
        return [Edit(0, reasoning.end, "")]
    edits = [Edit(places[i].start, places[i + 1].start, "") for i in sorted(gone) if i < kept[-1]]
    if kept[-1] < n - 1:
        edits.append(Edit(places[kept[-1]].end, places[-1].end, ""))
    return edits


class Donors(NamedTuple):
    """The steps of all rows, those of one question side by side."""

    texts: list[str]
    blocks: dict[str, tuple[int, int]]
    """By qid: first step, and the one after the last."""

    def n_others(self, qid: str) -> int:
        """Steps of other questions."""
        start, end = self.blocks[qid]
        return len(self.texts) - (end - start)

    def draw(self, qid: str, rng: np.random.Generator, *, unlike: str = "") -> str:
        """A step of another question, each alike; not `unlike` where a few tries find one."""
        start, end = self.blocks[qid]
        text = unlike
        for i in rng.integers(self.n_others(qid), size=TRIES).tolist():
            text = self.texts[i if i < start else i + end - start]
            if text != unlike:
                break
        return text


def donors_of(rows: Sequence[Row]) -> Donors:
    """All steps of rows that stand in the order of `rows_of`, those of their leads too."""
    texts: list[str] = []
    blocks: dict[str, tuple[int, int]] = {}
    for row in rows:
        start = blocks.get(row.qid, (len(texts), 0))[0]
        texts += row.texts + ([] if row.lead is None else row.lead.texts)
        blocks[row.qid] = (start, len(texts))
    return Donors(texts, blocks)


Trade = Callable[[Row, Donors, float, np.random.Generator], list[Edit]]
"""(row, steps of all rows, ratio, chance) → edits of its text."""


def with_donors(name: str, change: Trade) -> Apply:
    """A treatment that takes steps from other rows; a row's chance comes from seed, uid and `name`.

    It raises DataError where all rows are of one question.
    """

    def apply(traces: Sequence[Trace], ratio: float, seed: int) -> list[Treated]:
        treated = [Treated(trace, ()) for trace in traces]
        rows = rows_of(traces, name)
        donors = donors_of(rows)
        for row in rows:
            labels = ("treat", name, row.trace.uid)
            edits = change(row, donors, ratio, derive_rng(seed, *labels))
            of_lead: list[Edit] = []
            if row.lead is not None:
                of_lead = change(row.lead, donors, ratio, derive_rng(seed, *labels, LEAD))
            treated[row.at] = rewrite(row.trace, row.reasoning, edits, of_lead)
        return treated

    return apply


def insert_steps(row: Row, donors: Donors, ratio: float, rng: np.random.Generator) -> list[Edit]:
    """Foreign steps before steps at random, as many as the share of the steps there are."""
    n = len(row.places)
    gaps = _gaps(row)
    chosen = sorted(rng.integers(n, size=part_of(ratio, n)).tolist())
    edits = []
    for i in chosen:
        text = donors.draw(row.qid, rng) + gaps[max(0, i - 1)]
        at = row.places[i].start
        edits.append(Edit(at, at, text, cuts=(len(text),)))
    return edits


def _gaps(row: Row) -> list[str]:
    """What stands between two steps, place by place; a line end where nothing does."""
    text = row.reasoning.text
    gaps = [text[a.end : b.start] or LINE_END for a, b in pairwise(row.places)]
    return gaps or [LINE_END]


def replace_steps(row: Row, donors: Donors, ratio: float, rng: np.random.Generator) -> list[Edit]:
    """A share of the steps, each replaced by a foreign one."""
    texts = row.texts
    order = rng.permutation(len(texts))
    chosen = sorted(order[: part_of(ratio, len(texts))].tolist())
    return [
        Edit(row.places[i].start, row.places[i].end, donors.draw(row.qid, rng, unlike=texts[i]))
        for i in chosen
    ]
