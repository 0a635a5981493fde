"""The one way to compute a signal: its needs are checked first, and what comes out is finite or NaN.

An infinite value is right in a formula (a token of probability 0 has infinite loss) but cannot be ranked
beside others or averaged, so it counts as one that cannot be computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from titrant.errors import ConfigError
from titrant.signals.base import Signal, TokenScores, Values

if TYPE_CHECKING:
    from titrant.settings import SignalSettings
    from titrant.signals.base import Needs
    from titrant.signals.ragged import Ragged


def compute(signal: Signal, scores: TokenScores, settings: SignalSettings) -> Values:
    """A signal of some traces, finite or NaN.

    Args:
        signal: from the registry, or one of your own.
        scores: what a pass has left; it must hold what the signal needs.
        settings: with numbers for `auto` (`confidence.resolve`) where the signal has a window.

    Raises:
        ConfigError: the scores lack something, or a window is still `auto`.
        ValueError: the signal gives another number of values than there are traces or steps.
    """
    require_needs(signal, scores)
    _require_top(signal, scores, settings)
    found = signal.compute(scores, settings)
    _check_shape(signal, scores, found)
    steps = found.steps
    if steps is not None:
        steps = steps.with_values(_finite(steps.values))
    return Values(_finite(found.trace), steps)


def kept_by(scores: TokenScores) -> frozenset[Needs]:
    """What scores hold beyond the logprobs that every pass leaves."""
    whole = (scores.entropy, scores.variance, scores.vocab_mean)
    held: dict[Needs, bool] = {
        "distribution": all(numbers is not None for numbers in whole),
        "top": scores.top is not None,
        "alone": scores.alone is not None,
        "question": scores.question is not None,
        "answers": scores.answers is not None and scores.n_lead is not None,
        "hidden": scores.hidden is not None and scores.step_hidden is not None,
    }
    return frozenset(name for name, is_held in held.items() if is_held)


def require_needs(signal: Signal, scores: TokenScores) -> None:
    """Refuse, before any work, a signal that needs what the pass did not keep.

    Raises:
        ConfigError: something is missing.
    """
    kept = kept_by(scores)
    if not signal.needs <= kept:
        raise ConfigError(
            f"the signal {signal.name} cannot be computed from these scores",
            expected=f"a pass that kept {_listed(signal.needs)}",
            came=f"one without {_listed(signal.needs - kept)}",
            do=f"pass the pool again with this signal among the wanted ones: titrant score --signals {signal.name}",
        )


def _require_top(signal: Signal, scores: TokenScores, settings: SignalSettings) -> None:
    """Exactly as many likeliest tokens as asked for: fewer would be another signal."""
    if "top" not in signal.needs or scores.top is None:
        return
    wanted = min(settings.top_logprobs, scores.vocab)
    has = scores.top.values.shape[1]
    if len(scores.top.values) and has < wanted:
        raise ConfigError(
            f"the signal {signal.name} cannot be computed from these scores",
            expected=f"a pass that kept the {wanted} likeliest tokens (signals.top_logprobs)",
            came=f"one that kept {has}",
            do=f"set signals.top_logprobs to {has}, or pass the pool again: titrant score --signals {signal.name}",
        )


def _listed(names: frozenset[Needs]) -> str:
    return ", ".join(sorted(names))


def _check_shape(signal: Signal, scores: TokenScores, found: Values) -> None:
    n = len(scores.uids)
    if found.trace.shape != (n,):
        message = f"the signal {signal.name} gives values of shape {found.trace.shape}, not ({n},)"
        raise ValueError(message)
    if found.steps is not None and not _is_aligned(found.steps, scores.n_steps):
        message = f"the signal {signal.name} does not give one value per step"
        raise ValueError(message)


def _is_aligned(steps: Ragged, n_steps: np.ndarray) -> bool:
    return steps.values.ndim == 1 and np.array_equal(steps.lengths, n_steps)


def _finite(values: np.ndarray) -> np.ndarray:
    """As float64, NaN for what is infinite."""
    values = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)
