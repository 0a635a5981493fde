"""Per-token numbers on disk: written once, in parts, each whole or absent.

`tokens/part-00000.parquet` holds some traces, one per row, with a list column per number (float32).
What decides the numbers (model, prompt, settings, titrant's version of the pass) is hashed into a
fingerprint that stands in every part; parts of another fingerprint, or without a number that is
needed now, are made anew. So a pass that was killed goes on with the traces that no part holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from titrant.errors import DataError
from titrant.files import remove, write_table
from titrant.records import Record
from titrant.signals.arrow import as_lists, as_ragged
from titrant.signals.base import Needs, TokenScores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ALWAYS = ("logprob", "step")
COLUMNS: dict[Needs, tuple[str, ...]] = {
    "distribution": ("entropy", "variance", "vocab_mean"),
    "top": ("top",),
    "alone": ("alone",),
    "question": ("question",),
    "answers": ("answers",),
    "hidden": ("hidden", "step_hidden"),
}
"""What a pass has to keep → the columns that hold it."""
KEY = b"titrant.pass"


class PassCost(Record):
    """What scoring some traces cost."""

    tokens: int = 0
    """Tokens of prompts and completions; a prompt counts for each of its traces."""
    alone_tokens: int = 0
    """Tokens of completions passed without their question."""
    answer_tokens: int = 0
    """Tokens of branches."""
    seconds: float = 0.0
    """Of the engine."""

    def plus(self, other: PassCost) -> PassCost:
        """Both together."""
        return PassCost(
            tokens=self.tokens + other.tokens,
            alone_tokens=self.alone_tokens + other.alone_tokens,
            answer_tokens=self.answer_tokens + other.answer_tokens,
            seconds=self.seconds + other.seconds,
        )


class PassInfo(Record):
    """What a part is good for; stands in its Parquet metadata."""

    fingerprint: str
    needs: tuple[Needs, ...]
    vocab: int
    top: int
    """Entries per token in the column `top`."""
    width: int
    """Numbers per hidden state."""
    traces: int
    """Traces in the part."""
    failed: int = 0
    """Of them, those that could not be scored: they have no tokens."""
    trace_tokens: int
    """Tokens of the completions."""
    cost: PassCost


class ScoredTrace(NamedTuple):
    """The numbers of one trace; see `signals.base.TokenScores` for each."""

    uid: str
    n_steps: int
    n_lead: int
    columns: dict[str, np.ndarray]
    """By column; [tokens] or [tokens, k], empty where the trace could not be scored."""


def part_paths(folder: Path) -> list[Path]:
    """The parts of a pass, in order."""
    return sorted((folder / "tokens").glob("part-*.parquet"))


def next_part(folder: Path) -> Path:
    """Where the next part goes."""
    known = part_paths(folder)
    number = int(known[-1].stem.removeprefix("part-")) + 1 if known else 0
    return folder / "tokens" / f"part-{number:05d}.parquet"


def write_part(path: Path, rows: Sequence[ScoredTrace], info: PassInfo) -> None:
    """Write one part, whole or not at all."""
    columns: dict[str, pa.Array] = {
        "uid": pa.array([row.uid for row in rows], pa.string()),
        "n_steps": pa.array([row.n_steps for row in rows], pa.int32()),
        "n_lead": pa.array([row.n_lead for row in rows], pa.int32()),
    }
    for name in _columns_of(info.needs):
        kind = pa.int32() if name == "step" else pa.float32()
        columns[name] = as_lists([row.columns[name] for row in rows], kind)
    table = pa.table(columns).replace_schema_metadata({KEY: info.model_dump_json().encode()})
    write_table(path, table)


def _columns_of(needs: Sequence[Needs]) -> list[str]:
    return [*ALWAYS, *(name for need in needs for name in COLUMNS[need])]


def read_info(path: Path) -> PassInfo:
    """What a part is good for.

    Raises:
        DataError: it is damaged, or no part of a pass.
    """
    try:
        metadata = pq.read_schema(path).metadata or {}
        return PassInfo.model_validate_json(metadata[KEY])
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path} is damaged",
        expected="per-token numbers as titrant wrote them",
        came=str(error).partition("\n")[0][:200] or type(error).__name__,
        do="delete it and run the same command again: it is made anew",
    )


def kept_needs(folder: Path, *, fingerprint: str) -> frozenset[Needs]:
    """What all parts of a fingerprint hold beside logprobs; nothing where there is no part."""
    infos = [read_info(path) for path in part_paths(folder)]
    sets = [frozenset(info.needs) for info in infos if info.fingerprint == fingerprint]
    return frozenset.intersection(*sets) if sets else frozenset()


def usable_uids(folder: Path, *, fingerprint: str, needs: frozenset[Needs]) -> set[str]:
    """The traces that need not be passed again; parts that are good for nothing now are removed."""
    uids: set[str] = set()
    for path in part_paths(folder):
        info = read_info(path)
        if info.fingerprint == fingerprint and needs <= set(info.needs):
            uids |= set(pl.read_parquet(path, columns=["uid"])["uid"])
        else:
            remove(path)
    return uids


def read_part(path: Path) -> TokenScores:
    """The numbers of one part.

    Raises:
        DataError: it is damaged, or no part of a pass.
    """
    info = read_info(path)
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, error) from error
    has = set(info.needs)
    names = COLUMNS["distribution"] if "distribution" in has else ()
    return TokenScores(
        uids=tuple(table["uid"].to_pylist()),
        vocab=info.vocab,
        logprob=as_ragged(table["logprob"]),
        step=as_ragged(table["step"]),
        n_steps=_whole(table, "n_steps"),
        top=as_ragged(table["top"], width=info.top) if "top" in has else None,
        alone=as_ragged(table["alone"]) if "alone" in has else None,
        question=as_ragged(table["question"]) if "question" in has else None,
        answers=as_ragged(table["answers"]) if "answers" in has else None,
        n_lead=_whole(table, "n_lead") if "answers" in has else None,
        hidden=_states(table, info.width) if "hidden" in has else None,
        step_hidden=as_ragged(table["step_hidden"], width=info.width) if "hidden" in has else None,
        **{name: as_ragged(table[name]) for name in names},
    )


def read_hidden(folder: Path) -> Iterator[tuple[list[str], np.ndarray]]:
    """Uids and mean hidden states, part by part; float32 [traces, width]."""
    for path in part_paths(folder):
        info = read_info(path)
        if "hidden" in info.needs and info.width:  # 0: none of its traces could be scored
            with pq.ParquetFile(path) as file:
                table = file.read(columns=["uid", "hidden"])
            yield table["uid"].to_pylist(), _states(table, info.width)


def _whole(table: pa.Table, name: str) -> np.ndarray:
    return table[name].to_numpy().astype(np.int64)


def _states(table: pa.Table, width: int) -> np.ndarray:
    """One hidden state per trace; NaN for those that have none."""
    found = as_ragged(table["hidden"], width=width)
    states = np.full((len(found), width), np.nan, dtype=np.float32)
    states[found.lengths > 0] = found.values
    return states
