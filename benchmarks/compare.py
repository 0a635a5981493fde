"""Paired tests against the unpaired z-test on simulated answers of two models to the same problems.

    python benchmarks/compare.py [--pairs 4000] [--nulls 10000]

Two models answer n problems whose difficulty they share: model m is right where
√ρ·zᵢ + √(1 − ρ)·εᵢₘ < Φ⁻¹(pₘ), with zᵢ of the problem and εᵢₘ of the answer, both standard normal. ρ is 0.3, 0.6 or
0.9 (the correlation of the answers themselves is lower and is printed as r), n is 100, 250, 500 or 1,000, one model
is right in 60 % and the other in 0, 2, 4 or 8 points more. Every test needs only the 2 × 2 table of both
right, one right, none right, so the table is drawn: its cells are those of the bivariate normal, n
problems a table, seeds from labels. Tests are titrant's own (`titrant.dose.paired`):

    exact    exact McNemar, which decides in `titrant compare`
    mid      mid-p McNemar
    flip     sign-flip over problems, 20,000 flips
    boot     the bootstrap interval over problems, 4,000 resamples: p is 1 − the level at which it ends at 0
    z        the unpaired z-test of lm-eval's model_comparator

Printed per cell: how often each rejects at 5 %, with Wilson's 95 % interval (difference 0: false
positives; else power), and the power at equal false-positive rate: the threshold of each test is set so that
it rejects in exactly 5 % of the cell's own null tables (ties at the threshold count in part). `gain` is the
power of exact McNemar less that of z there, with its 95 % interval over tables, the noise of the thresholds
aside.

Fixed before the first run: **the paired test (exact McNemar) has more power at equal false-positive rate in
every cell with correlation ≥ 0.3; its false-positive rate is at most 5 % + simulation error** (Wilson's lower
end at most 5 %). The script says for both whether they hold, and exits with 0 either way: what comes out is
the result.
"""

from __future__ import annotations

import argparse
import os
import time
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from titrant.dose.paired.interval import bootstrap_means
from titrant.dose.paired.significance import mcnemar_exact, mcnemar_mid, sign_flip
from titrant.seeds import derive_rng

if TYPE_CHECKING:
    from collections.abc import Sequence

LEVEL = 0.05
PROBLEMS = (100, 250, 500, 1000)
SHARED = (0.3, 0.6, 0.9)
DIFFERENCES = (0.02, 0.04, 0.08)
ACCURACY = 0.6
RESAMPLES = 4000
TESTS = ("exact", "mid", "flip", "boot", "z")


class Cell(NamedTuple):
    """One place of the simulation."""

    n: int
    shared: float
    difference: float

    @property
    def shares(self) -> np.ndarray:
        """Of both right, A alone, B alone, neither; [4]."""
        a, b = ACCURACY, ACCURACY + self.difference
        at = stats.norm.ppf([a, b])
        both = stats.multivariate_normal.cdf(at, cov=[[1, self.shared], [self.shared, 1]])
        return np.array([both, a - both, b - both, 1 - a - b + both])

    @property
    def correlation(self) -> float:
        """Of the answers."""
        a, b = ACCURACY, ACCURACY + self.difference
        return float((self.shares[0] - a * b) / np.sqrt(a * (1 - a) * b * (1 - b)))


@cache
def p_paired(n: int, a_alone: int, b_alone: int) -> tuple[float, ...]:
    """p-values of the four paired tests; they know n and the discordant pairs alone."""
    rng = derive_rng(0, "benchmark", "compare", "test", n, a_alone, b_alone)
    signs = [0.0] * (n - a_alone - b_alone) + [-1.0] * a_alone + [1.0] * b_alone
    differences = np.array(signs)
    means = bootstrap_means(differences, rng, RESAMPLES)
    beyond = min(float((means <= 0).mean()), float((means >= 0).mean()))
    return (
        mcnemar_exact(a_alone, b_alone),
        mcnemar_mid(a_alone, b_alone),
        sign_flip(differences, rng),
        min(1.0, 2 * beyond),
    )


def p_values(tables: np.ndarray) -> np.ndarray:
    """p-values of all tests; [tables, tests]."""
    n = int(tables[0].sum())
    paired = np.array([p_paired(n, int(a), int(b)) for _, a, b, _ in tables])
    a, b = (tables[:, 0] + tables[:, k] for k in (1, 2))
    # As `unpaired_z`, for all tables at once: sd² = k (n − k) / (n (n − 1))
    error = np.sqrt((a * (n - a) + b * (n - b)) / (n * n * (n - 1)))
    unpaired = 2 * stats.norm.sf(np.abs(b - a) / n / error)
    return np.column_stack([paired, unpaired])


def simulate(cell: Cell, size: int) -> np.ndarray:
    """p-values of every test on drawn tables; [tables, tests]."""
    rng = derive_rng(0, "benchmark", "compare", cell.n, cell.shared, cell.difference)
    return p_values(rng.multinomial(cell.n, cell.shares, size))


class Bar(NamedTuple):
    """Tables under it are rejected, those at it in part; the lower of two bars rejects less."""

    p: float
    part: float

    @classmethod
    def of(cls, null: np.ndarray) -> Bar:
        """Where exactly `LEVEL` of the null tables are rejected by one test."""
        p = float(np.quantile(null, LEVEL, method="inverted_cdf"))
        return cls(p, float((LEVEL - (null < p).mean()) / (null == p).mean()))

    def rejects(self, found: np.ndarray) -> np.ndarray:
        """How much of each table counts as rejected."""
        return (found < self.p) + self.part * (found == self.p)


def wilson(rejected: np.ndarray) -> str:
    """A rate in percent with its interval."""
    low, high = proportion_confint(int(rejected.sum()), len(rejected), method="wilson")
    return f"{100 * rejected.mean():5.1f} ({100 * low:4.1f}–{100 * high:4.1f})"


class Gain(NamedTuple):
    """Rejections of exact McNemar less those of z, on the same tables: their noise cancels."""

    mean: float
    error: float

    @classmethod
    def of(cls, rejected: Sequence[np.ndarray]) -> Gain:
        """From how much of each table every test rejects."""
        apart = rejected[TESTS.index("exact")] * 1.0 - rejected[TESTS.index("z")]
        return cls(float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(len(apart))))

    def __str__(self) -> str:
        return f"{100 * self.mean:+5.1f} ± {196 * self.error:3.1f}"

    @property
    def sign(self) -> int:
        """1 or −1 where the mean lies beyond its error, else 0."""
        return int(np.sign(self.mean)) if abs(self.mean) > 1.96 * self.error else 0


class Gains(NamedTuple):
    """Of one cell."""

    equal: Gain
    as_used: Gain
    one_bar: Gain


def head() -> str:
    rates = "  ".join(f"{name + ' at 5 %':>18}" for name in TESTS)
    equal = "  ".join(f"{name:>5}" for name in TESTS)
    return (
        f"{'n':>5} {'ρ':>4} {'r':>5} {'true':>5}  {rates} | {equal}  {'gain':>12} | gain, one bar"
    )


def print_rates(cell: Cell, p: np.ndarray, rest: str = "") -> None:
    rates = "  ".join(f"{wilson(column <= LEVEL):>18}" for column in p.T)
    place = f"{cell.n:>5} {cell.shared:>4} {cell.correlation:5.2f} {cell.difference:>5}"
    print(f"{place}  {rates} | {rest}", flush=True)


def report(n: int, sizes: argparse.Namespace) -> tuple[list[np.ndarray], list[Gains]]:
    """Print the rows of one n: the null tables' p-values, one array per ρ, and the gains."""
    nulls = [simulate(Cell(n, shared, 0.0), sizes.nulls) for shared in SHARED]
    bars = [[Bar.of(column) for column in null.T] for null in nulls]
    one = [min(column) for column in zip(*bars, strict=True)]
    gains = []
    for shared, null, own in zip(SHARED, nulls, bars, strict=True):
        print_rates(Cell(n, shared, 0.0), null)
        for difference in DIFFERENCES:
            cell = Cell(n, shared, difference)
            columns = simulate(cell, sizes.pairs).T
            equal = [bar.rejects(column) for bar, column in zip(own, columns, strict=True)]
            used = [column <= LEVEL for column in columns]
            one_bar = [bar.rejects(column) for bar, column in zip(one, columns, strict=True)]
            gains.append(Gains(Gain.of(equal), Gain.of(used), Gain.of(one_bar)))
            shown = "  ".join(f"{100 * rejected.mean():5.1f}" for rejected in equal)
            rest = f"{shown}  {gains[-1].equal} | {gains[-1].one_bar}"
            print_rates(cell, columns.T, rest)
    return nulls, gains


def tally(gains: Sequence[Gain]) -> str:
    """In how many cells the paired test has more power, and in how many less."""
    signs = [gain.sign for gain in gains]
    more, less, even = (signs.count(sign) for sign in (1, -1, 0))
    return (
        f"more than z in {more} of {len(signs)} cells, less in {less}, within its error in {even}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=3000, help="tables per true difference")
    parser.add_argument("--nulls", type=int, default=8000, help="tables without a difference")
    sizes = parser.parse_args()
    start = time.perf_counter()
    print(head())
    nulls: list[np.ndarray] = []
    gains: list[Gains] = []
    for n in PROBLEMS:
        null, found = report(n, sizes)
        nulls += null
        gains += found
    held = all(gain.equal.sign > 0 for gain in gains)
    print(f"\npower at equal false-positive rate: {tally([gain.equal for gain in gains])}")
    print(f"  the claim {'holds' if held else 'does not hold'}")
    rejected = [(null[:, TESTS.index("exact")] <= LEVEL) for null in nulls]
    low = [proportion_confint(int(r.sum()), len(r), method="wilson")[0] for r in rejected]
    fine = sum(end <= LEVEL for end in low)
    print(f"false positives of exact McNemar at most 5 % in {fine} of {len(low)} cells")
    print(f"  the claim {'holds' if fine == len(low) else 'does not hold'}")
    print(f"power at 5 % as each is used: {tally([gain.as_used for gain in gains])}")
    print(f"power at one bar for all correlations: {tally([gain.one_bar for gain in gains])}")
    print(f"{time.perf_counter() - start:.0f} s ({time.process_time():.0f} s of processor)")


if __name__ == "__main__":
    main()
