"""Small base models made from nothing, and how they are made.

`pretrain_to(recipe, folder)` pretrains a randomly initialised Llama with the Trainer of transformers on
text of a world, and stores it in bfloat16 with tokenizer files; `run.vitro` measures it and writes its
card. Two recipes: `arithmetic` reads 55 % direct answers and 45 % step-by-step solutions, so it can
reason and mostly does not; `arithmetic-direct` reads direct answers only, so there is no skill to
wake.

The architecture is Llama's because transformers 5.23 ignores a saved tokenizer's own pre-tokenizer
under `model_type: qwen2` and then loses blanks and newlines (see the template doctor).
"""

from __future__ import annotations

import shutil
import string
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from titrant.records import Record
from titrant.seeds import derive, derive_rng
from titrant.worlds.arithmetic import PRESETS, Chain, draw, split_of
from titrant.worlds.base import Split
from titrant.worlds.styles import meander, terse

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import TrainerControl, TrainerState

Tell = Callable[[int, int, float], None]
"""Called now and then with (updates done, updates in all, mean loss since the last call)."""
SPECIALS = ("<pad>", "<unk>", "<eos>", "<think>", "</think>")
ALPHABET = tuple(string.printable[:95] + "\n")


class VitroRecipe(Record):
    """How a small base is pretrained; the defaults are those of the shipped `arithmetic` base."""

    name: str = "arithmetic"
    thinking_share: float = 0.45
    """Share of documents that solve step by step; the others answer directly."""
    meander_share: float = 0.15
    """Share of step-by-step documents in the meandering style."""
    preset: str = "train"
    layers: int = 4
    width: int = 64
    heads: int = 2
    mlp_width: int = 176
    updates: int = 5000
    rows: int = 32
    """Rows per update."""
    row_tokens: int = 128
    """Tokens per packed row."""
    learning_rate: float = 4e-3
    warmup_updates: int = 200
    weight_decay: float = 0.1
    root_seed: int = 0


RECIPES = {
    "arithmetic": VitroRecipe(),
    "arithmetic-direct": VitroRecipe(name="arithmetic-direct", thinking_share=0.0, updates=1500),
}


def make_tokenizer() -> PreTrainedTokenizerFast:
    """One token per printable ASCII character, plus the specials; gives text back unchanged."""
    vocab = {token: i for i, token in enumerate((*SPECIALS, *ALPHABET))}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    # Documents follow an end mark in pretraining; a prompt that did not would start cold, and the
    # model then copies a one-digit start wrongly (79 % right instead of all).
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<eos> $A", special_tokens=[("<eos>", SPECIALS.index("<eos>"))]
    )
    tokenizer.add_special_tokens(["<pad>", "<unk>", "<eos>"])
    tokenizer.add_tokens(["<think>", "</think>"])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<eos>",
        eos_token="<eos>",
        padding_side="left",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )


BLOCK = 1000
"""Documents per block; a block is the unit that has a seed of its own."""


def documents(recipe: VitroRecipe, block: int) -> list[str]:
    """Block number `block` of the pretraining text: `BLOCK` documents with their end marks."""
    rng = derive_rng(recipe.root_seed, "vitro", recipe.name, block)
    low, high = PRESETS[recipe.preset]
    texts = []
    while len(texts) < BLOCK:
        chain = draw(rng, int(rng.integers(low, high + 1)))
        if split_of(chain) == Split.PRETRAIN:
            texts.append(_document(recipe, chain, rng))
    return texts


def _document(recipe: VitroRecipe, chain: Chain, rng: np.random.Generator) -> str:
    question, answer = chain.text, chain.values[-1]
    if rng.random() >= recipe.thinking_share:
        return f"{question}\n#### {answer}<eos>"
    lines = terse(question)
    if rng.random() < recipe.meander_share:
        lines = meander(lines, rng)
    return f"{question}\n<think>\n" + "\n".join(lines) + f"\n</think>\n\n#### {answer}<eos>"


def packed_rows(
    recipe: VitroRecipe, tokenizer: PreTrainedTokenizerFast
) -> tuple[np.ndarray, np.ndarray]:
    """The whole pretraining text as rows of token ids, documents one after the other, and labels.

    Labels are −100 on the questions: their characters are drawn at random, and learning that noise
    costs a small model most of its time.

    Shape of both: [updates · rows, row_tokens], int32.
    """
    n_tokens = recipe.updates * recipe.rows * recipe.row_tokens
    end_of_question = tokenizer.convert_tokens_to_ids("\n")
    ids: list[int] = []
    labels: list[int] = []
    for block in count():
        texts = documents(recipe, block)
        for row in tokenizer(texts, add_special_tokens=False)["input_ids"]:
            start = row.index(end_of_question) + 1
            ids += row
            labels += [-100] * start + row[start:]
        if len(ids) >= n_tokens:
            break
    shape = (-1, recipe.row_tokens)
    pair = (np.array(side[:n_tokens], dtype=np.int32).reshape(shape) for side in (ids, labels))
    return next(pair), next(pair)


def make_model(recipe: VitroRecipe, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A randomly initialised Llama with tied embeddings, fp32."""
    torch.manual_seed(derive(recipe.root_seed, "vitro", recipe.name, "weights"))
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.width,
        intermediate_size=recipe.mlp_width,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=SPECIALS.index("<eos>"),
        eos_token_id=SPECIALS.index("<eos>"),
        pad_token_id=SPECIALS.index("<pad>"),
    )
    return LlamaForCausalLM(config)


class _Rows(torch.utils.data.Dataset[dict[str, Any]]):
    def __init__(self, ids: np.ndarray, labels: np.ndarray) -> None:
        self.ids, self.labels = ids, labels

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        pair = (torch.from_numpy(side[index].astype(np.int64)) for side in (self.ids, self.labels))
        return dict(zip(("input_ids", "labels"), pair, strict=True))


class _Told(TrainerCallback):
    """Tells (updates done, updates in all, loss) at every logging step."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        if logs and "loss" in logs:
            self._tell(state.global_step, state.max_steps, float(logs["loss"]))


def pretrain_to(
    recipe: VitroRecipe, folder: Path, *, threads: int, tell: Tell = lambda *_: None
) -> int:
    """Train a base from nothing, store it with its tokenizer; returns the number of parameters.

    Weights are stored in bfloat16 (half the size); they are read back as float32.
    """
    torch.set_num_threads(threads)
    tokenizer = make_tokenizer()
    model = pretrain(recipe, tokenizer, folder / "log", tell=tell)
    shutil.rmtree(folder / "log", ignore_errors=True)
    torch.nn.Module.to(model, torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model.num_parameters()


def pretrain(
    recipe: VitroRecipe,
    tokenizer: PreTrainedTokenizerFast,
    log: Path,
    *,
    tell: Tell = lambda *_: None,
) -> LlamaForCausalLM:
    """The model of a recipe after all its updates."""
    model = make_model(recipe, tokenizer)
    arguments = TrainingArguments(
        output_dir=str(log),
        max_steps=recipe.updates,
        per_device_train_batch_size=recipe.rows,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warmup_updates,
        weight_decay=recipe.weight_decay,
        adam_beta2=0.95,
        optim="adamw_torch_fused",
        max_grad_norm=1.0,
        disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(),
        seed=derive(recipe.root_seed, "vitro", recipe.name, "order") % 2**31,
        save_strategy="no",
        report_to="none",
        logging_steps=100,
        dataloader_num_workers=0,
    )
    rows = _Rows(*packed_rows(recipe, tokenizer))
    trainer = Trainer(model=model, args=arguments, train_dataset=rows, callbacks=[_Told(tell)])
    trainer.remove_callback(PrinterCallback)  # it prints to standard output, where --json goes
    trainer.train()
    return model
