"""From what a user names to a log of draws: a folder of draws, or a pool and its scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from titrant.errors import ConfigError, DataError
from titrant.run.sample.folder import read_meta
from titrant.settings import PoolSettings, SignalSettings
from titrant.traces.read import distinct_traces, read_pool
from titrant.traces.table import load_problems
from titrant.traces.verify.assess import assess
from titrant.traces.verify.verdict import Verifier
from titrant.vote.logs.load import load_drawn, make_log
from titrant.vote.logs.pool import log_of_pool

if TYPE_CHECKING:
    from titrant.run.sample.folder import SampleMeta
    from titrant.traces.row_reader import Progress
    from titrant.vote.logs.load import DrawTable
    from titrant.vote.logs.log import DrawLog


def open_log(
    path: str,
    *,
    scores: Path | None,
    window: int | None,
    top: int | None,
    progress: Progress,
    is_replayed: bool = False,
) -> tuple[DrawLog, tuple[str, ...]]:
    """The log behind a name, and what there is to say of it beside its numbers, a sentence each.

    Args:
        path: a folder of draws, or anything that a pool can be.
        scores: of a pool.
        window: tokens of a window; `None`: by the draws' mean length.
        top: likeliest tokens that confidence is made of; `None`: all that were kept.
        progress: called with (done, all).
        is_replayed: whether stopping rules are to be replayed.

    Raises:
        ConfigError: scores are given for a folder of draws, or a window or likeliest tokens for a pool.
        DataError: nothing is there, or it is no log, or cannot tell what is asked.
    """
    folder = Path(path).expanduser()
    settings = SignalSettings(window="auto" if window is None else window)
    if folder.is_dir() and (folder / "meta.json").exists() and (folder / "draws").is_dir():
        if scores is not None:
            raise ConfigError(
                "--scores beside a folder of draws",
                expected="--scores beside a pool; draws have numbers of their own",
                came=f"{path}, which titrant sample made",
                do="leave --scores out",
            )
        return _of_draws(folder, settings, top, progress, is_replayed=is_replayed)
    if (folder / "owner.json").exists() and (folder / "problems.parquet").exists():
        raise DataError(
            f"{path} holds no draws yet",
            expected="draws, as titrant sample writes them every half minute",
            came="problems only",
            do="run the same titrant sample again: it goes on where it was",
        )
    if top is not None or window is not None:
        raise ConfigError(
            "--top and --window are of no use to a pool",
            expected="a folder of draws, whose tokens' numbers are there",
            came=f"{path}, whose signals titrant score made with its own settings",
            do="leave them out, or score the pool with --set signals.window=…",
        )
    return _of_pool(path, settings, scores, progress)


def _of_draws(
    folder: Path,
    settings: SignalSettings,
    top: int | None,
    progress: Progress,
    *,
    is_replayed: bool,
) -> tuple[DrawLog, tuple[str, ...]]:
    meta, problems = read_meta(folder), load_problems(folder / "problems.parquet")
    _check_rule(meta, is_replayed=is_replayed)
    drawn = load_drawn(folder, problems, fingerprint=meta.fingerprint, budget=meta.budget)
    settings = _settings_of(folder, meta, drawn.top, settings, top)
    by_qid = {problem.qid: problem for problem in problems}
    with Verifier() as verifier:
        log = make_log(drawn, by_qid, settings, verifier, progress=progress)
    gold = np.array([by_qid[qid].gold is not None for qid in drawn.qids])
    if not meta.is_done:
        log, gold = _finished(log, gold, meta)
    log, left_out = _with_gold(log, gold, "the votes themselves stand in answers.parquet")
    reasons = np.array(drawn.table["stop_reason"].to_pylist(), dtype=object)
    lines = _lines(meta, drawn, reasons, missing=len(problems) - len(drawn.qids))
    return log, (*lines, *left_out)


def _settings_of(
    folder: Path, meta: SampleMeta, kept: int, settings: SignalSettings, top: int | None
) -> SignalSettings:
    """With as many likeliest tokens as are asked for, and the window by which draws were stopped."""
    if top is not None and top > kept:
        raise ConfigError(
            f"--top {top} asks for more than was kept",
            expected=f"at most {kept}, the entries per token in {folder}",
            came=str(top),
            do=f"--top {kept}, or draw anew with --set signals.top_logprobs={top}",
        )
    update: dict[str, int] = {"top_logprobs": max(kept if top is None else top, 1)}
    if settings.window == "auto" and meta.window is not None:
        update["window"] = meta.window
    return settings.model_copy(update=update)


def _rule_of(meta: SampleMeta) -> str:
    return "" if meta.rule.startswith("fixed") else meta.rule


def _lines(meta: SampleMeta, drawn: DrawTable, reasons: np.ndarray, *, missing: int) -> list[str]:
    """What there is to say of a folder of draws."""
    failed, rule = int((reasons == "error").sum()), _rule_of(meta)
    said = {
        "drawing is not finished: only questions with all draws are here": not meta.is_done,
        f"{missing:,} problems have no draw yet": missing > 0,
        "the engine gave no logprobs: only votes by count and length": not drawn.top,
        f"{failed:,} draws failed; they vote for nothing, and are in no figure of single draws": failed
        > 0,
        f"drawn under {rule}: questions stop when their draws agree, and weak draws are cut, so "
        "accuracies of single draws are not the model's own": bool(rule),
    }
    return [line for line, is_so in said.items() if is_so]


def _of_pool(
    path: str,
    settings: SignalSettings,
    scores: Path | None,
    progress: Progress,
) -> tuple[DrawLog, tuple[str, ...]]:
    traces = read_pool(PoolSettings(path=path), progress=progress).traces
    with Verifier() as verifier:
        traces = distinct_traces(assess(traces, verifier))
        counts = np.unique([trace.qid for trace in traces], return_counts=True)[1]
        if counts.max(initial=0) < 2:
            raise DataError(
                f"{path} has one trace per question, so there is nothing to vote on",
                expected="a folder of draws, or a pool with several traces per question",
                came=f"{len(traces):,} traces of as many questions",
                do="draw some: titrant sample --problems FILE --base MODEL",
            )
        log = log_of_pool(traces, settings, verifier, scores=scores)
    has_gold = {trace.qid for trace in traces if trace.gold is not None}
    gold = np.array([qid in has_gold for qid in log.qids])
    log, left_out = _with_gold(
        log, gold, "a vote without gold answers tells nothing of right and wrong"
    )
    lines = [
        "the traces of a pool are taken for draws, in the order of the file; a pool holds each text once, "
        "so what was drawn often votes no more than what was drawn once"
    ]
    lines += ["without --scores there is no signal but length"] if scores is None else []
    if any(trace.n_tokens is None for trace in traces):
        lines.append("lengths are in characters: tokens of a pool's traces are not known here")
    return log, (*lines, *left_out)


def _check_rule(meta: SampleMeta, *, is_replayed: bool) -> None:
    """Refuse, before anything is read, what a folder that was drawn under a rule cannot tell.

    Raises:
        DataError: a replay is wanted, or drawing is not finished: the questions that are settled are the easy
            ones.
    """
    rule = _rule_of(meta)
    if rule and is_replayed:
        raise DataError(
            "these draws cannot be replayed",
            expected="draws that all ran to their end, as under titrant sample --rule fixed",
            came=f"draws under {rule}, which stops some and cancels others",
            do="draw with --rule fixed, or leave out --replay to vote on them as they are",
        )
    if rule and not meta.is_done:
        raise DataError(
            "drawing is not finished",
            expected=f"all questions settled: under {rule} the easy ones are first",
            came="some that are still drawn for",
            do="run titrant sample again: it goes on where it was",
        )


def _finished(log: DrawLog, gold: np.ndarray, meta: SampleMeta) -> tuple[DrawLog, np.ndarray]:
    """The questions that have all their draws: of others the short draws are there, and not the long ones."""
    has_all = log.draws >= meta.budget
    if has_all.any():
        return log.only(has_all), gold[has_all]
    raise DataError(
        "drawing is not finished, and no question has all its draws",
        expected=f"{meta.budget} draws of some questions",
        came=f"at most {int(log.draws.max(initial=0))}; short draws end first, so these tell nothing",
        do="run titrant sample again: it goes on where it was",
    )


def _with_gold(log: DrawLog, gold: np.ndarray, otherwise: str) -> tuple[DrawLog, list[str]]:
    """The questions with a gold answer, and what is to be said of the others."""
    if not gold.any():
        raise DataError(
            "nothing can be compared: no question has a gold answer",
            expected="gold answers, at least of some questions",
            came=f"{len(gold):,} questions without",
            do=f"give the problems' gold answers; {otherwise}",
        )
    missing = int((~gold).sum())
    lines = [f"{missing:,} questions without a gold answer are left out"] if missing else []
    return (log.only(gold) if missing else log), lines
