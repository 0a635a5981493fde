import numpy as np
import pytest

from titrant.arms import ArmSpec, Reading
from titrant.dose.ladder.ladder import make_plan
from titrant.errors import TrainError
from titrant.files import write_table
from titrant.run.ladder.preliminary import (
    PilotPlan,
    base_specs,
    choose_rate,
    choose_zero,
    plan_pilot,
    rate_without_pilot,
    with_template,
)
from titrant.select.rank import rank
from titrant.settings import Config
from titrant.traces.record import Problem
from titrant.worlds.pools import make_pool

import pyarrow as pa  # isort: skip


def config(**changes):
    return Config.model_validate({"base": "b", "pool": "p", "benchmark": "q"} | changes)


def read_arm(folder, journal, spec, hits, *, benchmark="pilot"):
    """An arm that is done, right on the first `hits` of ten problems."""
    rows = [
        Reading(
            spec.arm_id, spec.strategy, spec.dose, spec.seed, "clean", benchmark, f"q{i}", 0,
            i < hits, "correct" if i < hits else "wrong", "1", 3,
        )._asdict()
        | {"text": ""}
        for i in range(10)
    ]  # fmt: skip
    write_table(folder.arm(spec.arm_id) / "samples" / "00000.parquet", pa.Table.from_pylist(rows))
    journal.add_round(0, "{}", [spec])
    journal.claim(spec.arm_id, "a")
    journal.settle(spec.arm_id, "{}", error=None)


def pilot_specs(dose=16):
    rates = (1e-4, 2e-4, 4e-4)
    return tuple(
        ArmSpec(strategy="random", dose=dose, seed=0, lr=rate, purpose="pilot") for rate in rates
    )


def problems(n=10):
    return tuple(Problem(qid=f"q{i}", question=f"q{i}", gold="1") for i in range(n))


# Of ten problems the best rate is right on m more than the worst: the mean gap is m/10, its standard
# error √(m/10·(1 − m/10)/9). m = 4: 0.4 against 2·0.163 = 0.327; m = 3: 0.3 against 2·0.153 = 0.306.
@pytest.mark.parametrize(
    ("hits", "chosen"), [((1, 5, 4), 2e-4), ((1, 5, 5), 2e-4), ((5, 5, 1), 1e-4), ((0, 0, 9), 4e-4)]
)
def test_the_best_rate_is_taken_and_ties_go_to_the_smaller(folder, journal, hits, chosen):
    specs = pilot_specs()
    for spec, n in zip(specs, hits, strict=True):
        read_arm(folder, journal, spec, n)
    found = choose_rate(folder, journal, PilotPlan(dose=16, problems=problems(), specs=specs))
    assert found.lr == chosen
    assert [arm.accuracy for arm in found.arms] == [n / 10 for n in hits]
    assert found.reason == "best of 3 at 16 traces on 10 pool problems"
    assert found.warning is None


@pytest.mark.parametrize("hits", [(5, 5, 5), (3, 4, 6), (6, 4, 3), (0, 0, 0), (10, 10, 10)])
def test_rates_that_read_the_same_within_noise_leave_the_centre_and_a_warning(
    folder, journal, hits
):
    specs = pilot_specs()
    for spec, n in zip(specs, hits, strict=True):
        read_arm(folder, journal, spec, n)
    found = choose_rate(folder, journal, PilotPlan(dose=16, problems=problems(), specs=specs))
    assert found.lr == 2e-4
    assert found.reason.startswith("the centre: its rates read the same within noise at 16 traces")
    assert found.warning == (
        "learning rate 0.0002 is the centre of the pilot and not its finding: its rates read the same "
        "within noise at 16 traces on 10 pool problems; set recipe.lr, or another recipe.lr_centre"
    )


def test_a_rate_at_which_training_ran_away_is_passed_over(folder, journal):
    specs = pilot_specs()
    read_arm(folder, journal, specs[0], 2)
    journal.add_round(0, "{}", specs)
    for spec in specs[1:]:
        journal.settle(spec.arm_id, "{}", error="the loss became NaN")
    found = choose_rate(folder, journal, PilotPlan(dose=16, problems=problems(), specs=specs))
    assert found.lr == 1e-4
    assert [arm.accuracy for arm in found.arms] == [0.2, None, None]


def test_a_pilot_without_any_reading_is_an_error(folder, journal):
    specs = pilot_specs()
    journal.add_round(0, "{}", specs)
    for spec in specs:
        journal.settle(spec.arm_id, "{}", error="the loss became NaN")
    plan = PilotPlan(dose=16, problems=problems(), specs=specs)
    with pytest.raises(TrainError, match="no arm of the learning-rate pilot could be trained"):
        choose_rate(folder, journal, plan)


def at_random(pool):
    return rank(pool, strategy="random", root=0, draw=0)


def test_the_pilot_stands_in_the_geometric_middle_and_reads_what_it_did_not_train():
    pool = make_pool("arithmetic", 512, 0)
    settings = config(recipe={"lr_centre": 0.004})
    plan = make_plan(512, 4096, settings.ladder, root=0)
    pilot = plan_pilot(pool, settings, plan, at_random(pool))
    # Doses 1, 2, 4 … 512; √(1·512) = 22.6, and 16 is nearer to it than 32: 22.6/16 = 32/22.6, a
    # tie, which goes to the smaller dose.
    assert pilot.dose == 16
    assert [spec.lr for spec in pilot.specs] == [0.002, 0.004, 0.008]
    assert len({problem.qid for problem in pilot.problems}) == len(pilot.problems) <= 200
    subset = set(rank(pool, strategy="random", root=0, draw=0).subset(16))
    trained = {trace.qid for trace in pool if trace.uid in subset}
    assert not trained & {problem.qid for problem in pilot.problems}


def test_the_pilot_moves_to_another_dose_where_too_few_questions_are_left():
    pool = make_pool("arithmetic", 60, 0)  # some 25 questions
    plan = make_plan(60, 4096, config().ladder, root=0)
    n_questions = len({trace.qid for trace in pool})
    assert 20 < n_questions < 28
    pilot = plan_pilot(pool, config(), plan, at_random(pool))
    assert pilot.dose < 8  # √60 = 7.7 would leave fewer than 20
    assert len(pilot.problems) >= 20


def test_no_pilot_without_gold_answers_or_questions():
    pool = make_pool("arithmetic", 64, 0)
    plan = make_plan(64, 4096, config().ladder, root=0)
    blank = [trace.model_copy(update={"gold": None}) for trace in pool]
    assert plan_pilot(blank, config(), plan, at_random(pool)) is None
    few = make_pool("arithmetic", 12, 0)
    plan = make_plan(12, 4096, config().ladder, root=0)
    assert plan_pilot(few, config(), plan, at_random(few)) is None


def test_the_rate_without_a_pilot():
    assert rate_without_pilot(config(recipe={"lr": 3e-4}).recipe).lr == 3e-4
    assert rate_without_pilot(config().recipe).lr == 2e-4
    assert rate_without_pilot(config(recipe={"method": "full"}).recipe).lr == 1e-5
    assert "could not be read" in rate_without_pilot(config().recipe).reason


@pytest.mark.parametrize(
    ("hits", "chosen"), [((3, 5), "chat"), ((5, 3), "plain"), ((4, 4), "plain")]
)
def test_the_better_base_reading_is_the_zero_and_ties_go_to_the_configured_one(
    folder, journal, hits, chosen
):
    specs = base_specs(("plain", "chat"))
    for spec, n in zip(specs.values(), hits, strict=True):
        read_arm(folder, journal, spec, n, benchmark="sums")
    zero = choose_zero(folder, journal, specs, benchmark="sums")
    assert zero.chosen == specs[chosen].arm_id
    assert [variant.accuracy for variant in zero.variants] == [n / 10 for n in hits]


def test_a_base_that_cannot_be_read_ends_the_run(folder, journal):
    specs = base_specs(("plain",))
    journal.add_round(0, "{}", specs.values())
    journal.settle(specs["plain"].arm_id, "{}", error="no memory")
    with pytest.raises(TrainError, match=r"the base could not be read\n(?s:.*)  found: no memory"):
        choose_zero(folder, journal, specs, benchmark="sums")


def test_the_other_template_is_left_out_where_it_fails(folder, journal):
    specs = base_specs(("plain", "chat"))
    read_arm(folder, journal, specs["plain"], 4, benchmark="sums")
    journal.add_round(0, "{}", specs.values())
    journal.settle(specs["chat"].arm_id, "{}", error="the template refuses")
    assert choose_zero(folder, journal, specs, benchmark="sums").chosen == specs["plain"].arm_id


def test_a_template_changes_nothing_but_itself():
    changed = with_template(config(prompt={"system": "Think."}), "chat")
    assert changed.prompt.template == "chat"
    assert changed.prompt.system == "Think."
    assert np.all([changed.seed == config().seed, changed.recipe == config().recipe])
