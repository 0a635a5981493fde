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

    from titrant.dose.work.worker import Progress
    from titrant.run.scores.wanted import Wanted
    from titrant.run.session import Session
    from titrant.settings import RecipeSettings
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
    _check_read(wanted)
    job = score_job(session, pool, wanted)

    def tell(progress: Progress) -> None:
        session.watcher.progress("scores", *progress)

    return session.stage(
        "scores", ScoresMeta, lambda: session.executor.call(entry, job, on_progress=tell)
    )


def score_job(session: Session, pool: Sequence[Trace], wanted: Wanted) -> ScoreJob:
    """What the worker is asked."""
    config, folder = session.config, session.folder
    return ScoreJob(
        folder=folder.scores,
        pool=folder.pool,
        base=config.base,
        prompt=config.prompt,
        decode=config.decode,
        signals=config.signals,
        wanted=wanted,
        shots=tuple(choose_shots(pool, config)),
        answer_pattern=config.pool.answer_pattern,
        recipe=config.recipe,
        lr=warmup_rate(config.recipe),
        seed=config.seed,
    )


def warmup_rate(recipe: RecipeSettings) -> float:
    """The learning rate of a warm-up with adapters: the recipe's where it trains them, else the usual."""
    trains_adapters = recipe.method == "lora" and recipe.lr != "auto"
    return float(recipe.lr) if trains_adapters else LR_CENTRE["lora"]


def _check_read(wanted: Wanted) -> None:
    if wanted.read:
        raise ConfigError(
            f"nothing here computes the signal {wanted.read[0]}",
            expected="strategies whose signals the base gives",
            came=", ".join(wanted.read),
            do="take another strategy: titrant rank --list shows what each needs",
        )
