import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.errors import ConfigError, TrainError
from titrant.settings import RecipeSettings
from titrant.train.plan_updates import plan_updates


@given(
    n_rows=st.integers(1, 40),
    updates=st.integers(1, 20),
    per_update=st.sampled_from([1, 2, 4, 16]),
    seed=st.integers(0, 2**62),
)
@settings(max_examples=80, deadline=None)
def test_matched_updates_visit_every_row_equally_often_give_or_take_one(
    n_rows, updates, per_update, seed
):
    recipe = RecipeSettings(updates=updates, rows_per_update=per_update)

    plan = plan_updates(recipe, [3] * n_rows, seed=seed)

    counts = np.bincount(plan.order, minlength=n_rows)
    assert counts.sum() == updates * per_update
    assert plan.updates == updates
    assert counts.max() - counts.min() <= 1


def test_a_pool_larger_than_the_budget_is_seen_at_most_once():
    plan = plan_updates(RecipeSettings(updates=2, rows_per_update=4), [1] * 100, seed=0)

    assert len(set(plan.order.tolist())) == 8


def test_the_order_depends_on_the_seed_only():
    recipe = RecipeSettings(updates=4, rows_per_update=8)

    one, same, other = (plan_updates(recipe, [1] * 9, seed=s).order.tolist() for s in (1, 1, 2))

    assert one == same != other


def test_rows_of_an_update_stand_by_length():
    recipe = RecipeSettings(updates=3, rows_per_update=4)
    lengths = [7, 3, 9, 1, 5]

    plan = plan_updates(recipe, lengths, seed=0)

    for update in np.array(lengths)[plan.order].reshape(3, 4):
        assert update.tolist() == sorted(update.tolist())


def test_epochs_are_whole_passes_and_the_last_update_may_be_short():
    recipe = RecipeSettings(match="epochs", epochs=3, rows_per_update=4)

    plan = plan_updates(recipe, [1] * 5, seed=0)

    assert np.bincount(plan.order).tolist() == [3, 3, 3, 3, 3]
    assert plan.updates == 4  # 15 rows in fours: 4 + 4 + 4 + 3


def test_equal_tokens_give_short_rows_more_updates():
    # 10 updates of 4 rows of 30 loss tokens are 1,200 tokens. Rows of 10 loss tokens make 40 per
    # update, so they take 30 updates.
    recipe = RecipeSettings(match="tokens", rows_per_update=4)

    plan = plan_updates(recipe, [12] * 6, seed=0, loss_tokens=[10] * 6, token_budget=1200)

    assert plan.updates == 30


@given(st.lists(st.integers(1, 200), min_size=1, max_size=20), st.integers(1, 20_000))
@settings(max_examples=60, deadline=None)
def test_equal_tokens_come_within_half_an_update_of_the_budget(loss_tokens, budget):
    recipe = RecipeSettings(match="tokens", rows_per_update=4)

    plan = plan_updates(recipe, loss_tokens, seed=3, loss_tokens=loss_tokens, token_budget=budget)

    trained = sum(loss_tokens[i] for i in plan.order)
    # The largest update that could have been added or left out has four of the longest rows.
    assert plan.updates == 1 or abs(trained - budget) <= 4 * max(loss_tokens) / 2


def test_updates_and_tokens_share_their_order_where_they_share_their_length():
    tokens = plan_updates(
        RecipeSettings(match="tokens", rows_per_update=4),
        [5] * 7,
        seed=9,
        loss_tokens=[5] * 7,
        token_budget=5 * 4 * 6,
    )
    updates = plan_updates(RecipeSettings(updates=6, rows_per_update=4), [5] * 7, seed=9)

    assert tokens.order.tolist() == updates.order.tolist()


def test_accumulation_fills_up_an_update():
    recipe = RecipeSettings(rows_per_update=16, rows_per_device=4)

    assert plan_updates(recipe, [1], seed=0).accumulation == 4


def test_rows_per_device_must_divide_an_update():
    with pytest.raises(ConfigError, match=r"(?s)does not divide.*set recipe.rows_per_device to 4"):
        plan_updates(RecipeSettings(rows_per_update=16, rows_per_device=5), [1], seed=0)


def test_an_arm_without_rows_is_refused():
    with pytest.raises(TrainError, match="an arm without rows cannot be trained"):
        plan_updates(RecipeSettings(), [], seed=0)


def test_copies_within_an_update_are_taken_once():
    # 2 rows and 8 rows per update: every update is 4 whole passes, so one pass of 2 rows stands for it.
    plan = plan_updates(RecipeSettings(updates=3, rows_per_update=8), [5, 4], seed=0)

    once = plan.once()

    assert once.order.tolist() == [1, 0] * 3
    assert (once.rows_per_update, once.rows_per_device, once.updates) == (2, 2, 3)


def test_uneven_copies_are_left_as_they_are():
    # 3 rows and 8 rows per update: some rows stand 3 times in an update and others twice.
    plan = plan_updates(RecipeSettings(updates=3, rows_per_update=8), [1] * 3, seed=0)

    assert plan.once() is plan


def test_rows_that_stand_once_are_left_as_they_are():
    plan = plan_updates(RecipeSettings(updates=3, rows_per_update=8), [1] * 8, seed=0)

    assert plan.once() is plan
