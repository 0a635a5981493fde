"""The Answer: a run's result as plain data, written to `answer.json`.

The schema is versioned and documented by the docstrings below; a reader of ours accepts every older
version. Doses are in traces. Accuracies and gains are shares (0.02 is two points). Every interval
carries its level.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from titrant.audits.base import AuditResult
from titrant.estimate import Estimate
from titrant.records import Record
from titrant.select.clean.report import CleaningReport

VerdictName = Literal[
    "enough at N",
    "a smaller dose beats the pool",
    "still rising",
    "no response",
    "no response (guessing)",
    "hurts",
    "undecided",
]


class Selection(Record):
    """What choosing by a strategy cost, and whether that pays; see `titrant.dose.payoff`."""

    tokens: int
    """Tokens passed, generated or trained to rank the pool; 0 for a strategy that needs no model."""
    flops: float
    """Floating-point operations of that."""
    seconds: float | None
    """Of the machine that did it; `None`: not measured."""
    row_tokens: float | None = None
    """Mean tokens of a training row among the first ED95 traces, prompt included."""
    saving: Estimate | None = None
    """Floating-point operations that one later training on the end point's subset saves against the
    reference's; `None`: one of the two has no end point, or this is the reference."""
    epochs: int | None = None
    """Passes over the subset in that later training."""
    break_even: float | None = None
    """How many times as large the trained model would have to be, or how often the subset be trained
    on, for the selection to pay; at most 1: it pays. `None`: it never does, or not known."""
    pool: float | None = None
    """Largest pool, in traces, at which it pays once; `None`: none, any, or not known."""
    pays: bool | None = None
    """Whether one training of a model as large as the scorer pays for it: yes where the lower end of
    the saving does, no where the upper end does not; `None`: not settled, or not known."""


class AgainstControl(Record):
    """A strategy against random traces that are matched to it: is it more than what it prefers?"""

    control: str
    """The control, as `longest~length`."""
    ratio: Estimate
    """ED95 over that of the control; under 1: fewer traces suffice."""
    p_holm: float
    """Two-sided p-value that the ratio is 1, Holm-corrected over all pairs of the run."""
    outcome: Literal["better", "worse", "not told apart"]
    """*better* or *worse* where `p_holm` is at most 1 − the level of the interval."""


class Response(Record):
    """One strategy's end points and fit."""

    strategy: str
    """How the pool was ranked."""
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
    """Tokens of the first ED95 traces of the ranking (draw 0): thinking and answer, no prompt."""
    beyond_pool: bool = False
    """The target that all strategies share is more likely than not beyond this one's top dose."""
    versus: str | None = None
    """The strategy that `ratio` compares with; `None`: not compared."""
    ratio: Estimate | None = None
    """ED95 over that of `versus`; under 1: fewer traces suffice."""
    p_holm: float | None = None
    """Two-sided p-value that the ratio is 1, Holm-corrected over the strategies compared."""
    controls: tuple[AgainstControl, ...] = ()
    """Against each matched control that takes part."""
    area: float | None = None
    """Area under the fitted response over the log dose, as a share of the shared gain: 1 where one
    trace gives all of it."""
    selection: Selection | None = None
    """What choosing cost; `None`: not known, as for a history or scores from elsewhere."""


class CurvePoint(Record):
    """One reading of one arm, or the fitted band at one dose."""

    dose: int | float
    """Traces; whole for a reading, real-valued for a point of the fitted band."""
    seed: int | None
    """`None` for a point of the fitted band."""
    accuracy: float
    """Correct / asked; for the band, the median of the fitted response."""
    low: float | None = None
    """Lower end of the interval; `None` for a single reading."""
    high: float | None = None
    """Upper end of the interval; `None` for a single reading."""
    n: int | None = None
    """Problems asked."""
    truncated: float | None = None
    """Share of attempts cut by the limit."""
    unreadable: float | None = None
    """Share of attempts whose final answer could not be read."""


class Curve(Record):
    """Readings and fitted band of one strategy on one benchmark."""

    strategy: str
    """How the pool was ranked."""
    benchmark: str
    """The benchmark that was read."""
    readings: tuple[CurvePoint, ...]
    """One per arm, the base first."""
    band: tuple[CurvePoint, ...]
    """The fitted response on a log-dose axis."""
    target: float | None
    """base + level × Δ."""


class Cost(Record):
    """What the answer cost."""

    arms: int
    """Training runs; those of the pilot and those that failed count too."""
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
    """Traces in it."""
    strategy: str
    """How it was chosen."""
    tokens: int | None
    """Of its traces, by the base's tokenizer; `None`: not counted."""


class PilotPoint(Record):
    """One learning rate of the pilot."""

    lr: float
    """Learning rate."""
    accuracy: float
    """Correct / asked at the pilot's dose."""
    n: int
    """Problems asked."""
    chosen: bool
    """Whether the run uses this rate."""


class ArmRow(Record):
    """One line of the report's table of arms."""

    arm_id: str
    """Its folder under `arms/`."""
    strategy: str
    """How its traces were ranked."""
    dose: int
    """Traces it was trained on; 0 for the base."""
    seed: int
    """Number of the arm among those of its dose."""
    accuracy: float | None
    """On the first benchmark."""
    other_accuracy: dict[str, float]
    """On the other benchmarks, by name."""
    truncated: float | None
    """Share of answers cut by the limit, on the first benchmark; `None`: not measured."""
    unreadable: float | None
    """Share of answers that could not be read, on the first benchmark; `None`: not measured."""
    train_tokens: int
    """Tokens of every visit of every row, prompts included, padding not."""
    generated_tokens: int
    """Tokens sampled when it was read."""
    seconds: float
    """Training and reading, in seconds."""


class TraceSample(Record):
    """A trace of the chosen subset, for the eyes."""

    question: str
    """The problem."""
    thinking: str | None
    """Text between the thinking tags; `None`: the trace has none."""
    answer_text: str
    """What follows the thinking."""
    final_answer: str | None
    """The answer read from it; `None`: unreadable."""
    gold: str | None
    """The right answer, where the pool has one."""
    verdict: str | None
    """*correct*, *wrong*, *unreadable* or *truncated*; `None`: not judged, for want of gold."""


class BeforeAfter(Record):
    """What base and a trained arm wrote for the same problem."""

    question: str
    """The problem."""
    gold: str | None
    """The right answer."""
    before: str
    """What the base wrote."""
    before_verdict: str | None
    """*correct*, *wrong*, *unreadable* or *truncated*."""
    after: str
    """What the arm wrote."""
    after_verdict: str | None
    """*correct*, *wrong*, *unreadable* or *truncated*."""
    after_arm: str
    """The arm that wrote it."""


class Provenance(Record):
    """Where everything came from."""

    titrant: str
    """Version."""
    created: str
    """ISO date and time, UTC."""
    base: str
    """Path or hub id."""
    base_fingerprint: str
    """Hash of its weights and tokenizer files."""
    pool: str
    """Path or hub id."""
    pool_rows: int
    """Traces used."""
    pool_questions: int
    """Distinct questions among them."""
    pool_hash: str
    """Hash of the traces' identities, in order."""
    benchmarks: dict[str, int]
    """Name → problems."""
    recipe: str
    """The recipe in one line."""
    device: str
    """What the arms ran on."""
    dtype: str
    """Of the weights when trained and read."""
    versions: dict[str, str]
    """Library → version."""
    seed: int
    """Root of all seeds."""


class Answer(Record):
    """The whole result of a run."""

    version: int = 1
    """Of this schema."""
    verdict: VerdictName
    """What the readings allow to be said of the headline's strategy."""
    sentence: str
    """The answer in one sentence, with its condition on the recipe."""
    decides: str | None
    """What would decide it, where the verdict is undecided."""
    strategy: str
    """The strategy that the headline is about."""
    ed95: Estimate
    """The end point, in `dose_unit`s; `None` in `estimate` where there is none."""
    level: float
    """The level of the end point: 0.95 unless set otherwise."""
    margin: float | None = None
    """The smallest gain of interest, which the verdict was judged by; `None`: not recorded."""
    base: Estimate
    """Accuracy of the base, under its best prompt."""
    plateau: Estimate
    """Accuracy at the top dose."""
    gain: Estimate
    """plateau − base, paired by problem."""
    top_dose: int
    """The largest dose; Δ is its gain."""
    dose_unit: Literal["trace", "question"] = "trace"
    """What a dose counts: traces trained on, or distinct questions (`train.algorithm: grpo`)."""
    whole_pool: bool
    """Whether one arm saw every trace of the pool."""
    guess: Estimate | None
    """Accuracy of the best constant answer learned from the pool."""
    responses: tuple[Response, ...]
    """One per strategy."""
    curves: tuple[Curve, ...]
    """One per strategy and benchmark."""
    cost: Cost
    """What it took."""
    subset: Subset | None
    """The chosen traces on disk; `None` without an end point."""
    pilot: tuple[PilotPoint, ...] = ()
    """Learning rates tried; empty where the rate was set."""
    transfer: dict[str, Estimate] = Field(default_factory=dict)
    """Other benchmarks: gain of the top dose."""
    arms: tuple[ArmRow, ...] = ()
    """Every reading of an arm, the base first."""
    cleaning: CleaningReport | None = None
    """What of the pool is repeated, and what of the benchmarks is in it; `None`: not looked for."""
    traces: tuple[TraceSample, ...] = ()
    """Samples of the chosen subset."""
    before_after: tuple[BeforeAfter, ...] = ()
    """The same problems before and after."""
    audits: tuple[AuditResult, ...] = ()
    """Whether the gain is real; empty where nobody asked."""
    warnings: tuple[str, ...] = ()
    """What to keep in mind, in sentences."""
    provenance: Provenance | None = None
    """`None` for an answer fitted from readings alone."""
