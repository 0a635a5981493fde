"""The titration: from a config to an answer, stage by stage over a run folder.

    inputs → prepared → scores (if a strategy needs them) → round 0 (base, pilot) → rounds → readings
    → answer → subset → report

Every stage reads the folder and adds to it. Killed at any moment, the same call goes on where it was
and ends with the same answer: what is finished has a file that was renamed into place, decisions are
written down before they are acted on, and everything after the last arm is computed from the files.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from titrant.dose.work.executor import LocalExecutor
from titrant.dose.work.layout import oversubscription, plan_layout
from titrant.engines.locate import HUB_ID
from titrant.errors import ConfigError
from titrant.report.answer import Answer
from titrant.run.audit.plan import check_settings
from titrant.run.audit.stage import audit_run, with_audits
from titrant.run.input.inputs import (
    Inputs,
    Named,
    freeze_problems,
    gather,
    is_outdated,
    load_benchmarks,
)
from titrant.run.input.labels import labelled_pool
from titrant.run.input.names import check_names
from titrant.run.input.prepare import Prepared, PrepareJob, prepared_pool
from titrant.run.input.scale import ladder_plan
from titrant.run.ladder.batch import run_batch
from titrant.run.ladder.preliminary import (
    Pilot,
    PilotPlan,
    Zero,
    base_specs,
    choose_rate,
    choose_zero,
    lr_centre,
    plan_pilot,
    rate_without_pilot,
    with_template,
)
from titrant.run.ladder.rounds import (
    Ladder,
    Round,
    climb,
    guess_scores,
    known_round,
    take_up,
    write_rankings,
    write_round,
)
from titrant.run.result.finish import Known, finish
from titrant.run.scores.ranked import ranked
from titrant.run.scores.stage import scored
from titrant.run.session import Executor, Session, read_record
from titrant.run.store.folder import RunFolder, enter, forget_inputs, make_folder, write_config
from titrant.run.store.journal import open_journal
from titrant.run.store.lock import hold, this_process, write_owner
from titrant.run.store.manifest import begin_manifest
from titrant.run.watch import Silent
from titrant.select.rank import draw_of
from titrant.train.job import ArmJob

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from titrant.arms import ArmSpec
    from titrant.dose.ladder.ladder import LadderPlan
    from titrant.dose.work.worker import Progress
    from titrant.run.watch import Watcher
    from titrant.settings import Config
    from titrant.traces.record import Trace


@dataclass(frozen=True, slots=True)
class Entries:
    """What the workers load, as "module:attribute"."""

    arm: str = "titrant.train.arm:run_arm"
    prepare: str = "titrant.run.input.prepare:prepare"
    base: str = "titrant.engines.locate:find_base"
    score: str = "titrant.run.scores.job:score"
    ask: str = "titrant.run.audit.asking:ask"
    majority: str = "titrant.run.input.majority:label"


def titrate(
    config: Config,
    out: Path,
    *,
    watcher: Watcher | None = None,
    entries: Entries | None = None,
    wait: bool = False,
    audit: bool = False,
    only: Sequence[str] = (),
) -> Answer:
    """Run a titration in the folder `out`, or go on with the one that is there.

    Args:
        config: what to titrate.
        out: the run folder.
        watcher: is told what happens.
        entries: what the workers run; for tests and for other trainers.
        wait: wait for another process on the same folder instead of refusing.
        audit: also ask whether the gain is real, as `config.audit` says.
        only: the audits to make this time, of those of `config.audit`; empty: all of them.

    Raises:
        TitrantError: see `titrant.errors`; the folder can be resumed after each.
    """
    entries = entries or Entries()
    if audit:
        check_settings(with_audits(config, only).audit)
    with opened(config, out, watcher=watcher, entries=entries, wait=wait) as session:
        if session.folder.answer.exists() and session.folder.report.exists():
            answer = read_record(session.folder.answer, Answer)
        else:
            answer = _stages(session, entries)
        if not audit:
            return answer
        return audit_run(session, answer, only=only, entry=entries.ask)


@contextmanager
def opened(
    config: Config,
    out: Path,
    *,
    watcher: Watcher | None = None,
    entries: Entries | None = None,
    wait: bool = False,
) -> Iterator[Session]:
    """Hold a run folder, with its journal made to agree with it and workers ready to start.

    Raises:
        TitrantError: the folder is busy, damaged, or belongs to another config.
    """
    check_names(config)
    watcher, entries = watcher or Silent(), entries or Entries()
    folder = make_folder(out)
    with hold(folder, wait=wait, on_wait=watcher.note):
        config = enter(folder, config)
        journal, note = open_journal(folder.journal)
        if note is not None:
            watcher.warn(note)
        with journal:
            take_up(folder, journal, config)
            with _executor(folder, config, entries, watcher) as executor:
                session = Session(folder, config, journal, executor, watcher)
                journal.begin_session(session.owner)
                begin_manifest(folder, config)
                yield session


def _executor(
    folder: RunFolder, config: Config, entries: Entries, watcher: Watcher
) -> LocalExecutor:
    layout = plan_layout(config.executor.workers, config.executor.threads)
    warning = oversubscription(layout)
    if warning is not None:
        watcher.warn(warning)
    return LocalExecutor(
        layout,
        entry=entries.arm,
        log=folder.log,
        on_workers=lambda pids: write_owner(folder, tuple(this_process(pid) for pid in pids)),
    )


def _stages(session: Session, entries: Entries) -> Answer:
    inputs, prepared = read_inputs(session, entries)
    pool = prepared_pool(session.folder, prepared)
    pool = labelled_pool(session, pool, entry=entries.majority)
    plan = ladder_plan(session.config, pool)
    scores = scored(session, pool, entry=entries.score)
    zero, pilot = preliminary(session, inputs, prepared, pool=pool, plan=plan)
    benchmarks = load_benchmarks(session.folder)
    names = tuple(benchmarks)
    ladder = Ladder(
        plan=_limited(plan, session),
        pool=pool,
        benchmarks=names,
        guess=guess_scores(benchmarks[names[0]], inputs.guess),
        zero=zero.chosen,
        lr=pilot.lr,
    )
    last = climb(session, ladder)
    known = Known(inputs, prepared, scores)
    return finish(session, ladder, last, known)


def read_inputs(session: Session, entries: Entries | None = None) -> tuple[Inputs, Prepared]:
    """Pool and benchmarks, then base and rows; pins the base's revision in the config."""
    folder, given = session.folder, session.config
    entries = entries or Entries()
    if not folder.stage("prepared").exists():
        if folder.stage("inputs").exists() and is_outdated(given, folder):
            forget_inputs(folder)  # the doctor refused a row, say, and the file was mended
        find_first(given, session.executor, session.watcher, entries=entries)
    inputs = session.stage("inputs", Inputs, lambda: gather(given, folder, session.watcher))
    job = PrepareJob(run_dir=folder.root, config=with_names(given, inputs))
    prepared = session.stage("prepared", Prepared, lambda: _prepare(session, entries, job))
    session.config = pinned(job.config, prepared)
    if given.base.revision != prepared.revision:
        write_config(folder, pinned(given, prepared))
    return inputs, prepared


def find_first(config: Config, executor: Executor, watcher: Watcher, *, entries: Entries) -> None:
    """Find the base, in a worker, before a long pool is read in vain; fetch it if it is not here.

    Raises:
        TitrantError: there is no such base.
    """
    path = config.base.path
    if HUB_ID.fullmatch(path) and not Path(path).exists():
        watcher.note(f"looking for the base {path} on the hub")
    executor.call(entries.base, config.base)


def _prepare(session: Session, entries: Entries, job: PrepareJob) -> Prepared:
    def tell(progress: Progress) -> None:
        session.watcher.progress("prepared", *progress)

    return session.executor.call(entries.prepare, job, on_progress=tell)


def _limited(plan: LadderPlan, session: Session) -> LadderPlan:
    """The plan under `limits.arms`, which counts base and pilot too."""
    limit = session.config.limits.arms
    if limit is None:
        return plan
    before = sum(entry.round == 0 for entry in session.journal.arms().values())
    return plan.model_copy(update={"max_arms": max(0, limit - before)})


def with_names(config: Config, inputs: Inputs) -> Config:
    """The config with the benchmarks' names as they stand in the run folder."""
    benchmarks = tuple(
        settings.model_copy(update={"name": name})
        for settings, name in zip(config.benchmark, inputs.benchmarks, strict=True)
    )
    return config.model_copy(update={"benchmark": benchmarks})


def pinned(config: Config, prepared: Prepared) -> Config:
    """The config with the commit of a base from the hub."""
    base = config.base.model_copy(update={"revision": prepared.revision})
    return config.model_copy(update={"base": base})


def preliminary(
    session: Session,
    inputs: Inputs,
    prepared: Prepared,
    *,
    pool: list[Trace],
    plan: LadderPlan,
) -> tuple[Zero, Pilot]:
    """Read the base and run the pilot, all side by side."""
    folder, journal = session.folder, session.journal
    pilot = _pilot_plan(session, pool, plan)
    bases = base_specs(prepared.templates)
    specs = (*bases.values(), *(pilot.specs if pilot else ()))
    if not (folder.stage("zero").exists() and folder.stage("pilot").exists()):
        _run_round_zero(session, bases, specs, pool=pool)
    first = next(iter(inputs.benchmarks))
    zero = session.stage("zero", Zero, lambda: choose_zero(folder, journal, bases, benchmark=first))
    found = session.stage(
        "pilot",
        Pilot,
        lambda: (
            choose_rate(folder, journal, pilot)
            if pilot
            else rate_without_pilot(session.config.recipe)
        ),
    )
    session.watcher.note(f"learning rate {found.lr:g}: {found.reason}")
    if found.warning is not None:
        session.watcher.warn(found.warning)
    return zero, found


def _pilot_plan(session: Session, pool: list[Trace], plan: LadderPlan) -> PilotPlan | None:
    if session.config.recipe.lr != "auto":
        return None
    strategy = plan.strategies[0]
    ranking = ranked(
        session.folder, pool, session.config, strategy=strategy, draw=draw_of(strategy, 0)
    )
    pilot = plan_pilot(pool, session.config, plan, ranking)
    if pilot is not None and not session.folder.pilot_problems.exists():
        freeze_problems(session.folder.pilot_problems, [Named("pilot", list(pilot.problems))])
    return pilot


def _run_round_zero(
    session: Session,
    bases: dict[str, ArmSpec],
    specs: tuple[ArmSpec, ...],
    *,
    pool: list[Trace],
) -> None:
    if known_round(session.folder, 0) is None:
        write_round(session, Round(number=0, arms=specs, limits=session.config.limits))
    write_rankings(session, pool, (spec for spec in specs if spec.dose > 0))
    template_of = {spec.arm_id: template for template, spec in bases.items()}
    jobs = []
    for spec in specs:
        config = session.config
        if spec.arm_id in template_of:
            config = with_template(config, template_of[spec.arm_id])
        lr = spec.lr if spec.lr is not None else lr_centre(config.recipe)
        jobs.append(ArmJob(run_dir=session.folder.root, spec=spec, config=config, lr=lr))
    session.watcher.arms("base and pilot", specs)
    limit = run_batch(session, jobs)
    if limit is not None:
        raise ConfigError(
            "the limits end the run before anything is known",
            expected="room for the base, the pilot and the first round",
            came=limit,
            do="raise it and run the same command again: what is finished is kept",
        )
