"""All strategies × 5 seeds on the demo's pool and base, in one table.

    python benchmarks/strategies.py run  [--seeds 5] [--work DIR] [--minutes 100]
    python benchmarks/strategies.py table [--json]

`run` scores the pool once, ranks it by every strategy of `STRATEGIES` below, and trains and reads one
arm per strategy, dose of `DOSES` and seed, seed by seed; it stops after --minutes and goes on when called
again. Readings are kept in benchmarks/data/strategies.parquet (correctness as packed bits), and arms that
are there are not run again, so the work can be spread over machines and days: about 25 core-seconds per
arm. Base, whole pool and `random` are those of the recorded sweep (benchmarks/sweep.py, 20 seeds).

`table` fits every strategy as `titrant run` would: one shared target, chosen on one half of the
problems and reported on the other, compared with `random` and with its matched control where that takes
part. Beside it stand the area under the response curve, what selection cost, and what is among the first 64 traces of the planted faults: wrong answers,
slips in a middle step, near-duplicates (`meta.kind` of the pool). History-based strategies are left out:
there is no earlier training run.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import polars as pl
from sweep import packed

from titrant.config import demo_config
from titrant.dose.judge.analysis import Analysis, StrategyAnalysis, analyse
from titrant.dose.ladder.ladder import make_plan
from titrant.dose.readings import BASE, ArmKey, ReadingTable
from titrant.run.ladder.readings import read_samples
from titrant.run.ladder.sweep import sweep
from titrant.run.result.mapping import area_of
from titrant.run.result.selection import cost_of_strategy
from titrant.run.store.folder import RunFolder
from titrant.run.watch import Silent
from titrant.select.rank import draw_of, read_ranking
from titrant.settings import Config, LadderSettings
from titrant.signals.meta import read_meta
from titrant.traces.table import load_traces

DATA = Path(__file__).parent / "data"
RECORD, SWEEP = DATA / "strategies.parquet", DATA / "sweep_arithmetic.parquet"
FIRST = DATA / "strategies_first64.json"
DOSES = (64, 256, 512, 1024)
FIRST_ROWS = 64
FAULTS = ("wrong", "slip", "near-duplicate")
STRATEGIES = (
    *("shortest", "longest", "difficulty", "easiest", "hardest"),
    *("perplexity", "perplexity-low", "perplexity-high", "ifd"),
    *("confidence", "confidence-low", "confidence-bottom10", "confidence-lowest"),
    *("confidence-tail", "confidence-step", "self-certainty", "min-k", "min-k++"),
    *("logprob-lowest", "logprob-bottom10", "logprob-tail", "logprob-step"),
    *("gain", "gain-per-step", "gain-per-token", "gain-paper"),
    *("coverage", "center", "confidence+coverage", "superfiltering-d", "deita"),
    *("s1", "limo", "select2reason", "influence", "random@1", "random@all"),
    *("longest~length", "shortest~length", "hardest~difficulty", "confidence~length"),
    *("confidence~difficulty", "gain~length"),
)


def config(strategies: tuple[str, ...]) -> Config:
    """The demo's config with these strategies, the doses above, and the answer led in as trained."""
    demo = demo_config()
    return demo.model_copy(
        update={
            "signals": demo.signals.model_copy(update={"answer": "#### {gold}"}),
            "ladder": demo.ladder.model_copy(
                update={"strategies": ("random", *strategies), "doses": DOSES}
            ),
            "executor": demo.executor.model_copy(update={"workers": 2, "threads": 1}),
            "train": demo.train.model_copy(update={"keep": "none"}),
        }
    )


class _OutOfTimeError(Exception):
    """The minutes are over; what is finished is kept."""


class Lines(Silent):
    """Says on one line what ends, and stops when the minutes are over."""

    def __init__(self, minutes: float) -> None:
        self.done, self.end = 0, time.monotonic() + 60 * minutes

    def stage(self, name: str) -> None:
        """A stage begins."""
        print(name, flush=True)

    def warn(self, text: str) -> None:
        """Something to know."""
        print(f"warning: {text}", flush=True)

    def arm(self, arm_id: str, state: str, accuracy: float | None = None) -> None:
        """An arm changed its state."""
        if state == "done" and accuracy is not None:
            self.done += 1
            print(f"{self.done} {arm_id} {accuracy:.3f}", flush=True)
        if time.monotonic() > self.end:
            raise _OutOfTimeError


def recorded() -> pl.DataFrame | None:
    """The readings so far."""
    return pl.read_parquet(RECORD) if RECORD.exists() else None


def skipped(seeds: int) -> set[tuple[str, int, int]]:
    """Arms that need no run: those recorded, `random`, and the whole pool, which is shared."""
    known = recorded()
    rows = set() if known is None else set(known.select("strategy", "dose", "seed").iter_rows())
    top = {(name, 4096, seed) for name in ("random", *STRATEGIES) for seed in range(seeds)}
    return rows | top | {("random", dose, seed) for dose in DOSES for seed in range(seeds)}


def collect(folder: RunFolder) -> pl.DataFrame:
    """Fold the finished arms of a run folder into the record."""
    arms = sorted(done.parent.name for done in folder.arms.glob("*/done.json"))
    read = [attempts for arm in arms if len(attempts := read_samples(folder, arm))]
    trained = [attempts for attempts in read if attempts["dose"][0] > 0]
    rows = [{"strategy": attempts["strategy"][0], **packed(attempts)} for attempts in trained]
    known = recorded()
    frame = pl.DataFrame(rows) if rows else None
    frames = [item for item in (known, frame) if item is not None]
    if not frames:
        return pl.DataFrame()
    merged = pl.concat(frames).unique(["strategy", "dose", "seed"], keep="first")
    merged = merged.sort("strategy", "dose", "seed")
    merged.write_parquet(RECORD, compression="zstd")
    return merged


def first_rows(folder: RunFolder) -> dict[str, dict[str, float]]:
    """What is among the first 64 traces, and what selection cost, by strategy."""
    kind = {trace.uid: str(trace.meta.get("kind")) for trace in load_traces(folder.pool)}
    length = {trace.uid: trace.n_tokens or 0 for trace in load_traces(folder.pool)}
    scores = read_meta(folder.scores)
    found = {}
    for name in ("random", *STRATEGIES):
        draws = range(5) if draw_of(name, 1) else (0,)
        paths = [folder.ranking(name, draw) for draw in draws]
        firsts = [read_ranking(path).subset(FIRST_ROWS) for path in paths if path.exists()]
        if not firsts:
            continue
        uids = [uid for first in firsts for uid in first]
        cost = cost_of_strategy(name, scores)
        found[name] = {fault: sum(kind[u] == fault for u in uids) / len(uids) for fault in FAULTS}
        found[name] |= {"tokens": sum(length[u] for u in uids) / len(uids)}
        if cost is not None:
            found[name] |= {"flops": cost.flops, "seconds": cost.seconds}
    FIRST.write_text(json.dumps(found, indent=1) + "\n")
    return found


def run(options: argparse.Namespace) -> None:
    """Run what is missing, then record."""
    strategies = tuple(options.strategies or STRATEGIES)
    folder = RunFolder(options.work)
    began = time.monotonic()
    try:
        sweep(
            config(strategies),
            options.work,
            seeds=options.seeds,
            skip=skipped(options.seeds),
            watcher=Lines(options.minutes),
        )
    except _OutOfTimeError:
        print("the minutes are over", flush=True)
    finally:
        frame = collect(folder)
        first_rows(folder)
        print(f"{len(frame)} arms recorded, {time.monotonic() - began:.0f} s", flush=True)


def readings(strategies: tuple[str, ...]) -> ReadingTable:
    """The recorded arms of these strategies, and those of the sweep that all share."""
    theirs = pl.read_parquet(SWEEP).with_columns(strategy=pl.lit("random"))
    theirs = theirs.filter(pl.col("dose").is_in([0, *DOSES, 4096]))
    ours = pl.read_parquet(RECORD).filter(pl.col("strategy").is_in(list(strategies)))
    frame = pl.concat([theirs.select(ours.columns), ours])
    n = frame["n_problems"][0]
    bits = [np.unpackbits(np.frombuffer(row, dtype=np.uint8))[:n] for row in frame["correct"]]
    arms = tuple(
        ArmKey(BASE if dose == 0 else name, dose, seed)
        for name, dose, seed in frame.select("strategy", "dose", "seed").iter_rows()
    )
    return ReadingTable(
        arms,
        tuple(f"{i:05d}" for i in range(n)),
        np.stack(bits).astype(float),
        frame["truncated"].to_numpy(),
        frame["unreadable"].to_numpy(),
    )


def analysis(strategies: tuple[str, ...]) -> Analysis:
    """The analysis of a run with these strategies."""
    settings = LadderSettings(strategies=("random", *strategies), doses=DOSES)
    plan = make_plan(4096, 4096, settings, root=0)
    return analyse(readings(strategies), settings=settings, plan=plan)


def row_of(part: StrategyAnalysis, first: dict[str, dict[str, float]]) -> dict[str, object]:
    """One line of the table."""
    versus, ed = part.versus, part.ed
    return {
        "strategy": part.strategy,
        "arms": sum(arm.dose > 0 for arm in part.table.arms),
        "ed95": None if ed is None else [round(x) for x in ed[:3]],
        "beyond": part.beyond_pool,
        "verdict": part.judgement.verdict,
        "ratio": None if versus is None else [round(x, 2) for x in versus.ratio[:3]],
        "p_holm": None if versus is None else round(versus.p_holm, 4),
        **{
            f"÷ {one.against}": [round(x, 2) for x in one.ratio[:3]] + [round(one.p_holm, 4)]
            for one in part.controls
        },
        "area": None if (area := area_of(part)) is None else round(area, 3),
        **first.get(part.strategy, {}),
    }


def table(options: argparse.Namespace) -> None:
    """Print the table, the best first."""
    known = set(pl.read_parquet(RECORD)["strategy"].unique())
    found = analysis(tuple(name for name in STRATEGIES if name in known))
    first = json.loads(FIRST.read_text()) if FIRST.exists() else {}
    rows = [row_of(part, first) for part in found.strategies]
    rows.sort(key=lambda row: row["ed95"][0] if row["ed95"] else float("inf"))  # pyright: ignore
    if options.json:
        print(json.dumps({"chosen": found.strategy, "rows": rows}, indent=2))
        return
    n = len(found.headline.table.qids)
    print(
        f"chosen on one half: {found.strategy}; reported on the other half, n = {n}, 90 % intervals"
    )
    for row in rows:
        print("  ".join(_cell(key, value) for key, value in row.items()))


def _cell(key: str, value: object) -> str:
    if key == "strategy":
        return f"{value:22}"
    if isinstance(value, list):
        p = f", p {value[3]:.3g}" if len(value) > 3 else ""
        return f"{key} {value[0]} ({value[1]}–{value[2]}{p})"
    return f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}"


def main() -> None:
    """`run` or `table`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--work", type=Path, default=Path("runs/strategies"))
    parser.add_argument("--minutes", type=float, default=10_000)
    parser.add_argument(
        "--strategies", nargs="*", help="only these; another --work for each choice"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    {"run": run, "table": table}[options.what](options)


if __name__ == "__main__":
    main()
