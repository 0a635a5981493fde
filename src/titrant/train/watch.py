"""What is heard of a training under way: its log, its progress, a loss that ran away."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING

from transformers import TrainerCallback

from titrant.errors import TrainError
from titrant.train.checkpoint import seal
from titrant.train.course import CHECKPOINTS, Course

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import (
        TrainerControl,
        TrainerState,
        TrainingArguments,
    )


LOG = "log.jsonl"


def updates_logged(arm: Path) -> int:
    """Updates that an arm's log tells of, the last one whose loss was finite."""
    path = arm / LOG
    if not path.exists():
        return 0
    lines = path.read_text(encoding="utf-8").splitlines()
    return max((json.loads(line)["update"] for line in lines), default=0)


class Watch(TrainerCallback):
    """Logs each update, stops on a loss that ran away, seals checkpoints."""

    def __init__(self, course: Course, mark: str) -> None:
        self.course, self.mark = course, mark
        self._started = time.monotonic()

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
        self._write({"update": update, **{k: logs[k] for k in _LOGGED if k in logs}})
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
            log.write(json.dumps(line) + "\n")


_LOGGED = ("loss", "grad_norm", "learning_rate", "mean_token_accuracy", "entropy")
