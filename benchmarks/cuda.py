"""Does the GPU path hold for a model of 1 to 2 B? Training, generation and scoring, with memory.

    python benchmarks/cuda.py [--size 1.5b] [--rows 128] [--updates 12] [--only generate score …]

A randomly initialised Qwen2 of the published 1.5 B shape is saved and loaded as a base is (`load_base`,
bfloat16 on a GPU). Then, each with its own peak memory:

    generate  rows of 100 to 300 prompt tokens, 256 new ones; peer: one padded call of `generate`
    score     400 to 1,400 tokens, all numbers; peer: batch 1, full logits in float32, a pass per signal
    steps     information gain of 12 steps per trace by branches; peer: one pass per prefix
    lora      SFT through TRL, 16 rows per update, adapters
    full      the same, all weights

On a machine without a GPU `--size tiny` runs the same lines, to see that they run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, cast

import numpy as np
import torch
from scoring import make_text, make_tokenizer
from transformers import Qwen2Config, Qwen2ForCausalLM

from titrant.engines.base import Branch, Request, ScoreRequest
from titrant.engines.load import LoadedBase, load_base
from titrant.engines.transformers import TransformersEngine
from titrant.seeds import derive_rng
from titrant.settings import BaseSettings, RecipeSettings
from titrant.train.course import Course, TrainSeeds
from titrant.train.render import IGNORED, Row
from titrant.train.sft import train_sft

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
GIB = 2**30
NEW, TOP, STEPS, ROWS_PER_UPDATE = 256, 20, 12, 16
SIZES = {"tiny": (64, 128, 2, 4, 2, 8192), "1.5b": (1536, 8960, 28, 12, 2, 151_936)}
"""Width, MLP, layers, heads, key-value heads, vocabulary; 1.5b as Qwen2.5-1.5B."""


class Timed(NamedTuple):
    """What a piece of work took."""

    seconds: float
    gib: float
    """Peak of the memory that tensors held, NaN without a GPU."""


def timed(work: Callable[[], T]) -> tuple[T, Timed]:
    """The result of `work`, its seconds and its peak memory."""
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
    began = time.perf_counter()
    result = work()
    if on_gpu:
        torch.cuda.synchronize()
    gib = torch.cuda.max_memory_allocated() / GIB if on_gpu else float("nan")
    return result, Timed(time.perf_counter() - began, gib)


def say(what: str, n_tokens: int, took: Timed, note: str = "") -> None:
    """One line."""
    rate = n_tokens / took.seconds
    print(f"{what:24} {n_tokens:9,} tokens {took.seconds:7.2f} s {rate:10,.0f} tokens/s "
          f"{took.gib:6.2f} GiB  {note}", flush=True)  # fmt: skip


def make_base(folder: Path, size: str) -> None:
    """Save a random model and its tokenizer as a base."""
    width, mlp, layers, heads, kv_heads, vocab = SIZES[size]
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=vocab,
        hidden_size=width,
        intermediate_size=mlp,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        dtype="bfloat16",
    )
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = Qwen2ForCausalLM(config).bfloat16()
    model.save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)


def make_texts(n: int, low: int, high: int, label: str) -> list[str]:
    """Random texts of `low` to `high` tokens; the same for the same label."""
    rng = derive_rng(0, "benchmark", "cuda", label)
    return [make_text(rng, low, high) for _ in range(n)]


def generate(base: LoadedBase, n_rows: int) -> None:
    """Generation, beside one padded call of transformers."""
    texts = make_texts(n_rows, 100, 300, "prompts")
    engine = TransformersEngine(base.model, base.tokenizer, batch_tokens=n_rows * 600)
    asked = [Request(text, NEW, temperature=1.0, seed=i) for i, text in enumerate(texts)]
    ours = partial(_ours, engine, asked)
    list(engine.generate(asked[:2]))
    n_new, took = timed(ours)
    say("generate", n_new, took, f"logprobs kept; {len(texts)} rows")
    batch = base.tokenizer(texts, return_tensors="pt", padding=True).to(base.model.device)
    batch.pop("token_type_ids", None)
    out, theirs = timed(
        lambda: cast("Any", base.model).generate(
            **batch, max_new_tokens=NEW, do_sample=True, top_k=0, pad_token_id=1
        )
    )
    n_theirs = int((out[:, batch["input_ids"].shape[1] :] != 1).sum())
    n_new, took = timed(ours)
    say("generate, once more", n_new, took)
    ratio = (n_new / took.seconds) / (n_theirs / theirs.seconds)
    say("  transformers", n_theirs, theirs, f"ours {ratio:.2f} × as fast, without logprobs here")


def _ours(engine: TransformersEngine, asked: list[Request]) -> int:
    return sum(result.n_tokens for _, result in engine.generate(asked))


def score(base: LoadedBase, n_rows: int) -> None:
    """All numbers of existing traces, beside a loop of full logits."""
    questions, texts = (
        make_texts(n_rows, 60, 100, "questions"),
        make_texts(n_rows, 400, 1400, "traces"),
    )
    asked = [
        ScoreRequest(q, t, TOP, with_hidden=True) for q, t in zip(questions, texts, strict=True)
    ]
    engine = TransformersEngine(base.model, base.tokenizer)
    dict(engine.score(asked[:2]))
    found, took = timed(lambda: dict(engine.score(asked)))
    n = sum(map(len, texts))
    say("score", n, took, "logprobs, top-20, entropy, variance, hidden")
    theirs, of_loop = timed(lambda: [_full(base, q + t, len(t)) for q, t in zip(questions, texts, strict=True)])  # fmt: skip
    off = max(np.abs(found[i].logprobs - theirs[i]).max() for i in range(n_rows))
    say("  loop, one pass", n, of_loop, f"ours {of_loop.seconds / took.seconds:.2f} × as fast as "
        f"one pass for perplexity alone; logprobs differ by {off:.3f} at most")  # fmt: skip


@torch.inference_mode()
def _full(base: LoadedBase, text: str, n: int) -> np.ndarray:
    ids = base.tokenizer(text, return_tensors="pt")["input_ids"].to(base.model.device)
    logprobs = base.model(input_ids=ids).logits[0, :-1].float().log_softmax(-1)
    return logprobs.gather(-1, ids[0, 1:, None])[-n:, 0].cpu().numpy()


def steps(base: LoadedBase, n_rows: int) -> None:
    """Information gain by branches, beside one pass per prefix."""
    questions, texts = (
        make_texts(n_rows, 60, 100, "questions"),
        make_texts(n_rows, 400, 700, "steps"),
    )
    answer = make_texts(1, 8, 8, "answer")[0]
    cuts = [np.linspace(0, len(text), STEPS + 1).astype(int) for text in texts]
    asked = [
        ScoreRequest(q, t, branches=tuple(Branch(int(at), answer) for at in row))
        for q, t, row in zip(questions, texts, cuts, strict=True)
    ]
    engine = TransformersEngine(base.model, base.tokenizer)
    dict(engine.score(asked[:2]))
    found, took = timed(lambda: dict(engine.score(asked)))
    n = sum(map(len, texts))
    say("steps", n, took, f"{STEPS + 1} answers per trace")
    theirs, of_loop = timed(
        lambda: [
            [_full(base, q + t[:at] + answer, len(answer)) for at in row]
            for q, t, row in zip(questions, texts, cuts, strict=True)
        ]
    )
    off = max(
        np.abs(branch.logprobs - row).max()
        for i in range(n_rows)
        for branch, row in zip(found[i].branches, theirs[i], strict=True)
    )
    say("  one pass per prefix", n, of_loop,
        f"ours {of_loop.seconds / took.seconds:.2f} × as fast; differ by {off:.3f} at most")  # fmt: skip


def train(base: LoadedBase, method: Literal["lora", "full"], updates: int, out: Path) -> None:
    """SFT through TRL."""
    recipe = RecipeSettings(method=method, updates=updates, rows_per_update=ROWS_PER_UPDATE)
    texts = make_texts(ROWS_PER_UPDATE * updates, 300, 700, "rows")
    rows = []
    for i, text in enumerate(texts):
        ids = tuple(base.tokenizer(text)["input_ids"])
        rows.append(Row(str(i), ids, (*[IGNORED] * 60, *ids[60:])))
    course = Course(recipe, 1e-5, TrainSeeds(0, 0), out / method)
    (out / method).mkdir()
    outcome, took = timed(
        lambda: train_sft(rows, course, model=base.model, tokenizer=base.tokenizer)
    )
    losses = outcome.losses
    say(method, outcome.train_tokens, took,
        f"{updates} updates, loss {losses[0]:.3f} to {losses[-1]:.3f}")  # fmt: skip


def main() -> None:
    """Run the parts one after the other, each on a freshly loaded base."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="1.5b")
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--updates", type=int, default=12)
    parts = ("generate", "score", "steps", "lora", "full")
    parser.add_argument("--only", nargs="*", choices=parts, default=parts)
    given = parser.parse_args()
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    print(f"{card}, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "base"
        _, took = timed(lambda: make_base(folder, given.size))
        print(f"made in {took.seconds:.1f} s")
        for part in given.only:
            base, took = timed(lambda: load_base(BaseSettings(path=str(folder))))
            n = sum(p.numel() for p in base.model.parameters())
            print(f"\n{n / 1e6:.0f} M parameters, {base.model.dtype}, loaded in {took.seconds:.1f} s")  # fmt: skip
            if part in ("lora", "full"):
                train(base, part, given.updates, Path(work))
            else:
                {"generate": generate, "score": score, "steps": steps}[part](base, given.rows)
            del base


if __name__ == "__main__":
    main()
