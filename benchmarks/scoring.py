"""Is scoring traces in one call faster than a Hugging Face loop with one pass per signal? Side by side.

    python benchmarks/scoring.py [--traces 200] [--questions 50] [--threads 1] [--size small] [--arch qwen2]

Both score the same traces (variants of the same questions, 100 to 700 tokens) with the same random model
and a vocabulary of 4,096 characters, so that a text's tokens are known. The loop is what a script does:
one text at a time, tokenised, all logits, one pass per signal. The engine gets one call; the completions
without their question, which IFD needs, are requests in it. Three sets of signals:

    perplexity              1 pass of the loop
    perplexity, IFD,        1 + 2 + 1 passes
      top-20 confidence
    all                     those, and entropy, self-certainty, Min-K%++ and the mean hidden state: 8 passes

Rates are trace tokens per second for the whole set, by processor time on one thread (which neighbours on
the machine disturb less) and by the clock on several. Every number of the engine is compared with the
loop's. `--prefix` sets the tokens of the questions: with long ones (worked examples in front), prefixes
that variants share are passed once.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from titrant.engines.base import Score, ScoreRequest
from titrant.engines.transformers import TransformersEngine
from titrant.seeds import derive_rng

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

VOCAB, TOP = 4096, 20
FIRST = 0x4E00
"""The first of the characters that are tokens: letters that no tokenizer splits."""
SIZES = {"small": (96, 256, 4, 4), "large": (256, 704, 6, 8)}
"""Width, width of the MLP, layers, heads: 0.9 M and 5.6 M parameters with the vocabulary."""
ARCHES = {"qwen2": (Qwen2Config, Qwen2ForCausalLM), "llama": (LlamaConfig, LlamaForCausalLM)}


class Pair(NamedTuple):
    """A question and a trace."""

    question: str
    trace: str


def make_tokenizer() -> PreTrainedTokenizerFast:
    """One token per character, one before every text."""
    vocab = {"<bos>": 0, "<unk>": 1, **{chr(FIRST + i): i for i in range(2, VOCAB)}}
    inner = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    inner.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 0)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<bos>", eos_token="<unk>", unk_token="<unk>"
    )


def make_model(size: str, arch: str) -> PreTrainedModel:
    """A random model, its weights blown up so that its distributions are not flat."""
    width, mlp, layers, heads = SIZES[size]
    config_of, model_of = ARCHES[arch]
    torch.manual_seed(0)
    config = config_of(
        vocab_size=VOCAB,
        hidden_size=width,
        intermediate_size=mlp,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads // 2,
        max_position_embeddings=4096,
        initializer_range=0.08,
        tie_word_embeddings=True,
    )
    return model_of(config).eval()


def make_text(rng: np.random.Generator, low: int, high: int) -> str:
    """A random text of `low` to `high` tokens, one character each."""
    ids = rng.integers(2, VOCAB, rng.integers(low, high + 1))
    return "".join(chr(FIRST + i) for i in ids)


def make_pairs(n_traces: int, n_questions: int, prefix: int) -> list[Pair]:
    """Traces of 100 to 700 tokens; questions of about `prefix` tokens."""
    rng = derive_rng(0, "benchmark", "scoring")
    questions = [make_text(rng, prefix // 2, prefix * 3 // 2) for _ in range(n_questions)]
    return [Pair(questions[i % n_questions], make_text(rng, 100, 700)) for i in range(n_traces)]


class Loop:
    """What a script does with a model and a tokenizer: one pass per signal and trace."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
        self._model, self._tokenizer = model, tokenizer

    def _logits(self, prefix: str, trace: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits that decide the tokens of the trace, and these."""
        before = [0, *self._tokenizer(prefix, add_special_tokens=False)["input_ids"]]
        tokens = self._tokenizer(trace, add_special_tokens=False)["input_ids"]
        ids = torch.tensor([[*before, *tokens]])
        logits = self._model(input_ids=ids).logits[0, len(before) - 1 : -1]
        return logits, ids[0, len(before) :]

    def loss(self, prefix: str, trace: str) -> np.ndarray:
        """Logprobs of a trace: perplexity, and IFD with and without its question."""
        logits, targets = self._logits(prefix, trace)
        return -torch.nn.functional.cross_entropy(logits, targets, reduction="none").numpy()

    def top(self, prefix: str, trace: str) -> np.ndarray:
        """The logprobs of the 20 likeliest tokens: confidence."""
        logits, _ = self._logits(prefix, trace)
        return logits.log_softmax(-1).topk(TOP).values.numpy()

    def entropy(self, prefix: str, trace: str) -> np.ndarray:
        """Entropy."""
        logprobs = self._logits(prefix, trace)[0].log_softmax(-1)
        return -(logprobs.exp() * logprobs).sum(-1).numpy()

    def vocab_mean(self, prefix: str, trace: str) -> np.ndarray:
        """Mean logprob over the vocabulary: self-certainty."""
        return self._logits(prefix, trace)[0].log_softmax(-1).mean(-1).numpy()

    def variance(self, prefix: str, trace: str) -> np.ndarray:
        """Variance of the logprob, as Min-K%++ takes it."""
        logprobs = self._logits(prefix, trace)[0].log_softmax(-1)
        p = logprobs.exp()
        mean = (p * logprobs).sum(-1, keepdim=True)
        return (p * (logprobs - mean).square()).sum(-1).numpy()

    def hidden(self, prefix: str, trace: str) -> np.ndarray:
        """Mean of the last hidden states of the trace."""
        before = [0, *self._tokenizer(prefix, add_special_tokens=False)["input_ids"]]
        tokens = self._tokenizer(trace, add_special_tokens=False)["input_ids"]
        out = self._model(input_ids=torch.tensor([[*before, *tokens]]), output_hidden_states=True)
        return out.hidden_states[-1][0, len(before) :].mean(0).numpy()


class Task(NamedTuple):
    """A set of signals, as the loop and as the engine gets it."""

    name: str
    passes: tuple[str, ...]
    """Methods of the loop; `alone` is the loss without the question."""
    k: int
    with_hidden: bool


TASKS = (
    Task("perplexity", ("loss",), 0, with_hidden=False),
    Task("perplexity, IFD, confidence", ("loss", "loss", "alone", "top"), TOP, with_hidden=False),
    Task(
        "all",
        ("loss", "loss", "alone", "top", "entropy", "vocab_mean", "variance", "hidden"),
        TOP,
        with_hidden=True,
    ),
)


def by_loop(loop: Loop, pairs: list[Pair], task: Task) -> list[dict[str, np.ndarray]]:
    """Numbers of each trace, one pass after the other."""
    found: list[dict[str, np.ndarray]] = [{} for _ in pairs]
    with torch.inference_mode():
        for name in task.passes:
            work: Callable[[str, str], np.ndarray] = getattr(
                loop, "loss" if name == "alone" else name
            )
            for numbers, pair in zip(found, pairs, strict=True):
                numbers[name] = work("" if name == "alone" else pair.question, pair.trace)
    return found


def by_engine(
    engine: TransformersEngine, pairs: list[Pair], task: Task
) -> list[dict[str, np.ndarray | None]]:
    """The same numbers in one call."""
    whole = "entropy" in task.passes
    requests = [
        ScoreRequest(q, t, task.k, with_hidden=task.with_hidden, with_distribution=whole)
        for q, t in pairs
    ]
    if "alone" in task.passes:
        requests += [ScoreRequest("", pair.trace, with_distribution=False) for pair in pairs]
    scores = dict(engine.score(requests))
    return [_named(scores[i], scores.get(i + len(pairs)), task) for i in range(len(pairs))]


def _named(score: Score, alone: Score | None, task: Task) -> dict[str, np.ndarray | None]:
    named = {
        "loss": score.logprobs,
        "alone": None if alone is None else alone.logprobs,
        "top": score.top_logprobs,
        "entropy": score.entropy,
        "vocab_mean": score.vocab_mean,
        "variance": score.variance,
        "hidden": None if score.hidden is None else score.hidden[0],
    }
    return {name: named[name] for name in task.passes}


def worst(left: list[dict[str, np.ndarray]], right: list[dict[str, np.ndarray | None]]) -> float:
    """Largest difference of any number."""
    return max(
        float(np.abs(numbers[name] - other[name]).max())
        for numbers, other in zip(left, right, strict=True)
        for name in numbers
    )


def clock(threads: int) -> Callable[[], float]:
    """What tells the seconds."""
    return time.process_time if threads == 1 else time.perf_counter


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Options of scripts that time a made-up model."""
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=1, help="the fastest of so many counts")
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--arch", choices=ARCHES, default="qwen2")


def main() -> None:
    """Time both for each set of signals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=int, default=200)
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--prefix", type=int, default=60)
    add_model_options(parser)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    now = clock(given.threads)
    tokenizer, model = make_tokenizer(), make_model(given.size, given.arch)
    pairs = make_pairs(given.traces, given.questions, given.prefix)
    n_tokens = sum(len(pair.trace) for pair in pairs)
    loop, engine = Loop(model, tokenizer), TransformersEngine(model, tokenizer)
    by_loop(loop, pairs[:2], TASKS[-1])
    by_engine(engine, pairs[:2], TASKS[-1])
    print(
        f"{given.arch}, {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters, "
        f"{len(pairs)} traces, {n_tokens:,} tokens, {given.threads} threads"
    )
    for task in TASKS:
        ours, theirs = [], []
        seconds = {"loop": [], "engine": []}
        for _ in range(given.repeats):
            began = now()
            ours = by_engine(engine, pairs, task)
            between = now()
            theirs = by_loop(loop, pairs, task)
            seconds["engine"].append(between - began)
            seconds["loop"].append(now() - between)
        best = {name: min(each) for name, each in seconds.items()}
        print(f"{task.name}: {best['loop'] / best['engine']:.2f} times as fast; "
              f"largest difference {worst(theirs, ours):.1e}")  # fmt: skip
        for name, spent in best.items():
            print(f"    {name:6} {spent:7.2f} s {n_tokens / spent:8,.0f} trace tokens/s")


if __name__ == "__main__":
    main()
