"""The ledger: what ranking the pool cost each strategy, and whether that pays.

A strategy is charged for every number that it reads, each with the whole of the pass that it comes
from, as if it were the only strategy; so costs of several strategies do not add up to what the run spent.
What a history or a score from elsewhere cost is not known here, so nothing is said of whether it pays.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from titrant.dose.curve.endpoint import Interval
from titrant.dose.payoff import Payoff, Subsets, payoff, saving_range
from titrant.estimate import Estimate
from titrant.report.answer import Selection
from titrant.run.input.prepare import row_tokens
from titrant.run.input.scale import counts_questions
from titrant.run.scores.ranked import ensure_ranking
from titrant.run.scores.wanted import HIDDEN
from titrant.select.rank import draw_of, first_of_questions, needs_of, read_ranking
from titrant.signals.meta import SignalCost

if TYPE_CHECKING:
    from titrant.report.answer import Answer, Response
    from titrant.run.result.answer import Findings
    from titrant.run.session import Session
    from titrant.signals.meta import ScoresMeta

FREE = SignalCost(tokens=0, flops=0.0, seconds=0.0)


def with_selection(session: Session, found: Findings, answer: Answer) -> Answer:
    """The answer with what each strategy's selection cost and saves."""
    ledger = Ledger(session, found)
    responses = {item.strategy: item for item in answer.responses}
    filled = []
    for item in answer.responses:
        rival = None if item.versus is None else responses.get(item.versus)
        filled.append(
            item.model_copy(
                update={
                    "selection": ledger.selection(item, rival),
                    "trace_tokens": ledger.trace_tokens(item),
                }
            )
        )
    return answer.model_copy(update={"responses": tuple(filled)})


def cost_of_strategy(strategy: str, scores: ScoresMeta | None) -> SignalCost | None:
    """What a strategy reads, added up; signals of one pass share it, so the dearest counts.

    `None` where something of it was made elsewhere at an unknown cost.
    """
    needs = needs_of(strategy)
    if not needs:
        return FREE
    if scores is None:
        return None
    passed, apart = [], []
    for need in needs:
        cost = scores.hidden_cost if need == HIDDEN else scores.costs.get(need)
        if cost is None:
            return None
        (apart if need in scores.apart else passed).append(cost)
    whole = [max(passed, key=lambda cost: cost.tokens), *apart] if passed else apart
    return SignalCost(
        tokens=sum(cost.tokens for cost in whole),
        flops=sum(cost.flops for cost in whole),
        seconds=sum(cost.seconds for cost in whole),
    )


class Ledger:
    """Reads token counts once for all strategies of a run."""

    def __init__(self, session: Session, found: Findings) -> None:
        self._session, self._found = session, found
        self._row_tokens = row_tokens(session.folder)
        self._trace_tokens = {trace.uid: trace.n_tokens for trace in found.ladder.pool}

    def trace_tokens(self, item: Response) -> float | None:
        """Tokens of the traces among the first ED95 of the ranking (draw 0)."""
        counts = [self._trace_tokens[uid] for uid in self._subset(item) or ()]
        known = [n for n in counts if n is not None]
        return float(sum(known)) if known and len(known) == len(counts) else None

    def selection(self, item: Response, rival: Response | None) -> Selection | None:
        """One strategy's line; `None` where its cost is not known."""
        cost = cost_of_strategy(item.strategy, self._found.scores)
        if cost is None:
            return None
        known = Selection(
            tokens=cost.tokens,
            flops=cost.flops,
            seconds=cost.seconds,
            row_tokens=self._mean_row(item),
        )
        balance = self._balance(item, rival, cost.flops)
        if balance is None:
            return known
        found, saving = balance
        return known.model_copy(
            update={
                "saving": saving,
                "epochs": self._session.config.select.epochs,
                "break_even": found.break_even,
                "pool": found.pool,
                "pays": settled(saving, cost.flops),
            }
        )

    def _balance(
        self, item: Response, rival: Response | None, flops: float
    ) -> tuple[Payoff, Estimate] | None:
        tokens = self._mean_row(item)
        if rival is None or item.ratio is None or tokens is None:
            return None
        theirs, end = self._mean_row(rival), rival.ed95.estimate
        ratio = _interval(item.ratio)
        if theirs is None or end is None or ratio is None:
            return None
        subsets = Subsets(
            traces=end * ratio.estimate,
            tokens=tokens,
            reference_traces=end,
            reference_tokens=theirs,
        )
        parameters = self._found.prepared.parameters
        epochs = self._session.config.select.epochs
        saving = saving_range(subsets, ratio, parameters=parameters, epochs=epochs)
        found = payoff(
            subsets,
            cost=flops,
            parameters=parameters,
            epochs=epochs,
            pool_size=len(self._found.ladder.pool),
        )
        return found, Estimate(
            estimate=saving.estimate, low=saving.low, high=saving.high, level=saving.level
        )

    def _mean_row(self, item: Response) -> float | None:
        uids = self._subset(item)
        return None if uids is None else sum(self._row_tokens[uid] for uid in uids) / len(uids)

    def _subset(self, item: Response) -> tuple[str, ...] | None:
        """The first ED95 rows of the strategy's ranking; `None` where there is no end point."""
        end = item.ed95.estimate
        if end is None:
            return None
        folder, pool, draw = (
            self._session.folder,
            self._found.ladder.pool,
            draw_of(item.strategy, 0),
        )
        ensure_ranking(folder, pool, self._session.config, strategy=item.strategy, draw=draw)
        ranking = read_ranking(folder.ranking(item.strategy, draw))
        if counts_questions(self._session.config):
            by_uid = {trace.uid: trace for trace in pool}
            ranked = [by_uid[row.uid] for row in ranking.rows]
            return tuple(trace.uid for trace in first_of_questions(ranked, ceil(end)))
        return ranking.subset(min(ceil(end), len(ranking.rows)))


def settled(saving: Estimate, cost: float) -> bool | None:
    """Whether a saving covers a cost, whichever end of its interval is true; `None`: open."""
    if saving.low is None or saving.high is None:
        return None
    if saving.low > 0 and saving.low >= cost:
        return True
    return False if saving.high < cost or saving.high <= 0 else None


def _interval(estimate: Estimate) -> Interval | None:
    if estimate.estimate is None or estimate.low is None or estimate.high is None:
        return None
    return Interval(estimate.estimate, estimate.low, estimate.high, estimate.level)
