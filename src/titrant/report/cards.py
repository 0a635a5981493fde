"""Subsets as data sets that other tools read: JSONL in `messages` with flat columns, and a card.

A folder of subsets is one data set with one configuration per file (`n0064`, `n0187` …), as its card
says in the YAML that the hub reads. The card is written from a template, not through
huggingface_hub, so that the same answer gives the same card whatever is installed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from titrant.files import write_text
from titrant.report import typeset
from titrant.report.sentence import write_sentence
from titrant.settings import PromptSettings
from titrant.train.command import as_messages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from titrant.report.answer import Answer
    from titrant.select.rank import RankedRow
    from titrant.traces.record import Trace

Row = dict[str, Any]

FLAT = (
    ("uid", "hash of question and trace"),
    ("qid", "hash of the question"),
    ("question", "the question"),
    ("thinking", "the reasoning between the thinking tags; null where the source has none"),
    ("answer_text", "what follows the thinking"),
    ("final_answer", "the answer read out of the trace; null where none could be read"),
    ("gold", "the right answer of the source; null where it gives none"),
    ("verdict", "correct, wrong, unreadable or truncated; null where never verified"),
    ("source", "where the trace came from"),
)
"""The flat columns and what they hold."""
PLACE = (
    ("rank", "place in the ranking, 1 first"),
    ("reason", "why it stands there"),
)
"""Columns of a subset whose ranking is known."""
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
"""Size categories of the hub, up to which number of rows."""


def subset_rows(
    traces: Sequence[Trace],
    *,
    prompt: PromptSettings | None = None,
    places: Sequence[RankedRow] = (),
) -> list[Row]:
    """Traces as rows: `messages`, the flat columns and, where known, their place in the ranking.

    Args:
        traces: in the order of their ranking.
        prompt: whose system prompt and thinking tags to use; default: the trace's own system
            prompt and the tags of `PromptSettings`.
        places: the ranking's rows of these traces; adds the columns `rank` and `reason`.
    """
    rows = [
        {"messages": as_messages(trace, prompt or PromptSettings(system=trace.system))}
        | {name: getattr(trace, name) for name, _ in FLAT}
        for trace in traces
    ]
    if not places:
        return rows
    return [
        row | {"rank": place.rank, "reason": place.reason}
        for row, place in zip(rows, places, strict=True)
    ]


def subset_name(dose: int) -> str:
    """File and configuration of a subset: 187 → "n0187"."""
    return f"n{dose:04d}"


def write_subset(
    path: Path,
    traces: Sequence[Trace],
    *,
    prompt: PromptSettings | None = None,
    places: Sequence[RankedRow] = (),
) -> None:
    """Write traces as JSONL, whole or not at all; the arguments are those of `subset_rows`."""
    rows = subset_rows(traces, prompt=prompt, places=places)
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def write_card(folder: Path, answer: Answer, *, strategy: str | None = None) -> Path:
    """Write the card of all subsets in a folder.

    Args:
        folder: holds the subsets; the card becomes its README.md.
        answer: what they come from.
        strategy: how they were chosen, where it is not the answer's strategy.
    """
    files = sorted(p for p in folder.iterdir() if p.suffix in {".jsonl", ".parquet", ".csv"})
    path = folder / "README.md"
    write_text(path, card(answer, files, strategy=strategy or answer.strategy))
    return path


def card(answer: Answer, files: Sequence[Path], *, strategy: str) -> str:
    """The text of the card: YAML for the hub, then words."""
    rows = {path.stem: _count_rows(path) for path in files}
    chosen = None if answer.subset is None else subset_name(answer.subset.dose)
    shown = chosen if chosen in rows else next(iter(rows), None)
    loaded = Environment(
        loader=PackageLoader("titrant.report", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return loaded.get_template("card.md.j2").render(
        front=_front_matter(files, rows, chosen),
        answer=answer,
        sentence=answer.sentence or write_sentence(answer),
        strategy=strategy,
        rows=rows,
        chosen=chosen,
        shown=shown,
        columns=FLAT + PLACE,
        typeset=typeset,
    )


def _front_matter(files: Sequence[Path], rows: dict[str, int | None], chosen: str | None) -> str:
    configs: list[Row] = [
        {"config_name": path.stem, "data_files": path.name}
        | ({"default": True} if path.stem == chosen else {})
        for path in files
    ]
    most = max((count for count in rows.values() if count is not None), default=0)
    size = next((name for limit, name in SIZES if most < limit), "n>1M")
    content = {
        "pretty_name": "Reasoning traces chosen by titrant",
        "license": "unknown",
        "task_categories": ["text-generation"],
        "tags": ["reasoning", "titrant"],
        "size_categories": [size],
        "configs": configs,
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True).strip()


def _count_rows(path: Path) -> int | None:
    """Rows of a JSONL file; `None` for other formats, whose number stands in their name."""
    if path.suffix != ".jsonl":
        digits = path.stem.removeprefix("n")
        return int(digits) if digits.isdigit() else None
    with path.open("rb") as lines:
        return sum(1 for line in lines if line.strip())
