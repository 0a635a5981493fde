"""What a run will cost, from its real inputs: the plan of `titrant plan`.

Pool and benchmark are read, the base is loaded and every row is examined, as the run itself would do
it, in a folder that is thrown away. Where the train extra is missing, tokens are estimated from
characters. The speed is measured with two short arms where that takes a minute at most, else it comes
from a table.

Under reinforcement learning these arms are rewarded by coins, which need no labels and no gold answers
and take the time of any other reward. They tell how long the base's completions are, too: an arm makes
updates × rows visits to completions, so that

    tokens of a completion = loss tokens / (updates · rows per update)
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from titrant.arms import ArmCost, ArmSpec
from titrant.dose.plan import (
    Estimate,
    Speed,
    Workload,
    estimate,
    power_of,
    table_speed,
)
from titrant.dose.tokens import completion_limit, draws_per_arm
from titrant.dose.work.executor import LocalExecutor
from titrant.dose.work.layout import Layout, plan_layout
from titrant.errors import MissingPackageError
from titrant.run.input.inputs import Inputs, Named, freeze_problems, gather, load_benchmarks
from titrant.run.input.names import check_names
from titrant.run.input.prepare import Prepared, PrepareJob, prepared_pool
from titrant.run.input.scale import counts_questions, ladder_plan
from titrant.run.ladder.preliminary import lr_centre, plan_pilot
from titrant.run.store.folder import RunFolder, make_folder
from titrant.run.titrate import Entries, find_first, with_names
from titrant.select.rank import draw_of, first_of_questions, rank, write_ranking
from titrant.traces.table import load_traces, write_traces
from titrant.train.job import ArmJob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.run.watch import Watcher
    from titrant.settings import Config
    from titrant.traces.record import Trace
    from titrant.train.job import ArmOutcome

PROBE_S = 60.0
"""Longest probe, by the speed table, that is run without being asked for."""
PROBE_UPDATES = (2, 6)
"""The difference of two short trainings leaves out what every arm takes once."""
PROBE_PROBLEMS = 64
PROBE_TOKENS = 128
"""Most new tokens per answer of the probe."""
CHARACTERS_PER_TOKEN = 4.0


@dataclass(frozen=True, slots=True)
class Material:
    """What the inputs say."""

    folder: RunFolder
    config: Config
    inputs: Inputs
    prepared: Prepared | None
    """`None` where the base could not be loaded, since the train extra is missing."""
    pool: list[Trace]


def forecast(
    config: Config,
    watcher: Watcher,
    *,
    measure: bool | None = None,
    entries: Entries | None = None,
) -> Estimate:
    """Add up what a run of this config will cost.

    Args:
        config: the run's.
        watcher: is told what happens.
        measure: whether to time two short arms; `None`: if that takes a minute at most.
        entries: what the workers run.

    Raises:
        TitrantError: whatever would stop the run at its start.
    """
    check_names(config)
    entries = entries or Entries()
    layout = plan_layout(config.executor.workers, config.executor.threads)
    with tempfile.TemporaryDirectory(prefix="titrant-plan-") as temporary:
        folder = make_folder(Path(temporary) / "run")
        # One worker: the probe measures what a single one does.
        with LocalExecutor(layout._replace(workers=1), entry=entries.arm) as executor:
            found = read_material(config, folder, executor, watcher, entries=entries)
            return _estimate(found, executor, layout, watcher, measure=measure)


def read_material(
    config: Config,
    folder: RunFolder,
    executor: LocalExecutor,
    watcher: Watcher,
    *,
    entries: Entries,
) -> Material:
    """Read pool and benchmarks, and the base where that is possible."""
    with suppress(MissingPackageError):  # it is told below, after what can be said without
        find_first(config, executor, watcher, entries=entries)
    watcher.stage("inputs")
    inputs = gather(config, folder, watcher)
    named = with_names(config, inputs)
    watcher.stage("prepared")
    try:
        job = PrepareJob(run_dir=folder.root, config=named)
        prepared: Prepared | None = executor.call(entries.prepare, job)
    except MissingPackageError as error:
        watcher.warn(f"{error.what}: tokens are estimated from characters ({error.do})")
        prepared = None
    pool = load_traces(folder.pool) if prepared is None else prepared_pool(folder, prepared)
    return Material(folder, named, inputs, prepared, pool)


def _estimate(
    found: Material,
    executor: LocalExecutor,
    layout: Layout,
    watcher: Watcher,
    *,
    measure: bool | None,
) -> Estimate:
    config = found.config
    limit = config.limits.arms
    plan = ladder_plan(config, found.pool)
    # Any ranking tells how many arms the pilot has; that of the first strategy may need scores.
    ranking = rank(found.pool, strategy="random", root=config.seed, draw=0)
    pilot = plan_pilot(found.pool, config, plan, ranking) if config.recipe.lr == "auto" else None
    n_pilot = len(pilot.specs) if pilot else 0
    if limit is not None:
        plan = plan.model_copy(update={"max_arms": max(0, limit - n_pilot - 1)})
    load = workload(found)
    measured = _measured(found, load, executor, layout, watcher, measure=measure)
    speed, load = measured.speed, measured.load
    return estimate(
        config,
        plan,
        load,
        workers=layout.workers,
        speed=speed,
        power=power_of(
            next(iter(found.inputs.benchmarks.values())),
            config.decode,
            confidence=config.ladder.confidence,
        ),
        n_pilot=n_pilot,
    )


def workload(found: Material) -> Workload:
    """Tokens of a row and of an answer: counted where the base was loaded, else estimated."""
    problems = sum(found.inputs.benchmarks.values())
    prepared = found.prepared
    if prepared is not None:
        return Workload(
            row_tokens=prepared.row_tokens,
            answer_tokens=prepared.pool_tokens / prepared.pool_rows,
            problems=problems,
            parameters=prepared.parameters,
            counted=True,
        )
    answers = sum(len(t.thinking or "") + len(t.answer_text) for t in found.pool)
    questions = sum(len(t.question) for t in found.pool)
    n = len(found.pool) * CHARACTERS_PER_TOKEN
    return Workload(
        row_tokens=(questions + answers) / n,
        answer_tokens=answers / n,
        problems=problems,
        parameters=None,
        counted=False,
    )


class Measured(NamedTuple):
    """What is known of the speed, and of what there is to do."""

    speed: Speed | None
    load: Workload


def _measured(
    found: Material,
    load: Workload,
    executor: LocalExecutor,
    layout: Layout,
    watcher: Watcher,
    *,
    measure: bool | None,
) -> Measured:
    if found.prepared is None or load.parameters is None:
        return Measured(None, load)
    on_gpu = found.prepared.device.startswith("cuda")
    table = table_speed(load.parameters, on_gpu=on_gpu, threads=layout.threads)
    if found.config.train.command is not None:
        return Measured(table, load)  # the speed of an external trainer is its own
    if measure is False or (measure is None and probe_seconds(found, load, table) > PROBE_S):
        return Measured(table, load)
    watcher.note("measuring the speed with two short arms")
    costs = probe(found, executor)
    if costs is None:
        return Measured(table, load)
    speed = measured_speed(*costs, config=found.config)
    drawn = completion_tokens(costs, found.config)
    return Measured(speed or table, load if drawn is None else with_answers(load, drawn))


def probe_seconds(found: Material, load: Workload, speed: Speed) -> float:
    """What the probe takes by the table, with rollouts as long as they may be."""
    config = found.config
    rows = sum(probe_updates(config)) * config.recipe.rows_per_update
    answer, limit = min(config.decode.max_new_tokens, PROBE_TOKENS), completion_limit(config)
    generated = len(PROBE_UPDATES) * min(PROBE_PROBLEMS, load.problems) * answer
    if counts_questions(config):
        load = with_answers(load, limit)
        generated += sum(_draws_in(config, updates) for updates in probe_updates(config)) * limit
    return rows * load.row_tokens / speed.train_tokens_per_s + generated / speed.read_tokens_per_s


def with_answers(load: Workload, tokens: float) -> Workload:
    """The work with answers of so many tokens, drawn by the base, behind the same prompts."""
    row = load.row_tokens - load.answer_tokens + tokens
    return load.model_copy(update={"row_tokens": row, "answer_tokens": tokens, "is_drawn": True})


def probe(found: Material, executor: LocalExecutor) -> tuple[ArmCost, ArmCost] | None:
    """The cost of two short arms in this worker; `None` where one of them failed."""
    short, long = (_probe_arm(found, executor, updates) for updates in probe_updates(found.config))
    if short.error is not None or long.error is not None:
        return None
    return short.cost, long.cost


def completion_tokens(costs: tuple[ArmCost, ArmCost], config: Config) -> float | None:
    """Mean tokens of a completion in the rollouts of a probe; `None` where none was drawn."""
    if not counts_questions(config):
        return None
    visits = sum(cost.updates for cost in costs) * config.recipe.rows_per_update
    tokens = sum(cost.loss_tokens for cost in costs)
    return tokens / visits if visits and tokens else None


def measured_speed(short: ArmCost, long: ArmCost, *, config: Config) -> Speed | None:
    """`speed_of` two arms of this config; what rollouts have drawn is no part of their readings."""
    if not counts_questions(config):
        return speed_of(short, long)
    speed = speed_of(_without_rollouts(short, config), _without_rollouts(long, config))
    return None if speed is None else speed.model_copy(update={"has_rollouts": True})


def _without_rollouts(cost: ArmCost, config: Config) -> ArmCost:
    visits = cost.updates * config.recipe.rows_per_update
    drawn = cost.loss_tokens * _draws_in(config, cost.updates) / visits if visits else 0
    return cost.model_copy(update={"generated_tokens": cost.generated_tokens - round(drawn)})


def _draws_in(config: Config, updates: int) -> int:
    """Completions that a probe of so many updates draws."""
    return draws_per_arm(probe_config(config, updates))


def speed_of(short: ArmCost, long: ArmCost) -> Speed | None:
    """Speed and fixed time from two trainings; `None` where the clock says nothing.

    Where the longer one took no longer, all of its time is put down to its tokens.
    """
    train_s, tokens = long.train_s - short.train_s, long.train_tokens - short.train_tokens
    if train_s <= 0 or tokens <= 0:
        train_s, tokens = long.train_s, long.train_tokens
    read_s = short.read_s + long.read_s
    if train_s <= 0 or read_s <= 0:
        return None
    rate = tokens / train_s
    return Speed(
        train_tokens_per_s=rate,
        read_tokens_per_s=(short.generated_tokens + long.generated_tokens) / read_s,
        arm_s=max(0.0, short.train_s - short.train_tokens / rate),
        source="two short arms measured here, in one worker",
    )


def probe_updates(config: Config) -> tuple[int, int]:
    """Updates of the two arms of a probe: whole rollouts under reinforcement learning."""
    if not counts_questions(config):
        return PROBE_UPDATES
    per_rollout = config.train.grpo.updates_per_rollout
    return per_rollout, 2 * per_rollout


def _probe_arm(found: Material, executor: LocalExecutor, updates: int) -> ArmOutcome:
    config = probe_config(found.config, updates)
    root = found.folder.root.parent / f"probe-{updates}"
    folder = make_folder(root)
    traces = found.pool[: config.recipe.rows_per_update * 2]
    if counts_questions(config):
        traces = first_of_questions(found.pool, len(traces))
    write_traces(folder.pool, traces)
    first = next(iter(found.inputs.benchmarks))
    problems: Sequence = load_benchmarks(found.folder)[first][:PROBE_PROBLEMS]
    freeze_problems(folder.benchmark, [Named(first, list(problems))])
    draw = draw_of("random", 0)
    ranking = rank(traces, strategy="random", root=config.seed, draw=draw)
    write_ranking(folder.ranking("random", draw), ranking)
    spec = ArmSpec(strategy="random", dose=len(traces), seed=0)
    job = ArmJob(run_dir=root, spec=spec, config=config, lr=lr_centre(config.recipe))
    return next(outcome for _, outcome in executor.run([job]))


def probe_config(config: Config, updates: int) -> Config:
    """The config of a short arm that does what the real ones do, but for its reward: coins.

    Readings are cut short; completions are not, since their length is to be known.
    """
    decode = config.decode.model_copy(
        update={
            "max_new_tokens": min(config.decode.max_new_tokens, PROBE_TOKENS),
            "samples_per_problem": 1,
        }
    )
    recipe = config.recipe.model_copy(update={"match": "updates", "updates": updates})
    grpo = config.train.grpo.model_copy(
        update={"reward": "random", "max_new_tokens": completion_limit(config)}
    )
    train = config.train.model_copy(update={"keep": "none", "grpo": grpo})
    return config.model_copy(
        update={
            "decode": decode,
            "recipe": recipe,
            "train": train,
            "benchmark": config.benchmark[:1],
        }
    )
