"""The gain, split: what of it holds on fresh problems, and what does not.

    clean share = G_f / G_b,   contaminated part = G_b − G_f,   G = accuracy of the clean arms − base

on the benchmark (b) and on fresh problems (f). The problems of the two sets are different ones, so their
noise is independent; the arms are the same, so what an arm does as a whole moves both gains together. The
variance of each gain is that of `audits.arms`, and the arms' covariance is pooled over the trained groups in
the same way, kept within what the two variances allow. Two to five arms are never resampled.

| | outcome |
|---|---|
| no arms were read on both sets, on 20 problems or more of each | not looked at |
| the gain on the benchmark is not over 0, or under two standard errors | undecided |
| the contaminated part is over 0, one-sided Holm-corrected p at most α | alarm |
| else, the share's interval begins at 0.8 or over, or the part's ends at 2 points or under | clear |
| else | undecided |

A gain counts in points. Where the two sets differ in difficulty the same skill may gain more points on one,
so the base's accuracies stand beside it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from scipy.stats import t as student

from titrant.audits.arms import CLEAN, contrasts, groups_of, seed_variance
from titrant.audits.base import Finding, FindingTable, Plot, Point
from titrant.audits.contamination import NAME
from titrant.audits.contamination.compare import alpha
from titrant.audits.contamination.probe import FRESH
from titrant.audits.share import ratio_interval
from titrant.audits.words import between, percent, points, probability
from titrant.dose.readings import BASE, FEWEST_PROBLEMS, ArmKey
from titrant.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from titrant.audits.arms import Groups
    from titrant.audits.base import Evidence, Outcome

TITLE = "clean share"
QUESTION = "Does the gain hold on problems that nobody can have seen?"
TEST = "clean share"
MARGIN = 0.02
"""Points of the gain that may be lost on fresh problems without concern."""
LEAST_SHARE = 0.8
GAIN = {CLEAN: 1.0, BASE: -1.0}


class Gains(NamedTuple):
    """Gains of the same arms on two sets of different problems, with their joint error."""

    one: float
    other: float
    cov: np.ndarray
    """Of the two, [2, 2]."""
    df: tuple[float, float, float]
    """Degrees of freedom of the first, of the second, and of their difference."""
    sizes: tuple[int, int]
    """Problems."""
    seeds: int
    """Clean arms."""

    @property
    def error(self) -> float:
        """Standard error of first less second."""
        return math.sqrt(self.cov[0, 0] + self.cov[1, 1] - 2 * self.cov[0, 1])

    def difference(self, level: float, *, scale: float = 1.0) -> Estimate:
        """First less second, times a positive constant."""
        half = float(student.ppf(0.5 + level / 2, self.df[2])) * self.error
        away = self.one - self.other
        low, middle, high = (scale * (away + side * half) for side in (-1, 0, 1))
        n = sum(self.sizes)
        return Estimate(estimate=middle, low=low, high=high, level=level, n=n, seeds=self.seeds)

    def gain(self, which: int, level: float) -> Estimate:
        """The gain on the first (0) or second (1) set."""
        half = float(student.ppf(0.5 + level / 2, self.df[which]))
        half *= math.sqrt(self.cov[which, which])
        value = (self.one, self.other)[which]
        return Estimate(
            estimate=value,
            low=value - half,
            high=value + half,
            level=level,
            n=self.sizes[which],
            seeds=self.seeds,
        )

    @property
    def p_larger(self) -> float:
        """One-sided p-value that the first gain is no larger than the second."""
        return float(student.sf((self.one - self.other) / self.error, self.df[2]))


class Split(NamedTuple):
    """The two gains and what follows from them."""

    gains: Gains
    """Benchmark first."""
    base: tuple[float, float]
    """Accuracy of the base on benchmark and fresh problems."""
    share: Estimate
    part: Estimate
    level: float


def gains_of(one: Groups, other: Groups) -> Gains:
    """Gains of the same arms on the problems of two sets; see the module docstring.

    Args:
        one: arms on the first set.
        other: the same arms, in the same order, on other problems.
    """
    k = len(one.score[CLEAN])
    sizes = len(one.qids), len(other.qids)
    found = [contrasts(groups, [GAIN]) for groups in (one, other)]
    of_seeds = [seed_variance(groups)[0] for groups in (one, other)]
    together = _seed_covariance(one, other, math.sqrt(of_seeds[0] * of_seeds[1]))
    of_problems = [float(c.cov[0, 0]) - v / k for c, v in zip(found, of_seeds, strict=True)]
    cov = np.array(
        [[found[0].cov[0, 0], together / k], [together / k, found[1].cov[0, 0]]], dtype=float
    )
    seed_df = seed_variance(one)[1]
    apart = (of_seeds[0] + of_seeds[1] - 2 * together) / k
    parts = [(v, n + 1) for v, n in zip(of_problems, sizes, strict=True)] + [(apart, seed_df)]
    df = float(found[0].df[0]), float(found[1].df[0]), _satterthwaite(parts)
    return Gains(float(found[0].value[0]), float(found[1].value[0]), cov, df, sizes, k)


def _seed_covariance(one: Groups, other: Groups, most: float) -> float:
    """Covariance of arms' accuracies on two sets around their groups', pooled over trained groups."""
    products, df = 0.0, 0
    for name, score in one.score.items():
        if name != BASE and len(score) > 1:
            mine, theirs = score.mean(axis=1), other.score[name].mean(axis=1)
            products += float(((mine - mine.mean()) * (theirs - theirs.mean())).sum())
            df += len(score) - 1
    return min(max(products / df, -most), most) if df else 0.0


def _satterthwaite(parts: list[tuple[float, int]]) -> float:
    whole = sum(variance for variance, _ in parts)
    square = sum(variance**2 / df for variance, df in parts if df)
    return whole**2 / square if square else float(min(df for _, df in parts if df))


def groups_on(evidence: Evidence, *names: str) -> list[Groups] | None:
    """The arms that were read on all of these sets, on each of them; `None` where that is too little."""
    if evidence.readings is None:
        return None
    rows = evidence.readings.filter(pl.col("benchmark").is_in(names))
    keys = list(ArmKey._fields)
    whole = rows.group_by(keys).agg(pl.col("benchmark").n_unique().alias("sets"))
    rows = rows.join(whole.filter(pl.col("sets") == len(names)), on=keys, how="semi")
    groups = [one for name in names if (one := groups_of(rows, name)) is not None]
    return groups if len(groups) == len(names) else None


def look_at_split(evidence: Evidence) -> Split | None:
    """The two gains; `None` where no arms were read on both sets, 20 problems or more of each."""
    groups = groups_on(evidence, evidence.benchmark, FRESH)
    if groups is None:
        return None
    gains = gains_of(*groups)
    share = ratio_interval(
        gains.other,
        gains.one,
        var_num=float(gains.cov[1, 1]),
        var_den=float(gains.cov[0, 0]),
        cov=float(gains.cov[0, 1]),
        df=min(gains.df[:2]),
        level=evidence.level,
    )
    share = share.model_copy(update={"n": sum(gains.sizes), "seeds": gains.seeds})
    base = [float(one.mean(BASE).mean()) for one in groups]
    return Split(gains, (base[0], base[1]), share, gains.difference(evidence.level), evidence.level)


def split_tests(found: Split | None) -> dict[str, float]:
    """The p-value of the contaminated part, by name."""
    return {} if found is None else {TEST: found.gains.p_larger}


def judge_split(found: Split | None, p: Mapping[str, float]) -> Finding:
    """The finding; `p` are Holm-corrected p-values by the names of `split_tests`."""
    if found is None:
        return Finding(
            audit=NAME,
            name=TITLE,
            question=QUESTION,
            statement=(
                f"No arms were read on {FEWEST_PROBLEMS} problems or more of both the benchmark and the "
                "fresh ones."
            ),
            outcome="not looked at",
            value=None,
            unit="share of the gain",
            decides=(
                f"titrant run --audit with {FEWEST_PROBLEMS} fresh problems or more (audit.fresh)"
            ),
        )
    outcome = _outcome(found, p[TEST])
    return Finding(
        audit=NAME,
        name=TITLE,
        question=QUESTION,
        statement=_statement(found, p[TEST]),
        outcome=outcome,
        value=found.share,
        unit="share of the gain that holds on fresh problems",
        p=p[TEST],
        plot=_plot(found),
        decides=_decides(outcome, found),
    )


def split_table(found: Split) -> FindingTable:
    """Both gains, and the parts."""
    gains, level = found.gains, found.level
    return FindingTable(
        title="The gain on the benchmark and on fresh problems",
        lead="Clean arms less the base, the same arms on both sets.",
        columns=("problems", "base", "gain", "share of the gain"),
        units=("text", "share", "points", "share"),
        rows=(
            ("benchmark", found.base[0], gains.gain(0, level), None),
            ("fresh", found.base[1], gains.gain(1, level), found.share),
            ("benchmark less fresh", found.base[0] - found.base[1], found.part, None),
        ),
    )


def _outcome(found: Split, p: float) -> Outcome:
    if found.share.estimate is None:
        return "undecided"
    if p <= alpha(found.level):
        return "alarm"
    holds = found.share.low is not None and found.share.low >= LEAST_SHARE
    is_small = found.part.high is not None and found.part.high <= MARGIN
    return "clear" if holds or is_small else "undecided"


def _statement(found: Split, p: float) -> str:
    on = [between(found.gains.gain(i, found.level), points) for i in (0, 1)]
    text = f"Of a gain of {on[0]} points on the benchmark, {on[1]} are seen on fresh problems: "
    if found.share.estimate is None:
        return text + "the gain is too little to be split."
    return (
        f"{text}a clean share of {between(found.share)}, and {between(found.part, points)} points that "
        f"do not carry over ({probability(p)})."
    )


def _decides(outcome: Outcome, found: Split) -> str:
    if found.share.estimate is None:
        return "a dose, recipe or benchmark with a gain of more than two standard errors"
    if outcome == "alarm":
        return (
            "the same gain on fresh problems that are as hard for the base: it is "
            f"{percent(found.base[0])} right on the benchmark and {percent(found.base[1])} on these"
        )
    if outcome == "clear":
        return f"a gain on fresh problems under {percent(LEAST_SHARE)} of that on the benchmark"
    return "more seeds (audit.seeds) or more fresh problems"


def _plot(found: Split) -> Plot:
    return Plot(
        title="Gain on the benchmark and on fresh problems",
        y_name="gain",
        unit="points",
        points=tuple(
            Point(label=label, y=found.gains.gain(i, found.level))
            for i, label in enumerate(("benchmark", "fresh"))
        ),
        marks={"no gain": 0.0},
    )
