import pytest

from titrant.arms import ArmSpec
from titrant.dose.ladder.ladder import make_plan
from titrant.errors import TrainError
from titrant.files import write_text
from titrant.run.ladder.rounds import (
    Round,
    check_top,
    fresh,
    guess_scores,
    rounds_of,
    take_up,
    trained,
)
from titrant.run.store.journal import ArmEntry
from titrant.settings import Config, LadderSettings, LimitSettings
from titrant.traces.record import Problem
from titrant.train.job import ArmOutcome


def spec(dose, seed=0, strategy="random"):
    return ArmSpec(strategy=strategy, dose=dose, seed=seed)


def entry(arm, state, *, number=1, error=None):
    return ArmEntry(arm, number, state, None, error, 1)


def entries(*items):
    return {item.spec.arm_id: item for item in items}


def config(**limits):
    tree = {"base": "b", "pool": "p", "benchmark": "q", "limits": limits}
    return Config.model_validate(tree)


def write(folder, number, arms, **fields):
    found = Round(number=number, arms=tuple(arms), limits=LimitSettings(), **fields)
    write_text(folder.round(number), found.model_dump_json())
    return found


def test_an_arm_whose_seed_was_used_gets_the_next_free_one():
    known = entries(entry(spec(8, 0), "done"), entry(spec(8, 1), "failed"))
    # The ladder counts readings, so it asks for seed 1 again; the second arm wants seed 2.
    assert [a.seed for a in fresh([spec(8, 1), spec(8, 2), spec(4, 0)], known)] == [2, 3, 0]


def test_the_top_dose_needs_one_arm_that_was_trained():
    plan = make_plan(64, 4096, LadderSettings(), root=0)
    failed = [entry(spec(64, seed), "failed", error="NaN") for seed in range(3)]
    with pytest.raises(
        TrainError, match=r"all 3 arms at the top dose of 64 traces failed"
    ) as caught:
        check_top(entries(*failed), plan)
    assert caught.value.came == "NaN"
    check_top(entries(*failed[:2], entry(spec(64, 2), "done")), plan)
    check_top(entries(*failed[:2], entry(spec(64, 2), "pending")), plan)
    check_top({}, plan)


def test_without_a_shared_top_every_strategy_needs_its_own():
    settings = LadderSettings(strategies=("random", "longest"))
    plan = make_plan(1000, 64, settings, root=0)
    assert plan.shared_dose is None
    one = entries(entry(spec(64), "done"), entry(spec(64, strategy="longest"), "failed", error="x"))
    with pytest.raises(TrainError, match="all 1 arms at the top dose"):
        check_top(one, plan)


def test_only_arms_of_the_ladder_count_as_trained():
    base = ArmSpec(strategy="base", dose=0, seed=0, purpose="base")
    pilot = ArmSpec(strategy="random", dose=8, seed=0, lr=1e-3, purpose="pilot")
    known = entries(
        *(entry(arm, "done") for arm in (base, pilot, spec(8))), entry(spec(4), "failed")
    )
    assert trained(known) == 1


def finish(folder, arm):
    write_text(folder.done(arm.arm_id), ArmOutcome(arm_id=arm.arm_id).model_dump_json())


def states(journal):
    return {arm_id: entry.state for arm_id, entry in journal.arms().items()}


def test_a_run_that_was_killed_is_taken_up_where_its_files_say(folder, journal):
    arms = [spec(dose) for dose in (1, 2, 4, 8)]
    write(folder, 1, arms)
    journal.add_round(1, "{}", arms)
    for arm in arms[:3]:
        journal.claim(arm.arm_id, "a")
    finish(folder, arms[0])  # killed before the journal could be told
    journal.settle(arms[1].arm_id, "{}", error=None)  # and its folder was lost afterwards
    take_up(folder, journal, config())
    assert list(states(journal).values()) == ["done", "pending", "pending", "pending"]


def test_failed_arms_are_tried_again_only_in_the_round_under_way(folder, journal):
    old, new = spec(1), spec(2)
    write(folder, 1, [old])
    write(folder, 2, [new])
    for number, arm in ((1, old), (2, new)):
        journal.add_round(number, "{}", [arm])
        journal.settle(arm.arm_id, "{}", error="no memory")
    take_up(folder, journal, config())
    assert states(journal) == {old.arm_id: "failed", new.arm_id: "pending"}


def test_a_training_that_ran_away_stays_failed(folder, journal):
    arm = spec(1)
    write(folder, 1, [arm])
    outcome = ArmOutcome(arm_id=arm.arm_id, error="the loss became NaN")
    write_text(folder.done(arm.arm_id), outcome.model_dump_json())
    take_up(folder, journal, config())
    assert states(journal) == {arm.arm_id: "failed"}


def test_a_run_that_ended_at_a_limit_is_opened_by_another_limit_only(folder, journal):
    arm = spec(1)
    write(folder, 1, [arm])
    write(folder, 2, [], stop="the limit of 2 hours is reached", by_limit=True)
    journal.add_round(1, "{}", [arm])
    journal.skip_pending()
    write_text(folder.answer, "{}")
    take_up(folder, journal, config())
    assert [found.number for found in rounds_of(folder)] == [1, 2]
    assert states(journal) == {arm.arm_id: "skipped"}
    take_up(folder, journal, config(hours=9.0))
    assert [found.number for found in rounds_of(folder)] == [1]
    assert states(journal) == {arm.arm_id: "pending"}
    assert not folder.answer.exists()


def test_a_decided_run_is_not_opened_by_another_limit(folder, journal):
    write(folder, 1, [], stop="decided: enough at N")
    take_up(folder, journal, config(hours=9.0))
    assert [found.number for found in rounds_of(folder)] == [1]


def test_a_guess_is_right_where_it_is_the_gold_answer():
    problems = [
        Problem(qid=str(i), question=str(i), gold=g) for i, g in enumerate(["5", " 5", "6"])
    ]
    assert guess_scores(problems, "5") == {"0": True, "1": True, "2": False}
    assert guess_scores(problems, None) is None
