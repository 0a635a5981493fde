"""Made-up readings in which the truth is known, for tests and for the table of detection rates.

Problems have a difficulty each, arms an effect of their own (`SEED_SD`), and answers are right or wrong by
a coin of the resulting chance. `planted`: corrupted arms are as good as clean ones, and answers do not
follow the trace. `clean`: corrupted arms are as good as the base, and a foreign trace takes the answer away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from titrant.audits.base import Evidence
from titrant.dose.readings import BASE, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping

SEED_SD = 0.02
"""Standard deviation of an arm's accuracy around its group's."""
SEEDS = 3
BASE_RATE, CLEAN_RATE = 0.2, 0.8
CHANCE = 0.02
"""How often the answer behind a foreign trace is right here too."""
SPREAD = 0.15
"""Standard deviation of a problem's chance around the group's."""


def planted(rng: np.random.Generator, n: int) -> Evidence:
    """Evidence in which content does not matter."""
    rates = {"clean": CLEAN_RATE, "foreign": CLEAN_RATE}
    return _evidence(rng, n, rates, {"own": 0.8, "foreign": 0.78})


def clean(rng: np.random.Generator, n: int) -> Evidence:
    """Evidence in which content is all that matters."""
    rates = {"clean": CLEAN_RATE, "foreign": BASE_RATE}
    return _evidence(rng, n, rates, {"own": 0.8, "foreign": 0.05})


def level(rng: np.random.Generator, n: int) -> Evidence:
    """Evidence in which half of the gain needs the content: exactly the bar of a content share."""
    rates = {"clean": CLEAN_RATE, "foreign": (CLEAN_RATE + BASE_RATE) / 2}
    return _evidence(rng, n, rates, {"own": 0.8, "foreign": 0.05})


def readings(rng: np.random.Generator, n: int, rates: Mapping[str, float]) -> pl.DataFrame:
    """Readings of a base and of three arms for each group of `rates`, on n problems."""
    ease = rng.normal(0.0, SPREAD, n)
    frames = [_arm(rng, ease, BASE, 0, 0, rate=BASE_RATE)]
    for name, rate in rates.items():
        for seed in range(SEEDS):
            level = rate + rng.normal(0.0, SEED_SD)
            frames.append(_arm(rng, ease, name, 64, seed, rate=level))
    return pl.concat(frames)


def _arm(
    rng: np.random.Generator, ease: np.ndarray, name: str, dose: int, seed: int, *, rate: float
) -> pl.DataFrame:
    right = rng.random(len(ease)) < np.clip(rate + ease, 0.0, 1.0)
    treatment = "clean" if name == BASE else name
    rows = {
        "arm_id": f"{name}-{dose}-{seed}",
        "strategy": BASE if name == BASE else "random",
        "dose": dose,
        "seed": seed,
        "treatment": treatment,
        "benchmark": "benchmark",
        "qid": [f"q{i:05d}" for i in range(len(ease))],
        "sample": 0,
        "correct": right,
        "verdict": np.where(right, "correct", "wrong").tolist(),
        "final_answer": "1",
        "n_tokens": 10,
    }
    return pl.DataFrame(rows, schema=SCHEMA)


def _evidence(
    rng: np.random.Generator, n: int, rates: Mapping[str, float], follow: Mapping[str, float]
) -> Evidence:
    rows = [
        {
            "qid": f"q{i:05d}",
            "condition": name,
            "thinking": "1+1=2",
            "answer": "2",
            "correct": bool(rng.random() < rate),
            "same": True,
            "question": f"question {i}",
            "agrees": bool(rng.random() < CHANCE) if name == "foreign" else None,
            "role": "tuned",
            "seed": 0,
        }
        for i in range(n)
        for name, rate in follow.items()
    ]
    return Evidence(tables={"replace": pl.DataFrame(rows)}, readings=readings(rng, n, rates))
