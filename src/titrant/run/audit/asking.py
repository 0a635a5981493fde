"""Asking one model what the audits want to know, in a worker; kept chunk by chunk.

The base, and each clean arm's model, are asked through the engine that reads arms; the base under the template
that it is read under. Chunks that are there are not asked again; a part's folder carries a fingerprint of
everything that decides its rows: settings, problems, and, where it reads what others have answered, the models.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from titrant.audits.base import ModelRole, Part, Subject, audits
from titrant.engines.base import engines
from titrant.engines.open import open_engine
from titrant.engines.prompt import PromptBuilder
from titrant.files import write_frame
from titrant.lazy import load
from titrant.records import Record
from titrant.run.audit.folder import AuditFolder, read_part
from titrant.run.audit.material import load_material
from titrant.settings import Config
from titrant.traces.record import content_hash
from titrant.traces.table import load_traces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from titrant.audits.base import Material
    from titrant.engines.base import Engine
    from titrant.engines.open import Prompts

NOT_DECISIVE = {"names", "treatments", "seeds", "fresh_is_alike"}
"""Settings of audits that change no answer of a model."""
TRANSFORMERS = "titrant.engines.transformers:TransformersEngine"


class AskedModel(NamedTuple):
    """One model."""

    role: ModelRole
    seed: int
    weights: Path | None
    """`None`: the base."""
    template: str | None = None
    """Prompt template that it is asked under; `None`: the config's."""


class AskJob(Record):
    """One model and the parts that it is asked for."""

    folder: Path
    """Of the audits."""
    problems: Path
    """`audit.parquet`."""
    benchmark: str
    """Name of the deciding one."""
    config: Config
    """Under the model's own template."""
    parts: tuple[str, ...]
    """In the order in which they are asked."""
    fingerprints: dict[str, str]
    """Of all parts, by name; see `part_fingerprints`."""
    models: tuple[tuple[ModelRole, int], ...]
    """Roles and seeds of all models that are asked: answers of others are left aside."""
    role: ModelRole
    seed: int
    weights: Path | None
    """Adapter or model of the arm, or a hub id; `None`: the base."""
    shots: tuple[tuple[str, str], ...] = ()
    """Worked examples of the prompt."""


class Asked(Record):
    """What a job has done."""

    rows: int


def ask(job: AskJob, progress: Callable[[str, int, int], None] | None = None) -> Asked:
    """Ask for every part that is missing.

    Raises:
        TitrantError: the model cannot be loaded or asked.
    """
    folder, known = AuditFolder(job.folder), parts_by_name(job.config.audit.names)
    rows = 0
    for name in job.parts:
        part = known[name]
        material = material_of(job, part)
        items = list(part.items(material, job.config.audit))
        place = folder.part(name, job.fingerprints[name])
        starts = range(0, len(items), part.chunk)
        for number, start in enumerate(starts):
            path = folder.chunk(place, job.role, job.seed, number)
            if not path.exists():
                chunk = items[start : start + part.chunk]
                rows += _write(job, part, chunk, material, path=path)
            if progress is not None:
                progress(name, min(start + part.chunk, len(items)), len(items))
    return Asked(rows=rows)


def _write(job: AskJob, part: Part, chunk: Sequence[Any], material: Material, *, path: Path) -> int:
    frame = part.ask(_subject(job), chunk, material, job.config.audit)
    frame = frame.with_columns(
        pl.lit(job.role).alias("role"), pl.lit(job.seed, dtype=pl.Int64).alias("seed")
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_frame(path, frame)
    return len(frame)


def parts_by_name(names: Sequence[str]) -> dict[str, Part]:
    """The parts of the named audits, by name."""
    return {part.name: part for name in names for part in audits.get(name).parts}


def stages_of_parts(names: Sequence[str]) -> list[list[str]]:
    """The parts of the named audits, those first that need no other."""
    wanted = parts_by_name(names)
    stages: list[list[str]] = []
    placed: set[str] = set()
    while len(placed) < len(wanted):
        ready = [
            name
            for name, part in wanted.items()
            if name not in placed and not (set(part.needs) & set(wanted)) - placed
        ]
        if not ready:
            raise AssertionError(f"parts need each other: {sorted(set(wanted) - placed)}")
        stages.append(ready)
        placed |= set(ready)
    return stages


def part_fingerprints(
    config: Config, problems: Path, models: Sequence[AskedModel]
) -> dict[str, str]:
    """What decides the rows of each part of the config's audits, as a short hash.

    Settings, problems and the templates of the models; of a part that reads what others have answered
    also which models were asked, since its items are all their answers.
    """
    settings = config.audit.model_dump_json(exclude=NOT_DECISIVE)
    shared = config.model_dump_json(include={"prompt", "decode", "signals", "seed"})
    templates = sorted({f"{model.role} {model.template}" for model in models})
    asked = sorted(f"{model.role} {model.seed}" for model in models)
    common = (settings, shared, _content(problems), *templates)
    return {
        name: content_hash(name, *common, *(asked if part.needs else ()))[:8]
        for name, part in parts_by_name(config.audit.names).items()
    }


@lru_cache(maxsize=8)
def _content(path: Path) -> str:
    return content_hash(path.read_bytes().hex())


def material_of(job: AskJob, part: Part) -> Material:
    """The material of a part, with what it needs of earlier ones."""
    folder = AuditFolder(job.folder)
    evidence = {}
    for name in part.needs:
        found = read_part(folder.part(name, job.fingerprints[name]), job.models)
        if found is not None:
            evidence[name] = found
    return load_material(
        job.problems,
        job.config,
        benchmark=job.benchmark,
        pool=load_traces(folder.pool) if folder.pool.exists() else (),
        evidence=evidence,
    )


def _subject(job: AskJob) -> Subject:
    files = ModelFiles(config=job.config, weights=job.weights, shots=job.shots)
    return Subject(job.role, job.seed, *open_model(files))


class ModelFiles(Record):
    """Where a model lies, and how it is asked."""

    config: Config
    weights: Path | None
    """Adapter or model, or a hub id; `None`: the base."""
    shots: tuple[tuple[str, str], ...] = ()


def open_model(files: ModelFiles) -> tuple[Engine, Prompts]:
    """The engine around a model, and its prompts; the last one is kept for the jobs that follow.

    Raises:
        TitrantError: the model cannot be loaded.
    """
    return _opened(files.model_dump_json())


@lru_cache(maxsize=1)
def _opened(text: str) -> tuple[Engine, Prompts]:
    files = ModelFiles.model_validate_json(text)
    return _here(files) if files.config.decode.engine == "transformers" else _elsewhere(files)


def _here(files: ModelFiles) -> tuple[Engine, Prompts]:
    """The model in this process, asked as arms are."""
    config, weights = files.config, files.weights
    base: Any = load("titrant.engines.load:load_base")(config.base)
    builder = PromptBuilder(base.tokenizer, config.prompt, shots=files.shots)
    model = base.model
    if weights is not None:
        model = load("titrant.train.weights:load_weights")(weights, config.base, base)
    engine = load(TRANSFORMERS)(
        model,
        base.tokenizer,
        batch_tokens=config.decode.batch_tokens,
        model_name=base.name,
    )
    return engine, builder


def _elsewhere(files: ModelFiles) -> tuple[Engine, Prompts]:
    """An engine with a process of its own, or a server, under the name of the model."""
    config, weights = files.config, files.weights
    base = config.base
    if weights is not None and not _is_adapter(weights):
        base = base.model_copy(update={"path": str(weights), "revision": None})
    opened = open_engine(base, config.prompt, config.decode, config.server, shots=files.shots)
    if weights is None or not _is_adapter(weights):
        return opened.engine, opened.prompts
    kind: Any = engines.get(config.decode.engine)
    batch = config.decode.batch_tokens
    return kind.load(base, adapter=weights, batch_tokens=batch), opened.prompts


def _is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter; without torch, so that servers can be asked."""
    return (folder / "adapter_config.json").exists()
