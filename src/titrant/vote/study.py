"""Everything that a log of draws can tell: votes, stopping rules, signals, as one plain record.

It is about draws that ran to their end or to the limit. In a log of an online run others were stopped or
cancelled; it has lost what a replay would need, and the rest of its draws is voted on, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.errors import ConfigError, DataError
from titrant.registry import nearest
from titrant.vote.compare import Comparing
from titrant.vote.findings import Point, SignalRow, Span, Study, VoteRow
from titrant.vote.passk import best_of, pass_at
from titrant.vote.replay import RESAMPLES, make_orders, replay_rule, replay_vote
from titrant.vote.rules import Adaptive, DeepConf, Esc
from titrant.vote.voters import Voter
from titrant.vote.within import auroc_difference, auroc_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from titrant.vote.compare import Bounds, Compared, CurvePoint
    from titrant.vote.logs.log import DrawLog
    from titrant.vote.replay import Orders
    from titrant.vote.rules import Rule

BASELINE = "confidence"
"""The signal that others are compared with: the mean of a draw's token confidences."""
ETAS = (10.0, 50.0, 90.0)


class Wish(NamedTuple):
    """What is to be compared."""

    budget: int | None = None
    """Draws per question; `None`: as many as nine in ten questions have, at least 2. Questions with fewer
    are left out."""
    signals: tuple[str, ...] = ()
    """Of votes; empty: all that the log has."""
    etas: tuple[float, ...] = ETAS
    """η, in percent."""
    with_rules: bool = False
    """Whether stopping rules are replayed too."""
    warmup: int = 16
    tau: float = 0.95
    min_votes: int = 4
    resamples: int = RESAMPLES
    level: float = 0.9
    seed: int = 0


def study(
    log: DrawLog, wish: Wish, *, progress: Callable[[str, int, int], None] | None = None
) -> Study:
    """Compare votes, and rules where they are wished for.

    Args:
        log: the draws.
        wish: what is to be compared.
        progress: called with (what, done, all).

    Raises:
        ConfigError: a signal is unknown, or no question has as many draws as the budget.
        DataError: there is no gold answer, so nothing can be compared.
    """
    if not (log.verdict != "").any():
        raise DataError(
            "nothing can be compared: no draw has a verdict",
            expected="problems with gold answers",
            came="none",
            do="give the problems' gold answers; the votes themselves stand in answers.parquet",
        )
    names = _signals(log, wish.signals)
    n_all, n_draws = len(log), len(log.group)
    log = log.whole()
    n_whole = len(log.group)
    budget = wish.budget or usual_draws(log)
    log = with_draws(log, budget)
    orders = make_orders(log, budget=budget, resamples=wish.resamples, seed=wish.seed)
    comparing = Comparing(log, orders, confidence=wish.level, seed=wish.seed)
    return Study(
        questions=len(log),
        left_out=n_all - len(log),
        draws=len(log.group),
        not_whole=n_draws - n_whole,
        budget=budget,
        resamples=wish.resamples,
        level=wish.level,
        window=log.window,
        accuracy=_span(comparing.one_draw()),
        truncated=float((log.verdict == "truncated").mean()),
        unreadable=float((log.verdict == "unreadable").mean()),
        tokens=float(log.n_tokens.mean()),
        curve=tuple(_point(point, log) for point in comparing.curve()),
        rows=tuple(_rows(log, orders, comparing, names, wish, progress)),
        signals=tuple(_signal_row(name, log, wish) for name in names),
        best_of={name: _best(log, name, budget) for name in names},
        shorter_is_right=_within(-log.n_tokens.astype(float), log, wish),
        not_compared=tuple(not_compared(log, budget, wish)) if wish.with_rules else (),
    )


def _rows(
    log: DrawLog,
    orders: Orders,
    comparing: Comparing,
    names: Sequence[str],
    wish: Wish,
    progress: Callable[[str, int, int], None] | None,
) -> Iterator[VoteRow]:
    """Every vote, and where wished for every rule, against majority."""
    budget = orders.shape[2]
    jobs = [*voters_of(log, names, wish.etas)]
    jobs += rules_of(log, budget, wish) if wish.with_rules else []
    for i, job in enumerate(jobs):
        if isinstance(job, Voter):
            yield _row(comparing.row(replay_vote(log, orders, job)), "vote", job.signal)
        else:
            rule, signal, kind = job
            found = replay_rule(log, orders, rule, signal=signal, is_control=kind == "control")
            yield _row(comparing.row(found), kind, signal)
        if progress:
            progress("comparing", i + 1, len(jobs))


def usual_draws(log: DrawLog) -> int:
    """As many draws as nine in ten questions have, at least 2."""
    return max(2, int(np.quantile(log.draws, 0.1, method="lower")))


def with_draws(log: DrawLog, budget: int) -> DrawLog:
    """The questions that have at least so many draws.

    Raises:
        ConfigError: none has.
    """
    kept = log.draws >= budget
    if kept.any():
        return log if kept.all() else log.only(kept)
    most = int(log.draws.max(initial=0))
    raise ConfigError(
        f"no question has {budget} draws",
        expected=f"at most {most} draws per question, as many as the log has of one",
        came=str(budget),
        do=f"set the budget to {most}, or draw more",
    )


def voters_of(log: DrawLog, names: Sequence[str], etas: Sequence[float]) -> list[Voter]:
    """Every way to vote that the log allows: majority, shortest, and for each signal all its ways."""
    found = [Voter(), Voter("shortest", k=1), Voter("shortest", k=5)]
    for name in names:
        values = log.signals[name]
        can_weigh = not (values < 0).any()
        how = "weighted" if can_weigh else "count"
        found += [Voter("weighted", name)] if can_weigh else []
        found += [Voter(how, name, eta=eta) for eta in etas]
        found += [Voter("borda", name), Voter("cisc", name), Voter("best", name)]
    return found


def rules_of(log: DrawLog, budget: int, wish: Wish) -> list[tuple[Rule, str | None, str]]:
    """Every stopping rule with its signal, and the control of each that stops draws."""
    found: list[tuple[Rule, str | None, str]] = [
        (Adaptive(budget), None, "rule"),
        (Esc(budget), None, "rule"),
    ]
    if wish.warmup >= budget:
        return found
    for signal in log.lows:
        for eta in wish.etas:
            for tau in (wish.tau, 2.0):
                rule = DeepConf(budget, eta, tau, wish.warmup, wish.min_votes)
                found += [(rule, signal, "rule"), (rule, signal, "control")]
    return found


def not_compared(log: DrawLog, budget: int, wish: Wish) -> list[str]:
    """Why rules that were wished for are not among `rules_of`."""
    if wish.warmup >= budget:
        return [
            f"no deepconf rule is replayed: after {wish.warmup} warm-ups none of a question's {budget} draws "
            f"is left to be stopped (--warmup {max(1, budget // 4)} would do)"
        ]
    if not log.lows:
        return [
            "no deepconf rule is replayed: it stops a draw by the numbers of its tokens, and there are none "
            "here"
        ]
    return []


def _signals(log: DrawLog, asked: Sequence[str]) -> list[str]:
    known = [name for name, values in log.signals.items() if np.isfinite(values).any()]
    for name in asked:
        if name not in known:
            raise ConfigError(
                f"these draws have no signal '{name}'", do=nearest(name, known or ["none"])
            )
    return list(asked) or known


def _row(row: Compared, kind: str, signal: str | None) -> VoteRow:
    spans = {
        name: _span(getattr(row, name)) for name in ("accuracy", "saved", "loss", "at_equal_tokens")
    }
    rest = ("name", "tokens", "drawn", "stopped", "loss_bound", "unanswered", "fell_back")
    return VoteRow(
        kind=kind, signal=signal or "", **spans, **{name: getattr(row, name) for name in rest}
    )


def _span(bounds: Bounds) -> Span:
    return Span(estimate=_known(bounds.estimate), low=_known(bounds.low), high=_known(bounds.high))


def _point(point: CurvePoint, log: DrawLog) -> Point:
    passed = pass_at(log.draws, log.n_right(), point.draws)
    return Point(
        draws=point.draws,
        tokens=point.tokens,
        accuracy=_span(point.accuracy),
        pass_at=float(passed.mean()),
    )


def _signal_row(name: str, log: DrawLog, wish: Wish) -> SignalRow:
    values, nothing = log.signals[name], Span(estimate=None, low=None, high=None)
    against = nothing
    if BASELINE in log.signals and name != BASELINE:
        gap = auroc_difference(
            values, log.signals[BASELINE], log, confidence=wish.level, seed=wish.seed
        )
        against = Span(estimate=_known(gap.estimate), low=_known(gap.low), high=_known(gap.high))
    return SignalRow(
        name=name,
        auroc=_within(values, log, wish),
        against_mean=against,
        known=float(np.isfinite(values).mean()),
    )


def _within(values: np.ndarray, log: DrawLog, wish: Wish) -> Span:
    found = auroc_within(values, log, confidence=wish.level, seed=wish.seed)
    return Span(estimate=_known(found.auroc), low=_known(found.low), high=_known(found.high))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _best(log: DrawLog, name: str, k: int) -> float:
    values = log.signals[name]
    found = [
        best_of(values[a:b], log.is_right[a:b], k)
        for a, b in zip(log.offsets[:-1], log.offsets[1:], strict=True)
    ]
    return float(np.mean(found))
