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
from titrant.errors import ConfigError, DataError
from titrant.files import write_text
from titrant.records import Record
from titrant.report.html import render_findings
from titrant.run.alone import holding
from titrant.run.audit.asking import AskedModel
from titrant.run.audit.evidence import fresh_fact, joined, judge_all, read_tables
from titrant.run.audit.folder import AuditFolder
from titrant.run.audit.material import FRESH, OUT, FreshNote, freeze_sets, make_sets
from titrant.run.audit.models import Asking, ask_models
from titrant.run.audit.plan import check_settings
from titrant.run.audit.reading import ReadJob
from titrant.run.input.cleaning import look_for_leaks, read_cleaning
from titrant.run.input.inputs import read_named, read_traces
from titrant.run.ladder.readings import collect
from titrant.run.session import read_record
from titrant.run.store.folder import RunFolder
from titrant.select.shots import choose_shots
from titrant.traces.record import content_hash
from titrant.traces.table import load_traces, write_traces

if TYPE_CHECKING:
    from collections.abc import Sequence
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
SAID = {
    "base": "base",
    "tuned": "model",
    "named": "benchmark",
    "pool": "pool",
    "asked": "audit.fresh, audit.out, audit.problems",
    "settings": "settings of prompt, decode, columns and seed with hash",
}
"""Fields of `TwoModels` as messages name them."""


class TwoModels(Record):
    """What a folder of two models is about; `models.json`."""

    version: int = 1
    base: str
    tuned: str
    named: str
    """The benchmark as it was named."""
    pool: str | None
    """What the model was trained on, as it was named; `None`: not told."""
    asked: tuple[str | None, str | None, int]
    """`audit.fresh`, `audit.out` and `audit.problems`."""
    settings: str
    """Hash of what else decides how models are read: prompt, decoding, columns, seed."""
    benchmark: str = ""
    """Its name in the readings; empty: not read yet."""
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
        ConfigError: unknown audits, or worked examples without a pool to take them from.
        DataError: the folder holds an audit of something else, or something cannot be read.
        BusyError: another process works on the folder.
    """
    check_settings(config.audit)
    _check_shots(config, has_pool=has_pool)
    with holding(out):
        folder = RunFolder(out)
        found = _begin(config, wanted_of(config, tuned, has_pool=has_pool), folder, watcher)
        models = [AskedModel("base", 0, None), AskedModel("tuned", 0, tuned)]
        layout = plan_layout(config.executor.workers, config.executor.threads)
        with LocalExecutor(layout, log=folder.log) as executor:
            shots = _shots(config, folder)
            watcher.stage("reading")
            for model in models:
                _read(executor, config, model, shots=shots, watcher=watcher, folder=folder)
            asking = Asking(folder.audits, folder.audit_problems, found.benchmark, config, shots)
            ask_models(executor, asking, models, watcher=watcher)
        return _judge(config, found, models, folder)


def _read(
    executor: LocalExecutor,
    config: Config,
    model: AskedModel,
    *,
    shots: tuple[tuple[str, str], ...],
    watcher: Watcher,
    folder: RunFolder,
) -> None:
    spec = SPECS[model.role]
    job = ReadJob(folder=folder.root, config=config, spec=spec, weights=model.weights, shots=shots)
    outcome: ArmOutcome = executor.call(
        READ, job, on_progress=lambda p: watcher.progress("reading", *p)
    )
    watcher.note(f"{model.role}: {next(iter(outcome.accuracy.values()), 0.0):.1%}")


def _check_shots(config: Config, *, has_pool: bool) -> None:
    if config.prompt.few_shot and not has_pool:
        raise ConfigError(
            "prompt.few_shot needs a pool",
            expected="the pool that worked examples are taken from",
            came="none",
            do="name it: --pool TRACES, or set prompt.few_shot to 0",
        )


def _shots(config: Config, folder: RunFolder) -> tuple[tuple[str, str], ...]:
    pool = AuditFolder(folder.audits).pool
    return tuple(choose_shots(load_traces(pool), config)) if config.prompt.few_shot else ()


def wanted_of(config: Config, tuned: Path, *, has_pool: bool) -> TwoModels:
    """What an audit of two models is about, before anything is read."""
    audit, first = config.audit, config.benchmark[0]
    prompt = config.model_dump_json(include={"prompt", "decode", "seed"})
    return TwoModels(
        base=config.base.path,
        tuned=str(tuned),
        named=first.path,
        pool=config.pool.path if has_pool else None,
        asked=(audit.fresh, audit.out, audit.problems),
        settings=content_hash(prompt, first.model_dump_json())[:8],
    )


def _differences(known: TwoModels, wanted: TwoModels) -> dict[str, tuple[object, object]]:
    """Fields in which a folder differs from what is asked for: name → (there, wanted)."""
    pairs = {
        name: (getattr(known, name), getattr(wanted, name))
        for name in ("base", "tuned", "named", "pool", "asked", "settings")
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _begin(config: Config, wanted: TwoModels, folder: RunFolder, watcher: Watcher) -> TwoModels:
    """Problems and pool on disk; refuses a folder of something else."""
    path = folder.root / "models.json"
    if path.exists():
        known = read_record(path, TwoModels)
        differences = _differences(known, wanted)
        if differences:
            raise DataError(
                f"{folder.root} holds the audit of other models, problems or settings",
                expected=", ".join(
                    f"{SAID[name]} {there}" for name, (there, _) in differences.items()
                ),
                came=", ".join(f"{SAID[name]} {now}" for name, (_, now) in differences.items()),
                do="choose another --out",
            )
        return known
    watcher.stage("problems")
    named = read_named(config.benchmark[0], config, watcher)
    sets = make_sets(config, named.name, named.problems, watcher)
    if wanted.pool is not None:
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


def _judge(
    config: Config, found: TwoModels, models: Sequence[AskedModel], folder: RunFolder
) -> TwoModelAudit:
    evidence = Evidence(
        tables=read_tables(AuditFolder(folder.audits), config, folder.audit_problems, models),
        readings=collect(
            folder,
            [spec.arm_id for spec in SPECS.values()],
            [found.benchmark, FRESH, OUT],
        ),
        benchmark=found.benchmark,
        level=config.ladder.confidence,
        facts={"cleaning": read_cleaning(folder), **fresh_fact(found.fresh)},
    )
    path = folder.root / "audit.json"
    before = read_record(path, TwoModelAudit).audits if path.exists() else ()
    results = joined(before, judge_all(AuditFolder(folder.audits), evidence, config))
    audit = TwoModelAudit(
        base=found.base, tuned=found.tuned, benchmark=found.benchmark, audits=results
    )
    write_text(path, audit.model_dump_json(indent=2) + "\n")
    subjects = (("base", found.base), ("tuned", found.tuned), ("benchmark", found.benchmark))
    write_text(folder.root / "audit.html", render_findings(results, subjects))
    return audit
