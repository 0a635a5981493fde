"""Leaks of the benchmark in the pool, and the gain without the problems that leaked.

Which problems stand in the pool is known from cleaning (`select.clean`). The gain of the clean arms is taken
over all problems and over those that were not flagged; the difference is

    w · (G_flagged − G_other),   w the flagged share of the problems

with the error of `split.gains_of`: the two kinds are different problems read by the same arms.

| | outcome |
|---|---|
| no cleaning report, or not of this benchmark | not looked at |
| no problem is flagged | clear |
| fewer than 3 flagged or 20 other problems were read, or none | undecided |
| the gain is larger with flagged problems, one-sided Holm-corrected p at most α | alarm |
| else, the interval of the difference ends at 1 point or under | clear |
| else | undecided |

Traces of benchmark questions are left out of the pool before training, and others that are contaminated only
on demand, so a flagged problem need not have been trained on: the gain decides, not the count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.audits.arms import CLEAN, Groups
from titrant.audits.base import Excerpt, Finding, FindingTable, Plot, Point
from titrant.audits.contamination import NAME
from titrant.audits.contamination.compare import alpha
from titrant.audits.contamination.completion import MOST_ROWS, SHOWN
from titrant.audits.contamination.split import gains_of, groups_on
from titrant.audits.proportion import wilson
from titrant.audits.words import between, percent, points, probability
from titrant.dose.readings import BASE
from titrant.estimate import Estimate
from titrant.select.clean.report import CleaningReport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from titrant.audits.base import Evidence, Outcome
    from titrant.audits.contamination.split import Gains
    from titrant.select.clean.report import BenchmarkOverlap

TITLE = "overlap with the pool"
QUESTION = "Does the gain rest on problems that stand in the pool?"
TEST = "overlap"
MARGIN = 0.01
"""Points that flagged problems may add to the gain without concern."""
FEWEST_FLAGGED, FEWEST_OTHER = 3, 20


class Overlap(NamedTuple):
    """What leaked, and the gain with and without it."""

    report: CleaningReport
    mine: BenchmarkOverlap
    qids: tuple[str, ...]
    """Flagged problems that were read, the largest gain first; as the report has them where none was."""
    gains: Gains | None
    """Of flagged and of other problems; `None` where too few of either were read."""
    share: float
    """Flagged share of the problems that were read."""
    level: float

    @property
    def difference(self) -> Estimate:
        """Gain on all problems less that without flagged ones."""
        if self.gains is None:
            return Estimate(estimate=None, low=None, high=None, level=self.level)
        return self.gains.difference(self.level, scale=self.share)


def look_at_overlap(evidence: Evidence) -> Overlap | None:
    """What the cleaning of the pool and the readings say; `None` without a report on this benchmark."""
    report = evidence.facts.get("cleaning")
    if not isinstance(report, CleaningReport):
        return None
    mine = next((one for one in report.benchmarks if one.name == evidence.benchmark), None)
    if mine is None:
        return None
    groups = groups_on(evidence, evidence.benchmark)
    flagged = set(report.flagged_qids)
    if groups is None:
        named = {
            one.qid for one in report.evidence if one.benchmark == mine.name and one.is_flagged
        }
        return Overlap(report, mine, tuple(sorted(named)), None, 0.0, evidence.level)
    whole = groups[0]
    mask = np.array([qid in flagged for qid in whole.qids])
    gain = whole.mean(CLEAN) - whole.mean(BASE)
    qids = [whole.qids[i] for i in np.argsort(-gain, kind="stable") if mask[i]]
    enough = mask.sum() >= FEWEST_FLAGGED and (~mask).sum() >= FEWEST_OTHER
    gains = gains_of(part_of(whole, mask), part_of(whole, ~mask)) if enough else None
    return Overlap(report, mine, tuple(qids), gains, float(mask.mean()), evidence.level)


def part_of(groups: Groups, mask: np.ndarray) -> Groups:
    """The same arms on some of the problems; bool [problems]."""
    qids = tuple(qid for qid, keep in zip(groups.qids, mask.tolist(), strict=True) if keep)
    return Groups(qids, {name: score[:, mask] for name, score in groups.score.items()})


def overlap_tests(found: Overlap | None) -> dict[str, float]:
    """The p-value of the difference, by name; nothing where there is none."""
    return {} if found is None or found.gains is None else {TEST: found.gains.p_larger}


def judge_overlap(found: Overlap | None, p: Mapping[str, float]) -> Finding:
    """The finding; `p` are Holm-corrected p-values by the names of `overlap_tests`."""
    if found is None:
        return Finding(
            audit=NAME,
            name=TITLE,
            question=QUESTION,
            statement="The pool was not searched for problems of this benchmark.",
            outcome="not looked at",
            value=None,
            unit="points of the gain",
            decides="titrant clean POOL --benchmark BENCHMARK",
        )
    if not found.mine.flagged_problems:
        return _none_flagged(found)
    outcome = _outcome(found, p.get(TEST))
    return Finding(
        audit=NAME,
        name=TITLE,
        question=QUESTION,
        statement=_statement(found, p.get(TEST)),
        outcome=outcome,
        value=found.difference,
        unit="points of the gain, with flagged problems less without",
        p=p.get(TEST),
        rows=found.qids[:MOST_ROWS],
        plot=None if found.gains is None else _plot(found.gains, found.level),
        examples=_examples(found),
        decides=_decides(outcome),
    )


def overlap_table(found: Overlap) -> FindingTable | None:
    """The gain on flagged and on other problems."""
    if found.gains is None:
        return None
    gains, level = found.gains, found.level
    rows = [
        (label, float(gains.sizes[i]), gains.gain(i, level))
        for i, label in enumerate(("flagged in the pool", "not flagged"))
    ]
    rows.append(("all less not flagged", float(sum(gains.sizes)), found.difference))
    return FindingTable(
        title="The gain with and without problems that stand in the pool",
        columns=("problems", "n", "gain"),
        units=("text", "number", "points"),
        rows=tuple(rows),
    )


def _none_flagged(found: Overlap) -> Finding:
    n = found.mine.problems
    caught = [
        f"{one.kind} {percent(one.share)}"
        for one in (found.report.leaks.recall if found.report.leaks else ())
        if one.share is not None
    ]
    text = f"None of the benchmark's {n:,} problems was found in the pool"
    text += f" (of planted leaks, found: {', '.join(caught)})" if caught else ""
    return Finding(
        audit=NAME,
        name=TITLE,
        question=QUESTION,
        statement=text + ".",
        outcome="clear",
        value=wilson(0.0, n, found.level),
        unit="share of the benchmark's problems",
        decides="a problem of the benchmark in the pool, disguised beyond what the search can see",
    )


def _outcome(found: Overlap, p: float | None) -> Outcome:
    if found.gains is None or p is None:
        return "undecided"
    if p <= alpha(found.level):
        return "alarm"
    high = found.difference.high
    return "clear" if high is not None and high <= MARGIN else "undecided"


def _statement(found: Overlap, p: float | None) -> str:
    mine = found.mine
    text = (
        f"{mine.flagged_problems:,} of the benchmark's {mine.problems:,} problems stand in the pool, in "
        f"{mine.flagged_rows:,} of its rows as read"
    )
    if found.gains is None or p is None:
        return f"{text}; too few of them were read by trained arms to score the benchmark without them."
    gains, level = found.gains, found.level
    return (
        f"{text}. The gain is {between(gains.gain(1, level), points)} points without them and "
        f"{between(gains.gain(0, level), points)} on them alone: they add "
        f"{between(found.difference, points)} points ({probability(p)})."
    )


def _decides(outcome: Outcome) -> str:
    if outcome == "alarm":
        return "train once more with pool.drop: [contaminated]; the gain that is left is the pool's"
    if outcome == "clear":
        return "flagged problems that gain more than the others"
    return "more seeds, or a pool without them (pool.drop: [contaminated])"


def _plot(gains: Gains, level: float) -> Plot:
    return Plot(
        title="Gain on problems that stand in the pool, and on others",
        y_name="gain",
        unit="points",
        points=tuple(
            Point(label=label, y=gains.gain(i, level))
            for i, label in enumerate(("flagged", "not flagged"))
        ),
        marks={"no gain": 0.0},
    )


def _examples(found: Overlap) -> tuple[Excerpt, ...]:
    hits = [
        one for one in found.report.evidence if one.is_flagged and one.benchmark == found.mine.name
    ]
    return tuple(
        Excerpt(
            caption=f"{one.grade}, row {one.row} of the pool ({one.place})",
            left_name="benchmark",
            left=one.benchmark_text,
            right_name="pool",
            right=one.pool_text,
        )
        for one in hits[:SHOWN]
    )
