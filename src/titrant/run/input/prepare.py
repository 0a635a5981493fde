"""The second stage, in a worker: the base is loaded once, and the template doctor sees every row.

It runs where arms run, so the driver never imports a tensor library (and this module none of what
only the driver needs: it would stay in the worker's memory). It leaves `tokens.parquet` (uid,
tokens of the completion, tokens of the whole row) and says what the base is, under which templates it
can be asked, and which traces are too long (`recipe.long_rows: drop`).
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from titrant.arms import ArmSpec
from titrant.engines.prompt import PromptBuilder
from titrant.errors import ConfigError, DataError
from titrant.files import write_table
from titrant.lazy import load
from titrant.records import Record
from titrant.select.shots import choose_shots, without_shots
from titrant.settings import Config
from titrant.traces.record import content_hash
from titrant.traces.table import load_traces, write_traces
from titrant.train.job import ArmJob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from titrant.run.store.folder import RunFolder
    from titrant.traces.record import Trace

FEWEST_TRACES = 8
"""Below this there are not enough doses for a curve."""
CHUNK = 1000
"""Traces between two signs of progress."""
PACKAGES = ("torch", "transformers", "tokenizers", "trl", "peft", "accelerate", "datasets")


class PrepareJob(Record):
    """What is to be prepared."""

    run_dir: Path
    config: Config


class Prepared(Record):
    """What the base is and what of the pool can be trained; `prepared.json`."""

    version: int = 1
    base: str
    fingerprint: str
    """Hash of everything that decides what the base does."""
    revision: str | None
    """Commit hash of a base from the hub."""
    parameters: int
    device: str
    dtype: str
    """Precision of the weights for readings."""
    context_tokens: int | None
    templates: tuple[str, ...]
    """Prompt templates under which the base can be read, the configured one first."""
    pool_hash: str
    """Of the traces that may be trained."""
    pool_rows: int
    pool_tokens: int
    """Tokens of all completions."""
    row_tokens: float
    """Mean tokens of a training row, its prompt included."""
    dropped: tuple[str, ...]
    """Uids of traces that are too long."""
    shown: tuple[str, ...] = ()
    """Uids of traces that no subset may hold, since a worked example shows their question."""
    versions: dict[str, str]


def prepare(job: PrepareJob, progress: Callable[[str, int, int], None] | None = None) -> Prepared:
    """Load the base, count tokens, examine every row.

    Raises:
        TrainError: the template doctor refuses a row.
        DataError: the base cannot be loaded, or too few traces are short enough.
    """
    spec = ArmSpec(strategy="base", dose=0, seed=0, purpose="base")
    arm = ArmJob(run_dir=job.run_dir, spec=spec, config=job.config, lr=0.0)
    context = load("titrant.train.context:open_context")(arm)
    try:
        return _examine(job, context, progress)
    finally:
        load("titrant.train.context:close_context")()


def _examine(
    job: PrepareJob,
    context: Any,  # noqa: ANN401 - titrant.train.context needs torch
    progress: Callable[[str, int, int], None] | None,
) -> Prepared:
    traces = list(context.pool.values())
    counts: dict[str, tuple[int, int]] = {}
    for start, chunk in _chunks(traces):
        for row in context.rows(chunk):
            counts[row.uid] = (row.n_loss_tokens - 1, len(row.input_ids))  # less the stop token
        if progress is not None:
            progress("template doctor", start + len(chunk), len(traces))
    kept = [trace for trace in traces if trace.uid in counts]
    if len(kept) < FEWEST_TRACES:
        raise _too_long(len(kept), len(traces), context.context_tokens)
    shown = _shown(kept, job.config)
    _write_counts(job.run_dir / "tokens.parquet", counts)
    loaded = context.fresh_base()
    engine = load("titrant.engines.transformers:TransformersEngine")
    facts = engine(loaded.model, loaded.tokenizer).info
    return Prepared(
        base=loaded.name,
        fingerprint=loaded.fingerprint,
        revision=loaded.revision,
        parameters=loaded.model.num_parameters(),
        device=facts.device,
        dtype=facts.dtype,
        context_tokens=context.context_tokens,
        templates=_templates(job.config, context, traces),
        pool_hash=hash_of(kept),
        pool_rows=len(kept),
        pool_tokens=sum(tokens for tokens, _ in counts.values()),
        row_tokens=sum(tokens for _, tokens in counts.values()) / len(counts),
        dropped=tuple(trace.uid for trace in traces if trace.uid not in counts),
        shown=shown,
        versions=installed_versions(),
    )


def _shown(kept: Sequence[Trace], config: Config) -> tuple[str, ...]:
    """Uids of the traces whose question a worked example shows."""
    left = {trace.uid for trace in without_shots(kept, config)}
    if len(left) < FEWEST_TRACES:
        raise DataError(
            "the worked examples leave too few traces of the pool to train on",
            expected=f"{FEWEST_TRACES} traces or more of other questions",
            came=f"{len(left)} of {len(kept):,} beside {config.prompt.few_shot} worked examples",
            do="lower prompt.few_shot, or add traces",
        )
    return tuple(trace.uid for trace in kept if trace.uid not in left)


def _chunks(traces: Sequence[Trace]) -> Iterator[tuple[int, Sequence[Trace]]]:
    for start in range(0, len(traces), CHUNK):
        yield start, traces[start : start + CHUNK]


def _too_long(kept: int, rows: int, limit: int | None) -> DataError:
    return DataError(
        "nearly all traces are too long for the base",
        expected=f"{FEWEST_TRACES} traces or more within {limit or 'its limit of'} tokens",
        came=f"{kept} of {rows:,}",
        do="take a base with a longer context, or raise recipe.max_tokens",
    )


def _templates(
    config: Config,
    context: Any,  # noqa: ANN401 - see above
    traces: Sequence[Trace],
) -> tuple[str, ...]:
    """The configured template, and the other one where the tokenizer can be asked under it."""
    first = "chat" if context.builder.uses_chat else "plain"
    if not context.tokenizer.chat_template:
        return (first,)
    other = "plain" if first == "chat" else "chat"
    settings = config.prompt.model_copy(update={"template": other})
    try:
        PromptBuilder(context.tokenizer, settings, shots=choose_shots(traces, config))
    except ConfigError:
        return (first,)
    return (first, other)


def _write_counts(path: Path, counts: dict[str, tuple[int, int]]) -> None:
    columns = {
        "uid": pa.array(list(counts)),
        "n_tokens": pa.array([tokens for tokens, _ in counts.values()], pa.int32()),
        "row_tokens": pa.array([tokens for _, tokens in counts.values()], pa.int32()),
    }
    write_table(path, pa.table(columns))


def installed_versions() -> dict[str, str]:
    """Versions of the libraries that decide what training and reading do."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def hash_of(traces: Sequence[Trace]) -> str:
    """A hash of the uids in their order."""
    return content_hash(*(trace.uid for trace in traces))


def prepared_pool(folder: RunFolder, prepared: Prepared) -> list[Trace]:
    """The traces that may be trained, with their token counts.

    The first call writes them to `pool.parquet`, beside those of the worked examples' questions,
    which are not given back; a call after a kill finds them or writes them again.

    Raises:
        DataError: the pool is not the one that was prepared.
    """
    traces = load_traces(folder.pool)
    is_final = all(trace.n_tokens is not None for trace in traces)
    if not is_final or hash_of(traces) != prepared.pool_hash:
        counts = _read_counts(folder.root / "tokens.parquet")
        traces = [
            trace.model_copy(update={"n_tokens": counts[trace.uid]})
            for trace in traces
            if trace.uid in counts
        ]
        if hash_of(traces) != prepared.pool_hash:
            raise DataError(
                f"{folder.pool} has changed since the run began",
                expected="the pool that the finished arms were trained on",
                came=f"{len(traces):,} traces with another hash",
                do="restore the file, or begin a new run in another folder",
            )
        write_traces(folder.pool, traces)
    shown = set(prepared.shown)
    return [trace for trace in traces if trace.uid not in shown]


def row_tokens(folder: RunFolder) -> dict[str, int]:
    """Tokens of each training row, its prompt included, by uid."""
    table = pq.ParquetFile(folder.root / "tokens.parquet").read(columns=["uid", "row_tokens"])
    return dict(zip(table["uid"].to_pylist(), table["row_tokens"].to_pylist(), strict=True))


def _read_counts(path: Path) -> dict[str, int]:
    table = pq.ParquetFile(path).read(columns=["uid", "n_tokens"])
    return dict(zip(table["uid"].to_pylist(), table["n_tokens"].to_pylist(), strict=True))
