"""Loading: what is found, what it is called, and what is refused."""

import json
import shutil

import pytest

from titrant.engines import locate
from titrant.engines.locate import find_base, fingerprint
from titrant.errors import ConfigError, DataError
from titrant.settings import BaseSettings

torch = pytest.importorskip("torch", reason="needs the train extra")
pytestmark = pytest.mark.train

PEFT_WARNS = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
"""Of a property of transformers, where a test wraps a model."""


@pytest.fixture(autouse=True)
def _no_network(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def load(path, **settings):
    from titrant.engines.load import load_base

    return load_base(BaseSettings(path=str(path), **settings))


def edit(path, **fields):
    """Set fields of a JSON file; None removes one."""
    content = {**json.loads(path.read_text()), **fields}
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def save_qwen2(folder, vocab_size):
    """Put a small Qwen2 there, whose tokenizer transformers rebuilds."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=vocab_size,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            intermediate_size=16,
        )
    ).save_pretrained(folder)


def test_folder_gives_model_tokenizer_and_names(tiny, tiny_folder):
    loaded = load(tiny_folder)
    assert (loaded.name, loaded.revision) == ("tiny", None)
    assert loaded.model.dtype == torch.float32
    assert not loaded.model.training
    assert loaded.fingerprint == fingerprint(tiny_folder)
    for key, value in tiny[0].state_dict().items():
        assert torch.equal(loaded.model.state_dict()[key], value)


def test_bfloat16_is_loaded_on_demand(tiny_folder):
    assert load(tiny_folder, dtype="bfloat16").model.dtype == torch.bfloat16


def test_float16_weights_are_loaded_as_float32(tiny, tiny_folder):
    from titrant.engines.load import _dtype

    tiny[0].to(torch.float16).save_pretrained(tiny_folder)
    tiny[0].to(torch.float32)
    assert json.loads((tiny_folder / "config.json").read_text())["dtype"] == "float16"
    assert load(tiny_folder).model.dtype == torch.float32
    base, gpu = BaseSettings(path="x"), torch.device("cuda")
    assert _dtype(base, stored=torch.float16, device=gpu) == torch.float32
    assert _dtype(base, stored=torch.bfloat16, device=gpu) == torch.bfloat16


def test_tokenizer_without_pad_token_pads_with_its_stop_token(tiny_folder):
    edit(tiny_folder / "tokenizer_config.json", pad_token=None)
    tokenizer = load(tiny_folder).tokenizer
    assert (tokenizer.pad_token, len(tokenizer)) == ("<eos>", 101)


def test_pretokenizer_that_transformers_replaces_is_put_back(tiny, tiny_folder):
    """Under `model_type: qwen2` transformers 5.23 loses the blanks of another vocabulary."""
    from transformers import AutoTokenizer

    save_qwen2(tiny_folder, tiny[0].config.vocab_size)
    text = "1 + 1\n<think>\nis 2\n</think>"
    rebuilt = AutoTokenizer.from_pretrained(tiny_folder)
    assert rebuilt.decode(rebuilt(text).input_ids) != text  # else the workaround can go
    tokenizer = load(tiny_folder).tokenizer
    assert tokenizer.decode(tokenizer(text).input_ids) == text
    assert tokenizer.eos_token == "<eos>"


def test_a_tokenizer_of_own_symbols_is_taken_as_saved(tiny_folder):
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    symbols = [chr(0x4E00 + i) for i in range(20)]
    vocab = {symbol: i for i, symbol in enumerate(["<eos>", *symbols])}
    inner = Tokenizer(models.WordLevel(vocab, unk_token="<eos>"))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>").save_pretrained(tiny_folder)
    save_qwen2(tiny_folder, len(vocab))
    text = symbols[3] + symbols[5]
    assert AutoTokenizer.from_pretrained(tiny_folder)(text).input_ids != [4, 6]  # as above
    assert load(tiny_folder).tokenizer(text).input_ids == [4, 6]


def break_weights(folder):
    (folder / "model.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{")


def drop_weights(folder):
    (folder / "model.safetensors").unlink()


def drop_tokenizer(folder):
    (folder / "tokenizer.json").unlink()


def drop_config(folder):
    (folder / "config.json").unlink()


def drop_stop_token(folder):
    edit(folder / "tokenizer_config.json", eos_token=None)


def claim_more_layers(folder):
    edit(folder / "config.json", num_hidden_layers=3)


def claim_nonsense(folder):
    edit(folder / "config.json", model_type="nonsense")


def be_an_adapter(folder):
    drop_config(folder)
    (folder / "adapter_config.json").write_text("{}")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (break_weights, "the model in .*tiny cannot be loaded: "),
        (drop_weights, "tiny has no weights\n  expected: one of \\*.safetensors, "),
        (drop_tokenizer, "tiny has no tokenizer\n  expected: one of tokenizer.json, "),
        (drop_config, "tiny is not a model folder\n  expected: config.json, weights and tokenizer"),
        (drop_stop_token, "has no stop token, so no answer could ever end\n  expected: eos_token"),
        (
            claim_more_layers,
            "weights in .*tiny are incomplete\n.*\n  found: 9 are missing, such as",
        ),
        (claim_nonsense, "the model in .*tiny cannot be loaded: The checkpoint you are trying"),
        (be_an_adapter, "found: an adapter without its model\n  do: merge the adapter into its"),
    ],
)
def test_broken_folders_are_answered_with_one_message(tiny_folder, harm, message):
    harm(tiny_folder)
    with pytest.raises(DataError, match=message):
        load(tiny_folder)


def test_tokenizer_of_another_model_is_refused(tiny_folder):
    from titrant.worlds.vitro import VitroRecipe, make_model, make_tokenizer

    tokenizer = make_tokenizer()
    tokenizer.add_tokens(["<one more>"])
    tokenizer.save_pretrained(tiny_folder)
    with pytest.raises(DataError) as error:
        load(tiny_folder)
    assert str(error.value).partition("\n")[2] == (
        "  expected: token ids under 101, the rows of the model's embedding\n"
        "  found: a tokenizer with ids up to 101\n"
        "  do: take the tokenizer that the model was trained with"
    )
    recipe = VitroRecipe(layers=1, width=8, heads=1, mlp_width=8)
    make_model(recipe, tokenizer).save_pretrained(tiny_folder)
    assert len(load(tiny_folder).tokenizer) == 102


def test_missing_folder_and_unknown_names_are_told_apart(tmp_path):
    with pytest.raises(
        DataError, match=r"there is no model folder .*/none\n  expected: a model fo"
    ):
        load(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"found: a file\n  do: correct base.path"):
        load(tmp_path / "file")
    with pytest.raises(ConfigError, match="no base with the name vitro:nonsense ships with titran"):
        load("vitro:nonsense")
    with pytest.raises(DataError) as error:
        load("owner/none")
    assert str(error.value) == (
        "there is no model owner/none\n"
        "  expected: a model folder, a hub id such as owner/name, or vitro:<name>\n"
        "  found: no such folder, and the hub cannot be reached\n"
        "  do: check the spelling of base.path, or fetch the model first: hf download owner/none"
    )


def test_shipped_base_is_found_by_name(tiny_folder, monkeypatch):
    monkeypatch.setattr(locate, "BASES", tiny_folder.parent)
    assert find_base(BaseSettings(path="vitro:tiny")).folder == tiny_folder
    with pytest.raises(
        ConfigError, match="vitro:tinny ships with titrant\n  do: did you mean tiny"
    ):
        find_base(BaseSettings(path="vitro:tinny"))


def test_hub_model_in_the_cache_is_named_by_its_commit(tiny_folder, tmp_path):
    commit = "0123456789abcdef0123456789abcdef01234567"
    repo = tmp_path / "hub" / "models--owner--name"
    shutil.copytree(tiny_folder, repo / "snapshots" / commit)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    found = find_base(BaseSettings(path="owner/name"))
    assert (found.name, found.revision) == ("owner/name", commit)
    assert load("owner/name").revision == commit


def test_fingerprint_goes_by_content_and_not_by_place(tiny_folder, tmp_path):
    first = fingerprint(tiny_folder)
    copy = shutil.copytree(tiny_folder, tmp_path / "copy")
    (copy / "README.md").write_text("a card decides nothing")
    assert fingerprint(copy) == first
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert fingerprint(copy) != first


def test_fingerprint_of_big_files_is_sampled(tmp_path, monkeypatch):
    monkeypatch.setattr(locate, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(locate, "SAMPLES", 4)
    monkeypatch.setattr(locate, "SAMPLE_BYTES", 10)
    path = tmp_path / "model.safetensors"

    def after(*changed):
        content = bytearray(2000)
        for at in changed:
            content[at] = 1
        path.write_bytes(content)
        return fingerprint(tmp_path)

    # blocks of 10 bytes start at i * (2000 - 10) // 3: 0, 663, 1326, 1990
    assert after(0) != after()
    assert after(672) != after()
    assert after(1999) != after()
    assert after(673) == after()  # between two blocks: the documented blind spot


@PEFT_WARNS
def test_adapter_is_merged_and_changes_the_model(tiny_folder, tmp_path):
    from peft import LoraConfig, get_peft_model

    from titrant.engines.load import with_adapter
    from titrant.engines.transformers import TransformersEngine

    model = load(tiny_folder).model
    wrapped = get_peft_model(model, LoraConfig(target_modules="all-linear", r=2))
    with torch.no_grad():
        for name, weights in wrapped.named_parameters():
            if "lora_B" in name:
                weights.normal_(0, 0.1)
    wrapped.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    ids = torch.arange(5, 25)[None]
    expected = wrapped.eval()(input_ids=ids).logits

    base = load(tiny_folder)
    plain = base.model(input_ids=ids).logits
    loaded = with_adapter(base, tmp_path / "adapter")
    merged = loaded.model(input_ids=ids).logits
    torch.testing.assert_close(merged, expected, rtol=0, atol=1e-4)
    assert (merged - plain).abs().max() > 0.1
    assert loaded.name == "tiny+adapter"
    assert loaded.fingerprint not in {base.fingerprint, fingerprint(tmp_path / "adapter")}
    engine = TransformersEngine.load(
        BaseSettings(path=str(tiny_folder)), adapter=tmp_path / "adapter"
    )
    assert engine.info.model == "tiny+adapter"
    assert not hasattr(loaded.model, "peft_config")
    half = with_adapter(load(tiny_folder, dtype="bfloat16"), tmp_path / "adapter")
    assert hasattr(half.model, "peft_config")  # merging into bfloat16 would round it away


@PEFT_WARNS
def test_adapter_of_another_model_is_refused(tiny, tiny_folder, tmp_path):
    from peft import LoraConfig, get_peft_model

    from titrant.engines.load import with_adapter
    from titrant.worlds.vitro import VitroRecipe, make_model

    with pytest.raises(
        DataError, match=r"none is not an adapter folder\n.*\n  found: nothing of th"
    ):
        with_adapter(load(tiny_folder), tmp_path / "none")
    other = make_model(VitroRecipe(layers=1, width=16, heads=2, mlp_width=16), tiny[1])
    wrapped = get_peft_model(other, LoraConfig(target_modules="all-linear", r=2))
    wrapped.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    with pytest.raises(DataError, match=r"the adapter in .* cannot be loaded: Error"):
        with_adapter(load(tiny_folder), tmp_path / "adapter")
