"""From draws on disk, or a pool of traces with its scores, to the arrays that votes work on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from titrant.errors import DataError
from titrant.signals.arrow import as_ragged
from titrant.signals.base import TokenScores, signals
from titrant.signals.compute import compute, kept_by
from titrant.signals.confidence import confidence_of, resolve, window_of
from titrant.signals.ragged import offsets_of
from titrant.vote.equal import Answers, group_answers
from titrant.vote.logs.draws import draw_parts, read_draws
from titrant.vote.logs.log import DrawLog, Lows, record_lows
from titrant.vote.logs.turned import turned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from titrant.settings import SignalSettings
    from titrant.traces.record import Problem
    from titrant.traces.verify.verdict import Verifier

CONFIDENCE, LOGPROB = "confidence-lowest", "logprob-lowest"
"""The signals that a draw can be stopped by while it is drawn: DeepConf's, and the sampled tokens' own."""
UNKNOWN_VOCAB = 10**6
"""Stands for the vocabulary of a server, which does not say: no toy's."""
MIN_TOP = 2
"""Likeliest tokens without which confidence is not what it is: of one alone, high means unsure."""
ENDED = ("weak", "cancelled", "error")
"""Draws that did not run to their end."""


class DrawTable(NamedTuple):
    """Draws as columns, question by question in the order of `qids`, by sample within."""

    qids: tuple[str, ...]
    table: pa.Table
    top: int
    vocab: int


def load_drawn(
    folder: Path, problems: Sequence[Problem], *, fingerprint: str = "", budget: int | None = None
) -> DrawTable:
    """All draws of a folder, those of one question side by side.

    Args:
        folder: where `titrant sample` wrote.
        problems: their order is that of the questions; those without draws are left out.
        fingerprint: draws made with another are an error; empty: that of the first part.
        budget: draws of a question that count; those of an earlier, larger budget do not; `None`: all do.

    Raises:
        DataError: there are none, a part is damaged, or parts were made with different settings.
    """
    parts = [read_draws(path) for path in draw_parts(folder)]
    if not parts:
        raise DataError(
            f"there are no draws in {folder}",
            expected="draws/part-00000.parquet and on, as titrant sample writes them",
            came="none",
            do="draw some first: titrant sample",
        )
    expected = fingerprint or parts[0][0].fingerprint
    if any(info.fingerprint != expected for info, _ in parts):
        raise DataError(
            f"{folder} holds draws that were made with other settings",
            expected="one model, prompt and decoding for all draws of a folder",
            came="parts with different fingerprints",
            do="give another --out, or delete the folder",
        )
    table = pa.concat_tables([table.replace_schema_metadata() for _, table in parts])
    place = {problem.qid: i for i, problem in enumerate(problems)}
    at = np.array([place.get(qid, -1) for qid in table["qid"].to_pylist()], dtype=np.int64)
    rows = _once(table)
    samples = table["sample"].to_numpy()
    rows = rows[(at[rows] >= 0) & (samples[rows] < (len(samples) if budget is None else budget))]
    order = rows[np.lexsort((samples[rows], at[rows]))]
    table = table.take(pa.array(order))
    qids = tuple(dict.fromkeys(table["qid"].to_pylist()))
    return DrawTable(qids, table, parts[0][0].top, parts[0][0].vocab)


def _once(table: pa.Table) -> np.ndarray:
    """Rows of which each draw has one: a draw that failed and was made again counts as made again."""
    keys = zip(table["qid"].to_pylist(), table["sample"].to_pylist(), strict=True)
    found: dict[tuple[str, int], int] = {}
    failed = table["error"].is_valid().to_pylist()
    for row, key in enumerate(keys):
        if key not in found or not failed[row]:
            found[key] = row
    return np.array(list(found.values()), dtype=np.int64)


def make_log(
    drawn: DrawTable,
    problems: Mapping[str, Problem],
    settings: SignalSettings,
    verifier: Verifier,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> DrawLog:
    """The log of draws: answers grouped, signals computed.

    Args:
        drawn: the draws.
        problems: by qid.
        settings: of signals; a window of `auto` is a share of these draws' mean length.
        verifier: an open verifier.
        progress: called with (answers compared, all answers).
    """
    offsets = offsets_of(_run_lengths(drawn.table["qid"].to_pylist()))
    reasons = np.array(drawn.table["stop_reason"].to_pylist(), dtype=object)
    given = drawn.table["final_answer"].to_pylist()
    asked = [
        Answers(tuple(given[start:stop]), problems[qid].gold_kind)
        for qid, start, stop in zip(drawn.qids, offsets[:-1], offsets[1:], strict=True)
    ]
    grouped = group_answers(asked, verifier, progress=progress)
    verdict = np.array([v or "" for v in drawn.table["verdict"].to_pylist()])
    scores = token_scores(drawn)
    lengths = scores.logprob.lengths[~np.isin(reasons, ENDED)]
    resolved = resolve(settings, float(lengths.mean()) if len(lengths) else 0.0)
    found, lows = _signals(scores, resolved, reasons == "stop")
    return DrawLog(
        qids=drawn.qids,
        offsets=offsets,
        group=np.concatenate([one.group for one in grouped]) if grouped else np.zeros(0, np.int32),
        is_right=verdict == "correct",
        verdict=np.where(np.isin(reasons, ENDED), "", verdict),
        n_tokens=drawn.table["n_tokens"].to_numpy().astype(np.int64),
        lows=lows,
        window=window_of(resolved).group,
        signals=found,
    )


def token_scores(drawn: DrawTable) -> TokenScores:
    """The draws' per-token numbers, as a pass of the model over a pool would have left them.

    A draw that lacks some of the numbers that others have (one that failed, or never began) has no tokens
    here, so all its signals are NaN.
    """
    has_top = drawn.top >= MIN_TOP and drawn.table["top"].null_count < len(drawn.table)
    wanted = ["logprob", *(["top"] if has_top else [])]
    wide_names = ("entropy", "variance", "vocab_mean")
    has_distribution = drawn.table["entropy"].null_count < len(drawn.table)
    table = _blanked(drawn.table, [*wanted, *(wide_names if has_distribution else ())])
    keys = zip(table["qid"].to_pylist(), table["sample"].to_pylist(), strict=True)
    wide = {name: as_ragged(table[name]) if has_distribution else None for name in wide_names}
    return TokenScores(
        uids=tuple(f"{qid}/{sample}" for qid, sample in keys),
        vocab=drawn.vocab or UNKNOWN_VOCAB,
        logprob=as_ragged(table["logprob"]),
        step=as_ragged(table["step"]),
        n_steps=table["n_steps"].to_numpy().astype(np.int64),
        top=as_ragged(table["top"], width=drawn.top) if has_top else None,
        entropy=wide["entropy"],
        variance=wide["variance"],
        vocab_mean=wide["vocab_mean"],
    )


def _blanked(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """The table with all lists of a draw null where any of `names` is."""
    valid = [table[name].is_valid().to_numpy() for name in names]
    is_whole = pa.array(np.logical_and.reduce(valid))
    for name in ("step", *names):
        column = table[name]
        blank = pc.call_function("if_else", [is_whole, column, pa.scalar(None, column.type)])
        table = table.set_column(table.schema.get_field_index(name), name, blank)
    return table


def _signals(
    scores: TokenScores, settings: SignalSettings, ends_itself: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, Lows]]:
    """Every signal that these numbers allow, turned so that high is better, and the record lows."""
    if not len(scores.logprob.values):  # an engine without logprobs: nothing is known, not 0
        return {}, {}
    kept, found = kept_by(scores), {}
    for name in signals.names():
        signal = signals.get(name)
        if signal.needs <= kept:
            found[name] = turned(name, compute(signal, scores, settings).trace)
    window = window_of(settings).group
    lows = {LOGPROB: record_lows(scores.logprob, window, ends_itself=ends_itself)}
    if scores.top is not None:
        confidence = confidence_of(scores, settings)
        lows[CONFIDENCE] = record_lows(confidence, window, ends_itself=ends_itself)
    return found, lows


def _run_lengths(keys: Sequence[str]) -> np.ndarray:
    """How often each key stands, keys in order of appearance; equal ones stand side by side."""
    counts: dict[str, int] = {}
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    return np.array([*counts.values()], dtype=np.int64)
