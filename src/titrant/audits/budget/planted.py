"""Synthetic evidence with planted faults and without, for measuring how often each finding fires.

Base and arms answer n problems of known difficulty; answers of the arms are `Rates.growth` times as long.
In `planted` training taught the arms only to write more, while a vote of the base for the same tokens is
right more often than they are. In `clean` a vote gains the base hardly anything, and the arms are right where
it is not. `level` stands on the null hypothesis of the first finding: the arms are as good as the vote, in
expectation, so that a test fires as often there as it ever does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from titrant.audits.base import Evidence
from titrant.audits.budget.part import PLAIN, THINKING
from titrant.audits.budget.spend import Answer, fill_purse, spend
from titrant.dose.readings import SCHEMA as READINGS

ARMS = 3
DRAWS = 24
ANSWER_TOKENS = 40
"""Mean tokens of an answer of the base."""
WRONG = 50
"""Different wrong answers."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What is so, as shares but where said."""

    base: float
    """Mean chance that an answer of the base is right."""
    spread: float
    """Concentration of these chances over problems; small: problems are easy or hard, votes gain nothing."""
    tuned: float | None
    """Mean chance of an arm; `None`: that of the base's vote at the arm's tokens."""
    thinking: float
    """Mean chance of an answer of the base that is made to think."""
    growth: float
    """Tokens of an arm's answer over those of the base."""
    arm_sd: float = 0.01
    """Standard deviation of accuracy between arms."""


PLANTED = Rates(base=0.45, spread=8.0, tuned=0.66, thinking=0.62, growth=8.0)
CLEAN = Rates(base=0.4, spread=0.5, tuned=0.75, thinking=0.45, growth=1.2)
LEVEL = replace(PLANTED, tuned=None, arm_sd=0.0)


def planted(rng: np.random.Generator, n: int) -> Evidence:
    """Evidence of n problems where all of the gain is more tokens."""
    return make(rng, n, PLANTED)


def clean(rng: np.random.Generator, n: int) -> Evidence:
    """Evidence of n problems where the gain is none of it."""
    return make(rng, n, CLEAN)


def level(rng: np.random.Generator, n: int) -> Evidence:
    """Evidence of n problems where arms are as good as the vote."""
    return make(rng, n, LEVEL)


def make(rng: np.random.Generator, n: int, rates: Rates) -> Evidence:
    """Evidence of n problems."""
    qids = [f"q{i:05d}" for i in range(n)]
    chance = _chances(rng, n, rates.base, rates.spread)
    plain = _answers(rng, chance, DRAWS, thinking=False)
    made = _answers(rng, _chances(rng, n, rates.thinking, rates.spread), DRAWS, thinking=True)
    arms = []
    for arm in range(ARMS):
        tokens = rng.poisson(rates.growth * ANSWER_TOKENS, size=n) + 1
        p = _chances(rng, n, rates.tuned, rates.spread) if rates.tuned is not None else None
        shift = rng.normal(0, rates.arm_sd)
        right = _as_good_as_a_vote(rng, chance, tokens) if p is None else rng.random(n) < p + shift
        arms.append(_readings(arm, qids, right, tokens, dose=64))
    reading = _answers(rng, chance, 1, thinking=False)
    base = _readings(0, qids, reading.right[0], reading.tokens[0], dose=0, answer=reading.answer[0])
    return Evidence(
        tables={
            "base_draws": pl.concat([_table(qids, plain, PLAIN), _table(qids, made, THINKING)])
        },
        readings=pl.concat([base, *arms]),
    )


@dataclass(frozen=True, slots=True)
class _Drawn:
    right: np.ndarray
    answer: np.ndarray
    tokens: np.ndarray


def _chances(rng: np.random.Generator, n: int, mean: float, spread: float) -> np.ndarray:
    return rng.beta(mean * spread, (1 - mean) * spread, size=n)


def _answers(rng: np.random.Generator, chance: np.ndarray, k: int, *, thinking: bool) -> _Drawn:
    """K answers to each problem; [k, problems]."""
    n = len(chance)
    right = rng.random((k, n)) < chance
    wrong = rng.integers(1, WRONG + 1, size=(k, n))
    length = ANSWER_TOKENS * (2 if thinking else 1)
    return _Drawn(right, np.where(right, 0, wrong), rng.poisson(length, size=(k, n)) + 1)


def _as_good_as_a_vote(
    rng: np.random.Generator, chance: np.ndarray, tokens: np.ndarray
) -> np.ndarray:
    """Right as often as a fresh vote of the base for these tokens."""
    drawn = _answers(rng, chance, DRAWS, thinking=False)
    rows = {
        str(i): [
            Answer(str(drawn.answer[j, i]), bool(drawn.right[j, i]), None, int(drawn.tokens[j, i]))
            for j in range(DRAWS)
        ]
        for i in range(len(chance))
    }
    purse = fill_purse([str(i) for i in range(len(chance))], rows)
    return spend(purse, tokens.astype(float)).is_right > 0


def _table(qids: list[str], drawn: _Drawn, variant: str) -> pl.DataFrame:
    k, n = drawn.right.shape
    return pl.DataFrame(
        {
            "qid": qids * k,
            "variant": [variant] * (k * n),
            "sample": np.repeat(np.arange(k), n),
            "text": [""] * (k * n),
            "answer": drawn.answer.ravel().astype(str),
            "correct": drawn.right.ravel(),
            "verdict": np.where(drawn.right, "correct", "wrong").ravel(),
            "n_tokens": drawn.tokens.ravel(),
            "role": ["base"] * (k * n),
            "seed": [0] * (k * n),
        }
    )


def _readings(
    arm: int,
    qids: list[str],
    right: np.ndarray,
    tokens: np.ndarray,
    *,
    dose: int,
    answer: np.ndarray | None = None,
) -> pl.DataFrame:
    n = len(qids)
    given = np.where(right, 0, 1) if answer is None else answer
    name = "base" if dose == 0 else "random"
    return pl.DataFrame(
        {
            "arm_id": [f"{name}-{dose}-{arm}"] * n,
            "strategy": [name] * n,
            "dose": [dose] * n,
            "seed": [arm] * n,
            "treatment": ["clean"] * n,
            "benchmark": ["benchmark"] * n,
            "qid": qids,
            "sample": [0] * n,
            "correct": right.astype(bool),
            "verdict": np.where(right, "correct", "wrong"),
            "final_answer": given.astype(str),
            "n_tokens": tokens,
        },
        schema_overrides=READINGS,
    )
