"""The pretraining texts of the small bases: facts by frequency, planted test problems, their record."""

import re
from collections import Counter

import numpy as np
import pytest

from titrant.errors import DataError
from titrant.traces.record import Verdict
from titrant.worlds.arithmetic import ARITHMETIC
from titrant.worlds.base import Split
from titrant.worlds.facts import check_lines
from titrant.worlds.facts.draw import split_of
from titrant.worlds.facts.question import parse
from titrant.worlds.facts.table import facts, known_facts, new_facts
from titrant.worlds.facts.world import FACTS
from titrant.worlds.pools import world_problems
from titrant.worlds.recipes.base import BLOCK, LAST_PLACE, direct, solved
from titrant.worlds.recipes.chains import chain_documents
from titrant.worlds.recipes.facts import FactsRecipe, bare_facts, question_documents
from titrant.worlds.recipes.planted import (
    Planted,
    PlantedRecipe,
    open_documents,
    planted_documents,
    planted_items,
    read_planted,
    write_planted,
)
from titrant.worlds.recipes.table import MAKERS, RECIPES

RECIPE = FactsRecipe()
PLANTED = PlantedRecipe()
TWIN = PlantedRecipe(name="contaminated-twin", is_twin=True)


def question_of(text: str) -> str:
    return text.partition("\n")[0]


@pytest.fixture(scope="module")
def questions():
    return question_documents(RECIPE, 0)


@pytest.fixture(scope="module")
def items():
    return planted_items(PLANTED)


def test_documents_are_written_as_the_default_prompt_and_completion():
    # the prompt is "1+2=\n", five characters without loss
    assert direct("1+2=", 3) == ("1+2=\n#### 3<eos>", 5)
    assert solved("1+2=", ["1+2=3"], 3) == ("1+2=\n<think>\n1+2=3\n</think>\n\n#### 3<eos>", 5)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_names_its_text_and_its_blocks_are_pure_functions(name):
    recipe = RECIPES[name]
    assert recipe.name == name
    block = MAKERS[recipe.kind].block(recipe, 2)
    assert len(block) == BLOCK
    assert block == MAKERS[recipe.kind].block(recipe, 2)
    assert block[:5] != MAKERS[recipe.kind].block(recipe, 3)[:5]


def test_bare_facts_stand_as_often_as_their_frequency_times_the_readings():
    count = Counter(placed.document.text for placed in bare_facts(RECIPE))
    assert sum(count.values()) == RECIPE.readings * sum(fact.frequency for fact in known_facts())
    for fact in known_facts():
        assert count[f"F {fact.name.text}={fact.value}<eos>"] == RECIPE.readings * fact.frequency
    assert len(count) == 280


def test_the_value_of_a_bare_fact_carries_the_loss_and_its_name_does_not():
    for placed in bare_facts(RECIPE)[:50]:
        text, n_silent = placed.document
        assert re.fullmatch(r"\d{1,2}<eos>", text[n_silent:])
        assert text[:n_silent].endswith("=")


def test_places_are_in_order_and_before_the_end():
    for placed in (bare_facts(RECIPE), planted_documents(PLANTED)):
        places = [place.at for place in placed]
        assert places == sorted(places)
        assert 0 <= places[0] < places[-1] < LAST_PLACE


def test_questions_of_the_text_ask_for_facts_in_proportion_to_their_frequency(questions):
    needed = [parse(question_of(document.text)).names for document in questions]
    # a quarter needs none: 250 ± 4·√(1,000·.25·.75) = 250 ± 55
    assert abs(sum(not names for names in needed) - 250) < 55
    asked = Counter(facts()[name].frequency for names in needed for name in names)
    total = sum(asked.values())
    # all frequencies together are 848; those of 1 are 119, a share of .140 (fewer: without return);
    # 4 standard deviations of some 1,500 are .036
    assert sum(fact.frequency for fact in known_facts()) == 848
    assert abs(asked[1] / total - 119 / 848) < 0.036
    assert abs(asked[64] / total - 64 / 848) < 0.036


def test_no_text_holds_a_new_fact(questions):
    names = {fact.name.text for fact in new_facts()}
    text = "".join(document.text for document in questions)
    text += "".join(placed.document.text for placed in bare_facts(RECIPE))
    assert not names & set(re.findall(r"[a-z]{2,3}\.[a-z]", text))
    assert any(fact.name.text in text for fact in facts().values() if not fact.is_new)


def test_questions_of_the_text_are_of_the_pretraining_split_and_answered_rightly(questions):
    for text, n_silent in questions:
        question = question_of(text)
        assert split_of(question) == Split.PRETRAIN
        assert text[:n_silent] == f"{question}\n"
        answer = text.removesuffix("<eos>").rpartition("\n")[2]
        assert FACTS.verify(question, answer) == Verdict.CORRECT
        thinking = re.search(r"<think>\n(.*)\n</think>", text, re.DOTALL)
        if thinking:
            checks = check_lines(question, thinking[1])
            assert checks
            assert {check.kind for check in checks} == {"ok"}


def test_the_stated_share_of_questions_is_answered_step_by_step(questions):
    share = np.mean(["<think>" in text for text, _ in questions])
    assert abs(share - RECIPE.thinking_share) < 4 * (0.45 * 0.55 / BLOCK) ** 0.5


def test_items_are_the_first_problems_of_a_benchmark(items):
    benchmark = world_problems("world:arithmetic/hard", 500)
    assert [(item.qid, item.gold) for item in items] == [(p.qid, p.gold) for p in benchmark]


def test_each_number_of_copies_has_as_many_items_half_with_answers(items):
    cells = Counter((item.group, item.with_answer) for item in items)
    assert set(cells) == {(k, flag) for k in (0, 1, 4, 16, 64) for flag in (True, False)}
    assert set(cells.values()) == {50}
    assert all(item.copies == item.group for item in items)


def test_groups_do_not_follow_the_order_of_the_benchmark(items):
    first = Counter(item.group for item in items[:100])
    assert min(first.values()) >= 8  # 20 ± 3 standard deviations of 4
    groups = [item.group for item in items]
    same = sum(one == other for one, other in zip(groups, groups[5:], strict=False))
    assert same < 150  # by chance a fifth of 495, 99 ± 4·9


def test_an_item_stands_k_times_in_the_text_word_for_word_with_loss_on_all_of_it(items):
    count = Counter(placed.document for placed in planted_documents(PLANTED))
    assert sum(count.values()) == 100 * (1 + 4 + 16 + 64)
    assert {document.n_silent for document in count} == {0}
    by_question = {re.split(r"\n|<eos>", document.text)[0]: document for document in count}
    for item in items:
        document = by_question.get(item.question)
        assert (0 if document is None else count[document]) == item.copies
        if document is None:
            continue
        if item.with_answer:
            assert document.text.endswith(f"\n#### {item.gold}<eos>")
            thinking = document.text.partition("<think>\n")[2].partition("\n</think>")[0]
            assert thinking == ARITHMETIC.oracle(item.question)
        else:
            assert document.text == f"{item.question}<eos>"


def test_the_twin_has_the_same_text_and_order_and_nothing_planted(items):
    assert planted_documents(TWIN) == []
    assert open_documents(TWIN, 4) == open_documents(PLANTED, 4)
    assert TWIN.stream == PLANTED.stream == "contaminated"
    assert planted_items(TWIN) == [item.model_copy(update={"copies": 0}) for item in items]


def test_a_twentieth_of_the_ordinary_documents_carries_loss_on_its_question():
    plain, opened = chain_documents(PLANTED, 0), open_documents(PLANTED, 0)
    assert [document.text for document in plain] == [document.text for document in opened]
    changed = [one for one, other in zip(plain, opened, strict=True) if one != other]
    # 1,000·.05 = 50 ± 4·√(1,000·.05·.95) = 50 ± 28
    assert 22 < len(changed) < 78
    assert all(document.n_silent in {one.n_silent for one in plain} | {0} for document in opened)


def test_no_ordinary_document_is_a_planted_item(items):
    asked = {
        question_of(document.text) for b in range(3) for document in open_documents(PLANTED, b)
    }
    assert not asked & {item.question for item in items}


def test_the_record_of_what_was_planted_comes_back(tmp_path, items):
    write_planted(tmp_path, items)
    assert read_planted(tmp_path) == items
    assert isinstance(read_planted(tmp_path)[0], Planted)


def test_a_base_without_such_a_record_is_refused(tmp_path):
    with pytest.raises(DataError, match="nothing says what was planted in the base") as caught:
        read_planted(tmp_path)
    assert "do: build such a base: titrant vitro build contaminated" in str(caught.value)
