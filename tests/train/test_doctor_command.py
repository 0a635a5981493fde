"""`titrant doctor config.yaml` examines the rows that a run would train."""

import json

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from chat_models import qwen
from typer.testing import CliRunner

from titrant.cli.main import app
from titrant.worlds.vitro import VitroRecipe, make_model

pytestmark = pytest.mark.train


@pytest.fixture
def config(tmp_path):
    """A ChatML base whose generation settings name one more stop token, and a pool of a world."""
    tokenizer = qwen()
    model = make_model(VitroRecipe(layers=2, width=32, heads=2, mlp_width=64), tokenizer)
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids("<|im_start|>")
    model.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    path = tmp_path / "c.yaml"
    path.write_text(
        f"base: {tmp_path / 'base'}\n"
        "pool: {path: 'world:arithmetic', limit: 40}\n"
        "benchmark: {path: 'world:arithmetic/easy', limit: 20}\n"
    )
    return path


def rows(config, *options) -> dict[str, str]:
    result = CliRunner().invoke(app, ["doctor", str(config), "--json", *options])
    assert result.exit_code == 0, result.output
    return {check["name"]: check["detail"] for check in json.loads(result.stdout)["rows"]}


def test_the_doctor_tells_the_stop_token_of_either_prompt(config):
    assert rows(config)["stop token"] == (
        "'<|im_end|>', which the chat template ends a turn with; reading also stops on "
        "'<|endoftext|>', '<|im_start|>'"
    )
    assert rows(config, "--set", "prompt.template=plain")["stop token"] == (
        "'<|endoftext|>', the tokenizer's own; reading also stops on '<|im_start|>', '<|im_end|>'"
    )


def test_the_doctor_reads_worlds_and_shows_worked_examples_as_a_run_does(config):
    found = rows(config, "--set", "prompt.few_shot=2")
    assert found["rendered once"] == "40 rows"
