from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scores_given import Given, candidates, pool
from titrant.select.match import CONTROLS, by_difficulty, by_length
from titrant.select.rank import rank

NAN = float("nan")
RATES = [None, 0.0, 0.1, 0.3, 0.35, 0.95, 1.0]


def made(n: int, root: int):
    rng = np.random.default_rng(root)
    traces = pool(
        n,
        n_tokens=rng.integers(1, 30, n).tolist(),
        source=[f"s{i}" for i in rng.integers(0, 3, n)],
        domain=[("", "algebra")[i] for i in rng.integers(0, 2, n)],
    )
    rates = [NAN if r is None else r for r in (RATES[i] for i in rng.integers(0, len(RATES), n))]
    return traces, Given({"difficulty": rates, "confidence": rng.random(n).tolist()})


@given(st.sampled_from(sorted(CONTROLS)), st.integers(1, 80), st.integers(0, 99))
def test_every_prefix_has_the_strategys_distribution_over_the_strata(control, n, root):
    traces, scores = made(n, root)
    strata = CONTROLS[control](candidates(traces, scores)).number
    ranked = [
        rank(traces, strategy=name, root=root, draw=1, scores=scores).subset(n)
        for name in ("confidence", f"confidence~{control}")
    ]

    for k in range(1, n + 1):
        left, right = (Counter(strata[int(uid)] for uid in uids[:k]) for uids in ranked)
        assert left == right


def test_a_control_is_of_the_ranking_that_the_strategy_has_in_that_draw():
    # There is one trace per source, so the control of a random draw is that draw.
    traces = pool(15, source=[f"s{i}" for i in range(15)])
    for draw in (0, 1, 2):
        own, control = (
            rank(traces, strategy=name, root=0, draw=draw).subset(15)
            for name in ("random", "random~source")
        )
        assert control == own


def test_a_control_draws_uniformly_within_the_stratum():
    traces = pool(4, source=["a"] * 4)
    n = 1200

    first = Counter(
        rank(traces, strategy="longest~source", root=0, draw=draw).rows[0].uid for draw in range(n)
    )

    sigma = np.sqrt(n * 0.25 * 0.75)
    assert all(abs(first[f"{i:03d}"] - n / 4) < 4 * sigma for i in range(4))


def test_the_reason_says_what_is_held_fixed_and_for_which_strategy():
    traces = pool(2, source=["a", ""], domain=["x", ""])

    rows = rank(traces, strategy="longest@1~source", root=0, draw=0).rows

    assert [row.reason for row in rows] == [
        "random: no source, as longest@1 has here",
        "random: source a, as longest@1 has here",
    ]


def test_lengths_fall_into_twenty_bins_of_equal_numbers():
    strata = by_length(candidates(pool(100)))

    assert len(strata.names) == 20
    assert set(np.bincount(strata.number).tolist()) <= {4, 5, 6}
    assert (np.diff(strata.number) >= 0).all()  # longer is never a lower stratum
    assert strata.names[0].endswith(" tokens")


def test_equal_lengths_stay_together():
    strata = by_length(candidates(pool(30, n_tokens=[7] * 29 + [8])))

    assert len({strata.number[i] for i in range(29)}) == 1
    assert strata.names[int(strata.number[0])].startswith("7 to ")


@pytest.mark.parametrize(
    ("rate", "name"),
    [
        (0.0, "pass rate 0.0 to 0.1"),
        (0.1, "pass rate 0.1 to 0.2"),
        (0.3, "pass rate 0.3 to 0.4"),  # 0.3 · 10 is 3.0000000000000004 − 0 in floats
        (0.7, "pass rate 0.7 to 0.8"),
        (1.0, "pass rate 0.9 to 1.0"),
        (NAN, "pass rate unknown"),
    ],
)
def test_pass_rates_fall_into_tenths(rate, name):
    strata = by_difficulty(candidates(pool(1), Given({"difficulty": [rate]})))

    assert strata.names[int(strata.number[0])] == name


def test_no_trace_is_of_no_stratum():
    assert all(
        len(strata(candidates([], Given({"difficulty": []}))).number) == 0
        for strata in CONTROLS.values()
    )
