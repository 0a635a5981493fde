"""Round 0, before the ladder: the base under its best prompt, and a learning rate.

**The base** is read under the configured prompt and, where the tokenizer has a chat template, under
the other template too; the better reading is the zero of every gain (ties: the configured one).

**The pilot** (`lr: auto`) trains one dose, the geometric middle of the ladder, at half, same and
double of a centre, and reads each on pool problems whose traces that dose does not hold. The best
rate is taken. Where best and worst lie within noise of each other, the pilot has told nothing: it
warns, and the centre is kept. The benchmark plays no part in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from titrant.arms import ArmSpec
from titrant.dose.readings import BASE
from titrant.errors import TrainError
from titrant.records import Record
from titrant.run.input.scale import counts_questions
from titrant.run.ladder.readings import read_samples
from titrant.seeds import derive_rng
from titrant.select.rank import first_of_questions
from titrant.traces.record import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.dose.ladder.ladder import LadderPlan
    from titrant.run.store.folder import RunFolder
    from titrant.run.store.journal import Journal
    from titrant.select.rank import Ranking
    from titrant.settings import Config, PromptSettings, RecipeSettings
    from titrant.traces.record import Trace

FACTORS = (0.5, 1.0, 2.0)
LR_CENTRE = {"lora": 2e-4, "full": 1e-5}
PILOT_PROBLEMS = 200
"""Most held-out problems that a pilot arm is read on."""
FEWEST_PILOT_PROBLEMS = 20
NOISE = 2.0
"""Standard errors of the paired difference, over problems, within which two rates read the same. One
arm per rate knows nothing of the noise between seeds, so the true noise is larger than this."""


class Variant(Record):
    """The base under one template."""

    arm_id: str
    template: str
    accuracy: float


class Zero(Record):
    """The base readings and the one that counts; `zero.json`."""

    version: int = 1
    variants: tuple[Variant, ...]
    chosen: str
    """arm_id of the reading that is the zero of every gain."""


class PilotArm(Record):
    """One learning rate."""

    lr: float
    arm_id: str
    accuracy: float | None
    """On the held-out pool problems; `None`: the arm failed."""
    n: int


class Pilot(Record):
    """What the pilot found; `pilot.json`."""

    version: int = 1
    lr: float
    """The learning rate of all arms."""
    reason: str
    dose: int | None
    arms: tuple[PilotArm, ...]
    warning: str | None = None
    """What the answer has to say of it; `None`: nothing."""


class PilotPlan(Record):
    """What the pilot will run."""

    dose: int
    problems: tuple[Problem, ...]
    specs: tuple[ArmSpec, ...]


def base_specs(templates: Sequence[str]) -> dict[str, ArmSpec]:
    """One base arm per usable template, the configured one first: template → arm."""
    return {
        template: ArmSpec(strategy=BASE, dose=0, seed=i, purpose="base")
        for i, template in enumerate(templates)
    }


def with_template(config: Config, template: str) -> Config:
    """The same config with one prompt template."""
    prompt: PromptSettings = config.prompt.model_copy(update={"template": template})
    return config.model_copy(update={"prompt": prompt})


def choose_zero(
    folder: RunFolder, journal: Journal, specs: dict[str, ArmSpec], *, benchmark: str
) -> Zero:
    """The best base reading on the benchmark that decides.

    Raises:
        TrainError: the base could not be read under the configured prompt.
    """
    entries, variants = journal.arms(), []
    for template, spec in specs.items():
        entry = entries[spec.arm_id]
        if entry.state == "done":
            accuracy = _accuracy(folder, spec.arm_id, benchmark)
            variants.append(Variant(arm_id=spec.arm_id, template=template, accuracy=accuracy))
        elif spec.seed == 0:
            raise TrainError(
                "the base could not be read",
                expected="answers of the untrained base: they are the zero of every gain",
                came=entry.error or entry.state,
                do="look at the base's log under log/, and run the same command again",
            )
    best = max(variants, key=lambda variant: variant.accuracy)
    return Zero(variants=tuple(variants), chosen=best.arm_id)


def _accuracy(folder: RunFolder, arm_id: str, benchmark: str | None) -> float:
    """Correct / asked: the mean over problems of avg@k."""
    return float(np.sort(_by_problem(folder, arm_id, benchmark)).mean())


def _by_problem(folder: RunFolder, arm_id: str, benchmark: str | None) -> np.ndarray:
    """avg@k of each problem, in the order of their qids."""
    samples = read_samples(folder, arm_id).drop_nulls("correct")
    if benchmark is not None:
        samples = samples.filter(pl.col("benchmark") == benchmark)
    means = samples.group_by("qid").agg(pl.col("correct").cast(pl.Float64).mean())
    # Sorted: the order of groups is free, and a sum of floats depends on its order.
    return means.sort("qid")["correct"].to_numpy()


def lr_centre(recipe: RecipeSettings) -> float:
    """The middle of the pilot."""
    return recipe.lr_centre or LR_CENTRE[recipe.method]


def plan_pilot(
    traces: Sequence[Trace], config: Config, plan: LadderPlan, ranking: Ranking
) -> PilotPlan | None:
    """The pilot's dose, problems and arms; `None` where it cannot be read.

    Its rows are the first of `ranking`, that of the plan's first strategy and draw 0. The dose is the
    allowed one nearest to the geometric middle that leaves 20 problems to read on.
    """
    by_uid = {trace.uid: trace for trace in traces}
    middle = 0.5 * (np.log(plan.doses[0]) + np.log(plan.doses[-1]))
    for dose in sorted(plan.doses, key=lambda d: (round(abs(np.log(d) - middle), 9), d)):
        seen = _trained_questions([by_uid[row.uid] for row in ranking.rows], dose, config)
        problems = _held_out(traces, seen, root=config.seed)
        if len(problems) >= FEWEST_PILOT_PROBLEMS:
            return PilotPlan(
                dose=dose,
                problems=tuple(problems),
                specs=tuple(_pilot_arm(ranking.strategy, dose, config.recipe, f) for f in FACTORS),
            )
    return None


def _trained_questions(ranked: Sequence[Trace], dose: int, config: Config) -> set[str]:
    """The questions that an arm of a dose sees."""
    is_by_question = counts_questions(config)
    subset = first_of_questions(ranked, dose) if is_by_question else ranked[:dose]
    return {trace.qid for trace in subset}


def _pilot_arm(strategy: str, dose: int, recipe: RecipeSettings, factor: float) -> ArmSpec:
    rate = float(f"{lr_centre(recipe) * factor:.6g}")
    return ArmSpec(strategy=strategy, dose=dose, seed=0, lr=rate, purpose="pilot")


def _held_out(traces: Sequence[Trace], seen: set[str], *, root: int) -> list[Problem]:
    questions = {t.qid: t for t in traces if t.gold is not None and t.qid not in seen}
    qids = sorted(questions)
    order = derive_rng(root, "pilot", "problems").permutation(len(qids))[:PILOT_PROBLEMS]
    return [questions[qids[i]].problem for i in sorted(order.tolist())]


def choose_rate(folder: RunFolder, journal: Journal, pilot: PilotPlan) -> Pilot:
    """The learning rate that read best; the centre, with a warning, where all read the same.

    Equal readings of the best go to the smaller rate.

    Raises:
        TrainError: no arm of the pilot could be trained.
    """
    entries, arms = journal.arms(), []
    for spec in sorted(pilot.specs, key=lambda spec: spec.lr or 0.0):
        done = entries[spec.arm_id].state == "done"
        arms.append(
            PilotArm(
                lr=spec.lr or 0.0,
                arm_id=spec.arm_id,
                accuracy=_accuracy(folder, spec.arm_id, None) if done else None,
                n=len(pilot.problems),
            )
        )
    read = [arm for arm in arms if arm.accuracy is not None]
    if not read:
        errors = {entries[spec.arm_id].error or "not run" for spec in pilot.specs}
        raise TrainError(
            "no arm of the learning-rate pilot could be trained",
            came="; ".join(sorted(errors)),
            do="set recipe.lr, or a smaller recipe.lr_centre",
        )
    best = max(read, key=lambda arm: (arm.accuracy or 0.0, -arm.lr))
    where = f"at {pilot.dose} traces on {len(pilot.problems)} pool problems"
    centre = arms[len(arms) // 2]
    if centre.accuracy is not None and _all_alike(folder, read):
        words = f"its rates read the same within noise {where}"
        return Pilot(
            lr=centre.lr,
            reason=f"the centre: {words}",
            dose=pilot.dose,
            arms=tuple(arms),
            warning=f"learning rate {centre.lr:g} is the centre of the pilot and not its finding: "
            f"{words}; set recipe.lr, or another recipe.lr_centre",
        )
    return Pilot(
        lr=best.lr, reason=f"best of {len(arms)} {where}", dose=pilot.dose, arms=tuple(arms)
    )


def _all_alike(folder: RunFolder, read: Sequence[PilotArm]) -> bool:
    """Whether best and worst of two or more rates differ by no more than noise; see `NOISE`."""
    ordered = sorted(read, key=lambda arm: (arm.accuracy or 0.0, arm.lr))
    if len(ordered) < 2:
        return False
    worst, best = (_by_problem(folder, ordered[i].arm_id, None) for i in (0, -1))
    gaps = best - worst
    error = gaps.std(ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else np.inf
    return bool(gaps.mean() <= NOISE * error)


def rate_without_pilot(recipe: RecipeSettings) -> Pilot:
    """The rate of the config; the centre where it is `auto` and no pilot could be read."""
    if recipe.lr != "auto":
        return Pilot(lr=recipe.lr, reason="set in the config", dose=None, arms=())
    reason = "the centre of the pilot, which could not be read: too few pool problems with gold"
    return Pilot(lr=lr_centre(recipe), reason=reason, dose=None, arms=())
