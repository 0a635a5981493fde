"""The last stage of `run --audit`: arms on clean and treated traces, questions to their models, findings.

    answer → plan → problems → arms (base, clean, treated) → parts (base, clean models) → findings → report

As every stage it reads the folder and adds to it. The plan is written before it is acted on, arms go through
the journal, and what models answer is kept chunk by chunk; killed at any moment, the same command goes on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from titrant.audits.base import Evidence
from titrant.errors import DataError
from titrant.files import write_text
from titrant.report.html import render_report
from titrant.run.audit.asking import AskedModel
from titrant.run.audit.evidence import (
    arm_facts,
    arm_readings,
    fresh_fact,
    joined,
    judge_all,
    read_tables,
)
from titrant.run.audit.folder import AuditFolder
from titrant.run.audit.material import freeze_sets, make_sets
from titrant.run.audit.models import ENTRY, Asking, ask_models
from titrant.run.audit.plan import AUDIT_ROUND, AuditPlan, check_settings, plan_audit, write_plan
from titrant.run.input.cleaning import read_cleaning
from titrant.run.input.inputs import load_benchmarks
from titrant.run.input.scale import counts_questions
from titrant.run.ladder.batch import reconcile, run_batch
from titrant.run.ladder.preliminary import Pilot, Zero, with_template
from titrant.run.ladder.readings import read_samples
from titrant.run.ladder.rounds import write_rankings
from titrant.run.session import read_record
from titrant.select.rank import draw_of, first_of_questions, read_ranking
from titrant.select.shots import choose_shots
from titrant.traces.table import load_traces, write_traces
from titrant.train.job import ArmJob, ArmOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from titrant.audits.base import AuditResult
    from titrant.report.answer import Answer
    from titrant.run.session import Session
    from titrant.settings import Config


def audit_run(
    session: Session, answer: Answer, *, only: Sequence[str] = (), entry: str = ENTRY
) -> Answer:
    """Audit a finished titration; the answer with its findings, written back with its report.

    Args:
        session: of the run.
        answer: of the titration; findings of earlier audits stay in it.
        only: audits to make this time; empty: those of the config.
        entry: what workers run to ask a model.

    Raises:
        ConfigError: unknown audits or treatments, or settings other than those that were begun with.
        TitrantError: an arm or a question met an error that is not about it alone.
    """
    session = replace(session, config=with_audits(session.config, only))
    check_settings(session.config.audit)
    plan = plan_audit(AuditFolder(session.folder.audits), session.config, answer)
    results = joined(answer.audits, findings_of(session, plan, entry=entry))
    return _write_back(session, answer.model_copy(update={"audits": results}))


def with_audits(config: Config, only: Sequence[str]) -> Config:
    """The same config with these audits alone; as it is where none is named."""
    if not only:
        return config
    audit = config.audit.model_copy(update={"names": tuple(only)})
    return config.model_copy(update={"audit": audit})


def findings_of(
    session: Session, plan: AuditPlan, *, entry: str = ENTRY
) -> tuple[AuditResult, ...]:
    """Everything that a plan asks for, done or taken up again; its findings, also in `audits/`.

    Raises:
        TitrantError: as in `audit_run`.
    """
    session = _without_arm_limit(session)
    folder = AuditFolder(session.folder.audits)
    plan = _begin(session, folder, plan)
    _run_arms(session, plan)
    outcomes = _outcomes(session, plan)
    models = list(_models(session, plan, outcomes))
    ask_models(
        session.executor,
        asking_of(session, plan),
        models,
        watcher=session.watcher,
        entry=entry,
    )
    session.watcher.stage("findings")
    problems = session.folder.audit_problems
    tables = read_tables(folder, session.config, problems, models)
    return judge_all(folder, _evidence(session, plan, tables, outcomes), session.config)


def _evidence(
    session: Session,
    plan: AuditPlan,
    tables: dict[str, pl.DataFrame],
    outcomes: dict[str, ArmOutcome],
) -> Evidence:
    return Evidence(
        tables=tables,
        readings=arm_readings(session.folder, plan, outcomes),
        benchmark=plan.benchmark,
        level=session.config.ladder.confidence,
        facts={
            "cleaning": read_cleaning(session.folder),
            **_templates(session, plan.benchmark),
            "arms": arm_facts(outcomes),
            **fresh_fact(plan.fresh),
        },
    )


def _without_arm_limit(session: Session) -> Session:
    """Arms of audits were asked for by name: a limit on the ladder's arms does not count them."""
    limits = session.config.limits.model_copy(update={"arms": None})
    return replace(session, config=session.config.model_copy(update={"limits": limits}))


def _begin(session: Session, folder: AuditFolder, plan: AuditPlan) -> AuditPlan:
    """Plan and problems on disk, arms in the journal."""
    problems = session.folder.audit_problems
    if not (folder.plan.exists() and problems.exists()):
        session.watcher.stage("audit problems")
        benchmark = load_benchmarks(session.folder)[plan.benchmark]
        sets = make_sets(session.config, plan.benchmark, benchmark, session.watcher)
        freeze_sets(problems, sets)
        plan = plan.model_copy(update={"fresh": sets.fresh, "out": sets.out})
    write_plan(folder, plan)
    session.journal.add_round(AUDIT_ROUND, plan.model_dump_json(), plan.specs)
    reconcile(session.folder, session.journal, retry_round=AUDIT_ROUND)
    return plan


def _run_arms(session: Session, plan: AuditPlan) -> None:
    folder = session.folder
    pool = load_traces(folder.pool)
    write_rankings(session, pool, (spec for spec in plan.specs if spec.dose > 0))
    ranking = read_ranking(folder.ranking(plan.strategy, draw_of(plan.strategy, 0)))
    by_uid = {trace.uid: trace for trace in pool}
    ranked = [by_uid[row.uid] for row in ranking.rows]
    is_by_question = counts_questions(session.config)
    trained = first_of_questions(ranked, plan.dose) if is_by_question else ranked[: plan.dose]
    write_traces(AuditFolder(folder.audits).pool, trained)
    pilot = read_record(folder.stage("pilot"), Pilot)
    template = _base_template(session)
    jobs = [
        ArmJob(
            run_dir=folder.root,
            spec=spec,
            config=session.config if spec.dose else with_template(session.config, template),
            lr=pilot.lr,
        )
        for spec in plan.specs
    ]
    session.watcher.arms("audit", plan.specs)
    limit = run_batch(session, jobs)
    if limit is not None:
        session.watcher.warn(f"{limit}: audits rest on the arms that were trained up to there")


def _outcomes(session: Session, plan: AuditPlan) -> dict[str, ArmOutcome]:
    entries = session.journal.arms()
    known = {spec.arm_id: entries[spec.arm_id].outcome for spec in plan.specs}
    return {
        arm_id: ArmOutcome.model_validate_json(text)
        for arm_id, text in known.items()
        if text is not None
    }


def asking_of(session: Session, plan: AuditPlan) -> Asking:
    """What every model of a run is asked."""
    return Asking(
        folder=session.folder.audits,
        problems=session.folder.audit_problems,
        benchmark=plan.benchmark,
        config=session.config,
        shots=tuple(choose_shots(load_traces(session.folder.pool), session.config)),
    )


def _models(
    session: Session, plan: AuditPlan, outcomes: dict[str, ArmOutcome]
) -> Iterator[AskedModel]:
    """The base, and the model of every clean arm that was trained."""
    yield AskedModel("base", 0, None, _base_template(session))
    for spec in plan.clean:
        outcome = outcomes.get(spec.arm_id)
        if outcome is not None and outcome.error is None:
            yield AskedModel("tuned", spec.seed, _weights(session, spec.arm_id))


def _base_template(session: Session) -> str:
    """The template that the zero of every gain was read under: the base's best."""
    zero = read_record(session.folder.stage("zero"), Zero)
    return next(v.template for v in zero.variants if v.arm_id == zero.chosen)


def _weights(session: Session, arm_id: str) -> Path:
    """Where a clean arm of an audit keeps what it has trained.

    Raises:
        DataError: it is not there any more.
    """
    folder = session.folder.arm(arm_id)
    for name in ("adapter", "model"):
        if (folder / name).exists():
            return folder / name
    raise DataError(
        f"the weights of {arm_id} are gone",
        expected=f"{folder / 'adapter'} or {folder / 'model'}",
        came="neither",
        do=f"delete {folder} and run the same command again: the arm is trained anew",
    )


def _templates(session: Session, benchmark: str) -> dict[str, Any]:
    """Which problems the base solves under each template, and which one arms and base are asked under."""
    zero = read_record(session.folder.stage("zero"), Zero)
    scores = {}
    for variant in zero.variants:
        samples = read_samples(session.folder, variant.arm_id).filter(
            (pl.col("benchmark") == benchmark) & pl.col("correct").is_not_null()
        )
        means = samples.group_by("qid").agg(pl.col("correct").cast(pl.Float64).mean()).sort("qid")
        scores[variant.template] = means["correct"].to_numpy()
    return {
        "templates": scores,
        "template": zero.variants[0].template,
        "base_template": _base_template(session),
    }


def _write_back(session: Session, answer: Answer) -> Answer:
    write_text(session.folder.answer, answer.model_dump_json(indent=2) + "\n")
    session.watcher.stage("report")
    write_text(session.folder.report, render_report(answer))
    return answer
