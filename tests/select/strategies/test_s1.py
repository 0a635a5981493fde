from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scores_given import Given, pool
from titrant.select.rank import rank
from titrant.select.strategies.s1 import fault, geometric_rank
from titrant.traces.record import Verdict

NAN = float("nan")


def test_broken_and_solved_traces_are_out_and_wrong_ones_stay():
    traces = pool(
        6,
        verdict=[Verdict.WRONG, Verdict.TRUNCATED, Verdict.UNREADABLE, None, None, None],
        unfinished=[False, False, False, True, False, False],
    )
    scores = Given({"difficulty": [0.0, 0.0, 0.0, 0.0, 0.5, NAN]})

    rows = rank(traces, strategy="s1", root=0, draw=0, scores=scores).rows

    assert [(row.uid, row.reason) for row in rows] == [
        ("000", "drawn, number 1 of 1 by length: 10 tokens"),
        ("004", "out for difficulty: the base solves it at 0.5"),
        ("001", "out for quality: truncated"),
        ("002", "out for quality: no readable answer"),
        ("003", "out for quality: truncated"),
        ("005", "not scored"),
    ]


@pytest.mark.parametrize("verdict", [Verdict.CORRECT, Verdict.WRONG, None])
def test_right_or_wrong_is_no_fault(verdict):
    assert fault(pool(1, verdict=[verdict])[0]) is None


def test_the_first_row_is_a_uniform_domain_and_the_longest_with_probability_one_half():
    # Domain a: three traces of 10, 11, 12 tokens, b: one of 13. P(b) = 1/2; inside a
    # P(rank) ∝ 1, 1/2, 1/4, so the longest (uid 002) has 4/7, the middle 2/7, the shortest 1/7.
    traces = pool(4, domain=["a", "a", "a", "b"])
    scores = Given({"difficulty": [0.0] * 4})
    n = 2000

    first = Counter(
        rank(traces, strategy="s1", root=0, draw=draw, scores=scores).rows[0].uid
        for draw in range(n)
    )

    expected = {"003": 1 / 2, "002": 4 / 14, "001": 2 / 14, "000": 1 / 14}
    for uid, share in expected.items():
        sigma = np.sqrt(share * (1 - share) / n)
        assert abs(first[uid] / n - share) < 4 * sigma, uid


def test_a_domain_that_is_used_up_is_drawn_no_more():
    traces = pool(5, domain=["a", "b", "b", "b", "b"])
    rows = rank(traces, strategy="s1", root=0, draw=1, scores=Given({"difficulty": [0.0] * 5})).rows

    assert sum(row.reason.startswith("domain a drawn, number 1 of 1") for row in rows) == 1
    left = [int(row.reason.split(" of ")[1].split()[0]) for row in rows if "domain b" in row.reason]
    assert left == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("u", "n", "rank_"),
    [
        # n = 3: shares 4/7, 2/7, 1/7, so steps at 0.571 and 0.857.
        (0.0, 3, 0),
        (0.57, 3, 0),
        (0.58, 3, 1),
        (0.85, 3, 1),
        (0.86, 3, 2),
        (0.999999, 3, 2),
        (0.999999, 1, 0),
    ],
)
def test_ranks_follow_the_distribution_function(u, n, rank_):
    assert geometric_rank(u, n) == rank_


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 5000))
def test_a_rank_is_one_of_those_left(u, n):
    assert 0 <= geometric_rank(u, n) < n
