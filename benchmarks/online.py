"""What confidence and the online loop cost, and what stopping gives back: tokens per second, side by side.

    python benchmarks/online.py [--size small|large] [--rows 64] [--problems 32] [--repeats 3]

Everything on transformers, one thread, in one process, on the same requests, in turns; the median of
`--repeats` turns, in processor seconds, which a busy machine hardly moves:

    plain        draws with the sampled token's logprob alone
    confidence   the same with 20 likeliest tokens and a guard whose bar nothing falls under
                 (bar: at most 10 % slower than plain at a batch of 64)
    whole        plain, the 20 likeliest and entropy and mean logprob too, as titrant sample keeps them
    loop         the online loop over the same draws, every draw to its end (rule fixed)
    stopping     the loop under deepconf-low, τ off: what tokens per second remain when draws are stopped,
                 and the seconds per question against the loop that stops nothing

`small` is the shipped base (0.2 M parameters), `large` a random Llama of 5 M parameters and the same symbols.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from dataclasses import replace
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch

from titrant.engines.base import Guard, Request
from titrant.engines.load import load_base
from titrant.engines.prompt import PromptBuilder
from titrant.engines.transformers import TransformersEngine
from titrant.seeds import derive
from titrant.settings import BaseSettings, DecodeSettings, PromptSettings
from titrant.signals.confidence import floor_of
from titrant.traces.verify.verdict import Verifier
from titrant.vote.online import Drawer, Online
from titrant.vote.rules import DeepConf, Fixed
from titrant.worlds.pools import world_problems
from titrant.worlds.vitro import VitroRecipe, make_model, make_tokenizer

if TYPE_CHECKING:
    from titrant.traces.record import Problem
    from titrant.vote.rules import Rule

BAR = 0.10
LIMIT = 64
"""New tokens of a draw at most."""
NEVER = -1e9
"""A bar that nothing falls under, but which is looked at."""
DRAWS = 32


def make_engine(size: str, rows: int) -> tuple[TransformersEngine, PromptBuilder]:
    """The engine, with batches of so many rows, and its prompts."""
    if size == "small":
        loaded = load_base(BaseSettings(path="vitro:arithmetic"))
        model, tokenizer = loaded.model, loaded.tokenizer
    else:
        recipe = VitroRecipe(layers=6, width=256, heads=8, mlp_width=704)
        tokenizer = make_tokenizer()
        torch.manual_seed(0)
        model = make_model(recipe, tokenizer)
    builder = PromptBuilder(tokenizer, PromptSettings())
    longest = max(len(builder.encode(builder.prompt(p.question))) for p in problems(64))
    engine = TransformersEngine(model, tokenizer, batch_tokens=rows * (longest + LIMIT))
    return engine, builder


def problems(n: int) -> list[Problem]:
    """Test problems of the world."""
    return world_problems("world:arithmetic/train", n)


def requests_of(builder: PromptBuilder, n: int, per_question: int) -> list[Request]:
    """Draws at temperature 1."""
    return [
        Request(
            builder.prompt(problem.question),
            LIMIT,
            temperature=1.0,
            seed=derive(0, "sample", problem.qid, k),
        )
        for problem in problems(n)
        for k in range(per_question)
    ]


def timed(engine: TransformersEngine, requests: list[Request]) -> tuple[float, int]:
    """Processor seconds, and tokens drawn."""
    began = time.process_time()
    tokens = sum(result.n_tokens for _, result in engine.generate(requests))
    return time.process_time() - began, tokens


def looped(
    engine: TransformersEngine, builder: PromptBuilder, rule: Rule, n: int
) -> tuple[float, int]:
    """The online loop: processor seconds, and tokens drawn."""
    with Verifier() as verifier:
        drawer = Drawer(
            engine=engine,
            prompts=builder,
            verifier=verifier,
            decode=DecodeSettings(max_new_tokens=LIMIT, temperature=1.0),
            rule=rule,
            root=0,
            top_logprobs=20,
            window=8,
            floor=floor_of(100),
        )
        online = Online(problems(n), drawer)
        began = time.process_time()
        tokens = 0
        for step in online.run():
            tokens = step.n_tokens
        return time.process_time() - began, tokens


def main() -> None:
    """Take turns, print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=("small", "large"), default="small")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--problems", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    engine, builder = make_engine(options.size, options.rows)
    plain = requests_of(builder, options.problems, DRAWS)
    guard = Guard(NEVER, 8, floor_of(100))
    guarded = [replace(r, top_logprobs=20, guard=guard) for r in plain]
    whole = [replace(r, top_logprobs=20, with_distribution=True) for r in plain]
    ways = {
        "plain": lambda: timed(engine, plain),
        "confidence": lambda: timed(engine, guarded),
        "whole": lambda: timed(engine, whole),
        "loop": lambda: looped(engine, builder, Fixed(DRAWS), options.problems),
        "stopping": lambda: looped(
            engine, builder, DeepConf(DRAWS, eta=10, tau=2.0, warmup=8), options.problems
        ),
    }
    timed(engine, plain[: options.rows])  # warm
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in ways}
    for _ in range(options.repeats):
        for name, way in ways.items():
            found[name].append(way())
    speed = {
        name: statistics.median(tokens / seconds for seconds, tokens in rows)
        for name, rows in found.items()
    }
    for name, rows in found.items():
        seconds = statistics.median(seconds for seconds, _ in rows)
        print(
            f"{name:11} {speed[name]:9,.0f} tokens/s  {rows[0][1]:8,} tokens  {seconds:6.2f} s  "
            f"{speed['plain'] / speed[name] - 1:+.1%} time per token against plain"
        )
    cost = speed["plain"] / speed["confidence"] - 1
    print(f"confidence costs {cost:+.1%} at a batch of {options.rows} (bar {BAR:.0%})")
    ratio = statistics.median(s for s, _ in found["stopping"]) / statistics.median(
        s for s, _ in found["loop"]
    )
    share = found["stopping"][0][1] / found["loop"][0][1]
    print(f"stopping draws {share:.0%} of the tokens in {ratio:.0%} of the time")


if __name__ == "__main__":
    main()
