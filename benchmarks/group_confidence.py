"""Confidence of 100 traces of 8,192 tokens: arrays of all traces at once against loops over tokens.

    python benchmarks/group_confidence.py [--traces 100] [--tokens 8192] [--window 2048] [--top 20]

The other side is **re-implemented here** from what the published reference does (Fu et al. 2025,
arXiv 2508.15260; facebookresearch/deepconf, `helper.py` and the voters), not run from its repository: per
token the mean of the returned logprobs rounded to 3 decimals, window means by a Python loop over slices,
rounded too, of which the lowest; window means by a running sum, of which the lowest tenth; the mean of the
last window. It gets plain lists of floats, which is kinder than vLLM's dict of objects per token. It runs
twice: as published, where numpy's mean makes every confidence a numpy scalar, of which sums are slow; and
kinder still, with Python floats instead. Everything runs whole, in one process, on the same numbers (made up,
exactly `--top` entries per token, none under the floor) and one thread; times are processor seconds.
Printed: seconds of each part, the ratios, and the largest difference of the three statistics: to the formula
without rounding (`math.fsum`; bound 1e-6) and to the rounded output of the loops (bound 1e-3). Exits with 1
where a bound is broken or the ratio to the kinder loops is under 100.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from titrant.seeds import derive_rng
from titrant.signals.confidence import (
    FLOOR,
    bottom_confidence,
    lowest_confidence,
    tail_confidence,
    token_confidence,
)
from titrant.signals.ragged import Ragged, offsets_of

BAR = 100
EXACT, ROUNDED = 1e-6, 1e-3


def make_traces(traces: int, tokens: int, top: int) -> Ragged:
    """Top logprobs, best first, float32: peaked at most places, flat at some."""
    rng = derive_rng(0, "benchmark", "group-confidence", traces, tokens, top)
    n = traces * tokens
    scale = rng.gamma(2.0, 0.5, (n, 1)).astype(np.float32)
    steps = rng.standard_exponential((n, top), dtype=np.float32) * scale
    logprobs = -np.cumsum(steps, axis=1).clip(0, 90)
    return Ragged(logprobs, offsets_of(np.full(traces, tokens)))


def token_loop(logprobs: list[list[float]]) -> list[float]:
    """Confidence of each token of one trace, rounded."""
    return [round(-np.mean(entries), 3) for entries in logprobs]


def slice_loop(confidence: list[float], window: int) -> list[float]:
    """Rounded mean of each window of one trace; the plain mean of a shorter one."""
    if len(confidence) < window:
        return [sum(confidence) / len(confidence)]
    found = []
    for start in range(len(confidence) - window + 1):
        part = confidence[start : start + window]
        found.append(round(sum(part) / len(part), 3))
    return found


def bottom_loop(confidence: list[float], window: int) -> float:
    """Mean of the lowest tenth of windows of one trace, by a running sum."""
    if len(confidence) < window:
        return float(np.mean(confidence))
    running = sum(confidence[:window])
    means = [running / window]
    for start in range(1, len(confidence) - window + 1):
        running += confidence[start + window - 1] - confidence[start - 1]
        means.append(running / window)
    n_lowest = max(1, int(len(means) * 0.1))
    return float(np.mean(np.partition(means, n_lowest - 1)[:n_lowest]))


def by_loops(top: Ragged, window: int, scalar: type) -> tuple[np.ndarray, dict[str, float]]:
    """Lowest, bottom and tail of each trace [3, traces], and the seconds of each part."""
    spent = dict.fromkeys(("tokens", "slices", "bottom"), 0.0)
    found = []
    for i in range(len(top)):
        entries = top.row(i).tolist()
        t0 = time.process_time()
        confidence = list(map(scalar, token_loop(entries)))
        t1 = time.process_time()
        lowest = min(slice_loop(confidence, window))
        t2 = time.process_time()
        bottom = bottom_loop(confidence, window)
        tail = float(np.mean(confidence[-window:]))
        t3 = time.process_time()
        found.append((lowest, bottom, tail))
        for name, seconds in zip(spent, (t1 - t0, t2 - t1, t3 - t2), strict=True):
            spent[name] += seconds
    return np.array(found).T, spent


def by_arrays(top: Ragged, window: int) -> tuple[np.ndarray, dict[str, float]]:
    """The same through titrant."""
    t0 = time.process_time()
    confidence = top.with_values(token_confidence(top.values, floor=FLOOR))
    t1 = time.process_time()
    lowest = lowest_confidence(confidence, window)
    bottom = bottom_confidence(confidence, window)
    tail = tail_confidence(confidence, window)
    t2 = time.process_time()
    return np.stack([lowest, bottom, tail]), {"tokens": t1 - t0, "windows": t2 - t1}


def by_formula(logprobs: np.ndarray, window: int) -> list[float]:
    """The three statistics of one trace without rounding: exact sums, by a loop over tokens."""
    exact = [-math.fsum(entries) / len(entries) for entries in logprobs.tolist()]
    window = min(window, len(exact))
    starts = range(len(exact) - window + 1)
    means = sorted(math.fsum(exact[start : start + window]) / window for start in starts)
    n_lowest = max(1, len(means) // 10)
    tail = math.fsum(exact[-window:]) / window
    return [means[0], math.fsum(means[:n_lowest]) / n_lowest, tail]


def main() -> int:
    """Time both, compare both."""
    parser = argparse.ArgumentParser(description="Confidence by arrays and by loops.")
    parser.add_argument("--traces", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--window", type=int, default=2048)
    parser.add_argument("--top", type=int, default=20)
    parser.add_argument("--exact", type=int, default=10, help="traces compared to the formula")
    parser.add_argument("--repeats", type=int, default=5, help="of ours; the median counts")
    asked = parser.parse_args()
    top = make_traces(asked.traces, asked.tokens, asked.top)
    by_arrays(top, asked.window)
    runs = [by_arrays(top, asked.window) for _ in range(asked.repeats)]
    ours, mine = sorted(runs, key=lambda run: sum(run[1].values()))[len(runs) // 2]
    sides = {
        "loops as published": by_loops(top, asked.window, np.float64),
        "loops with floats": by_loops(top, asked.window, float),
    }
    n_exact = min(asked.exact, asked.traces)
    exact = np.array([by_formula(top.row(i), asked.window) for i in range(n_exact)]).T
    to_exact = float(np.abs(ours[:, :n_exact] - exact).max())
    to_rounded = max(float(np.abs(ours - found).max()) for found, _ in sides.values())
    shape = f"{asked.traces} traces × {asked.tokens} tokens × {asked.top}, window {asked.window}"
    print(f"{shape}; numpy {np.__version__}, one thread, processor seconds")
    own = sum(mine.values())
    for name, parts in {"titrant": mine, **{k: v for k, (_, v) in sides.items()}}.items():
        listed = ", ".join(f"{part} {seconds:.3f}" for part, seconds in parts.items())
        spent = sum(parts.values())
        print(f"  {name:18} {spent:7.3f} s  {spent / own:5.0f} ×  ({listed})")
    print(f"  to the formula, {n_exact} traces: {to_exact:.1e} (bound {EXACT:.0e})")
    print(f"  to the rounded loops, all traces: {to_rounded:.1e} (bound {ROUNDED:.0e})")
    ratio = min(sum(parts.values()) for _, parts in sides.values()) / own
    return 0 if ratio >= BAR and to_exact < EXACT and to_rounded < ROUNDED else 1


if __name__ == "__main__":
    sys.exit(main())
