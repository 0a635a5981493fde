r"""Information gain before and after training: in bits, as the paper has it, and at equal length.

Paired by problem: the trace of an arm against the base's own trace of the same problem, both scored by
the base (the part `gain`). What training did to a form is the mean over problems of the differences. A base
that answers at once was made to think, so that there is something to compare (the part `own`).

**Total bits lead.** The paper's form is a mean of differences, so it telescopes:

    ΔI = (1/t) Σ (PPL_{i−1} − PPL_i) = (PPL_0 − PPL_t) / t

PPL_0 is the same for all models, and PPL_t is near 1 wherever the steps reach the answer. So ΔI falls with
the number of steps t alone (Wu et al. 2025, arXiv 2506.02126, report a fall of 37–39 % after SFT without
matching lengths; a factor of 1.64 in steps gives as much). With the base's gain and the arm's steps,

    R   = Σ ΔI(tuned) / Σ ΔI(base)                       what is seen
    R_t = Σ ΔI(base) t(base)/t(tuned) / Σ ΔI(base)       what the steps alone would give

and R / R_t is what is left for the reasoning. Length is matched in two more ways: on the problems where
both took equally many steps, and within strata of the number of steps (`findings.length`).

Rules, set before any data were seen:

- *bits*: alarm where the gain in bits fell; clear where the interval is over −`MARGIN` of the base's own
  gain, and at least `LEAST_MARGIN_BITS`.
- *the paper's form*: alarm where R / R_t is under 1, i.e. it fell by more than the steps explain; clear
  where its interval is over 1 − `MARGIN_RATIO`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from titrant.audits.base import Excerpt, Plot, Point
from titrant.audits.faithfulness.draft import Draft, told
from titrant.audits.faithfulness.findings.grid import Grid, grid_of
from titrant.audits.faithfulness.findings.length import matched_change, median_of, strata_of
from titrant.audits.faithfulness.parts.own import traces_with_steps
from titrant.audits.faithfulness.parts.scored import FORMS, PAPER, TOTAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from titrant.audits.faithfulness.interval import Means, Sampled
    from titrant.estimate import Estimate

BITS_NAME = "information gain in bits"
PAPER_NAME = "information gain, the paper's form"
QUESTIONS = {
    BITS_NAME: "Do the steps tell as much about the gold answer after training as before?",
    PAPER_NAME: "Does the paper's InfoGain fall by more than the number of steps explains?",
}
PAIR = "a trace with steps both before and after training"
NO_PAIRS = f"no problem has {PAIR}"
MARGIN = 0.1
"""Share of the base's gain in bits whose loss would matter."""
LEAST_MARGIN_BITS = 0.25
MARGIN_RATIO = 0.2
"""Fall of the paper's form beyond the steps that would matter, as a share."""


def gain_drafts(gain: pl.DataFrame, own: pl.DataFrame | None, means: Means) -> list[Draft]:
    """The two findings on information gain; see the module docstring."""
    grids = {name: grid_of(gain, name, role="of_role", seed="of_seed") for name in FORMS}
    steps = grid_of(gain, "n_steps", role="of_role", seed="of_seed")
    return [_bits(grids[TOTAL], steps, own, means), _paper(grids[PAPER], steps, means)]


def _bits(total: Grid, steps: Grid, own: pl.DataFrame | None, means: Means) -> Draft:
    change, base, tuned = (means.of(v) for v in (total.change, total.base, total.tuned))
    equal = means.of(total.only(steps.tuned == steps.base).change)
    strata = means.of(matched_change(total, strata_of(steps)))
    margin = max(LEAST_MARGIN_BITS, MARGIN * abs(base.value.estimate or 0.0))
    rows = total.worst(total.change, lowest=True)
    return Draft(
        name=BITS_NAME,
        question=QUESTIONS[BITS_NAME],
        says={
            "alarm": "After training the steps tell less about the gold answer",
            "clear": "After training the steps tell no less about the gold answer",
            "undecided": "Whether the steps tell less after training is open",
        },
        numbers=_bits_words(change, base, tuned, (equal, strata)),
        value=change.value,
        unit="bits",
        p=change.p_below(0.0),
        is_clear=change.is_above(-margin),
        decides=f"a change whose interval is over −{margin:.2f} bits clears it; more problems narrow it",
        rows=rows,
        plot=_bits_plot(base, tuned, change, (equal, strata)),
        examples=tuple(trace_pairs(own, rows)),
    )


def _bits_words(
    change: Sampled, base: Sampled, tuned: Sampled, matched: tuple[Sampled, Sampled]
) -> str:
    equal, strata = matched
    if not change.n:
        return f"{NO_PAIRS}; tuned arms have {told(tuned.value, 'bits')}, the base {told(base.value, 'bits')}"
    return (
        f"the change is {told(change.value, 'bits')} on {change.n} problems (base "
        f"{told(base.value, 'bits')}, tuned {told(tuned.value, 'bits')}); on the {equal.n} with "
        f"equally many steps {told(equal.value, 'bits')}, within strata of steps "
        f"{told(strata.value, 'bits')}"
    )


def _bits_plot(
    base: Sampled, tuned: Sampled, change: Sampled, matched: tuple[Sampled, Sampled]
) -> Plot:
    equal, strata = matched
    named = (
        ("base", "gain", base),
        ("tuned", "gain", tuned),
        ("change", "change", change),
        ("change, equal steps", "change", equal),
        ("change, strata of steps", "change", strata),
    )
    return Plot(
        title="Information gain in bits",
        y_name="bits that the steps add to the gold answer",
        unit="bits",
        points=tuple(Point(label=n, series=s, y=found.value) for n, s, found in named),
        marks={"no change": 0.0},
    )


def _paper(paper: Grid, steps: Grid, means: Means) -> Draft:
    seen, by_steps, rest = paper_ratios(paper, steps, means)
    ratio, expected = seen.value, by_steps.value
    falls = ratio.high is not None and ratio.high < 1
    word = "falls" if falls else "does not surely fall"
    return Draft(
        name=PAPER_NAME,
        question=QUESTIONS[PAPER_NAME],
        says={
            "alarm": f"The paper's form {word}, and by more than the number of steps explains",
            "clear": f"The paper's form {word}, and the number of steps explains what there is of it",
            "undecided": f"The paper's form {word}; whether the number of steps explains it is open",
        },
        numbers=_why_no_ratio(paper, steps, means)
        if rest.value.estimate is None
        else _paper_words(paper, steps, (ratio, expected, rest.value)),
        value=rest.value,
        unit="times what the number of steps gives",
        p=rest.p_below(1.0),
        is_clear=rest.is_above(1 - MARGIN_RATIO),
        decides="traces of equal length before and after, or more problems",
        rows=paper.worst(paper.change, lowest=True),
        plot=Plot(
            title="InfoGain as the paper has it, after over before",
            y_name="ratio to the base",
            unit="number",
            points=(
                Point(label="seen", y=ratio),
                Point(label="by the number of steps alone", y=expected),
                Point(label="what is left", y=rest.value),
            ),
            marks={"as the base": 1.0},
        ),
    )


def _paper_words(paper: Grid, steps: Grid, ratios: tuple[Estimate, Estimate, Estimate]) -> str:
    ratio, expected, rest = ratios
    t_base, t_tuned = mean_steps(paper, steps)
    return (
        f"it is {told(ratio, 'times')} the base's; the number of steps alone ({t_base:.1f} before, "
        f"{t_tuned:.1f} after, t_base/t_tuned {t_base / t_tuned:.2f}) would give "
        f"{told(expected, 'times')}, which leaves {told(rest, 'times')}"
    )


def _why_no_ratio(paper: Grid, steps: Grid, means: Means) -> str:
    """Which of the reasons holds that there is nothing to divide by."""
    before, expected, _ = _known_both(paper, steps)
    has_pairs = np.isfinite(before).any(axis=1)
    if not has_pairs.any():
        return NO_PAIRS
    if not has_pairs.all():
        return f"one of the arms has no problem with {PAIR}"
    is_own = not (np.nansum(before, axis=1) > 0).all()
    values = before if is_own else expected
    least = values[np.argmin(np.nansum(values, axis=1))]
    mean, median = means.of(least).value, median_of(least, means.level)
    return (
        f"the base's own gain{'' if is_own else ' at the steps of an arm'} is not over 0, so that there "
        f"is no ratio to it (mean {told(mean, '')}, median {told(median, '')}, {mean.n} problems)"
    )


def mean_steps(paper: Grid, steps: Grid) -> tuple[float, float]:
    """Mean number of steps before and after, where the paper's form is known of both; NaN if nowhere."""
    known = np.isfinite(paper.change)
    if not known.any():
        return float("nan"), float("nan")
    base = np.broadcast_to(steps.base, known.shape)
    return float(base[known].mean()), float(steps.tuned[known].mean())


def paper_ratios(paper: Grid, steps: Grid, means: Means) -> tuple[Sampled, Sampled, Sampled]:
    """R, R_t and R / R_t of the module docstring, over problems where all is known.

    Nothing is estimated where the base's mean is not over 0.

    Args:
        paper: the paper's form.
        steps: number of steps.
        means: level of the intervals.
    """
    before, expected, after = _known_both(paper, steps)
    return (
        means.ratio(after, before),
        means.ratio(expected, before),
        means.ratio(after, expected),
    )


def _known_both(paper: Grid, steps: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The base's form, the same at an arm's steps, and the arm's; [arms, problems].

    NaN in all of them where one is missing.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = paper.base * steps.base / steps.tuned
    known = np.isfinite(paper.tuned) & np.isfinite(paper.base) & np.isfinite(expected)
    before, expected, after = (
        np.where(known, v, np.nan) for v in (paper.base, expected, paper.tuned)
    )
    return before, expected, after


def trace_pairs(own: pl.DataFrame | None, qids: tuple[str, ...]) -> Iterator[Excerpt]:
    """The base's and the first arm's trace of some problems, side by side."""
    if own is None:
        return
    traces = traces_with_steps(own).sort("seed")
    for qid in qids[:3]:
        of = traces.filter(pl.col("qid") == qid)
        before, after = (of.filter(pl.col("role") == role) for role in ("base", "tuned"))
        if before.height and after.height:
            yield Excerpt(
                caption=f"{before['question'][0]}",
                left_name="base",
                left=before["text"][0] or "",
                right_name="tuned",
                right=after["text"][0] or "",
            )
