"""From analysis and journal to the Answer record: a mapping, nothing is computed that is not there."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np

from titrant.dose.ladder.ladder import full_sweep
from titrant.report import typeset
from titrant.report.answer import (
    Answer,
    ArmRow,
    Cost,
    PilotPoint,
    Provenance,
)
from titrant.run.input.scale import counts_questions
from titrant.run.result.mapping import base_alone, from_analyses, unknown
from titrant.run.store.manifest import analysis_versions

if TYPE_CHECKING:
    from titrant.dose.judge.analysis import Analysis
    from titrant.dose.readings import ReadingTable
    from titrant.run.input.inputs import Inputs
    from titrant.run.input.prepare import Prepared
    from titrant.run.ladder.preliminary import Pilot, Zero
    from titrant.run.ladder.rounds import Ladder, Round
    from titrant.run.store.journal import ArmEntry
    from titrant.settings import Config
    from titrant.signals.meta import ScoresMeta
    from titrant.train.job import ArmOutcome

TRUNCATED_SHARE = 0.02
"""Share of cut answers from which on it is a warning."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the answer is made of."""

    ladder: Ladder
    last: Round
    inputs: Inputs
    prepared: Prepared
    scores: ScoresMeta | None
    """`None` where no strategy needs any."""
    counts_questions: bool
    """Whether a dose is a number of questions."""
    zero: Zero
    pilot: Pilot
    entries: dict[str, ArmEntry]
    outcomes: dict[str, ArmOutcome]
    """Every arm that ended, failed ones too."""
    base: ReadingTable
    """The reading that is the zero, on the benchmark that decides."""
    analyses: dict[str, Analysis]
    """By benchmark, the deciding one first; empty where the top dose was never read."""


def build_answer(config: Config, found: Findings, *, created: str) -> Answer:
    """The answer but for its sentence, its subset and its examples."""
    analysis = found.analyses.get(found.ladder.benchmarks[0])
    confidence = config.ladder.confidence
    answer = Answer(
        verdict="undecided",
        sentence="",
        decides=None,
        strategy=found.ladder.plan.strategies[0],
        ed95=unknown(confidence),
        level=config.ladder.level,
        margin=config.ladder.margin,
        base=base_alone(found.base, confidence),
        plateau=unknown(confidence),
        gain=unknown(confidence),
        top_dose=found.ladder.plan.top_dose,
        dose_unit="question" if found.counts_questions else "trace",
        whole_pool=found.ladder.plan.shared_dose is not None,
        guess=None,
        responses=(),
        curves=(),
        cost=cost_of(found),
        subset=None,
        pilot=pilot_points(found.pilot),
        arms=arm_rows(found),
        warnings=tuple(warnings_of(found, analysis)),
        provenance=_provenance(config, found, created),
    )
    if analysis is None:
        return answer.model_copy(update={"decides": f"larger limits: {found.last.stop}"})
    fields = from_analyses(
        found.analyses,
        confidence=confidence,
    )
    if fields["decides"] is not None and found.last.by_limit:
        fields["decides"] = f"{fields['decides']} ({found.last.stop})"
    return answer.model_copy(update=fields)


def cost_of(found: Findings) -> Cost:
    """Everything that was spent, base and pilot and failed arms included."""
    costs = [outcome.cost for outcome in found.outcomes.values()]
    arms = sum(found.entries[arm_id].spec.dose > 0 for arm_id in found.outcomes)
    train = sum(cost.train_tokens for cost in costs)
    generated = sum(cost.generated_tokens for cost in costs)
    return Cost(
        arms=arms,
        tokens=train + generated,
        train_tokens=train,
        generated_tokens=generated,
        seconds=sum(cost.train_s + cost.read_s for cost in costs),
        share_of_sweep=arms / full_sweep(found.ladder.plan),
    )


def pilot_points(pilot: Pilot) -> tuple[PilotPoint, ...]:
    """The learning rates that were read."""
    return tuple(
        PilotPoint(lr=arm.lr, accuracy=arm.accuracy, n=arm.n, chosen=arm.lr == pilot.lr)
        for arm in pilot.arms
        if arm.accuracy is not None
    )


def arm_rows(found: Findings) -> tuple[ArmRow, ...]:
    """Base and ladder, by strategy, dose and seed; failed arms are named in the warnings."""
    first = found.ladder.benchmarks[0]
    rows = []
    for arm_id, outcome in found.outcomes.items():
        spec = found.entries[arm_id].spec
        if outcome.error is not None or spec.purpose == "pilot":
            continue
        cost = outcome.cost
        rows.append(
            ArmRow(
                arm_id=arm_id,
                strategy=spec.strategy,
                dose=spec.dose,
                seed=spec.seed,
                accuracy=outcome.accuracy.get(first),
                other_accuracy={k: v for k, v in outcome.accuracy.items() if k != first},
                truncated=outcome.truncated.get(first),
                unreadable=outcome.unreadable.get(first),
                train_tokens=cost.train_tokens,
                generated_tokens=cost.generated_tokens,
                seconds=cost.train_s + cost.read_s,
            )
        )
    return tuple(sorted(rows, key=lambda row: (row.dose > 0, row.strategy, row.dose, row.seed)))


def warnings_of(found: Findings, analysis: Analysis | None) -> list[str]:
    """What a reader of the answer has to know; nothing that depends on the clock."""
    words = list(found.inputs.warnings)
    if found.prepared.dropped:
        words.append(
            f"{len(found.prepared.dropped):,} traces longer than the limit (recipe.max_tokens or the base's context) are left out"
        )
    if found.prepared.shown:
        words.append(
            f"{len(found.prepared.shown):,} traces of the worked examples' questions are in no subset"
        )
    words += [] if found.scores is None else list(found.scores.warnings.values())
    words += _zero_words(found.zero)
    if found.pilot.warning is not None:
        words.append(found.pilot.warning)
    if found.pilot.dose is None and not found.pilot.arms and "pilot" in found.pilot.reason:
        words.append(f"learning rate {found.pilot.lr:g}: {found.pilot.reason}")
    for arm_id, outcome in sorted(found.outcomes.items()):
        if outcome.error is not None:
            first_line = outcome.error.splitlines()[0]
            words.append(f"the arm {arm_id} failed and is left out: {first_line}")
    words += _truncation_words(found)
    if found.last.by_limit and found.last.stop is not None:
        words.append(f"{found.last.stop}: the answer is what is known up to there")
    return words + ([] if analysis is None else list(analysis.warnings))


def _zero_words(zero: Zero) -> list[str]:
    chosen = next(v for v in zero.variants if v.arm_id == zero.chosen)
    if chosen is zero.variants[0]:
        return []
    first = zero.variants[0]
    return [
        f"the base reads better under the {chosen.template} template "
        f"({typeset.share(chosen.accuracy)}) than under the {first.template} one "
        f"({typeset.share(first.accuracy)}) that the arms use: gains are counted from the better one"
    ]


def _truncation_words(found: Findings) -> list[str]:
    """How far cut answers could move the two ends of the gain."""
    first, top = found.ladder.benchmarks[0], found.ladder.plan.top_dose
    ends = {"the base": [found.zero.chosen]} | {
        "the top dose": [
            arm_id
            for arm_id, entry in found.entries.items()
            if entry.spec.dose == top and entry.state == "done" and entry.spec.purpose == "ladder"
        ]
    }
    words = []
    for name, arm_ids in ends.items():
        read = [
            found.outcomes[arm_id] for arm_id in arm_ids if first in found.outcomes[arm_id].accuracy
        ]
        cut = [outcome.truncated[first] for outcome in read if first in outcome.truncated]
        right = [outcome.accuracy[first] for outcome in read]
        if cut and float(np.mean(cut)) >= TRUNCATED_SHARE:
            low, high = float(np.mean(right)), float(np.mean(right) + np.mean(cut))
            words.append(
                f"{typeset.share(float(np.mean(cut)))} of the answers of {name} were cut at "
                f"decode.max_new_tokens: its accuracy lies between {typeset.share(low)} and "
                f"{typeset.share(high)}"
            )
    return words


def _provenance(config: Config, found: Findings, created: str) -> Provenance:
    inputs, prepared = found.inputs, found.prepared
    return Provenance(
        titrant=metadata.version("titrant"),
        created=created,
        base=prepared.base if prepared.revision is None else f"{prepared.base}@{prepared.revision}",
        base_fingerprint=prepared.fingerprint,
        pool=inputs.pool,
        pool_rows=prepared.pool_rows,
        pool_questions=inputs.pool_questions,
        pool_hash=prepared.pool_hash,
        benchmarks=inputs.benchmarks,
        recipe=recipe_line(config, found.pilot.lr, template=prepared.templates[0]),
        device=prepared.device,
        dtype=prepared.dtype,
        versions=dict(sorted((analysis_versions() | prepared.versions).items())),
        seed=config.seed,
    )


def recipe_line(config: Config, lr: float, *, template: str) -> str:
    """The recipe in one line: what the answer is conditional on."""
    recipe, decode = config.recipe, config.decode
    method = f"LoRA (rank {recipe.lora.r})" if recipe.method == "lora" else "full training"
    if counts_questions(config):
        method = f"GRPO on questions (reward {config.train.grpo.reward}), {method}"
    if config.train.command is not None:
        method = "an external trainer"
    amount = {
        "updates": f"{recipe.updates:,} updates of {recipe.rows_per_update} rows at every dose",
        "tokens": f"the tokens of {recipe.updates:,} updates of {recipe.rows_per_update} rows at "
        "every dose",
        "epochs": f"{recipe.epochs} epochs at every dose",
    }[recipe.match]
    drawn = "greedy" if decode.temperature == 0 else f"temperature {decode.temperature:g}"
    samples = decode.samples_per_problem
    draws = "" if samples == 1 else f", {samples} samples per problem"
    return (
        f"{method}, {amount}, learning rate {lr:.3g} {recipe.schedule}, {template} prompt, "
        f"{drawn} decoding of at most {decode.max_new_tokens:,} tokens{draws}"
    )
