from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.errors import ConfigError, TrainError
from titrant.settings import GrpoSettings, RecipeSettings
from titrant.train.grpo.plan import Tokens, count_tokens, plan_rollouts, prompt_visits


def plan(n_prompts=10, *, seed=0, recipe=None, **grpo):
    settings = GrpoSettings.model_validate({"group": 4, **grpo})
    made = RecipeSettings.model_validate({"updates": 8, "rows_per_update": 8, **(recipe or {})})
    return plan_rollouts(made, settings, n_prompts, seed=seed)


def test_a_rollout_feeds_its_updates_once():
    found = plan()

    # 4 updates of 8 completions are 32 completions: 8 prompts of 4.
    assert found.prompts_per_rollout == 8
    assert (found.passes, found.updates_per_pass) == (1, 4)
    assert len(found.visits.order) == 2 * 8  # 8 updates are 2 rollouts


def test_fewer_prompts_mean_more_passes():
    found = plan(prompts_per_rollout=2)

    # 2 prompts × 4 = 8 completions = 1 update per pass, so 4 updates are 4 passes.
    assert (found.passes, found.updates_per_pass) == (4, 1)
    assert len(found.visits.order) == 2 * 2


@given(n_prompts=st.integers(1, 40), rollouts=st.integers(1, 5), seed=st.integers(0, 3))
def test_prompts_are_visited_equally_often_give_or_take_one(n_prompts, rollouts, seed):
    found = plan(n_prompts, seed=seed, recipe={"updates": 4 * rollouts})

    counts = Counter(found.visits.order.tolist())
    assert sum(counts.values()) == 8 * rollouts
    assert max(counts.values()) - min(counts.get(i, 0) for i in range(n_prompts)) <= 1


@given(n_prompts=st.integers(1, 40), rollouts=st.integers(1, 5))
def test_an_arm_sees_as_many_questions_as_it_visits_prompts(n_prompts, rollouts):
    recipe = RecipeSettings(updates=4 * rollouts, rows_per_update=8)
    most = prompt_visits(recipe, GrpoSettings(group=4))

    order = plan_rollouts(recipe, GrpoSettings(group=4), n_prompts, seed=0).visits.order
    assert len(order) == most == 8 * rollouts
    assert len(set(order.tolist())) == min(n_prompts, most)


def test_the_seed_fixes_the_order():
    assert (plan(seed=1).visits.order == plan(seed=1).visits.order).all()
    assert (plan(seed=1).visits.order != plan(seed=2).visits.order).any()


@pytest.mark.parametrize(
    ("recipe", "grpo", "message"),
    [
        (
            {"rows_per_update": 10},
            {},
            r"(?s)train.grpo.group does not divide recipe.rows_per_update.*rows_per_update: 8",
        ),
        (
            {"updates": 9},
            {},
            r"(?s)updates_per_rollout does not divide recipe.updates.*set recipe.updates: 8",
        ),
        (
            {"updates": 2},
            {},
            r"(?s)updates_per_rollout does not divide recipe.updates.*set recipe.updates: 4",
        ),
        ({}, {"prompts_per_rollout": 3}, r"(?s)cannot be cut.*12 completions, 8 rows per update"),
        ({}, {"prompts_per_rollout": 1}, "cannot be cut into its updates"),
        ({}, {"prompts_per_rollout": 16}, "cannot be cut into its updates"),
        ({}, {"prompts_per_rollout": 6}, "cannot be cut into its updates"),
        ({"match": "tokens"}, {}, r"(?s)recipe.match: tokens cannot.*set recipe.match: updates"),
        ({"match": "epochs"}, {}, "recipe.match: epochs cannot be used"),
        ({"rows_per_device": 3}, {}, "rows_per_device does not divide"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(recipe, grpo, message):
    with pytest.raises(ConfigError, match=message):
        plan(recipe=recipe, **grpo)


def test_no_prompt_is_no_arm():
    with pytest.raises(TrainError, match="without prompts"):
        plan(0)


def test_tokens_are_those_of_whole_rollouts():
    drawn = {"generated_tokens": 100.0, "prompt_tokens": 60.0}
    log = {1: drawn, 2: {}, 3: {}, 4: {}, 5: {"generated_tokens": 80.0, "prompt_tokens": 60.0}}

    # A whole rollout, and a quarter of the second one: 160 + 140 / 4 and 100 + 80 / 4.
    assert count_tokens(log, plan()) == Tokens(train=195, loss=120, generated=180)
    # Four passes: four times as much is trained of the same draws.
    assert count_tokens(log, plan(prompts_per_rollout=2)) == Tokens(780, 480, 180)
    assert count_tokens({}, plan()) == Tokens(0, 0, 0)
