"""What a strategy chooses from: the traces of a pool, and the numbers known about them.

Traces come sorted by uid, so a strategy that breaks ties by position breaks them by uid. Numbers are
read when a strategy asks for them, and a missing one is an error that says how it is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from titrant.settings import SignalSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.traces.record import Trace

BANDS: tuple[float, ...] = SignalSettings().bands
"""Pass rates that part the bands of difficulty, as the settings have them by default."""


class Scores(Protocol):
    """Numbers about traces that were computed before: read, never made here."""

    def signal(self, name: str, uids: Sequence[str]) -> np.ndarray:
        """One value per trace, float64 [uids]; NaN where it could not be computed.

        Raises:
            ConfigError: the signal was never computed for this pool.
        """
        ...

    def hidden(self, uids: Sequence[str]) -> np.ndarray:
        """Mean hidden states, float32 [uids, width]; NaN rows where not scored.

        Raises:
            ConfigError: none were kept for this pool.
        """
        ...

    def history(self, qids: Sequence[str]) -> list[np.ndarray]:
        """Accuracy of each question over the epochs of an earlier training run; [epochs], maybe empty.

        Raises:
            ConfigError: no history was given (`select.history`).
        """
        ...


class Lengths(NamedTuple):
    """How long the traces are."""

    values: np.ndarray
    """float64 [traces]."""
    unit: str
    """`tokens` or `characters`."""


@dataclass(frozen=True)
class Candidates:
    """A pool, sorted by uid."""

    traces: tuple[Trace, ...]
    scores: Scores
    bands: tuple[float, ...] = BANDS
    """Pass rates that part the bands of difficulty, ascending; see `SignalSettings.bands`."""

    def __len__(self) -> int:
        return len(self.traces)

    @cached_property
    def uids(self) -> tuple[str, ...]:
        """Identity of each trace."""
        return tuple(trace.uid for trace in self.traces)

    @cached_property
    def qids(self) -> tuple[str, ...]:
        """The questions, sorted; `question` counts through them."""
        return tuple(sorted({trace.qid for trace in self.traces}))

    @cached_property
    def question(self) -> np.ndarray:
        """Number of the question that each trace answers, int64 [traces]; numbered by qid."""
        number = {qid: i for i, qid in enumerate(self.qids)}
        return np.array([number[trace.qid] for trace in self.traces], dtype=np.int64)

    @cached_property
    def lengths(self) -> Lengths:
        """By tokens where every trace has a count, else by characters: never a mixture of both."""
        tokens = [trace.n_tokens for trace in self.traces]
        counted = [n for n in tokens if n is not None]
        if len(counted) == len(tokens):
            return Lengths(np.array(counted, dtype=float), "tokens")
        characters = [len(trace.thinking or "") + len(trace.answer_text) for trace in self.traces]
        return Lengths(np.array(characters, dtype=float), "characters")

    def signal(self, name: str) -> np.ndarray:
        """A signal of all traces, float64 [traces]."""
        return self.scores.signal(name, self.uids)

    def hidden(self) -> np.ndarray:
        """Mean hidden states, float32 [traces, width]."""
        return self.scores.hidden(self.uids)

    def history(self) -> list[np.ndarray]:
        """Accuracies over the epochs of an earlier run, one array per question, in the order of `qids`."""
        return self.scores.history(self.qids)
