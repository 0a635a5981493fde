"""The ladder: a first round that sees humps and steps, then bisection, decided from readings alone."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import difficulties, first_round, joined, permuted, planted, table_of

from titrant.arms import ArmSpec, Reading
from titrant.dose.calibration.simulate import Bench, draw_scenario, load_settings
from titrant.dose.judge.verdict import judge
from titrant.dose.ladder.confirm import carrying_doses
from titrant.dose.ladder.ladder import allowed_doses, full_sweep, make_plan, next_arms, next_round
from titrant.dose.ladder.telling import most_telling
from titrant.dose.readings import BASE, ArmKey, ReadingTable
from titrant.errors import ConfigError
from titrant.settings import LadderSettings

SETTINGS = LadderSettings()
TOP = 4096
PLAN = make_plan(TOP, TOP, SETTINGS, root=0)
SATURATED = (0.30, 0.32, 0.42, 0.56, 0.60, 0.60)
BRACKETED = {0: 0.30, 4: 0.32, 32: 0.42, 128: 0.56, 256: 0.59, 1024: 0.60, TOP: 0.60}
"""As above, with a reading on either side of the end point of about 190."""
FLAT = (0.30,) * 6
SMALL_GAIN = (0.30, 0.31, 0.315, 0.32, 0.32, 0.32)


def arms_of(decision) -> list[tuple[str, int, int]]:
    return [(arm.strategy, arm.dose, arm.seed) for arm in decision.arms]


def decide(table, *, settings=SETTINGS, plan=PLAN, guess=None):
    return next_round(table, settings=settings, plan=plan, guess=guess)


def test_a_pool_of_4096_has_13_doses():
    assert allowed_doses(4096) == (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
    assert allowed_doses(5000)[-2:] == (4096, 5000)
    assert allowed_doses(2) == (1, 2)


def test_a_ladder_may_take_a_third_of_the_full_sweep():
    assert full_sweep(PLAN) == 13 * 5
    assert PLAN.max_arms == 21  # 65 // 3
    assert make_plan(TOP, TOP, SETTINGS, root=0, max_arms=9).max_arms == 9


def test_a_small_pool_may_take_its_first_round():
    # 5 doses × 5 seeds = 25, a third of it is 8; 2 doses: 10 // 3 = 3 < 3 + 4
    assert make_plan(16, TOP, SETTINGS, root=0).max_arms == 8
    assert make_plan(2, TOP, SETTINGS, root=0).max_arms == 7


def test_strategies_share_the_whole_pool_in_the_sweep():
    two = SETTINGS.model_copy(update={"strategies": ("random", "longest")})
    # Each has 12 doses of its own × 5 seeds, and the pool's 5 arms are the same for both.
    assert full_sweep(make_plan(TOP, TOP, two, root=0)) == 2 * 60 + 5
    # Under a budget that cannot see the pool, the top differs: 13 doses of their own each.
    assert full_sweep(make_plan(10 * TOP, TOP, two, root=0)) == 2 * 65


def test_the_top_is_what_the_budget_sees_once():
    plan = make_plan(100_000, 4096, SETTINGS, root=0)
    assert (plan.top_dose, plan.doses[-1], plan.shared_dose) == (4096, 4096, None)
    plan = make_plan(1000, 4096, SETTINGS, root=0)
    assert (plan.top_dose, plan.shared_dose) == (1000, 1000)
    assert plan.doses == (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)


def test_wanted_doses_are_kept_with_the_top():
    wanted = SETTINGS.model_copy(update={"doses": (64, 16, 256, 100_000)})
    assert make_plan(1000, 4096, wanted, root=0).doses == (16, 64, 256, 1000)


def test_a_single_trace_is_no_ladder():
    with pytest.raises(ConfigError) as error:
        make_plan(1, 4096, SETTINGS, root=0)
    assert str(error.value) == (
        "one trace alone has no end point\n"
        "  expected: 2 traces or more in the pool and in an arm's updates\n"
        "  found: a pool of 1 and 4096 rows per arm\n"
        "  do: give a larger pool, or raise recipe.updates or recipe.rows_per_update"
    )


def test_the_first_round_is_base_top_three_times_and_four_log_spaced_doses():
    decision = decide(None)
    assert decision.stop is None
    assert decision.arms[0] == ArmSpec(strategy=BASE, dose=0, seed=0, purpose="base")
    # Of the 12 doses under the top, number 12·k/5 for k = 1 … 4: 2.4, 4.8, 7.2, 9.6 → 2, 5, 7, 10
    assert arms_of(decision)[1:] == [
        ("random", 4096, 0),
        ("random", 4096, 1),
        ("random", 4096, 2),
        ("random", 4, 0),
        ("random", 32, 0),
        ("random", 128, 0),
        ("random", 1024, 0),
    ]


def test_an_empty_table_starts_the_first_round():
    empty = table_of([], np.zeros((0, 30)))
    assert decide(empty) == decide(None)


@pytest.mark.parametrize(
    ("pool", "inner"),
    [(2, [1]), (3, [1, 2]), (5, [1, 2, 4]), (16, [1, 2, 4, 8]), (32, [2, 4, 8, 16])],
)
def test_the_first_round_of_a_small_pool_has_each_dose_once(pool, inner):
    arms = arms_of(decide(None, plan=make_plan(pool, TOP, SETTINGS, root=0)))
    assert [dose for _, dose, _ in arms] == [0, pool, pool, pool, *inner]
    assert len(set(arms)) == len(arms)


@settings(max_examples=60)
@given(st.integers(2, 10**6), st.integers(2, 8))
def test_the_first_round_never_asks_for_an_arm_twice(pool, first_doses):
    some = SETTINGS.model_copy(update={"first_doses": first_doses})
    plan = make_plan(pool, 10**6, some, root=0)
    arms = arms_of(decide(None, settings=some, plan=plan))
    assert len(set(arms)) == len(arms) == 1 + 3 + min(first_doses, len(plan.doses) - 1)


def test_strategies_share_the_top_arms_of_the_whole_pool():
    two = SETTINGS.model_copy(update={"strategies": ("random", "longest")})
    shared = arms_of(decide(None, settings=two, plan=make_plan(TOP, TOP, two, root=0)))
    assert Counter((s, d == TOP) for s, d, _ in shared) == {
        ("base", False): 1,
        ("random", True): 3,
        ("random", False): 4,
        ("longest", False): 4,
    }
    apart = arms_of(decide(None, settings=two, plan=make_plan(9 * TOP, TOP, two, root=0)))
    assert ("longest", TOP, 2) in apart


def step(at: int, *doses: int, n: int = 2000) -> ReadingTable:
    """A response that jumps from 30 to 60 % at a dose."""
    accuracy = {dose: 0.6 if dose >= at else 0.3 for dose in (0, *doses, TOP)}
    return planted(accuracy, n=n, seeds={TOP: 3})


def test_a_step_is_bisected():
    # Seen: nothing at 128, everything at 1,024. The end point lies between, in the middle at 362.
    first = decide(step(200, 4, 32, 128, 1024))
    assert first.stop is None
    inside = {dose for _, dose, _ in arms_of(first)}
    assert inside == {256, 512}
    # After 256 (everything): between 128 and 256 there is no dose left, a factor of 2.
    # Without the one arm at 128 it would be 32 to 256, a factor of 8: that dose is read again.
    # Without the one at 256 it would be 128 to 512, a factor of 4, which is narrow enough.
    second = decide(step(200, 4, 32, 128, 256, 512, 1024))
    assert (128, 1) in {(dose, seed) for _, dose, seed in arms_of(second)}
    assert len(second.arms) == SETTINGS.arms_per_round
    accuracy = {d: 0.6 if d >= 200 else 0.3 for d in (0, 4, 32, 128, 256, 512, 1024, TOP)}
    third = decide(planted(accuracy, seeds={TOP: 3, 128: 2}))
    assert third.stop == "decided: enough at N"


def test_a_wide_interval_is_carried_by_nothing():
    table = step(200, 4, 32, 128, 1024)
    found = judge(table, top=TOP, settings=SETTINGS)
    assert found.ed is not None
    assert found.ed.factor > SETTINGS.precision
    assert carrying_doses(table, found, SETTINGS) == []


def test_a_hump_that_is_back_at_the_base_stops_the_ladder():
    decision = decide(first_round(0.30, 0.45, 0.52, 0.50, 0.40, 0.30))
    assert decision.arms == ()
    assert decision.stop is not None
    assert decision.stop.endswith("a smaller dose (32) looks better: more arms would not help")


def test_bisection_follows_the_step_to_either_side():
    for at, below, above in ((3, 1, 4), (20, 4, 32), (2000, 1024, 4096)):
        table = step(at, 4, 32, 128, 1024)
        found = judge(table, top=TOP, settings=SETTINGS.model_copy(update={"precision": 1.01}))
        chosen = most_telling(found, PLAN.doses, 1)
        assert below < chosen[0] < above


def test_a_second_arm_of_a_round_is_chosen_given_the_first():
    found = judge(step(200, 4, 32, 128, 1024), top=TOP, settings=SETTINGS)
    assert len(set(most_telling(found, PLAN.doses, 2))) == 2


def test_an_open_gain_asks_for_more_arms_at_the_top():
    # Arms at the top differ by 5 points, so seeds and not problems keep the gain open.
    table = first_round(0.30, 0.31, 0.32, 0.33, 0.33, 0.335, wobble=0.05)
    found = judge(table, top=TOP, settings=SETTINGS)
    assert found.verdict == "undecided"
    assert found.ed is None
    assert arms_of(decide(table)) == [("random", TOP, 3), ("random", TOP, 4)]


def test_a_decided_ladder_stops():
    for table, verdict in (
        (planted(BRACKETED, seeds={TOP: 3}), "enough at N"),
        (first_round(*FLAT), "no response"),
        (first_round(0.30, 0.20, 0.20, 0.20, 0.20, 0.20), "hurts"),
    ):
        decision = decide(table)
        assert (decision.stop, decision.arms) == (f"decided: {verdict}", ())


def test_a_narrow_interval_is_believed_with_a_reading_on_either_side():
    table = first_round(*SATURATED)
    found = judge(table, top=TOP, settings=SETTINGS)
    assert found.verdict == "enough at N"
    assert found.ed is not None
    assert (
        128 < found.ed.low < found.ed.high < 256
    )  # by the shapes, between readings at 128 and 1,024
    decision = decide(table)
    assert decision.stop is None
    assert arms_of(decision)[0] == ("random", 256, 0)
    assert len(decision.arms) == SETTINGS.arms_per_round


def test_a_benchmark_too_small_stops_the_ladder():
    decision = decide(first_round(*SMALL_GAIN, n=300, wobble=0.0))
    assert decision.stop == "the benchmark is too small to tell: more arms would not help"
    assert decision.arms == ()


def test_the_limit_of_arms_is_respected():
    open_table = step(200, 4, 32, 128, 1024)  # 7 arms
    for limit, room in ((7, 0), (8, 1), (9, 2), (30, 2)):
        plan = make_plan(TOP, TOP, SETTINGS, root=0, max_arms=limit)
        decision = decide(open_table, plan=plan)
        assert len(decision.arms) == room
        assert decision.stop == (None if room else "the limit of 7 arms is reached")


def test_rounds_have_the_wanted_number_of_arms():
    for n in (1, 3):
        some = SETTINGS.model_copy(update={"arms_per_round": n})
        assert len(decide(step(200, 4, 32, 128, 1024), settings=some).arms) == n


def test_a_dose_read_before_gets_the_next_seed():
    table = step(200, 4, 32, 128, 1024)
    found = judge(table, top=TOP, settings=SETTINGS)
    again = joined(table, planted({256: 0.6, 512: 0.6}, seeds={256: 2, 512: 1}))
    seeds = dict(next_arms(found, again, plan=PLAN, settings=SETTINGS))
    assert seeds == {256: 2, 512: 1}


@settings(max_examples=10)
@given(st.integers(0, 2**32))
def test_a_decision_does_not_depend_on_the_order_of_arms_or_problems(seed):
    for table in (step(200, 4, 32, 128, 1024, n=500), first_round(*SATURATED, n=500)):
        assert decide(permuted(table, np.random.default_rng(seed))) == decide(table)


def rows_of(table: ReadingTable) -> list[Reading]:
    return [
        Reading(
            f"{key.strategy}-{key.dose}-{key.seed}",
            *key,
            "b",
            qid,
            0,
            bool(value),
            None,
            None,
            None,
        )
        for key, row in zip(table.arms, table.score, strict=True)
        for qid, value in zip(table.qids, row, strict=True)
    ]


def test_a_decision_does_not_depend_on_the_order_of_rows():
    rows = rows_of(step(200, 4, 32, 128, 1024, n=200))
    expected = decide(ReadingTable.from_rows(rows))
    rng = np.random.default_rng(0)
    for _ in range(3):
        shuffled = [rows[i] for i in rng.permutation(len(rows))]
        assert decide(ReadingTable.from_rows(shuffled)) == expected
    assert expected.arms


def two_strategies(longest: dict[int, float]) -> ReadingTable:
    """Random is decided; longest has arms of its own and shares the three at the top."""
    return joined(planted(BRACKETED, seeds={TOP: 3}), planted(longest, strategy="longest"))


TWO = SETTINGS.model_copy(update={"strategies": ("random", "longest")})
PLAN_OF_TWO = make_plan(TOP, TOP, TWO, root=0)


def test_only_the_undecided_strategy_goes_on_and_shares_the_top():
    table = two_strategies({4: 0.30, 32: 0.30, 128: 0.30, 1024: 0.60})
    decision = decide(table, settings=TWO, plan=PLAN_OF_TWO)
    assert decision.stop is None
    assert {strategy for strategy, _, _ in arms_of(decision)} == {"longest"}
    assert {dose for _, dose, _ in arms_of(decision)} == {256, 512}


def test_all_strategies_decided_end_the_ladder():
    table = joined(
        two_strategies({4: 0.40, 32: 0.55, 128: 0.60, 1024: 0.60}),
        planted({16: 0.52, 32: 0.55, 64: 0.59}, seeds={32: 2, 64: 2}, strategy="longest"),
    )
    decision = decide(table, settings=TWO, plan=PLAN_OF_TWO)
    assert decision.stop == "decided: enough at N"


def test_shared_top_arms_count_for_the_seed_of_the_next():
    wobbly = {"wobble": 0.05}
    table = joined(
        first_round(0.30, 0.31, 0.32, 0.33, 0.33, 0.335, **wobbly),
        planted({4: 0.31, 32: 0.32, 128: 0.33, 1024: 0.33}, strategy="longest"),
    )
    decision = decide(table, settings=TWO, plan=PLAN_OF_TWO)
    assert arms_of(decision) == [
        ("random", TOP, 3),
        ("random", TOP, 4),
        ("longest", TOP, 3),
        ("longest", TOP, 4),
    ]


def test_the_limit_is_over_all_strategies():
    table = two_strategies({4: 0.30, 32: 0.30, 128: 0.30, 1024: 0.60})  # 12 arms
    plan = PLAN_OF_TWO.model_copy(update={"max_arms": 13})
    assert len(decide(table, settings=TWO, plan=plan).arms) == 1


def test_a_guess_is_read_on_the_problems_that_every_arm_was_asked():
    table = first_round(0.05, 0.10, 0.20, 0.28, 0.30, 0.30)
    guess = (difficulties(2000) < 0.30).astype(float)
    assert decide(table, guess=guess).stop == "decided: no response (guessing)"
    score = table.score.copy()
    score[2, ::3] = np.nan  # an arm that a third of the problems was never put to
    gappy = ReadingTable(table.arms, table.qids, score, table.truncated, table.unreadable)
    assert decide(gappy, guess=guess).stop == "decided: no response (guessing)"


@pytest.mark.parametrize("shape", ["flat", "hill", "step", "rise_fall"])
def test_a_ladder_ends_within_its_arms_and_never_repeats_one(shape):
    scenario = draw_scenario(load_settings(), shape, 3)
    plan = make_plan(scenario.top, scenario.top, SETTINGS, root=0, max_arms=15)
    bench, arms, known = Bench(scenario), [], {}
    decision = decide(None, plan=plan)
    while decision.stop is None:
        arms += decision.arms
        decision = decide(bench.table(arms, known), plan=plan)
    names = [arm.arm_id for arm in arms]
    assert len(set(names)) == len(names) <= 16  # the base is not counted
    assert Counter(arm.dose for arm in arms)[scenario.top] >= 3
    assert all(arm.dose in (0, *plan.doses) for arm in arms)


def test_treated_arms_take_no_part_in_the_decision():
    table = first_round(*SATURATED)
    spoiled = table_of(
        [*table.arms, ArmKey("random", 128, 0, "shuffled")],
        np.vstack([table.score, np.zeros(len(table.qids))]),
    )
    assert decide(spoiled) == decide(table)
