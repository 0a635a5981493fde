"""What every strategy must hold to, as checks that can be run on any of them by name.

    from titrant.testing.strategies import check_strategy
    check_strategy("confidence+coverage@1~length")

The numbers that a strategy reads are made up (`MadeScores`): a hash of what they are about. Each check
raises AssertionError with the fact that does not hold. Left out: whether a strategy is any good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.seeds import derive, derive_rng
from titrant.select.rank import draw_of, find_strategy, needs_of
from titrant.select.rank import rank as rank_pool
from titrant.traces.record import Trace, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from titrant.select.rank import Ranking

N_TRACES, N_QUESTIONS = 60, 13
WIDTH = 5
"""Of made hidden states."""
MOST = 2**63


class StrategyCheck(NamedTuple):
    """One fact that a strategy must hold to."""

    name: str
    run: Callable[[str], None]


@dataclass(frozen=True)
class MadeScores:
    """Numbers that depend on what they are about and on nothing else; a `Scores`.

    Pass rates are eighths, ratios lie on both sides of 1, all else in [0, 1).
    """

    missing: frozenset[str] = frozenset()
    """Uids and qids about which nothing is known."""

    def signal(self, name: str, uids: Sequence[str]) -> np.ndarray:
        """See `Scores`."""
        values = np.array([derive(0, name, uid) / MOST for uid in uids])
        if name == "difficulty":
            values = np.round(values * 8) / 8
        if name.startswith("ifd"):
            values = values * 1.25
        values[[uid in self.missing for uid in uids]] = np.nan
        return values

    def hidden(self, uids: Sequence[str]) -> np.ndarray:
        """See `Scores`."""
        rows = [derive_rng(0, "hidden", uid).normal(size=WIDTH) for uid in uids]
        states = np.array(rows, dtype=np.float32).reshape(-1, WIDTH)
        states[[uid in self.missing for uid in uids]] = np.nan
        return states

    def history(self, qids: Sequence[str]) -> list[np.ndarray]:
        """See `Scores`; histories are of different lengths."""
        return [np.zeros(0) if qid in self.missing else _accuracies(qid) for qid in qids]


def _accuracies(qid: str) -> np.ndarray:
    rng = derive_rng(0, "history", qid)
    return np.round(rng.random(3 + int(rng.integers(4))) * 8) / 8


def made_pool(
    n: int = N_TRACES, *, domains: Sequence[str] = ("algebra", "geometry", "")
) -> list[Trace]:
    """Traces that differ in length, question, source, domain and verdict."""
    verdicts = (Verdict.CORRECT, Verdict.WRONG, None, Verdict.CORRECT, Verdict.TRUNCATED)
    return [
        Trace(
            uid=f"{derive(0, 'uid', i) % 16**8:08x}",
            qid=f"q{i % N_QUESTIONS:02d}",
            question=f"What is {i % N_QUESTIONS} + 1?",
            thinking="Let me check. Perhaps so, therefore it is. " * (1 + i * i % 17),
            answer_text=str(i),
            verdict=verdicts[i % len(verdicts)],
            source=f"source {i % 3}",
            domain=domains[i % len(domains)],
            n_tokens=5 + i * i % 17,
        )
        for i in range(n)
    ]


def check_strategy(name: str) -> None:
    """Run all checks.

    Raises:
        AssertionError: the strategy breaks the contract; the text says where.
        ConfigError: there is no such strategy.
    """
    for check in STRATEGY_CHECKS:
        check.run(name)


def check_every_trace_stands_once(name: str) -> None:
    """A ranking is of the whole pool, whatever its size, and gives a reason for each row."""
    for n in (0, 1, 2, 7, N_TRACES):
        pool = made_pool(n)
        ranking = _ranked(pool, name)
        uids = sorted(row.uid for row in ranking.rows)
        _hold(uids == sorted(t.uid for t in pool), f"not every one of {n} traces stands once")
        _hold([row.rank for row in ranking.rows] == list(range(1, n + 1)), "ranks are not 1 … n")
        _hold(all(row.reason.strip() for row in ranking.rows), "a row has no reason")


def check_the_pools_order_does_not_matter(name: str) -> None:
    """Ties break by uid, chance goes by uid."""
    pool = made_pool()
    shuffled = [pool[i] for i in derive_rng(0, "shuffle").permutation(len(pool))]
    _hold(_ranked(pool, name) == _ranked(shuffled, name), "the order depends on the pool's order")


def check_equal_numbers_are_no_matter(name: str) -> None:
    """A pool whose traces differ in nothing but their uid can be ranked."""
    pool = [trace.model_copy(update={"qid": "q", "n_tokens": 3}) for trace in made_pool()]
    _hold(len(_ranked(pool, name).rows) == len(pool), "equal traces are not all ranked")


def check_same_seed_same_ranking(name: str) -> None:
    """A ranking can be made anew."""
    pool = made_pool()
    for draw in (0, 3):
        first, again = (_ranked(pool, name, root=5, draw=draw) for _ in range(2))
        _hold(first == again, "the same seeds gave another ranking")


def check_draws_are_as_declared(name: str) -> None:
    """With chance, draws and roots differ; without it, nothing depends on them."""
    pool, draws = made_pool(), find_strategy(name).draws
    keys = [(root, draw) for root in (0, 1) for draw in (0, 1, 2)]
    orders = {_ranked(pool, name, root=root, draw=draw).subset(len(pool)) for root, draw in keys}
    if draws:
        _hold(len(orders) == len(keys), f"{len(keys)} draws gave {len(orders)} orders")
    else:
        _hold(len(orders) == 1, "it depends on the draw, and says that it draws nothing")
    _hold(draw_of(name, 4) == (4 if draws else 0), "an arm's draw is not as declared")


def check_subsets_are_nested(name: str) -> None:
    """A smaller dose is a prefix of a larger one."""
    ranking = _ranked(made_pool(), name)
    for small, large in ((0, 1), (1, 16), (16, 33), (33, N_TRACES)):
        _hold(ranking.subset(large)[:small] == ranking.subset(small), "subsets are not nested")


def check_what_is_not_scored_comes_last(name: str) -> None:
    """Missing is not 0: a trace about which nothing is known stands at the end and says so.

    A control has no order of its own to hold to, and a strategy without needs has nothing to miss.
    """
    if not needs_of(name) or find_strategy(name).name.control is not None:
        return
    pool = made_pool()
    lost = {pool[i].uid for i in (3, 21, 40)}
    pool = [t.model_copy(update={"qid": f"of {t.uid}"}) if t.uid in lost else t for t in pool]
    missing = frozenset(lost | {f"of {uid}" for uid in lost})
    rows = rank_pool(pool, strategy=name, root=0, draw=0, scores=MadeScores(missing)).rows
    _hold({row.uid for row in rows[-len(lost) :]} == lost, "traces not scored do not come last")
    for row in rows:
        is_said = row.reason.startswith("not scored")
        _hold(is_said == (row.uid in lost), f"the reason {row.reason!r} of {row.uid}")


def check_pools_without_domain_or_source(name: str) -> None:
    """A column that the pool has not is one value, and no error."""
    pool = [trace.model_copy(update={"source": ""}) for trace in made_pool(domains=("",))]
    _hold(len(_ranked(pool, name).rows) == len(pool), "not every trace is ranked")


def check_its_name_can_name_a_file(name: str) -> None:
    """Rankings and arms carry the strategy's name as files and folders."""
    strange = set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789-+@~")
    _hold(not strange and name == find_strategy(name).name.text, f"{strange} in the name")


STRATEGY_CHECKS = tuple(
    StrategyCheck(run.__name__.removeprefix("check_"), run)
    for run in (
        check_every_trace_stands_once,
        check_the_pools_order_does_not_matter,
        check_equal_numbers_are_no_matter,
        check_same_seed_same_ranking,
        check_draws_are_as_declared,
        check_subsets_are_nested,
        check_what_is_not_scored_comes_last,
        check_pools_without_domain_or_source,
        check_its_name_can_name_a_file,
    )
)
"""All checks of the contract, by name."""


def _ranked(pool: Sequence[Trace], name: str, *, root: int = 0, draw: int = 0) -> Ranking:
    return rank_pool(pool, strategy=name, root=root, draw=draw, scores=MadeScores())


def _hold(holds: bool, fact: str) -> None:  # noqa: FBT001
    """An assertion that python -O keeps."""
    if not holds:
        raise AssertionError(fact)
