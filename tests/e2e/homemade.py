"""Models, tokenizers and files as a user might bring them, made small and from nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

END = "<|endoftext|>"
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "COLUMNS": "200",
}


def train_tokenizer(texts: Iterable[str], *, size: int, stop: str | None = END) -> Any:
    """A byte-level BPE tokenizer trained on texts: gives every text back; no chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=stop, clean_up_tokenization_spaces=False
    )


def make_model(architecture: str, *, vocabulary: int, width: int, context: int) -> Any:
    """A randomly initialised model of two layers; the same at every call."""
    import torch
    from transformers import AutoModelForCausalLM, GPTNeoXConfig, LlamaConfig, Qwen2Config

    common = {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": context,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    kinds = {"llama": LlamaConfig, "qwen2": Qwen2Config, "gpt_neox": GPTNeoXConfig}
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(kinds[architecture](**common))


def write_base(
    folder: Path,
    texts: Iterable[str],
    *,
    architecture: str = "llama",
    vocabulary: int = 300,
    width: int = 32,
    context: int = 256,
    stop: str | None = END,
) -> Path:
    """A model folder as `save_pretrained` leaves it."""
    tokenizer = train_tokenizer(texts, size=vocabulary, stop=stop)
    model = make_model(architecture, vocabulary=len(tokenizer), width=width, context=context)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def sums(n: int, *, start: int = 0) -> list[tuple[str, str, str]]:
    """Question, reasoning and answer of easy sums, all different from each other."""
    found = []
    for i in range(start, start + n):
        a, b, c = i % 40, (i // 40) % 40, (7 * i) % 10
        found.append((f"{a} + {b} + {c} = ?", f"{a} + {b} = {a + b}.", str(a + b + c)))
    return found


def write_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_pool(path: Path, n: int = 64) -> Path:
    """Question and answer with the gold after `####`."""
    rows = [{"question": q, "answer": f"{way}\n#### {a}"} for q, way, a in sums(n)]
    return write_lines(path, rows)


def write_benchmark(path: Path, n: int = 40) -> Path:
    """Question and answer; no question of `write_pool`."""
    rows = [{"question": q, "answer": a} for q, _, a in sums(n, start=1000)]
    return write_lines(path, rows)


def write_config(path: Path, **tree: object) -> Path:
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return path


def command(*arguments: object) -> list[str]:
    """The command line as a user has it, of this very interpreter."""
    return [str(Path(sys.executable).with_name("titrant")), *map(str, arguments)]


def titrant(
    *arguments: object, timeout: float = 600.0, before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end; `before` stands before it, as `setpriv` does."""
    return subprocess.run(
        [*before, *command(*arguments)],
        env=os.environ | ONE_THREAD,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
