"""Run a batch of arms: claim each in the journal, run it, note its end; stop at a limit.

What an arm has finished is on disk before the journal says so: `reconcile` makes the two agree when
a run is taken up again, whatever moment it was killed at.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from titrant.run.ladder.limits import spent_between_arms
from titrant.run.session import read_record
from titrant.train.job import ArmJob, ArmOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from titrant.dose.work.worker import Progress
    from titrant.run.session import Session
    from titrant.run.store.folder import RunFolder
    from titrant.run.store.journal import Journal

BEAT_S = 5.0
"""Seconds between two heartbeats of an arm in the journal."""


def run_batch(session: Session, jobs: Sequence[ArmJob]) -> str | None:
    """Run the arms that are pending; those that are finished are left as they are.

    Returns:
        The limit that was reached before the last arm was begun; `None` if all were.
    """
    reached: list[str] = []
    beats: dict[str, float] = {}

    def claimed() -> Iterator[ArmJob]:
        for job in jobs:
            limit = spent_between_arms(session)
            if limit is not None:
                reached.append(limit)
                return
            if session.journal.claim(job.spec.arm_id, session.owner):
                session.watcher.arm(job.spec.arm_id, "running")
                yield job

    def on_progress(job: ArmJob, progress: Progress) -> None:
        arm_id, now = job.spec.arm_id, time.monotonic()
        session.watcher.progress(arm_id, *progress)
        if now - beats.get(arm_id, 0.0) > BEAT_S:
            beats[arm_id] = now
            session.journal.beat(arm_id)

    show_finished(session, jobs)
    for job, outcome in session.executor.run(claimed(), on_progress=on_progress):
        settle(session, job, outcome)
    return reached[0] if reached else None


def show_finished(session: Session, jobs: Sequence[ArmJob]) -> None:
    """Tell the watcher which of the arms are finished already."""
    entries = session.journal.arms()
    for job in jobs:
        entry = entries[job.spec.arm_id]
        if entry.state == "done" and entry.outcome is not None:
            outcome = ArmOutcome.model_validate_json(entry.outcome)
            session.watcher.arm(outcome.arm_id, "reused", headline(outcome))


def settle(session: Session, job: ArmJob, outcome: ArmOutcome) -> None:
    """Note the end of an arm."""
    session.journal.settle(job.spec.arm_id, outcome.model_dump_json(), error=outcome.error)
    if outcome.error is None:
        session.watcher.arm(outcome.arm_id, "done", headline(outcome))
    else:
        session.watcher.arm(outcome.arm_id, "failed")
        session.watcher.warn(f"{outcome.arm_id} failed: {outcome.error}")


def headline(outcome: ArmOutcome) -> float | None:
    """The accuracy on the first benchmark."""
    return next(iter(outcome.accuracy.values()), None)


def reconcile(folder: RunFolder, journal: Journal, *, retry_round: int | None) -> None:
    """Make the journal agree with the files of the arms.

    An arm with a `done.json` is done. One that was running, or is said to be done without that file,
    is pending again; so is one that failed or was skipped in `retry_round`, the round under way.
    """
    back = []
    for arm_id, entry in journal.arms().items():
        path = folder.done(arm_id)
        if path.exists():
            if entry.state != "done" or entry.outcome is None:
                outcome = read_record(path, ArmOutcome)
                journal.settle(arm_id, outcome.model_dump_json(), error=outcome.error)
        elif entry.state in ("running", "done") or (
            entry.state in ("failed", "skipped") and entry.round == retry_round
        ):
            back.append(arm_id)
    journal.put_back(back)
