"""Difficulty: how often the base solves a question, from no more answers than its band needs.

The fixed design draws n answers and puts the question into the band of s/n, s of them right. The
sequential design reads the same stream of answers and stops where the band that all n would give can be
told:

    rate of a question          p ~ Beta(a, b), fitted to the pool so far (`fit_prior`)
    after s right of d          p ~ Beta(a + s, b + d − s)
    the n − d answers to come   X ~ BetaBinomial(n − d, a + s, b + d − s)
    risk of stopping here       1 − max over bands of P(band of (s + X)/n)

Where every X leads to one band the risk is 0 (curtailment). The rule is the one of fewest expected
answers for its share of other bands: it minimises P(other band) + λ · E[answers] by backward induction,
with the largest λ whose P(other band) is at most `tolerance`. So the tolerance is kept over the whole
pool, where a bound for each stop would keep less than it may. It is a function of (s, d) and the prior
alone.

Bands: a rate on a cut belongs to the outer band, the one farther from one half (a cut of exactly one half
belongs to the band below). With the default cuts and 8 answers *hard* is 0 or 1 right, *middle* 2 to 6,
*easy* 7 or 8: one lucky guess makes nothing easier, one slip nothing harder.

Saved of 8 answers, and other bands, where the pool is as said (exact: `expect`, first look after 2
answers, tolerance 5 %):

| rates of the pool | saved | other band | with tolerance 0 |
|---|---|---|---|
| U-shaped, Beta(0.3, 0.3) | 42 % | 3.7 % | 16 % |
| uniform, Beta(1, 1) | 25 % | 0.8 % | 21 % |
| centred, Beta(2, 2) | 42 % | 4.8 % | 25 % |
| mostly hard, Beta(0.3, 3) | 56 % | 4.0 % | 14 % |
| all hard, Beta(0.1, 5) | 75 % | 3.1 % | 12 % |

With the prior fitted to 500 questions as they come, 42, 28, 37, 56 and 75 % were saved and 96 % or more
kept their band (means of 100 pools each, `benchmarks/difficulty.py`). With uniform rates no rule of this
tolerance saves more than about a third, even where it may toss coins.

Stopping early biases s/d, since a streak ends the sampling. The likelihood does not know how it was
stopped, so the rate is told as the mean and the equal-tailed interval of Beta(a + s, b + d − s); its
prior is fitted to the pool, and the interval leaves out how well that is known. A rate of exactly 0 or 1
is never inside. Never use s/d.

Truncated and unreadable answers are answers that are not right. A draw that failed (an engine's error)
is missing: it is no answer, and n is smaller by it.

Sources: curtailment is as old as sampling inspection; the beta posterior as stopping rule is that of
Adaptive-Consistency (Aggarwal et al. 2023, 2305.11860), which asks P(p > 1/2) of the two leading
answers under a uniform prior. Here the question is the band, and the pool gives the prior.
Left out: difficulty as an item parameter over several models; tokens as the cost of an answer.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln
from scipy.stats import beta as beta_distribution

from titrant.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

CUTS = (0.125, 0.875)
NO_BAND = -1
"""Of a question without an answer."""
_PRICES = np.concatenate([[0.0], np.geomspace(1e-5, 1.0, 400)])
"""λ, the price of one answer in other bands; at 0 only certainty stops."""
_LEAST_RISK = 1e-300
"""Of what is not certain, so that rounding never makes it so."""
_SPREAD = 1.5
"""Standard deviation of log(a + b) around log 2 before any answer is seen: weak, so that a handful
of questions cannot claim to know the pool."""
_LEAST_MEAN, _LOG_SIZES = 1e-5, (-3.0, 6.0)
"""Bounds of a/(a + b), and of log(a + b)."""


class Prior(NamedTuple):
    """Beta distribution of the pass rates of a pool."""

    a: float
    b: float


UNIFORM = Prior(1.0, 1.0)
JEFFREYS = Prior(0.5, 0.5)


@dataclass(frozen=True, slots=True)
class Design:
    """How many answers a question gets."""

    n: int = 8
    """Most answers per question, and those of the fixed design."""
    cuts: tuple[float, ...] = CUTS
    """Pass rates that part the bands, ascending, within (0, 1)."""
    tolerance: float | None = 0.05
    """Share of questions whose band may differ from that of all n answers; 0: stop only where it
    cannot differ; `None`: the fixed design, which never stops."""
    first: int = 2
    """Answers before the first look; then one look after each answer."""

    def __post_init__(self) -> None:
        if self.n < 1 or self.first < 1:
            raise ConfigError(
                "difficulty needs answers",
                expected="at least 1 answer per question and 1 before the first look",
                came=f"n={self.n}, first={self.first}",
                do="raise them",
            )
        if not self.cuts or not _ascend((0.0, *self.cuts, 1.0)):
            raise ConfigError(
                "signals.bands does not part pass rates",
                expected="ascending numbers above 0 and under 1, such as [0.125, 0.875]",
                came=str(list(self.cuts)),
                do="correct signals.bands",
            )
        if self.tolerance is not None and not 0 <= self.tolerance < 1:
            raise ConfigError(
                "the tolerance of difficulty is no share",
                expected="a number from 0 and under 1",
                came=str(self.tolerance),
                do="correct it",
            )


class Tally(NamedTuple):
    """What is known of each question; int64 [questions] each."""

    right: np.ndarray
    """Answers verified as right."""
    drawn: np.ndarray
    """Answers, truncated and unreadable ones among them, failed draws not."""
    failed: np.ndarray
    """Draws without an answer."""

    @classmethod
    def empty(cls, n_questions: int) -> Tally:
        """Before the first draw."""
        return cls(*np.zeros((3, n_questions), dtype=np.int64))


class Rates(NamedTuple):
    """Pass rates of questions, under the prior of their pool; each [questions]."""

    mean: np.ndarray
    """Posterior mean, float64; NaN without an answer."""
    low: np.ndarray
    """Lower end of the credible interval; NaN without an answer."""
    high: np.ndarray
    """Upper end; NaN without an answer."""
    band: np.ndarray
    """0 is the hardest; `NO_BAND` without an answer, int64. The band of s/n where all answers are
    there, else the likeliest one."""
    prior: Prior


class Rule(NamedTuple):
    """When to stop, and what is then said."""

    stops: np.ndarray
    """Whether to stop after d answers of which s are right, bool [d from 0 to n, s from 0 to n]."""
    band: np.ndarray
    """The likeliest band of all n answers, int64 [n + 1, n + 1]."""
    risk: np.ndarray
    """Probability that it is another one, float64 [n + 1, n + 1]."""


class Expectation(NamedTuple):
    """What a design costs and keeps where the pool is as its prior says."""

    answers: float
    """Expected answers per question."""
    saved: float
    """Share of the n answers that is not drawn."""
    other_band: float
    """Share of questions whose band differs from that of all n answers."""


def band_names(n_bands: int) -> tuple[str, ...]:
    """Names from the hardest on: *hard, middle, easy*, or *band 1* … for other numbers."""
    if n_bands == len(CUTS) + 1:
        return ("hard", "middle", "easy")
    return tuple(f"band {i + 1}" for i in range(n_bands))


def band_of_rate(rate: float, cuts: Sequence[float] = CUTS) -> int:
    """Index of the band that a rate stands in, 0 the hardest; see the module on rates on a cut.

    Example:
        >>> [band_of_rate(right / 8) for right in range(9)]
        [0, 0, 1, 1, 1, 1, 1, 2, 2]
    """
    return sum(rate > cut if cut <= 0.5 else rate >= cut for cut in cuts)


def fit_prior(right: np.ndarray, drawn: np.ndarray) -> Prior:
    """The Beta distribution of pass rates that makes the pool's answers likeliest.

    Maximises the beta-binomial likelihood of the sequences, which stopping rules leave as it is, plus a
    weak pull towards the uniform distribution, which is the answer where there are no answers.

    Args:
        right: right answers per question, [questions].
        drawn: answers per question, [questions]; questions without one say nothing.
    """
    pairs, counts = np.unique(np.stack([right, drawn]), axis=1, return_counts=True)
    s, d = pairs

    def loss(at: np.ndarray) -> float:
        mean, size = _mean_size(at)
        a, b = mean * size, (1 - mean) * size
        likelihood = counts @ (betaln(a + s, b + d - s) - betaln(a, b))
        pull = np.log(4 * mean * (1 - mean)) - ((at[1] - np.log(2)) / _SPREAD) ** 2 / 2
        return -float(likelihood + pull)

    start = np.array([np.log((s @ counts + 1) / ((d - s) @ counts + 1)), np.log(2)])
    edge = np.log(1 / _LEAST_MEAN - 1)
    found = minimize(loss, start, method="Nelder-Mead", bounds=[(-edge, edge), _LOG_SIZES])
    mean, size = _mean_size(found.x)
    return Prior(float(mean * size), float((1 - mean) * size))


@lru_cache(maxsize=256)
def stop_rule(design: Design, prior: Prior, n: int | None = None) -> Rule:
    """The rule of a design under a prior; a pure function.

    Args:
        design: tolerance, cuts, first look.
        prior: of the pool's pass rates.
        n: answers that there will be in the end; default: those of the design (failed draws make
            it fewer).
    """
    n = design.n if n is None else n
    band, risk = _predict(n, design.cuts, prior)
    if design.tolerance is None:
        stops = np.zeros((n + 1, n + 1), dtype=bool)
        stops[n] = True
        return Rule(stops, band, risk)
    looks = np.arange(n + 1) >= min(design.first, n)
    priced = _stops_by_price(risk, looks, prior)
    _, other = _spend(priced, risk, prior)
    return Rule(priced[np.flatnonzero(other <= design.tolerance)[-1]], band, risk)


def expect(design: Design, prior: Prior) -> Expectation:
    """What the design costs and keeps, by adding up all ways that answers can fall.

    Example:
        >>> round(expect(Design(tolerance=0.0), UNIFORM).saved, 3)
        0.214
    """
    rule = stop_rule(design, prior)
    answers, other = _spend(rule.stops[None], rule.risk, prior)
    return Expectation(float(answers[0]), 1 - float(answers[0]) / design.n, float(other[0]))


def still_open(tally: Tally, design: Design) -> np.ndarray:
    """Which questions need a further draw, bool [questions].

    The prior is fitted to all answers of the tally, so decisions depend on the pool; they are made
    between rounds, when every open question has had its draws.
    """
    prior = fit_prior(tally.right, tally.drawn)
    is_open = np.zeros(len(tally.right), dtype=bool)
    for failed, here in _by_failures(tally, design):
        rule = stop_rule(design, prior, design.n - failed)
        is_open[here] = ~rule.stops[tally.drawn[here], tally.right[here]]
    return is_open


def rates(tally: Tally, design: Design, *, confidence: float = 0.90) -> Rates:
    """Pass rates with intervals and bands; see the module docstring.

    Args:
        tally: all answers.
        design: cuts, and answers per question.
        confidence: level of the intervals.
    """
    prior = fit_prior(tally.right, tally.drawn)
    known = tally.drawn > 0
    a = np.where(known, prior.a + tally.right, np.nan)
    b = np.where(known, prior.b + tally.drawn - tally.right, np.nan)
    low, high = (
        beta_distribution.ppf(q, a, b) for q in ((1 - confidence) / 2, (1 + confidence) / 2)
    )
    band = np.full(len(known), NO_BAND, dtype=np.int64)
    for failed, here in _by_failures(tally, design):
        rule = stop_rule(design, prior, design.n - failed)
        band[here] = rule.band[tally.drawn[here], tally.right[here]]
    band[~known] = NO_BAND
    return Rates(a / (a + b), low, high, band, prior)


def _by_failures(tally: Tally, design: Design) -> list[tuple[int, np.ndarray]]:
    """Numbers of failed draws that leave an answer possible, and the questions with so many."""
    failures = (int(failed) for failed in np.unique(tally.failed) if failed < design.n)
    return [(failed, np.flatnonzero(tally.failed == failed)) for failed in failures]


def _mean_size(at: np.ndarray) -> tuple[float, float]:
    return 1 / (1 + np.exp(-at[0])), np.exp(at[1])


def _ascend(values: Sequence[float]) -> bool:
    return all(one < other for one, other in itertools.pairwise(values))


def _chance(d: int, prior: Prior) -> np.ndarray:
    """That the next answer is right after s right of d, float64 [s from 0 to d]."""
    return (prior.a + np.arange(d + 1)) / (prior.a + prior.b + d)


def _predict(n: int, cuts: tuple[float, ...], prior: Prior) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest band after s right of d and its risk, both [n + 1, n + 1]; exactly 0 if certain."""
    final = np.array([band_of_rate(s / max(n, 1), cuts) for s in range(n + 1)])
    ahead = (final[:, None] == np.arange(len(cuts) + 1)).astype(float)  # [s, bands]
    band, risk = np.zeros((n + 1, n + 1), dtype=np.int64), np.zeros((n + 1, n + 1))
    band[n] = final
    for d in range(n - 1, -1, -1):
        q = _chance(d, prior)[:, None]
        ahead = q * ahead[1:] + (1 - q) * ahead[:-1]
        band[d, : d + 1] = ahead.argmax(axis=1)
        is_certain = final[: d + 1] == final[n - d :]
        risk[d, : d + 1] = np.where(is_certain, 0.0, np.maximum(1 - ahead.max(axis=1), _LEAST_RISK))
    return band, risk


def _stops_by_price(risk: np.ndarray, looks: np.ndarray, prior: Prior) -> np.ndarray:
    """Where the best rule stops at each price of an answer, bool [prices, d, s]."""
    n = len(risk) - 1
    stops = np.zeros((len(_PRICES), n + 1, n + 1), dtype=bool)
    stops[:, n] = True
    cost = np.zeros((len(_PRICES), n + 1))
    for d in range(n - 1, -1, -1):
        q = _chance(d, prior)
        going_on = _PRICES[:, None] + q * cost[:, 1:] + (1 - q) * cost[:, :-1]
        here = risk[d, : d + 1]
        stops[:, d, : d + 1] = looks[d] & (here <= going_on)
        cost = np.where(stops[:, d, : d + 1], here, going_on)
    return stops


def _spend(stops: np.ndarray, risk: np.ndarray, prior: Prior) -> tuple[np.ndarray, np.ndarray]:
    """Expected answers and P(other band) of each of some rules, [rules]; `stops` is [rules, d, s]."""
    n = len(risk) - 1
    reached = np.ones((len(stops), 1))
    answers, other = np.zeros(len(stops)), np.zeros(len(stops))
    for d in range(n + 1):
        ended = np.where(stops[:, d, : d + 1], reached, 0.0)
        answers += d * ended.sum(axis=1)
        other += ended @ risk[d, : d + 1]
        q, going = _chance(d, prior), reached - ended
        reached = np.pad(going * (1 - q), ((0, 0), (0, 1))) + np.pad(going * q, ((0, 0), (1, 0)))
    return answers, other
