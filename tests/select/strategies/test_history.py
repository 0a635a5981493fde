import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scores_given import Given, pool
from titrant.select.rank import rank
from titrant.select.strategies.history import alignment, as_table, spreads

NAN = float("nan")
accuracies = st.lists(st.integers(0, 8).map(lambda n: n / 8), min_size=1, max_size=6)
histories = st.lists(accuracies, min_size=1, max_size=8)


def arrays(rows: list[list[float]]) -> list[np.ndarray]:
    return [np.array(row, dtype=float) for row in rows]


def test_alignment_is_the_published_formula():
    # Mean (.25, .5); Σ(1 − mean)² = .5625 + .25 = .8125.
    # (0, .5): .0625 / .8125. (.5, .5): the same.
    np.testing.assert_allclose(
        alignment(arrays([[0, 0.5], [0.5, 0.5]])), [1 - 0.0625 / 0.8125, 1 - 0.0625 / 0.8125]
    )


@given(histories, st.integers(1, 6))
def test_an_item_that_goes_as_the_mean_scores_one(rows, epochs):
    table = np.array([(row * epochs)[:epochs] for row in rows])
    mean = table.mean(axis=0)
    if mean.min() == 1:
        return

    scores = alignment([*table, mean])  # the mean of items and their mean is their mean

    assert scores[-1] == pytest.approx(1)


@given(histories)
def test_an_item_that_is_always_solved_scores_exactly_zero(rows):
    longest = max(len(row) for row in rows)
    scores = alignment(arrays([*rows, [1.0] * longest]))

    if any(value < 1 for row in rows for value in row):
        assert scores[-1] == 0
    else:
        assert np.isnan(scores[-1])  # 0 / 0: it is also the mean


@given(histories)
def test_no_item_is_over_one_and_order_does_not_matter(rows):
    scores = alignment(arrays(rows))

    assert not (scores > 1).any()
    np.testing.assert_allclose(alignment(arrays(rows[::-1])), scores[::-1], atol=1e-12)


def test_missing_epochs_are_left_out_of_every_sum():
    # Epoch means over those that have it: .5, .25, 0. The first has epochs 1 and 2:
    # off 0.25 + 0.0625, most 0.25 + 0.5625.
    rows = arrays([[1, 0], [0, 0.5, 0], [], [NAN, NAN]])

    scores = alignment(rows)

    assert scores[0] == pytest.approx(1 - 0.3125 / 0.8125)
    # The second: off .25 + .0625 + 0, most .25 + .5625 + 1.
    assert scores[1] == pytest.approx(1 - 0.3125 / 1.8125)
    assert np.isnan(scores[2:]).all()


@given(histories)
def test_spread_is_numpys_standard_deviation(rows):
    expected = [np.std(row) if len(row) > 1 else NAN for row in rows]

    np.testing.assert_allclose(spreads(arrays(rows)), expected, atol=1e-12)


def test_nothing_is_a_table_of_nothing():
    assert as_table([]).shape == (0, 0)
    assert len(alignment([])) == len(spreads([])) == 0


def test_traces_of_a_question_share_its_number_and_those_without_come_last():
    traces = pool(5, qid=["a", "b", "a", "c", "d"])
    # Mean (.5, .5). a: 1 − 0. b and d: 1 − .5 / .5.
    scores = Given(histories={"a": [0.5, 0.5], "b": [1, 1], "d": [0, 0]})

    rows = rank(traces, strategy="limr", root=0, draw=0, scores=scores).rows

    assert [row.uid for row in rows] == ["000", "002", "001", "004", "003"]
    assert rows[0].reason == "alignment 1.000, over LIMR's 0.6"
    assert rows[2].reason == "alignment 0.000, not over LIMR's 0.6"
    assert rows[-1].reason == "not scored"


def test_the_question_that_changed_most_is_first():
    scores = Given(histories={"q000": [0.5, 0.5], "q001": [0, 1], "q002": [1.0]})

    rows = rank(pool(3), strategy="history-std", root=0, draw=0, scores=scores).rows

    assert [row.uid for row in rows] == ["001", "000", "002"]
    assert rows[0].reason == "accuracy's std 0.500 over the epochs"


def test_real_histories_are_ranked_as_the_published_script_ranks_them(shared_data):
    path = shared_data / "learning_impact" / "acc_step_500.json"
    rows = list(json.loads(path.read_text()).values())
    assert (len(rows), min(map(len, rows)), max(map(len, rows))) == (1209, 44, 57)

    # The script of 1-shot RLVR cuts all at the shortest; on histories so cut we must agree.
    cut = np.array([row[:44] for row in rows])
    mean = cut.mean(axis=0)
    published = 1 - ((cut - mean) ** 2).sum(axis=1) / ((1 - mean) ** 2).sum()
    np.testing.assert_allclose(alignment(list(cut)), published, rtol=1e-12)

    # On whole histories the order is nearly theirs.
    whole = alignment(arrays(rows))
    ranks = [np.argsort(np.argsort(-scores)) for scores in (published, whole)]
    assert np.corrcoef(ranks)[0, 1] > 0.99
    np.testing.assert_allclose(spreads(arrays(rows)), [np.std(row) for row in rows], rtol=1e-12)
