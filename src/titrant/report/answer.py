"""The Answer: a run's result as plain data, written to `answer.json`.

The schema is versioned and documented by the docstrings below; a reader of ours accepts every older
version. Doses are in traces. Accuracies and gains are shares (0.02 is two points). Every interval
carries its level.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from titrant.records import Record

VerdictName = Literal[
    "enough at N",
    "a smaller dose beats the pool",
    "still rising",
    "no response",
    "no response (guessing)",
    "hurts",
    "undecided",
]


class Estimate(Record):
    """A number with its interval; `None` where it does not exist or was not measured."""

    estimate: float | None
    low: float | None
    high: float | None
    level: float
    """Confidence level of the interval."""
    n: int | None = None
    """Problems behind it."""
    seeds: int | None = None
    """Arms behind it."""


class Response(Record):
    """One strategy's end points and fit."""

    strategy: str
    ed95: Estimate
    """In traces. `None` in `estimate`: the target is not reached within the pool, or no gain."""
    ed_levels: dict[str, Estimate]
    """`ed50`, `ed80`, `ed90` beside it."""
    isotonic: Estimate
    """Shape-free estimate of the same end point."""
    shapes: dict[str, float]
    """Weight of each shape."""
    disagreement: float | None
    """Largest ratio between the end points of two shapes that carry 10 % of the weight or more."""
    trace_tokens: float | None
    """Mean tokens per trace × ED95."""
    beyond_pool: bool = False
    """The target that all strategies share is more likely than not beyond this one's top dose."""
    versus: str | None = None
    """The strategy that `ratio` compares with; `None`: not compared."""
    ratio: Estimate | None = None
    """ED95 over that of `versus`; under 1: fewer traces suffice."""
    p_holm: float | None = None
    """Two-sided p-value that the ratio is 1, Holm-corrected over the strategies compared."""


class CurvePoint(Record):
    """One reading of one arm, or the fitted band at one dose."""

    dose: int | float
    """Traces; whole for a reading, real-valued for a point of the fitted band."""
    seed: int | None
    """`None` for a point of the fitted band."""
    accuracy: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    truncated: float | None = None
    """Share of attempts cut by the limit."""
    unreadable: float | None = None


class Curve(Record):
    """Readings and fitted band of one strategy on one benchmark."""

    strategy: str
    benchmark: str
    readings: tuple[CurvePoint, ...]
    band: tuple[CurvePoint, ...]
    target: float | None
    """base + level × Δ."""


class Cost(Record):
    """What the answer cost."""

    arms: int
    tokens: int | None
    """Trained plus generated; `None`: unknown, as for a fit of readings from elsewhere."""
    train_tokens: int | None
    """Tokens of every visit of every row, prompts included, padding not."""
    generated_tokens: int | None
    """Tokens sampled when arms and base were read."""
    seconds: float | None
    """Sum over workers of the time spent in arms."""
    share_of_sweep: float
    """Arms divided by those of a full sweep (every doubling × 5 seeds per strategy)."""


class Subset(Record):
    """The chosen subset on disk."""

    path: str
    """Relative to the run folder."""
    dose: int
    strategy: str
    tokens: int | None


class PilotPoint(Record):
    """One learning rate of the pilot."""

    lr: float
    accuracy: float
    n: int
    chosen: bool


class ArmRow(Record):
    """One line of the report's table of arms."""

    arm_id: str
    strategy: str
    dose: int
    seed: int
    accuracy: float | None
    """On the first benchmark."""
    other_accuracy: dict[str, float]
    """On the other benchmarks, by name."""
    truncated: float | None
    """Share of answers cut by the limit, on the first benchmark; `None`: not measured."""
    unreadable: float | None
    """Share of answers that could not be read, on the first benchmark; `None`: not measured."""
    train_tokens: int
    generated_tokens: int
    seconds: float
    """Training and reading, in seconds."""


class TraceSample(Record):
    """A trace of the chosen subset, for the eyes."""

    question: str
    thinking: str | None
    answer_text: str
    final_answer: str | None
    gold: str | None
    verdict: str | None


class BeforeAfter(Record):
    """What base and a trained arm wrote for the same problem."""

    question: str
    gold: str | None
    before: str
    before_verdict: str | None
    after: str
    after_verdict: str | None
    after_arm: str


class Provenance(Record):
    """Where everything came from."""

    titrant: str
    """Version."""
    created: str
    """ISO date and time, UTC."""
    base: str
    base_fingerprint: str
    pool: str
    pool_rows: int
    pool_questions: int
    pool_hash: str
    benchmarks: dict[str, int]
    """Name → problems."""
    recipe: str
    """The recipe in one line."""
    device: str
    dtype: str
    versions: dict[str, str]
    seed: int


class Answer(Record):
    """The whole result of a run."""

    version: int = 1
    verdict: VerdictName
    sentence: str
    """The answer in one sentence, with its condition on the recipe."""
    decides: str | None
    """What would decide it, where the verdict is undecided."""
    strategy: str
    """The strategy that the headline is about."""
    ed95: Estimate
    level: float
    """The level of the end point: 0.95 unless set otherwise."""
    base: Estimate
    plateau: Estimate
    """Accuracy at the top dose."""
    gain: Estimate
    """plateau − base, paired by problem."""
    top_dose: int
    whole_pool: bool
    """Whether one arm saw every trace of the pool."""
    guess: Estimate | None
    """Accuracy of the best constant answer learned from the pool."""
    responses: tuple[Response, ...]
    curves: tuple[Curve, ...]
    cost: Cost
    subset: Subset | None
    pilot: tuple[PilotPoint, ...] = ()
    transfer: dict[str, Estimate] = Field(default_factory=dict)
    """Other benchmarks: gain of the top dose."""
    arms: tuple[ArmRow, ...] = ()
    traces: tuple[TraceSample, ...] = ()
    before_after: tuple[BeforeAfter, ...] = ()
    warnings: tuple[str, ...] = ()
    provenance: Provenance | None = None
    """`None` for an answer fitted from readings alone."""
