"""Probes: where a question is cut, what is asked, and what a row says."""

import itertools
from collections import Counter

import pytest
from contamination_made import material, problem, subject
from hypothesis import given
from hypothesis import strategies as st

from titrant.audits.contamination.probe import (
    SCHEMA,
    ask_probes,
    begun,
    chance_of,
    cut_question,
    probe_items,
)
from titrant.engines.fake import FakeEngine
from titrant.errors import EngineError
from titrant.settings import AuditSettings

LONG = "Tom has nine red apples and eats two. How many are left?"  # 12 words
AT_60 = "Tom has nine red apples and eats"  # floor(0.6 · 12) = 7 words
REST = " two. How many are left?"
SETTINGS = AuditSettings(prefixes=(0.6,))


def rows(script, benchmark, fresh=(), settings=SETTINGS, **config):
    there = material(benchmark, fresh, **config)
    return ask_probes(subject(script), probe_items(there, settings), there, settings)


def test_ten_words_or_more_are_cut_by_words():
    cut = cut_question(LONG, 0.6)
    assert cut == (AT_60, REST, "word", 12)


def test_fewer_are_cut_by_characters():
    assert cut_question("47+3*5-2=", 0.4) == ("47+", "3*5-2=", "character", 9)  # floor(3.6) = 3


def test_a_share_that_is_whole_but_for_rounding_keeps_its_unit():
    question = "x" * 100
    cut = cut_question(question, 0.29)  # 0.29 · 100 = 28.999999999999996
    assert cut is not None
    assert len(cut.prefix) == 29


@pytest.mark.parametrize(("question", "share"), [("ab", 0.4), ("abc", 1.0), ("", 0.5)])
def test_a_question_with_an_empty_part_is_not_cut(question, share):
    assert cut_question(question, share) is None


@given(st.text(min_size=1, max_size=80), st.floats(0.05, 0.95))
def test_the_parts_are_the_question(question, share):
    cut = cut_question(question, share)
    if cut is not None:
        assert cut.prefix + cut.rest == question
        assert cut.prefix
        assert cut.rest


def test_a_continuation_is_cut_to_the_units_of_the_rest():
    cut = cut_question(LONG, 0.6)
    assert cut is not None
    assert begun(" two.  How many\nare left? He has 7.", cut) == "two.  How many\nare left?"
    assert begun("", cut) == ""
    short = cut_question("47+3*5-2=", 0.6)
    assert short is not None
    assert begun("5-2=\n#### 48", short) == "5-2="


def test_the_prompt_is_the_bare_prefix_asked_greedily():
    asked = []

    def script(request):
        asked.append(request)
        return "x"

    rows(script, [problem(LONG, "7")], decode={"max_new_tokens": 10, "temperature": 0.7})
    (request,) = {request for request in asked if request.max_new_tokens < 100}
    assert request.prompt == AT_60
    assert request.temperature == 0
    assert request.max_new_tokens == 10 + len(REST)


def test_a_stop_text_of_the_rest_itself_is_not_given():
    script = {AT_60: REST + "\n\nHe has 7."}
    found = rows(script, [problem(LONG, "7")], decode={"stop": ["many", "\n\n"]})
    assert found["em"].to_list() == [True]  # "many" would have cut the rest
    assert found["continuation"].to_list() == [REST]


def test_an_exact_rest_counts_white_space_aside_and_whatever_follows():
    script = {AT_60: "  two.  How many are\nleft? Tom has 9 - 2 = 7 apples.\n#### 7"}
    (row,) = rows(script, [problem(LONG, "7")]).iter_rows(named=True)
    assert (row["em"], row["rouge"], row["correct"], row["verdict"]) == (True, 1.0, True, "correct")
    assert row["begun"] == "two.  How many are\nleft?"
    assert (row["set"], row["share"], row["unit"], row["n_units"]) == ("benchmark", 0.6, "word", 12)


def test_another_rest_is_not_exact_and_rouge_says_how_near():
    # pieces of the rest: two . how many are left ? (7); written, five words: three . how many
    # pears remain → pieces three . how many pears remain (6); LCS . how many = 3
    # P = 3/6, R = 3/7, F = 2·3/(6+7)
    script = {AT_60: " three. How many pears remain, and #### 6"}
    (row,) = rows(script, [problem(LONG, "7")]).iter_rows(named=True)
    assert row["em"] is False
    assert row["begun"] == "three. How many pears remain,"
    assert row["rouge"] == pytest.approx(2 * 3 / (7 + 7))  # the comma is a piece, too
    assert row["correct"] is False


def test_an_answer_that_was_cut_is_truncated_and_not_right():
    script = {AT_60: REST + " so the answer is 7" + "!" * 99}
    (row,) = rows(script, [problem(LONG, "7")], decode={"max_new_tokens": 30}).iter_rows(named=True)
    assert (row["em"], row["correct"], row["verdict"]) == (True, False, "truncated")


def test_without_gold_nothing_is_said_of_the_answer():
    (row,) = rows({AT_60: REST}, [problem(LONG)]).iter_rows(named=True)
    assert (row["em"], row["correct"], row["verdict"]) == (True, None, None)


def test_an_answer_that_only_the_world_can_judge_goes_to_the_world():
    asked = problem("47+3*5-2=", "48", gold_kind="world:arithmetic", source="world:arithmetic")
    script = {"47+3*": "5-2=\n<think>\n50-2=48\n</think>\n\n#### 48"}
    (row,) = rows(script, [asked]).iter_rows(named=True)
    assert (row["em"], row["correct"]) == (True, True)


def test_both_sets_are_asked_at_every_share_in_an_order_of_their_own():
    benchmark = [problem(f"{i}+3*5-2*7=", "1") for i in range(10, 60)]
    fresh = [problem(f"{i}-3*5-2*7=", "1") for i in range(10, 60)]
    settings = AuditSettings(prefixes=(0.8, 0.4), problems=20)
    items = probe_items(material(benchmark, fresh), settings)
    assert items == probe_items(material(benchmark[::-1], fresh[::-1]), settings)
    assert [item.set for item in items] == ["benchmark"] * 40 + ["fresh"] * 40
    assert [item.share for item in items[:4]] == [0.4, 0.8, 0.4, 0.8]
    more = probe_items(material(benchmark, fresh), AuditSettings(prefixes=(0.4,), problems=30))
    assert {i.problem.qid for i in items} <= {i.problem.qid for i in more}


def test_a_row_says_what_luck_gives_at_most_where_the_world_can_say():
    asked = problem("47+3*5-2=", "48", source="world:arithmetic/easy")
    # of the rest 5-2=: an operand of 8, an operator of 3, an operand of 8, and the end
    assert rows({"47+3*": "5-2="}, [asked])["chance"].to_list() == [1 / (8 * 3 * 8)]
    of_a_file = problem("47+3*5-2=", "48", source="benchmark.jsonl")
    assert rows({"47+3*": "5-2="}, [of_a_file])["chance"].to_list() == [None]


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.8])
def test_the_chance_is_one_over_all_rests_of_the_same_length(share):
    steps = [f"{operator}{n}" for operator in "+-*" for n in range(2, 10)]
    questions = [f"{start}{step}=" for start, step in itertools.product(range(100), steps)]
    cuts = [cut for one in questions if (cut := cut_question(one, share)) is not None]
    alike = Counter((cut.prefix, cut.n_units) for cut in cuts)
    assert len(cuts) > 2000
    for cut in cuts:
        chance = chance_of("world:arithmetic/train", cut)
        assert chance == pytest.approx(1 / alike[cut.prefix, cut.n_units])


def test_a_failure_of_the_engine_ends_the_chunk_and_names_the_problem():
    there = material([problem(LONG, "7")])
    failing = subject(None, failures={"error": 1.0})
    with pytest.raises(EngineError, match=r"could not be completed(.|\n)*60% shown"):
        ask_probes(failing, probe_items(there, SETTINGS), there, SETTINGS)


def test_no_items_give_an_empty_table_with_all_columns():
    there = material()
    assert ask_probes(subject(), [], there, SETTINGS).schema == SCHEMA
    assert isinstance(subject().engine, FakeEngine)
