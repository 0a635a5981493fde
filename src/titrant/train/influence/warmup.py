"""A short training on a random share of the pool, for the Adam state that gradients are measured in.

It is trained as an arm is (`train_sft`), so through TRL and PEFT, and goes on from its last checkpoint
after a kill. The trainer itself keeps two checkpoints; those that are wanted are linked aside as soon as
they are sealed, and belong to this training only if they bear the seal of its last one.

The learning rate η of a checkpoint is the mean of the updates since the one before, as in LESS (which
takes the mean of an epoch): under a falling schedule the rate *at* the last checkpoint is 0.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from peft import PeftModel
from peft.utils.save_and_load import load_peft_weights, set_peft_model_state_dict
from transformers import Trainer

from titrant.errors import TrainError
from titrant.files import remove
from titrant.seeds import derive, derive_rng
from titrant.train.checkpoint import SEAL
from titrant.train.course import CHECKPOINTS, Course, TrainSeeds
from titrant.train.influence.score import AdamState
from titrant.train.plan_updates import plan_updates
from titrant.train.sft import train_sft
from titrant.train.sft_config import make_sft_config

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from transformers import PreTrainedModel, TrainingArguments

    from titrant.engines.load import LoadedBase
    from titrant.settings import RecipeSettings
    from titrant.train.influence.choose import InfluenceSettings
    from titrant.train.render import Row

KEPT = "kept"
OPTIMIZER, STATE = "optimizer.pt", "trainer_state.json"


class Checkpoint(NamedTuple):
    """One place of the warm-up where gradients are taken."""

    path: Path
    update: int
    rate: float
    """Mean learning rate of the updates since the checkpoint before."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """A warm-up that is done."""

    model: PreTrainedModel | PeftModel
    """Put into the state of one checkpoint after the other by `restore`."""
    checkpoints: tuple[Checkpoint, ...]
    arguments: TrainingArguments
    """With which the optimiser was made."""
    tokens: int
    """Trained, prompts included."""


def choose_rows(rows: Sequence[Row], settings: InfluenceSettings) -> list[Row]:
    """The rows of the warm-up: a random share, one update's rows at least."""
    least = min(len(rows), settings.recipe.rows_per_update)
    n = max(least, round(settings.share * len(rows)))
    order = derive_rng(settings.root, "influence", "warm-up").permutation(len(rows))
    return [rows[i] for i in sorted(order[:n])]


def warm_up_recipe(settings: InfluenceSettings, n_rows: int) -> RecipeSettings:
    """The recipe of the warm-up: as many updates as the epochs take, a multiple of the checkpoints."""
    per_update = settings.recipe.rows_per_update
    apart = max(1, round(settings.epochs * n_rows / per_update / settings.checkpoints))
    updates = max(2, apart * settings.checkpoints)
    # The trainer writes checkpoints only where more than one interval is trained.
    every = max(1, updates // 2) if settings.checkpoints == 1 else updates // settings.checkpoints
    changes = {"match": "updates", "updates": updates, "checkpoint_every": every}
    return settings.recipe.model_copy(update=changes)


def warm_up(
    rows: Sequence[Row],
    base: LoadedBase,
    settings: InfluenceSettings,
    out: Path,
    *,
    on_update: Callable[[int, int], None] | None = None,
) -> WarmUp:
    """Train, or go on with a training that was cut off; `base.model` is changed.

    Args:
        rows: all rows of the warm-up; see `choose_rows`.
        base: untouched.
        settings: learning rate, recipe, checkpoints.
        out: an own folder; the caller removes it when scores are stored.
        on_update: told (updates done, updates in all).

    Raises:
        TrainError: the loss ran away, or the trainer left no Adam state.
    """
    recipe = warm_up_recipe(settings, len(rows))
    wanted = _wanted(recipe, settings.checkpoints)

    def keep(done: int, total: int) -> None:
        _keep(out, wanted)
        if on_update is not None:
            on_update(done, total)

    seeds = TrainSeeds(
        derive(settings.root, "influence", "order"), derive(settings.root, "influence", "weights")
    )
    course = Course(recipe, settings.lr, seeds, out, keep)
    out.mkdir(parents=True, exist_ok=True)
    ended = train_sft(rows, course, model=base.model, tokenizer=base.tokenizer)
    _keep(out, wanted)
    lengths = [len(row.input_ids) for row in rows]
    arguments = make_sft_config(course, plan_updates(recipe, lengths, seed=seeds.order))
    return WarmUp(ended.model, _kept(out, wanted), arguments, ended.train_tokens)


def restore(warm: WarmUp, checkpoint: Checkpoint) -> AdamState:
    """Put the model into the state of a checkpoint; gives its Adam state in the order of gradients.

    Raises:
        TrainError: the optimiser was none that keeps both running means for every weight.
    """
    _load_weights(warm.model, checkpoint.path)
    trained = [weight for weight in warm.model.parameters() if weight.requires_grad]
    # The library decides in which groups and order weights go to the optimiser, so it is asked.
    optimizer = Trainer(model=warm.model, args=warm.arguments).create_optimizer()
    stored = torch.load(checkpoint.path / OPTIMIZER, map_location="cpu", weights_only=True)
    try:
        optimizer.load_state_dict(stored)
        states = [cast("dict[str, Any]", optimizer.state[weight]) for weight in trained]
        means = [
            torch.cat([state[name].flatten().float() for state in states])
            for name in ("exp_avg", "exp_avg_sq")
        ]
    except (KeyError, ValueError) as error:
        raise _no_state(checkpoint.path, f"{type(error).__name__}: {error}") from error
    return AdamState(means[0], means[1], betas=tuple(stored["param_groups"][0]["betas"]))


def _load_weights(model: PreTrainedModel | PeftModel, path: Path) -> None:
    if isinstance(model, PeftModel):
        set_peft_model_state_dict(model, load_peft_weights(str(path), device="cpu"))
        return
    stored = type(model).from_pretrained(path, dtype=torch.float32)
    model.load_state_dict(stored.state_dict())


def _wanted(recipe: RecipeSettings, n_checkpoints: int) -> tuple[int, ...]:
    """Updates after which gradients are taken."""
    return tuple(recipe.updates * (i + 1) // n_checkpoints for i in range(n_checkpoints))


def _keep(out: Path, wanted: Sequence[int]) -> None:
    """Link the wanted checkpoints that are sealed aside, before the trainer removes them."""
    for update in wanted:
        source = out / CHECKPOINTS / f"checkpoint-{update}"
        target = out / KEPT / source.name
        if (source / SEAL).exists() and _mark(source) != _mark(target):
            remove(target)
            partial = target.with_name(f"{target.name}.partial")
            remove(partial)
            shutil.copytree(source, partial, copy_function=_link)
            partial.rename(target)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copy2(source, target)


def _mark(checkpoint: Path) -> str | None:
    """The fingerprint in a checkpoint's seal; `None` without one."""
    try:
        return json.loads((checkpoint / SEAL).read_text(encoding="utf-8"))["fingerprint"]
    except FileNotFoundError:
        return None


def _kept(out: Path, wanted: Sequence[int]) -> tuple[Checkpoint, ...]:
    last = _mark(out / CHECKPOINTS / f"checkpoint-{wanted[-1]}")
    paths = [out / KEPT / f"checkpoint-{update}" for update in wanted]
    for path in paths:
        if last is None or _mark(path) != last or not (path / OPTIMIZER).exists():
            raise _no_state(path, "none of this training")
    rates = _rates(paths[-1])
    starts = (0, *wanted)
    return tuple(
        Checkpoint(path, update, math.fsum(rates[start:update]) / (update - start))
        for path, update, start in zip(paths, wanted, starts, strict=False)
    )


def _rates(checkpoint: Path) -> list[float]:
    """Learning rate of each update up to a checkpoint."""
    state = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
    return [log["learning_rate"] for log in state["log_history"] if "learning_rate" in log]


def _no_state(path: Path, came: str) -> TrainError:
    return TrainError(
        f"the warm-up of influence has no usable Adam state in {path.name}",
        expected="the running means of AdamW for every weight that trains",
        came=came,
        do="leave optim and save_only_model out of recipe.extra, delete the folder of the warm-up "
        f"({path.parent.parent}) and run the same command again",
    )
