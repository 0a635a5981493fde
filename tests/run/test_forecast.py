from types import SimpleNamespace

import fake_arms
import pyarrow.parquet as pq
import pytest

from titrant.arms import ArmCost
from titrant.dose.plan import Speed, Workload
from titrant.run.input.forecast import (
    CHARACTERS_PER_TOKEN,
    forecast,
    probe_config,
    probe_seconds,
    speed_of,
)
from titrant.run.titrate import Entries
from titrant.run.watch import Silent
from titrant.train.job import ArmOutcome


class Listening(Silent):
    """Remembers warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def test_a_plan_reads_the_real_inputs_and_spends_nothing():
    found = forecast(fake_arms.fake_config(), Silent(), measure=False, entries=fake_arms.entries())
    assert found.top_dose == 256
    # 9 doses × 5 seeds, a third of it: 15 arms at most, and the pilot's 3.
    assert (found.arms.fewest, found.arms.most) == (7 + 3, 15 + 3)
    assert found.power.problems == 240
    assert found.train_tokens == found.arms.expected * 256 * 16 * 30  # 30 tokens per row
    assert "speed table" in found.speed.source


def test_the_speed_is_the_difference_of_two_short_arms():
    entries = fake_arms.entries("timed_arm")
    found = forecast(fake_arms.fake_config(), Silent(), measure=True, entries=entries)
    # 2 and 6 updates of 100 tokens take 4 s and 6 s: 400 tokens in 2 s. 5 tokens take 0.05 s.
    assert found.speed.train_tokens_per_s == pytest.approx(200)
    assert found.speed.read_tokens_per_s == pytest.approx(100)
    assert found.speed.arm_s == pytest.approx(3.0)
    assert "measured here" in found.speed.source


def test_the_limit_on_arms_bounds_the_plan():
    config = fake_arms.fake_config(limits={"arms": 12}, recipe={"lr": 1e-3})
    found = forecast(config, Silent(), measure=False, entries=fake_arms.entries())
    assert found.arms.most == 11  # the base is the twelfth


def test_without_the_train_extra_tokens_are_estimated_from_characters():
    watcher = Listening()
    entries = Entries("fake_arms:run_arm", "fake_arms:no_train_extra", "fake_arms:find_base")
    found = forecast(fake_arms.fake_config(), watcher, entries=entries)
    assert found.speed is None
    assert found.seconds is None
    assert found.train_tokens > 0
    assert CHARACTERS_PER_TOKEN == 4.0
    assert watcher.warnings == [
        "titrant.train needs torch: tokens are estimated from characters "
        "(pip install 'titrant[train]')"
    ]


def test_a_probe_is_short_and_leaves_nothing():
    config = fake_arms.fake_config(
        recipe={"match": "epochs", "updates": 500}, decode={"max_new_tokens": 4096}
    )
    short = probe_config(config, 2)
    assert (short.recipe.match, short.recipe.updates) == ("updates", 2)
    assert short.decode.max_new_tokens == 128
    assert short.train.keep == "none"


def test_a_longer_arm_that_took_no_longer_is_not_infinitely_fast():
    short = ArmCost(train_tokens=200, train_s=2.0, generated_tokens=10, read_s=0.5)
    long = ArmCost(train_tokens=600, train_s=1.5, generated_tokens=10, read_s=0.5)
    speed = speed_of(short, long)
    assert speed.train_tokens_per_s == pytest.approx(400)
    assert speed.read_tokens_per_s == pytest.approx(20)
    assert speed_of(ArmCost(), ArmCost()) is None


def grpo_config(reward="correct", **grpo):
    """32 completions of 8 questions each, trained twice in 4 updates of 16."""
    return fake_arms.fake_config(
        recipe={"lr": 1e-3, "updates": 8, "rows_per_update": 16},
        decode={"max_new_tokens": 200},
        train={
            "algorithm": "grpo",
            "grpo": {"reward": reward, "group": 4, "prompts_per_rollout": 8, **grpo},
        },
    )


def grpo_arm(job):
    """Completions of 90 tokens behind prompts of 10, 3 s once, 2 s per update, readings of 5 tokens."""
    grpo, updates = job.config.train.grpo, job.config.recipe.updates
    assert (grpo.reward, grpo.max_new_tokens) == ("random", 200)
    assert job.config.decode.max_new_tokens == 128
    n_problems = pq.ParquetFile(job.run_dir / "benchmark.parquet").metadata.num_rows
    visits = updates * 16
    return ArmOutcome(
        arm_id=job.spec.arm_id,
        cost=ArmCost(
            train_tokens=visits * 100,
            loss_tokens=visits * 90,
            updates=updates,
            train_s=3.0 + 2.0 * updates,
            generated_tokens=visits // 2 * 90 + n_problems * 5,
            read_s=n_problems * 0.05,
        ),
    )


def test_a_plan_with_majority_rewards_is_probed_by_coins_and_counts_every_draw():
    entries = fake_arms.entries()
    entries = Entries("test_forecast:grpo_arm", entries.prepare, entries.base, entries.score)
    config = grpo_config("majority-wrong", votes=16)

    found = forecast(config, Silent(), measure=True, entries=entries)

    # Of the probe's arms with 4 and 8 updates one takes 8 s longer for 64 visits of 100 tokens.
    assert found.speed.train_tokens_per_s == pytest.approx(6400 / 8)
    assert found.speed.read_tokens_per_s == pytest.approx(100)  # what rollouts drew is not read
    assert found.speed.has_rollouts
    assert found.unit == "questions"
    assert not any("completions are taken" in text for text in found.warnings)
    arms = found.arms.expected
    # 240 problems; 8 updates are 2 rollouts of 32 completions; 105 questions × 16 votes.
    assert found.generated_tokens == 90 * ((arms + 1) * 240 + arms * 64 + 105 * 16)
    # The fake pool's rows have 30 tokens, 23.0 of them the answer (20 + i % 7 of 256): 7.0 + 90.
    answer = sum(20 + i % 7 for i in range(256)) / 256
    assert found.train_tokens == pytest.approx(arms * 8 * 16 * (30 - answer + 90), abs=1)


def test_a_plan_with_rewards_that_was_not_probed_says_what_it_guesses():
    found = forecast(grpo_config(), Silent(), measure=False, entries=fake_arms.entries())
    assert found.speed.has_rollouts is False
    assert any("completions are taken to be 23 tokens long" in text for text in found.warnings)


def test_a_probe_of_rollouts_costs_what_they_may_draw():
    table = Speed(train_tokens_per_s=1000, read_tokens_per_s=100, arm_s=0, source="a test")
    load = Workload(row_tokens=30, answer_tokens=23, problems=4, parameters=1, counted=True)
    found = SimpleNamespace(config=grpo_config())
    # 12 updates × 16 rows of 7 + 200 tokens, 3 rollouts of 32 × 200, and two readings of 4 × 128.
    expected = 12 * 16 * 207 / 1000 + (3 * 32 * 200 + 2 * 4 * 128) / 100
    assert probe_seconds(found, load, table) == pytest.approx(expected)
    # 8 updates × 16 rows of 30 tokens under fine-tuning, and the readings.
    sft = SimpleNamespace(config=fake_arms.fake_config(decode={"max_new_tokens": 200}))
    assert probe_seconds(sft, load, table) == pytest.approx(8 * 16 * 0.03 + 2 * 4 * 128 / 100)
