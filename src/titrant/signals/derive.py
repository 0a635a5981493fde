"""From per-token numbers to the score table: every wanted signal over every part of a pass.

Parts are read one after the other, so memory holds one part and one number per trace, step and signal.
What each signal cost is noted beside it: the shared pass is counted whole for each signal, and what was
passed for some signals only (completions alone, answers after each step) for those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from titrant.signals.base import signals
from titrant.signals.compute import compute
from titrant.signals.confidence import resolve
from titrant.signals.degenerate import variety
from titrant.signals.meta import SignalCost
from titrant.signals.store import PassCost, part_paths, read_info, read_part
from titrant.signals.table import write_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from titrant.settings import SignalSettings
    from titrant.signals.base import Needs, Signal, Values

FORWARD = 2
"""Floating-point operations per parameter and token passed."""


def needs_of_signals(names: Collection[str]) -> frozenset[Needs]:
    """What a pass has to keep for these signals."""
    return frozenset(need for name in names for need in signals.get(name).needs)


def mean_tokens(folder: Path) -> float:
    """Mean tokens of a scored trace; 0 where none was scored."""
    infos = [read_info(path) for path in part_paths(folder)]
    scored = sum(info.traces - info.failed for info in infos)
    return sum(info.trace_tokens for info in infos) / scored if scored else 0.0


def derive_signals(
    folder: Path,
    names: Sequence[str],
    settings: SignalSettings,
    *,
    fingerprint: str,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, str]:
    """Compute signals from the parts in `folder` and write them into its score table.

    Args:
        folder: the folder of scores.
        names: signals of the registry.
        settings: windows may be `auto`.
        fingerprint: of everything that decides the values.
        progress: told (parts done, parts in all).

    Returns:
        A warning for each signal that can rank nothing, by its name.

    Raises:
        ConfigError: a signal is unknown, or the pass did not keep what it needs.
    """
    wanted = [signals.get(name) for name in names]
    settings = resolve(settings, mean_tokens(folder))
    paths = part_paths(folder)
    uids: list[str] = []
    found: dict[str, list[Values]] = {signal.name: [] for signal in wanted}
    for number, path in enumerate(paths, start=1):
        scores = read_part(path)
        uids += scores.uids
        for signal in wanted:
            found[signal.name].append(compute(signal, scores, settings))
        if progress is not None:
            progress(number, len(paths))
    warnings = {s.name: _write(folder, s, uids, found[s.name], fingerprint) for s in wanted}
    return {name: words for name, words in warnings.items() if words is not None}


def _write(
    folder: Path, signal: Signal, uids: Sequence[str], parts: Sequence[Values], fingerprint: str
) -> str | None:
    """Put one signal into the score table, traces first, then steps; its warning, if any."""
    whole = np.concatenate([part.trace for part in parts]) if parts else np.zeros(0)
    names, steps = list(uids), [None] * len(uids)
    values = [whole]
    start = 0
    for part in parts:
        if part.steps is not None:
            lengths = part.steps.lengths
            rows = uids[start : start + len(lengths)]
            names += np.repeat(np.array(rows, dtype=object), lengths).tolist()
            steps += (
                np.arange(lengths.sum()) - np.repeat(part.steps.offsets[:-1], lengths)
            ).tolist()
            values.append(part.steps.values)
        start += len(part.trace)
    write_scores(
        folder,
        signal.name,
        version=signal.version,
        fingerprint=fingerprint,
        uids=names,
        values=np.concatenate(values),
        steps=steps,
    )
    return variety(whole, name=signal.name).warning


def pass_cost(spent: PassCost, needs: Collection[Needs], *, parameters: int) -> SignalCost:
    """What one signal took of a pass: all of the shared part, and what only such signals need.

    Seconds go by tokens, since both parts run in the same batches.
    """
    tokens = spent.tokens
    tokens += spent.alone_tokens if "alone" in needs else 0
    tokens += spent.answer_tokens if "answers" in needs else 0
    whole = spent.tokens + spent.alone_tokens + spent.answer_tokens
    share = tokens / whole if whole else 0.0
    return SignalCost(
        tokens=tokens, flops=float(FORWARD * parameters * tokens), seconds=share * spent.seconds
    )
