"""Does early stopping keep the band of a question? Sequential draws against 8 each, on the same streams.

    python benchmarks/difficulty.py [--questions 500] [--seeds 100] [--real]

(a) Pools of simulated pass rates: the prior is unknown to the rule and fitted as it goes, as in a run.
Told per pool, as mean over seeds with the lowest of them: answers saved, questions with the same band,
share of seeds with 95 % or more of them, and how many of the 90 % intervals hold the true rate (rates of
exactly 0 or 1 never are inside, so the last pool's share is no fault).
(b) With `--real`: the shipped base `vitro:arithmetic` on questions of `world:arithmetic` (pool split), at
temperature 1, through the transformers engine: answers, tokens and seconds of both, the bands, and
whether every sequential answer is that of the fixed design (half a minute on one core).

Bar: 40 % fewer answers, the same band for 95 %. Which pools miss it is printed.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.seeds import derive_rng
from titrant.signals.difficulty import Design, Tally, band_of_rate, rates, still_open

if TYPE_CHECKING:
    from titrant.signals.sampling import Difficulty, Draw

BAR_SAVED, BAR_SAME = 0.40, 0.95
Pool = "Callable[[np.random.Generator, int], np.ndarray]"
POOLS: dict[str, Pool] = {
    "U-shaped Beta(0.3, 0.3)": lambda rng, n: rng.beta(0.3, 0.3, n),
    "uniform": lambda rng, n: rng.uniform(size=n),
    "centred Beta(2, 2)": lambda rng, n: rng.beta(2, 2, n),
    "mostly hard Beta(0.3, 3)": lambda rng, n: rng.beta(0.3, 3, n),
    "all hard Beta(0.1, 5)": lambda rng, n: rng.beta(0.1, 5, n),
    "no beta: 0, 0.5 or 1": lambda rng, n: rng.choice([0, 0.5, 1], n, p=[0.4, 0.3, 0.3]),
}


class Outcome(NamedTuple):
    """Of one simulated pool; shares."""

    saved: float
    same: float
    covered: float


def simulate(pool: Pool, n_questions: int, seed: int, design: Design) -> Outcome:
    """Both designs on one stream of answers."""
    rng = derive_rng(seed, "benchmark", "difficulty")
    rate = pool(rng, n_questions)
    stream = rng.random((n_questions, design.n)) < rate[:, None]
    right_after = np.pad(np.cumsum(stream, axis=1), ((0, 0), (1, 0)))
    tally, width = Tally.empty(n_questions), design.first
    is_open = np.ones(n_questions, dtype=bool)
    while is_open.any():
        drawn = np.where(is_open, tally.drawn + width, tally.drawn)
        tally = Tally(right_after[np.arange(n_questions), drawn], drawn, tally.failed)
        is_open &= still_open(tally, design)
        width = 1
    found = rates(tally, design)
    fixed = [band_of_rate(right / design.n, design.cuts) for right in right_after[:, -1]]
    return Outcome(
        1 - tally.drawn.mean() / design.n,
        float(np.mean(found.band == fixed)),
        float(np.mean((found.low <= rate) & (rate <= found.high))),
    )


def run_simulated(n_questions: int, n_seeds: int) -> None:
    print(f"{n_questions} questions, {n_seeds} seeds; mean (lowest)")
    for tolerance in (0.05, 0.0):
        print(f"\ntolerance {tolerance:.0%}\n{'pool':28}{'saved':>16}{'same band':>18}", end="")
        print(f"{'seeds ≥ 95 %':>14}{'covered':>9}  bar")
        for name, pool in POOLS.items():
            design = Design(tolerance=tolerance)
            found = np.array([simulate(pool, n_questions, i, design) for i in range(n_seeds)])
            saved, same, covered = found.mean(axis=0)
            low_saved, low_same, _ = found.min(axis=0)
            ok = saved >= BAR_SAVED and same >= BAR_SAME
            print(
                f"{name:28}{saved:8.1%} ({low_saved:5.1%}){same:10.1%} ({low_same:5.1%})"
                f"{np.mean(found[:, 1] >= BAR_SAME):14.0%}{covered:9.1%}  {'met' if ok else 'MISSED'}"
            )


def run_real(n_questions: int) -> None:
    """Both designs with the shipped base."""
    import torch

    from titrant.engines.load import load_base
    from titrant.engines.prompt import PromptBuilder
    from titrant.engines.transformers import TransformersEngine
    from titrant.settings import BaseSettings, DecodeSettings, PromptSettings, SignalSettings
    from titrant.signals.sampling import Sampler, sum_up
    from titrant.traces.verify.verdict import Verifier
    from titrant.worlds.arithmetic import ARITHMETIC
    from titrant.worlds.base import Split, distinct_problems

    torch.set_num_threads(1)
    base = load_base(BaseSettings(path="vitro:arithmetic"))
    problems = list(distinct_problems(ARITHMETIC, "train", Split.POOL, n_questions))
    with Verifier() as verifier:
        sampler = Sampler(
            TransformersEngine(base.model, base.tokenizer),
            PromptBuilder(base.tokenizer, PromptSettings()),
            verifier,
            DecodeSettings(max_new_tokens=192),
            SignalSettings(),
            root=0,
        )
        designs = {"fixed": Design(tolerance=None), "sequential": sampler.design}
        draws, found = {}, {}
        print(f"\nvitro:arithmetic, {n_questions} questions of the pool split, temperature 1")
        for name, design in designs.items():
            started = time.process_time()
            draws[name] = _draw_all(problems, sampler, design)
            seconds = time.process_time() - started
            found[name] = sum_up(problems, draws[name], design)
            _print_design(name, draws[name], found[name], seconds)
    _compare(draws, found)


def _draw_all(problems: list, sampler: object, design: Design) -> list[Draw]:
    from titrant.signals.sampling import draw_answers

    return [d for step in draw_answers(problems, sampler, design=design) for d in step.draws]


def _print_design(name: str, draws: list[Draw], found: list[Difficulty], seconds: float) -> None:
    bands = [row.band for row in found]
    shares = ", ".join(
        f"{bands.count(i)} {word}" for i, word in enumerate(("hard", "middle", "easy"))
    )
    n_tokens = sum(draw.n_tokens for draw in draws)
    print(f"{name:11}{len(draws):6} answers {n_tokens:8} tokens {seconds:6.1f} s CPU  {shares}")


def _compare(draws: dict[str, list[Draw]], found: dict[str, list[Difficulty]]) -> None:
    every = {(draw.qid, draw.sample): draw for draw in draws["fixed"]}
    equal = sum(every[draw.qid, draw.sample] == draw for draw in draws["sequential"])
    pairs = list(zip(found["fixed"], found["sequential"], strict=True))
    same = np.mean([one.band == other.band for one, other in pairs])
    saved = 1 - len(draws["sequential"]) / len(draws["fixed"])
    tokens = [sum(draw.n_tokens for draw in of) for of in draws.values()]
    ok = saved >= BAR_SAVED and same >= BAR_SAME
    print(
        f"{equal} of {len(draws['sequential'])} sequential answers equal those of the fixed design"
    )
    print(
        f"{saved:.1%} fewer answers, {1 - tokens[1] / tokens[0]:.1%} fewer tokens, "
        f"same band for {same:.1%}: bar {'met' if ok else 'MISSED'}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--real", action="store_true", help="only the shipped base")
    options = parser.parse_args()
    if options.real:
        run_real(options.questions)
    else:
        run_simulated(options.questions, options.seeds)


if __name__ == "__main__":
    main()
