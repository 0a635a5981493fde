"""Numbers about traces as strategies read them: from a folder of scores, or from nowhere.

A folder of scores is what `titrant score` made, or a run: a run folder has one inside, `scores/`. What is
in it is told by its `meta.json`; a value counts only with the version and the fingerprint given there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from titrant.errors import ConfigError, DataError
from titrant.signals.meta import ScoresMeta, meta_path, read_meta
from titrant.signals.store import read_hidden
from titrant.signals.table import read_scores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SCORE = "titrant score --pool POOL --base MODEL --out DIR"


@dataclass(frozen=True, slots=True)
class NoScores:
    """Where nothing was computed: a strategy that asks is told what to do."""

    strategy: str
    """For the message."""
    known: Mapping[str, np.ndarray] | None = None
    """Accuracy history by qid, where the user gave one."""

    def signal(self, name: str, uids: Sequence[str]) -> np.ndarray:
        """Never there.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            f"the strategy {self.strategy} needs the signal {name}",
            expected=f"scores of the pool's {len(uids)} traces",
            came="none",
            do=f"{SCORE} --strategy {self.strategy}, then rank with --scores DIR",
        )

    def hidden(self, uids: Sequence[str]) -> np.ndarray:
        """Never there.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            f"the strategy {self.strategy} needs hidden states",
            expected=f"mean hidden states of the pool's {len(uids)} traces",
            came="none",
            do=f"{SCORE} --strategy {self.strategy}, then rank with --scores DIR",
        )

    def history(self, qids: Sequence[str]) -> list[np.ndarray]:
        """The user's history.

        Raises:
            ConfigError: there is none.
        """
        return histories_of(self.known, qids, strategy=self.strategy)


@dataclass(frozen=True, slots=True)
class StoredScores:
    """The scores in a folder, and the accuracy history that came with the command."""

    folder: Path
    """Holds `meta.json`, the score table, and `tokens/` with the hidden states."""
    meta: ScoresMeta
    known: Mapping[str, np.ndarray] | None = None
    """Accuracy history by qid; see `strategies.history_file.load_history`."""

    def signal(self, name: str, uids: Sequence[str]) -> np.ndarray:
        """One value per trace; see `Scores`.

        Raises:
            ConfigError: the folder has no such signal.
            DataError: it is damaged, or knows none of these traces.
        """
        if name not in self.meta.versions:
            raise ConfigError(
                f"{self.folder} has no scores of the signal {name}",
                expected=f"one of {', '.join(sorted(self.meta.versions)) or 'none: it is empty'}",
                came=name,
                do=f"compute it: {SCORE} --signals {name}",
            )
        values = read_scores(
            self.folder,
            name,
            uids,
            version=self.meta.versions[name],
            fingerprint=self.meta.fingerprint,
        )
        if len(values) and np.isnan(values).all():
            raise self._of_none(f"a value of the signal {name}", len(uids))
        return values

    def hidden(self, uids: Sequence[str]) -> np.ndarray:
        """Mean hidden states; see `Scores`.

        Raises:
            ConfigError: none were kept.
            DataError: the folder knows none of these traces.
        """
        if not self.meta.has_hidden:
            raise ConfigError(
                f"{self.folder} has no hidden states",
                expected="mean hidden states beside the per-token numbers",
                came="scores that were made without them",
                do=f"make them with hidden states: {SCORE}",
            )
        place = {uid: i for i, uid in enumerate(uids)}
        states: np.ndarray | None = None
        for part_uids, part in read_hidden(self.folder):
            if states is None:
                states = np.full((len(uids), part.shape[1]), np.nan, dtype=np.float32)
            pairs = [(place[uid], i) for i, uid in enumerate(part_uids) if uid in place]
            to, of = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
            states[to] = part[of]
        if len(uids) and (states is None or np.isnan(states).all()):
            raise self._of_none("a hidden state", len(uids))
        return np.zeros((0, 0), dtype=np.float32) if states is None else states

    def history(self, qids: Sequence[str]) -> list[np.ndarray]:
        """The user's history; see `Scores`.

        Raises:
            ConfigError: there is none.
        """
        return histories_of(self.known, qids)

    def _of_none(self, what: str, n: int) -> DataError:
        return DataError(
            f"{self.folder} has {what} for none of the pool's traces",
            expected="scores of this pool, by its uids",
            came=f"{n} traces, and no value for any; scored was {self.meta.traces} traces with "
            f"{self.meta.base}",
            do="look whether the traces have what it needs (gain: gold answers), or score this pool: "
            f"{SCORE}",
        )


def open_scores(folder: Path, *, history: Mapping[str, np.ndarray] | None = None) -> StoredScores:
    """The scores of a folder that `titrant score` made, or of a run folder.

    Args:
        folder: itself, or with the folder `scores/` in it.
        history: accuracy history by qid.

    Raises:
        DataError: there are none, or `meta.json` is damaged.
    """
    if folder.is_file():
        raise DataError(
            f"{folder} is a file",
            expected="a folder that titrant score made, or a run folder",
            came="a file",
            do=f"make scores: {SCORE}",
        )
    inside = folder / "scores"
    found = inside if not meta_path(folder).exists() and meta_path(inside).exists() else folder
    return StoredScores(found, read_meta(found), history)


def histories_of(
    known: Mapping[str, np.ndarray] | None, qids: Sequence[str], *, strategy: str = ""
) -> list[np.ndarray]:
    """The history of each question; empty where it has none.

    Raises:
        ConfigError: no history was given at all.
    """
    if known is None:
        raise ConfigError(
            f"the strategy{strategy and f' {strategy}'} needs a history",
            expected="the accuracy of each question over the epochs of an earlier training run",
            came="none",
            do="--history FILE (select.history in a config), a JSON object: identifier → accuracies",
        )
    return [known.get(qid, np.zeros(0)) for qid in qids]
