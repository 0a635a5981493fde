"""Small models, tokenizers and pools for the tests of training; `chat_models` importable."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "engines"))

torch = pytest.importorskip("torch", reason="needs the train extra")

from transformers import PreTrainedTokenizerFast  # noqa: E402

from titrant.engines.prompt import PromptBuilder  # noqa: E402
from titrant.settings import PromptSettings  # noqa: E402
from titrant.traces.record import Problem, Trace  # noqa: E402
from titrant.worlds.arithmetic import ARITHMETIC  # noqa: E402
from titrant.worlds.base import Split, distinct_problems  # noqa: E402
from titrant.worlds.vitro import VitroRecipe, make_model, make_tokenizer  # noqa: E402
from trace_made import made_trace  # noqa: E402

TINY = VitroRecipe(layers=2, width=32, heads=2, mlp_width=64)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer()


@pytest.fixture
def builder(tokenizer) -> PromptBuilder:
    return PromptBuilder(tokenizer, PromptSettings())


@pytest.fixture
def model(tokenizer):
    """A fresh, randomly initialised model of 25,000 weights; the same in every test."""
    return make_model(TINY, tokenizer)


@pytest.fixture
def make_fresh(tokenizer):
    """Makes such a model again and again."""
    return lambda: make_model(TINY, tokenizer)


@pytest.fixture(scope="session")
def problems() -> list[Problem]:
    return list(distinct_problems(ARITHMETIC, "easy", Split.TEST, 20))


@pytest.fixture(scope="session")
def traces() -> list[Trace]:
    return [solve(problem) for problem in distinct_problems(ARITHMETIC, "easy", Split.POOL, 24)]


def solve(problem: Problem) -> Trace:
    """The trace of the world's oracle."""
    thinking, answer = ARITHMETIC.oracle(problem.question), problem.gold or ""
    return made_trace(problem.question, thinking, answer, gold=problem.gold)


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory) -> Path:
    folder, tokenizer = tmp_path_factory.mktemp("base"), make_tokenizer()
    make_model(TINY, tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
