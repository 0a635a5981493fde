"""From the folder to evidence, and from evidence to findings on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from titrant.audits.base import AuditResult, Evidence, audits
from titrant.files import write_text
from titrant.run.audit.asking import part_fingerprints
from titrant.run.audit.folder import read_part
from titrant.run.ladder.readings import collect
from titrant.settings import AuditSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from titrant.audits.base import ModelRole
    from titrant.run.audit.asking import AskedModel
    from titrant.run.audit.folder import AuditFolder
    from titrant.run.audit.material import FreshNote
    from titrant.run.audit.plan import AuditPlan
    from titrant.run.store.folder import RunFolder
    from titrant.settings import Config
    from titrant.train.job import ArmOutcome


def read_tables(
    folder: AuditFolder, config: Config, problems: Path, models: Sequence[AskedModel]
) -> dict[str, pl.DataFrame]:
    """What these models have answered for the config's audits, by part; parts without rows are absent."""
    asked: list[tuple[ModelRole, int]] = [(model.role, model.seed) for model in models]
    tables = {}
    for name, fingerprint in part_fingerprints(config, problems, models).items():
        found = read_part(folder.part(name, fingerprint), asked)
        if found is not None:
            tables[name] = found
    return tables


def arm_readings(
    folder: RunFolder, plan: AuditPlan, outcomes: Mapping[str, ArmOutcome]
) -> pl.DataFrame | None:
    """Readings of the arms of the audits that did not fail; `None` where there are none."""
    done = [
        spec.arm_id
        for spec in plan.specs
        if spec.arm_id in outcomes and outcomes[spec.arm_id].error is None
    ]
    if not done:
        return None
    sets = sorted({name for arm_id in done for name in outcomes[arm_id].accuracy})
    return collect(folder, done, sets)


def arm_facts(outcomes: Mapping[str, ArmOutcome]) -> dict[str, dict[str, Any]]:
    """What arms cost, and which share of their rows the treatment changed."""
    return {
        arm_id: {
            "train_tokens": outcome.cost.train_tokens,
            "loss_tokens": outcome.cost.loss_tokens,
            "changed": outcome.changed,
        }
        for arm_id, outcome in outcomes.items()
    }


def fresh_fact(note: FreshNote | None) -> dict[str, Any]:
    """How fresh problems were made, as judges look for it."""
    return {} if note is None else {"fresh": note.as_set}


def judge_all(folder: AuditFolder, evidence: Evidence, config: Config) -> tuple[AuditResult, ...]:
    """The findings of every audit that the settings name, written to their files."""
    results = []
    for name in config.audit.names:
        result = audits.get(name).judge(evidence, config.audit)
        write_text(folder.result(name), result.model_dump_json(indent=2) + "\n")
        results.append(result)
    return tuple(results)


def joined(before: Sequence[AuditResult], now: Sequence[AuditResult]) -> tuple[AuditResult, ...]:
    """Findings of earlier calls with those of this one, which replace their own; in the page's order."""
    by_name = {result.audit: result for result in (*before, *now)}
    order = [*AuditSettings().names, *by_name]
    return tuple(by_name[name] for name in dict.fromkeys(order) if name in by_name)
