"""The stage of majority labels, where a reward needs them; see `majority` for what the worker does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.errors import DataError
from titrant.run.input.majority import Labelled, MajorityJob
from titrant.run.input.scale import counts_questions
from titrant.train.grpo.labels import FILE, read_labels
from titrant.train.grpo.reward import NEED_LABELS, questions_for

if TYPE_CHECKING:
    from titrant.dose.work.worker import Progress
    from titrant.run.session import Session
    from titrant.traces.record import Trace


def labelled_pool(session: Session, pool: list[Trace], *, entry: str) -> list[Trace]:
    """The traces whose questions the reward can say something about; labels are made where it needs them.

    Raises:
        DataError: no question has a majority that the reward could use.
    """
    reward = session.config.train.grpo.reward
    if not counts_questions(session.config) or reward not in NEED_LABELS:
        return pool
    folder, config = session.folder, session.config

    def tell(progress: Progress) -> None:
        session.watcher.progress("majority", *progress)

    job = MajorityJob(run_dir=folder.root, config=config)
    found = session.stage(
        "majority", Labelled, lambda: session.executor.call(entry, job, on_progress=tell)
    )
    session.watcher.note(f"majority labels: {found.questions:,}, of them {found.right:,} right")
    only = questions_for(reward, read_labels(folder.root / FILE)) or set()
    kept = [trace for trace in pool if trace.qid in only]
    if not kept:
        raise DataError(
            f"the reward {reward} has no question of the pool to say something about",
            expected="questions whose majority answer is wrong"
            if reward == "majority-wrong"
            else "questions that the base answers at all",
            came=f"{found.questions:,} labels, {found.right:,} of them right",
            do="take another reward, or a pool of harder questions",
        )
    return kept
