import numpy as np

from scores_given import Given, candidates, pool
from titrant.select.rank import rank
from titrant.select.strategies import cover

NAN = float("nan")


def test_the_mean_of_the_pool_is_taken_off():
    # With the common part (100, 100) all cosines are over 0.99; without it these are opposite.
    scores = Given(states=[[101, 100], [99, 100], [100, 101], [100, 99]])

    centred = cover.centred(candidates(pool(4), scores))

    np.testing.assert_allclose(centred, [[1, 0], [-1, 0], [0, 1], [0, -1]])


def test_states_that_are_missing_stay_missing_and_out_of_the_mean():
    scores = Given(states=[[1, 0], [NAN, NAN], [3, 0]])

    centred = cover.centred(candidates(pool(3), scores))

    np.testing.assert_allclose(centred, [[-1, 0], [NAN, NAN], [1, 0]])


def clusters() -> Given:
    # 0–3 lie in one direction, 4–7 opposite; confidence falls with the uid.
    states = [[5, 1], [5, 0.9], [5, 1.1], [5, 1], [-5, -1], [-5, -0.9], [-5, -1.1], [-5, -1]]
    return Given({"confidence": [8, 7, 6, 5, 4, 3, 2, 1]}, states=[*states, [0, 9], [0, -9]])


def test_coverage_takes_one_of_each_cluster_before_a_second():
    scores = clusters()
    scores.states = scores.states[:8]
    for name in ("coverage", "center"):
        first, second = rank(pool(8), strategy=name, root=0, draw=0, scores=scores).subset(2)
        assert (int(first) < 4) != (int(second) < 4), name


def test_a_fifth_is_spread_out_before_the_next_begins():
    scores = Given({"confidence": [float(-i) for i in range(10)]}, states=clusters().states)

    rows = rank(pool(10), strategy="confidence+coverage", root=0, draw=0, scores=scores).rows

    fifths = [{int(row.uid) for row in rows[i : i + 2]} for i in range(0, 10, 2)]
    assert fifths == [{0, 1}, {2, 3}, {4, 5}, {6, 7}, {8, 9}]
    assert rows[2].reason.split("; ")[1:] == ["tier 2 of 5", "pick 1 by facility location"]


def test_what_ifd_ruled_out_is_in_no_tier():
    scores = Given({"ifd": [1.5, 0.9, 0.8, 0.7, 0.6, 0.5]}, states=clusters().states[:6])

    rows = rank(pool(6), strategy="ifd+center", root=0, draw=0, scores=scores).rows

    assert rows[-1].uid == "000"
    assert [row.reason.split("; ")[1] for row in rows[:5]] == [
        f"tier {i} of 5" for i in range(1, 6)
    ]


def test_a_near_copy_goes_behind_all_that_is_novel():
    # 1 has the direction of 0, and 3 that of 2.
    scores = Given(
        {"confidence": [5, 4, 3, 2, 1]}, states=[[2, 0], [1, 0], [0, 2], [0, 1], [-3, -3]]
    )

    rows = rank(pool(5), strategy="confidence+novelty", root=0, draw=0, scores=scores).rows

    assert [row.uid for row in rows] == ["000", "002", "004", "001", "003"]
    assert rows[3].reason == "confidence 4 nats; too like one before it"


def test_alike_begins_at_a_cosine_of_nine_tenths():
    # With the first row: 0.85 and 0.95. The second half is the first with other signs: mean 0.
    half = [[1, 0], [0.85, 0.5268], [0.95, -0.3122]]
    states = [*half, *([-x, -y] for x, y in half)]
    scores = Given({"confidence": [float(-i) for i in range(6)]}, states=states)

    rows = rank(pool(6), strategy="confidence+novelty", root=0, draw=0, scores=scores).rows

    assert [int(row.uid) for row in rows] == [0, 1, 3, 4, 2, 5]


def test_a_trace_without_a_state_comes_last_though_it_has_the_number():
    scores = Given({"confidence": [9, 1, 2]}, states=[[NAN, NAN], [1, 0], [0, 1]])
    for name in ("confidence+coverage", "confidence+center", "confidence+novelty"):
        rows = rank(pool(3), strategy=name, root=0, draw=0, scores=scores).rows
        assert rows[-1].uid == "000", name
        assert rows[-1].reason.startswith("not scored: no hidden state"), name


def test_after_the_most_picks_later_tiers_keep_their_order(monkeypatch):
    monkeypatch.setattr(cover, "MOST_PICKS", 3)
    scores = Given({"confidence": [float(-i) for i in range(10)]}, states=clusters().states)

    rows = rank(pool(10), strategy="confidence+coverage", root=0, draw=0, scores=scores).rows

    assert [int(row.uid) for row in rows[4:]] == [4, 5, 6, 7, 8, 9]
    assert "pick 1 by" in rows[2].reason
    assert rows[3].reason.endswith("after 1 picks by facility location")
    assert rows[4].reason.endswith("; tier 3 of 5")
