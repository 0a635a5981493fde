r"""What is left of the gain when the base may spend as many tokens as the tuned arms.

For every arm and problem, B is the tokens of the arm's answer; the base answers by the vote of what B pays
for (`spend`). Accuracies: base (one answer), matched (the base at B, mean over arms), tuned (mean over arms).

Rules, set before any data were seen:

- *gain at matched tokens*, tuned − matched: alarm where it is under 0 (for its tokens the base does
  better), clear where it is over 0.
- *share that is only more tokens*, (matched − base) / (tuned − base), by Fieller: alarm where more than
  `MOST_SHARE` of the gain is, clear where less. There is no share where the gain is under two of its
  errors, or not a gain.
- *gain over the base made to think*: as the first, the base's prompt having opened the thinking. What is
  gained by opening it was there before training.
- *tokens per answer*, tuned over base: alarm where over `MOST_GROWTH` times, clear where under.

The curve shows the base's vote at 1, 2, 4 … times its own tokens up to 2 B; a point needs draws for all but
`MOST_SHORT` of the problems. All comparisons are paired by problem; noise is that of problems and arms
(`contrast`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.audits.base import Finding, FindingTable, Plot, Point
from titrant.audits.budget.contrast import BASE, MATCHED, TUNED, Trio, trio_of
from titrant.audits.budget.spend import spend
from titrant.audits.faithfulness.draft import Draft, not_looked_at, told
from titrant.audits.faithfulness.findings.gain import trace_pairs
from titrant.audits.faithfulness.interval import Means, nothing

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from titrant.audits.budget.ledger import Ledger
    from titrant.audits.budget.spend import Purse
    from titrant.estimate import Estimate

AUDIT = "budget"
GAIN = "gain at matched tokens"
SHARE = "share that is only more tokens"
THINK = "gain over the base made to think"
TOKENS = "tokens per answer"
QUESTIONS = {
    GAIN: "Does training gain anything over the base at the same tokens?",
    SHARE: "How much of the gain would more tokens alone give?",
    THINK: "Does training gain anything over the base that is made to think, at the same tokens?",
    TOKENS: "How much longer are answers after training?",
}
MOST_SHARE = 0.5
MOST_GROWTH = 1.5
MOST_SHORT = 0.05
"""Share of problems that may run out of draws."""
ENDS = (0.0, 1.0)


class Matched(NamedTuple):
    """The base at the tokens of the arms, mean over arms."""

    is_right: np.ndarray
    """float64 [problems]."""
    tokens: np.ndarray
    """float64 [problems]."""
    short: float
    """Share of problems and arms that ran out of draws."""


def match_tokens(purse: Purse, budget: np.ndarray) -> Matched:
    """The base's votes for each arm's tokens [arms, problems]."""
    known = np.isfinite(budget)
    spent = [spend(purse, np.where(ok, b, 0.0)) for b, ok in zip(budget, known, strict=True)]
    right = np.where(known, [s.is_right for s in spent], np.nan)
    tokens = np.where(known, [s.tokens for s in spent], np.nan)
    short = np.array([s.is_short for s in spent])[known]
    return Matched(_mean(right), _mean(tokens), float(short.mean()) if len(short) else np.nan)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over arms that are known; NaN where none is."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    return np.divide(total, count, where=count > 0, out=np.full(len(total), np.nan))


def budget_drafts(ledger: Ledger, own: pl.DataFrame | None, means: Means) -> list[Draft | Finding]:
    """The findings of this audit."""
    plain = match_tokens(ledger.plain, ledger.tokens.tuned)
    trio = trio_of(ledger.right.base, plain.is_right, ledger.right.tuned, level=means.level)
    if trio is None:
        missing = "fewer than two problems have answers of base and arms and draws of the base"
        return [not_looked_at(AUDIT, n, q, missing=missing) for n, q in QUESTIONS.items()]
    return [
        _gain(ledger, trio, plain, curve_plot(ledger, plain, means), own),
        _share(trio),
        _think(ledger, own, means),
        _tokens(ledger, means),
    ]


def _gain(
    ledger: Ledger, trio: Trio, matched: Matched, curve: Plot, own: pl.DataFrame | None
) -> Draft:
    value, gain = trio.difference(TUNED, MATCHED), trio.difference(TUNED, BASE)
    better = _mean(ledger.right.tuned - matched.is_right)
    rows = _worst(ledger.qids, better)
    return Draft(
        name=GAIN,
        question=QUESTIONS[GAIN],
        says={
            "alarm": "For the same tokens the base does better than the tuned arms",
            "clear": "Training gains over the base at the same tokens",
            "undecided": "Whether training gains over the base at the same tokens is open",
        },
        numbers=(
            f"tuned arms are right in {trio.mean(TUNED):.1%}, the base in {trio.mean(BASE):.1%} with "
            f"one answer and in {trio.mean(MATCHED):.1%} by vote at the arms' tokens; the gain is "
            f"{told(gain, 'points')}, of which {told(value, 'points')} is left on {trio.n} problems"
            + _short_words(matched)
        ),
        value=value,
        unit="accuracy, tuned less base at the same tokens",
        p=trio.p_below(_less(TUNED, MATCHED)),
        is_clear=value.low is not None and value.low > 0,
        decides="more problems narrow it; more draws (audit.samples) pay for larger budgets",
        rows=rows,
        plot=curve,
        examples=tuple(trace_pairs(own, rows)),
    )


def _less(plus: int, minus: int) -> np.ndarray:
    found = np.zeros(3)
    found[plus], found[minus] = 1.0, -1.0
    return found


def _short_words(matched: Matched) -> str:
    if True:
        return ""
    return (
        f"; in {matched.short:.0%} the base ran out of draws before its tokens were spent, so it "
        "could do better than this"
    )


def _worst(qids: tuple[str, ...], values: np.ndarray) -> tuple[str, ...]:
    """Problems that the arms lose to the base, the surest first."""
    order = np.argsort(values, kind="stable")
    return tuple(qids[i] for i in order if values[i] < 0)


def _share(trio: Trio) -> Draft:
    gain = trio.difference(TUNED, BASE)
    is_gain = (gain.estimate or 0.0) > 0
    value = trio.share() if is_gain else nothing(trio.level)
    is_known = value.estimate is not None
    points = (
        ("gain", gain),
        ("by more tokens", trio.difference(MATCHED, BASE)),
        ("left at matched tokens", trio.difference(TUNED, MATCHED)),
    )
    return Draft(
        name=SHARE,
        question=QUESTIONS[SHARE],
        says={
            "alarm": "Most of the gain is only more tokens",
            "clear": "Most of the gain is not for want of tokens",
            "undecided": "How much of the gain is only more tokens is open",
        },
        numbers=(
            f"the base at the arms' tokens has {told(value)} of the gain of {told(gain, 'points')}"
            if is_known
            else f"the gain of {told(gain, 'points')} is too small, or too uncertain, to be shared out"
        ),
        value=value,
        unit="share of the gain",
        p=trio.p_share_over(MOST_SHARE) if is_known else None,
        is_clear=value.high is not None and value.high < MOST_SHARE,
        decides=f"an interval on one side of {MOST_SHARE:.0%}; more problems narrow it",
        plot=Plot(
            title="The gain and its parts",
            y_name="accuracy, difference",
            unit="points",
            points=tuple(Point(label=name, y=y) for name, y in points),
            marks={"nothing": 0.0},
        ),
    )


def _think(ledger: Ledger, own: pl.DataFrame | None, means: Means) -> Draft | Finding:
    if ledger.thinking is None:
        missing = (
            "the base was not made to think (its prompt opens the thinking, or has no tag for it)"
        )
        return not_looked_at(AUDIT, THINK, QUESTIONS[THINK], missing=missing)
    matched = match_tokens(ledger.thinking, ledger.tokens.tuned)
    one = spend(ledger.thinking, np.zeros(len(ledger.qids)))
    trio = trio_of(one.is_right, matched.is_right, ledger.right.tuned, level=means.level)
    if trio is None:
        missing = "fewer than two problems that the base was made to think about"
        return not_looked_at(AUDIT, THINK, QUESTIONS[THINK], missing=missing)
    value = trio.difference(TUNED, MATCHED)
    rows = _worst(ledger.qids, _mean(ledger.right.tuned - matched.is_right))
    return Draft(
        name=THINK,
        question=QUESTIONS[THINK],
        says={
            "alarm": "Made to think, the base does better than the tuned arms at their tokens",
            "clear": "Training gains over the base that is made to think, at the same tokens",
            "undecided": "Whether training gains over the base made to think is open",
        },
        numbers=(
            f"made to think, the base is right in {trio.mean(BASE):.1%} with one answer and in "
            f"{trio.mean(MATCHED):.1%} by vote at the arms' tokens, tuned arms in "
            f"{trio.mean(TUNED):.1%}: a difference of {told(value, 'points')} on {trio.n} problems"
            + _short_words(matched)
        ),
        value=value,
        unit="accuracy, tuned less base made to think, at the same tokens",
        p=trio.p_below(_less(TUNED, MATCHED)),
        is_clear=value.low is not None and value.low > 0,
        decides="more problems narrow it",
        rows=rows,
        examples=tuple(trace_pairs(own, rows)),
    )


def _tokens(ledger: Ledger, means: Means) -> Draft:
    base = np.broadcast_to(ledger.tokens.base, ledger.tokens.tuned.shape)
    ratio = means.ratio(ledger.tokens.tuned, base)
    before, after = (means.of(v).value for v in (ledger.tokens.base, ledger.tokens.tuned))
    longer = _mean(ledger.tokens.tuned - ledger.tokens.base)
    order = np.argsort(-longer, kind="stable")
    return Draft(
        name=TOKENS,
        question=QUESTIONS[TOKENS],
        says={
            "alarm": "Answers are much longer after training",
            "clear": "Answers are not much longer after training",
            "undecided": "Whether answers are much longer after training is open",
        },
        numbers=(
            f"{told(after, 'tokens')} per answer after training, {told(before, 'tokens')} before, "
            f"{told(ratio.value, 'times')} as many"
        ),
        value=ratio.value,
        unit="times the base's tokens",
        p=ratio.p_above(MOST_GROWTH),
        is_clear=ratio.is_below(MOST_GROWTH),
        decides=f"an interval on one side of {MOST_GROWTH:g}",
        rows=tuple(ledger.qids[i] for i in order if np.isfinite(longer[i])),
        plot=Plot(
            title="Tokens per answer",
            y_name="generated tokens",
            unit="tokens",
            points=(Point(label="base", y=before), Point(label="tuned", y=after)),
        ),
    )


def curve_plot(ledger: Ledger, matched: Matched, means: Means) -> Plot:
    """Accuracy against tokens: the base's votes, and the tuned arms' single answers."""
    points = list(_curve("base, vote", ledger.plain, ledger.tokens.tuned, means))
    if ledger.thinking is not None:
        points += _curve("base made to think, vote", ledger.thinking, ledger.tokens.tuned, means)
    pairs = (
        ("base, at the arms' tokens", matched.tokens, matched.is_right),
        ("tuned, one answer", ledger.tokens.tuned, ledger.right.tuned),
    )
    for series, tokens, right in pairs:
        x = means.of(tokens).value.estimate
        if x is not None:
            y = means.of(right, ENDS).value
            points.append(Point(label=series, series=series, x=x, y=y))
    return Plot(
        title="Accuracy against tokens",
        x_name="tokens per problem",
        y_name="accuracy",
        unit="share",
        points=tuple(points),
    )


def _curve(series: str, purse: Purse, budget: np.ndarray, means: Means) -> Iterator[Point]:
    """The base's vote at doublings of its own tokens, up to twice the arms'."""
    each, most = purse.mean_tokens, 2 * _mean(budget)
    known = np.isfinite(each) & np.isfinite(most)
    if not known.any() or not each[known].mean() > 0:
        return
    factor = 1
    while factor * each[known].mean() <= most[known].mean():
        spent = spend(purse, np.where(known, factor * each, 0.0))
        if spent.is_short[known].mean() > MOST_SHORT:
            return
        x, y = float(spent.tokens[known].mean()), means.of(spent.is_right[known], ENDS).value
        yield Point(label=f"{factor}×", series=series, x=x, y=y)
        factor *= 2


def budget_table(ledger: Ledger, means: Means) -> FindingTable:
    """Accuracy and tokens of everybody."""
    rows: list[tuple[Estimate | float | str | None, ...]] = [
        _row("base, one answer", ledger.right.base, ledger.tokens.base, means)
    ]
    named = (("base", ledger.plain), ("base made to think", ledger.thinking))
    for name, purse in named:
        if purse is None:
            continue
        matched = match_tokens(purse, ledger.tokens.tuned)
        if name != "base":
            one = spend(purse, np.zeros(len(ledger.qids)))
            rows.append(_row(f"{name}, one answer", one.is_right, one.tokens, means))
        rows.append(
            _row(f"{name}, vote at the arms' tokens", matched.is_right, matched.tokens, means)
        )
    rows.append(_row("tuned, one answer", ledger.right.tuned, ledger.tokens.tuned, means))
    return FindingTable(
        title="Accuracy and tokens per problem",
        lead="A vote counts the draws that the arms' tokens pay for, one at least.",
        columns=("who", "accuracy", "tokens"),
        units=("text", "share", "tokens"),
        rows=tuple(rows),
    )


def _row(
    name: str, right: np.ndarray, tokens: np.ndarray, means: Means
) -> tuple[Estimate | float | str | None, ...]:
    return name, means.of(right, ENDS).value, means.of(tokens).value
