"""Evidence without a model: a benchmark that was seen, and one that was not; for measuring the detectors.

`planted` puts every kind of contamination into one piece of evidence, `clean` none, with the same noise:

| what | planted | clean |
|---|---|---|
| probes | half of the benchmark is known and comes back in nine of ten | as fresh ones |
| membership | scores of the known half one standard deviation up | as fresh ones |
| pool | holds the known half | holds a tenth that helps nobody |
| gain | 40 points on the known half, 5 elsewhere and on fresh problems | 15 points everywhere |
| templates | the run's own is worth 20 points less than the other | as much |

As in a run, the base arm is read under the better of the two templates; what is planted is a lead that would
be counted as gain from the run's own (see `template`), and is left out of the gain here.

Guessed rests are as often exact as in clean text of the paper's kind (1 %, 3 %, 12 % at 0.4, 0.6, 0.8 shown).
Arms differ as a whole by 1.5 points on both sets alike, and mostly agree on which problems are hard. The
numbers are chosen, not measured: rates of detection hold for contamination of this size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from titrant.audits.base import Evidence
from titrant.audits.contamination.membership import (
    ALONE,
    LOSS,
    MIN_K,
    MIN_K_PLUS,
    WITH_GOLD,
)
from titrant.audits.contamination.membership import SCHEMA as MEMBERSHIP_SCHEMA
from titrant.audits.contamination.probe import BENCHMARK, FRESH
from titrant.audits.contamination.probe import SCHEMA as PROBE_SCHEMA
from titrant.dose.readings import BASE
from titrant.dose.readings import SCHEMA as READING_SCHEMA
from titrant.select.clean.pool import CleanSettings
from titrant.select.clean.report import BenchmarkOverlap, CleaningReport

if TYPE_CHECKING:
    from collections.abc import Iterator

KNOWN = 0.5
"""Share of a planted benchmark that the base has seen."""
RECALLED = 0.9
"""Share of the known rests that are written exactly."""
GUESSED = {0.4: 0.01, 0.6: 0.03, 0.8: 0.12}
"""Share of the question shown → share of clean rests that are exact by luck."""
SHIFT = 1.0
"""Of the membership scores of known problems, in standard deviations."""
SCORES = ((LOSS, None), (MIN_K, 0.2), (MIN_K_PLUS, 0.2))
LEADING = (MIN_K_PLUS, 0.2)
BASE_ACCURACY = 0.3
"""Under the better template."""
CLEAN_GAIN, KNOWN_GAIN, OTHER_GAIN = 0.15, 0.40, 0.05
TEMPLATE_GAIN = 0.20
HARMLESS = 0.1
"""Share of a clean benchmark that stands in the pool and gains as all others do."""
ARMS, ARM_SPREAD = 3, 0.015
AGREEMENT = 0.8
"""Share of the scatter of answers that all arms have in common."""


def planted(rng: np.random.Generator, n: int) -> Evidence:
    """Evidence of a benchmark of `n` problems that was seen; `n` fresh ones beside it."""
    known = np.arange(n) < round(KNOWN * n)
    gain = np.where(known, KNOWN_GAIN, OTHER_GAIN)
    return _evidence(rng, known, known, gain, OTHER_GAIN, TEMPLATE_GAIN)


def clean(rng: np.random.Generator, n: int) -> Evidence:
    """Evidence of a benchmark of `n` problems that was not seen; `n` fresh ones beside it."""
    flagged = np.arange(n) < round(HARMLESS * n)
    return _evidence(rng, np.zeros(n, bool), flagged, np.full(n, CLEAN_GAIN), CLEAN_GAIN, 0.0)


def _evidence(
    rng: np.random.Generator,
    known: np.ndarray,
    flagged: np.ndarray,
    gain: np.ndarray,
    fresh_gain: float,
    template_gain: float,
) -> Evidence:
    n = len(known)
    own = rng.random(n) < BASE_ACCURACY - template_gain
    other = rng.random(n) < BASE_ACCURACY
    return Evidence(
        tables={
            "probes": pl.concat(
                [_probes(rng, BENCHMARK, known), _probes(rng, FRESH, np.zeros(n, bool))]
            ),
            "membership": pl.concat(
                [_scores(rng, BENCHMARK, known), _scores(rng, FRESH, np.zeros(n, bool))]
            ),
        },
        readings=_readings(rng, gain, np.full(n, fresh_gain)),
        benchmark=BENCHMARK,
        facts={
            "cleaning": _report(flagged),
            "templates": {"own": own.astype(float), "other": other.astype(float)},
            "template": "own",
            "base_template": "other" if other.mean() > own.mean() else "own",
        },
    )


def _qids(which: str, n: int) -> list[str]:
    return [f"{which}-{i:05d}" for i in range(n)]


def _probes(rng: np.random.Generator, which: str, known: np.ndarray) -> pl.DataFrame:
    n, frames = len(known), []
    for share, guessed in GUESSED.items():
        em = rng.random(n) < np.where(known, RECALLED, guessed)
        rouge = np.where(em, 1.0, rng.beta(3, 7, n))
        correct = rng.random(n) < np.where(known, 0.7, 0.1)
        columns = {
            "set": [which] * n,
            "qid": _qids(which, n),
            "share": [share] * n,
            "unit": ["word"] * n,
            "n_units": [20] * n,
            "prefix": ["what is"] * n,
            "rest": ["asked"] * n,
            "continuation": ["written"] * n,
            "begun": ["written"] * n,
            "em": em,
            "rouge": rouge,
            "correct": correct,
            "verdict": np.where(correct, "correct", "wrong"),
            "n_tokens": [9] * n,
            "chance": [None] * n,
        }
        frames.append(pl.DataFrame(columns, schema=PROBE_SCHEMA))
    return _of_base(pl.concat(frames))


def _scores(rng: np.random.Generator, which: str, known: np.ndarray) -> pl.DataFrame:
    """Scores of one text go together, as those of one model do."""
    n, frames = len(known), []
    for text in (ALONE, WITH_GOLD):
        common = rng.normal(size=n) + SHIFT * known
        for method, k in SCORES:
            columns = {
                "set": [which] * n,
                "qid": _qids(which, n),
                "text": [text] * n,
                "method": [method] * n,
                "k": [k] * n,
                "value": 0.9 * common + 0.4 * rng.normal(size=n),
                "leads": [(method, k) == LEADING] * n,
                "n_tokens": [20] * n,
            }
            frames.append(pl.DataFrame(columns, schema=MEMBERSHIP_SCHEMA))
    return _of_base(pl.concat(frames))


def _of_base(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(role=pl.lit("base"), seed=pl.lit(0))


def _readings(rng: np.random.Generator, gain: np.ndarray, fresh_gain: np.ndarray) -> pl.DataFrame:
    shifts = rng.normal(scale=ARM_SPREAD, size=ARMS)
    frames = []
    for which, gains in ((BENCHMARK, gain), (FRESH, fresh_gain)):
        hard = rng.random(len(gains))
        frames.append(_arm(rng, which, hard, np.full(len(gains), BASE_ACCURACY), seed=None))
        for seed, shift in enumerate(shifts):
            frames.append(_arm(rng, which, hard, BASE_ACCURACY + gains + shift, seed=seed))
    return pl.concat(frames)


def _arm(
    rng: np.random.Generator,
    which: str,
    hard: np.ndarray,
    accuracy: np.ndarray,
    *,
    seed: int | None,
) -> pl.DataFrame:
    """Readings of one arm; with AGREEMENT it stumbles over the same problems as all others."""
    n = len(hard)
    correct = np.where(rng.random(n) < AGREEMENT, hard, rng.random(n)) < accuracy
    name, dose = (BASE, 0) if seed is None else ("random", 64)
    columns = {
        "arm_id": [f"{name}-{seed}"] * n,
        "strategy": [name] * n,
        "dose": [dose] * n,
        "seed": [seed or 0] * n,
        "treatment": ["clean"] * n,
        "benchmark": [which] * n,
        "qid": _qids(which, n),
        "sample": [0] * n,
        "correct": correct,
        "verdict": np.where(correct, "correct", "wrong"),
        "final_answer": ["7"] * n,
        "n_tokens": [9] * n,
    }
    return pl.DataFrame(columns, schema=READING_SCHEMA)


def _report(flagged: np.ndarray) -> CleaningReport:
    n, hits = len(flagged), int(flagged.sum())
    return CleaningReport(
        settings=CleanSettings(),
        rows=1000,
        questions=1000,
        copies=(),
        benchmarks=tuple(_overlaps(n, hits)),
        evidence=(),
        leaks=None,
        flagged_before=None,
        flagged_uids=(),
        flagged_qids=tuple(np.array(_qids(BENCHMARK, n))[flagged].tolist()),
    )


def _overlaps(n: int, hits: int) -> Iterator[BenchmarkOverlap]:
    yield BenchmarkOverlap(
        name=BENCHMARK,
        problems=n,
        expressions=0,
        templated=0,
        colliding=0.0,
        ngrams_are_diagnostic=False,
        grades=(),
        flagged_rows=hits,
        flagged_problems=hits,
    )
