"""The whole reasoning of another question: `foreign` and its matched forms.

Question and final answer stay, the reasoning between them belongs elsewhere. What still helps is
then not that a trace follows from its question.

    foreign            a derangement: each reasoning is used once, none for its own question
    foreign-length     the same among neighbours in length, so that length tells nothing either
    foreign-question   the reasoning of the question most alike; some are used twice, others never

Where the answer text works the problem once more after the thinking (a lead), the donor's lead
takes its place, so that both texts are of one donor; a donor without one leaves none.

Where one question holds more than half of the rows no derangement exists: as many rows as need be
then take a reasoning that another row has taken too.

Source: Stechly et al. 2025, *Beyond Semantics* (arXiv 2505.13775), "swapped" traces. Swapping at
random is easily seen through (in a maze the first event names another start); `foreign-question`
with the keys `start` and `goal` in a trace's meta keeps both where another question has them, so
only the walls are wrong: in the maze world 52 % of 2,000 traces, nearly all of 20,000. Each row
draws among the donors that are equally near, whatever others have drawn, so in an odd group of
questions with the same ends none is left over. Where the donor says just the same (a start next to
its goal, mostly; 4 % of 2,000) the row is as it was and counts as not changed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from titrant.seeds import derive_rng
from titrant.treat.alike import Asked, most_alike
from titrant.treat.base import Treated
from titrant.treat.derange import derange
from titrant.treat.rewrite import Edit, rewrite
from titrant.treat.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.traces.record import Trace
    from titrant.treat.rows import Row

NEIGHBOURS = 8
"""Fewest rows of a block of like lengths that trade among themselves."""


def apply_foreign(traces: Sequence[Trace], _ratio: float, seed: int) -> list[Treated]:
    """Each row takes the reasoning of a row of another question; see the module docstring."""
    rows = rows_of(traces, "foreign")
    rng = derive_rng(seed, "treat", "foreign")
    rows = [rows[i] for i in rng.permutation(len(rows)).tolist()]
    return _handed(traces, rows, _deranged(rows, [range(len(rows))], rng))


def apply_foreign_length(traces: Sequence[Trace], _ratio: float, seed: int) -> list[Treated]:
    """The same within blocks of neighbours in length, counted in characters of the reasoning."""
    rows = rows_of(traces, "foreign-length")
    rows = sorted(rows, key=lambda row: row.length)
    rng = derive_rng(seed, "treat", "foreign-length")
    return _handed(traces, rows, _deranged(rows, blocks_of([row.qid for row in rows]), rng))


def apply_foreign_question(traces: Sequence[Trace], _ratio: float, seed: int) -> list[Treated]:
    """Each row takes the reasoning of a trace whose question is most alike; see `most_alike`.

    Among questions that are equally near, and among their traces, chance decides by the row's uid.
    """
    rows = rows_of(traces, "foreign-question")
    of_question: dict[str, list[Row]] = {}
    for row in rows:
        of_question.setdefault(row.qid, []).append(row)
    asked = [Asked.by(of_one[0].trace) for of_one in of_question.values()]
    nearest = most_alike(asked)
    donors = []
    for row in rows:
        rng = derive_rng(seed, "treat", "foreign-question", row.trace.uid)
        near = nearest[row.qid]
        others = of_question[near[int(rng.integers(len(near)))]]
        donors.append(others[int(rng.integers(len(others)))])
    return _handed(traces, rows, donors)


def blocks_of(qids: Sequence[str]) -> list[range]:
    """Neighbours cut into blocks of `NEIGHBOURS` or a few more, each of which has a derangement.

    A block has one where no question holds more than half of it. What is left over at the end joins
    the blocks before it; one block with all places is the last resort, even if it has none.
    """
    blocks: list[range] = []
    start, counts, most = 0, Counter[str](), 0
    for i, qid in enumerate(qids):
        counts[qid] += 1
        most = max(most, counts[qid])
        if i + 1 - start >= max(NEIGHBOURS, 2 * most):
            blocks.append(range(start, i + 1))
            start, counts, most = i + 1, Counter(), 0
    while blocks and start < len(qids):
        start = blocks.pop().start
        if 2 * max(Counter(qids[start:]).values()) <= len(qids) - start:
            break
    return [*blocks, range(start, len(qids))] if start < len(qids) else blocks


def _deranged(rows: Sequence[Row], blocks: Sequence[range], rng: np.random.Generator) -> list[Row]:
    """Whose reasoning each row takes, block by block."""
    donors: list[Row] = []
    for block in blocks:
        taken = derange([rows[i].qid for i in block], rng)
        donors += [rows[block[i]] for i in taken]
    kept = [i for i, row in enumerate(rows) if donors[i].qid == row.qid]
    if kept:  # all of one question, which holds more than half: each takes from the nearest other
        others = np.array([i for i, row in enumerate(rows) if row.qid != rows[kept[0]].qid])
        for i in kept:
            donors[i] = rows[int(others[np.abs(others - i).argmin()])]
    return donors


def _handed(traces: Sequence[Trace], rows: Sequence[Row], donors: Sequence[Row]) -> list[Treated]:
    """The traces, those of `rows` with the reasoning of their donors and its steps."""
    treated = [Treated(trace, ()) for trace in traces]
    for row, donor in zip(rows, donors, strict=True):
        edits, of_lead = [_given(row, donor)], []
        if row.lead is not None:
            whole = Edit(0, row.lead.reasoning.end, "")
            of_lead = [whole if donor.lead is None else _given(row.lead, donor.lead)]
        treated[row.at] = rewrite(row.trace, row.reasoning, edits, of_lead)
    return treated


def _given(row: Row, donor: Row) -> Edit:
    """All steps of the donor in place of all of the row's."""
    start, end = donor.places[0].start, donor.places[-1].end
    cuts = tuple(place.start - start for place in donor.places[1:])
    text = donor.reasoning.text[start:end]
    return Edit(row.places[0].start, row.places[-1].end, text, cuts)
