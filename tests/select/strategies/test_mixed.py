import pytest

from scores_given import Given, pool
from titrant.select.rank import rank


def ranked(strategy: str, traces, scores):
    return rank(traces, strategy=strategy, root=0, draw=0, scores=scores).rows


def test_deita_multiplies_difficulty_by_confidence_and_skips_what_is_alike():
    # Percentiles of confidence: 1/8, 3/8, 5/8, 7/8; 1 − pass rate: 1, .5, .75, .75.
    # Scores .125, .1875, .46875, .65625; the state of 2 is a multiple of that of 3.
    scores = Given(
        {"difficulty": [0.0, 0.5, 0.25, 0.25], "confidence": [1.0, 2.0, 3.0, 4.0]},
        states=[[-4, 0], [0, -4], [1, 1], [3, 3]],
    )

    rows = ranked("deita", pool(4), scores)

    assert [row.uid for row in rows] == ["003", "001", "000", "002"]
    assert rows[0].reason == "score 0.656 (difficulty 0.75 × confidence 0.88)"
    assert rows[3].reason.endswith("; too like one before it")


def test_superfiltering_covers_inside_the_best_fifth_only():
    n = 10  # a fifth: the two of highest IFD, 009 and 008
    scores = Given(
        {"ifd": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.5, 0.8, 0.9]},
        states=[[i - 4.0, (i % 3) - 1.0] for i in range(n)],
    )

    rows = ranked("superfiltering-d", pool(n), scores)

    assert {row.uid for row in rows[:2]} == {"008", "009"}
    assert all("; best 20%; pick" in row.reason for row in rows[:2])
    assert [row.uid for row in rows[2:]] == ["006", "005", "004", "003", "002", "001", "000", "007"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Difficulty 1, .5, 0; length percentiles 1/6, 1/2, 5/6.
        ("select2reason-25", ["002", "001", "000"]),  # .375, .5, .625
        ("select2reason", ["000", "001", "002"]),  # .583, .5, .417
        ("select2reason-75", ["000", "001", "002"]),  # .792, .5, .208
    ],
)
def test_select2reason_weighs_difficulty_against_length(name, expected):
    rows = ranked(name, pool(3), Given({"difficulty": [0.0, 0.5, 1.0]}))

    assert [row.uid for row in rows] == expected


def test_select2reason_gives_both_numbers():
    rows = ranked("select2reason", pool(3), Given({"difficulty": [0.0, 0.5, 1.0]}))

    assert rows[0].reason == "score 0.583 (difficulty 1.00, length 0.17)"
