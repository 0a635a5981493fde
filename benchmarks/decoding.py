"""Is the decoding loop worth having? It against `model.generate` of transformers, greedy, one thread.

    python benchmarks/decoding.py [rows]

A random model of the size of the shipped base continues prompts of 8–29 tokens by 5–192 tokens, with
lengths as mixed as those of reasoning (exponential, mean 60). Both get the same rows in one batch;
times are processor seconds, which a busy machine hardly moves. Prints both and checks the tokens.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from titrant.engines.base import Request
from titrant.engines.transformers import TransformersEngine
from titrant.seeds import derive_rng
from titrant.worlds.vitro import VitroRecipe, make_model, make_tokenizer

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

MOST = 192


def make_requests(rows: int) -> list[Request]:
    """Prompts of printable characters with limits of mixed length."""
    rng = derive_rng(0, "benchmark", "decoding", rows)
    limits = np.minimum(MOST, 5 + rng.exponential(60, rows).astype(int))
    return [
        Request("".join(chr(c) for c in rng.integers(33, 127, rng.integers(8, 30))), int(limit))
        for limit in limits
    ]


def by_generate(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, requests: list[Request]
) -> list[list[int]]:
    """Tokens of each row; a row is cut at its own limit afterwards."""
    batch = tokenizer([r.prompt for r in requests], return_tensors="pt", padding=True)
    out = model.generate(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        max_new_tokens=max(r.max_new_tokens for r in requests),
        do_sample=False,
    )
    new = out[:, batch["input_ids"].shape[1] :].tolist()
    return [row[: r.max_new_tokens] for row, r in zip(new, requests, strict=True)]


def by_engine(engine: TransformersEngine, requests: list[Request]) -> list[list[int]]:
    """Tokens of each row."""
    results = dict(engine.generate(requests))
    return [list(results[i].token_ids) for i in range(len(requests))]


def main() -> None:
    """Time both."""
    torch.set_num_threads(1)
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    tokenizer = make_tokenizer()
    model = make_model(VitroRecipe(), tokenizer).eval()
    model.generation_config.eos_token_id = None
    tokenizer.eos_token = "<unk>"
    engine = TransformersEngine(model, tokenizer, batch_tokens=10**6)
    requests = make_requests(rows)
    by_engine(engine, requests[:2])
    seconds, tokens = {}, {}
    for name, work in (
        ("generate", lambda: by_generate(model, tokenizer, requests)),
        ("engine", lambda: by_engine(engine, requests)),
    ):
        start = time.process_time()
        tokens[name] = work()
        seconds[name] = time.process_time() - start
    n_tokens = sum(map(len, tokens["engine"]))
    for name, spent in seconds.items():
        print(f"{name:9} {spent:6.2f} s  {n_tokens / spent:8,.0f} tokens/s")
    same = sum(a == b for a, b in zip(*tokens.values(), strict=True))
    ratio = seconds["generate"] / seconds["engine"]
    print(f"{ratio:.1f} times as fast; {same} of {rows} rows have the same tokens")


if __name__ == "__main__":
    main()
