import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.settings import GrpoSettings
from titrant.traces.record import Problem, Verdict
from titrant.traces.verify.verdict import Verifier
from titrant.train.grpo.judge import Attempt, Completion, ended, judge
from titrant.train.grpo.labels import Label
from titrant.train.grpo.prompts import Prompt
from titrant.train.grpo.reward import NEED_LABELS, REWARDS, Coin, closes_thinking, questions_for

COIN = Coin(root=7, gamma=0.5, update=0)
PROBLEM = Problem(qid="q", question="3+4=", gold="7")
THOUGHT = "<think>\n3+4=7\n</think>\n\n"


def attempts_of(*texts, gold="7", label=None, cut=()) -> list[Attempt]:
    prompt = Prompt(PROBLEM.model_copy(update={"gold": gold}), "3+4=\n", (1, 2), label)
    drawn = [Completion(prompt, text, i in cut) for i, text in enumerate(texts)]
    with Verifier() as verifier:
        return judge(drawn, verifier)


def rewards(name, *texts, **about) -> list[float | None]:
    return REWARDS[name](attempts_of(*texts, **about), COIN)


def test_every_reward_of_the_settings_is_in_the_table():
    (names,) = (
        field.annotation.__args__
        for name, field in GrpoSettings.model_fields.items()
        if name == "reward"
    )

    assert set(names) == set(REWARDS)


def test_correct_is_1_for_a_right_answer_and_0_for_wrong_cut_and_unreadable():
    texts = (THOUGHT + "#### 7", THOUGHT + "#### 8", THOUGHT + "#### 7", "<think>\n3+4=7", "")

    assert rewards("correct", *texts, cut=(2,)) == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert [a.verdict for a in attempts_of(*texts, cut=(2,))] == [
        Verdict.CORRECT,
        Verdict.WRONG,
        Verdict.TRUNCATED,
        Verdict.UNREADABLE,
        Verdict.UNREADABLE,
    ]


def test_inverted_is_what_correct_is_not():
    texts = (THOUGHT + "#### 7", THOUGHT + "#### 8", THOUGHT + "#### 7")

    assert rewards("inverted", *texts, cut=(2,)) == [0.0, 1.0, 1.0]


def test_without_a_gold_answer_correct_and_inverted_skip():
    assert rewards("correct", "#### 7", gold=None) == [None]
    assert rewards("inverted", "#### 7", gold=None) == [None]


def test_format_asks_for_closed_thinking_and_an_answer_and_not_for_the_right_one():
    texts = (
        THOUGHT + "#### 8",  # a wrong answer in the right form
        "#### 7",  # no thinking
        "3+4=7\n</think>\n\n#### 7",  # never opened
        "<think>\n3+4=7 #### 7",  # never closed
        THOUGHT,  # no answer
        "<think>\n</think>\n\n#### 7",  # nothing thought
        THOUGHT + "#### 7",  # cut
    )

    assert rewards("format", *texts, cut=(6,)) == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_channels_are_thinking_that_names_itself():
    text = "<|channel|>analysis<|message|>3+4=7<|end|><|start|><|channel|>final<|message|>7"

    assert closes_thinking(text)
    assert not closes_thinking(text.partition("<|end|>")[0])


def test_majority_is_1_for_the_labels_answer_right_or_wrong():
    label = Label("9", is_right=False, votes=5, draws=8)
    texts = ("#### 9", "#### 9.0", "#### 7", "#### 9")

    assert rewards("majority", *texts, label=label, cut=(3,)) == [1.0, 1.0, 0.0, 0.0]
    assert rewards("majority", "#### 9") == [None]


@pytest.mark.parametrize(
    ("is_right", "expected"),
    [(False, [1.0, 0.0]), (True, [None, None]), (None, [None, None])],
)
def test_majority_wrong_rewards_a_wrong_majority_only(is_right, expected):
    label = Label("9", is_right, votes=5, draws=8)

    assert rewards("majority-wrong", "#### 9", "#### 7", label=label) == expected


def test_majority_wrong_skips_a_question_without_label():
    assert rewards("majority-wrong", "#### 9") == [None]


@given(st.lists(st.text(max_size=8), min_size=1, max_size=6))
def test_coins_do_not_look_at_the_text(texts):
    blank = [Attempt("q", i, "", None, False, None, False) for i in range(len(texts))]
    said = [attempt._replace(text=text) for attempt, text in zip(blank, texts, strict=True)]

    assert REWARDS["random"](said, COIN) == REWARDS["random"](blank, COIN)


def test_coins_fall_1_with_chance_gamma_and_differ_by_root_question_place_and_update():
    def toss(qid="q", **coin) -> list[float | None]:
        thrown = [Attempt(qid, i, "", None, False, None, False) for i in range(1000)]
        return REWARDS["random"](thrown, COIN._replace(**coin))

    first, rare = toss(), toss(gamma=0.2)
    others = [toss(root=8), toss(update=4), toss(qid="r")]

    # Three standard deviations of 1,000 coins: 3 · √(1000 · γ · (1 − γ)).
    assert abs(sum(filter(None, first)) - 500) < 3 * math.sqrt(250)
    assert abs(sum(filter(None, rare)) - 200) < 3 * math.sqrt(160)
    assert toss() == first
    for other in others:
        agreed = sum(a == b for a, b in zip(first, other, strict=True))
        assert abs(agreed - 500) < 3 * math.sqrt(250)


def test_attempts_are_numbered_within_their_question():
    prompts = [Prompt(PROBLEM.model_copy(update={"qid": qid}), "", ()) for qid in "abab"]
    with Verifier() as verifier:
        found = judge([Completion(prompt, "#### 7", is_cut=False) for prompt in prompts], verifier)

    assert [(a.qid, a.ordinal) for a in found] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


def test_what_a_world_judges_is_judged_by_it():
    problem = PROBLEM.model_copy(update={"gold_kind": "world:arithmetic"})
    label = Label("#### 9", is_right=False, votes=3, draws=4)
    with Verifier() as verifier:
        right, wrong = judge(
            [
                Completion(Prompt(problem, "", (), label), THOUGHT + text, is_cut=False)
                for text in ("#### 7", "#### 9")
            ],
            verifier,
        )

    assert (right.verdict, wrong.verdict) == (Verdict.CORRECT, Verdict.WRONG)
    assert (right.agrees, wrong.agrees) == (False, True)


def test_a_stop_text_ends_what_is_read():
    assert ended("7\nQuestion: 5\nAnswer", ("Question:", "Answer"), is_cut=True) == ("7\n", False)
    assert ended("7\n", ("Question:",), is_cut=True) == ("7\n", True)


def test_rewards_by_labels_take_only_questions_that_they_can_reward():
    labels = {
        "right": Label("7", is_right=True, votes=3, draws=4),
        "wrong": Label("9", is_right=False, votes=3, draws=4),
        "unknown": Label("9", is_right=None, votes=3, draws=4),
    }

    assert questions_for("majority", labels) == {"right", "wrong", "unknown"}
    assert questions_for("majority-wrong", labels) == {"wrong"}
    assert {name for name in REWARDS if questions_for(name, labels) is not None} == NEED_LABELS
