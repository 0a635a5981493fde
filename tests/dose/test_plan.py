import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.dose.ladder.ladder import make_plan
from titrant.dose.plan import (
    Speed,
    Workload,
    count_arms,
    disk_per_arm,
    estimate,
    power_of,
    problems_needed,
    smallest_difference,
    table_speed,
    variance_share,
)
from titrant.settings import Config, DecodeSettings, LadderSettings


def config(**changes):
    return Config.model_validate({"base": "b", "pool": "p", "benchmark": "q"} | changes)


def test_two_points_at_a_fifth_discordant_take_4279_problems():
    # (1.64485·√0.2 + 1.28155·√(0.2 − 0.0004))² / 0.0004
    # = (0.735600 + 0.572548)² / 0.0004 = 1.711252 / 0.0004 = 4278.1
    assert problems_needed(0.02, confidence=0.9, discordance=0.2) == pytest.approx(4278.1, abs=0.5)


def test_a_difference_over_the_discordance_is_all_of_it():
    # d = δ = 0.5: (1.64485·√0.5 + 1.28155·√(0.5 − 0.25))² / 0.25 = (1.163086 + 0.640776)² / 0.25
    assert problems_needed(0.5, confidence=0.9, discordance=0.2) == pytest.approx(13.016, abs=0.01)


@settings(max_examples=30)
@given(st.integers(20, 100_000), st.floats(0.05, 0.6))
def test_the_smallest_difference_is_the_inverse_of_the_problems_needed(n, discordance):
    difference = smallest_difference(n, confidence=0.9, discordance=discordance)
    needed = problems_needed(difference, confidence=0.9, discordance=discordance)
    assert needed == pytest.approx(n, rel=1e-6)


def test_three_problems_tell_next_to_nothing():
    assert smallest_difference(3, confidence=0.9) > 0.9
    assert smallest_difference(1, confidence=0.9) == 1.0


def test_samples_average_only_their_own_part_of_the_variance():
    assert variance_share(1, sampled=True) == 1.0
    assert variance_share(4, sampled=True) == pytest.approx(0.5 + 0.5 / 4)
    assert variance_share(4, sampled=False) == 1.0  # greedy: the same answer four times


def test_the_power_line_says_what_the_benchmark_tells():
    line = power_of(1319, DecodeSettings(), confidence=0.9).line
    assert line.startswith("1,319 problems tell a difference of 3.6 points between two arms;")
    assert "2 points take about 4,279 problems" in line
    assert "90% power" in line
    assert "20% of the problems discordant" in line
    sampled = DecodeSettings(samples_per_problem=8, temperature=0.6)
    assert power_of(30, sampled, confidence=0.9).line.startswith("30 problems × 8 samples tell")


def test_arms_are_counted_from_the_first_round_up():
    settings = LadderSettings()
    plan = make_plan(4096, 4096, settings, root=0)
    arms = count_arms(plan, settings, n_pilot=3)
    # Round 1: 3 seeds at the top and 4 doses; 13 doses × 5 seeds = 65, a third of it is 21.
    assert (arms.fewest, arms.expected, arms.most) == (7 + 3, 7 + 3 + 6, 21 + 3)


LOAD = Workload(
    row_tokens=60.0, answer_tokens=50.0, problems=500, parameters=1_000_000, counted=True
)


def make(settings, *, speed, load=LOAD):
    plan = make_plan(4096, 256 * 16, settings.ladder, root=0)
    power = power_of(load.problems, settings.decode, confidence=0.9)
    return estimate(settings, plan, load, workers=2, speed=speed, power=power, n_pilot=3)


def test_tokens_and_time_are_added_up():
    speed = Speed(train_tokens_per_s=1e5, read_tokens_per_s=1e4, arm_s=3.0, source="a test")
    found = make(config(), speed=speed)
    assert found.arms.expected == 16
    # An arm: 256 updates × 16 rows × 60 tokens = 245,760; a reading: 500 × 50 = 25,000.
    assert found.train_tokens == 16 * 245_760
    assert found.generated_tokens == 17 * 25_000
    assert found.seconds == pytest.approx((16 * 245_760 / 1e5 + 17 * (25_000 / 1e4 + 3)) / 2)


def test_answers_are_no_longer_than_the_limit():
    short = config(decode={"max_new_tokens": 10, "samples_per_problem": 2, "temperature": 0.5})
    assert make(short, speed=None).generated_tokens == 17 * 500 * 2 * 10


def test_unknown_stays_unknown():
    found = make(config(), speed=None, load=LOAD.model_copy(update={"parameters": None}))
    assert found.seconds is None
    assert found.disk_bytes is None


def test_disk_depends_on_what_is_kept():
    million = 1_000_000
    assert disk_per_arm(config(), million)[0] == 80_000  # 2 % of the weights in float32
    assert disk_per_arm(config(train={"keep": "none"}), million)[0] == 0
    full = config(recipe={"method": "full"}, train={"keep": "models"})
    assert disk_per_arm(full, million) == (2 * million, 2 * 12 * million)
    assert disk_per_arm(config(), None) == (None, None)


def test_the_table_meets_the_measured_speed():
    # Measured: 0.86 M parameters, two cores: 10,600 (fp32) to 21,000 (bf16) tokens/s in training.
    speed = table_speed(860_000, on_gpu=False, threads=2)
    assert 10_000 < speed.train_tokens_per_s < 21_000
    assert 10_000 < speed.read_tokens_per_s < 25_000
    assert "speed table" in speed.source


def test_small_benchmarks_and_unseen_pools_are_warned_of():
    plan = make_plan(100_000, 4096, LadderSettings(), root=0)
    small = config(decode={"temperature": 0.6})
    power = power_of(30, small.decode, confidence=0.9)
    load = LOAD.model_copy(update={"problems": 30})
    found = estimate(small, plan, load, workers=1, speed=None, power=power, n_pilot=0)
    text = " ".join(found.warnings)
    assert "a small benchmark: 30 problems tell" in text
    assert "set decode.samples_per_problem to 4 or more" in text
    assert "the budget sees 4,096 of 100,000 traces once" in text


def test_a_margin_under_the_power_is_warned_of():
    assert any(
        "the margin of 2 points is under" in text for text in make(config(), speed=None).warnings
    )
    wide = config(ladder={"margin": 0.2})
    assert make(wide, speed=None).warnings == ()


def test_equal_epochs_train_less_at_small_doses():
    epochs = config(recipe={"match": "epochs", "epochs": 2})
    plan_doses = make_plan(4096, 4096, epochs.ladder, root=0).doses
    per_arm = 2 * 60.0 * math.fsum(plan_doses) / len(plan_doses)
    assert make(epochs, speed=None).train_tokens == round(16 * per_arm)


def by_reward(reward="correct", **grpo):
    return config(
        recipe={"updates": 8, "rows_per_update": 32, "match": "updates"},
        train={"algorithm": "grpo", "grpo": {"reward": reward, "group": 16, "votes": 4, **grpo}},
    )


def make_by_reward(settings, *, speed=None, load=LOAD):
    plan = make_plan(40, 1000, settings.ladder, root=0)
    power = power_of(load.problems, settings.decode, confidence=0.9)
    return estimate(settings, plan, load, workers=2, speed=speed, power=power, n_pilot=0)


def test_rollouts_and_majority_labels_are_generated_too():
    found = make_by_reward(by_reward())
    n = found.arms.expected
    # 2 rollouts of 4 updates × 32 rows: 256 completions of 50 tokens; a reading: 500 × 50 tokens.
    assert found.generated_tokens == (n + 1) * 25_000 + n * 256 * 50
    # 40 questions × 4 votes × 50 tokens, once.
    labels = make_by_reward(by_reward("majority-wrong")).generated_tokens
    assert labels == found.generated_tokens + 40 * 4 * 50
    assert make_by_reward(by_reward("random")).generated_tokens == found.generated_tokens
    # Two passes over half as many completions draw half as much and train as much.
    twice = make_by_reward(by_reward(prompts_per_rollout=4))
    assert twice.generated_tokens == (n + 1) * 25_000 + n * 128 * 50
    assert twice.train_tokens == found.train_tokens == n * 256 * 60
    # The limit of rollouts is their own.
    short = make_by_reward(by_reward(max_new_tokens=20))
    assert short.generated_tokens == (n + 1) * 25_000 + n * 256 * 20


def test_an_external_trainer_draws_what_it_likes():
    settings = by_reward("majority")
    train = settings.train.model_copy(update={"command": "train {base} {out}"})
    found = make_by_reward(settings.model_copy(update={"train": train}))
    assert found.generated_tokens == (found.arms.expected + 1) * 25_000


def test_the_time_of_rollouts_is_counted_once():
    speed = Speed(train_tokens_per_s=1e4, read_tokens_per_s=1e3, arm_s=0.0, source="a table")
    measured = speed.model_copy(update={"has_rollouts": True})
    settings = by_reward("majority")
    n = make_by_reward(settings).arms.expected
    # An arm: 256 × 60 tokens are trained in 1.536 s, 25,000 are read in 25 s, 256 × 50 drawn in
    # 12.8 s; labels: 40 × 4 × 50 tokens in 8 s, by one of the two workers.
    trained = n * 1.536 + (n + 1) * 25.0
    assert make_by_reward(settings, speed=measured).seconds == pytest.approx(trained / 2 + 8)
    assert make_by_reward(settings, speed=speed).seconds == pytest.approx(
        (trained + n * 12.8) / 2 + 8
    )


def test_what_a_plan_of_rewards_guesses_is_said():
    guessed = make_by_reward(by_reward("majority-wrong")).warnings
    text = " ".join(guessed)
    assert "completions are taken to be 50 tokens long, as the pool's traces are" in text
    assert "at the limit of 512 tokens an arm draws 131,072: titrant plan --measure" in text
    assert "the questions that have a wrong majority answer" in text
    assert "fewer than the 40 of this plan" in text
    drawn = LOAD.model_copy(update={"is_drawn": True})
    text = " ".join(make_by_reward(by_reward(), load=drawn).warnings)
    assert "completions are taken" not in text
    assert "majority" not in text


def test_a_dose_counts_questions_under_rewards_and_traces_otherwise():
    found = make_by_reward(by_reward())
    assert found.unit == "questions"
    assert make(config(), speed=None).unit == "traces"
    few = by_reward()
    plan = make_plan(40, 30, few.ladder, root=0)
    power = power_of(500, few.decode, confidence=0.9)
    cut = estimate(few, plan, LOAD, workers=1, speed=None, power=power, n_pilot=0)
    assert "the budget sees 30 of 40 questions once" in " ".join(cut.warnings)


def test_the_printed_plan_names_what_a_dose_counts():
    from titrant.cli.plan import _table

    printed = {
        unit: list(_table(cost).columns[1].cells)[1]
        for unit, cost in {
            "questions": make_by_reward(by_reward()),
            "traces": make(config(), speed=None),
        }.items()
    }
    assert printed["questions"].endswith("to 40 questions")
    assert printed["traces"].endswith("to 4,096 traces")
