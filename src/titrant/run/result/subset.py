"""The chosen subset on disk: the first rows of the headline's ranking as JSONL, with a data set card."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from titrant.report.answer import Subset
from titrant.report.cards import subset_name, write_card, write_subset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.dose.judge.analysis import Analysis
    from titrant.report.answer import Answer
    from titrant.run.store.folder import RunFolder
    from titrant.select.rank import RankedRow
    from titrant.settings import Config
    from titrant.traces.record import Trace


def chosen_dose(analysis: Analysis) -> int | None:
    """The dose that the answer recommends; `None` where it recommends none."""
    headline = analysis.headline
    if analysis.verdict == "enough at N" and headline.ed is not None:
        return ceil(headline.ed.estimate)
    if analysis.verdict == "a smaller dose beats the pool":
        return ceil(headline.judgement.peak_dose)
    return None


def subset_record(rows: Sequence[tuple[RankedRow, Trace]], *, strategy: str) -> Subset:
    """What the answer says of the subset."""
    counts = [trace.n_tokens for _, trace in rows]
    known = [n for n in counts if n is not None]
    return Subset(
        path=f"subsets/{subset_name(len(rows))}.jsonl",
        dose=len(rows),
        strategy=strategy,
        tokens=sum(known) if len(known) == len(rows) else None,
    )


def write_chosen(
    folder: RunFolder, rows: Sequence[tuple[RankedRow, Trace]], config: Config, *, answer: Answer
) -> None:
    """Write the answer's subset and its card; without a subset, nothing."""
    if answer.subset is None:
        return
    places, traces = zip(*rows, strict=True)
    write_subset(folder.root / answer.subset.path, traces, prompt=config.prompt, places=places)
    write_card(folder.subsets, answer)
