"""Reading `answer.json` of any version that ever was.

A file of an older version goes through `MIGRATIONS`, one function per step, before it becomes an
Answer. There is one version so far; the door is here so that the second one finds it open.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from titrant.errors import DataError
from titrant.report.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Content = dict[str, Any]

VERSION: int = Answer.model_fields["version"].default
MIGRATIONS: Mapping[int, Callable[[Content], Content]] = {}
"""Version n → the function that makes its content one of version n + 1."""

AGAIN = (
    "name the folder that was given to `titrant run --out`; if this is its answer, delete it and run the "
    "same command again: no arm is repeated"
)


def load_answer(path: Path) -> Answer:
    """The answer of a run folder, or of an `answer.json` named itself.

    Raises:
        DataError: no such file or folder, no answer yet, a damaged file, one of a newer version.
    """
    file = find_answer(path)
    content = migrate(_parse(file), where=file)
    try:
        return Answer.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise DataError(
            f"{file} is no answer of titrant",
            expected=f"the fields of docs/reference/answer.md, version {VERSION}",
            came=f"{field}: {first['msg']}",
            do=AGAIN,
        ) from error


def find_answer(path: Path) -> Path:
    """The `answer.json` that a path means.

    Raises:
        DataError: there is none.
    """
    if path.is_file():
        return path
    expected = "a folder made by `titrant run`, with its answer.json"
    if not path.exists():
        raise DataError(f"{path} does not exist", expected=expected, do="check the path")
    file = path / "answer.json"
    if file.is_file():
        return file
    if (path / "config.yaml").is_file():
        raise DataError(
            f"the run in {path} has no answer yet",
            expected=expected,
            came="a run that was not finished",
            do=f"titrant run {path / 'config.yaml'} --out {path}",
        )
    names = sorted(item.name for item in path.iterdir())
    raise DataError(
        f"{path} is no run folder",
        expected=expected,
        came=", ".join(names[:5]) or "an empty folder",
        do="give the folder that was given to `titrant run --out`",
    )


def migrate(
    content: Content,
    *,
    where: Path | str,
    steps: Mapping[int, Callable[[Content], Content]] = MIGRATIONS,
    current: int = VERSION,
) -> Content:
    """The content in the current version.

    Raises:
        DataError: its version is newer than ours, or has no step that leads on.
    """
    version = content.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise DataError(
            f"{where} does not say its version",
            expected=f'a field "version" of {current} or less',
            came=f"version {version!r}",
            do=AGAIN,
        )
    if version > current:
        raise DataError(
            f"{where} was written by a newer titrant",
            expected=f"version {current} or older",
            came=f"version {version}",
            do="pip install --upgrade titrant",
        )
    while version < current:
        if version not in steps:
            raise DataError(f"{where} has version {version}, which never was", do=AGAIN)
        content = {**steps[version](content), "version": version + 1}
        version += 1
    return content


def _parse(file: Path) -> Content:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(
            f"{file} is cut off or damaged",
            expected="one whole JSON object",
            came=str(error),
            do=AGAIN,
        ) from error
    if not isinstance(content, dict):
        raise DataError(
            f"{file} is no answer of titrant",
            expected="one JSON object",
            came=type(content).__name__,
            do=AGAIN,
        )
    return content
