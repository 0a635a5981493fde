"""Copies inside a pool: exact ones, and near ones that differ in a word, a typo or the order of clauses.

Exact: the same `uid`, the question and the trace alike but for white space. Near: candidates by MinHash
(`shingles`), each then compared by what rapidfuzz calls the ratio, 1 − indels / (len a + len b) on folded text,
so no pair under the threshold is ever a copy. Of a trace the question and what follows are compared apart and
the lesser ratio counts: a long question does not make two attempts alike. A question whose clauses are in
another order is compared in alphabetical order of clauses too; the order of a trace's steps is its content.

**Numbers.** Two questions that differ in a number are two problems and no copies, however alike they read;
OpenThoughts' rule (ratio ≥ 95 alone) removes them. Here figures must be the same in the same order, unless
`figures="any"` asks for that rule. Pairs that only their figures keep apart are counted.

Left out: pairs that no band of the signatures brings together (`Copies.pairs_left_out` counts only what was
given up in crowded buckets or past `MOST_WORK`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from rapidfuzz import fuzz, process

from titrant.errors import ConfigError
from titrant.select.clean.copies.groups import Group, group_pairs
from titrant.select.clean.copies.shingles import Text, find_candidates
from titrant.select.clean.copies.units import Unit, Units, units_of
from titrant.select.clean.distinct import distinct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from titrant.traces.record import Trace

    Progress = Callable[[int, int], None]

Figures = Literal["same", "any"]

ALIKE = 0.95
REORDERED_FROM = 0.6
"""Questions this alike as written are compared once more in the order of their clauses."""
MOST_WORK = 4e11
"""Products of the lengths of compared texts, in sum; rapidfuzz does this much in about ten seconds."""
CHUNK_PAIRS = 20_000


@dataclass(frozen=True)
class Pairs:
    """Units that are near copies of each other."""

    units: Units
    threshold: float
    figures: Figures
    alike: np.ndarray
    """int64 [pairs, 2]."""
    similarity: np.ndarray
    """Of each of them; float64 [pairs]."""
    n_compared: int
    n_left_out: int
    """Pairs given up in crowded buckets or for `MOST_WORK`, at most."""
    n_other_figures: int
    """Pairs alike but for their figures, which are no copies."""

    @property
    def rows(self) -> list[int]:
        """Rows of the pool that are in a pair: those whose verdict decides what is kept."""
        return sorted(row for i in distinct(self.alike).tolist() for row in self.units.rows[i])


def exact_copies(traces: Sequence[Trace]) -> list[list[int]]:
    """Rows with the same `uid`, the kept one (the first) before its copies."""
    return [list(rows) for rows in units_of(traces, "trace").rows if len(rows) > 1]


def near_pairs(
    traces: Sequence[Trace],
    *,
    unit: Unit = "trace",
    threshold: float = ALIKE,
    figures: Figures = "same",
    progress: Progress | None = None,
) -> Pairs:
    """Units of a pool that nearly repeat each other.

    Args:
        traces: the pool.
        unit: what is compared, traces or questions.
        threshold: least ratio of a near copy, in [0.8, 1].
        figures: whether numbers and signs must be the same.
        progress: called with (units read, all units).

    Raises:
        ConfigError: the threshold is out of its range.
    """
    if not 0.8 <= threshold <= 1:
        raise ConfigError(
            "a near copy cannot be told at this threshold",
            expected="a ratio from 0.8 to 1",
            came=f"{threshold:g}",
            do="use the default of 0.95; for looser likeness look for semantic copies",
        )
    units = units_of(traces, unit)
    texts = (_text(units, i) for i in range(len(units)))
    candidates = find_candidates(texts, n=len(units), progress=progress)
    pairs, n_over = _within_work(units, candidates.pairs)
    comparison = Comparison(units, threshold, figures)
    chunks = [pairs[at : at + CHUNK_PAIRS] for at in range(0, len(pairs), CHUNK_PAIRS)]
    similarity = np.concatenate([np.empty(0), *map(comparison.of_pairs, chunks)])
    return Pairs(
        units,
        threshold,
        figures,
        alike=pairs[similarity >= threshold],
        similarity=similarity[similarity >= threshold],
        n_compared=len(pairs),
        n_left_out=candidates.left_out + n_over,
        n_other_figures=comparison.n_other_figures,
    )


def near_copies(pairs: Pairs, judged: Sequence[Trace] | None = None) -> list[Group]:
    """Groups of near copies.

    Args:
        pairs: what `near_pairs` found.
        judged: the pool with verdicts, in the same order; default: as it was handed in.
    """
    units = pairs.units
    known = dict(zip(map(tuple, pairs.alike.tolist()), pairs.similarity.tolist(), strict=True))
    comparison = Comparison(units, pairs.threshold, pairs.figures, known)
    priority = units.priority(units.traces if judged is None else judged)
    return group_pairs(pairs.alike, priority, comparison, pairs.threshold)


def _text(units: Units, i: int) -> Text:
    if units.unit == "question":
        return Text(units.question(i))
    return Text(units.body(i), lead=units.question(i))


def _within_work(units: Units, pairs: np.ndarray) -> tuple[np.ndarray, int]:
    """The pairs that are compared, the cheapest first where not all can be; and how many are not."""
    first = [units.first(i) for i in range(len(units))]
    size = np.array([len(t.question) for t in first], dtype=float)
    if units.unit == "trace":
        size += [len(t.thinking or "") + len(t.answer_text) for t in first]
    work = size[pairs[:, 0]] * size[pairs[:, 1]]
    if work.sum() <= MOST_WORK:
        return pairs, 0
    order = np.argsort(work, kind="stable")
    n = int(np.searchsorted(np.cumsum(work[order]), MOST_WORK))
    return pairs[np.sort(order[:n])], len(pairs) - n


class Comparison:
    """How similar units are; 0 where they are under the threshold or their figures differ."""

    def __init__(
        self,
        units: Units,
        threshold: float,
        figures: Figures,
        known: Mapping[tuple[int, int], float] | None = None,
    ) -> None:
        self._units, self._threshold, self._figures = units, threshold, figures
        self._known = known or {}
        self.n_other_figures = 0

    def __call__(self, i: int, others: Sequence[int], /) -> np.ndarray:
        """One unit against others; float64 [others]."""
        pairs = [(min(i, j), max(i, j)) for j in others]
        found = np.array([self._known.get(pair, np.nan) for pair in pairs])
        if (unknown := np.flatnonzero(np.isnan(found))).size:
            found[unknown] = self.of_pairs(np.array(pairs)[unknown])
        return found

    def of_pairs(self, pairs: np.ndarray) -> np.ndarray:
        """Similarities of pairs; float64 [pairs]."""
        units, least = self._units, self._threshold
        asked = _ratios(pairs, units.question, REORDERED_FROM)
        near = np.flatnonzero(asked > 0)
        body = np.ones(len(near))
        if units.unit == "trace":
            body = _ratios(pairs[near], units.body, least)
        found = np.zeros(len(pairs))
        for at, ratio in zip(near.tolist(), body.tolist(), strict=True):
            if ratio >= least:
                i, j = pairs[at].tolist()
                found[at] = min(ratio, self._asked(i, j, ratio=float(asked[at])))
        return found

    def _asked(self, i: int, j: int, *, ratio: float) -> float:
        """Similarity of the questions of a pair, once their figures are looked at."""
        units, least = self._units, self._threshold
        if ratio >= least and self._same(units.figures(i), units.figures(j)):
            return ratio
        one, other = units.by_clause(i), units.by_clause(j)
        sorted_ratio = fuzz.ratio(one.text, other.text, score_cutoff=100 * least) / 100
        if sorted_ratio and self._same(one.figures, other.figures):
            return sorted_ratio
        self.n_other_figures += max(ratio, sorted_ratio) >= least
        return 0.0

    def _same(self, one: tuple[str, ...], other: tuple[str, ...]) -> bool:
        return self._figures == "any" or one == other


def _ratios(pairs: np.ndarray, text: Callable[[int], str], least: float) -> np.ndarray:
    """Ratios of the texts of pairs, 0 where under `least`; float64 [pairs]."""
    if not len(pairs):
        return np.empty(0)
    texts = {i: text(i) for i in distinct(pairs).tolist()}
    one, other = ([texts[i] for i in side] for side in pairs.T.tolist())
    found = process.cpdist(
        one, other, scorer=fuzz.ratio, score_cutoff=100 * least, dtype=np.float64
    )
    return found.reshape(-1) / 100
