"""One process at work on one run folder: what all stages share, and how a stage is run once."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from titrant.errors import DataError
from titrant.files import write_text
from titrant.records import Record
from titrant.traces.record import content_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from titrant.dose.work.worker import Progress
    from titrant.run.store.folder import RunFolder
    from titrant.run.store.journal import Journal
    from titrant.run.watch import Watcher
    from titrant.settings import Config
    from titrant.train.job import ArmJob, ArmOutcome

R = TypeVar("R", bound=Record)


class Executor(Protocol):
    """What runs arms; `titrant.dose.work.executor.LocalExecutor` does."""

    def run(
        self,
        jobs: Iterable[ArmJob],
        *,
        on_progress: Callable[[ArmJob, Progress], None] | None = None,
    ) -> Iterator[tuple[ArmJob, ArmOutcome]]:
        """Run arms side by side and yield each as it ends; takes a job when it can begin it."""
        ...

    def call(
        self,
        entry: str,
        argument: object,
        *,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Any:  # noqa: ANN401 - the entry decides
        """Call one function where arms run."""
        ...

    def calls(
        self,
        entry: str,
        arguments: Iterable[object],
        *,
        on_progress: Callable[[Any, Progress], None] | None = None,
    ) -> Iterator[tuple[Any, Any]]:
        """Call one function for each argument, side by side; yields (argument, value) as they end."""
        ...


@dataclass(slots=True)
class Session:
    """What the stages of a run share."""

    folder: RunFolder
    config: Config
    journal: Journal
    executor: Executor
    watcher: Watcher

    @property
    def owner(self) -> str:
        """Who works here, for the journal."""
        return f"{socket.gethostname()}:{os.getpid()}"

    def stage(self, name: str, kind: type[R], work: Callable[[], R]) -> R:
        """What the stage found: read from its file where it has been run, else computed.

        The file is written last and whole, so a stage that has one is finished.
        """
        path = self.folder.stage(name)
        if not path.exists():
            self.watcher.stage(name)
            self.journal.start_stage(name)
            text = work().model_dump_json(indent=2)
            write_text(path, text + "\n")
            self.journal.end_stage(name, content_hash(text))
        return read_record(path, kind)


def read_record(path: Path, kind: type[R]) -> R:
    """A record from its file.

    Raises:
        DataError: the file is damaged, or of a later version.
    """
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(
            f"{path} is damaged",
            expected=f"a {kind.__name__} as titrant wrote it",
            came=str(error).splitlines()[0],
            do="delete the file and run the same command again: it is made anew",
        ) from error
