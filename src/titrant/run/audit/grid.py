"""Audits at a chosen dose, with no ladder before them: for grids over many treatments, and for worlds in vitro.

    inputs → prepared → base and pilot → arms of the audits → parts → findings

Resumable like any run; the folder is a run folder without an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.run.audit.folder import AuditFolder
from titrant.run.audit.plan import AuditPlan, check_settings, continued, wanted_treatments
from titrant.run.audit.stage import findings_of
from titrant.run.input.labels import labelled_pool
from titrant.run.input.prepare import prepared_pool
from titrant.run.input.scale import ladder_plan
from titrant.run.scores.stage import scored
from titrant.run.titrate import Entries, opened, preliminary, read_inputs

if TYPE_CHECKING:
    from pathlib import Path

    from titrant.audits.base import AuditResult
    from titrant.run.watch import Watcher
    from titrant.settings import Config


def audit_grid(
    config: Config, out: Path, *, dose: int, watcher: Watcher | None = None
) -> tuple[AuditResult, ...]:
    """The findings of a config's audits at one dose of its first strategy.

    Args:
        config: what to audit; `audit.dose` is not read.
        out: the run folder.
        dose: traces of every arm; at most the pool.
        watcher: is told what happens.

    Raises:
        TitrantError: as a titration does.
    """
    check_settings(config.audit)
    with opened(config, out, watcher=watcher) as session:
        inputs, prepared = read_inputs(session)
        pool = labelled_pool(
            session, prepared_pool(session.folder, prepared), entry=Entries().majority
        )
        plan = ladder_plan(session.config, pool)
        scored(session, pool)
        preliminary(session, inputs, prepared, pool=pool, plan=plan)
        settings = config.audit
        wanted = AuditPlan(
            strategy=plan.strategies[0],
            dose=min(dose, plan.pool_size),
            seeds=settings.seeds,
            treatments=wanted_treatments(config),
            benchmark=next(iter(inputs.benchmarks)),
            asked=(settings.fresh, settings.out, settings.problems),
        )
        return findings_of(session, continued(AuditFolder(session.folder.audits), wanted))
