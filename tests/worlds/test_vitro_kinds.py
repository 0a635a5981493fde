"""What bases of facts and contaminated bases are measured by, and the bars that refuse them."""

import json
import re

import pytest

from titrant.engines.fake import FakeEngine
from titrant.errors import TrainError
from titrant.run.vitro import BaseCard, Measured, card_text, check_bars
from titrant.run.vitro.facts import REASONING, known_alone, known_in_solution, measure_facts
from titrant.run.vitro.kinds import KINDS
from titrant.run.vitro.planted import completed, measure_planted
from titrant.worlds.facts.question import parse
from titrant.worlds.facts.table import Name, facts, known_facts, new_facts
from titrant.worlds.facts.world import FACTS
from titrant.worlds.recipes.facts import FactsRecipe
from titrant.worlds.recipes.planted import PlantedRecipe, planted_items, read_planted
from titrant.worlds.recipes.table import MAKERS, RECIPES

RECIPE = FactsRecipe()
PLANTED = PlantedRecipe(items_per_copies=10)
KNOWN = {fact.name for fact in known_facts() if fact.frequency >= 4}


def remember(request) -> str:
    """Knows facts of frequency 4 or more; reasons if made to."""
    name = re.search(r"F ([a-z]+)\.([a-z])=$", request.prompt)
    if name:
        known = Name(*name.groups()) in KNOWN
        return str(facts()[Name(*name.groups())].value) if known else "100"
    question, _, opening = request.prompt.partition("\n")
    if not opening:
        return "#### 0"
    return f"{FACTS.oracle(question)}\n</think>\n\n#### {parse(question).answer}"


def test_a_fact_is_known_alone_if_its_value_comes_and_nothing_else():
    first, second, third = known_facts()[:3]
    script = {
        f"F {first.name.text}=": str(first.value),
        f"F {second.name.text}=": str((second.value + 1) % 100),
        f"F {third.name.text}=": f"{third.value}" + " " * 9,  # does not end
    }
    assert known_alone(FakeEngine(script), known_facts()[:3]) == [True, False, False]


def test_a_fact_is_known_in_a_solution_if_its_line_is_right():
    first, second, third = (fact.name.text for fact in known_facts()[:3])
    values = [fact.value for fact in known_facts()[:3]]
    script = {
        f"{first}+12=\n<think>\nF {first}=": f"{values[0]}\nR 1+12=13",
        f"{second}+12=\n<think>\nF {second}=": f"{values[1]}0\nR",
        f"{third}+12=\n<think>\nF {third}=": f" {values[2]}\n",
    }
    assert known_in_solution(FakeEngine(script), known_facts()[:3]) == [True, False, False]


def test_facts_are_measured_by_frequency():
    found = measure_facts(FakeEngine(remember))
    shares = {name: (m.accuracy, m.n) for name, m in found.items()}
    bands = {
        "frequency 1": (0.0, 119),
        "frequency 2–3": (0.0, 110),
        "frequency 4–7": (1.0, 33),
        "frequency 8–64": (1.0, 18),  # 119 + 110 + 33 + 18 = 280
        "new": (0.0, 40),
    }
    alone = {f"facts known alone, {band}": shares_ for band, shares_ in bands.items()}
    recalled = {f"facts known in a solution, {band}": shares_ for band, shares_ in bands.items()}
    assert shares == {**alone, **recalled, REASONING: (1.0, 500)}


def test_new_facts_are_the_table_s():
    knows_new = {f"F {fact.name.text}=": str(fact.value) for fact in new_facts()}
    script = FakeEngine(lambda request: knows_new.get(request.prompt, "#### 0"))
    found = measure_facts(script)
    assert found["facts known alone, new"].accuracy == 1.0
    assert found["facts known in a solution, new"].accuracy == found[REASONING].accuracy == 0.0


def test_a_question_is_known_if_its_rest_comes_word_for_word():
    # 13 characters: 7 are given, "47+3*5-" and "2*4+3=" must come
    script = {"47+3*5-": "2*4+3=\n", "48+3*5-": "2*4+4=", "49+": "2="}
    asked = ["47+3*5-2*4+3=", "48+3*5-2*4+3="]
    assert completed(FakeEngine(script), asked) == [True, False]
    assert completed(FakeEngine(script), ["49+2="], cut=0.6) == [True]  # floor(.6·5) = 3


def test_planted_items_are_measured_by_copies():
    items = planted_items(PLANTED)
    seen = [item.question for item in items if item.copies >= 16]

    def recite(request) -> str:
        whole = next((q for q in seen if q.startswith(request.prompt)), "")
        if whole and len(request.prompt) < len(whole):
            return whole[len(request.prompt) :]
        question = request.prompt.partition("\n")[0]
        gold = {item.question: item.gold for item in items}.get(question)
        return f"#### {gold}" if question in seen else "#### x"

    found = measure_planted(FakeEngine(recite), PLANTED)
    assert {name: m.accuracy for name, m in found.items() if name.startswith("EM")} == {
        f"EM at 60 %, group of {k} copies": float(k >= 16) for k in (0, 1, 4, 16, 64)
    }
    greedy = {name: (m.accuracy, m.n) for name, m in found.items() if name.startswith("asked")}
    assert greedy == {
        f"asked greedily, group of {k} copies with answer": (float(k >= 16), 5)
        for k in (0, 1, 4, 16, 64)
    }


def share(value: float) -> Measured:
    return Measured(accuracy=value, low=value, high=value, n=100, truncated=0.0)


def card(kind: str, recipe, *, greedy=0.04, forced=0.98, extra) -> BaseCard:
    return BaseCard(
        name=recipe.name,
        kind=kind,
        built="2026-11-28",
        recipe=json.loads(recipe.model_dump_json()),
        parameters=207_744,
        weight_bytes=419_440,
        train_s=600.0,
        threads=1,
        versions={"torch": "2.13.0"},
        greedy=share(greedy),
        made_to_think=share(forced),
        extra={name: share(value) for name, value in extra.items()},
    )


def facts_card(*, greedy=0.04, reasoning=0.95, frequent=0.95, new=0.01) -> BaseCard:
    extra = {
        REASONING: reasoning,
        "facts known in a solution, frequency 8–64": frequent,
        "facts known alone, new": 0.0,
        "facts known in a solution, new": new,
    }
    return card("facts", RECIPE, greedy=greedy, forced=0.3, extra=extra)


def planted_card(*, recipe=PLANTED, forced=0.95, least=0.0, most=0.8) -> BaseCard:
    extra = {"EM at 60 %, group of 0 copies": least, "EM at 60 %, group of 64 copies": most}
    return card("planted", recipe, forced=forced, extra=extra)


TWIN = PlantedRecipe(name="contaminated-twin", is_twin=True)


def test_bases_within_their_bars_pass():
    check_bars(facts_card())
    check_bars(planted_card())
    check_bars(planted_card(recipe=TWIN, most=0.0))


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        (facts_card(greedy=0.10), "greedy accuracy 10.0%, bar < 10%"),
        (facts_card(reasoning=0.90), "made to think, two frequent facts 90.0%, bar > 90%"),
        (facts_card(frequent=0.90), "in a solution, frequency 8–64 90.0%, bar > 90%"),
        (facts_card(new=0.10), "facts known in a solution, new 10.0%, bar < 10%"),
        (planted_card(forced=0.90), "made to think 90.0%, bar > 90%"),
        (planted_card(least=0.05), "EM without copies 5.0%, bar < 5%"),
        (planted_card(most=0.50), "EM with the most copies 50.0%, bar > 50%"),
        (planted_card(recipe=TWIN, most=0.05), "EM of a twin 5.0%, bar < 5%"),
    ],
)
def test_a_base_that_misses_a_bar_of_its_kind_is_refused_with_the_figure(made, fault):
    with pytest.raises(TrainError, match=re.escape(fault)):
        check_bars(made)


def test_cards_of_all_kinds_show_what_was_measured():
    text = card_text(facts_card())
    assert "pretrained further, from vitro:arithmetic, on a table of facts" in text
    assert "| facts known in a solution, frequency 8–64 | 95.0% | 95.0% – 95.0% | 100 |" in text
    assert "longer chains" not in text
    assert "tags: [titrant, facts, toy]" in text
    assert "| EM at 60 %, group of 64 copies | 80.0% |" in card_text(planted_card())


def test_what_was_planted_is_stored_beside_a_contaminated_base_and_nothing_beside_others(tmp_path):
    KINDS["planted"].write(PLANTED, tmp_path)
    assert read_planted(tmp_path) == planted_items(PLANTED)
    other = tmp_path / "other"
    other.mkdir()
    KINDS["facts"].write(RECIPE, other)
    assert list(other.iterdir()) == []


def test_every_recipe_has_a_text_and_measures():
    assert set(KINDS) == set(MAKERS) == {recipe.kind for recipe in RECIPES.values()}


def test_a_card_of_another_kind_survives_the_disk():
    assert BaseCard.model_validate_json(facts_card().model_dump_json()) == facts_card()
