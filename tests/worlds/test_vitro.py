"""How the small bases are made: tokenizer, pretraining text, packed rows, model."""

import re
from collections import Counter
from hashlib import sha256

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

from titrant.engines.prompt import PromptBuilder  # noqa: E402
from titrant.run.vitro import WEIGHTS_MOST_BYTES  # noqa: E402
from titrant.settings import PromptSettings  # noqa: E402
from titrant.traces.record import Trace  # noqa: E402
from titrant.worlds.arithmetic import ARITHMETIC, parse, split_of  # noqa: E402
from titrant.worlds.base import Split  # noqa: E402
from titrant.worlds.recipes.facts import FactsRecipe, bare_facts  # noqa: E402
from titrant.worlds.recipes.planted import PlantedRecipe, planted_documents  # noqa: E402
from titrant.worlds.vitro import (  # noqa: E402
    ALPHABET,
    BASES,
    BLOCK,
    RECIPES,
    SPECIALS,
    VitroRecipe,
    documents,
    make_model,
    make_tokenizer,
    packed_rows,
)

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("one_thread")]

TINY = VitroRecipe(name="tiny", layers=1, width=16, heads=2, mlp_width=16, updates=3, rows=5)
TOKENIZER = make_tokenizer()
PRINTABLE = "".join(chr(code) for code in range(32, 127))


def encode(text: str) -> list[int]:
    return TOKENIZER(text, add_special_tokens=False)["input_ids"]


def test_every_printable_ascii_character_is_one_token_that_decodes_to_itself():
    ids = encode(PRINTABLE + "\n")
    assert len(PRINTABLE) == 95
    assert len(ids) == 96
    assert len(set(ids)) == 96
    assert TOKENIZER.unk_token_id not in ids
    assert TOKENIZER.decode(ids) == PRINTABLE + "\n"


@settings(max_examples=60)
@given(st.text(PRINTABLE + "\n", max_size=80))
def test_text_comes_back_unchanged(text):
    assert TOKENIZER.decode(encode(text)) == text


@pytest.fixture(scope="module")
def reloaded(tmp_path_factory):
    """The tokenizer as any library reads it from the folder of its model."""
    folder = tmp_path_factory.mktemp("base")
    make_model(TINY, TOKENIZER).save_pretrained(folder)
    TOKENIZER.save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


def test_the_tokenizer_survives_being_saved_beside_its_model(reloaded):
    # transformers ignores a saved pre-tokenizer under some model types and then loses blanks
    text = "  12 + 3\n\n<think>\n12+3=15\n</think>\n\n#### 15<eos>"
    ids = reloaded(text, add_special_tokens=False)["input_ids"]
    assert ids == encode(text)
    assert reloaded.decode(ids) == text
    assert (reloaded.eos_token, reloaded.pad_token, reloaded.unk_token) == (
        "<eos>",
        "<pad>",
        "<unk>",
    )


def test_marks_are_one_token_each():
    assert encode("<think></think><eos>") == [SPECIALS.index(s) for s in SPECIALS[3:]] + [
        SPECIALS.index("<eos>")
    ]
    assert len(TOKENIZER) == len(SPECIALS) + len(ALPHABET) == 101


def test_a_text_starts_behind_an_end_mark_as_documents_do():
    assert TOKENIZER("1+1=")["input_ids"] == [TOKENIZER.eos_token_id, *encode("1+1=")]


def test_a_character_outside_the_alphabet_is_unknown_and_not_lost():
    assert encode("1é\t2") == [*encode("1"), *[TOKENIZER.unk_token_id] * 2, *encode("2")]


@pytest.fixture(scope="module")
def texts():
    return documents(RECIPES["arithmetic"], 0)


def question_of(text: str) -> str:
    return text.partition("\n")[0]


def test_documents_come_from_the_pretraining_split_alone(texts):
    assert len(texts) == BLOCK
    assert {split_of(parse(question_of(text))) for text in texts} == {Split.PRETRAIN}


def test_documents_are_right(texts):
    for text in texts:
        body = text.removesuffix("<eos>")
        assert body != text
        answer = body.rpartition("\n")[2]
        assert ARITHMETIC.verify(question_of(text), answer) == "correct"
        thinking = re.search(r"<think>\n(.*)\n</think>", text, re.DOTALL)
        if thinking is not None:
            checks = ARITHMETIC.validate(question_of(text), thinking[1])
            assert checks
            assert all(check.is_valid for check in checks)


def test_the_stated_share_of_documents_thinks(texts):
    share = RECIPES["arithmetic"].thinking_share
    found = np.mean(["<think>" in text for text in texts])
    assert abs(found - share) < 4 * (share * (1 - share) / BLOCK) ** 0.5


def test_the_base_without_the_skill_never_saw_thinking():
    texts = [text for block in range(2) for text in documents(RECIPES["arithmetic-direct"], block)]
    assert not any("think" in text for text in texts)
    assert all(re.fullmatch(r"\S+=\n#### \d+<eos>", text) for text in texts)


def test_blocks_are_pure_functions_and_differ(texts):
    assert documents(RECIPES["arithmetic"], 0) == texts
    assert documents(RECIPES["arithmetic"], 1)[:5] != texts[:5]


def test_documents_read_as_the_default_prompt_and_completion_do(texts):
    builder = PromptBuilder(TOKENIZER, PromptSettings())
    for text in texts[:60]:
        question, answer = question_of(text), text.removesuffix("<eos>").rpartition("\n")[2]
        thinking = re.search(r"<think>\n(.*)\n</think>", text, re.DOTALL)
        trace = Trace(
            uid="",
            qid="",
            question=question,
            thinking=thinking and thinking[1],
            answer_text=answer,
        )
        assert builder.prompt(question) + builder.completion(trace) + "<eos>" == text


def test_rows_are_the_documents_one_after_the_other():
    ids, labels = packed_rows(TINY, TOKENIZER)
    assert ids.shape == labels.shape == (3 * 5, TINY.row_tokens)
    assert ids.dtype == labels.dtype == np.int32
    whole = encode("".join(documents(TINY, 0)))
    assert ids.ravel().tolist() == whole[: ids.size]


@pytest.mark.parametrize(
    ("name", "digest"),
    [("arithmetic", "628392796f667c5b"), ("arithmetic-direct", "0b38eb2c1700d728")],
)
def test_the_text_of_the_shipped_bases_stays_as_it_was(name, digest):
    text = "".join(documents(RECIPES[name], 0))
    assert sha256(text.encode()).hexdigest()[:16] == digest


def test_the_rows_of_the_shipped_bases_stay_as_they_were():
    ids, labels = packed_rows(VitroRecipe(updates=40), TOKENIZER)
    digest = sha256(ids.tobytes() + labels.tobytes()).hexdigest()[:16]
    assert digest == "993e5e547b57e9f3"


@pytest.mark.parametrize(
    ("recipe", "placed"),
    [
        (FactsRecipe(updates=60, readings=1), bare_facts),
        (PlantedRecipe(updates=2400, items_per_copies=1), planted_documents),
    ],
)
def test_placed_documents_stand_whole_in_the_rows_as_often_as_they_should(recipe, placed):
    ids, labels = packed_rows(recipe, TOKENIZER)
    wanted = Counter(place.document for place in placed(recipe))
    # Behind each end mark a document starts; the end mark of the one before it separates them.
    marks = np.flatnonzero(ids.ravel() == TOKENIZER.eos_token_id)
    pieces = np.split(np.arange(ids.size), marks + 1)
    found = Counter()
    for piece in pieces:
        text = TOKENIZER.decode(ids.ravel()[piece].tolist())
        n_silent = int((labels.ravel()[piece] == -100).sum())
        found[text, n_silent] += 1
    assert sum(wanted.values()) > 80
    assert {document: found[tuple(document)] for document in wanted} == wanted


def test_a_text_that_is_read_more_often_is_so_much_shorter():
    once, twice = (packed_rows(TINY.model_copy(update={"updates": n}), TOKENIZER) for n in (2, 4))
    short, labels = packed_rows(TINY.model_copy(update={"updates": 4, "epochs": 2}), TOKENIZER)
    assert 2 * len(short) == len(twice[0])
    assert (short == once[0]).all()
    assert (labels == once[1]).all()


def test_pretraining_goes_on_from_the_weights_of_a_shipped_base():
    further = make_model(VitroRecipe(start="arithmetic"), TOKENIZER)
    shipped = load_file(BASES / "arithmetic" / "model.safetensors")
    assert further.dtype == torch.float32
    for name, weight in shipped.items():
        assert torch.equal(further.state_dict()[name], weight.float())


@pytest.mark.parametrize("start", [None, "arithmetic"])
def test_a_twin_starts_from_the_same_weights(start):
    tiny = {"layers": 1, "width": 16, "heads": 2, "mlp_width": 16, "start": start}
    twins = [PlantedRecipe(**tiny), PlantedRecipe(name="contaminated-twin", is_twin=True, **tiny)]
    first, twin = (make_model(recipe, TOKENIZER).state_dict() for recipe in twins)
    assert all(torch.equal(first[name], twin[name]) for name in first)


def test_the_loss_is_on_all_but_the_questions():
    ids, labels = packed_rows(TINY, TOKENIZER)
    masked = labels == -100
    assert (labels[~masked] == ids[~masked]).all()
    lines = TOKENIZER.decode(ids.ravel()[masked.ravel()].tolist()).split("\n")
    # Every masked line is a question; the last may be cut by the end of the rows.
    assert all(re.fullmatch(r"\d{1,2}([+*-]\d)+=", line) for line in lines[:-1])
    assert len(lines) > 20


def test_the_weights_depend_on_the_recipe_alone():
    first, again = (make_model(TINY, TOKENIZER).state_dict() for _ in range(2))
    other = make_model(TINY.model_copy(update={"root_seed": 1}), TOKENIZER).state_dict()
    name = "model.layers.0.self_attn.q_proj.weight"
    assert torch.equal(first[name], again[name])
    assert not torch.equal(first[name], other[name])


@pytest.mark.parametrize("name", RECIPES)
def test_a_base_made_by_its_recipe_is_small_enough_to_ship(name):
    n_weights = make_model(RECIPES[name], TOKENIZER).num_parameters()
    assert 2 * n_weights < WEIGHTS_MOST_BYTES  # bfloat16


def test_the_model_ends_and_pads_as_its_tokenizer_does():
    config = make_model(TINY, TOKENIZER).config
    assert config.eos_token_id == TOKENIZER.eos_token_id
    assert config.pad_token_id == TOKENIZER.pad_token_id
    assert config.vocab_size == len(TOKENIZER)
    assert config.model_type == "llama"
