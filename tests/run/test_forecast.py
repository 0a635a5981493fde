import fake_arms
import pytest

from titrant.arms import ArmCost
from titrant.run.input.forecast import CHARACTERS_PER_TOKEN, forecast, probe_config, speed_of
from titrant.run.titrate import Entries
from titrant.run.watch import Silent


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
