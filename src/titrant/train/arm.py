"""One arm from start to end, in a worker: train, read, judge, keep, and say that it is done.

    arms/<arm_id>/
      checkpoints/   inside a long training; gone afterwards
      trained/       weights and what they cost, whole or absent, until they are kept or dropped
      samples/       one Parquet file per shard of attempts
      log.jsonl      one line per update (an update may stand twice after a kill: the later counts)
      adapter/ model/   what `train.keep` keeps; a fully trained model under `models` only
      done.json      the outcome; the last file to be written

A kill at any moment costs at most the time since the last checkpoint or shard. An arm with
`done.json` is answered from it. A loss that ran away is the outcome of an arm, and so final; too
little memory is its outcome too, but the next start tries again. What is wrong with config, data or
machine is raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import torch

from titrant.arms import ArmCost
from titrant.engines.base import engines
from titrant.engines.locate import TOKENIZERS, find_base
from titrant.engines.transformers import TransformersEngine
from titrant.errors import TrainError
from titrant.files import explained, remove, remove_partials, replacing, write_text
from titrant.train.command import check_result, run_command, write_subset
from titrant.train.context import ArmContext, open_context
from titrant.train.course import CHECKPOINTS, SEED_SPACE
from titrant.train.here import Trained, material_of, planned_cost, seeds_of, train_here
from titrant.train.job import ArmJob, ArmOutcome
from titrant.train.plan_updates import plan_updates
from titrant.train.samples import Reader, Summary, read_arm
from titrant.train.weights import is_adapter, load_weights, merged_copy, save_weights, settle
from titrant.treat.table import CLEAN, parse_treatment

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel

    from titrant.engines.base import Engine

Report = Callable[[str, int, int], None]
"""Told (phase, done, total); phases are `train` and `read`."""

DONE, SETTLED, TRAINED, COST = "done.json", "outcome.json", "trained", "cost.json"
_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")


def run_arm(job: ArmJob, *, progress: Report | None = None) -> ArmOutcome:
    """Train and read one arm, or go on with it, or give back its outcome if it is done.

    Raises:
        TitrantError: something that is not about this arm alone.
    """
    folder = job.run_dir / "arms" / job.spec.arm_id
    if (folder / DONE).exists():
        return ArmOutcome.model_validate_json((folder / DONE).read_bytes())
    parse_treatment(job.spec.treatment)
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        remove_partials(folder)
        if not (folder / SETTLED).exists():
            try:
                outcome = _train_and_read(job, folder, progress or _say_nothing)
            except (RuntimeError, MemoryError) as error:
                return _without_memory(job, error)
            write_text(folder / SETTLED, outcome.model_dump_json(indent=2) + "\n")
        return _finish(job, folder)


def _train_and_read(job: ArmJob, folder: Path, report: Report) -> ArmOutcome:
    context = open_context(job)
    trained = _trained(job, context, folder, report)
    arm_id = job.spec.arm_id
    if trained.model is None:
        return ArmOutcome(
            arm_id=arm_id, cost=trained.cost, changed=trained.changed, error=trained.error
        )
    engine = _open_engine(job, context, trained.model, folder)
    reader = Reader(engine, job.spec, job.config, context.builder.opens_thinking)
    summary = read_arm(
        reader,
        context.asks(job.spec.purpose),
        folder / "samples",
        on_shard=lambda done, total: report("read", done, total),
    )
    return _outcome(arm_id, trained, summary)


def _outcome(arm_id: str, trained: Trained, summary: Summary) -> ArmOutcome:
    return ArmOutcome(
        arm_id=arm_id,
        changed=trained.changed,
        cost=trained.cost.model_copy(
            update={
                "generated_tokens": trained.cost.generated_tokens + summary.generated_tokens,
                "read_s": summary.seconds,
            }
        ),
        accuracy=summary.accuracy,
        truncated=summary.truncated,
        unreadable=summary.unreadable,
    )


def _trained(job: ArmJob, context: ArmContext, folder: Path, report: Report) -> Trained:
    """The arm's model: the base at dose 0, what an earlier start has trained, or trained now."""
    stored = folder / TRAINED
    if job.spec.dose == 0:
        return Trained(context.fresh_base().model, ArmCost())
    if (stored / COST).exists():
        cost = ArmCost.model_validate_json((stored / COST).read_bytes())
        model = load_weights(stored, job.config.base, context.fresh_base())
        return Trained(model, cost, changed=_changed(job, context))
    if job.config.train.command:
        with replacing(stored) as beside:
            found = _train_outside(job, context, out=beside)
            found = found._replace(changed=_changed(job, context))
            (beside / COST).write_text(found.cost.model_dump_json(), encoding="utf-8")
        return found
    found = train_here(job, context, lambda done, total: report("train", done, total))
    found = found._replace(changed=_changed(job, context))
    if found.model is not None:
        with replacing(stored) as beside:
            found = found._replace(
                model=settle(found.model, context.tokenizer, beside, dtype=context.dtype)
            )
            (beside / COST).write_text(found.cost.model_dump_json(), encoding="utf-8")
    remove(folder / CHECKPOINTS)  # not before the weights are in place: a kill would cost it all
    return found


def _changed(job: ArmJob, context: ArmContext) -> float | None:
    """Share of an arm's traces that its treatment changed; `None` where it has none."""
    return None if job.spec.treatment == CLEAN else context.treated(job.spec).share_changed


def _train_outside(job: ArmJob, context: ArmContext, *, out: Path) -> Trained:
    """Run the user's trainer into `out`; its tokens are those that our recipe would have trained."""
    command = cast("str", job.config.train.command)
    traces, rows, recipe = material_of(job, context)
    seeds, started = seeds_of(job), time.monotonic()
    plan = plan_updates(recipe, [len(row.input_ids) for row in rows], seed=seeds.order)
    folder = out.parent
    subset = folder / "subset.jsonl"
    write_subset(subset, traces, job.config.prompt)
    out.mkdir()
    values = {
        "base": str(find_base(job.config.base).folder.absolute()),
        "subset": str(subset.absolute()),
        "out": str(out.absolute()),
        "dose": str(job.spec.dose),
        "seed": str(seeds.weights % SEED_SPACE),
        "updates": str(plan.updates),
        "rows_per_update": str(recipe.rows_per_update),
        "lr": f"{job.lr:g}",
    }
    run_command(command, values, log=folder / "command.log")
    check_result(out, command)
    if not is_adapter(out) and not any(path for glob in TOKENIZERS for path in out.glob(glob)):
        context.tokenizer.save_pretrained(out)  # many trainers leave the model alone
    subset.unlink()
    return Trained(
        load_weights(out, job.config.base, context.fresh_base()),
        planned_cost(rows, plan, updates=plan.updates),
    ).timed(started)


def _open_engine(job: ArmJob, context: ArmContext, model: PreTrainedModel, folder: Path) -> Engine:
    """The engine around the trained model; engines with a process of their own load it from disk."""
    decode, kind = job.config.decode, engines.get(job.config.decode.engine)
    if kind is TransformersEngine:
        return TransformersEngine(
            model,
            context.tokenizer,
            batch_tokens=decode.batch_tokens,
            model_name=f"{context.name}/{job.spec.arm_id}",
        )
    stored, base = folder / TRAINED, job.config.base
    loader = cast("Any", kind)
    if not stored.exists():
        return loader.load(base, batch_tokens=decode.batch_tokens)
    if is_adapter(stored):
        return loader.load(base, adapter=stored, batch_tokens=decode.batch_tokens)
    trained = base.model_copy(update={"path": str(stored), "revision": None})
    return loader.load(trained, batch_tokens=decode.batch_tokens)


def _finish(job: ArmJob, folder: Path) -> ArmOutcome:
    """Keep what is to be kept, remove the rest, and only then declare the arm done."""
    stored, keep = folder / TRAINED, kept_of(job)
    remove(folder / CHECKPOINTS)  # left by a kill just before they were removed
    if stored.exists():
        if is_adapter(stored):
            _keep_adapter(job, folder)
        elif keep == "models":
            stored.replace(folder / "model")
        else:
            remove(stored)
    outcome = ArmOutcome.model_validate_json((folder / SETTLED).read_bytes())
    (folder / SETTLED).replace(folder / DONE)
    return outcome


def kept_of(job: ArmJob) -> str:
    """What stays of an arm, as `train.keep`; clean arms of audits stay whole, since they are asked."""
    if job.spec.purpose == "audit" and job.spec.treatment == CLEAN:
        return "adapters" if job.config.recipe.method == "lora" else "models"
    return job.config.train.keep


def _keep_adapter(job: ArmJob, folder: Path) -> None:
    stored, keep = folder / TRAINED, kept_of(job)
    if keep == "models":
        context = open_context(job)
        with replacing(folder / "model") as beside:
            save_weights(merged_copy(stored, context.fresh_base()), context.tokenizer, beside)
    if keep == "none":
        remove(stored)
    else:
        remove(folder / "adapter")
        stored.replace(folder / "adapter")


def _without_memory(job: ArmJob, error: Exception) -> ArmOutcome:
    """The outcome of an arm for which the memory did not suffice; other errors go on."""
    if not any(words in str(error).lower() for words in _NO_MEMORY):
        raise error
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    told = TrainError(
        "not enough memory for this arm",
        came=str(error).splitlines()[0],
        do="lower recipe.rows_per_device or decode.batch_tokens, or set "
        "recipe.gradient_checkpointing: true",
    )
    return ArmOutcome(arm_id=job.spec.arm_id, error=str(told))


def _say_nothing(phase: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
