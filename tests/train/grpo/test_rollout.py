from types import SimpleNamespace

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from titrant.settings import GrpoSettings
from titrant.traces.verify.verdict import Verifier
from titrant.train.grpo.rollout import Rewarder, Rules

pytestmark = pytest.mark.train


@pytest.fixture
def rewarded(prompts, tokenizer):
    """Calls a rewarder as TRL does; gives rewards and what was logged."""

    def call(*texts, ends=True, reward="correct", root=1, update=0, **rules):
        end = (tokenizer.eos_token_id,)
        ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
        logged = {}
        with Verifier() as verifier:
            rewarder = Rewarder(
                prompts,
                Rules(GrpoSettings(reward=reward), 64, frozenset(end), **rules),
                tokenizer,
                verifier,
                root,
            )
            found = rewarder(
                ["not looked at"] * len(texts),
                ["not looked at"] * len(texts),
                completion_ids=[[*row, *(end if ends else ())] for row in ids],
                number=[0] * len(texts),
                trainer_state=SimpleNamespace(global_step=update),
                log_metric=logged.__setitem__,
                log_extra=None,
            )
        return found, logged

    return call


@pytest.fixture
def gold(prompts) -> str:
    return prompts[0].problem.gold


def test_tokens_are_read_and_not_the_text_that_trl_has_made(rewarded, gold):
    found, logged = rewarded(f"<think>\nso\n</think>\n\n#### {gold}", "<think>\nso", "#### x1")

    assert found == [1.0, 0.0, 0.0]
    assert logged["correct"] == pytest.approx(1 / 3)
    assert logged["unreadable"] == pytest.approx(1 / 3)
    assert logged["truncated"] == 0.0


def test_a_completion_without_stop_token_is_truncated(rewarded, gold):
    found, logged = rewarded(f"#### {gold}", ends=False)

    assert found == [0.0]
    assert logged["truncated"] == 1.0


def test_tokens_of_prompts_and_completions_are_counted(rewarded, prompts):
    _, logged = rewarded("12", "345")

    assert logged["generated_tokens"] == 2 + 3 + 2  # with their stop tokens
    assert logged["prompt_tokens"] == 2 * len(prompts[0].ids)


def test_the_stop_token_is_no_part_of_the_answer(rewarded, gold):
    found, _ = rewarded(f"so {gold}", answer_pattern=r"so (.*)")

    assert found == [1.0]


def test_what_the_prompt_has_opened_counts_as_opened(rewarded, gold):
    text = f"so\n</think>\n\n#### {gold}"

    assert rewarded(text, reward="format")[0] == [0.0]
    assert rewarded(text, reward="format", opens_thinking="<think>\n")[0] == [1.0]


def test_the_users_pattern_finds_the_answer(rewarded, gold):
    text = f"mine is {gold}, and #### 0"

    assert rewarded(text)[0] == [0.0]
    assert rewarded(text, answer_pattern=r"mine is (\d+)")[0] == [1.0]


def test_nothing_is_read_behind_a_stop_text(rewarded, gold):
    text = f"#### {gold}\nQuestion: #### 0"

    assert rewarded(text, ends=False)[0] == [0.0]
    assert rewarded(text, ends=False, stop=("\nQuestion:",))[0] == [1.0]


def test_coins_come_from_the_arms_seed_and_the_update(rewarded):
    texts = ["1"] * 40

    def toss(**labels) -> list[float | None]:
        return rewarded(*texts, reward="random", **labels)[0]

    assert toss() == toss()
    assert toss() != toss(root=2)
    assert toss() != toss(update=4)
