"""Scoring a pool, in a worker: the base is loaded once, and everything wanted is put into one folder.

    pass over the pool → per-token numbers → score table
    answers of the base → pass rates → score table
    a short training, gradients → influence → score table
    meta.json last

Each part is kept as it is finished, so a job that was killed goes on where it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from titrant.engines.prompt import PromptBuilder
from titrant.lazy import load
from titrant.records import Record
from titrant.run.alone import refuse_other
from titrant.run.scores import difficulty, influence
from titrant.run.scores.wanted import INFLUENCE, Wanted
from titrant.select.strategies.signal import BAND, DIFFICULTY
from titrant.settings import (
    BaseSettings,
    DecodeSettings,
    PromptSettings,
    RecipeSettings,
    SignalSettings,
)
from titrant.signals.asking import Asking
from titrant.signals.base import signals
from titrant.signals.derive import derive_signals, needs_of_signals, pass_cost
from titrant.signals.meta import ScoresMeta, SignalCost, meta_path, read_meta, write_meta
from titrant.signals.onepass import Passed, Scorer, keeping, score_pool
from titrant.traces.record import content_hash
from titrant.traces.table import load_traces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from titrant.signals.base import Needs
    from titrant.traces.record import Trace


class ScoreJob(Record):
    """What is to be known of a pool, and by which base."""

    version: int = 1
    folder: Path
    """Where the scores go."""
    pool: Path
    """The pool as a table of traces."""
    base: BaseSettings
    prompt: PromptSettings
    decode: DecodeSettings
    signals: SignalSettings
    wanted: Wanted
    shots: tuple[tuple[str, str], ...] = ()
    """Worked examples of the prompt."""
    answer_pattern: str | None = None
    """How the base's own answers are read, for difficulty."""
    recipe: RecipeSettings = Field(default_factory=RecipeSettings)
    """How the warm-up for influence is trained."""
    lr: float = 2e-4
    """Its peak learning rate."""
    seed: int = 0


def score(job: ScoreJob, progress: Callable[[str, int, int], None] | None = None) -> ScoresMeta:
    """Make everything that is wanted, and say what it cost.

    Raises:
        TitrantError: the base cannot be loaded, the disk is full, a part is damaged.
    """
    tell = progress or _silent
    traces = load_traces(job.pool)
    loaded = load("titrant.engines.load:load_base")(job.base)
    engine = load("titrant.engines.transformers:TransformersEngine")(
        loaded.model,
        loaded.tokenizer,
        batch_tokens=job.decode.batch_tokens,
        model_name=loaded.name,
    )
    builder = PromptBuilder(loaded.tokenizer, job.prompt, shots=job.shots)
    made_with = _made_with(job, loaded.fingerprint)
    meta = _known(
        job.folder,
        ScoresMeta(
            base=loaded.name,
            fingerprint=content_hash(*made_with.values()),
            made_with=made_with,
            parameters=loaded.model.num_parameters(),
            traces=len(traces),
            failed=0,
            bands=job.signals.bands,
        ),
    )
    if job.wanted.names or job.wanted.hidden:
        vocab = int(loaded.model.config.get_text_config().vocab_size)
        known = content_hash(loaded.fingerprint, job.base.dtype, str(job.shots))
        scorer = Scorer(engine, _asking(job, builder, vocab), vocab, known)
        scorer = keeping(scorer, job.folder)
        meta = _pass(job, traces, scorer, meta, tell)
    if job.wanted.difficulty:
        drawn = difficulty.sample_difficulty(
            job,
            traces,
            engine=engine,
            builder=builder,
            fingerprint=meta.fingerprint,
            parameters=meta.parameters,
            tell=tell,
        )
        meta = _with(meta, DIFFICULTY, difficulty.VERSION, drawn, also=(BAND,))
    if job.wanted.influence:
        measured = influence.measure_influence(
            job,
            traces,
            builder=builder,
            fingerprint=meta.fingerprint,
            parameters=meta.parameters,
            tell=tell,
        )
        meta = _with(meta, INFLUENCE, influence.VERSION, measured)
    write_meta(job.folder, meta)
    return meta


def _known(folder: Path, fresh: ScoresMeta) -> ScoresMeta:
    """What the folder knows already.

    Raises:
        DataError: it was made otherwise, and would be lost.
    """
    if not meta_path(folder).exists():
        return fresh
    known = read_meta(folder)
    if known.fingerprint == fresh.fingerprint:
        return known if known.traces == fresh.traces else fresh
    has_other_base = known.made_with.get("base") != fresh.made_with["base"]
    raise refuse_other(
        folder,
        "scores",
        known=known.made_with,
        asked=fresh.made_with,
        more=f" ({known.base} there, {fresh.base} asked)" if has_other_base else "",
    )


def _silent(_: str, __: int, ___: int) -> None:
    return


def _made_with(job: ScoreJob, model: str) -> dict[str, str]:
    """Everything that decides the values of the score table, part by part."""
    return {
        "base": f"{model} {job.base.model_dump_json()}",
        "prompt": f"{job.prompt.model_dump_json()} {job.shots}",
        # Batches decide nothing; answers and the warm-up depend on all the rest.
        "decode": job.decode.model_dump_json(exclude={"batch_tokens"}),
        "signals": job.signals.model_dump_json(),
        "answer_pattern": str(job.answer_pattern),
        "recipe": f"{job.recipe.model_dump_json()} {job.lr}",
        "seed": str(job.seed),
    }


def _asking(job: ScoreJob, builder: Any, vocab: int) -> Asking:  # noqa: ANN401 - needs a tokenizer
    hidden: frozenset[Needs] = frozenset({"hidden"}) if job.wanted.hidden else frozenset()
    needs = needs_of_signals(job.wanted.names) | hidden
    return Asking(builder, job.prompt, job.signals, needs, min(job.signals.top_logprobs, vocab))


def _pass(
    job: ScoreJob,
    traces: Sequence[Trace],
    scorer: Scorer,
    meta: ScoresMeta,
    tell: Callable[[str, int, int], None],
) -> ScoresMeta:
    """The one pass, and the signals that come of it."""
    found = score_pool(
        traces, scorer, job.folder, progress=lambda n, total: tell("scoring", n, total)
    )
    warnings = derive_signals(
        job.folder,
        job.wanted.names,
        job.signals,
        fingerprint=meta.fingerprint,
        progress=lambda n, total: tell("signals", n, total),
    )
    known = {name: signals.get(name) for name in job.wanted.names}
    return meta.model_copy(
        update={
            "failed": found.failed,
            "versions": meta.versions | {name: s.version for name, s in known.items()},
            "costs": meta.costs | {n: _cost(found, s.needs, meta) for n, s in known.items()},
            "has_hidden": job.wanted.hidden or meta.has_hidden,
            "hidden_cost": _cost(found, frozenset(), meta)
            if job.wanted.hidden
            else meta.hidden_cost,
            "warnings": _said(meta, {name: warnings.get(name) for name in known}),
        }
    )


def _with(
    meta: ScoresMeta, name: str, version: int, made: difficulty.Made, *, also: tuple[str, ...] = ()
) -> ScoresMeta:
    """The record with a signal that does not come of the pass, and columns that come with it."""
    return meta.model_copy(
        update={
            "versions": meta.versions | dict.fromkeys((name, *also), version),
            "costs": meta.costs | {name: made.cost},
            "apart": tuple(sorted({*meta.apart, name})),
            "warnings": _said(meta, {name: made.warning}),
        }
    )


def _said(meta: ScoresMeta, fresh: dict[str, str | None]) -> dict[str, str]:
    """Warnings of signals, those of `fresh` replaced; `None`: nothing to warn of."""
    both = meta.warnings | fresh
    return {name: text for name, text in both.items() if text is not None}


def _cost(found: Passed, needs: frozenset[Needs], meta: ScoresMeta) -> SignalCost:
    return pass_cost(found.cost, needs, parameters=meta.parameters)
