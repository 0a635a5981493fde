"""Agreement with the published DeepConf where it does what the paper says, and its faults, which are not ours.

The other side is `reference`: a re-implementation of the published code's behaviour.
"""

import numpy as np
import pytest
import reference
from planted_draws import make_log

from titrant.signals.confidence import (
    bottom_confidence,
    group_confidence,
    lowest_confidence,
    tail_confidence,
    token_confidence,
)
from titrant.signals.ragged import Ragged
from titrant.traces.verify.verdict import Verifier
from titrant.vote.equal import Answers, group_answers
from titrant.vote.replay import make_orders, replay_rule
from titrant.vote.rules import DeepConf
from titrant.vote.voters import Voter, vote

K, WINDOW = 20, 64
ROUNDED = 1e-3
NAMES = ("mean", "tail", "bottom", "lowest")
VOTERS = {
    "majority": Voter(),
    **{name: Voter("weighted", name) for name in NAMES},
    "tail@10": Voter("weighted", "tail", eta=10),
    "bottom@10": Voter("weighted", "bottom", eta=10),
}


def random_traces(seed, n=48):
    """(answer, logprobs of exactly k entries per token) of draws of different lengths."""
    rng = np.random.default_rng(seed)
    traces = []
    for _ in range(n):
        length = int(rng.integers(20, 300))
        scale = rng.gamma(2.0, 0.5, (length, 1))
        top = -np.cumsum(rng.standard_exponential((length, K)) * scale, axis=1)
        answer = None if rng.random() < 0.1 else str(rng.integers(0, 4))
        traces.append((answer, top))
    return traces


def ours(traces):
    confidence = Ragged.of_rows([token_confidence(top) for _, top in traces])
    signals = {
        "mean": confidence.mean(),
        "tail": tail_confidence(confidence, WINDOW),
        "bottom": bottom_confidence(confidence, WINDOW),
        "lowest": lowest_confidence(confidence, WINDOW),
    }
    return confidence, signals


@pytest.mark.parametrize("seed", range(3))
def test_confidences_windows_and_statistics_agree_to_what_it_rounds(seed):
    traces = random_traces(seed)
    confidence, signals = ours(traces)
    groups = group_confidence(confidence, WINDOW)
    for i, (_, top) in enumerate(traces):
        theirs = reference.confidences(top.tolist())
        np.testing.assert_allclose(confidence.row(i), theirs, atol=ROUNDED)
        np.testing.assert_allclose(groups.row(i), reference.windows(theirs, WINDOW), atol=ROUNDED)
        for name, of in (
            ("mean", reference.mean_of(theirs)),
            ("tail", reference.tail_of(theirs, WINDOW)),
            ("bottom", reference.bottom_of(theirs, WINDOW)),
            ("lowest", reference.lowest_of(theirs, WINDOW)),
        ):
            assert signals[name][i] == pytest.approx(of, abs=ROUNDED)


@pytest.mark.parametrize("seed", range(20))
def test_the_seven_voters_agree(seed):
    traces = random_traces(seed)
    _, signals = ours(traces)
    names = sorted({answer for answer, _ in traces if answer is not None})
    group = np.array([[-1 if a is None else names.index(a) for a, _ in traces]])
    rounded = [(answer, reference.confidences(top.tolist())) for answer, top in traces]
    theirs = reference.seven(rounded, size=WINDOW)
    for name, voter in VOTERS.items():
        signal = None if voter.signal is None else signals[voter.signal][None]
        assert names[vote(voter, group, signal).group[0]] == theirs[name], name


def test_fault_1_consensus_ends_the_draw():
    # There τ and β do not occur: all draws of the budget are made. Here 18 of 64 settle it.
    signal = np.arange(64.0) + 10
    log = make_log([[0] * 64], signals={"lowest": signal})
    found = replay_rule(
        log, make_orders(log, budget=64, resamples=1), DeepConf(eta=10), signal="lowest"
    )
    assert found.drawn.tolist() == [[18]]


def test_fault_2_the_answer_is_the_weighted_vote():
    traces = [("1", [9.0] * 4), ("2", [2.0] * 4), ("2", [3.0] * 4)]
    assert reference.final_answer(traces) == "2"  # the unweighted majority overwrites it
    group, signal = np.array([[0, 1, 1]]), np.array([[9.0, 2.0, 3.0]])
    assert vote(Voter("weighted", "lowest"), group, signal).group[0] == 0


def test_fault_3_voters_use_the_window_that_was_asked_for():
    confs = [9.0] * 100 + [1.0] * 20
    assert reference.tail_of(confs) == pytest.approx(np.mean(confs))  # 2048, whatever was asked
    ragged = Ragged.of_rows([np.array(confs)])
    assert tail_confidence(ragged, 20)[0] == 1.0
    assert bottom_confidence(ragged, 20)[0] < 4.0 < reference.bottom_of(confs)


def test_fault_4_an_unlikely_token_does_not_raise_confidence():
    top = [-0.1 - 0.1 * i for i in range(K)]
    likely, unlikely = reference.confidences([top, [*top, -30.0]])
    assert (
        unlikely > likely + 1
    )  # the 21st entry: more "confident" where an unlikely token was drawn
    with_k = token_confidence(np.array([top]))[0]
    assert with_k == pytest.approx(likely, abs=ROUNDED)


def test_fault_7_answers_are_compared_by_meaning():
    answers = ["0.5", r"\frac{1}{2}", "3", "3"]
    assert reference.majority(answers[:3]) == "0.5"  # by luck of the order: 1 vote of 3
    assert reference.majority(["3", *answers[:2]]) == "3"
    with Verifier() as verifier:
        (found,) = group_answers([Answers(("3", *answers[:2]))], verifier)
    outcome = vote(Voter(), found.group[None])
    assert found.texts[outcome.group[0]] == "0.5"
    assert outcome.share[0] == pytest.approx(2 / 3)
