"""Small base models, and how they are made: from nothing, or on from a shipped one.

`pretrain_to(recipe, folder)` pretrains a small Llama with the Trainer of transformers on text of a
world, and stores it in bfloat16 with tokenizer files; `run.vitro` measures it and writes its card. `arithmetic` reads 55 % direct answers and 45 % step-by-step
solutions, so it can reason and mostly does not; `arithmetic-direct` reads direct answers only, so
there is no skill to wake. Which text a recipe is pretrained on stands in `worlds.recipes`.

The architecture is Llama's because transformers 5.23 ignores a saved tokenizer's own pre-tokenizer
under `model_type: qwen2` and then loses blanks and newlines (see the template doctor).
"""

from __future__ import annotations

import shutil
import string
from collections.abc import Callable
from itertools import count
from pathlib import Path
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

from titrant.seeds import derive
from titrant.worlds.recipes.base import BLOCK, Document, VitroRecipe
from titrant.worlds.recipes.table import MAKERS, RECIPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import TrainerControl, TrainerState

__all__ = [
    "ALPHABET",
    "BLOCK",
    "RECIPES",
    "SPECIALS",
    "VitroRecipe",
    "documents",
    "make_model",
    "make_tokenizer",
    "packed_rows",
    "pretrain",
    "pretrain_to",
]

BASES = Path(__file__).parent / "bases"
"""The bases that ship with titrant."""
Tell = Callable[[int, int, float], None]
"""Called now and then with (updates done, updates in all, mean loss since the last call)."""
SPECIALS = ("<pad>", "<unk>", "<eos>", "<think>", "</think>")
ALPHABET = tuple(string.printable[:95] + "\n")


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


def documents(recipe: VitroRecipe, block: int) -> list[str]:
    """Block number `block` of the pretraining text: `BLOCK` documents with their end marks."""
    return [document.text for document in MAKERS[recipe.kind].block(recipe, block)]


def packed_rows(
    recipe: VitroRecipe, tokenizer: PreTrainedTokenizerFast
) -> tuple[np.ndarray, np.ndarray]:
    """The whole pretraining text as rows of token ids, documents one after the other, and labels.

    Labels are −100 where a document carries no loss, which is on most questions (`recipes.base`).

    Shape of both: [updates · rows / epochs, row_tokens], int32.
    """
    n_tokens = recipe.n_rows * recipe.row_tokens
    ids: list[int] = []
    labels: list[int] = []
    for document, row in _tokenized(recipe, tokenizer, n_tokens):
        ids += row
        labels += [-100] * document.n_silent + row[document.n_silent :]
    shape = (-1, recipe.row_tokens)
    pair = (np.array(side[:n_tokens], dtype=np.int32).reshape(shape) for side in (ids, labels))
    return next(pair), next(pair)


def _tokenized(
    recipe: VitroRecipe, tokenizer: PreTrainedTokenizerFast, n_tokens: int
) -> Iterator[tuple[Document, list[int]]]:
    """Whole blocks, with the placed documents at their places, until the text has `n_tokens`."""
    maker = MAKERS[recipe.kind]
    placed = maker.placed(recipe)
    placed_rows = _token_rows(tokenizer, [place.document for place in placed])
    n_placed = n_done = 0
    for block in count():
        made = maker.block(recipe, block)
        for document, row in zip(made, _token_rows(tokenizer, made), strict=True):
            while n_placed < len(placed) and placed[n_placed].at * n_tokens <= n_done:
                yield placed[n_placed].document, placed_rows[n_placed]
                n_done += len(placed_rows[n_placed])
                n_placed += 1
            yield document, row
            n_done += len(row)
        if n_done >= n_tokens:
            return


def _token_rows(tokenizer: PreTrainedTokenizerFast, some: list[Document]) -> list[list[int]]:
    if not some:
        return []
    return tokenizer([document.text for document in some], add_special_tokens=False)["input_ids"]


def make_model(recipe: VitroRecipe, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama with tied embeddings, fp32: randomly initialised, or with a shipped base's weights."""
    if recipe.start is not None:
        return LlamaForCausalLM.from_pretrained(BASES / recipe.start, dtype=torch.float32)
    torch.manual_seed(derive(recipe.root_seed, "vitro", recipe.stream, "weights"))
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
    """Train a base, store it with its tokenizer; returns the number of parameters.

    From nothing, or on from a shipped base where the recipe names one.

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
        seed=derive(recipe.root_seed, "vitro", recipe.stream, "order") % 2**31,
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
