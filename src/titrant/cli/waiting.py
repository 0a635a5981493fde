"""A progress line for what takes over two seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from titrant.cli.common import console

if TYPE_CHECKING:
    from collections.abc import Callable

QUIET_S = 2.0
"""Progress is shown from then on."""
BAR_WIDTH = 24


class Waiting:
    """A progress line on standard error for what takes over two seconds."""

    def __init__(self) -> None:
        import time

        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._clock = time.monotonic
        self._began = self._clock()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(BAR_WIDTH),
            MofNCompleteColumn(),
            console=console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def at(self, stage: str) -> Callable[[int, int | None], None]:
        """The callback of one stage."""

        def tell(done: int, total: int | None) -> None:
            if self._clock() - self._began < QUIET_S:
                return
            if stage not in self._tasks:
                self._progress.start()
                self._tasks[stage] = self._progress.add_task(stage, total=total)
            self._progress.update(self._tasks[stage], completed=done, total=total)

        return tell
