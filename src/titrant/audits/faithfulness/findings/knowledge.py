r"""Knowledge index: how many of the facts that steps state are right, where facts can be checked.

    ours        right facts / facts, per draw that states any; draws without facts say nothing
    the paper's mean over steps, where a step without a fact counts 1

Source: Wu et al. 2025 (arXiv 2506.02126), KI, and its code, in which steps without a fact score 1.0, so that
factless steps raise it. Both are printed; ours decides. Facts are exact look-ups by the world, not a
judge's opinion. A draw has as many steps as it was cut into, at least as many as facts.

Rule, set before any data were seen: alarm where ours fell, paired by problem; clear where the interval of
the change is over −`MARGIN`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from titrant.audits.base import Finding, Plot, Point
from titrant.audits.faithfulness import AUDIT
from titrant.audits.faithfulness.draft import Draft, not_looked_at, told
from titrant.audits.faithfulness.findings.grid import Grid, grid_of

if TYPE_CHECKING:
    from titrant.audits.faithfulness.interval import Means

MARGIN = 0.05
"""Fall of the index that would matter."""
NAME = "knowledge index"
QUESTION = "Are the facts that steps state as often right after training as before?"
SHARE = (0.0, 1.0)
DIFFERENCE = (-1.0, 1.0)


def knowledge_draft(draws: pl.DataFrame, means: Means) -> Draft | Finding:
    """The finding on facts; see the module docstring."""
    ours, papers = knowledge_grids(draws)
    change = means.of(ours.change, DIFFERENCE)
    if change.n == 0:
        missing = "no facts that could be checked, in the same problem before and after"
        return not_looked_at(AUDIT, NAME, QUESTION, missing=missing)
    base, tuned = (means.of(v, SHARE).value for v in (ours.base, ours.tuned))
    papers_base, papers_tuned = (means.of(v, SHARE).value for v in (papers.base, papers.tuned))
    named = (
        ("facts right", "base", base),
        ("facts right", "tuned", tuned),
        ("the paper's, factless steps count 1", "base", papers_base),
        ("the paper's, factless steps count 1", "tuned", papers_tuned),
    )
    return Draft(
        name=NAME,
        question=QUESTION,
        says={
            "alarm": "Fewer of the stated facts are right after training",
            "clear": "The stated facts are as often right after training",
            "undecided": "Whether fewer of the stated facts are right is open",
        },
        numbers=(
            f"{told(tuned)} of the facts are right after training, {told(base)} before, a change of "
            f"{told(change.value, 'points')} on {change.n} problems; with steps without a fact "
            f"counted as right {told(papers_tuned)} and {told(papers_base)}"
        ),
        value=change.value,
        unit="points of facts that are right, tuned less base",
        p=change.p_below(0.0),
        is_clear=change.is_above(-MARGIN),
        decides=f"an interval of the change over −{MARGIN:.0%}; more problems narrow it",
        rows=ours.worst(ours.change, lowest=True),
        plot=Plot(
            title="Facts that steps state",
            y_name="share right",
            unit="share",
            points=tuple(Point(label=n, series=s, y=v) for n, s, v in named),
        ),
    )


def knowledge_grids(draws: pl.DataFrame) -> tuple[Grid, Grid]:
    """Our index and the paper's, means over the draws of each model and problem."""
    facts, right = pl.col("n_facts"), pl.col("n_facts_right")
    steps = pl.max_horizontal("n_steps", "n_facts")
    known = draws.filter(facts.is_not_null() & pl.col("correct").is_not_null()).with_columns(
        pl.when(facts > 0).then(right / facts).alias("ours"),
        pl.when(steps > 0).then((right + steps - facts) / steps).alias("papers"),
    )
    return grid_of(known, "ours"), grid_of(known, "papers")
