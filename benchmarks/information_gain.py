"""Is information gain in one packed pass faster than one pass per prefix? Side by side.

    python benchmarks/information_gain.py [--traces 200] [--steps 12] [--threads 1] [--size small]

Every trace (100 to 700 tokens, cut into equal steps) is asked for the logprobs of its answer, led in, after
0, 1 … all steps. The engine gets one call with branches, in which every token is passed once; it also gives
the numbers of the trace itself, for which the others would need another pass. Against it, on the same
random model:

    loop      one pass per prefix, batch 1, all logits: what a script does
    lean      the same, with logits of the answer alone
    batched   all prefixes of a trace in one left-padded batch, with logits of the answer alone

All logprobs of answers are compared.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scoring import add_model_options, clock, make_model, make_pairs, make_text, make_tokenizer

from titrant.engines.base import Branch, ScoreRequest
from titrant.engines.transformers import TransformersEngine
from titrant.seeds import derive_rng

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel, PreTrainedTokenizerFast


class Case(NamedTuple):
    """A trace with its answer."""

    question: str
    trace: str
    ends: tuple[int, ...]
    """Characters after 0, 1 … all steps."""
    answer: str


def make_cases(n_traces: int, n_steps: int) -> list[Case]:
    """Traces in equal steps; answers of 8 to 16 tokens, their lead-in included."""
    rng = derive_rng(0, "benchmark", "information gain")
    cases = []
    for question, trace in make_pairs(n_traces, max(1, n_traces // 4), 60):
        ends = np.linspace(0, len(trace), n_steps + 1).astype(int).tolist()
        cases.append(Case(question, trace, tuple(ends), make_text(rng, 8, 16)))
    return cases


class Peers:
    """The ways of a script."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
        self._model, self._tokenizer = model, tokenizer

    def _tokens(self, case: Case) -> tuple[list[list[int]], list[int]]:
        """Prefixes, and the answer."""
        prefixes = [f"{case.question}{case.trace[:end]}" for end in case.ends]
        answer = self._tokenizer(case.answer, add_special_tokens=False)["input_ids"]
        return self._tokenizer(prefixes)["input_ids"], answer

    def loop(self, case: Case) -> np.ndarray:
        """One pass per prefix, all logits."""
        prefixes, answer = self._tokens(case)
        targets = torch.tensor(answer)
        return np.stack([
            _logprobs(self._model(torch.tensor([[*p, *answer]])).logits[0, len(p) - 1 : -1], targets)
            for p in prefixes
        ])  # fmt: skip

    def lean(self, case: Case) -> np.ndarray:
        """One pass per prefix, logits of the answer."""
        prefixes, answer = self._tokens(case)
        targets, n = torch.tensor(answer), len(answer) + 1
        return np.stack([
            _logprobs(
                self._model(torch.tensor([[*p, *answer]]), logits_to_keep=n).logits[0, :-1], targets
            )
            for p in prefixes
        ])  # fmt: skip

    def batched(self, case: Case) -> np.ndarray:
        """All prefixes of a trace at once, logits of the answer."""
        prefixes, answer = self._tokens(case)
        width = max(map(len, prefixes)) + len(answer)
        ids, mask = torch.zeros(2, len(prefixes), width, dtype=torch.int64)
        for i, prefix in enumerate(prefixes):
            start = width - len(prefix) - len(answer)
            ids[i, start:], mask[i, start:] = torch.tensor([*prefix, *answer]), 1
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        out = self._model(
            ids, attention_mask=mask, position_ids=positions, logits_to_keep=len(answer) + 1
        )
        return np.stack([_logprobs(logits[:-1], torch.tensor(answer)) for logits in out.logits])


def _logprobs(logits: torch.Tensor, targets: torch.Tensor) -> np.ndarray:
    return -torch.nn.functional.cross_entropy(logits, targets, reduction="none").numpy()


def by_engine(engine: TransformersEngine, cases: list[Case]) -> list[np.ndarray]:
    """Logprobs [steps + 1, answer tokens] of each trace, in one call."""
    requests = [
        ScoreRequest(
            c.question,
            c.trace,
            branches=tuple(Branch(e, c.answer) for e in c.ends),
            with_distribution=False,
        )
        for c in cases
    ]
    scores = dict(engine.score(requests))
    return [np.stack([branch.logprobs for branch in scores[i].branches]) for i in range(len(cases))]


def by_peer(work: Callable[[Case], np.ndarray], cases: list[Case]) -> list[np.ndarray]:
    """The same, one trace after the other."""
    with torch.inference_mode():
        return [work(case) for case in cases]


def main() -> None:
    """Time all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=int, default=200)
    parser.add_argument("--steps", type=int, default=12)
    add_model_options(parser)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    now = clock(given.threads)
    tokenizer, model = make_tokenizer(), make_model(given.size, given.arch)
    cases = make_cases(given.traces, given.steps)
    engine, peers = TransformersEngine(model, tokenizer), Peers(model, tokenizer)
    print(
        f"{given.arch}, {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters, "
        f"{len(cases)} traces x {given.steps} steps, {given.threads} threads"
    )
    work: dict[str, Callable[[list[Case]], list[np.ndarray]]] = {
        "engine": lambda some: by_engine(engine, some),
        **{name: partial(by_peer, getattr(peers, name)) for name in ("loop", "lean", "batched")},
    }
    best, found = dict.fromkeys(work, float("inf")), {}
    for repeat in range(given.repeats + 1):
        for name, score in work.items():
            began = now()
            found[name] = score(cases if repeat else cases[:1])  # once to warm up
            if repeat:
                best[name] = min(best[name], now() - began)
    for name, spent in best.items():
        pairs = zip(found["engine"], found[name], strict=True)
        print(f"{name:7} {spent:7.2f} s: {spent / best['engine']:.1f} times as long; largest "
              f"difference {max(float(np.abs(a - b).max()) for a, b in pairs):.1e} nats")  # fmt: skip


if __name__ == "__main__":
    main()
