"""What a titration will cost, and what its benchmark can tell, before anything is spent.

**Power.** Two arms read the same problems. Let δ be the difference of their accuracies and d the
share of problems on which their verdicts differ (the discordance). Per problem the difference is −1,
0 or 1 with mean δ and variance d − δ² (and d if there is no difference), so a paired test at a two-
sided confidence c tells δ with probability 1 − β when

    n = (z_{(1+c)/2} √(d·w) + z_{1−β} √((d − δ²)·w))² / δ²

Source: Connor (1987), *Sample size for testing differences in proportions for the paired-sample
design*, Biometrics 43, eq. (3), with w = 1. With k samples per problem the part of the variance that
comes from sampling an answer falls as 1/k: w = (1 − s) + s/k with s the share of that part (Miller
2024, arXiv 2411.00640, section 3.2). Greedy answers have nothing to average: w = 1 whatever k.
Seed noise comes on top of this and is measured by the ladder itself.

**Time.** Speeds come from arms already run, from a short probe, or from the table below; the plan says
which. The table is arithmetic: 6 floating point operations per parameter and trained token, 2 per
generated token, at the rates that were measured or that the makers' numbers make plausible. How many
tokens there are is counted in `tokens`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from titrant.dose.ladder.ladder import LadderPlan, first_round
from titrant.dose.tokens import completion_limit, count_tokens, draws_per_arm
from titrant.records import Record

if TYPE_CHECKING:
    from titrant.dose.tokens import Tokens
    from titrant.settings import Config, DecodeSettings, LadderSettings

POWER = 0.9
DISCORDANCE = 0.2
"""Share of problems whose verdict differs between two arms; an assumption, printed with the line."""
SAMPLING_SHARE = 0.5
"""Share of a problem's variance that more samples average away; an assumption."""
FEWEST_PROBLEMS = 20
"""Below this a benchmark is refused."""
FEW_PROBLEMS = 200
"""Below this the power line is a warning."""
GAIN = 0.02
"""The gain that the power line speaks of."""
LATER_ARMS = 6
"""Arms after the first round that a ladder is expected to take per strategy: the simulated ladders of
`titrant calibrate` take 13 on average over all shapes, 7 of them in the first round."""

TRAIN_RATE = {"cpu": 4e10, "gpu": 1.2e14}
"""Useful floating point operations per second and core or GPU in training. CPU: 0.86 M parameters at
21,000 tokens/s on two cores with bf16, 10,600 in fp32. GPU: 40 % of an A100's peak."""
READ_RATE = {"cpu": 1.5e10, "gpu": 1e13}
"""The same in generation. CPU: 0.86 M parameters, 19,000 tokens/s on two cores at batch 256. GPU:
transformers' generate reaches about a tenth of what a serving engine does."""


ARM_S = 2.0
"""Seconds of an arm that do not depend on its length, for a small base on a CPU."""


class Power(Record):
    """What a benchmark can tell."""

    problems: int
    samples: int
    smallest: float
    """Smallest difference of two arms that is told with 90 % power, as a share."""
    needed: int
    """Problems that tell a gain of two points, with the same samples per problem."""
    confidence: float
    discordance: float

    @property
    def line(self) -> str:
        """The power line."""
        draws = "" if self.samples == 1 else f" × {self.samples} samples"
        return (
            f"{self.problems:,} problems{draws} tell a difference of {self.smallest * 100:.1f} "
            f"points between two arms; {GAIN * 100:.0f} points take about {self.needed:,} problems "
            f"(paired, {POWER:.0%} power, {self.confidence:.0%} confidence, "
            f"{self.discordance:.0%} of the problems discordant)"
        )


def variance_share(samples: int, *, sampled: bool) -> float:
    """W of the module docstring: the share of a problem's variance left with `samples` draws."""
    return 1.0 - SAMPLING_SHARE + SAMPLING_SHARE / samples if sampled else 1.0


def problems_needed(
    difference: float, *, confidence: float, share: float = 1.0, discordance: float = DISCORDANCE
) -> float:
    """Problems that tell a difference with 90 % power; see the module docstring.

    A difference larger than the discordance raises it: all discordant problems then point one way.
    """
    d = max(discordance, difference)
    spread = norm.ppf((1 + confidence) / 2) * np.sqrt(d * share)
    spread += norm.ppf(POWER) * np.sqrt((d - difference**2) * share)
    return float((spread / difference) ** 2)


def smallest_difference(
    problems: int, *, confidence: float, share: float = 1.0, discordance: float = DISCORDANCE
) -> float:
    """The difference that so many problems tell with 90 % power; 1 where they tell none."""

    def surplus(difference: float) -> float:
        needed = problems_needed(
            difference, confidence=confidence, share=share, discordance=discordance
        )
        return float(np.log(needed / problems))

    if surplus(1.0) > 0:
        return 1.0
    return float(brentq(surplus, 1e-6, 1.0))  # pyright: ignore[reportArgumentType]


def power_of(problems: int, decode: DecodeSettings, *, confidence: float) -> Power:
    """What a benchmark of so many problems can tell under these settings."""
    share = variance_share(decode.samples_per_problem, sampled=decode.temperature > 0)
    return Power(
        problems=problems,
        samples=decode.samples_per_problem,
        smallest=smallest_difference(problems, confidence=confidence, share=share),
        needed=int(np.ceil(problems_needed(GAIN, confidence=confidence, share=share))),
        confidence=confidence,
        discordance=DISCORDANCE,
    )


class ArmCount(Record):
    """Training runs, the pilot's included."""

    fewest: int
    expected: int
    most: int


class Workload(Record):
    """What the inputs say of one arm; all means in tokens of the base model's tokenizer."""

    row_tokens: float
    """Prompt and completion of a training row."""
    answer_tokens: float
    """Completion of a training row, the guess at what a reading generates and a rollout draws."""
    is_drawn: bool = False
    """Whether it was counted in rollouts of a probe; else in the pool's traces."""
    problems: int
    """Over all benchmarks."""
    parameters: int | None
    """Of the base model; `None` where unknown."""
    counted: bool
    """Whether tokens were counted; else they are characters divided by four."""


class Speed(Record):
    """How fast one worker is, and how that is known."""

    train_tokens_per_s: float
    read_tokens_per_s: float
    arm_s: float
    """What every arm takes besides, whatever its length: loading, preparing, saving."""
    source: str
    has_rollouts: bool = False
    """Whether the time of drawing completions is in that of training on them."""


class Estimate(Record):
    """What a run will cost."""

    version: int = 1
    arms: ArmCount
    top_dose: int
    doses: tuple[int, ...]
    unit: Literal["traces", "questions"] = "traces"
    """What a dose counts."""
    train_tokens: int
    """Over the expected number of arms."""
    generated_tokens: int
    """Readings over the expected number of arms and the base, rollouts over the arms, and the draws for
    majority labels."""
    seconds: float | None
    """Wall clock at the expected number of arms; `None` where no speed is known."""
    speed: Speed | None
    workers: int
    disk_bytes: int | None
    """What stays on disk; `None` where the model's size is unknown."""
    peak_bytes: int | None
    """Checkpoints of the arms under way, on top of that."""
    power: Power
    warnings: tuple[str, ...] = ()


def count_arms(plan: LadderPlan, settings: LadderSettings, *, n_pilot: int) -> ArmCount:
    """Fewest: the first round decides. Most: the ladder's limit. Expected: six arms more."""
    first = sum(arm.dose > 0 for arm in first_round(plan, settings))
    most = max(plan.max_arms, first)
    later = LATER_ARMS * len(plan.strategies)
    return ArmCount(
        fewest=first + n_pilot, expected=min(first + later, most) + n_pilot, most=most + n_pilot
    )


def table_speed(parameters: int, *, on_gpu: bool, threads: int) -> Speed:
    """The speed of one worker by the table of this module."""
    kind = "gpu" if on_gpu else "cpu"
    units = 1 if on_gpu else threads
    return Speed(
        train_tokens_per_s=TRAIN_RATE[kind] * units / (6 * parameters),
        read_tokens_per_s=READ_RATE[kind] * units / (2 * parameters),
        arm_s=ARM_S,
        source=f"a speed table ({kind}, {parameters / 1e6:,.1f} M parameters): a factor of 3 off is "
        "usual; titrant plan --measure times it",
    )


def estimate(
    config: Config,
    plan: LadderPlan,
    load: Workload,
    *,
    workers: int,
    speed: Speed | None,
    power: Power,
    n_pilot: int,
) -> Estimate:
    """Add up what a run will cost."""
    arms = count_arms(plan, config.ladder, n_pilot=n_pilot)
    tokens = count_tokens(config, plan, load)
    kept, passing = disk_per_arm(config, load.parameters)
    return Estimate(
        arms=arms,
        top_dose=plan.top_dose,
        doses=plan.doses,
        unit="questions" if config.train.algorithm == "grpo" else "traces",
        train_tokens=round(arms.expected * tokens.train),
        generated_tokens=round(_generated(arms, tokens)),
        seconds=None if speed is None else _seconds(arms, tokens, speed, workers=workers),
        speed=speed,
        workers=workers,
        disk_bytes=None if kept is None else arms.expected * kept + _text_bytes(arms, tokens.read),
        peak_bytes=None if passing is None else workers * passing,
        power=power,
        warnings=(*_warnings(config, plan, power), *_guesses(config, plan, load, tokens)),
    )


def _generated(arms: ArmCount, tokens: Tokens) -> float:
    return (arms.expected + 1) * tokens.read + arms.expected * tokens.drawn + tokens.votes


def _seconds(arms: ArmCount, tokens: Tokens, speed: Speed, *, workers: int) -> float:
    """Wall clock; labels are drawn by one worker, before any arm is trained."""
    drawn = 0.0 if speed.has_rollouts else tokens.drawn / speed.read_tokens_per_s
    work = arms.expected * (tokens.train / speed.train_tokens_per_s + drawn)
    work += (arms.expected + 1) * (tokens.read / speed.read_tokens_per_s + speed.arm_s)
    return work / workers + tokens.votes / speed.read_tokens_per_s


def disk_per_arm(config: Config, parameters: int | None) -> tuple[int | None, int | None]:
    """Bytes that stay of a finished arm, and bytes of checkpoints while it runs.

    A LoRA adapter is taken as 2 % of the model per rank 32; a checkpoint holds the trained weights
    and AdamW's two moments in float32, two checkpoints side by side while one replaces the other.
    """
    if parameters is None:
        return None, None
    lora = config.recipe.method == "lora"
    trained = parameters * 0.02 * config.recipe.lora.r / 32 if lora else parameters
    kept = {
        "none": 0.0,
        "adapters": 4 * trained if lora else 0.0,
        "models": 2 * parameters,
    }[config.train.keep]
    return int(kept), int(2 * 12 * trained)


def _text_bytes(arms: ArmCount, read_tokens: float) -> int:
    return int((arms.expected + 1) * read_tokens * 2)  # about four characters a token, compressed


def _warnings(config: Config, plan: LadderPlan, power: Power) -> list[str]:
    found = []
    if power.problems < FEW_PROBLEMS:
        found.append(f"a small benchmark: {power.line}")
    elif power.smallest > config.ladder.margin:
        found.append(
            f"the margin of {config.ladder.margin * 100:g} points is under what the benchmark tells "
            f"({power.smallest * 100:.1f} points between two single arms)"
        )
    if config.decode.temperature > 0 and power.samples == 1 and power.problems < FEW_PROBLEMS:
        found.append(
            "one sample per problem at a temperature over 0 is noisy: "
            "set decode.samples_per_problem to 4 or more"
        )
    if plan.top_dose < plan.pool_size:
        found.append(
            f"the budget sees {plan.top_dose:,} of {plan.pool_size:,} "
            f"{'questions' if config.train.algorithm == 'grpo' else 'traces'} once; the gain is then "
            "measured at that dose and not at the whole pool"
        )
    return found


def _guesses(config: Config, plan: LadderPlan, load: Workload, tokens: Tokens) -> list[str]:
    """What a plan of reinforcement learning cannot know."""
    found, limit = [], completion_limit(config)
    if tokens.drawn and not load.is_drawn:
        found.append(
            f"completions are taken to be {min(load.answer_tokens, limit):,.0f} tokens long, as the "
            f"pool's traces are; at the limit of {limit:,} tokens an arm draws "
            f"{draws_per_arm(config) * limit:,}: titrant plan --measure counts them"
        )
    if tokens.votes:
        reward = config.train.grpo.reward
        which = "a wrong majority answer" if reward == "majority-wrong" else "a majority answer"
        found.append(
            f"reward: {reward} trains the questions that have {which}, of which there may be fewer than "
            f"the {plan.pool_size:,} of this plan: the base has to answer them first"
        )
    return found
