"""The chosen subset on disk: the first rows of the headline's ranking as JSONL, with a data set card."""

from __future__ import annotations

import json
from math import ceil
from typing import TYPE_CHECKING

from titrant.files import write_text
from titrant.report.answer import Subset
from titrant.train.command import as_messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.dose.analysis import Analysis
    from titrant.report.answer import Answer
    from titrant.run.folder import RunFolder
    from titrant.select.rank import RankedRow
    from titrant.settings import Config
    from titrant.traces.record import Trace

CARD = """---
configs:
- config_name: {name}
  data_files: {name}.jsonl
tags:
- reasoning
- titrant
---

# {dose:,} reasoning traces chosen by `{strategy}`

{sentence}

- Pool: `{pool}`, {pool_rows:,} traces; this is the beginning of its ranking by `{strategy}` (draw 0,
  root seed {seed}), so every smaller subset is a prefix of it.
- Columns: `messages`, `rank`, `reason`, `uid`, `qid`, `final_answer`, `gold`, `verdict`, `source`.
- Made by `titrant run`; the reasons, intervals and conditions are in `answer.json` and `report.html`.

The licence is that of the pool.
"""


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
        path=f"subsets/{_name(len(rows))}.jsonl",
        dose=len(rows),
        strategy=strategy,
        tokens=sum(known) if len(known) == len(rows) else None,
    )


def _name(dose: int) -> str:
    return f"n{dose:04d}"


def write_subset(
    folder: RunFolder, rows: Sequence[tuple[RankedRow, Trace]], config: Config, *, answer: Answer
) -> None:
    """Write the answer's subset and its card."""
    subset = answer.subset
    if subset is None:
        return
    lines = [json.dumps(_line(row, trace, config), ensure_ascii=False) for row, trace in rows]
    write_text(folder.root / subset.path, "\n".join(lines) + "\n")
    card = CARD.format(
        name=_name(subset.dose),
        dose=subset.dose,
        strategy=subset.strategy,
        sentence=answer.sentence,
        pool=config.pool.path,
        pool_rows=answer.provenance.pool_rows if answer.provenance else answer.top_dose,
        seed=config.seed,
    )
    write_text(folder.subsets / "README.md", card)


def _line(row: RankedRow, trace: Trace, config: Config) -> dict[str, object]:
    return {
        "messages": as_messages(trace, config.prompt),
        "rank": row.rank,
        "reason": row.reason,
        "uid": trace.uid,
        "qid": trace.qid,
        "final_answer": trace.final_answer,
        "gold": trace.gold,
        "verdict": trace.verdict,
        "source": trace.source,
    }
