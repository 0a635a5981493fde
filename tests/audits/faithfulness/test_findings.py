"""Each finding's number by hand, and what it must not depend on."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.audits.faithfulness.findings.curves import area_frame, area_over, length_table
from titrant.audits.faithfulness.findings.gain import mean_steps, paper_ratios
from titrant.audits.faithfulness.findings.grid import Grid, grid_of
from titrant.audits.faithfulness.findings.knowledge import knowledge_grids
from titrant.audits.faithfulness.findings.length import matched_change, strata_of
from titrant.audits.faithfulness.findings.posthoc import beyond_chance, chance_form, fixed_share
from titrant.audits.faithfulness.findings.reach import asked_draws, counts_of
from titrant.audits.faithfulness.interval import Means
from titrant.audits.faithfulness.parts import draws as draws_part
from titrant.audits.faithfulness.parts import own as own_part
from titrant.audits.faithfulness.parts.own import ANEW, EARLY, PARAPHRASE

MEANS = Means(0.9)
NAN = float("nan")


def table(rows, schema):
    """A table of a part; what a row does not say is null."""
    full = [{**dict.fromkeys(schema), "role": "tuned", "seed": 0, **row} for row in rows]
    return pl.DataFrame(full, schema={**schema, "role": pl.String, "seed": pl.Int64})


def own(rows):
    return table(rows, own_part.SCHEMA)


def draws(rows):
    return table(rows, draws_part.SCHEMA)


def early(qid, n_steps, same, *, kind=EARLY, places=None, **more):
    kept = places or [0, 1, n_steps][: len(same)]
    return [
        {
            "qid": qid,
            "kind": kind,
            "x": k / n_steps,
            "kept": k,
            "n_steps": n_steps,
            "same": s,
            **more,
        }
        for k, s in zip(kept, same, strict=True)
    ]


# ---- grids


def test_a_grid_pairs_by_problem_and_leaves_gaps():
    frame = pl.DataFrame(
        {
            "role": ["base", "tuned", "tuned", "tuned"],
            "seed": [0, 0, 1, 1],
            "qid": ["a", "a", "a", "b"],
            "value": [True, False, None, True],
        }
    )
    found = grid_of(frame, "value")
    assert found.qids == ("a", "b")
    np.testing.assert_array_equal(found.base, [1.0, NAN])
    np.testing.assert_array_equal(found.tuned, [[0.0, NAN], [NAN, 1.0]])


def test_the_worst_come_first():
    grid = Grid(("a", "b", "c"), np.zeros(3), np.array([[2.0, NAN, 1.0]]))
    assert grid.worst(grid.tuned, lowest=True) == ("c", "a")
    assert grid.worst(grid.tuned, lowest=False) == ("a", "c")


# ---- areas


def test_the_area_is_one_less_the_trapezoids():
    # s = 0, 0, 1 at 0, 1/2, 1: ∫ = 0 + 1/4
    assert area_over([0.0, 0.5, 1.0], [0.0, 0.0, 1.0], known_end=None) == pytest.approx(0.75)
    # s = 0, 1, 1: ∫ = 1/4 + 1/2
    assert area_over([0.0, 0.5, 1.0], [0.0, 1.0, 1.0], known_end=None) == pytest.approx(0.25)


def test_a_curve_that_does_not_reach_both_ends_has_no_area():
    assert area_over([0.0, 0.5], [0.0, 1.0], known_end=None) is None
    assert area_over([0.5], [0.0], known_end=1.0) is None
    assert area_over([0.0, 0.5], [0.0, 1.0], known_end=1.0) == pytest.approx(0.25)


@given(st.lists(st.booleans(), min_size=1, max_size=9))
def test_an_area_is_a_share(same):
    places = np.linspace(0, 1, len(same) + 1).tolist()
    found = area_over(places, [*map(float, same), 1.0], known_end=None)
    assert found is not None
    assert -1e-12 <= found <= 1.0


def test_a_mistake_after_the_last_step_is_none_and_an_edit_of_no_step_too():
    rows = early("q", 2, [False, False], kind=ANEW, places=[0, 1])
    rows += early("q", 2, [True, False], kind=PARAPHRASE, places=[1, 2])
    frame = own(rows)
    # mistakes are at 0, 0 and then none; edits are none, then at 1, 0
    assert area_frame(frame, ANEW)["aoc"].to_list() == [pytest.approx(0.75)]
    assert area_frame(frame, PARAPHRASE)["aoc"].to_list() == [pytest.approx(0.25)]


def test_a_place_that_two_cuts_share_counts_once():
    rows = early("q", 2, [False, False, True, True], places=[0, 1, 2, 2])
    assert area_frame(own(rows), EARLY)["aoc"].to_list() == [pytest.approx(0.75)]


def test_weighting_lengths_by_their_share_is_the_mean_over_traces():
    """Lanham et al. take AOC per CoT length and weight by the share of CoTs; we take the traces' mean."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(40):
        n = int(rng.integers(2, 5))
        same = [bool(rng.random() < 0.5) for _ in range(n)] + [True]
        rows += early(f"q{i:02d}", n, same, places=list(range(n + 1)))
    frame = own(rows)
    areas = area_frame(frame, EARLY)
    weighted = 0.0
    for n_steps in areas["n_steps"].unique().to_list():
        of = [row for row in rows if row["n_steps"] == n_steps]
        n_traces = len({row["qid"] for row in of})
        curve = [
            np.mean([row["same"] for row in of if row["kept"] == kept])
            for kept in range(n_steps + 1)
        ]
        area = 1 - np.trapezoid(curve, np.arange(n_steps + 1) / n_steps)
        weighted += area * n_traces / 40
    assert areas["aoc"].mean() == pytest.approx(weighted)
    shown = length_table(frame, MEANS)
    assert sum(row[1] * row[3].estimate for row in shown.rows) == pytest.approx(weighted)


# ---- post-hoc


def test_chance_is_agreement_with_other_problems():
    # of the six pairs i ≠ j, given 1 agrees with full 0 and given 2 with full 1
    found = chance_form(["1", "1", "2"], ["1", "2", "2"])
    assert found.mean() == pytest.approx(2 / 6)
    # every answer the same: guesses agree always
    assert chance_form(["7"] * 4, ["7"] * 4) == pytest.approx(np.ones(4))


def test_no_answer_agrees_with_nothing():
    assert chance_form([None, None, "1"], [None, None, "2"]) == pytest.approx(np.zeros(3))


def test_spellings_of_one_answer_agree():
    assert chance_form(["$5$", "x"], ["y", " 5 "]).mean() == pytest.approx(0.5)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2, max_size=12))
def test_chance_counts_all_pairs(answers):
    given_, full = zip(*answers, strict=True)
    n = len(answers)
    pairs = [given_[i] == full[j] for i in range(n) for j in range(n) if i != j]
    assert chance_form(given_, full).mean() == pytest.approx(np.mean(pairs))


def test_what_chance_explains_is_taken_off():
    # P = 0.6, C = 0.2: h = 0.4 / 0.8
    same = np.array([1.0, 1.0, 1.0, 0.0, 0.0])
    assert beyond_chance(same, np.full(5, 0.2)).mean() == pytest.approx(0.5)
    assert np.isnan(beyond_chance(np.ones(3), np.ones(3))).all()


def test_the_share_fixed_beforehand_is_found_where_guesses_often_agree():
    """Five answers, 30 % fixed beforehand, the rest guesses: agreement is 44 %, the share 30 %."""
    found = [posthoc_share(np.random.default_rng(seed), share=0.3).value for seed in range(200)]
    assert np.mean([value.estimate for value in found]) == pytest.approx(0.3, abs=0.02)
    assert np.mean([value.low <= 0.3 <= value.high for value in found]) > 0.84


def test_at_the_bar_itself_few_alarms_are_raised():
    """The hardest case of "not over the bar": 20 % exactly. Nominal is 5 %, before Holm."""
    found = [posthoc_share(np.random.default_rng(seed), share=0.2) for seed in range(300)]
    # binomial with p = 0.05, n = 300: standard deviation 1.3 points
    assert np.mean([one.p_above(0.2) <= 0.05 for one in found]) < 0.05 + 2.5 * 0.013


def posthoc_share(rng, *, share, n=120):
    full, guess = rng.integers(5, size=n), rng.integers(5, size=n)
    given_ = np.where(rng.random(n) < share, full, guess)
    by_luck = chance_form([str(a) for a in given_], [str(a) for a in full])
    return MEANS.of(beyond_chance((given_ == full).astype(float), by_luck), (0.0, 1.0))


def test_the_linear_form_scatters_as_leaving_problems_out_does():
    """Pseudo-values of the jackknife, which know nothing of the formula."""
    rng = np.random.default_rng(0)
    n = 120
    full = rng.choice(5, size=n, p=[0.5, 0.3, 0.1, 0.05, 0.05])
    given_ = np.where(
        rng.random(n) < 0.3, full, rng.choice(5, size=n, p=[0.5, 0.3, 0.1, 0.05, 0.05])
    )

    def share(keep):
        by_luck = chance_form([str(a) for a in given_[keep]], [str(a) for a in full[keep]])
        return beyond_chance((given_ == full)[keep].astype(float), by_luck)

    whole = np.arange(n)
    pseudo = [n * share(whole).mean() - (n - 1) * share(whole != i).mean() for i in range(n)]
    form = share(whole)
    assert np.corrcoef(form, pseudo)[0, 1] > 0.999
    assert form.std() == pytest.approx(np.std(pseudo), rel=0.03)


def test_the_table_gives_the_same_share_as_the_formulas():
    given_, full = ["1", "1", "2", None], ["1", "2", "2", "3"]
    rows = [
        {"qid": f"q{i}", "kind": EARLY, "x": x, "same": given_[i] == full[i], "answer": side[i]}
        for i in range(4)
        for x, side in ((0.0, given_), (1.0, full))
    ]
    found = fixed_share(own(rows), "tuned", MEANS)
    # agree in 2 of 4; of the 12 pairs of others 2 agree: (1/2 − 1/6) / (1 − 1/6)
    assert found.agree.estimate == pytest.approx(0.5)
    assert found.chance.estimate == pytest.approx(2 / 12)
    assert found.share.value.estimate == pytest.approx(0.4)


# ---- draws


def reach_rows(correct, valid, **more):
    return [
        {"qid": "q", "sample": i, "correct": c, "cot_valid": v, **more}
        for i, (c, v) in enumerate(zip(correct, valid, strict=True))
    ]


def test_vectors_of_pass_at_k():
    # n = 16, c = 4: .25, .45, .728, .9615, .9995, 1
    rows = reach_rows([True] * 4 + [False] * 12, [False] * 16)
    counts = counts_of(asked_draws(draws(rows)), "correct")
    found = [counts.pass_grid(k).tuned[0, 0] for k in (1, 2, 4, 8, 12, 13)]
    assert found == pytest.approx([0.25, 0.45, 0.728, 0.9615, 0.9995, 1.0], abs=6e-4)


def test_cot_pass_counts_right_answers_by_right_steps():
    # 16 samples, C = 8, D = 4: pass@4 .962, CoT-pass@4 .728
    asked = asked_draws(draws(reach_rows([True] * 8 + [False] * 8, ([True] * 4 + [False] * 4) * 2)))
    assert counts_of(asked, "correct").pass_grid(4).tuned[0, 0] == pytest.approx(0.962, abs=5e-4)
    assert counts_of(asked, "with_chain").pass_grid(4).tuned[0, 0] == pytest.approx(0.728, abs=5e-4)


def test_failed_draws_are_no_draws_and_too_few_have_no_pass():
    asked = asked_draws(draws(reach_rows([True, None, False], [True, None, True])))
    counts = counts_of(asked, "correct")
    assert counts.pass_grid(1).tuned[0, 0] == pytest.approx(0.5)
    assert np.isnan(counts.pass_grid(3).tuned[0, 0])


def test_where_nobody_can_tell_there_is_no_chain():
    asked = asked_draws(draws(reach_rows([True, False], [None, None])))
    assert asked["with_chain"].null_count() == 2


def test_the_two_knowledge_indices():
    # draw 1: 4 steps, 2 facts, 1 right: ours 1/2, the paper's (1 + 2)/4; draw 2: no facts: none, 1
    rows = [
        {"qid": "q", "correct": True, "n_steps": 4, "n_facts": 2, "n_facts_right": 1},
        {"qid": "q", "correct": True, "n_steps": 3, "n_facts": 0, "n_facts_right": 0},
    ]
    ours, papers = knowledge_grids(draws(rows))
    assert ours.tuned[0, 0] == pytest.approx(0.5)
    assert papers.tuned[0, 0] == pytest.approx((0.75 + 1.0) / 2)


# ---- information gain


def grid(base, tuned):
    qids = tuple(f"q{i}" for i in range(len(base)))
    return Grid(qids, np.array(base, float), np.atleast_2d(np.array(tuned, float)))


def test_where_only_the_steps_grew_the_paper_form_falls_by_their_ratio():
    """A fall of 38.9 % needs nothing but 1.64 times as many steps."""
    rng = np.random.default_rng(0)
    fall = rng.lognormal(0, 1, size=50)
    t_base = np.full(50, 10.0)
    t_tuned = 1.64 * t_base
    seen, by_steps, rest = paper_ratios(
        grid(fall / t_base, fall / t_tuned), grid(t_base, t_tuned), MEANS
    )
    assert seen.value.estimate == pytest.approx(1 / 1.64)
    assert by_steps.value.estimate == pytest.approx(1 / 1.64)
    assert rest.value.estimate == pytest.approx(1.0)
    assert (rest.value.low, rest.value.high) == (pytest.approx(1.0), pytest.approx(1.0))


def test_a_form_that_turns_negative_is_still_compared():
    seen, _, rest = paper_ratios(grid([1.0, 3.0], [-1.0, -1.0]), grid([2, 2], [2, 2]), MEANS)
    assert seen.value.estimate == rest.value.estimate == pytest.approx(-0.5)


def test_without_a_gain_of_the_base_nothing_is_compared():
    seen, _, rest = paper_ratios(grid([-1.0, 0.5], [1.0, 1.0]), grid([2, 2], [2, 2]), MEANS)
    assert seen.value.estimate is rest.value.estimate is None


def test_steps_are_those_of_traces_that_are_compared():
    paper, steps = grid([1.0, NAN, 2.0], [1.0, 1.0, NAN]), grid([4, 0, 6], [8, 20, 0])
    assert mean_steps(paper, steps) == (4.0, 8.0)


def test_strata_are_exact_counts_where_there_are_few():
    found = strata_of(grid([2, 3, 0], [[3, NAN, 5], [2, 2, 5]]))
    assert found.names == ("2", "3", "5")
    assert found.base.tolist() == [0, 1, -1]
    assert found.tuned.tolist() == [[1, -1, 2], [0, 0, 2]]


def test_many_counts_become_fifths():
    counts = np.arange(1, 101)
    found = strata_of(grid(counts, counts))
    assert len(found.names) == 5
    sizes = np.bincount(found.base)
    assert sizes.min() >= 15
    assert found.names[-1].endswith("–100")


def test_the_change_within_strata_is_their_weighted_mean():
    # stratum 1: base (1, 2, 3), arm (4, 4): +2, weight 3·2/5 = 1.2
    # stratum 2: base (5), arm (7, 9): +3, weight 1·2/3
    total = grid([1.0, 2.0, 3.0, 5.0], [4.0, 4.0, 7.0, 9.0])
    found = matched_change(total, strata_of(grid([1, 1, 1, 2], [1, 1, 2, 2])))
    assert found.shape == (1, 4)
    assert found.mean() == pytest.approx((1.2 * 2 + 2 / 3 * 3) / (1.2 + 2 / 3))


def test_a_change_of_length_alone_vanishes_within_strata():
    """Gain grows with steps and training adds steps: the plain change is all length."""
    rng = np.random.default_rng(0)
    t_base, t_tuned = rng.integers(2, 8, 300), rng.integers(4, 8, 300)
    total = grid(t_base + rng.normal(0, 0.1, 300), t_tuned + rng.normal(0, 0.1, 300))
    strata = strata_of(grid(t_base, t_tuned))
    plain, matched = MEANS.of(total.change).value, MEANS.of(matched_change(total, strata)).value
    assert plain.low > 0.5
    assert matched.low < 0 < matched.high
    assert matched.high - matched.low < 0.1
