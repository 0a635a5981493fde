"""An external trainer per arm: `train.command` instead of ours.

The command is cut by the rules of a shell (`shlex`) and run without one. Each placeholder is replaced
inside its piece, so a path with blanks stays one argument. The subset is a JSONL file in `messages`
with the thinking inside the assistant's text, which Axolotl, LLaMA-Factory and TRL read as it is.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

from titrant.errors import ConfigError, TrainError
from titrant.registry import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from titrant.settings import PromptSettings
    from titrant.traces.record import Trace

PLACEHOLDERS = ("base", "subset", "out", "dose", "seed", "updates", "rows_per_update", "lr")
TAIL_LINES = 15
"""Lines of the trainer's log that an error shows."""
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def fill(command: str, values: Mapping[str, str]) -> list[str]:
    """The arguments of a command, placeholders replaced.

    Raises:
        ConfigError: an unknown placeholder, or quotes that do not close.
    """
    try:
        pieces = shlex.split(command)
    except ValueError as error:
        raise ConfigError(
            "train.command cannot be cut into arguments",
            expected="a command line as a shell would read it",
            came=f"{error}: {command}",
            do="close every quote",
        ) from error
    for name in _PLACEHOLDER.findall(command):
        if name not in PLACEHOLDERS:
            raise ConfigError(
                f"train.command has an unknown placeholder {{{name}}}",
                expected=", ".join(f"{{{known}}}" for known in PLACEHOLDERS),
                came=command,
                do=nearest(name, PLACEHOLDERS),
            )
    return [_PLACEHOLDER.sub(lambda match: values[match[1]], piece) for piece in pieces]


def write_subset(path: Path, traces: Sequence[Trace], settings: PromptSettings) -> None:
    """Write traces as JSONL in `messages`, thinking inline, for an external trainer."""
    with path.open("w", encoding="utf-8") as lines:
        for trace in traces:
            lines.write(json.dumps({"messages": as_messages(trace, settings)}) + "\n")


def as_messages(trace: Trace, settings: PromptSettings) -> list[dict[str, str]]:
    """A trace as a conversation of OpenAI's kind; the trainer applies its own template."""
    answer = trace.answer_text
    if trace.thinking is not None:
        closing = "" if trace.unfinished else settings.think_close
        answer = settings.think_open + trace.thinking + closing + answer
    turns = [("user", trace.question), ("assistant", answer)]
    if settings.system:
        turns.insert(0, ("system", settings.system))
    return [{"role": role, "content": content} for role, content in turns]


def run_command(command: str, values: Mapping[str, str], *, log: Path) -> None:
    """Run an external trainer to its end; what it prints goes to `log`.

    Raises:
        ConfigError: the command cannot be used or started.
        TrainError: it ended with another exit code than 0.
    """
    arguments = fill(command, values)
    try:
        with log.open("wb") as sink:
            ended = subprocess.run(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                check=False,
            )
    except (FileNotFoundError, PermissionError, IndexError) as error:
        raise ConfigError(
            "train.command cannot be started",
            expected="a program that is installed, with its arguments",
            came=f"{command!r}: {error}",
            do="check the program's path",
        ) from error
    if ended.returncode:
        raise TrainError(
            f"train.command ended with exit code {ended.returncode}",
            expected="exit code 0",
            came=f"{shlex.join(arguments)}\n{_tail(log)}",
            do=f"see {log}",
        )


def check_result(out: Path, command: str) -> None:
    """Check that a trainer has left something to be loaded.

    Raises:
        TrainError: `out` holds neither a model nor an adapter.
    """
    if (out / "adapter_config.json").exists() or (out / "config.json").exists():
        return
    found = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    raise TrainError(
        "train.command left no model",
        expected="adapter_config.json (a LoRA adapter) or config.json (a model) in {out}",
        came=", ".join(found[:8]) or "an empty folder",
        do=f"make the command save into {{out}}: {command}",
    )


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in lines[-TAIL_LINES:])
