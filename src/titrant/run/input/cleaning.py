"""Repeated and leaked traces of a run's pool: always looked for, dropped where the config says so.

Exact copies and traces of a benchmark's own questions always go (`inputs.clean`); `pool.drop` adds
`near` copies and everything else that is `contaminated`. What was found stands in `cleaning.json` and
in the report, with recall measured on planted leaks, so that "nothing found" means something.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from titrant.files import write_text
from titrant.select.clean.pool import CleanSettings, clean_pool
from titrant.select.clean.report import CleaningReport, describe
from titrant.traces.read import row_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from titrant.run.store.folder import RunFolder
    from titrant.run.watch import Watcher
    from titrant.settings import Config
    from titrant.traces.record import Problem, Trace

WORDS = {
    "near": "near copies of another trace",
    "contaminated": "traces contaminated by a benchmark",
}


def look_for_leaks(
    traces: Sequence[Trace],
    benchmarks: Mapping[str, Sequence[Problem]],
    config: Config,
    *,
    folder: RunFolder,
    watcher: Watcher,
) -> tuple[list[Trace], list[str]]:
    """The traces that are left, and in words what was dropped or might have been.

    Args:
        traces: the pool as it was read, verified.
        benchmarks: name → problems.
        config: of the run.
        folder: gets `cleaning.json`.
        watcher: is told how far the search is.
    """
    found = clean_pool(
        traces,
        benchmarks,
        CleanSettings(seed=config.seed),
        progress=lambda stage, n, total: watcher.progress("inputs", stage, n, total),
    )
    write_text(folder.cleaning, describe(found).model_dump_json(indent=2) + "\n")
    reasons = found.reasons(config.pool.drop)
    counts = Counter(reason.drop for reason in reasons.values())
    words = [
        f"{n:,} {WORDS[name]} are left out of the pool (pool.drop)"
        for name, n in sorted(counts.items())
    ]
    if "contaminated" not in config.pool.drop:
        asked = {problem.qid for problems in benchmarks.values() for problem in problems}
        # Traces of the very questions go in any case and are counted elsewhere.
        more = found.reasons(["contaminated"])
        left = [row for row in more if traces[row].qid not in asked]
        if left:
            words.append(
                f"{len(left):,} traces look contaminated by a benchmark in another way than by its own "
                f"words (row {row_of(traces[left[0]], left[0] + 1)}: {more[left[0]].detail}): see cleaning.json, and drop them "
                "with pool.drop: [contaminated]"
            )
    return [trace for row, trace in enumerate(traces) if row not in reasons], words


def read_cleaning(folder: RunFolder) -> CleaningReport | None:
    """What was found; `None` in a folder that was made before it was looked for."""
    if not folder.cleaning.exists():
        return None
    return CleaningReport.model_validate_json(folder.cleaning.read_text(encoding="utf-8"))
