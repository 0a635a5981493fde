"""Information gain: how much the steps of a trace raise the odds of the gold answer.

Let L_i = ln P(A* | Q, s_1 … s_i) be the logprob of the gold answer, led in and teacher-forced after i of
the t steps, over its N tokens alone (the lead-in is context), and PPL_i = exp(−L_i / N). The forms:

    gain            (L_t − L_0) / ln 2, in bits          per step: (L_i − L_{i−1}) / ln 2
    gain-per-step   the same, over t
    gain-per-token  the same, over the tokens of the steps
    gain-share      share of steps whose gain is above 0
    gain-paper      (1/t) Σ (PPL_{i−1} − PPL_i)          per step: PPL_{i−1} − PPL_i
    gain-code       as gain-paper, as the released code has it (below)

Source: Wu et al. 2025, "Knowledge or Reasoning?" (arXiv 2506.02126), InfoGain, and its code. **Their mean
telescopes**: it is (PPL_0 − PPL_t) / t, so it knows the first and the last perplexity and the number of
steps, and nothing of the steps between. Traces that reach the answer differ by their step count alone; and
PPL has no bound, so a few rare answers decide a mean. Bits in total are free of length and lead; ratios
beside them show what length does. Steps sum to the trace in `gain`, and average to it in `gain-paper`.

The code differs from the paper: its perplexity is that of the *whole string*, question, steps, separator
and answer (all tokens but the first), so that fluent steps lower it by themselves; it divides by t + 1; and
it skips traces of at most 2 steps (as meant: the guard compares a list with a number), giving 0 where we
give NaN. `gain-code` is that, over our tokens: the steps are the trace's own and not a judge's excerpt, with
what stands between them, and the separator is our lead-in.

NaN where there is no gold answer, where a trace has no steps (nothing was asked: 0 would say that reasoning
did not help), and where a token of an answer has probability 0 before or after: an infinite gain cannot be
compared. Left out: gain at matched t, which is a matter of strata and not of a trace.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.signals.base import Signal, TokenScores, Values
from titrant.signals.ragged import Ragged, offsets_of

if TYPE_CHECKING:
    from titrant.settings import SignalSettings
    from titrant.signals.base import Needs

CODE_LEAST_STEPS = 3
"""The released code skips traces with fewer."""


class Answers(NamedTuple):
    """The gold answer after 0, 1 … all steps of some traces."""

    logprob: Ragged
    """L_i in nats, float64 [branches], n_steps + 1 per trace; NaN without a gold answer."""
    n_tokens: np.ndarray
    """N, the same for all branches of a trace, int64 [traces]; 0 without a gold answer."""

    @property
    def perplexity(self) -> Ragged:
        """PPL_i, float64 [branches]."""
        n = np.repeat(self.n_tokens, self.logprob.lengths)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            return self.logprob.with_values(np.exp(-self.logprob.values / n))


def answers_of(answers: Ragged, n_lead: np.ndarray, n_steps: np.ndarray) -> Answers:
    """Logprobs of the gold answer from those of its tokens.

    Args:
        answers: the branches of a trace one after the other, each of the same tokens.
        n_lead: tokens of each branch that lead in the answer, [traces].
        n_steps: [traces]; a trace has one branch more.

    Raises:
        ValueError: a trace's tokens do not fall into that many branches.

    Example:
        >>> tokens = np.log([0.9, 0.5, 0.9, 0.25, 0.9, 0.5])  # lead-in and answer, three times
        >>> found = answers_of(Ragged.of_rows([tokens]), np.array([1]), np.array([2]))
        >>> found.perplexity.values.round(6)
        array([2., 4., 2.])
    """
    n_branches = n_steps + 1
    branch_tokens = answers.lengths // n_branches
    if (branch_tokens * n_branches != answers.lengths).any():
        i = int(np.flatnonzero(branch_tokens * n_branches != answers.lengths)[0])
        message = f"row {i}: {answers.lengths[i]} answer tokens are not {n_branches[i]} branches"
        raise ValueError(message)
    n_tokens = np.maximum(branch_tokens - n_lead, 0)
    sums, _ = _branch_sums(answers, n_branches, skip=np.where(n_tokens > 0, n_lead, 0))
    has_answer = np.repeat(n_tokens > 0, n_branches)
    return Answers(sums.with_values(np.where(has_answer, sums.values, np.nan)), n_tokens)


def _branch_sums(
    answers: Ragged, n_branches: np.ndarray, *, skip: np.ndarray
) -> tuple[Ragged, Ragged]:
    """Sum and number of the tokens of each branch, those at its head skipped; both [branches]."""
    offsets = offsets_of(n_branches)
    size = np.repeat(answers.lengths // n_branches, answers.lengths)
    branch, place = np.divmod(answers.place, size)
    is_counted = place >= np.repeat(skip, answers.lengths)
    at = (np.repeat(offsets[:-1], answers.lengths) + branch)[is_counted]
    sums = np.bincount(at, weights=answers.values[is_counted], minlength=offsets[-1])
    counts = np.bincount(at, minlength=offsets[-1])
    return Ragged(sums, offsets), Ragged(counts, offsets)


def rises(values: Ragged) -> Ragged:
    """By how much each value exceeds the one before it; float64, one fewer per row.

    An infinite value beside another gives NaN. No row may be empty.

    Example:
        >>> rises(Ragged.of_rows([np.array([1.0, 4.0, 2.0]), np.array([7.0])])).row(0)
        array([ 3., -2.])
    """
    later = values.without_first()
    with np.errstate(invalid="ignore"):
        found = later.values - values.values[np.flatnonzero(values.place > 0) - 1]
    return later.with_values(found)


def total_rise(values: Ragged) -> np.ndarray:
    """By how much the last value of each row exceeds its first; float64 [rows].

    The sum of `rises`, taken at the ends. NaN where an end is missing or infinite, and in a row of one
    value, where nothing can rise. No row may be empty.
    """
    first, last = values.values[values.offsets[:-1]], values.values[values.offsets[1:] - 1]
    can_tell = np.isfinite(first) & np.isfinite(last) & (values.lengths > 1)
    return np.subtract(last, first, where=can_tell, out=np.full(len(values), np.nan))


def string_perplexity(scores: TokenScores) -> Ragged:
    """Perplexity of the whole string up to each answer, as the released code takes it; [branches].

    The string of branch i: the question but its first token, the completion up to the end of step i
    (what stands between steps included, a token that ends past the step not), lead-in and answer.
    NaN without a gold answer.
    """
    question, answers, n_lead = scores.question, scores.answers, scores.n_lead
    assert question is not None  # compute() has looked
    assert answers is not None
    assert n_lead is not None
    said = question.without_first()
    n_branches = scores.n_steps + 1
    sums, counts = _branch_sums(answers, n_branches, skip=np.zeros(len(answers), dtype=np.int64))
    before, n_before = _up_to_steps(scores.logprob, scores.step, sums)
    losses = -(sums.values + before + np.repeat(said.sum(), n_branches))
    n = counts.values + n_before + np.repeat(said.lengths, n_branches)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        found = np.exp(losses / n)
    has_answer = counts.values > np.repeat(n_lead, n_branches)
    return sums.with_values(np.where(has_answer, found, np.nan))


def _up_to_steps(logprob: Ragged, step: Ragged, branches: Ragged) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of a trace's tokens before its steps, up to its first, its second …; [branches]."""
    ends = np.zeros(len(branches.values), dtype=np.int64)
    ends[branches.offsets[:-1]] = step.offsets[:-1]
    inside = np.flatnonzero(step.values >= 0)
    row = step.row_of[inside]
    # The last token of a step wins, and for branch 0 the first token of all: assigned in that order.
    ends[branches.offsets[row] + 1 + step.values[inside]] = inside + 1
    ends[branches.offsets[row[::-1]]] = inside[::-1]
    ends = np.maximum.accumulate(ends)  # steps without tokens end where the one before them does
    starts = np.repeat(step.offsets[:-1], branches.lengths)
    sums = np.append(logprob.cumsum().values, 0.0)  # the 0 is for nothing at all, at index −1
    return np.where(ends > starts, sums[ends - 1], 0.0), ends - starts


def _answers(scores: TokenScores) -> Answers:
    assert scores.answers is not None  # compute() has looked
    assert scores.n_lead is not None
    return answers_of(scores.answers, scores.n_lead, scores.n_steps)


def _total_bits(scores: TokenScores) -> np.ndarray:
    return total_rise(_answers(scores).logprob) / math.log(2)


def _over(amount: np.ndarray, count: np.ndarray) -> np.ndarray:
    """A ratio that is NaN where there is nothing to divide by."""
    return np.divide(amount, count, where=count > 0, out=np.full(len(amount), np.nan))


def _bits(scores: TokenScores, _: SignalSettings) -> Values:
    """Bits that all steps together give, and each alone."""
    steps = rises(_answers(scores).logprob)
    return Values(_total_bits(scores), steps.with_values(steps.values / math.log(2)))


def _bits_per_step(scores: TokenScores, _: SignalSettings) -> Values:
    """Bits over the number of steps."""
    return Values(_over(_total_bits(scores), scores.n_steps))


def _bits_per_token(scores: TokenScores, _: SignalSettings) -> Values:
    """Bits over the tokens of the steps."""
    n_tokens = scores.step.with_values(scores.step.values >= 0).sum()
    return Values(_over(_total_bits(scores), n_tokens))


def _share(scores: TokenScores, _: SignalSettings) -> Values:
    """Share of steps that raise the answer's probability."""
    steps = rises(_answers(scores).logprob)
    is_known = np.isfinite(steps.values)
    is_gain = np.where(is_known, steps.values > 0, np.nan)
    return Values(steps.with_values(is_gain).mean())


def _paper(scores: TokenScores, _: SignalSettings) -> Values:
    """Fall of the answer's perplexity, mean over steps, and of each step."""
    perplexity = _answers(scores).perplexity
    steps = rises(perplexity)
    return Values(_over(-total_rise(perplexity), scores.n_steps), steps.with_values(-steps.values))


def _code(scores: TokenScores, _: SignalSettings) -> Values:
    """Fall of the whole string's perplexity over t + 1, and of each step."""
    perplexity = string_perplexity(scores)
    mean = -total_rise(perplexity) / (scores.n_steps + 1)
    is_kept = scores.n_steps >= CODE_LEAST_STEPS
    steps = rises(perplexity)
    is_kept_step = np.repeat(is_kept, scores.n_steps)
    return Values(
        np.where(is_kept, mean, np.nan),
        steps.with_values(np.where(is_kept_step, -steps.values, np.nan)),
    )


_ANSWERS: frozenset[Needs] = frozenset({"answers"})

BITS = Signal(
    name="gain",
    version=1,
    unit="bits",
    higher="the steps make the gold answer much likelier",
    prefer="high",
    needs=_ANSWERS,
    compute=_bits,
)
"""Total information gain; of a step, its own."""
BITS_PER_STEP = Signal(
    name="gain-per-step",
    version=1,
    unit="bits per step",
    higher="a step makes the gold answer much likelier, on average",
    prefer="high",
    needs=_ANSWERS,
    compute=_bits_per_step,
)
"""Total gain over the number of steps."""
BITS_PER_TOKEN = Signal(
    name="gain-per-token",
    version=1,
    unit="bits per token",
    higher="few tokens make the gold answer much likelier",
    prefer="high",
    needs=_ANSWERS,
    compute=_bits_per_token,
)
"""Total gain over the tokens of the steps."""
SHARE = Signal(
    name="gain-share",
    version=1,
    unit="share",
    higher="most steps make the gold answer likelier",
    prefer="high",
    needs=_ANSWERS,
    compute=_share,
)
"""Share of steps with a gain above 0."""
PAPER = Signal(
    name="gain-paper",
    version=1,
    unit="perplexity",
    higher="the answer's perplexity falls much, or over few steps",
    prefer="high",
    needs=_ANSWERS,
    compute=_paper,
)
"""InfoGain as the paper defines it."""
CODE = Signal(
    name="gain-code",
    version=1,
    unit="perplexity",
    higher="the whole string's perplexity falls much, or over few steps",
    prefer="high",
    needs=frozenset({"answers", "question"}),
    compute=_code,
)
"""InfoGain as the released code computes it."""
