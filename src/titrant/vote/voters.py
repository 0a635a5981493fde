"""How draws of one question become one answer: majority, weights, filters, ranks.

A draw votes for the group of its answer (`equal`); one without an answer has no vote, and stays in the
count of draws. With C_t the signal of draw t, high is better:

- *majority*: every vote counts 1.
- *weighted* (DeepConf): V(a) = Σ_t C_t · 1[answer of t is a]. C_t must not be negative.
- *filtered at η* (DeepConf): only draws with C_t ≥ the (100 − η)th percentile, by linear interpolation
  between order statistics; ties are kept. η is the share to keep in percent: 10 keeps the best tenth. The
  percentile is over the draws that have an answer. The kept are weighted, or counted.
- *Borda* (Kang et al. 2025): the draw of rank r among N that answered weighs (N − r + 1)^p, rank 1 is the
  best; p = 0 is majority.
- *CISC* (Taubenfeld et al. 2025): weights softmax(C / T) over the question's draws that answered.
- *best*: the answer of the draw with the highest signal.
- *shortest* k: majority of the k shortest draws that answered: the control of every signal that merely
  knows length.

Ties go to the group that was drawn first. A draw whose signal is NaN has no vote where the signal counts.
Source: Fu et al. 2025 (arXiv 2508.15260) §3; where the published code differs: it votes over strings, and
its default overwrites the weighted answer with the unweighted majority of the kept draws.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np

from titrant.errors import DataError, check_setting
from titrant.vote.equal import NO_ANSWER

How = Literal["majority", "weighted", "count", "borda", "cisc", "best", "shortest"]
NEEDS_SIGNAL = frozenset({"weighted", "count", "borda", "cisc", "best"})


class Voter(NamedTuple):
    """A way to vote."""

    how: How = "majority"
    signal: str | None = None
    """What weighs or filters; `None` for majority and shortest."""
    eta: float = 100.0
    """Share of draws that vote, in percent (η); of `weighted` and `count`."""
    power: float = 0.5
    """Exponent of `borda`; the published script's default."""
    temperature: float = 1.0
    """Of `cisc`, in units of the signal."""
    k: int = 5
    """Draws of `shortest`."""

    @property
    def text(self) -> str:
        """The name in tables: "weighted confidence-tail@10"."""
        more = {
            "weighted": "" if self.eta == 100 else f"@{self.eta:g}",
            "count": "" if self.eta == 100 else f"@{self.eta:g}",
            "borda": f"^{self.power:g}",
            "cisc": f"/{self.temperature:g}",
            "shortest": f" {self.k}",
        }.get(self.how, "")
        return " ".join(part for part in (self.how, self.signal) if part) + more


class Tally(NamedTuple):
    """What votes decided, one per row."""

    group: np.ndarray
    """The winner; −1 where nobody voted; int64 [rows]."""
    share: np.ndarray
    """Its part of all votes; NaN where nobody voted; float64 [rows]."""
    n_votes: np.ndarray
    """Draws that voted; int64 [rows]."""


def check_voter(voter: Voter) -> None:
    """Refuse a way to vote that cannot be.

    Raises:
        ConfigError: an unknown way, a missing signal, or a number out of its range.
    """
    known, needs = get_args(How), voter.how in NEEDS_SIGNAL
    _within("how", voter.how, f"one of {', '.join(known)}", voter.how in known)
    wanted = "that names one" if needs else "of None"
    _within("signal", voter.signal, f"{wanted}, for {voter.how}", (voter.signal is None) != needs)
    _within("eta", voter.eta, "in percent, over 0 and at most 100", 0 < voter.eta <= 100)
    _within("power", voter.power, "of at least 0", voter.power >= 0)
    _within("temperature", voter.temperature, "over 0", voter.temperature > 0)
    _within("k", voter.k, "of at least 1", voter.k >= 1)


def _within(name: str, came: object, expected: str, is_fine: bool) -> None:  # noqa: FBT001
    check_setting("a vote", name, came, expected, is_fine=is_fine)


TIE = 1e-4
"""Signals that are no further apart than this are equal (most are in nats). The same text drawn in another
batch or by another engine differs by 1e-6 to 1e-4, and models write the same text often: without this,
rounding decides which of equal draws stands over a percentile."""


def threshold(signal: np.ndarray, eta: float) -> np.ndarray:
    """The least signal of each row that is kept, float64 [rows]; NaN for a row without any number.

    The (100 − eta)th percentile, interpolated linearly between neighbours in order.

    Args:
        signal: float [rows, draws]; NaN is left out.
        eta: share to keep, in percent.

    Example:
        Of 16 different values the best tenth is 2 of them, the best nine tenths 14.

        >>> values = np.arange(16.0)[None]
        >>> [int((values >= threshold(values, eta)[:, None]).sum()) for eta in (10, 90)]
        [2, 14]
    """
    values = np.sort(np.where(np.isfinite(signal), signal, np.nan), axis=1)  # NaN comes last
    last = np.isfinite(values).sum(axis=1) - 1
    at = (100 - eta) / 100 * last.clip(min=0)
    rows, below = np.arange(len(values)), np.floor(at).astype(np.int64)
    low, high = values[rows, below], values[rows, np.minimum(below + 1, last.clip(min=0))]
    part = at - below
    # From the nearer side, as numpy does it, so that a rank that is whole gives the value itself.
    near = np.where(part < 0.5, low + (high - low) * part, high - (high - low) * (1 - part))
    return np.where(last >= 0, near, np.nan)


def weights_of(
    voter: Voter, group: np.ndarray, signal: np.ndarray | None, n_tokens: np.ndarray
) -> np.ndarray:
    """The weight of each draw's vote, float64 [rows, draws]; NaN where it has none.

    Args:
        voter: the way.
        group: of each draw's answer, −1 without one; int [rows, draws], a row per question.
        signal: high is better, float [rows, draws]; `None` where the way needs none.
        n_tokens: generated tokens, int [rows, draws].

    Raises:
        DataError: a weight would be negative.
    """
    has_answer = group != NO_ANSWER
    if voter.how == "shortest":
        place = _places(np.where(has_answer, n_tokens, np.inf))
        return np.where(has_answer & (place < voter.k), 1.0, np.nan)
    if signal is None:
        return np.where(has_answer, 1.0, np.nan)
    values = np.where(has_answer & np.isfinite(signal), signal, np.nan)
    if voter.how in {"weighted", "count"}:
        return _filtered(voter, values)
    return _ranked(voter, values)


def _filtered(voter: Voter, values: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # NaN is under no threshold and over none
        kept = values >= threshold(values, voter.eta)[:, None] - TIE
        lowest = np.min(values[kept], initial=np.inf)
    if voter.how == "count":
        return np.where(kept, 1.0, np.nan)
    if lowest < 0:
        raise DataError(
            f"the signal {voter.signal} cannot weigh votes",
            expected="weights of at least 0",
            came=f"{lowest:.4g}",
            do=f"count what it keeps (count {voter.signal}@10), or rank by it (borda {voter.signal})",
        )
    return np.where(kept, values, np.nan)


def _ranked(voter: Voter, values: np.ndarray) -> np.ndarray:
    is_known = np.isfinite(values)
    place = _places(np.where(is_known, -values, np.inf))
    if voter.how == "best":
        return np.where(is_known & (place == 0), 1.0, np.nan)
    if voter.how == "borda":
        n = is_known.sum(axis=1, keepdims=True)
        return np.where(is_known, (n - place).clip(min=0).astype(float) ** voter.power, np.nan)
    top = np.max(values, axis=1, keepdims=True, where=is_known, initial=-np.inf)
    lifted = np.where(is_known, np.exp((values - top) / voter.temperature), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(is_known, lifted / lifted.sum(axis=1, keepdims=True), np.nan)


def _places(values: np.ndarray) -> np.ndarray:
    """How many values of its row stand before each, in rising order; of equal ones the first first."""
    order = np.argsort(values, axis=1, kind="stable")
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(values.shape[1])[None], axis=1)
    return place


def vote(
    voter: Voter,
    group: np.ndarray,
    signal: np.ndarray | None = None,
    n_tokens: np.ndarray | None = None,
) -> Tally:
    """Decide among the draws of each row; arguments as in `weights_of`.

    Raises:
        ConfigError: the way makes no sense (`check_voter`).
        DataError: a weight would be negative, or the signal is missing.

    Example:
        >>> group, signal = np.array([[0, 1, 1]]), np.array([[9.0, 2.0, 3.0]])
        >>> found = vote(Voter("weighted", "confidence"), group, signal)
        >>> int(found.group[0]), round(float(found.share[0]), 3), int(found.n_votes[0])
        (0, 0.643, 3)
    """
    check_voter(voter)
    if voter.signal is not None and signal is None:
        raise DataError(
            f"the vote {voter.text} needs its signal",
            expected=f"{voter.signal} of each draw",
            came="none",
            do="give it, or vote by majority",
        )
    lengths = np.zeros(group.shape, dtype=np.int64) if n_tokens is None else n_tokens
    return tally(group, weights_of(voter, group, signal, lengths))


def tally(group: np.ndarray, weights: np.ndarray) -> Tally:
    """Sum up votes; NaN weighs nothing and is no vote. [rows, draws] each."""
    n_rows, n_groups = len(group), int(group.max(initial=-1)) + 1
    rows, draws = np.nonzero(np.isfinite(weights) & (group != NO_ANSWER))
    at = rows * max(n_groups, 1) + group[rows, draws]
    shape = (n_rows, max(n_groups, 1))
    votes = np.bincount(at, weights[rows, draws], minlength=shape[0] * shape[1]).reshape(shape)
    first = np.full(shape[0] * shape[1], group.shape[1])
    np.minimum.at(first, at, draws)
    first = first.reshape(shape)
    n_votes = np.bincount(rows, minlength=n_rows)
    total, top = votes.sum(axis=1), votes.max(axis=1, keepdims=True)
    is_top = (votes >= top - 1e-12) & (first < group.shape[1])
    winner = np.where(is_top, first, group.shape[1]).argmin(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(n_votes > 0, top[:, 0] / total, np.nan)
    return Tally(np.where(n_votes > 0, winner, NO_ANSWER), share, n_votes)
