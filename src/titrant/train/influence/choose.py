"""What gradient influence is told: its settings, and the validation problems, held out of the pool."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from titrant.errors import ConfigError, DataError
from titrant.seeds import derive
from titrant.settings import RecipeSettings
from titrant.traces.record import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.traces.record import Trace


@dataclass(frozen=True, slots=True)
class InfluenceSettings:
    """How influence is measured; the defaults are those of LESS where it has them."""

    lr: float
    """Peak learning rate of the warm-up."""
    root: int
    """Root seed."""
    recipe: RecipeSettings = field(default_factory=RecipeSettings)
    """How the warm-up trains: adapter or all weights (`method`), rows per update, schedule … Its
    `match`, `updates`, `epochs` and `checkpoint_every` are not used."""
    share: float = 0.05
    """Share of the pool that the warm-up trains on; one update's rows at least."""
    epochs: int = 4
    """Passes of the warm-up over that share."""
    checkpoints: int = 4
    """Where gradients are taken: so many times, evenly spaced, the last at the end."""
    dims: int = 8192
    """Length of a projected gradient. With an adapter of 39,424 weights on the shipped base, 8,192 keep
    the order of the pool (rank correlation with unprojected gradients above 0.95); 512, which are said
    to suffice there, keep it roughly (above 0.7). As many as there are weights keep it exactly and, on
    a toy base, cost no more."""
    projection: Literal["signs", "sketch"] = "signs"
    """`signs` as in LESS, or `sketch` where its signs are too many: an adapter of millions of weights;
    see `project`."""
    batch_tokens: int = 8192
    """Tokens whose rows' gradients are taken side by side; fewer where the weights are many."""

    def __post_init__(self) -> None:
        if min(self.epochs, self.checkpoints, self.dims, self.batch_tokens) < 1:
            raise ConfigError(
                "influence cannot be measured with these settings",
                expected="epochs, checkpoints, dims and batch_tokens of at least 1",
                came=f"{self.epochs}, {self.checkpoints}, {self.dims}, {self.batch_tokens}",
                do="raise what is under 1",
            )
        if not 0 < self.share <= 1:
            raise ConfigError(
                "the share of the pool that influence warms up on is no share",
                expected="a number above 0 and at most 1",
                came=str(self.share),
                do="correct it",
            )


class HeldOut(NamedTuple):
    """A pool, parted."""

    pool: list[Trace]
    """Traces of all other questions, in their order."""
    validation: list[Trace]
    """One right trace per question that was held out."""


def hold_out(traces: Sequence[Trace], n: int, *, root: int) -> HeldOut:
    """Hold `n` questions out of a pool, to validate on; never take them from the benchmark.

    Questions are chosen among those with a trace verified as right, by a hash of root seed and qid;
    among right traces of one question a hash of the uid decides. All traces of a question that is
    held out leave the pool: a trace would otherwise be measured against its own question.

    Raises:
        DataError: fewer questions than that have a right trace, or no trace would be left.
    """
    right = [trace for trace in traces if trace.verdict == Verdict.CORRECT]
    right.sort(key=lambda trace: derive(root, "influence", "trace", trace.uid))
    by_question: dict[str, Trace] = {}
    for trace in right:
        by_question.setdefault(trace.qid, trace)
    chosen = sorted(by_question, key=lambda qid: derive(root, "influence", "question", qid))[:n]
    kept = set(chosen)
    rest = [trace for trace in traces if trace.qid not in kept]
    if len(chosen) < n or not rest:
        raise DataError(
            "the pool has too few questions to hold some out for influence",
            expected=f"{n} questions with a trace verified as right, and others beside them",
            came=f"{len(by_question)} with a right trace, {len(rest)} traces beside those held out",
            do="hold out fewer, or take a pool with gold answers",
        )
    return HeldOut(rest, [by_question[qid] for qid in chosen])
