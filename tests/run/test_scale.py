"""What a dose counts: traces, or distinct questions under reinforcement learning."""

import fake_arms
import pytest

from titrant.errors import ConfigError
from titrant.run.input.scale import counts_questions, ladder_plan, pool_size
from titrant.select.rank import first_of_questions
from titrant.worlds.pools import make_pool
from trace_made import made_trace

GRPO = {"algorithm": "grpo", "grpo": {"group": 8, "updates_per_rollout": 4}}
RECIPE = {"updates": 8, "rows_per_update": 32}


def test_under_sft_a_dose_counts_traces():
    pool = make_pool("arithmetic", 100)
    config = fake_arms.fake_config()
    assert not counts_questions(config)
    assert pool_size(config, pool) == 100
    assert ladder_plan(config, pool).top_dose == 100


def test_under_reinforcement_learning_a_dose_counts_questions():
    pool = make_pool("arithmetic", 100)
    config = fake_arms.fake_config(train=GRPO, recipe=RECIPE)
    questions = len({trace.qid for trace in pool})
    assert questions < 100
    # 8 updates of 32 completions, 8 to a prompt: 32 prompts can be asked
    assert pool_size(config, pool) == questions
    assert ladder_plan(config, pool).top_dose == min(questions, 32)


def test_the_first_trace_of_a_question_stands_for_it():
    traces = [made_trace(q, None, a) for q, a in (("a", "1"), ("b", "2"), ("a", "3"), ("c", "4"))]
    assert [t.answer_text for t in first_of_questions(traces, 2)] == ["1", "2"]
    assert [t.answer_text for t in first_of_questions(traces, 9)] == ["1", "2", "4"]


@pytest.mark.parametrize(
    ("recipe", "train", "match"),
    [
        ({"updates": 8, "rows_per_update": 30}, GRPO, "does not divide recipe.rows_per_update"),
        ({"updates": 6, "rows_per_update": 32}, GRPO, "does not divide recipe.updates"),
    ],
)
def test_sizes_that_do_not_divide_are_refused(recipe, train, match):
    pool = make_pool("arithmetic", 40)
    with pytest.raises(ConfigError, match=match):
        ladder_plan(fake_arms.fake_config(train=train, recipe=recipe), pool)
