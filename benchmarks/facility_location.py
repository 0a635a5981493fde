"""Coverage selection beside apricot-select, and without n² memory: seconds, objective, memory.

    pip install -e '.[bench]'
    python benchmarks/facility_location.py [--sizes 1000 2000 5000 10000] [--k 1000] [--threads 1] [--large 50000]

**Facility location.** apricot's `FacilityLocationSelection(k, metric="precomputed", optimizer="lazy")` and
`facility_location` pick k of n rows of width 256. Both objectives are evaluated by one function on the same
full similarity. Times are processor seconds, which a busy machine moves less than wall clock:

- kernel: cosines, at 0 or more. apricot takes float64 and gets it by BLAS in float32 and a cast;
- compile: numba compiles inside each `fit` of apricot, in `_initialize`; `fit` holds it too;
- ratio: apricot over ours, kernels and compiling counted; `picks only`: neither counted;
- same: rows that both picked. Where two rows tie, apricot takes the one that rounds up.

**Large.** One pool in a process of its own, near rows only; its peak memory is that of the whole process.
It runs first: a child counts what its parent held when it was started.
**Novelty filter.** A loop as DEITA has it (one row against all kept) beside `novelty_filter`.

Embeddings: 200 gaussian clusters (`clustered`), or no structure at all (`isotropic`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

_PARSER = argparse.ArgumentParser(description=__doc__.splitlines()[0])
_PARSER.add_argument("--sizes", type=int, nargs="*", default=[1000, 2000, 5000, 10_000])
_PARSER.add_argument("--k", type=int, default=1000)
_PARSER.add_argument("--threads", type=int, default=1)
_PARSER.add_argument("--large", type=int, default=50_000, help="0: leave it out")
_PARSER.add_argument("--novelty", type=int, default=20_000, help="0: leave it out")
_PARSER.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
ARGS = _PARSER.parse_args()
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = str(ARGS.threads)

import numpy as np  # noqa: E402

from titrant.seeds import derive_rng  # noqa: E402
from titrant.select.coverage import (  # noqa: E402
    DenseSimilarity,
    coverage,
    facility_location,
    k_center,
    novelty_filter,
    unit_rows,
)

WIDTH, CLUSTERS = 256, 200
KINDS = ("clustered", "isotropic")


def make_rows(n: int, kind: str) -> np.ndarray:
    """float32 [n, 256]. In a cluster cosines are about 1 / (1 + 0.7²) = 0.67."""
    rng = derive_rng(0, "benchmark", "coverage", kind, n)
    rows = rng.standard_normal((n, WIDTH), dtype=np.float32)
    if kind == "isotropic":
        return rows
    centre = rng.standard_normal((CLUSTERS, WIDTH), dtype=np.float32)
    return centre[rng.integers(0, CLUSTERS, n)] + np.float32(0.7) * rows


def cpu_seconds(work):  # noqa: ANN001, ANN201
    """Processor seconds of a call, and what it gave."""
    start = time.process_time()
    given = work()
    return time.process_time() - start, given


def apricot_kernel(rows: np.ndarray) -> np.ndarray:
    unit = unit_rows(rows).values
    cosine = unit @ unit.T
    np.maximum(cosine, 0, out=cosine)
    return cosine.astype(np.float64)


def apricot_pick(kernel: np.ndarray, k: int) -> tuple[np.ndarray, float]:
    """Its picks, and the processor seconds of compiling within."""
    from apricot import FacilityLocationSelection

    class Timed(FacilityLocationSelection):
        compile_s = 0.0

        def _initialize(self, pairs: np.ndarray) -> None:
            self.compile_s, _ = cpu_seconds(lambda: super(Timed, self)._initialize(pairs))

    picker = Timed(k, metric="precomputed", optimizer="lazy").fit(kernel)
    return picker.ranking, picker.compile_s


def compare(n: int, k: int, kind: str) -> None:
    rows = make_rows(n, kind)
    their_kernel_s, kernel = cpu_seconds(lambda: apricot_kernel(rows))
    their_s, (theirs, compile_s) = cpu_seconds(lambda: apricot_pick(kernel, k))
    del kernel
    our_kernel_s, _ = cpu_seconds(lambda: DenseSimilarity(unit_rows(rows).values))
    our_s, ours = cpu_seconds(lambda: facility_location(rows, k))
    ratio = (their_s + their_kernel_s) / our_s
    picks_ratio = (their_s - compile_s) / (our_s - our_kernel_s)
    objective = coverage(rows, ours.rows) / coverage(rows, theirs)
    same = len(np.intersect1d(ours.rows, theirs))
    print(
        f"{kind:9} {n:6} {their_kernel_s:7.2f} {compile_s:7.2f} {their_s:7.2f} "
        f"{our_kernel_s:7.2f} {our_s:7.2f} {ratio:6.1f} {picks_ratio:10.1f} {objective:10.6f} "
        f"{same:5}/{k}",
        flush=True,
    )


def large_child(n: int, k: int) -> None:
    """One large pool; prints its figures as JSON."""
    import resource

    rows = make_rows(n, "clustered")
    start = time.perf_counter()
    cpu_s, picked = cpu_seconds(lambda: facility_location(rows, k))
    wall_s = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB to GiB
    random = derive_rng(0, "benchmark", "random").choice(n, k, replace=False)
    print(
        json.dumps(
            {
                "cpu_s": cpu_s,
                "wall_s": wall_s,
                "peak_gib": peak,
                "covered": coverage(rows, picked.rows) / n,
                "covered_random": coverage(rows, random) / n,
            }
        )
    )


def large(n: int, k: int) -> None:
    command = [sys.executable, __file__, "--child", f"--large={n}", f"--k={k}"]
    command.append(f"--threads={ARGS.threads}")
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(
        f"large: n={n} k={k} d={WIDTH}, near rows only: {told['cpu_s']:.1f} processor s, "
        f"{told['wall_s']:.1f} s wall, peak {told['peak_gib']:.2f} GiB; dense float32 would be "
        f"{4 * n * n / 2**30:.1f} GiB\n  mean cosine to the nearest pick: "
        f"{told['covered']:.4f}, random {told['covered_random']:.4f}\n",
        flush=True,
    )


def near_rows_only(n: int, k: int) -> None:
    for kind in KINDS:
        rows = make_rows(n, kind)
        dense, sparse = (
            coverage(rows, facility_location(rows, k, budget_bytes=budget).rows)
            for budget in (2**40, 0)
        )
        print(f"near rows only over dense, n={n} k={k}, {kind}: objective {sparse / dense:.4f}")


def loop_filter(unit: np.ndarray, threshold: float) -> np.ndarray:
    """One row against all kept ones, row by row."""
    kept, answers, n_kept = np.empty_like(unit), np.zeros(len(unit), dtype=bool), 0
    for i, row in enumerate(unit):
        if not n_kept or (kept[:n_kept] @ row).max() < threshold:
            kept[n_kept], answers[i] = row, True
            n_kept += 1
    return answers


def novelty(n: int) -> None:
    rows = make_rows(n, "clustered")
    for threshold in (0.65, 0.9):
        loop_s, expected = cpu_seconds(lambda t=threshold: loop_filter(unit_rows(rows).values, t))
        our_s, kept = cpu_seconds(
            lambda t=threshold: novelty_filter(rows, np.arange(n), threshold=t)
        )
        print(
            f"novelty filter, n={n}, threshold {threshold}: kept {int(kept.sum())}, loop "
            f"{loop_s:.2f} s, ours {our_s:.2f} s, ratio {loop_s / our_s:.1f}, "
            f"differing rows {int((kept != expected).sum())}"
        )


def main() -> None:
    """Print all tables."""
    if ARGS.child:
        large_child(ARGS.large, ARGS.k)
        return
    if ARGS.large:
        large(ARGS.large, ARGS.k)
    print(f"d={WIDTH}, k={ARGS.k}, {ARGS.threads} thread(s), processor seconds")
    print("                  ------ apricot ------   ---- ours ----")
    print(
        "kind           n  kernel compile     fit  kernel     all  ratio picks only  objective  same"
    )
    if ARGS.sizes:
        apricot_pick(apricot_kernel(make_rows(64, "isotropic")), 1)  # imports, first use of numba
    for kind in KINDS:
        for n in ARGS.sizes:
            compare(n, min(ARGS.k, n), kind)
    if ARGS.sizes:
        n = max(ARGS.sizes)
        near_rows_only(n, min(ARGS.k, n))
        seconds, _ = cpu_seconds(lambda: k_center(make_rows(n, "clustered"), min(ARGS.k, n)))
        print(f"k-center, n={n}, k={min(ARGS.k, n)}: {seconds:.2f} s")
    if ARGS.novelty:
        novelty(ARGS.novelty)


if __name__ == "__main__":
    main()
