"""The table of facts, and questions as chains of facts and numbers."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.errors import DataError
from titrant.seeds import derive_rng
from titrant.worlds.base import Split
from titrant.worlds.facts.draw import PRESETS, arrange, draw, split_of
from titrant.worlds.facts.question import FACTORS, Chain, follow, parse
from titrant.worlds.facts.table import (
    ATTRIBUTES,
    N_NEW,
    Name,
    facts,
    frequency,
    known_facts,
    new_facts,
    value_of,
)

A, B = (fact.name for fact in known_facts()[:2])
a, b = (fact.value for fact in known_facts()[:2])


def test_the_table_has_320_facts_of_80_entities():
    assert len(facts()) == 320
    entities = {name.entity for name in facts()}
    assert Counter(map(len, entities)) == {2: 40, 3: 40}
    assert {name.attribute for name in facts()} == set(ATTRIBUTES)
    assert all(0 <= fact.value <= 99 for fact in facts().values())


def test_a_fact_stands_under_its_own_name():
    assert all(name == fact.name for name, fact in facts().items())
    assert value_of(A) == a
    assert value_of(Name("zzzz", A.attribute)) is None  # entities have two or three letters
    assert value_of(Name(A.entity, "x")) is None


def test_new_facts_are_apart_from_the_known_ones():
    assert len(new_facts()) == N_NEW == 40
    assert len(known_facts()) == 280
    assert all(fact.is_new and fact.frequency == 0 for fact in new_facts())
    assert not any(fact.is_new for fact in known_facts())


def test_frequencies_fall_by_zipf_from_64_to_1():
    # s = ln 64 / ln 280 = 4.1589 / 5.6348 = 0.7381; rank 10: 64 · 10^−0.7381 = 64 · 0.1828 = 11.7
    assert [frequency(rank, 280) for rank in (1, 10, 280)] == [64, 12, 1]
    often = [fact.frequency for fact in known_facts()]
    assert often == sorted(often, reverse=True)
    assert (often[0], often[-1]) == (64, 1)


def test_values_and_flags_do_not_follow_names_or_ranks():
    # 40 of 320 are new, and 80 entities: with chance at work, over 20 entities have a new fact
    assert len({fact.name.entity for fact in new_facts()}) > 20
    assert len({fact.value for fact in known_facts()}) > 80


def test_a_chain_is_read_from_left_to_right_mod_100():
    chain = parse(f"{A.text}+{B.text}*3=")
    assert chain == Chain(A, (("+", B), ("*", 3)))
    assert chain.answer == (a + b) * 3 % 100
    assert chain.names == [A, B]


def test_a_question_without_operations_asks_for_the_fact():
    chain = parse(f"{A.text}=")
    assert (chain.answer, chain.reasonings) == (a, [])


def test_a_fact_that_stands_twice_is_recalled_once():
    chain = parse(f"{A.text}+{A.text}=")
    assert [recall.text for recall in chain.recalls] == [f"F {A.text}={a}"]
    assert chain.answer == 2 * a % 100


def test_reasoning_writes_what_is_left():
    steps = follow(37, (("+", 12), ("*", 3), ("-", 50)))
    # 37+12 = 49; 49·3 = 147 → 47; 47−50 = −3 → 97
    assert [step.text for step in steps] == ["R 37+12=49 *3-50", "R 49*3=47 -50", "R 47-50=97"]


@pytest.mark.parametrize(
    "text", ["", "ab.e", "+3=", "ab.e*12=", f"3*{A.text}=", "ab.e+100=", "ab.e/3=", "abcd.e+3="]
)
def test_other_text_is_no_question(text):
    with pytest.raises(DataError, match="not a question of the world of facts\n  expected: facts"):
        parse(text)


def test_a_question_about_a_fact_that_does_not_exist_is_refused():
    with pytest.raises(DataError, match=rf"the table of facts has no {A.entity}\.x\n"):
        parse(f"{A.entity}.x+3=")


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from(list(PRESETS)), st.sampled_from(list(Split)))
def test_a_drawn_chain_is_of_its_preset_and_split_and_parses_back(seed, preset, split):
    shape = PRESETS[preset]
    chain = draw(derive_rng(0, "test", seed), shape, split)
    assert parse(chain.text) == chain
    assert split_of(chain.text) == split
    assert shape.facts[0] <= len(chain.names) <= shape.facts[1]
    assert shape.numbers[0] <= len(chain.rest) + 1 - len(chain.names) <= shape.numbers[1]
    n_new = sum(facts()[name].is_new for name in chain.names)
    assert n_new >= 1 if shape.new_share == 1 else n_new <= 3 * (shape.new_share > 0)


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_a_product_has_a_digit_on_its_right(seed):
    chain = arrange(derive_rng(0, "test", seed), known_facts()[:2], 3)
    for operator, term in chain.rest:
        assert operator != "*" or term in FACTORS
