"""Rankings of a run's pool, with the numbers that the run has computed about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from titrant.select.rank import needs_of, rank, write_ranking
from titrant.select.scores import NoScores, open_scores
from titrant.select.strategies.history_file import load_history
from titrant.signals.meta import meta_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.run.store.folder import RunFolder
    from titrant.select.candidates import Scores
    from titrant.select.rank import Ranking
    from titrant.settings import Config
    from titrant.traces.record import Trace


def ranked(
    folder: RunFolder, pool: Sequence[Trace], config: Config, *, strategy: str, draw: int
) -> Ranking:
    """The ranking of one strategy and draw.

    Raises:
        ConfigError: the strategy needs what was never computed.
    """
    return rank(
        pool,
        strategy=strategy,
        root=config.seed,
        draw=draw,
        scores=_scores(folder, pool, config, strategy),
        bands=config.signals.bands,
    )


def _scores(
    folder: RunFolder, pool: Sequence[Trace], config: Config, strategy: str
) -> Scores | None:
    if not needs_of(strategy):
        return None
    path = config.select.history
    history = None if path is None else load_history(Path(path), pool)
    if meta_path(folder.scores).exists():
        return open_scores(folder.scores, history=history)
    return NoScores(strategy, history)


def ensure_ranking(
    folder: RunFolder, pool: Sequence[Trace], config: Config, *, strategy: str, draw: int
) -> None:
    """One ranking on disk."""
    path = folder.ranking(strategy, draw)
    if not path.exists():
        write_ranking(path, ranked(folder, pool, config, strategy=strategy, draw=draw))
