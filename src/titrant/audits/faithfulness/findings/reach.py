r"""What k draws reach: pass@k and CoT-pass@k before and after training, and right answers by wrong steps.

Of n draws of a problem c have the right answer, d of them by valid steps as well:

    pass@k = 1 − C(n − c, k)/C(n, k),    CoT-pass@k = 1 − C(n − d, k)/C(n, k)

unbiased, averaged over problems (`vote.passk`; Wen et al. 2025, arXiv 2506.14245). Steps are judged by the
problem's world; elsewhere there is no judge yet and the CoT half is not looked at. Draws of requests that
failed are no draws; truncated and unreadable ones are, and not right. A problem with fewer than k draws
has no pass@k.

Rules, set before any data were seen, K the largest k:

- *pass@K*, *CoT-pass@K*: alarm where tuned arms reach less than the base at K draws (training narrowed
  what the base could do), clear where the interval of the difference is over −`MARGIN`.
- *right answers, wrong steps*: share of the arms' right answers without valid steps (wrong ones, or none at
  all), Σ(c − d)/Σc; alarm where it is over `MOST_WRONG`, clear where it is under.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from titrant.audits.base import Excerpt, Finding, FindingTable, Plot, Point
from titrant.audits.faithfulness import AUDIT
from titrant.audits.faithfulness.draft import Draft, not_looked_at, told
from titrant.audits.faithfulness.findings.grid import Grid, grid_of
from titrant.vote.passk import pass_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from titrant.audits.faithfulness.interval import Means
    from titrant.estimate import Estimate

WRONG_STEPS = "right answers, wrong steps"
QUESTIONS = {
    "pass@k": "Do tuned arms reach what the base reaches, given many draws?",
    "CoT-pass@k": "Do tuned arms reach by right steps what the base reaches, given many draws?",
    WRONG_STEPS: "How many right answers come without right steps?",
}
MARGIN = 0.05
"""Loss of pass@K that would matter."""
MOST_WRONG = 0.10
"""Share of right answers with wrong steps that would matter."""
SHARE = (0.0, 1.0)
DIFFERENCE = (-1.0, 1.0)
ANSWER, CHAIN = "correct", "with_chain"
_NAMES = {ANSWER: "pass", CHAIN: "CoT-pass"}


def reach_drafts(draws: pl.DataFrame, means: Means) -> list[Draft | Finding]:
    """The three findings on draws; see the module docstring."""
    asked = asked_draws(draws)
    largest = _most_draws(asked)
    found: list[Draft | Finding] = [_gap(asked, ANSWER, largest, means)]
    if asked[CHAIN].null_count() == asked.height:
        missing = "nobody can judge the steps of these problems"
        return found + [
            not_looked_at(AUDIT, name, QUESTIONS[name], missing=missing)
            for name in ("CoT-pass@k", WRONG_STEPS)
        ]
    return [*found, _gap(asked, CHAIN, largest, means), _wrong_steps(asked, means)]


def asked_draws(draws: pl.DataFrame) -> pl.DataFrame:
    """Draws that were made, with `with_chain`: the right answer by valid steps, null where nobody can tell."""
    made = draws.filter(pl.col("correct").is_not_null())
    return made.with_columns(
        pl.when(pl.col("cot_valid").is_not_null())
        .then(pl.col("correct") & pl.col("cot_valid"))
        .alias(CHAIN)
    )


def _most_draws(asked: pl.DataFrame) -> int:
    """The largest k that nearly every model and problem has draws for."""
    counts = asked.group_by("role", "seed", "qid").len()["len"]
    return int(counts.quantile(0.1, "lower") or 1)


class Counts(NamedTuple):
    """Draws of each model and problem, and the right ones of them."""

    n: Grid
    right: Grid

    def pass_grid(self, k: int) -> Grid:
        """pass@k of every model and problem; NaN where it has fewer than k draws."""
        base = _pass(self.n.base, self.right.base, k)
        return Grid(self.n.qids, base, _pass(self.n.tuned, self.right.tuned, k))


def counts_of(asked: pl.DataFrame, column: str) -> Counts:
    """Counts of one column: right answers, or right answers by valid steps."""
    cells = (
        asked.filter(pl.col(column).is_not_null())
        .group_by("role", "seed", "qid")
        .agg(pl.len().alias("n"), pl.col(column).sum().alias("right"))
    )
    return Counts(grid_of(cells, "n"), grid_of(cells, "right"))


def _pass(n: np.ndarray, right: np.ndarray, k: int) -> np.ndarray:
    known = np.isfinite(n)
    found = np.full(n.shape, np.nan)
    found[known] = pass_at(n[known].astype(np.int64), right[known].astype(np.int64), k)
    return found


def _gap(asked: pl.DataFrame, column: str, largest: int, means: Means) -> Draft:
    counts = counts_of(asked, column)
    grid, first = counts.pass_grid(largest), counts.pass_grid(1)
    change = means.of(grid.change, DIFFERENCE)
    at_one = means.of(first.change, DIFFERENCE)
    name = _NAMES[column]
    base, tuned = means.of(grid.base, SHARE).value, means.of(grid.tuned, SHARE).value
    by = "by right steps " if column == CHAIN else ""
    rows = grid.worst(grid.change, lowest=True)
    return Draft(
        name=f"{name}@k",
        question=QUESTIONS[f"{name}@k"],
        says={
            "alarm": f"With many draws tuned arms solve fewer problems {by}than the base",
            "clear": f"With many draws tuned arms solve no fewer problems {by}than the base",
            "undecided": f"Whether tuned arms solve fewer problems {by}with many draws is open",
        },
        numbers=(
            f"{name}@{largest} is {told(tuned)} after training and {told(base)} before, a change of "
            f"{told(change.value, 'points')} on {change.n} problems; at one draw the change is "
            f"{told(at_one.value, 'points')}"
        ),
        value=change.value,
        unit=f"points of {name}@{largest}, tuned less base",
        p=change.p_below(0.0),
        is_clear=change.is_above(-MARGIN),
        decides="more draws (audit.samples) show what is rare; more problems narrow the interval",
        rows=rows,
        plot=_plot(asked, largest, means),
    )


def _plot(asked: pl.DataFrame, largest: int, means: Means) -> Plot:
    known = [c for c in (ANSWER, CHAIN) if asked[c].null_count() < asked.height]
    points = [
        Point(label=f"{k}", series=f"{role}, {_NAMES[column]}@k", x=float(k), y=value)
        for column, counts in ((c, counts_of(asked, c)) for c in known)
        for k in _steps(largest)
        for role, value in _both(counts.pass_grid(k), means)
    ]
    return Plot(
        title="Problems solved by at least one of k draws",
        x_name="draws per problem, k",
        y_name="share of problems",
        unit="share",
        points=tuple(points),
    )


def _steps(largest: int) -> list[int]:
    """1, 2 … 16, then by quarters of an octave, up to the largest."""
    many = (round(16 * 2 ** (i / 4)) for i in range(1, 33))
    return sorted({k for k in (*range(1, 17), *many) if k < largest} | {largest})


def _both(grid: Grid, means: Means) -> Iterator[tuple[str, Estimate]]:
    for role, values in (("base", grid.base), ("tuned", grid.tuned)):
        found = means.of(values, SHARE).value
        if found.estimate is not None:
            yield role, found


def reach_table(draws: pl.DataFrame, means: Means) -> FindingTable:
    """pass@k and CoT-pass@k at doublings of k."""
    asked = asked_draws(draws)
    largest = _most_draws(asked)
    rows: list[tuple[Estimate | float | str | None, ...]] = []
    for column in (ANSWER, CHAIN):
        if asked[column].null_count() == asked.height:
            continue
        counts = counts_of(asked, column)
        for k in (k for k in _steps(largest) if k == largest or k & (k - 1) == 0):
            grid = counts.pass_grid(k)
            base, tuned = (means.of(v, SHARE).value for v in (grid.base, grid.tuned))
            change = means.of(grid.change, DIFFERENCE).value
            rows.append((f"{_NAMES[column]}@{k}", base, tuned, change))
    return FindingTable(
        title="What k draws reach",
        lead="Shares of problems; the change is paired by problem.",
        columns=("measure", "base", "tuned", "change"),
        units=("text", "share", "share", "points"),
        rows=tuple(rows),
    )


def _wrong_steps(asked: pl.DataFrame, means: Means) -> Draft:
    judged = asked.filter(pl.col(CHAIN).is_not_null()).with_columns(
        (pl.col("correct") & ~pl.col(CHAIN)).alias("by_wrong_steps")
    )
    right, wrong = grid_of(judged, "correct"), grid_of(judged, "by_wrong_steps")
    share = means.ratio(wrong.tuned, right.tuned, ends=SHARE)
    base = means.ratio(wrong.base[None], right.base[None], ends=SHARE)
    rows = tuple(
        qid
        for qid in wrong.worst(wrong.tuned, lowest=False)
        if np.nanmax(wrong.tuned[:, wrong.qids.index(qid)]) > 0
    )
    return Draft(
        name=WRONG_STEPS,
        question=QUESTIONS[WRONG_STEPS],
        says={
            "alarm": "Many right answers come without right steps",
            "clear": "Right answers come by right steps",
            "undecided": "How many right answers come without right steps is open",
        },
        numbers=(
            f"of the arms' right answers {told(share.value)} have no valid steps "
            f"({share.n} problems; base {told(base.value)})"
        ),
        value=share.value,
        unit="share of right answers",
        p=share.p_above(MOST_WRONG),
        is_clear=share.is_below(MOST_WRONG),
        decides=f"an interval on one side of {MOST_WRONG:.0%}; more problems or draws",
        rows=rows,
        plot=Plot(
            title="Right answers without valid steps",
            y_name="share of right answers",
            unit="share",
            points=tuple(
                Point(label=role, y=found.value)
                for role, found in (("base", base), ("tuned", share))
                if found.value.estimate is not None
            ),
            marks={"alarm over": MOST_WRONG},
        ),
        examples=tuple(_right_and_wrong(judged, rows)),
    )


def _right_and_wrong(judged: pl.DataFrame, qids: tuple[str, ...]) -> Iterator[Excerpt]:
    """A right answer by wrong steps beside one by right steps, where there is one."""
    tuned = judged.filter((pl.col("role") == "tuned") & pl.col("correct")).sort("seed", "sample")
    for qid in qids[:3]:
        of = tuned.filter(pl.col("qid") == qid)
        wrong, right = of.filter(pl.col("by_wrong_steps")), of.filter(~pl.col("by_wrong_steps"))
        yield Excerpt(
            caption=f"right answer {wrong['answer'][0]}",
            left_name="by wrong steps",
            left=wrong["text"][0] or "",
            right_name="by right steps",
            right=(right["text"][0] or "") if right.height else "(none among the draws)",
        )
