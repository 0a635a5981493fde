"""From the folder to evidence, and from evidence to findings on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from titrant.audits.base import AuditResult, Evidence, audits
from titrant.files import write_text
from titrant.run.audit.asking import part_fingerprint
from titrant.run.audit.folder import read_part
from titrant.run.ladder.readings import collect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from titrant.run.audit.folder import AuditFolder
    from titrant.run.audit.material import FreshNote
    from titrant.run.audit.plan import AuditPlan
    from titrant.run.store.folder import RunFolder
    from titrant.settings import Config
    from titrant.train.job import ArmOutcome


def read_tables(
    folder: AuditFolder, config: Config, problems: Path, names: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """What was asked for the named audits, by part; parts without any rows are absent."""
    tables = {}
    for name in names:
        for part in audits.get(name).parts:
            found = read_part(folder.part(part.name, part_fingerprint(config, part.name, problems)))
            if found is not None:
                tables[part.name] = found
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
