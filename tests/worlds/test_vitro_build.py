"""Building a base: what is measured, which bars refuse it, what the card says."""

import json
import re

import pytest

from titrant.engines.fake import FakeEngine
from titrant.errors import ConfigError, TrainError
from titrant.run.vitro import (
    MAX_NEW_TOKENS,
    WEIGHTS_MOST_BYTES,
    BaseCard,
    Measured,
    build_base,
    card_text,
    check_bars,
    measure,
)
from titrant.settings import PromptSettings
from titrant.worlds.arithmetic import ARITHMETIC, PRESETS, Chain, parse

OPENING = PromptSettings().think_open
N = 30


def think(request) -> str:
    """Rightly, where the thinking is opened; always 0 otherwise."""
    question, _, rest = request.prompt.partition("\n")
    if not rest:
        return "#### 0"
    answer = parse(question).values[-1]
    return f"{ARITHMETIC.oracle(question)}\n</think>\n\n#### {answer}"


def test_a_latent_skill_is_measured_where_the_thinking_is_opened():
    found = measure(FakeEngine(think), "train", OPENING, N)
    assert (found.accuracy, found.truncated, found.n) == (1.0, 0.0, N)
    # Wilson at 30 of 30: 30 / (30 + 1.95996²) = 30 / 33.8415
    assert (found.low, found.high) == (0.8865, 1.0)


def test_without_the_opening_the_same_engine_guesses():
    assert measure(FakeEngine(think), "train", "", N).accuracy < 0.2


def test_an_answer_cut_by_the_limit_is_not_right():
    def answer_and_ramble(request) -> str:
        return f"#### {parse(request.prompt).values[-1]}" + " " * 2 * MAX_NEW_TOKENS

    found = measure(FakeEngine(answer_and_ramble), "train", "", N)
    assert (found.accuracy, found.truncated) == (0.0, 1.0)


def test_unclosed_thinking_is_not_right():
    assert measure(FakeEngine(["48\n#### 48"]), "train", OPENING, N).accuracy == 0.0


@pytest.mark.parametrize("preset", PRESETS)
def test_the_longest_right_answer_fits_the_limit(preset):
    question = Chain(99, (("*", 9),) * PRESETS[preset][1]).text
    text = f"{ARITHMETIC.oracle(question)}\n~\n\n#### 99~"  # ~ for the closing mark and the stop
    assert len(text) <= MAX_NEW_TOKENS


def accuracy(share: float) -> Measured:
    return Measured(accuracy=share, low=share, high=share, n=1000, truncated=0.0)


def card(*, greedy=0.04, forced=0.98, weight_bytes=1_500_000, thinking_share=0.3) -> BaseCard:
    return BaseCard(
        name="arithmetic",
        built="2026-11-24",
        recipe={"name": "arithmetic", "thinking_share": thinking_share},
        parameters=750_000,
        weight_bytes=weight_bytes,
        train_s=600.0,
        threads=2,
        versions={"torch": "2.13.0"},
        greedy=accuracy(greedy),
        made_to_think=accuracy(forced),
        greedy_long=accuracy(0.02),
        made_to_think_long=accuracy(0.5),
    )


def test_a_base_within_its_bars_passes():
    check_bars(card())
    check_bars(card(greedy=0.0999, forced=0.951, weight_bytes=WEIGHTS_MOST_BYTES))
    check_bars(card(forced=0.05, thinking_share=0.0))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"greedy": 0.10}, "greedy accuracy 10.0%, bar < 10%"),
        ({"forced": 0.95}, "made to think 95.0%, bar > 95%"),
        (
            {"forced": 0.10, "thinking_share": 0.0},
            "made to think 10.0% without the skill, bar < 10",
        ),
        ({"weight_bytes": 2_000_001}, "weights of 2,000,001 bytes, bar 2,000,000"),
    ],
)
def test_a_base_that_misses_a_bar_is_refused_with_the_figure(changes, fault):
    with pytest.raises(TrainError, match=re.escape(fault)) as error:
        check_bars(card(**changes))
    assert "the base 'arithmetic' is not what its recipe promises" in str(error.value)
    assert "do: change the recipe" in str(error.value)


def test_all_missed_bars_are_named_at_once():
    with pytest.raises(
        TrainError, match=r"greedy accuracy 50\.0%.*; made to think 10\.0%, bar > 95%"
    ):
        check_bars(card(greedy=0.5, forced=0.1))


def test_the_card_says_what_was_measured_and_how_it_was_made():
    text = card_text(card())
    assert "| asked greedily | 4.0% | 4.0% – 4.0% | 1000 |" in text
    assert "| made to think | 98.0% |" in text
    assert "`titrant vitro build arithmetic` in 10.0 minutes on\n2 threads" in text
    assert "- thinking_share: 0.3" in text
    assert text.startswith("---\nlicense: apache-2.0\n")


def test_the_card_says_whose_weights_were_trained_on():
    assert "Llama pretrained from nothing on left" in card_text(card())
    further = card().model_copy(update={"recipe": {"start": "arithmetic"}})
    assert "Llama pretrained further, from vitro:arithmetic, on left" in card_text(further)


def test_a_card_survives_the_disk():
    assert BaseCard.model_validate(json.loads(card().model_dump_json())) == card()


@pytest.mark.train
def test_an_unknown_base_is_answered_with_the_nearest(tmp_path):
    pytest.importorskip("torch", reason="needs the train extra")
    with pytest.raises(ConfigError, match="no recipe for a base 'arithmetik'\n  do: did you mean"):
        build_base("arithmetik", tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.train
@pytest.mark.slow
def test_a_base_that_misses_its_bars_replaces_nothing(tmp_path, monkeypatch):
    vitro = pytest.importorskip("titrant.worlds.vitro", reason="needs the train extra")
    tiny = vitro.VitroRecipe(
        name="tiny", layers=1, width=16, heads=2, mlp_width=16, updates=2, rows=2
    )
    monkeypatch.setitem(vitro.RECIPES, "tiny", tiny)
    out = tmp_path / "tiny"
    out.mkdir()
    (out / "card.json").write_text("the old one")
    with pytest.raises(TrainError, match=r"made to think 0\.0%, bar > 95%"):
        build_base("tiny", out, threads=1)
    assert (out / "card.json").read_text() == "the old one"


@pytest.mark.train
def test_pretraining_is_told_and_prints_nothing(tmp_path, capfd):
    vitro = pytest.importorskip("titrant.worlds.vitro", reason="needs the train extra")
    tiny = vitro.VitroRecipe(
        name="tiny", layers=1, width=16, heads=2, mlp_width=16, updates=100, rows=1
    )
    told = []
    vitro.pretrain_to(tiny, tmp_path / "tiny", threads=1, tell=lambda *news: told.append(news))
    assert [news[:2] for news in told] == [(100, 100)]
    assert 0 < told[0][2] < 10  # nats per token; a uniform guess over 101 tokens has 4.6
    assert capfd.readouterr().out == ""  # standard output belongs to --json
