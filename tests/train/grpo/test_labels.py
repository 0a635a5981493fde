import pytest

from titrant.errors import DataError
from titrant.traces.record import Problem
from titrant.traces.verify.verdict import Verifier
from titrant.train.grpo.labels import Label, majority_labels, read_labels, write_labels

PROBLEM = Problem(qid="q", question="3+4=", gold="7")


def labels_of(answers, problems=(PROBLEM,)) -> dict[str, Label]:
    with Verifier() as verifier:
        return majority_labels(answers, problems, verifier=verifier)


def test_the_commonest_answer_is_the_label_and_draws_without_one_do_not_vote():
    found = labels_of({"q": ["7", "9", None, "9", None, None]})

    assert found == {"q": Label("9", is_right=False, votes=2, draws=6)}


def test_spellings_of_one_number_vote_together():
    # 7 and 7.0 and $7$ are three votes, 9 has two.
    found = labels_of({"q": ["9", "7", "7.0", "9", "$7$"]})

    assert found == {"q": Label("7", is_right=True, votes=3, draws=5)}


def test_of_equal_counts_the_answer_drawn_first_wins():
    assert labels_of({"q": ["9", "7", "7", "9"]})["q"].answer == "9"
    assert labels_of({"q": ["7", "9", "9", "7"]})["q"].answer == "7"


def test_a_question_without_any_answer_has_no_label():
    assert labels_of({"q": [None, None]}) == {}
    assert labels_of({}) == {}


def test_without_gold_nobody_knows_whether_a_label_is_right():
    problem = PROBLEM.model_copy(update={"gold": None})

    assert labels_of({"q": ["7"]}, [problem])["q"].is_right is None


def test_an_answer_that_algebra_finds_equal_is_right():
    problem = PROBLEM.model_copy(update={"gold": r"\frac{x}{2}"})

    assert labels_of({"q": ["0.5x"]}, [problem])["q"].is_right


def test_a_world_says_whether_its_label_is_right():
    problem = PROBLEM.model_copy(update={"gold_kind": "world:arithmetic"})

    assert labels_of({"q": ["#### 7"]}, [problem])["q"].is_right
    assert labels_of({"q": ["#### 9"]}, [problem])["q"].is_right is False


def test_labels_come_back_from_disk(tmp_path):
    labels = {
        "a": Label("7", is_right=True, votes=3, draws=4),
        "b": Label("9", is_right=None, votes=1, draws=4),
    }
    path = tmp_path / "majority.parquet"

    write_labels(path, labels)

    assert read_labels(path) == labels


def test_missing_labels_say_what_to_do(tmp_path):
    with pytest.raises(
        DataError, match=r"(?s)cannot be read as majority labels.*train.grpo.reward"
    ):
        read_labels(tmp_path / "majority.parquet")
