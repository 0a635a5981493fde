"""The stage between inputs and the first arm: what the strategies need to know of the pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.errors import ConfigError
from titrant.run.ladder.preliminary import LR_CENTRE
from titrant.run.scores.job import ScoreJob
from titrant.run.scores.wanted import wanted_by
from titrant.select.shots import choose_shots
from titrant.signals.meta import ScoresMeta

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from titrant.dose.work.worker import Progress
    from titrant.run.scores.wanted import Wanted
    from titrant.run.session import Session
    from titrant.settings import Config, RecipeSettings
    from titrant.traces.record import Trace

ENTRY = "titrant.run.scores.job:score"


def scored(session: Session, pool: Sequence[Trace], *, entry: str = ENTRY) -> ScoresMeta | None:
    """Score the pool as far as some strategy needs it; `None` where none does.

    Raises:
        ConfigError: a strategy needs a signal that nothing here computes.
        TitrantError: the worker could not do it; what it finished is kept.
    """
    wanted = wanted_by(session.config.ladder.strategies)
    if wanted.is_empty:
        return None
    folder = session.folder
    job = score_job(session.config, pool, wanted, folder=folder.scores, pool=folder.pool)

    def tell(progress: Progress) -> None:
        session.watcher.progress("scores", *progress)

    return session.stage(
        "scores", ScoresMeta, lambda: session.executor.call(entry, job, on_progress=tell)
    )


def score_job(
    config: Config, traces: Sequence[Trace], wanted: Wanted, *, folder: Path, pool: Path
) -> ScoreJob:
    """What the worker is asked.

    Args:
        config: base, prompt, signals, recipe; its benchmark is not looked at.
        traces: the pool, for worked examples.
        wanted: what is to be known.
        folder: where the scores go.
        pool: the table of the traces.

    Raises:
        ConfigError: a wanted signal is computed by nobody here.
    """
    if wanted.read:
        raise ConfigError(
            f"nothing here computes the signal {wanted.read[0]}",
            expected="signals that the base gives",
            came=", ".join(wanted.read),
            do="titrant score --list shows what can be computed, titrant rank --list what strategies "
            "need",
        )
    return ScoreJob(
        folder=folder,
        pool=pool,
        base=config.base,
        prompt=config.prompt,
        decode=config.decode,
        signals=config.signals,
        wanted=wanted,
        shots=tuple(choose_shots(traces, config)),
        answer_pattern=config.pool.answer_pattern,
        recipe=config.recipe,
        lr=warmup_rate(config.recipe),
        seed=config.seed,
    )


def warmup_rate(recipe: RecipeSettings) -> float:
    """The learning rate of a warm-up with adapters: the recipe's where it trains them, else the usual."""
    trains_adapters = recipe.method == "lora" and recipe.lr != "auto"
    return float(recipe.lr) if trains_adapters else LR_CENTRE["lora"]
