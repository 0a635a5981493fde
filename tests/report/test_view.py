"""The plain record of the report: every number a string, missing a dash, long texts cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_answers import ANSWERS, arms, controlled, curve, enough, estimate, response

from titrant.report.answer import Estimate
from titrant.report.excerpt import clip
from titrant.report.headline import best_dose, curves_on
from titrant.report.tables import MAX_ARMS
from titrant.report.view import build_view


def tiles(answer):
    return {tile.name: (tile.value, *tile.notes) for tile in build_view(answer).tiles}


def texts(table):
    return [[cell.text for cell in row] for row in table.rows]


def test_the_key_figures_of_an_answer():
    assert tiles(enough()) == {
        "ED95: traces for 95 % of the gain": (
            "187 traces",
            "90 % interval 128–260",
            "4.6 % of the pool",  # 187 / 4,096 = 0.0457
        ),
        "Accuracy, base → plateau": (
            "6.5 % → 92.0 %",
            "4.8–8.4 % → 89.8–93.8 %",
            "on 500 problems",
        ),
        "Gain of the whole pool": (
            "+85.5 points",
            "90 % interval +82.9 to +88.0",
            "paired by problem",
        ),
        "Cost, of a full sweep": ("26 %", "17 arms", "4.5 M tokens, 4 min 1 s"),
    }


@pytest.mark.parametrize(
    ("name", "value", "note"),
    [
        ("no_response", "—", "no gain, so no dose to look for"),
        ("guessing", "—", "no gain, so no dose to look for"),
        ("hurts", "—", "no gain, so no dose to look for"),
        ("undecided", "—", "not known yet"),
        ("rising", "> 4,096", "not reached within the pool"),
        ("smaller", "12 traces", "90 % interval 8–20"),
    ],
)
def test_the_first_key_figure_says_why_there_is_no_dose(name, value, note):
    assert build_view(ANSWERS[name]()).tiles[0].value == value
    assert build_view(ANSWERS[name]()).tiles[0].notes[0] == note


def test_missing_is_a_dash_and_never_zero():
    view = build_view(ANSWERS["missing"]())
    shown = [text for tile in view.tiles for text in (tile.value, *tile.notes)]
    shown += [text for _, text in view.cost]
    assert [text for text in shown if "0 " in text.replace("100 %", "")] == []
    assert [tile.value for tile in view.tiles] == ["—", "—", "—", "—"]
    assert view.figure is None


def test_a_fit_of_foreign_readings_knows_its_arms_but_not_their_tokens():
    cost = enough().cost.model_copy(
        update=dict.fromkeys(("tokens", "train_tokens", "generated_tokens", "seconds"))
    )
    view = build_view(enough(provenance=None, cost=cost))
    assert dict(view.cost)["arms"] == "17"
    assert dict(view.cost)["tokens trained"] == "—"
    assert view.tiles[3].notes == ("17 arms",)


def test_the_verdict_names_the_dose_in_the_place_of_n():
    assert build_view(enough()).verdict == "enough at 187"
    assert build_view(ANSWERS["hurts"]()).verdict == "hurts"


def test_end_points_stand_beside_each_other():
    table = build_view(enough()).end_points
    assert [column.name for column in table.columns] == [
        "strategy", "ED50", "ED80", "ED90", "ED95", "ED95, shape-free", "ED95 in tokens",
    ]  # fmt: skip
    # 187 × 0.09 = 16.8, its interval × 0.7 and × 1.4: 11.8 and 23.6; and so on
    assert texts(table) == [
        ["random", "17 (11–24)", "57 (39–79)", "103 (71–144)", "187 (128–260)", "174 (121–244)",
         "9,537"],
    ]  # fmt: skip
    assert table.note == "brackets hold the 90 % interval · 500 problems · 3 arms"


def test_a_strategy_that_never_gets_there_is_over_the_top_dose():
    rows = texts(build_view(ANSWERS["several"]()).end_points)
    assert [row[0] for row in rows] == ["● confidence+coverage", "■ random", "▲ longest"]
    assert rows[2][1:] == ["> 8,192"] * 5 + ["—"]


def test_strategies_are_compared_with_the_reference_where_that_was_done():
    several = ANSWERS["several"]()
    first, *rest = several.responses
    ratio = Estimate(estimate=0.612, low=0.4, high=0.93, level=0.9)
    told = first.model_copy(update={"versus": "random", "ratio": ratio, "p_holm": 0.0123})
    table = build_view(several.model_copy(update={"responses": (told, *rest)})).end_points
    assert table.columns[-1].name == "ED95 ÷ that of random"
    cells = {row[0][2:]: row[-1] for row in texts(table)}
    assert cells[first.strategy] == "0.61 (0.40–0.93), p = 0.012"
    assert set(cells.values()) == {"0.61 (0.40–0.93), p = 0.012", "—"}


def test_a_strategy_stands_beside_its_controls():
    assert build_view(ANSWERS["several"]()).controls is None
    table = build_view(controlled(("worse", 1.6), ("not told apart", 0.9))).controls
    assert texts(table) == [
        ["● confidence+coverage", "confidence+coverage~length", "1.60 (1.12–2.08), p = 0.012",
         "✗ loses to its control"],
        ["● confidence+coverage", "confidence+coverage~source", "0.90 (0.63–1.17), p = 0.012",
         "? not told apart from its control"],
    ]  # fmt: skip


def test_a_strategy_beyond_the_pool_is_over_the_top_dose_under_any_verdict():
    several = ANSWERS["several"]()
    *rest, last = several.responses
    nothing = last.ed95.model_copy(update={"estimate": None, "low": None, "high": None})
    beyond = last.model_copy(update={"beyond_pool": True, "ed95": nothing})
    answer = several.model_copy(update={"verdict": "undecided", "responses": (*rest, beyond)})
    assert {row[0][2:]: row[4] for row in texts(build_view(answer).end_points)}[
        last.strategy
    ] == "> 8,192"


def test_no_end_point_is_claimed_where_there_is_no_gain():
    assert texts(build_view(ANSWERS["hurts"]()).end_points)[0][1:6] == ["—"] * 5


def test_shapes_are_sorted_by_weight_and_have_bars():
    table = build_view(enough()).smaller[0]
    assert texts(table)[0] == ["Emax (Hill)", "61 %"]
    assert texts(table)[-1] == ["flat", "0 %"]
    assert [row[1].bar for row in table.rows[:2]] == ["61.0%", "21.0%"]
    assert table.note.endswith("random: by a factor of 1.4")


def test_a_shape_that_one_strategy_lacks_is_a_dash():
    answer = enough(
        responses=(response(shapes={"flat": 1.0}), response("longest", shapes={"step": 1.0}))
    )
    assert texts(build_view(answer).smaller[0]) == [["flat", "100 %", "—"], ["step", "—", "100 %"]]


def test_the_pilot_shows_which_rate_was_chosen():
    assert texts(build_view(enough()).smaller[1]) == [
        ["1.5e-4", "81.0 %", "200", ""],
        ["3e-4", "86.5 %", "200", "✓ chosen"],
        ["6e-4", "84.0 %", "200", ""],
    ]


def test_other_benchmarks_say_transfer_and_forgetting():
    gains = {
        "up": estimate(0.22, 0.18, 0.26, n=400),
        "down": estimate(-0.031, -0.05, -0.012, n=1319),
        "same": estimate(0.01, -0.02, 0.03, n=30),
        "unknown": estimate(None, n=None),
    }
    assert texts(build_view(enough(transfer=gains)).transfer) == [
        ["up", "400", "+22.0", "+18.0 to +26.0", "↗ gained"],
        ["down", "1,319", "−3.1", "−5.0 to −1.2", "↘ lost"],
        ["same", "30", "+1.0", "−2.0 to +3.0", "→ no clear change"],
        ["unknown", "—", "—", "—", "—"],
    ]


def test_arms_are_sorted_and_a_missing_accuracy_is_a_dash():
    rows = arms([curve()])
    shuffled = (rows[3].model_copy(update={"accuracy": None}), *rows[:3], *rows[4:])
    table = build_view(enough(arms=shuffled)).arms
    assert [row[0].text for row in table.rows] == [row.arm_id for row in rows]
    assert table.rows[3][3].text == "—"
    assert table.note == "12 arms"
    base = rows[0].model_copy(update={"arm_id": "base-n000000-s00", "dose": 0})
    assert build_view(enough(arms=(base, *rows))).arms.note == "12 arms and the base"


def test_more_arms_than_a_page_holds_are_counted():
    table = build_view(ANSWERS["huge"]()).arms
    assert len(table.rows) == MAX_ARMS
    assert table.note.startswith("1,300 arms · 1,050 of them not shown")


def test_a_page_shows_six_traces_and_six_pairs_at_most():
    view = build_view(ANSWERS["huge"]())
    assert (len(view.traces), len(view.pairs)) == (6, 6)
    assert (len(view.warnings), view.warnings_left) == (30, "and 170 more in answer.json")


def test_an_older_sentence_is_shown_as_it_was_written():
    view = build_view(enough().model_copy(update={"sentence": "187 are enough."}))
    assert str(view.sentence) == "187 are enough."


def test_verdicts_on_traces_have_marks_of_different_shape():
    view = build_view(ANSWERS["enough"]())
    marks = [view.traces[0].badge, view.traces[1].badge, view.pairs[1].after_badge]
    assert [(badge.mark, badge.text) for badge in marks] == [
        ("✓", "correct"), ("✗", "wrong"), ("…", "truncated"),
    ]  # fmt: skip


@given(st.text(max_size=300), st.integers(0, 40), st.integers(1, 40))
def test_a_clipped_text_keeps_its_ends_and_its_bound(text, head, tail):
    short = clip(text, head, tail)
    assert len(short) <= head + tail + 40
    assert short.startswith(text[:head])
    assert short.endswith(text[-tail:])


def test_a_clipped_text_says_how_much_is_left_out():
    assert clip("x" * 1000, 10, 5) == "x" * 10 + " […985 characters left out…] " + "x" * 5


def test_the_base_is_drawn_once_for_all_strategies():
    curves = curves_on(ANSWERS["several"](), "arithmetic")
    assert [curve.strategy for curve in curves] == ["confidence+coverage", "random", "longest"]
    assert [sum(p.dose == 0 for p in curve.readings) for curve in curves] == [1, 0, 0]


def test_the_best_dose_is_the_recommended_one_or_the_top_of_the_band():
    answer = ANSWERS["smaller"]()
    assert best_dose(answer).dose == 250
    assert best_dose(answer.model_copy(update={"subset": None})).dose == 184
    assert best_dose(enough(curves=(curve(gain=0.5),))) is None
