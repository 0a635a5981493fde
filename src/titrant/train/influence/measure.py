"""Gradient influence of traces on validation problems: LESS, from traces to one score each.

1. A warm-up trains on a random share of the traces (`warmup`).
2. At each checkpoint the plain gradients of the validation rows are projected and averaged over each
   subtask, then the Adam-preconditioned gradients of all rows are compared with them (`score`).

Gradients are not kept: a batch is projected, compared and forgotten, so memory grows with neither the
pool nor the checkpoints. Validation traces are held out of the pool (`choose.hold_out`); never take them
from the benchmark, or the benchmark has chosen its own training data.

A high score means: an update on this trace alone would lower the loss on the validation traces. It says
so of this base, this recipe and these problems; a trace that repeats a validation trace is the best
there is, so near duplicates of it should be removed first.

Left out: storing projected gradients for other validation sets; going on after a kill at the checkpoint
that was reached (the warm-up goes on, the passes start again).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import torch

from titrant.engines.drawing.rows import stop_ids
from titrant.engines.load import context_of
from titrant.errors import DataError
from titrant.train.influence.gradients import RowGradients
from titrant.train.influence.project import project
from titrant.train.influence.score import alignment, precondition, subtask_means, weigh
from titrant.train.influence.warmup import choose_rows, restore, warm_up
from titrant.train.render import render_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from titrant.engines.load import LoadedBase
    from titrant.engines.prompt import PromptBuilder
    from titrant.traces.record import Trace
    from titrant.train.influence.choose import InfluenceSettings
    from titrant.train.influence.score import AdamState
    from titrant.train.influence.warmup import WarmUp
    from titrant.train.render import Row

Tell = Callable[[str, int, int], None]
"""Told (phase, done, total); phases are `warm-up` (in updates) and `gradients` (in rows)."""


class Validation(NamedTuple):
    """What influence is measured on."""

    traces: Sequence[Trace]
    """Right traces of problems that are not in the pool."""
    subtasks: Sequence[str] | None = None
    """The subtask of each; a trace counts by the one that it helps most. Default: their domains."""


@dataclass(frozen=True, slots=True)
class Influence:
    """Scores, and what they took."""

    scores: np.ndarray
    """In [−1, 1], float64 [traces]; NaN for a trace that does not fit the context."""
    weights: int
    """Numbers in a gradient before it was projected."""
    how: Literal["vmap", "loop"]
    """Whether gradients were taken batch by batch, or one backward pass per row."""
    warmup_tokens: int
    """Trained in the warm-up, prompts included."""
    gradient_tokens: int
    """Passed forward and backward for gradients, all checkpoints together."""
    seconds: float


def influence(
    traces: Sequence[Trace],
    validation: Validation,
    *,
    base: LoadedBase,
    builder: PromptBuilder,
    settings: InfluenceSettings,
    out: Path,
    tell: Tell = lambda *_: None,
) -> Influence:
    """Score traces by what a step on them does for the validation traces.

    Args:
        traces: the pool, without the questions of the validation traces.
        validation: what the pool shall be good for.
        base: untouched; its model is changed, so load another one for what comes next.
        builder: prompts and completions, as in training.
        settings: warm-up, projection, root seed.
        out: a folder for the warm-up; the caller removes it.
        tell: progress.

    Raises:
        DataError: nothing to score, or nothing to validate on.
        TrainError: the warm-up failed.
    """
    started = time.monotonic()
    limit = settings.recipe.max_tokens or context_of(base.model, base.tokenizer)
    stops = stop_ids(base.model, base.tokenizer)
    rows = render_rows(traces, builder, base.tokenizer, stop_ids=stops)
    targets = render_rows(validation.traces, builder, base.tokenizer, stop_ids=stops)
    fits, usable = ([i for i, row in enumerate(of) if _fits(row, limit)] for of in (rows, targets))
    _check(len(fits), len(usable), limit)
    kept = [rows[i] for i in fits]
    names = validation.subtasks or [trace.domain for trace in validation.traces]
    warm = warm_up(
        choose_rows(kept, settings),
        base,
        settings,
        out,
        on_update=lambda done, total: tell("warm-up", done, total),
    )
    at = _Measuring(settings, RowGradients(warm.model, batch_tokens=settings.batch_tokens))
    aims = _Aims([targets[i] for i in usable], [names[i] for i in usable])
    scores = np.full(len(traces), np.nan)
    scores[fits] = at.scores(warm, kept, aims, tell)
    n_tokens = sum(len(row.input_ids) for row in [*kept, *aims.rows])
    return Influence(
        scores,
        weights=at.gradients.n_weights,
        how=at.gradients.how,
        warmup_tokens=warm.tokens,
        gradient_tokens=n_tokens * len(warm.checkpoints),
        seconds=time.monotonic() - started,
    )


class _Aims(NamedTuple):
    rows: list[Row]
    subtasks: list[str]


@dataclass(frozen=True, slots=True)
class _Measuring:
    """One measurement under way."""

    settings: InfluenceSettings
    gradients: RowGradients

    def scores(self, warm: WarmUp, rows: Sequence[Row], aims: _Aims, tell: Tell) -> np.ndarray:
        """Scores of all rows, float64 [rows]."""
        total = len(rows) * len(warm.checkpoints)
        found = []
        for number, checkpoint in enumerate(warm.checkpoints):
            adam = restore(warm, checkpoint)
            done = number * len(rows)
            found.append(
                self._at(adam, rows, aims, lambda n, at=done: tell("gradients", at + n, total))
            )
        return weigh(found, [one.rate for one in warm.checkpoints]).double().numpy()

    def _at(
        self, adam: AdamState, rows: Sequence[Row], aims: _Aims, tell: Callable[[int], None]
    ) -> torch.Tensor:
        """Alignments at one checkpoint, [rows, subtasks], on the CPU."""
        means = subtask_means(self._projected(aims.rows), aims.subtasks)
        aligned = torch.empty(len(rows), len(means))
        adam = adam._replace(first=adam.first.to(means.device), second=adam.second.to(means.device))
        done = 0
        for batch, gradients in self.gradients.each(rows):
            steps = precondition(gradients, adam)
            aligned[batch] = alignment(self._project(steps), means).cpu()
            done += len(batch)
            tell(done)
        return aligned

    def _projected(self, rows: Sequence[Row]) -> torch.Tensor:
        """Projected plain gradients, [rows, dims]."""
        found: list[torch.Tensor] = [torch.empty(0)] * len(rows)
        for batch, gradients in self.gradients.each(rows):
            for i, vector in zip(batch, self._project(gradients), strict=True):
                found[i] = vector
        return torch.stack(found)

    def _project(self, gradients: torch.Tensor) -> torch.Tensor:
        settings = self.settings
        return project(gradients, settings.dims, root=settings.root, kind=settings.projection)


def _fits(row: Row, limit: int | None) -> bool:
    return limit is None or len(row.input_ids) <= limit


def _check(n_rows: int, n_targets: int, limit: int | None) -> None:
    if n_rows and n_targets:
        return
    what = "score" if n_targets else "validate on"
    raise DataError(
        f"influence has nothing to {what}",
        expected="at least one trace to score and one to validate on"
        + ("" if limit is None else f" of at most {limit} tokens"),
        came=f"{n_rows} to score, {n_targets} to validate on",
        do="hold other problems out of the pool, or raise recipe.max_tokens",
    )
