"""Which question is most like another."""

import pytest

from titrant.treat import alike
from titrant.treat.alike import Asked, most_alike
from trace_made import made_trace


def asked(question: str, *place: float) -> Asked:
    return Asked(question, question, place or None)


def test_texts_are_matched_by_the_characters_they_share():
    near = most_alike([asked("12+3="), asked("12+4="), asked("hello there"), asked("hello, there")])
    assert near["12+3="] == ["12+4="]
    assert near["hello there"] == ["hello, there"]


def test_equally_near_questions_are_all_named():
    near = most_alike([asked("a1"), asked("a2"), asked("a3"), asked("zz")])
    assert near["a1"] == ["a2", "a3"]


def test_places_are_matched_by_the_sum_of_differences():
    near = most_alike([asked("a", 0, 0, 5, 5), asked("b", 0, 1, 5, 5), asked("c", 2, 1, 5, 5)])
    # a–b: 1, a–c: 3, b–c: 2
    assert near == {"a": ["b"], "b": ["a"], "c": ["b"]}


def test_who_shares_its_place_with_many_is_not_its_own_neighbour():
    near = most_alike([asked(f"q{i:02d}", 1, 2) for i in range(40)])
    assert all(qid not in others and others for qid, others in near.items())


def test_a_question_alone_in_its_kind_is_matched_by_text():
    near = most_alike([asked("maze 1", 1, 2), asked("maze 2"), asked("sum"), asked("sums")])
    pairs = {"maze 1": ["maze 2"], "sum": ["sums"]}
    assert near == pairs | {"maze 2": ["maze 1"], "sums": ["sum"]}
    near = most_alike([asked("maze 1", 1, 2), asked("maze 2", 1, 2), asked("maze 3")])
    assert near["maze 1"] == ["maze 2"]
    assert set(near["maze 3"]) == {"maze 1", "maze 2"}


def test_of_many_texts_those_near_in_length_are_compared(monkeypatch):
    questions = [asked(f"{i:04d}" + "x" * i) for i in range(120)]
    whole = most_alike(questions)
    monkeypatch.setattr(alike, "PAIRS", 120 * 40)
    near = most_alike(questions)
    agree = sum(near[q.qid][0] == whole[q.qid][0] for q in questions)
    assert agree > 110
    assert all(q.qid not in near[q.qid] for q in questions)


@pytest.mark.parametrize(
    ("meta", "place"),
    [
        ({"start": [1, 2], "goal": (3, 4)}, (1, 2, 3, 4)),
        ({"start": 1, "goal": 2.5}, (1, 2.5)),
        ({"start": [1, 2]}, None),
        ({"start": "1,2", "goal": "4,1"}, (1, 2, 4, 1)),
        ({"start": "-1.5, 2,3", "goal": [4]}, (-1.5, 2, 3, 4)),
        ({"start": "a", "goal": "b"}, None),
        ({"start": "1,b", "goal": "4,1"}, None),
        ({"start": "1,", "goal": "4,1"}, None),
        ({"start": "nan,1", "goal": "4,1"}, None),
        ({"start": "1", "goal": "2"}, None),
        ({"start": True, "goal": False}, None),
        ({"start": [], "goal": []}, None),
        ({}, None),
    ],
)
def test_a_place_is_numbers_at_both_ends(meta, place):
    assert Asked.by(made_trace("q?", "t", "a", meta=meta)).place == place
