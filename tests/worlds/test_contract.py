"""All registered worlds hold to one contract, and the contract fails on worlds that do not."""

import itertools
import random

import pytest

from titrant.errors import ConfigError
from titrant.testing import WORLD_CHECKS, check_world
from titrant.testing.worlds import near_misses
from titrant.traces.record import Verdict
from titrant.worlds.arithmetic import Arithmetic
from titrant.worlds.base import Split, StepCheck, distinct_problems, worlds

WITH_REASONING = [name for name in worlds.names() if name != "gym"]
"""`gym` has problems only; test_gym says what it holds to."""


@pytest.mark.parametrize("name", WITH_REASONING)
@pytest.mark.parametrize("check", WORLD_CHECKS, ids=lambda check: check.name)
def test_world_holds_to(check, name):
    check.run(worlds.get(name))


@pytest.mark.parametrize("name", worlds.names())
def test_a_world_bears_the_name_it_is_registered_under(name):
    assert worlds.get(name).name == name


def test_an_unknown_world_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="unknown world 'aritmetic'\n  do: did you mean arithm"):
        worlds.get("aritmetic")


class WithoutHard(Arithmetic):
    presets = ("easy", "middle")


class Forgetful(Arithmetic):
    """An instance depends on how many were drawn before."""

    def __init__(self):
        self.drawn = itertools.count()

    def problem(self, preset, split, index):
        return super().problem(preset, split, index + next(self.drawn))


class GlobalSeed(Arithmetic):
    def problem(self, preset, split, index):
        random.random()
        return super().problem(preset, split, index)


class OneProblem(Arithmetic):
    def problem(self, preset, split, index):
        return super().problem(preset, split, index % 2)


class Leaky(Arithmetic):
    """Test problems are pool problems."""

    def problem(self, preset, split, index):
        return super().problem(preset, Split.POOL if split == Split.TEST else split, index)


class WithoutGold(Arithmetic):
    def problem(self, preset, split, index):
        return super().problem(preset, split, index).model_copy(update={"gold": None})


class AnyPreset(Arithmetic):
    def problem(self, preset, split, index):
        return super().problem(preset if preset in self.presets else "easy", split, index)


class WrongOracle(Arithmetic):
    def oracle(self, question):
        return "1+1=3"


class Loose(Arithmetic):
    """Pays for the right answer anywhere in the text."""

    def verify(self, question, answer_text):
        gold = self.oracle(question).rpartition("=")[2]
        return Verdict.CORRECT if gold in answer_text else Verdict.WRONG


class Tolerant(Arithmetic):
    """Accepts an answer that is off by one."""

    def verify(self, question, answer_text):
        verdicts = [super().verify(question, answer_text)]
        if answer_text.isdigit():
            verdicts.append(super().verify(question, str(int(answer_text) + 1)))
        return max(verdicts, key=lambda verdict: verdict == Verdict.CORRECT)


class Blind(Arithmetic):
    """Finds every step valid."""

    def validate(self, question, thinking):
        return [StepCheck(i, True, "ok") for i in range(thinking.count("=") and 2)]


class Level(Arithmetic):
    """Hard is as hard as easy."""

    def problem(self, preset, split, index):
        return super().problem("easy" if preset == "hard" else preset, split, index)


class Boastful(Arithmetic):
    guess_rate = 0.5


@pytest.mark.parametrize(
    ("name", "world", "fact"),
    [
        ("declaration_is_complete", WithoutHard(), "no preset hard"),
        ("same_in_same_out", Forgetful(), "differs from one drawing to the next"),
        ("same_in_same_out", GlobalSeed(), "a global random generator is used"),
        ("instances_differ", OneProblem(), "train: 2 questions of 40"),
        ("splits_are_disjoint", Leaky(), "questions stand in pool and in test"),
        ("problems_are_complete", WithoutGold(), "no gold answer"),
        ("unknown_preset_is_refused", AnyPreset(), "an unknown preset was accepted"),
        ("oracle_passes", WrongOracle(), "the oracle errs on"),
        ("near_misses_fail", Loose(), "is correct"),
        ("near_misses_fail", Tolerant(), "one less: '.*' for '.*' is correct"),
        ("foreign_reasoning_fails", Blind(), "the reasoning of .* solves"),
        ("difficulty_rises", Level(), "steps of easy, middle and hard"),
        ("guessing_earns_what_is_declared", Boastful(), "earns .*, declared 50.0%"),
    ],
)
def test_contract_fails_on_a_world_that_breaks_it(name, world, fact):
    (check,) = (check for check in WORLD_CHECKS if check.name == name)
    with pytest.raises(AssertionError, match=fact):
        check.run(world)


def test_the_whole_contract_stops_at_the_first_broken_fact():
    with pytest.raises(AssertionError, match="no preset hard"):
        check_world(WithoutHard())


def test_near_misses_of_a_number_hold_every_kind():
    misses = near_misses("48")
    assert {k: misses[k] for k in ("one more", "one less", "other sign", "truncated")} == {
        "one more": "49",
        "one less": "47",
        "other sign": "-48",
        "truncated": "4",
    }
    assert misses["digits permuted"] == "84"
    assert misses["ten times"] == "480"
    assert "digits permuted" not in near_misses("44")
    assert "other sign" not in near_misses("0")  # -0 is 0
    assert near_misses("0")["ten times"] == "10"
    assert "one more" not in near_misses("left, left, up")


class FewProblems(Arithmetic):
    """Seven problems; counts how often it was asked for one."""

    def __init__(self):
        self.drawn = 0

    def problem(self, preset, split, index):
        self.drawn += 1
        return super().problem(preset, split, index % 7)

    def count(self, preset, split):
        return 7


def test_more_problems_than_a_world_has_are_refused_and_all_of_them_are_given():
    assert len(list(distinct_problems(FewProblems(), "easy", Split.TEST, 7))) == 7
    with pytest.raises(ConfigError) as caught:
        list(distinct_problems(FewProblems(), "easy", Split.TEST, 8))
    assert str(caught.value) == (
        "the world arithmetic has not so many different easy problems\n"
        "  expected: at most 7 of the test split\n"
        "  found: 8\n"
        "  do: ask for fewer (limit), or take a preset with more of them"
    )


def test_a_large_number_of_problems_is_refused_before_any_is_drawn():
    world = FewProblems()
    with pytest.raises(ConfigError, match="at most 7 of the pool split"):
        list(distinct_problems(world, "easy", Split.POOL, 50_000))
    assert world.drawn == 0


def test_a_benchmark_from_an_index_on_is_the_tail_of_the_whole():
    world = worlds.get("arithmetic")
    whole = list(distinct_problems(world, "hard", Split.TEST, 12))
    tail = list(distinct_problems(world, "hard", Split.TEST, 8, start=4))
    assert tail == whole[4:]
