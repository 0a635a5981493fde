"""When enough draws of a question have been made: the rules, and what decides in each.

A rule sees the draws of a question one after the other and says when to stop. With a and b the counts of
the two commonest answers:

- `Fixed`: n draws, then the majority.
- `Adaptive` (Adaptive-Consistency; Aggarwal et al. 2023, arXiv 2305.11860): stop when
  P(Beta(a + 1, b + 1) > ½) ≥ 0.95, which takes 4–0, 6–1, 8–2, 9–3, 11–4 …; at most 40 draws.
- `Esc` (Li et al. 2024): draws come in windows of w; stop when one window is unanimous. A draw without an
  answer breaks unanimity.
- `DeepConf` (Fu et al. 2025, arXiv 2508.15260, §3): `warmup` draws run to their end; the bar is the
  (100 − η)th percentile of their lowest group confidences, and those at or over it vote. Later draws end
  as soon as a full window's confidence is under the bar, and then have no vote; those that complete vote
  with their lowest group confidence for weight. Stop when the leader's share of the votes is τ or more
  *and* at least `min_votes` have voted, or when the budget of draws is spent.

Where `DeepConf` here differs from the published code: τ is applied (there it occurs nowhere, so nothing is
saved by consensus); a guard of `min_votes` stands beside it, since with η = 10 two of 16 warm-ups vote and
their agreement alone would be a consensus of 100 %; the answer is the weighted vote's. Warm-ups that were
cut or cannot be read set the bar with the others and have no vote. Where nobody has voted in the end, the
answer is the majority of all draws that ran to their end, and is reported as fallen back.

The budget counts draws that were started, whatever became of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betainc

from titrant.errors import check_setting

if TYPE_CHECKING:
    from titrant.settings import SampleSettings
    from titrant.vote.walks import Walks

MIN_VOTES = 4
"""Four votes for one answer and none for another are the fewest for which Adaptive-Consistency's
posterior is over 0.95."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always the same number of draws."""

    budget: int = 64
    """Draws per question."""

    has_bar = False
    warmup = 0

    @property
    def text(self) -> str:
        """The name in tables."""
        return f"fixed {self.budget}"

    def block(self, n_drawn: int, width: int) -> int:
        """How many draws to make next, all of them at the start."""
        del n_drawn, width
        return self.budget

    def settled(self, walks: Walks, rows: np.ndarray) -> np.ndarray:
        """Never before the budget is spent; bool [rows]."""
        del walks
        return np.zeros(len(rows), dtype=bool)


@dataclass(frozen=True, slots=True)
class Adaptive:
    """Adaptive-Consistency, with the Beta posterior."""

    budget: int = 40
    """Draws at most."""
    confidence: float = 0.95
    """Posterior probability that the leader is the commonest answer of the two."""

    has_bar = False
    warmup = 0

    @property
    def text(self) -> str:
        """The name in tables."""
        return f"adaptive {self.confidence:g}"

    def block(self, n_drawn: int, width: int) -> int:
        """First as many as can settle it when all agree; then `width` at a time."""
        alike = np.arange(1, self.budget + 1)
        first = int(np.argmax(beta_lead(alike, np.zeros(len(alike))) >= self.confidence)) + 1
        return width if n_drawn else max(first, width)

    def settled(self, walks: Walks, rows: np.ndarray) -> np.ndarray:
        """Where the posterior is sure enough; bool [rows]."""
        first, second = walks.leaders(rows)
        return (first > 0) & (beta_lead(first, second) >= self.confidence)


@dataclass(frozen=True, slots=True)
class Esc:
    """Early-stopping self-consistency: a unanimous window ends it."""

    budget: int = 40
    """Draws at most; a last window may be shorter."""
    window: int = 5
    """Draws that must agree."""

    has_bar = False
    warmup = 0

    @property
    def text(self) -> str:
        """The name in tables."""
        return f"esc {self.window}"

    def block(self, n_drawn: int, width: int) -> int:
        """Up to the end of the window, and as many whole windows as the width holds."""
        return self.window * max(1, width // self.window) - n_drawn % self.window

    def settled(self, walks: Walks, rows: np.ndarray) -> np.ndarray:
        """Where the window that is just complete is unanimous; bool [rows]."""
        drawn = walks.n_drawn[rows]
        is_full = (drawn > 0) & (drawn % self.window == 0)
        return is_full & (walks.run_length(rows) >= self.window)


@dataclass(frozen=True, slots=True)
class DeepConf:
    """DeepConf online."""

    budget: int = 64
    """Draws that may be started."""
    eta: float = 90.0
    """η: the share of warm-ups, in percent, that lie at or over the bar; 90 is "high", 10 is "low"."""
    tau: float = 0.95
    """Share of the votes that settles it; over 1: consensus never does."""
    warmup: int = 16
    """Draws that run to their end and set the bar."""
    min_votes: int = MIN_VOTES
    """Votes without which a consensus does not count; 1: as in the paper."""

    has_bar = True

    @property
    def text(self) -> str:
        """The name in tables."""
        known = {90.0: "deepconf-high", 10.0: "deepconf-low"}
        name = known.get(self.eta, f"deepconf@{self.eta:g}")
        return name if self.tau <= 1 else f"{name}, no τ"

    def block(self, n_drawn: int, width: int) -> int:
        """The warm-ups together, since none of them waits for a bar; then `width` at a time."""
        return max(self.warmup - n_drawn, 0) or width

    def settled(self, walks: Walks, rows: np.ndarray) -> np.ndarray:
        """Where the leader's share and the number of votes suffice; bool [rows]."""
        share = walks.leader_share(rows)
        with np.errstate(invalid="ignore"):  # NaN where nobody voted
            is_agreed = share >= self.tau - 1e-12
        past = walks.n_drawn[rows] >= self.warmup
        return past & is_agreed & (walks.n_votes[rows] >= self.min_votes)


Rule = Fixed | Adaptive | Esc | DeepConf


def rule_of(settings: SampleSettings) -> Rule:
    """The rule that the settings name.

    Raises:
        ConfigError: a number does not fit the others.

    Example:
        >>> from titrant.settings import SampleSettings
        >>> rule_of(SampleSettings(rule="deepconf-low", budget=32)).text
        'deepconf-low'
    """
    eta = {"deepconf-high": 90.0, "deepconf-low": 10.0}.get(settings.rule)
    rule: Rule = Fixed(settings.budget)
    if settings.rule == "adaptive":
        rule = Adaptive(settings.budget, settings.confidence)
    elif settings.rule == "esc":
        rule = Esc(settings.budget, settings.agree)
    elif eta is not None:
        eta = eta if settings.eta is None else settings.eta
        rule = DeepConf(settings.budget, eta, settings.tau, settings.warmup, settings.min_votes)
    check_rule(rule)
    return rule


def beta_lead(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """P(Beta(first + 1, second + 1) > ½), float64.

    Example:
        >>> beta_lead(np.array([3, 4, 6, 5]), np.array([0, 0, 1, 1])).round(4)
        array([0.9375, 0.9688, 0.9648, 0.9375])
    """
    return betainc(np.asarray(second) + 1.0, np.asarray(first) + 1.0, 0.5)


def check_rule(rule: Rule) -> None:
    """Refuse a rule that cannot be.

    Raises:
        ConfigError: a number lies outside its range.
    """
    _within("budget", rule.budget, "at least 1", rule.budget >= 1)
    if isinstance(rule, Adaptive):
        _within("confidence", rule.confidence, "in (0.5, 1)", 0.5 < rule.confidence < 1)
    if isinstance(rule, Esc):
        _within("window", rule.window, "at least 2", rule.window >= 2)
    if isinstance(rule, DeepConf):
        _within("eta", rule.eta, "over 0, at most 100 (percent)", 0 < rule.eta <= 100)
        _within("tau", rule.tau, "over 0", rule.tau > 0)
        _within("min_votes", rule.min_votes, "at least 1", rule.min_votes >= 1)
        fits = f"at least 1, at most the budget of {rule.budget}"
        do = f"give a budget of {rule.warmup} or more, or set a smaller sample.warmup"
        _within("warmup", rule.warmup, fits, 1 <= rule.warmup <= rule.budget, do)


def _within(name: str, came: object, expected: str, is_fine: bool, do: str = "") -> None:  # noqa: FBT001
    check_setting("a stopping rule", name, came, expected, is_fine=is_fine, do=do)
