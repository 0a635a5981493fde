"""Each verdict is said in one way, with its condition and its cost."""

import pytest
from report_answers import (
    ANSWERS,
    RECIPE,
    controlled,
    enough,
    estimate,
    provenance,
    response,
    several,
)

from titrant.report.answer import Estimate, Selection
from titrant.report.sentence import MEANINGS, compose, with_sentence, write_sentence

TAIL = f"Conditional on this recipe: {RECIPE}. Found in 17 arms (26 % of a full sweep)."


def test_enough_names_dose_interval_tokens_strategy_gain_recipe_and_cost():
    assert write_sentence(enough()) == (
        "187 traces (90 % interval 128–260, about 9,537 trace tokens) chosen by `random` reach 95 % "
        f"of the whole pool's gain (4,096 traces): 6.5 % → 92.0 %. {TAIL}"
    )


def test_a_smaller_dose_names_the_recommended_dose_and_what_both_reach():
    claim = compose(ANSWERS["smaller"]()).claim
    assert claim == (
        "A smaller dose of `random` beats the whole pool (4,096 traces): about 250 traces reach "
        "82.9 %, the whole pool 42.0 %, the base 6.5 %. 12 traces (90 % interval 8–20, about 9,537 "
        "trace tokens) already reach 95 % of the whole pool's gain."
    )


def test_a_smaller_dose_without_a_band_still_has_a_sentence():
    answer = ANSWERS["smaller"]().model_copy(update={"curves": (), "ed95": estimate(None)})
    assert compose(answer).claim == (
        "A smaller dose of `random` beats the whole pool (4,096 traces): 6.5 % → 42.0 %."
    )


def test_still_rising_extrapolates_nothing():
    assert compose(ANSWERS["rising"]()).claim == (
        "Still rising at the whole pool (4,096 traces) chosen by `random`: 12.0 % → 38.5 % (+26.5 "
        "points, 90 % interval +24.0 to +29.0), and the last doubling still gained more than the "
        "smallest gain of interest, so more data of this kind should help."
    )


def test_still_rising_gives_the_end_point_of_the_gain_so_far_where_it_is_known():
    answer = ANSWERS["rising"]().model_copy(update={"ed95": estimate(3900.0, 3000.0, None)})
    assert compose(answer).claim.endswith(
        "3,900 traces (90 % interval 3,000 or more, about 9,537 trace tokens) reach 95 % of the gain "
        "so far."
    )


def test_no_response_gives_the_gain_that_was_too_small():
    assert compose(ANSWERS["no_response"]()).claim == (
        "No response: the whole pool (4,096 traces) moves accuracy from 6.5 % to 7.0 % (+0.5 points, "
        "90 % interval −0.8 to +1.8), less than the smallest gain of interest."
    )


def test_guessing_gives_what_the_constant_answer_earns():
    assert compose(ANSWERS["guessing"]()).claim.endswith(
        "no further than always giving the pool's best constant answer, which earns 3.0 %."
    )


def test_hurts_gives_the_loss():
    assert compose(ANSWERS["hurts"]()).claim == (
        "It hurts: training on the whole pool (4,096 traces) takes accuracy from 62.0 % to 19.0 % "
        "(−43.0 points, 90 % interval −47.0 to −39.0)."
    )


def test_undecided_says_what_would_decide_it():
    parts = compose(ANSWERS["undecided"]())
    assert parts.claim == (
        "Undecided: the whole pool (4,096 traces) moves accuracy from 6.5 % to 7.8 % (+1.3 points, "
        "90 % interval −1.5 to +4.1)."
    )
    assert parts.decides == ("What would decide it: 1,400 more problems, or 8 samples per problem.")


def test_undecided_about_the_dose_gives_the_wide_interval():
    answer = enough(verdict="undecided", ed95=estimate(187.0, 12.0, 2048.0), decides="6 more arms.")
    assert write_sentence(answer).startswith(
        "Undecided: 187 traces (90 % interval 12–2,048, about 9,537 trace tokens) chosen by `random` "
        "may reach 95 % of the whole pool's gain (4,096 traces), 6.5 % → 92.0 %, but the interval is "
        "too wide to say. What would decide it: 6 more arms. Conditional"
    )


def test_the_whole_pool_is_named_only_where_one_arm_saw_all_of_it():
    answer = enough(whole_pool=False, provenance=provenance(pool_rows=20_000))
    assert "whole pool" not in write_sentence(answer)
    assert (
        "of the gain of the top dose of 4,096 traces (the budget sees 4,096 of 20,000 traces)"
        in write_sentence(answer)
    )


def test_without_provenance_neither_recipe_nor_pool_are_made_up():
    text = write_sentence(enough(whole_pool=False, provenance=None))
    assert "of the gain of the top dose of 4,096 traces: 6.5 %" in text
    assert "Conditional on the recipe behind these readings." in text


def test_other_strategies_are_compared_in_the_same_sentence():
    claim = compose(ANSWERS["several"]()).claim
    assert claim.endswith("; `random` needs 187, `longest` needs more than 8,192.")


def test_one_trace_is_singular():
    one = estimate(1.0, 1.0, 1.0)
    answer = enough(ed95=one, responses=(response(ed95=one, tokens=None),))
    assert compose(answer).claim.startswith(
        "1 trace (90 % interval 1–1) chosen by `random` reaches 95 % of"
    )


def test_under_reinforcement_learning_a_dose_counts_questions():
    answer = enough().model_copy(update={"dose_unit": "question"})
    assert compose(answer).claim == (
        "187 questions (90 % interval 128–260) chosen by `random` reach 95 % of the whole pool's "
        "gain (4,096 questions): 6.5 % → 92.0 %."
    )
    part = answer.model_copy(update={"whole_pool": False})
    assert "(the budget sees 4,096 of 3,011 questions)" in compose(part).claim


def test_the_level_is_the_answers_own():
    assert "reach 80 % of" in write_sentence(enough(level=0.8))


def test_an_unknown_accuracy_is_not_written_as_zero():
    text = write_sentence(ANSWERS["missing"]())
    assert text == (
        "Undecided: accuracy at the top dose of 64 traces is not known. "
        "Conditional on the recipe behind these readings."
    )


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_the_sentence_does_not_depend_on_the_one_that_is_there(name):
    answer = ANSWERS[name]()
    other = answer.model_copy(update={"sentence": "something else"})
    assert with_sentence(other) == with_sentence(answer) == answer


def test_every_verdict_has_a_meaning_and_an_answer_in_these_tests():
    verdicts = {make().verdict for make in ANSWERS.values()}
    assert verdicts == set(MEANINGS)


def test_what_choosing_cost_is_told_with_its_doubt():
    def said(saving, low, high, *, break_even, pays):
        cost = Selection(
            tokens=10,
            flops=1e12,
            seconds=1.0,
            saving=Estimate(estimate=saving, low=low, high=high, level=0.9),
            break_even=break_even,
            pays=pays,
        )
        chosen = response().model_copy(update={"selection": cost, "versus": "longest"})
        return write_sentence(enough().model_copy(update={"responses": (chosen,)}))

    spent = "Choosing cost 1 T floating-point operations"
    open_ = f"{spent}; whether that pays is open, since the lead over `longest` is."
    assert f"{spent} and pays for itself" in said(4e12, 3e12, 5e12, break_even=0.25, pays=True)
    assert open_ in said(4e12, -1e12, 5e12, break_even=0.25, pays=None)
    assert open_ in said(5e11, -4e12, 4e12, break_even=2.0, pays=None)
    assert open_ in said(-1e11, -5e12, 4e12, break_even=None, pays=None)
    assert f"{spent}: it pays from a model 2.0 times as large." in said(
        5e11, 4e11, 6e11, break_even=2.0, pays=False
    )
    assert f"{spent} and saves nothing." in said(-3e12, -5e12, -1e12, break_even=None, pays=False)


def test_the_chosen_strategy_is_told_beside_its_controls():
    said = compose(controlled(("better", 0.5), ("not told apart", 0.9)))
    assert said.control == (
        "`confidence+coverage` beats random traces of the same length (`confidence+coverage~length`), "
        "and is not told apart from random traces of the same source (`confidence+coverage~source`)."
    )
    assert said.control in str(said)
    assert (
        "loses to random traces of the same length" in compose(controlled(("worse", 2.0))).control
    )
    assert compose(several()).control == ""


def test_a_control_that_is_chosen_says_what_it_is():
    chosen = several().model_copy(update={"strategy": "longest~length"})
    assert compose(chosen).control == (
        "`longest~length` is a control: random traces with the length of those of `longest`."
    )
