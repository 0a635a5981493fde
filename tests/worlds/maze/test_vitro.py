"""The maze tokenizer gives text back, four tokens an event; a base made with it loads and renders."""

import random

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from titrant.engines.load import context_of, load_base  # noqa: E402
from titrant.engines.prompt import PromptBuilder  # noqa: E402
from titrant.settings import BaseSettings, PromptSettings, RecipeSettings  # noqa: E402
from titrant.train.doctor import examine  # noqa: E402
from titrant.worlds.base import Split  # noqa: E402
from titrant.worlds.maze.pool import clean_trace  # noqa: E402
from titrant.worlds.maze.vitro import (  # noqa: E402
    CONTEXT_TOKENS,
    KEYWORDS,
    SPECIALS,
    make_base,
    make_tokenizer,
    vocabulary,
)
from titrant.worlds.maze.world import MAZE, PRESETS  # noqa: E402

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("one_thread")]

TOKENIZER = make_tokenizer(8)
WORDS = [*KEYWORDS, "0,0", "7,7", "3,4", "c0", "c5", "c63"]


def encode(text: str, tokenizer=TOKENIZER) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def tokens(text: str) -> list[str]:
    return TOKENIZER.convert_ids_to_tokens(encode(text))


def traces(preset: str, n: int):
    return [clean_trace(MAZE.problem(preset, Split.POOL, i)) for i in range(n)]


def whole(trace) -> str:
    return f"{trace.question}\n<think>\n{trace.thinking}\n</think>\n\n{trace.answer_text}<eos>"


def test_every_word_and_its_separator_are_one_token():
    text = "start 3,4 goal 0,2 wall 1,1\n<think>\nclose 3,4 c0 c5\ncreate 3,5 c1 c4\n</think>\n\nplan 3,4<eos>"
    assert tokens(text) == [
        *("start", " 3,4", " goal", " 0,2", " wall", " 1,1", "\n"),
        *("<think>", "\n", "close", " 3,4", " c0", " c5", "\ncreate", " 3,5", " c1", " c4", "\n"),
        *("</think>", "\n\n", "plan", " 3,4", "<eos>"),
    ]


def test_the_vocabulary_is_a_function_of_the_size():
    # 5 specials, 3 borders, and 3 forms of 7 keywords, n² cells and n² costs
    assert len(vocabulary(8)) == len(TOKENIZER) == 5 + 3 + 3 * (7 + 64 + 64) == 413
    assert len(vocabulary(10)) == 629
    assert len(set(vocabulary(10))) == 629
    assert [TOKENIZER.convert_tokens_to_ids(token) for token in vocabulary(8)] == list(range(413))


@settings(max_examples=80)
@given(st.lists(st.tuples(st.sampled_from(["", " ", "\n"]), st.sampled_from(WORDS)), max_size=30))
def test_words_in_any_order_come_back_and_are_known(pieces):
    first, *rest = pieces or [("", "plan")]
    text = "".join([*first, *(f"{before or ' '}{word}" for before, word in rest)])
    ids = encode(text)
    assert TOKENIZER.decode(ids) == text
    assert TOKENIZER.unk_token_id not in ids
    assert len(ids) <= len(pieces or [1]) + 1  # a line end in front stands alone


@pytest.mark.parametrize("preset", [preset for preset in PRESETS if preset.endswith("8")])
def test_examples_come_back_and_have_four_tokens_an_event(preset):
    for trace in traces(preset, 25):
        text = whole(trace)
        ids = encode(text)
        assert TOKENIZER.decode(ids) == text
        assert TOKENIZER.unk_token_id not in ids
        n_events, n_cells = len(trace.steps), len(trace.answer_text.split()) - 1
        n_walls = len(trace.question.split()) - 5
        # question and its line end, <think> \n, events, \n </think> \n\n, plan and cells, <eos>
        assert len(ids) == (5 + n_walls + 1) + 2 + 4 * n_events + 3 + (1 + n_cells) + 1
        assert len(encode(trace.thinking)) == 4 * n_events


def test_filler_takes_as_many_tokens_as_the_trace():
    for trace in traces("wilson-8", 10):
        lines = trace.thinking.split("\n")
        for filler in (
            "\n".join(" ".join("." for _ in line.split()) for line in lines),
            " ".join("." for _ in trace.thinking.split()),
            "\n".join("." for _ in trace.thinking.split()),
        ):
            ids = encode(f"<think>\n{filler}\n</think>")
            assert len(ids) == len(encode(f"<think>\n{trace.thinking}\n</think>"))
            assert TOKENIZER.decode(ids) == f"<think>\n{filler}\n</think>"
            assert TOKENIZER.unk_token_id not in ids
    assert len(set(encode(". . .\n. ."))) == 3


def test_shuffled_words_are_known_tokens():
    chance = random.Random(0)
    for trace in traces("wilson-8", 10):
        words = trace.thinking.split()
        chance.shuffle(words)
        lines = [" ".join(words[i : i + 4]) for i in range(0, len(words), 4)]
        for text in (" ".join(words), "\n".join(lines)):
            ids = encode(f"<think>\n{text}\n</think>\n\n")
            assert TOKENIZER.decode(ids) == f"<think>\n{text}\n</think>\n\n"
            assert TOKENIZER.unk_token_id not in ids
            assert len(ids) == 2 + len(words) + 3


def test_a_prompt_may_open_or_close_the_thinking_without_changing_a_token():
    trace = traces("wilson-8", 1)[0]
    text = whole(trace)
    for border in ("wall", "\n<think>\n", "\n</think>\n\n"):
        head = text[: text.index(border) + len(border)]
        assert encode(head) + encode(text[len(head) :]) == encode(text)
    empty = f"{trace.question}\n<think>\n\n</think>\n\n{trace.answer_text}"
    assert TOKENIZER.decode(encode(empty)) == empty
    assert TOKENIZER.unk_token_id not in encode(empty)


def test_other_text_is_unknown_and_never_silently_changed():
    assert TOKENIZER.unk_token_id in encode("plan 8,0")
    assert TOKENIZER.unk_token_id in encode("so close 0,0 c0 c64")
    assert TOKENIZER.decode(encode("plan  0,0\n\n\nplan")) == "plan  0,0\n\n\nplan"


def test_smaller_grids_are_read_too():
    for trace in traces("easy", 10):
        ids = encode(whole(trace))
        assert TOKENIZER.decode(ids) == whole(trace)
        assert TOKENIZER.unk_token_id not in ids


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("maze-base")
    n_parameters = make_base(folder, 8, layers=1, width=16, heads=2)
    return n_parameters, load_base(BaseSettings(path=str(folder)))


def test_a_base_loads_as_it_was_written(loaded):
    n_parameters, base = loaded
    assert base.model.num_parameters() == n_parameters
    assert base.model.config.model_type == "llama"
    assert base.model.config.tie_word_embeddings
    assert base.model.dtype == torch.float32
    assert context_of(base.model, base.tokenizer) == CONTEXT_TOKENS == 1024
    assert base.model.config.vocab_size == len(base.tokenizer) == 413
    # 413 · 16 embeddings; a layer 4 · 16² + 3 · 16 · 44 + 2 norms of 16; a last norm of 16
    assert n_parameters == 413 * 16 + 4 * 256 + 3 * 16 * 44 + 32 + 16


def test_its_tokenizer_survives_the_disk(loaded):
    tokenizer = loaded[1].tokenizer
    for trace in traces("wilson-8", 10):
        assert encode(whole(trace), tokenizer) == encode(whole(trace))
        assert tokenizer.decode(encode(whole(trace), tokenizer)) == whole(trace)
    special = (tokenizer.eos_token, tokenizer.pad_token, tokenizer.unk_token, tokenizer.bos_token)
    assert special == ("<eos>", "<pad>", "<unk>", "<eos>")
    assert base_ids(tokenizer) == list(range(5))


def base_ids(tokenizer) -> list[int]:
    return [tokenizer.convert_tokens_to_ids(token) for token in SPECIALS]


def test_the_template_doctor_passes_traces_filler_and_bare_answers(loaded):
    base = loaded[1]
    builder = PromptBuilder(base.tokenizer, PromptSettings())
    clean = traces("wilson-8", 12)
    filler = [
        trace.model_copy(
            update={"uid": f"f{i}", "thinking": " ".join("." for _ in trace.thinking.split())}
        )
        for i, trace in enumerate(clean)
    ]
    bare = [
        trace.model_copy(update={"uid": f"b{i}", "thinking": None}) for i, trace in enumerate(clean)
    ]
    report = examine(
        [*clean, *filler, *bare],
        [trace.question for trace in clean],
        builder=builder,
        tokenizer=base.tokenizer,
        recipe=RecipeSettings(),
        context_tokens=CONTEXT_TOKENS,
    )
    assert all(check.ok for check in report.checks)
    assert len(report.rows) == 36
    row, trace = report.rows[0], clean[0]
    assert base.tokenizer.decode(row.input_ids) == f"<eos>{whole(trace)}"
    assert list(row.input_ids[1:]) == encode(whole(trace))


def test_weights_depend_on_the_seed(tmp_path):
    first, again, other = (
        (make_base(tmp_path / name, 6, layers=1, width=8, heads=1, seed=seed), name)
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first[0] == again[0] == other[0]
    weights = {name: (tmp_path / name / "model.safetensors").read_bytes() for name in "abc"}
    assert weights["a"] == weights["b"] != weights["c"]


def test_making_a_base_leaves_the_global_generator_alone(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    make_base(tmp_path, 6, layers=1, width=8, heads=1)
    assert torch.rand(1) == expected


def test_the_longest_example_fits_the_context():
    # No gold trace of size 10 has more than 2 events per free cell, of which there are at most 71.
    tokenizer = make_tokenizer(10)
    lengths = [len(encode(whole(trace), tokenizer)) for trace in traces("searchformer-10", 40)]
    assert max(lengths) < CONTEXT_TOKENS
