"""What is heard of a training under way: its log, its progress, a loss that ran away."""

from __future__ import annotations

import json
import math
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from transformers import TrainerCallback

from titrant.errors import TrainError
from titrant.train.checkpoint import seal
from titrant.train.course import CHECKPOINTS, Course

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from transformers import (
        TrainerControl,
        TrainerState,
        TrainingArguments,
    )


LOG = "log.jsonl"


def read_log(arm: Path) -> dict[int, dict[str, float]]:
    """The lines of an arm's log by update; of an update that was made twice, the later one.

    A line that a kill cut is left out.
    """
    path = arm / LOG
    found = {}
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with suppress(json.JSONDecodeError):
            line = json.loads(text)
            found[line["update"]] = line
    return found


def updates_logged(arm: Path) -> int:
    """Updates that an arm's log tells of, the last one whose loss was finite."""
    return max(read_log(arm), default=0)


class Watch(TrainerCallback):
    """Logs each update, stops on a loss that ran away, seals checkpoints."""

    def __init__(self, course: Course, mark: str, names: Mapping[str, str] | None = None) -> None:
        """Watch one training.

        Args:
            course: what is trained, and where.
            mark: its fingerprint.
            names: what the trainer calls a number → what the log calls it; default: those of SFT.
        """
        self.course, self.mark = course, mark
        self._names = {name: name for name in _LOGGED} if names is None else names
        self._started = time.monotonic()
        path = course.out / LOG
        was_cut = path.exists() and not path.read_bytes().endswith(b"\n")
        self._before = "\n" * was_cut  # a kill may have cut the last line

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        """Write a line of the log; a loss or gradient that is not finite ends the arm."""
        if logs is None or "loss" not in logs:
            return
        update, lr = state.global_step, self.course.lr
        for name in ("loss", "grad_norm"):
            if not math.isfinite(logs.get(name, 0.0)):
                raise TrainError(
                    f"the training ran away: {name} is {logs[name]} at update {update} of "
                    f"{state.max_steps}",
                    expected="a finite loss",
                    came=f"learning rate {lr:g}",
                    do=f"lower the learning rate: recipe.lr: {lr / 4:.2g}",
                )
        found = {
            ours: logs[name] for name, ours in self._names.items() if logs.get(name) is not None
        }
        self._write({"update": update, **found})
        if self.course.on_update is not None:
            self.course.on_update(update, state.max_steps)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Mark a checkpoint as whole."""
        seal(self.course.out / CHECKPOINTS / f"checkpoint-{state.global_step}", self.mark)

    def _write(self, line: dict[str, float]) -> None:
        line["seconds"] = round(time.monotonic() - self._started, 3)
        with (self.course.out / LOG).open("a", encoding="utf-8") as log:
            log.write(self._before + json.dumps(line) + "\n")
        self._before = ""


_LOGGED = ("loss", "grad_norm", "learning_rate", "mean_token_accuracy", "entropy")
