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

The first three are never clear where the base ran out of draws before its tokens were spent in more than
`MOST_SHORT` of the problems: it did not get what it is compared at. An alarm stands: the base does better
with less.

The curve beside them is that of `matched`. All comparisons are paired by problem; noise is that of problems
and arms (`contrast`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from titrant.audits.base import Finding, FindingTable, Plot, Point
from titrant.audits.budget.contrast import BASE, MATCHED, TUNED, Trio, trio_of
from titrant.audits.budget.matched import (
    ENDS,
    Matched,
    curve_plot,
    match_tokens,
    mean_over_arms,
)
from titrant.audits.budget.spend import spend
from titrant.audits.faithfulness.draft import Draft, not_looked_at, told
from titrant.audits.faithfulness.findings.gain import trace_pairs
from titrant.audits.words import percent

if TYPE_CHECKING:
    import polars as pl

    from titrant.audits.budget.ledger import Ledger
    from titrant.audits.faithfulness.interval import Means
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


def budget_drafts(ledger: Ledger, own: pl.DataFrame | None, means: Means) -> list[Draft | Finding]:
    """The findings of this audit."""
    plain = match_tokens(ledger.plain, ledger.tokens.tuned)
    trio = trio_of(ledger.right.base, plain.is_right, ledger.right.tuned, level=means.level)
    if trio is None:
        missing = "fewer than two problems have answers of base and arms and draws of the base"
        return [not_looked_at(AUDIT, n, q, missing=missing) for n, q in QUESTIONS.items()]
    return [
        _gain(ledger, trio, plain, curve_plot(ledger, plain, means), own),
        _share(trio, plain),
        _think(ledger, own, means),
        _tokens(ledger, means),
    ]


def _gain(
    ledger: Ledger, trio: Trio, matched: Matched, curve: Plot, own: pl.DataFrame | None
) -> Draft:
    value, gain = trio.difference(TUNED, MATCHED), trio.difference(TUNED, BASE)
    better = mean_over_arms(ledger.right.tuned - matched.is_right)
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
            f"tuned arms are right in {percent(trio.mean(TUNED))}, the base in {percent(trio.mean(BASE))} with "
            f"one answer and in {percent(trio.mean(MATCHED))} by vote at the arms' tokens; the gain is "
            f"{told(gain, 'points')}, of which {told(value, 'points')} is left on {trio.n} problems"
            + _short_words(matched)
        ),
        value=value,
        unit="points of accuracy, tuned less base at the same tokens",
        p=trio.p_below(_less(TUNED, MATCHED)),
        is_clear=value.low is not None and value.low > 0 and matched.is_served,
        decides=_decides(
            "more problems narrow it; more draws (audit.samples) pay for larger budgets", matched
        ),
        rows=rows,
        plot=curve,
        examples=tuple(trace_pairs(own, rows)),
    )


def _less(plus: int, minus: int) -> np.ndarray:
    found = np.zeros(3)
    found[plus], found[minus] = 1.0, -1.0
    return found


def _decides(otherwise: str, matched: Matched) -> str:
    if matched.is_served:
        return otherwise
    return "more draws of the base, until they are worth the arms' tokens"


def _short_words(matched: Matched) -> str:
    if matched.is_served:
        return ""
    return (
        f"; in {percent(matched.short)} the base ran out of draws before its tokens were spent, so it "
        "could do better than this"
    )


def _worst(qids: tuple[str, ...], values: np.ndarray) -> tuple[str, ...]:
    """Problems that the arms lose to the base, the surest first."""
    order = np.argsort(values, kind="stable")
    return tuple(qids[i] for i in order if values[i] < 0)


def _share(trio: Trio, matched: Matched) -> Draft:
    gain, value = trio.difference(TUNED, BASE), trio.share()
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
            + _short_words(matched)
            if is_known
            else f"the gain of {told(gain, 'points')} is too small, or too uncertain, to be shared out"
        ),
        value=value,
        unit="share of the gain",
        p=trio.p_share_over(MOST_SHARE) if is_known else None,
        is_clear=value.high is not None and value.high < MOST_SHARE and matched.is_served,
        decides=_decides(
            f"an interval on one side of {MOST_SHARE:.0%}; more problems narrow it", matched
        ),
        plot=Plot(
            title="The gain and its parts",
            y_name="accuracy, difference",
            unit="points",
            points=tuple(Point(label=name, y=y) for name, y in points),
            marks={"nothing": 0.0},
        ),
        without_value="undecided",
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
    rows = _worst(ledger.qids, mean_over_arms(ledger.right.tuned - matched.is_right))
    return Draft(
        name=THINK,
        question=QUESTIONS[THINK],
        says={
            "alarm": "Made to think, the base does better than the tuned arms at their tokens",
            "clear": "Training gains over the base that is made to think, at the same tokens",
            "undecided": "Whether training gains over the base made to think is open",
        },
        numbers=(
            f"made to think, the base is right in {percent(trio.mean(BASE))} with one answer and in "
            f"{percent(trio.mean(MATCHED))} by vote at the arms' tokens, tuned arms in "
            f"{percent(trio.mean(TUNED))}: a difference of {told(value, 'points')} on {trio.n} problems"
            + _short_words(matched)
        ),
        value=value,
        unit="points of accuracy, tuned less base made to think, at the same tokens",
        p=trio.p_below(_less(TUNED, MATCHED)),
        is_clear=value.low is not None and value.low > 0 and matched.is_served,
        decides=_decides("more problems narrow it", matched),
        rows=rows,
        plot=_think_plot((one.is_right, matched.is_right, ledger.right.tuned), means),
        examples=tuple(trace_pairs(own, rows)),
    )


def _think_plot(right: tuple[np.ndarray, np.ndarray, np.ndarray], means: Means) -> Plot:
    names = ("base made to think, one answer", "base made to think, vote", "tuned, one answer")
    return Plot(
        title="The base made to think",
        y_name="accuracy",
        unit="share",
        points=tuple(
            Point(label=name, y=means.of(values, ENDS).value)
            for name, values in zip(names, right, strict=True)
        ),
    )


def _tokens(ledger: Ledger, means: Means) -> Draft:
    base = np.broadcast_to(ledger.tokens.base, ledger.tokens.tuned.shape)
    ratio = means.ratio(ledger.tokens.tuned, base)
    before, after = (means.of(v).value for v in (ledger.tokens.base, ledger.tokens.tuned))
    longer = mean_over_arms(ledger.tokens.tuned - ledger.tokens.base)
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
