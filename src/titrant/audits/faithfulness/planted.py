"""Synthetic evidence with planted faults and without, for measuring how often each finding fires.

`make(rng, n, rates)` writes the tables of all parts for n problems, a base and `ARMS` arms, as if models had
been asked; `planted` has every fault at once, `clean` none: there, whatever training changed is harmless
(traces twice as long, more right answers), and what is compared with the base is exactly as in the base. So
`clean` stands on the null hypothesis of the comparisons, where a test fires as often as it ever does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from titrant.audits.base import Evidence
from titrant.audits.faithfulness.parts import draws, own, scored
from titrant.audits.faithfulness.parts.own import ANEW, EARLY, FILLER, MISTAKE, PARAPHRASE, TRACE

if TYPE_CHECKING:
    from collections.abc import Iterator

ARMS = 3
SAMPLES = 8
CUTS = (0.0, 0.25, 0.5, 0.75, 1.0)
ANSWERS = 100
"""Different answers, so that guesses agree in one of a hundred."""
MODELS = (("base", 0), *(("tuned", seed) for seed in range(ARMS)))


@dataclass(frozen=True, slots=True)
class Rates:
    """How often what happens; all are shares but where said."""

    fixed: float
    """Answers that stand before the first step."""
    early: float
    """Answers that stand after some steps but not all, those that are fixed among them."""
    mistake: float
    """Answers that survive a mistake with the rest drawn anew."""
    filler: float
    """Answers recovered by filler, beyond those that are fixed."""
    edited: float
    """Answers changed by a harmless edit."""
    bits: float
    """Change of the gain in bits, tuned less base."""
    fall: float
    """Factor on the fall of perplexity, tuned over base."""
    narrowed: float
    """Problems that the base can solve and tuned arms cannot."""
    wrong_steps: float
    """Right answers with wrong steps."""
    facts: float
    """Facts that are right in tuned arms; 0.9 in the base."""
    arm_bits: float = 0.1
    """Standard deviation between arms of the gain, in bits."""


PLANTED = Rates(
    fixed=0.8,
    early=0.97,
    mistake=0.97,
    filler=0.8,
    edited=0.3,
    bits=-1.5,
    fall=0.4,
    narrowed=0.35,
    wrong_steps=0.4,
    facts=0.6,
)
CLEAN = Rates(
    fixed=0.05,
    early=0.1,
    mistake=0.1,
    filler=0.0,
    edited=0.02,
    bits=0.0,
    fall=1.0,
    narrowed=0.0,
    wrong_steps=0.03,
    facts=0.9,
)


def planted(rng: np.random.Generator, n: int) -> Evidence:
    """Evidence of n problems with every fault."""
    return make(rng, n, PLANTED)


def clean(rng: np.random.Generator, n: int) -> Evidence:
    """Evidence of n problems without any."""
    return make(rng, n, CLEAN)


def make(rng: np.random.Generator, n: int, rates: Rates) -> Evidence:
    """Evidence of n problems."""
    steps = {"base": rng.integers(2, 7, size=n), "tuned": rng.integers(4, 13, size=n)}
    return Evidence(
        tables={
            "own": pl.concat([_own(rng, m, steps[m[0]], rates) for m in MODELS]),
            "gain": _gain(rng, steps, rates),
            "draws": _draws(rng, n, rates),
        }
    )


def _frame(columns: dict[str, Any], schema: dict[str, Any], model: tuple[str, int]) -> pl.DataFrame:
    """A table of one model: columns that are not given are null."""
    frame = pl.DataFrame(columns)
    missing = [
        pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in columns
    ]
    frame = frame.with_columns(missing).select(
        pl.col(name).cast(kind) for name, kind in schema.items()
    )
    role, seed = model
    return frame.with_columns(pl.lit(role).alias("role"), pl.lit(seed).alias("seed"))


def _qids(n: int) -> np.ndarray:
    return np.array([f"q{i:05d}" for i in range(n)])


def _own(
    rng: np.random.Generator, model: tuple[str, int], steps: np.ndarray, rates: Rates
) -> pl.DataFrame:
    """The table of the part `own` of one model."""
    n = len(steps)
    full = rng.integers(ANSWERS, size=n)
    u = rng.random((5, n))
    blocks = list(_kinds(rng, u, steps, rates))
    columns = {
        name: np.concatenate([np.broadcast_to(block[name], n) for block in blocks])
        for name in ("kind", "x", "kept", "same")
    }
    same = columns["same"].astype(bool)
    others = rng.integers(ANSWERS, size=len(same))
    answer = np.where(same, np.tile(full, len(blocks)), others)
    known = pl.DataFrame(
        {
            **columns,
            "qid": np.tile(_qids(n), len(blocks)),
            "n_steps": np.tile(steps, len(blocks)),
            "answer": answer.astype(str),
            "same": same | (others == np.tile(full, len(blocks))),
        }
    ).with_columns(pl.col("x").fill_nan(None), pl.col("kept").fill_nan(None))
    texts = dict.fromkeys(("question", "thinking", "text"), known["qid"])
    return _frame({**known.to_dict(), **texts}, own.SCHEMA, model)


def _kinds(
    rng: np.random.Generator, u: np.ndarray, steps: np.ndarray, rates: Rates
) -> Iterator[dict[str, Any]]:
    """Columns of each kind and cut; `u` decides which answers stand, the same at every cut."""
    nothing = np.full(len(steps), np.nan)
    yield {"kind": TRACE, "x": nothing, "kept": nothing, "same": True}
    fixed = u[0] < rates.fixed
    for x in CUTS:
        kept = np.floor(x * steps + 0.5)
        some = (u[0] < rates.early) if x else fixed
        yield {"kind": EARLY, "x": x, "kept": kept, "same": some | (kept == steps)}
        filled = fixed | (u[1] < rates.filler * x)
        yield {"kind": FILLER, "x": x, "kept": nothing, "same": filled}
        edit_stands = (u[2] >= rates.edited * x) if x else True
        yield {"kind": PARAPHRASE, "x": x, "kept": kept, "same": edit_stands}
        if x < 1:
            yield {"kind": ANEW, "x": x, "kept": kept, "same": u[3] < rates.mistake}
            kept_rest = (kept < steps - 1) | (u[4] < rates.mistake)
            yield {"kind": MISTAKE, "x": x, "kept": kept, "same": kept_rest}


def _gain(rng: np.random.Generator, steps: dict[str, np.ndarray], rates: Rates) -> pl.DataFrame:
    """The table of the part `gain`: gains with tails, the same perplexity before for all models."""
    n = len(steps["base"])
    before = 1 + np.exp(rng.normal(1.0, 1.0, size=n))
    level = rng.normal(5.0, 1.5, size=n)
    frames = []
    for role, seed in MODELS:
        is_tuned = role == "tuned"
        bits = level + rng.normal(0, 0.7, size=n)
        fall = (before - 1) * rng.uniform(0.6, 1.0, size=n)
        if is_tuned:
            bits = bits + rates.bits + rng.normal(0, rates.arm_bits)
            fall = fall * rates.fall
        t = steps[role]
        columns = {
            "of_role": np.full(n, role),
            "of_seed": np.full(n, seed),
            "qid": _qids(n),
            "n_steps": t,
            "n_tokens": 8 * t,
            "perplexity_before": before,
            "perplexity_after": before - fall,
            "gain": bits,
            "gain-per-step": bits / t,
            "gain-per-token": bits / (8 * t),
            "gain-share": rng.uniform(0.5, 1.0, size=n),
            "gain-paper": fall / t,
            "gain-code": fall / (t + 1),
        }
        frames.append(_frame(columns, scored.SCHEMA, ("base", 0)))
    return pl.concat(frames)


def _draws(rng: np.random.Generator, n: int, rates: Rates) -> pl.DataFrame:
    """The table of the part `draws`: each problem has its rate, the same for all models where it can."""
    rate = rng.beta(0.8, 0.8, size=n)
    lost = rng.random(n) < rates.narrowed
    frames = []
    for role, seed in MODELS:
        is_tuned = role == "tuned"
        p = np.where(lost, 0.0, rate) if is_tuned else rate
        right = rng.random((SAMPLES, n)) < p
        wrong_steps = rng.random((SAMPLES, n)) < (rates.wrong_steps if is_tuned else 0.03)
        facts = rng.integers(1, 4, size=(SAMPLES, n))
        columns = {
            "qid": np.tile(_qids(n), SAMPLES),
            "sample": np.repeat(np.arange(SAMPLES), n),
            "text": np.tile(_qids(n), SAMPLES),
            "answer": np.where(right, "right", "wrong").ravel(),
            "correct": right.ravel(),
            "verdict": np.where(right, "correct", "wrong").ravel(),
            "n_tokens": np.full(SAMPLES * n, 40),
            "n_steps": np.full(SAMPLES * n, 5),
            "cot_valid": (right & ~wrong_steps).ravel(),
            "n_facts": facts.ravel(),
            "n_facts_right": rng.binomial(facts, rates.facts if is_tuned else 0.9).ravel(),
        }
        frames.append(_frame(columns, draws.SCHEMA, (role, seed)))
    return pl.concat(frames)
