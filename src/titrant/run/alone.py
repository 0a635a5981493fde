"""Work in a folder of its own, without a run: one process at a time, one job in one worker.

`titrant score` and `titrant sample` do it. What a folder holds is good for one way of making it, which its
`meta.json` names part by part: made otherwise, it is refused and stays as it is.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from titrant.dose.work.executor import LocalExecutor
from titrant.dose.work.layout import plan_layout
from titrant.errors import BusyError, ConfigError, DataError
from titrant.run.store.folder import OURS, RunFolder
from titrant.run.store.lock import hold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from titrant.dose.work.worker import Progress
    from titrant.run.watch import Watcher
    from titrant.settings import ExecutorSettings


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Hold a folder, made where it is missing, against other processes.

    Raises:
        BusyError: another process works on it.
        ConfigError: it is a file, or cannot be made, or holds what is not ours.
        ResourceError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, FileNotFoundError, PermissionError) as error:
        raise ConfigError(
            f"{folder} cannot be made a folder",
            expected="a folder, or a place where one can be made",
            came="a file" if folder.exists() else error.strerror or type(error).__name__,
            do="choose another --out",
        ) from error
    _check_ours(folder)
    with ExitStack() as stack:
        try:
            stack.enter_context(hold(RunFolder(folder)))
        except BusyError as error:
            raise BusyError(
                error.what,
                expected="no other titrant on this folder",
                came=error.came,
                do="wait until it ends, or choose another --out",
            ) from None
        yield


def _check_ours(folder: Path) -> None:
    """Refuse a folder with files in it that no titrant has worked in."""
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if names and not OURS & set(names):
        raise ConfigError(
            f"{folder} holds other files",
            expected="a new or empty folder, or one that the same command made",
            came=f"{', '.join(names[:3])}{' …' if len(names) > 3 else ''}",
            do=f"choose another one: --out {folder / 'NAME'}",
        )


def work_alone(
    entry: str,
    job: Any,  # noqa: ANN401 - whatever the entry takes
    folder: Path,
    executor: ExecutorSettings,
    *,
    stage: str,
    watcher: Watcher,
) -> Any:  # noqa: ANN401 - whatever the entry gives
    """Do a job in one worker process, whose log goes into the folder.

    Args:
        entry: "module:function" that the worker calls.
        job: what it is called with.
        folder: where the log goes.
        executor: threads of the worker.
        stage: what the watcher is told.
        watcher: is told how far it is.
    """
    watcher.stage(stage)

    def tell(progress: Progress) -> None:
        watcher.progress(stage, *progress)

    layout = plan_layout(1, executor.threads)
    with LocalExecutor(layout, log=folder / "log") as workers:
        return workers.call(entry, job, on_progress=tell)


def refuse_other(
    folder: Path, what: str, *, known: Mapping[str, str], asked: Mapping[str, str], more: str = ""
) -> DataError:
    """The error for a folder whose content was made otherwise than is asked.

    Args:
        folder: it stays as it is.
        what: "scores", "draws".
        known: what the folder was made with, part by part.
        asked: what is asked for now.
        more: said behind the parts that differ.
    """
    other = [name for name, text in asked.items() if known.get(name) != text]
    return DataError(
        f"{folder} holds {what} that were made otherwise",
        expected=f"the same {', '.join(asked)}",
        came=f"another {', '.join(other)}{more}",
        do="choose another folder (--out), give the settings that they were made with (--set), or "
        "delete the folder",
    )
