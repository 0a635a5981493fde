"""Audits of two models, without a titration: a base, what was made of it, and a benchmark.

What needs arms on treated traces is not looked at; everything else is: the benchmark and fresh problems are
read with both, both are asked, and the findings go to `audit.json` and `audit.html` of a folder of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.arms import ArmSpec
from titrant.audits.base import AuditResult, Evidence
from titrant.dose.readings import BASE
from titrant.dose.work.executor import LocalExecutor
from titrant.dose.work.layout import plan_layout
from titrant.errors import DataError
from titrant.files import write_text
from titrant.records import Record
from titrant.report.html import render_findings
from titrant.run.alone import holding
from titrant.run.audit.evidence import fresh_fact, judge_all, read_tables
from titrant.run.audit.folder import AuditFolder
from titrant.run.audit.material import FRESH, OUT, FreshNote, freeze_sets, make_sets
from titrant.run.audit.models import AskedModel, Asking, ask_models
from titrant.run.audit.plan import check_settings
from titrant.run.audit.reading import ReadJob
from titrant.run.input.cleaning import look_for_leaks, read_cleaning
from titrant.run.input.inputs import read_named, read_traces
from titrant.run.ladder.readings import collect
from titrant.run.session import read_record
from titrant.run.store.folder import RunFolder
from titrant.traces.table import write_traces

if TYPE_CHECKING:
    from pathlib import Path

    from titrant.run.watch import Watcher
    from titrant.settings import Config
    from titrant.traces.record import Problem
    from titrant.train.job import ArmOutcome

READ = "titrant.run.audit.reading:read"
TUNED = "tuned"
SPECS = {
    "base": ArmSpec(strategy=BASE, dose=0, seed=0, purpose="audit"),
    "tuned": ArmSpec(strategy=TUNED, dose=1, seed=0, purpose="audit"),
}
"""The two models as arms; how many traces made the second is not known."""


class TwoModels(Record):
    """What a folder of two models is about; `models.json`."""

    version: int = 1
    base: str
    tuned: str
    benchmark: str
    asked: tuple[str | None, str | None, int]
    fresh: FreshNote | None = None


class TwoModelAudit(Record):
    """`audit.json`."""

    version: int = 1
    base: str
    tuned: str
    benchmark: str
    audits: tuple[AuditResult, ...]


def audit_models(
    config: Config, tuned: Path, out: Path, watcher: Watcher, *, has_pool: bool = False
) -> TwoModelAudit:
    """Audit what was made of a base.

    Args:
        config: base, benchmark, prompt, decode, audit; the pool counts only with `has_pool`.
        tuned: folder of the model or adapter that was made of it, or a hub id.
        out: where everything goes; the same one goes on.
        watcher: is told what happens.
        has_pool: whether the config's pool is what the model was trained on.

    Raises:
        ConfigError: unknown audits.
        DataError: the folder holds other models, or something cannot be read.
        BusyError: another process works on the folder.
    """
    check_settings(config.audit)
    with holding(out):
        folder = RunFolder(out)
        found = _begin(config, tuned, folder, watcher=watcher, has_pool=has_pool)
        with LocalExecutor(
            plan_layout(config.executor.workers, config.executor.threads), log=folder.log
        ) as executor:
            weights = {"base": None, "tuned": tuned}
            watcher.stage("reading")
            for role, spec in SPECS.items():
                job = ReadJob(folder=out, config=config, spec=spec, weights=weights[role])
                outcome: ArmOutcome = executor.call(
                    READ, job, on_progress=lambda p: watcher.progress("reading", *p)
                )
                watcher.note(f"{role}: {next(iter(outcome.accuracy.values()), 0.0):.1%}")
            asking = Asking(folder.audits, folder.audit_problems, found.benchmark, config)
            models = [AskedModel("base", 0, None), AskedModel("tuned", 0, tuned)]
            ask_models(executor, asking, models, watcher=watcher)
        return _judge(config, found, folder)


def _begin(
    config: Config, tuned: Path, folder: RunFolder, *, watcher: Watcher, has_pool: bool
) -> TwoModels:
    """Problems and pool on disk; refuses a folder of other models."""
    path = folder.root / "models.json"
    settings = config.audit
    wanted = TwoModels(
        base=config.base.path,
        tuned=str(tuned),
        benchmark="",
        asked=(settings.fresh, settings.out, settings.problems),
    )
    if path.exists():
        known = read_record(path, TwoModels)
        if known.model_copy(update={"benchmark": "", "fresh": None}) != wanted:
            raise DataError(
                f"{folder.root} holds the audit of other models or problems",
                expected=f"{known.base} and {known.tuned}, {known.asked}",
                came=f"{wanted.base} and {wanted.tuned}, {wanted.asked}",
                do="choose another --out",
            )
        return known
    watcher.stage("problems")
    named = read_named(config.benchmark[0], config, watcher)
    sets = make_sets(config, named.name, named.problems, watcher)
    if has_pool:
        _read_pool(config, {named.name: named.problems}, folder, watcher=watcher)
    freeze_sets(folder.audit_problems, sets)
    found = wanted.model_copy(update={"benchmark": named.name, "fresh": sets.fresh})
    write_text(path, found.model_dump_json(indent=2) + "\n")
    return found


def _read_pool(
    config: Config,
    problems: dict[str, list[Problem]],
    folder: RunFolder,
    *,
    watcher: Watcher,
) -> None:
    traces, _ = read_traces(config, watcher)
    traces, _ = look_for_leaks(traces, problems, config, folder=folder, watcher=watcher)
    folder.audits.mkdir(parents=True, exist_ok=True)
    write_traces(AuditFolder(folder.audits).pool, traces)


def _judge(config: Config, found: TwoModels, folder: RunFolder) -> TwoModelAudit:
    evidence = Evidence(
        tables=read_tables(
            AuditFolder(folder.audits), config, folder.audit_problems, config.audit.names
        ),
        readings=collect(
            folder,
            [spec.arm_id for spec in SPECS.values()],
            [found.benchmark, FRESH, OUT],
        ),
        benchmark=found.benchmark,
        level=config.ladder.confidence,
        facts={"cleaning": read_cleaning(folder), **fresh_fact(found.fresh)},
    )
    results = judge_all(AuditFolder(folder.audits), evidence, config)
    audit = TwoModelAudit(
        base=found.base, tuned=found.tuned, benchmark=found.benchmark, audits=results
    )
    write_text(folder.root / "audit.json", audit.model_dump_json(indent=2) + "\n")
    subjects = (("base", found.base), ("tuned", found.tuned), ("benchmark", found.benchmark))
    write_text(folder.root / "audit.html", render_findings(results, subjects))
    return audit
