"""A tiny random model with a character tokenizer, in memory and on disk; `chat_models` importable."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def tiny():
    """(model, tokenizer): two layers, 32 wide, weights blown up so that greedy text has variety."""
    torch = pytest.importorskip("torch", reason="needs the train extra")
    torch.set_num_threads(1)
    from tokenizers import processors

    from titrant.worlds.vitro import VitroRecipe, make_model, make_tokenizer

    tokenizer = make_tokenizer()
    tokenizer.bos_token = None  # a tokenizer that adds nothing: token counts are character counts
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(single="$A")
    recipe = VitroRecipe(name="tiny", layers=2, width=32, heads=4, mlp_width=48)
    model = make_model(recipe, tokenizer).eval()
    model.config.max_position_embeddings = 128
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.mul_(4)
    return model, tokenizer


@pytest.fixture(scope="session")
def tiny_engine(tiny):
    from titrant.engines.transformers import TransformersEngine

    return TransformersEngine(*tiny, batch_tokens=256, model_name="tiny")


@pytest.fixture
def tiny_folder(tiny, tmp_path):
    """A model folder as save_pretrained writes it; the test may break it."""
    model, tokenizer = tiny
    model.save_pretrained(tmp_path / "tiny")
    tokenizer.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"
