"""The rounds of the ladder: decide, write the decision down, run its arms, decide again.

A decision is a pure function of the readings at a round barrier, and it is on disk before its first
arm starts. So neither kills nor timing nor the number of workers can change which arms are run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from titrant.arms import ArmSpec
from titrant.dose.ladder.ladder import judge_strategy, next_round
from titrant.errors import ConfigError, TrainError, in_brief
from titrant.files import write_text
from titrant.records import Record
from titrant.run.ladder.batch import reconcile, run_batch
from titrant.run.ladder.limits import spent_between_rounds
from titrant.run.ladder.readings import collect, deciding_table
from titrant.run.scores.ranked import ensure_ranking
from titrant.run.session import read_record
from titrant.run.watch import EndPoint
from titrant.select.rank import draw_of
from titrant.settings import LimitSettings
from titrant.traces.record import Verdict
from titrant.traces.verify.verdict import Claim, verify_one_exact
from titrant.train.job import ArmJob
from titrant.worlds.verdicts import is_judged_by_world

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import polars as pl

    from titrant.dose.ladder.ladder import LadderPlan, RoundDecision
    from titrant.dose.readings import ReadingTable
    from titrant.run.session import Session
    from titrant.run.store.folder import RunFolder
    from titrant.run.store.journal import ArmEntry, Journal
    from titrant.settings import Config
    from titrant.traces.record import Problem, Trace

IDLE_ROUNDS = 2
"""Rounds without a new reading (all arms failed) after which the ladder gives up."""


class Round(Record):
    """One decision; `rounds/<number>.json`."""

    version: int = 1
    number: int
    """0: base and pilot; 1, 2 …: the ladder."""
    arms: tuple[ArmSpec, ...]
    stop: str | None = None
    """Why the ladder ends here; `None` while it goes on."""
    by_limit: bool = False
    """The end came from `limits:`; larger limits open it again."""
    limits: LimitSettings
    """The limits under which it was decided."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """What the rounds need to know; fixed once round 0 is over."""

    plan: LadderPlan
    pool: Sequence[Trace]
    benchmarks: tuple[str, ...]
    guess: dict[str, bool] | None
    """qid → whether the best constant answer is right; on the benchmark that decides."""
    zero: str
    """arm_id of the base reading that counts."""
    lr: float


def climb(session: Session, ladder: Ladder) -> Round:
    """Run rounds until one says stop; returns that one.

    Raises:
        TrainError: no arm at the top dose could be trained.
        ConfigError: the limit on arms is under what the first round takes.
    """
    number = 1
    while True:
        current = known_round(session.folder, number)
        if current is None:
            current = write_round(session, decide(session, ladder, number))
        if current.stop is not None:
            return current
        limit = run_round(session, ladder, current)
        if limit is not None:
            return write_round(session, _stopped(session, number + 1, limit, by_limit=True))
        show(session, ladder)
        number += 1


def known_round(folder: RunFolder, number: int) -> Round | None:
    """A round decided earlier."""
    path = folder.round(number)
    return read_record(path, Round) if path.exists() else None


def rounds_of(folder: RunFolder) -> list[Round]:
    """All decisions on disk, in order."""
    return [read_record(path, Round) for path in sorted(folder.rounds.glob("[0-9]*.json"))]


def take_up(folder: RunFolder, journal: Journal, config: Config) -> None:
    """Make the journal agree with the folder, and open a run again that ended at an older limit."""
    known = rounds_of(folder)
    if known and known[-1].by_limit and known[-1].limits != config.limits:
        folder.answer.unlink(missing_ok=True)
        folder.round(known.pop().number).unlink()
    for decided in known:
        journal.add_round(decided.number, decided.model_dump_json(), decided.arms)
    is_open = bool(known) and known[-1].stop is None
    reconcile(folder, journal, retry_round=known[-1].number if is_open else None)


def write_round(session: Session, decided: Round) -> Round:
    """Put a decision on disk, then into the journal."""
    text = decided.model_dump_json(indent=2)
    write_text(session.folder.round(decided.number), text + "\n")
    session.journal.add_round(decided.number, text, decided.arms)
    if decided.stop is not None:
        session.journal.skip_pending()
    return decided


def _stopped(session: Session, number: int, reason: str, *, by_limit: bool) -> Round:
    return Round(
        number=number, arms=(), stop=reason, by_limit=by_limit, limits=session.config.limits
    )


def decide(session: Session, ladder: Ladder, number: int) -> Round:
    """The next round, from what has been read."""
    entries = session.journal.arms()
    if number == 1:
        decision = next_round(None, settings=session.config.ladder, plan=ladder.plan)
        specs = tuple(spec for spec in decision.arms if spec.dose > 0)
        check_room(session.config, ladder.plan, specs, len(entries))
        return Round(number=1, arms=specs, limits=session.config.limits)
    check_top(entries, ladder.plan)
    limit = spent_between_rounds(session)
    if limit is not None:
        return _stopped(session, number, limit, by_limit=True)
    if _is_idle(entries, number):
        return _stopped(session, number, "arms keep failing", by_limit=False)
    table = read_table(session, ladder)
    decision = next_round(
        table, settings=session.config.ladder, plan=ladder.plan, guess=guess_of(table, ladder)
    )
    return Round(
        number=number,
        arms=fresh(decision.arms, entries),
        stop=_in_users_count(decision, session.config),
        by_limit=decision.by_limit,
        limits=session.config.limits,
    )


def _in_users_count(decision: RoundDecision, config: Config) -> str | None:
    """Why the ladder ends; a limit on arms in the user's count, with base and pilot."""
    if decision.by_limit and config.limits.arms is not None:
        return f"the limit of {config.limits.arms} arms is reached"
    return decision.stop


def run_round(session: Session, ladder: Ladder, current: Round) -> str | None:
    """Run the arms of a round; returns the limit that cut it short."""
    write_rankings(session, ladder.pool, current.arms)
    session.watcher.arms(f"round {current.number}", current.arms)
    jobs = [
        ArmJob(run_dir=session.folder.root, spec=spec, config=session.config, lr=ladder.lr)
        for spec in current.arms
    ]
    return run_batch(session, jobs)


def write_rankings(session: Session, pool: Sequence[Trace], specs: Iterable[ArmSpec]) -> None:
    """The rankings that these arms cut their subsets from, where they are missing."""
    for strategy, draw in sorted({(s.strategy, draw_of(s.strategy, s.seed)) for s in specs}):
        ensure_ranking(session.folder, pool, session.config, strategy=strategy, draw=draw)


def check_room(config: Config, plan: LadderPlan, first: Sequence[ArmSpec], n_before: int) -> None:
    """Refuse a limit on arms that the first round alone would break.

    Raises:
        ConfigError: says how many arms are needed.
    """
    if config.limits.arms is not None and plan.max_arms < len(first):
        raise ConfigError(
            "limits.arms is too small for a curve",
            expected=f"{len(first) + n_before} arms at least: {n_before} for base and pilot, "
            f"{len(first)} for the first round",
            came=str(config.limits.arms),
            do="raise limits.arms, or lower ladder.first_doses and ladder.top_seeds",
        )


def check_top(entries: dict[str, ArmEntry], plan: LadderPlan) -> None:
    """Refuse to go on where every arm at the top dose failed: there is no Δ without it.

    Raises:
        TrainError: names the errors.
    """
    top = [e for e in entries.values() if e.spec.dose == plan.top_dose and e.spec.lr is None]
    groups = [top]
    if plan.shared_dose is None:
        groups = [[e for e in top if e.spec.strategy == name] for name in plan.strategies]
    for group in groups:
        if group and all(entry.state == "failed" for entry in group):
            reasons = sorted({in_brief(entry.error or "") for entry in group})
            advice = dict.fromkeys(do for _, do in reasons if do)
            raise TrainError(
                f"all {len(group)} arms at the top dose of {plan.top_dose:,} traces failed",
                expected="one at least, since it defines the gain",
                came="; ".join(what for what, _ in reasons),
                do="; ".join(
                    [
                        *advice,
                        "a changed recipe is another run and needs another --out; after any other "
                        "repair run the same command again",
                    ]
                ),
            )


def fresh(specs: Sequence[ArmSpec], entries: dict[str, ArmEntry]) -> tuple[ArmSpec, ...]:
    """The arms with the next free seed each, where theirs was used by an arm that failed."""
    taken, found = set(entries), []
    for spec in specs:
        while spec.arm_id in taken:
            spec = spec.model_copy(update={"seed": spec.seed + 1})  # noqa: PLW2901 - until it is free
        taken.add(spec.arm_id)
        found.append(spec)
    return tuple(found)


def trained(entries: dict[str, ArmEntry]) -> int:
    """Arms of the ladder that were trained and read."""
    return sum(
        entry.state == "done" and entry.spec.purpose == "ladder" for entry in entries.values()
    )


def _is_idle(entries: dict[str, ArmEntry], number: int) -> bool:
    """Whether the last rounds gave no reading at all."""
    last = range(max(1, number - IDLE_ROUNDS), number)
    return len(last) == IDLE_ROUNDS and all(
        not any(e.round == n and e.state == "done" for e in entries.values()) for n in last
    )


def done_arms(journal: Journal, zero: str) -> list[str]:
    """The arms whose readings count: the zero and every finished arm of the ladder."""
    return [
        arm_id
        for arm_id, entry in journal.arms().items()
        if entry.state == "done" and (arm_id == zero or entry.spec.purpose == "ladder")
    ]


def read_frame(session: Session, ladder: Ladder) -> pl.DataFrame:
    """Every reading that counts, of all benchmarks."""
    arm_ids = done_arms(session.journal, ladder.zero)
    return collect(session.folder, arm_ids, ladder.benchmarks)


def read_table(session: Session, ladder: Ladder) -> ReadingTable | None:
    """The readings on the benchmark that decides."""
    return deciding_table(read_frame(session, ladder), ladder.benchmarks[0])


def guess_scores(problems: Sequence[Problem], guess: str | None) -> dict[str, bool] | None:
    """Whether the best constant answer is right, by qid."""
    if guess is None:
        return None
    return {
        problem.qid: verify_one_exact(Claim(guess, problem.gold, _kind_of_guess(problem)))
        == Verdict.CORRECT
        for problem in problems
    }


def _kind_of_guess(problem: Problem) -> str:
    """A constant answer to what a world judges is held against the gold text."""
    return "exact" if is_judged_by_world(problem) else problem.gold_kind


def guess_of(table: ReadingTable | None, ladder: Ladder) -> np.ndarray | None:
    """The guess's score in the order of a table's problems."""
    if table is None or ladder.guess is None:
        return None
    return np.array([ladder.guess[qid] for qid in table.qids], dtype=float)


def show(session: Session, ladder: Ladder) -> None:
    """Tell the watcher what is known now."""
    check_top(session.journal.arms(), ladder.plan)
    table = read_table(session, ladder)
    if table is not None and any(arm.dose == ladder.plan.top_dose for arm in table.arms):
        found = [_end_point(table, session, ladder, name) for name in ladder.plan.strategies]
        session.watcher.end_points(found)


def _end_point(table: ReadingTable, session: Session, ladder: Ladder, strategy: str) -> EndPoint:
    part = table.strategy(strategy, shared_dose=ladder.plan.shared_dose)
    found = judge_strategy(
        table,
        strategy,
        plan=ladder.plan,
        settings=session.config.ladder,
        guess=guess_of(table, ladder),
    )
    ed, gain = found.ed, found.gain
    return EndPoint(
        strategy=strategy,
        verdict=found.verdict,
        ed=None if ed is None else ed.estimate,
        low=None if ed is None else ed.low,
        high=None if ed is None else ed.high,
        gain=gain.estimate,
        gain_low=gain.low,
        gain_high=gain.high,
        arms=sum(arm.dose > 0 for arm in part.arms),
    )
