"""Information gain: by hand, identities, the released code's form against a loop, edges."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.signals.base import TokenScores
from titrant.signals.compute import compute
from titrant.signals.gain import (
    BITS,
    BITS_PER_STEP,
    BITS_PER_TOKEN,
    CODE,
    PAPER,
    SHARE,
    answers_of,
    rises,
    string_perplexity,
    total_rise,
)
from titrant.signals.ragged import Ragged
from titrant.testing.signals import SETTINGS, MadeTrace, made_scores

LN2 = math.log(2)


def answered(branches, *, n_lead=0, steps=(), question=(-1.0,)) -> TokenScores:
    """One trace: logprobs of its branches' tokens, and the step of each of its tokens (of −1 nat)."""
    n = len(steps)
    none = Ragged.of_rows([np.zeros(n, dtype=np.float32)])
    return TokenScores(
        uids=("a",),
        vocab=10,
        logprob=none.with_values(np.full(n, -1.0)),
        step=Ragged.of_rows([np.array(steps, dtype=np.int32)]),
        n_steps=np.array([len(branches) - 1]),
        question=Ragged.of_rows([np.array([math.nan, *question])]),
        answers=Ragged.of_rows([np.array(branches, dtype=float).ravel()]),
        n_lead=np.array([n_lead]),
    )


def trace_value(signal, scores) -> float:
    return float(compute(signal, scores, SETTINGS).trace[0])


# The answer has 2 tokens after a lead-in of 1. Its probability is 1/16, 1/64, 1/4 and 1/4: −4, −6, −2, −2
# bits, perplexity 4, 8, 2, 2.
BY_HAND = answered(
    [
        [-9, -2 * LN2, -2 * LN2],
        [-7, -3 * LN2, -3 * LN2],
        [-5, -1 * LN2, -1 * LN2],
        [-3, -2 * LN2, 0],
    ],
    n_lead=1,
    steps=[-1, 0, 0, 1, -1, 2, -1],
)


def test_all_forms_by_hand():
    bits, paper = (compute(signal, BY_HAND, SETTINGS) for signal in (BITS, PAPER))
    assert bits.steps is not None
    assert paper.steps is not None
    assert bits.steps.values == pytest.approx([-2, 4, 0])
    assert bits.trace == pytest.approx([2])
    assert trace_value(BITS_PER_STEP, BY_HAND) == pytest.approx(2 / 3)
    assert trace_value(BITS_PER_TOKEN, BY_HAND) == pytest.approx(2 / 4)  # 4 tokens lie in steps
    assert trace_value(SHARE, BY_HAND) == pytest.approx(1 / 3)
    assert paper.steps.values == pytest.approx([-4, 6, 0])
    assert paper.trace == pytest.approx([2 / 3])


def test_the_lead_in_is_context_and_not_answer():
    other = dataclasses.replace(BY_HAND, answers=BY_HAND.answers.with_values(_other_lead()))
    for signal in (BITS, PAPER, SHARE):
        assert trace_value(signal, other) == pytest.approx(trace_value(signal, BY_HAND))
    assert trace_value(CODE, other) != pytest.approx(trace_value(CODE, BY_HAND))


def _other_lead() -> np.ndarray:
    assert BY_HAND.answers is not None
    values = BY_HAND.answers.values.copy()
    values[::3] = -30, -1, -1, -1
    return values


TRACES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(1, 3)), min_size=1, max_size=5
)


@st.composite
def gains(draw):
    """Answers of a few traces: (steps, lead-in tokens, answer tokens) each."""
    shapes = draw(TRACES)
    sizes = [(steps + 1) * (lead + answer) for steps, lead, answer in shapes]
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    rows = [-rng.exponential(1.5, n) for n in sizes]
    steps, lead, _ = np.array(shapes).T
    return answers_of(Ragged.of_rows(rows), lead, steps), rows, shapes


@given(gains())
def test_answers_are_those_of_a_loop(drawn):
    found, rows, shapes = drawn
    for i, (row, (steps, lead, answer)) in enumerate(zip(rows, shapes, strict=True)):
        size = lead + answer
        for b in range(steps + 1):
            tokens = row[b * size + lead : (b + 1) * size]
            assert found.logprob.row(i)[b] == pytest.approx(tokens.sum())
            wanted = math.prod(math.exp(x) for x in tokens) ** (-1 / answer)
            assert found.perplexity.row(i)[b] == pytest.approx(wanted)


@given(gains())
def test_steps_sum_to_the_trace(drawn):
    logprob = drawn[0].logprob
    sums, total = rises(logprob).sum(), total_rise(logprob)
    has_steps = logprob.lengths > 1
    assert total[has_steps] == pytest.approx(sums[has_steps], abs=1e-9)


@given(gains())
def test_the_papers_mean_telescopes(drawn):
    perplexity = drawn[0].perplexity
    falls = rises(perplexity)
    for i in np.flatnonzero(perplexity.lengths > 1):
        row, t = perplexity.row(i), perplexity.lengths[i] - 1
        mean = -falls.row(i).mean()
        assert mean == pytest.approx((row[0] - row[-1]) / t, abs=1e-6 * max(1, row.max()))


def test_a_rise_from_or_to_what_is_infinite_or_missing_is_missing():
    rows = [[-np.inf, 1], [1, -np.inf], [-np.inf, -np.inf], [np.nan, 1], [4], [1, np.nan, 3]]
    found = total_rise(Ragged.of_rows([np.array(row, dtype=float) for row in rows]))
    assert found == pytest.approx([np.nan] * 5 + [2], nan_ok=True)


def test_signals_telescope_and_sum_on_a_pool():
    scores = made_scores()
    bits, paper = (compute(signal, scores, SETTINGS) for signal in (BITS, PAPER))
    assert bits.steps is not None
    assert paper.steps is not None
    known = ~np.isnan(bits.trace)
    assert known.sum() >= 4
    assert bits.steps.sum()[known] == pytest.approx(bits.trace[known], abs=1e-9)
    assert paper.steps.mean()[known] == pytest.approx(paper.trace[known], abs=1e-6)
    assert trace_count(scores, BITS_PER_STEP)[known] == pytest.approx(bits.trace[known])


def trace_count(scores, signal) -> np.ndarray:
    return compute(signal, scores, SETTINGS).trace * scores.n_steps


def test_twice_the_steps_halve_the_papers_gain_and_leave_the_bits():
    """Two traces that start and end alike: what §5.3 of the methods says of the published drop."""
    few = answered([[-4.0], [-0.1]], steps=[0])
    many = answered([[-4.0], [-3.0], [-0.1]], steps=[0, 1])
    assert trace_value(PAPER, many) == pytest.approx(trace_value(PAPER, few) / 2)
    assert trace_value(BITS, many) == pytest.approx(trace_value(BITS, few))


def loop_code(scores, i) -> float:
    """The released code over the tokens of one trace: whole strings, growing by a step at a time."""
    assert scores.question is not None
    assert scores.answers is not None
    t = int(scores.n_steps[i])
    answers = scores.answers.row(i).reshape(t + 1, -1)
    step, logprob = scores.step.row(i).tolist(), scores.logprob.row(i).tolist()
    first = min(at for at, s in enumerate(step) if s >= 0)
    found = []
    for b in range(t + 1):
        end = max([first, *(at + 1 for at, s in enumerate(step) if 0 <= s < b)])
        string = [*scores.question.row(i)[1:], *logprob[:end], *answers[b]]
        found.append(math.exp(-sum(map(float, string)) / len(string)))
    return sum(a - b for a, b in itertools.pairwise(found)) / len(found)


def test_the_codes_form_is_that_of_a_loop():
    made = [
        MadeTrace(2, (5, 4, 6), 3),
        MadeTrace(0, (3, 3, 3, 3), 0, answer=1),
        MadeTrace(4, (0, 2, 0, 0, 5), 1, answer=3),
        MadeTrace(0, (2,) * 9, 6),
    ]
    scores = made_scores(traces=made)
    found = compute(CODE, scores, SETTINGS).trace
    assert found == pytest.approx([loop_code(scores, i) for i in range(4)], rel=1e-6)


def test_the_codes_form_by_hand():
    # Question 1 nat over 1 token (the first has none), 3 tokens of 1 nat, one per step, and an answer of
    # 1 token: 5, 4, 3, 2 nats. Means: 6/2, 6/3, 6/4, 6/5.
    scores = answered([[-5.0], [-4.0], [-3.0], [-2.0]], steps=[0, 1, 2])
    found = string_perplexity(scores).values
    assert found == pytest.approx(np.exp([3, 2, 1.5, 1.2]))
    assert trace_value(CODE, scores) == pytest.approx((math.exp(3) - math.exp(1.2)) / 4)


def test_fluent_steps_alone_raise_the_codes_gain_and_not_ours():
    """The answer is as unlikely as before; only the steps are more predictable than the answer."""
    scores = answered([[-5.0]] * 4, steps=[0, 1, 2])
    assert trace_value(BITS, scores) == 0
    assert trace_value(CODE, scores) > 0


def test_the_codes_form_counts_the_lead_in():
    plain = answered([[-5.0]] * 4, steps=[0, 1, 2])
    led = answered([[-5.0, -5.0]] * 4, n_lead=1, steps=[0, 1, 2])
    # Branch 0 of the second: (1 + 10) / 3 nats.
    assert string_perplexity(led).values[0] == pytest.approx(math.exp(11 / 3))
    assert string_perplexity(plain).values[0] == pytest.approx(math.exp(6 / 2))


def test_the_codes_form_skips_traces_of_up_to_2_steps():
    short = answered([[-3.0], [-2.0], [-1.0]], steps=[0, 1])
    found = compute(CODE, short, SETTINGS)
    assert found.steps is not None
    assert np.isnan(found.trace).all()
    assert np.isnan(found.steps.values).all()
    assert trace_value(PAPER, short) > 0


@pytest.mark.parametrize("signal", [BITS, BITS_PER_STEP, BITS_PER_TOKEN, SHARE, PAPER, CODE])
@pytest.mark.parametrize(
    "scores",
    [
        pytest.param(answered([[-2.0]], steps=[-1, -1]), id="no steps"),
        pytest.param(answered([[], [], [], []], steps=[0, 1, 2]), id="no gold"),
        pytest.param(answered([[-1.0]] * 4, n_lead=1, steps=[0, 1, 2]), id="empty gold"),
        pytest.param(answered([[-math.inf], [-1], [-1], [-1]], steps=[0, 1, 2]), id="from 0"),
        pytest.param(answered([[-1], [-1], [-1], [-math.inf]], steps=[0, 1, 2]), id="to 0"),
        pytest.param(answered([[-1], [-1], [-1], [math.nan]], steps=[0, 1, 2]), id="missing"),
    ],
)
def test_there_is_no_gain_to_speak_of(signal, scores):
    assert math.isnan(trace_value(signal, scores))


def test_a_trace_whose_steps_have_no_tokens_has_no_gain_per_token():
    scores = answered([[-2.0], [-1.0]], steps=[-1, -1])
    assert trace_value(BITS, scores) == pytest.approx(1 / LN2)
    assert math.isnan(trace_value(BITS_PER_TOKEN, scores))


def test_a_missing_answer_inside_leaves_the_total():
    scores = answered([[-3.0], [math.nan], [-1.0]], steps=[0, 1])
    assert trace_value(BITS, scores) == pytest.approx(2 / LN2)
    assert math.isnan(trace_value(SHARE, scores))


def test_tokens_that_fall_into_no_branches_are_a_fault_of_ours():
    with pytest.raises(ValueError, match="row 1: 5 answer tokens are not 3 branches"):
        answers_of(Ragged.of_rows([np.zeros(3), np.zeros(5)]), np.zeros(2), np.array([2, 2]))
