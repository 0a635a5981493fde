"""Information gain at equal length: strata of the number of steps, and the tables of all forms.

Strata hold exact step counts, or fifths of them where there are more than `MOST_STRATA`. The change within
strata is Σ_s w_s (mean of the arm's traces in s − mean of the base's in s), w_s = n_b n_t / (n_b + n_t)
over their sum; problems may stand in different strata before and after, so it is not paired, and its
interval is over problems by its linear form.

The mean of the paper's form is ruled by single problems, since perplexity has no upper end, so its median
over problems stands in a row of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.stats import quantile_test

from titrant.audits.base import FindingTable
from titrant.audits.faithfulness.findings.grid import Grid, grid_of
from titrant.audits.faithfulness.parts.scored import FORMS, PAPER, TOTAL
from titrant.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from titrant.audits.faithfulness.interval import Means

MOST_STRATA = 12


class Strata(NamedTuple):
    """Traces by their number of steps."""

    names: tuple[str, ...]
    base: np.ndarray
    """Stratum of the base's trace, int [problems]; −1: none."""
    tuned: np.ndarray
    """[arms, problems]."""


def gain_tables(gain: pl.DataFrame, means: Means) -> tuple[FindingTable, ...]:
    """All forms before and after, and total bits by number of steps."""
    steps = grid_of(gain, "n_steps", role="of_role", seed="of_seed")
    rows = list(_form_rows(gain, steps, means))
    forms = FindingTable(
        title="Information gain before and after training",
        lead="Scored by the untrained base; paired by problem. Bits in total do not depend on length. "
        "Means over problems, but for the median; its interval is over problems alone.",
        columns=("form", "base", "tuned", "change", "change at equal steps"),
        units=("text", "number", "number", "number", "number"),
        rows=tuple(rows),
    )
    total = grid_of(gain, TOTAL, role="of_role", seed="of_seed")
    strata = strata_of(steps)
    lengths = FindingTable(
        title="Information gain by number of steps",
        lead="Bits in total; traces of the same number of steps, whatever their problem.",
        columns=("steps", "traces of the base", "traces of arms", "base", "tuned", "change"),
        units=("text", "number", "number", "bits", "bits", "bits"),
        rows=tuple(tuple(row) for row in _stratum_rows(total, strata, means)),
    )
    return (forms, lengths)


def _form_rows(
    gain: pl.DataFrame, steps: Grid, means: Means
) -> Iterator[tuple[str | Estimate, ...]]:
    """The mean of each form, and the median of the paper's below its mean."""
    for name in FORMS:
        grid = grid_of(gain, name, role="of_role", seed="of_seed")
        equal = grid.only(steps.tuned == steps.base).change
        columns = (grid.base, grid.tuned, grid.change, equal)
        yield (name, *(means.of(values).value for values in columns))
        if name == PAPER:
            yield (f"{name}, median", *(median_of(values, means.level) for values in columns))


def median_of(values: np.ndarray, level: float) -> Estimate:
    """The median over problems of the mean over arms, its interval by ranks.

    The ends are the values at ranks between which the median lies with probability `level` at least
    (binomial with p = 1/2), whatever the distribution; the noise of arms is not in it. Fewer than five
    problems have no ends at 90 %.

    Args:
        values: float [arms, problems], or [problems] for one arm; NaN is missing.
        level: of the interval.
    """
    values = np.atleast_2d(values)
    known = np.isfinite(values).any(axis=0)
    if not known.any():
        return Estimate(estimate=None, low=None, high=None, level=level)
    of_problems = np.nanmean(values[:, known], axis=0)
    ends = quantile_test(of_problems, p=0.5).confidence_interval(level)
    low, high = (float(end) if np.isfinite(end) else None for end in (ends.low, ends.high))
    return Estimate(
        estimate=float(np.median(of_problems)),
        low=low,
        high=high,
        level=level,
        n=len(of_problems),
        seeds=int(np.isfinite(values).any(axis=1).sum()),
    )


def strata_of(steps: Grid) -> Strata:
    """Traces by number of steps: exact where there are few counts, else fifths."""
    both = np.concatenate([steps.base[None], steps.tuned])
    both = np.where(both > 0, both, np.nan)  # a trace without thinking is in no stratum
    counts = np.unique(both[np.isfinite(both)])
    if len(counts) <= MOST_STRATA:
        edges, names = counts, tuple(f"{int(c)}" for c in counts)
    else:
        edges = np.unique(np.quantile(both[np.isfinite(both)], np.linspace(0, 0.8, 5)).round())
        ends = [*(edges[1:] - 1), counts[-1]]
        names = tuple(f"{int(a)}–{int(b)}" for a, b in zip(edges, ends, strict=True))
    at = np.where(np.isfinite(both), np.searchsorted(edges, both, side="right") - 1, -1)
    return Strata(names, at[0], at[1:])


def matched_change(total: Grid, strata: Strata) -> np.ndarray:
    """Linear form of the change within strata, [arms, problems]; its mean is the matched change."""
    forms = np.full(total.tuned.shape, np.nan)
    for arm, values in enumerate(total.tuned):
        pieces, weights = [], []
        for s in range(len(strata.names)):
            before = (strata.base == s) & np.isfinite(total.base)
            after = (strata.tuned[arm] == s) & np.isfinite(values)
            n_before, n_after = int(before.sum()), int(after.sum())
            if not n_before or not n_after:
                continue
            weights.append(n_before * n_after / (n_before + n_after))
            pieces.append(_stratum_form(total.base, values, before, after))
        if pieces:
            forms[arm] = np.average(pieces, axis=0, weights=weights)
    return forms


def _stratum_form(
    base: np.ndarray, tuned: np.ndarray, before: np.ndarray, after: np.ndarray
) -> np.ndarray:
    """Linear form of the difference of two means over parts of the same problems; [problems]."""
    low, high = base[before].mean(), tuned[after].mean()
    form = np.full(len(base), high - low)
    form[after] += (tuned[after] - high) / after.mean()
    form[before] -= (base[before] - low) / before.mean()
    return form


def _stratum_rows(
    total: Grid, strata: Strata, means: Means
) -> Iterator[list[Estimate | float | str | None]]:
    for s, name in enumerate(strata.names):
        before = np.where(strata.base == s, total.base, np.nan)
        after = np.where(strata.tuned == s, total.tuned, np.nan)
        counts = [float(np.isfinite(v).sum()) for v in (before, after)]
        only = Strata(
            (name,), np.where(strata.base == s, 0, -1), np.where(strata.tuned == s, 0, -1)
        )
        change = means.of(matched_change(total, only)).value
        yield [name, *counts, means.of(before).value, means.of(after).value, change]
