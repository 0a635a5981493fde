"""What the arms of one run share in a worker process: base, tokenizer, template, pool, problems, rows.

Loaded once and kept from arm to arm; every arm gets untouched weights. A small base is kept and
copied, a large one is loaded again for each arm, since two copies of it would not fit.
"""

from __future__ import annotations

import copy
import gc
from collections import OrderedDict
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from titrant.engines.drawing.rows import stop_ids
from titrant.engines.load import LoadedBase, context_of, load_base
from titrant.engines.prompt import PromptBuilder
from titrant.errors import DataError
from titrant.select.rank import draw_of, read_ranking
from titrant.select.shots import choose_shots, without_shots
from titrant.settings import Config
from titrant.traces.table import load_problems, load_traces
from titrant.train.doctor import DoctorReport, examine
from titrant.train.grpo.labels import FILE as LABELS
from titrant.train.grpo.labels import read_labels
from titrant.train.grpo.prompts import Prompt, make_prompts, prompts_of
from titrant.train.grpo.reward import NEED_LABELS, questions_for
from titrant.train.render import render_rows
from titrant.train.samples import Ask, make_asks
from titrant.treat.table import TreatedPool, treat

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from titrant.arms import ArmSpec
    from titrant.traces.record import Problem, Trace
    from titrant.train.job import ArmJob
    from titrant.train.render import Row

KEPT_WEIGHTS = 200_000_000
"""A base with more weights is loaded again for each arm (0.8 GB in float32)."""
KEPT_TOKENS = 20_000_000
"""Examined rows are kept up to so many tokens (about 1 GB)."""


class ArmContext:
    """Everything that the arms of one run share; see the module docstring."""

    def __init__(self, run_dir: Path, config: Config) -> None:
        self.run_dir, self.config = run_dir, config
        self._base: LoadedBase | None = load_base(config.base)
        model, self.tokenizer = self._base.model, self._base.tokenizer
        self.name, self.dtype = self._base.name, model.dtype
        self.context_tokens = context_of(model, self.tokenizer)
        self.stop_ids = stop_ids(model, self.tokenizer)
        self._is_kept = model.num_parameters() <= KEPT_WEIGHTS
        self.pool = {trace.uid: trace for trace in load_traces(run_dir / "pool.parquet")}
        shots = choose_shots(list(self.pool.values()), config)
        self.builder = PromptBuilder(self.tokenizer, config.prompt, shots=shots)
        self._rows: OrderedDict[str, Row] = OrderedDict()
        self._n_tokens = 0
        self._has_examined = False
        self._asks: dict[str, list[Ask]] = {}

    def fresh_base(self) -> LoadedBase:
        """The base with weights that no arm has touched."""
        if self._base is None:
            return load_base(self.config.base)
        base = self._base
        if not self._is_kept:
            self._base = None
            return base
        return replace(base, model=copy.deepcopy(base.model))

    def treated(self, spec: ArmSpec) -> TreatedPool:
        """The traces of an arm as its treatment leaves them, in the order of its ranking.

        Raises:
            DataError: see `subset`; or the treatment needs traces of other questions.
        """
        seed = spec.seed_for(self.config.seed, "treat")
        return treat(self.subset(spec), spec.treatment, seed=seed)

    def subset(self, spec: ArmSpec) -> list[Trace]:
        """The traces of an arm before any treatment, in the order of its ranking.

        Raises:
            DataError: the ranking is missing or names a trace that the pool has not.
        """
        path = self._ranking_path(spec)
        uids = read_ranking(path).subset(spec.dose)
        missing = [uid for uid in uids if uid not in self.pool]
        if missing:
            raise DataError(
                f"{path} names traces that the pool has not",
                came=f"{len(missing)} uids, such as {missing[0]}",
                do="delete the ranking and run the same command again: it is made anew",
            )
        return [self.pool[uid] for uid in uids]

    def prompts(self, spec: ArmSpec) -> list[Prompt]:
        """The prompts of an arm that is trained by rewards: as many questions as its dose.

        Raises:
            DataError: ranking or labels are missing, or the pool has fewer questions.
            TrainError: the doctor refuses a question.
        """
        reward = self.config.train.grpo.reward
        labels = read_labels(self.run_dir / LABELS) if reward in NEED_LABELS else {}
        ranking, only = read_ranking(self._ranking_path(spec)), questions_for(reward, labels)
        problems = prompts_of(ranking, self.pool, spec.dose, only=only)
        self._examine((), [problem.question for problem in problems])
        return make_prompts(problems, self.builder, labels)

    def _ranking_path(self, spec: ArmSpec) -> Path:
        draw = draw_of(spec.strategy, spec.seed)
        return self.run_dir / "rankings" / f"{spec.strategy}-d{draw}.parquet"

    def rows(self, traces: Sequence[Trace]) -> list[Row]:
        """The rows of traces, examined by the template doctor once in this process.

        Traces that are too long have none under `recipe.long_rows: drop`.

        Raises:
            TrainError: the doctor refuses a row or a benchmark's question.
        """
        # Under a treatment two traces may come to say the same; each such text is examined once.
        new = {trace.uid: trace for trace in traces if trace.uid not in self._rows}
        if new:
            self._keep(self._examine(list(new.values())).rows)
        rows = [self._rows[trace.uid] for trace in traces if trace.uid in self._rows]
        self._forget()
        return rows

    def _examine(self, traces: Sequence[Trace], questions: Sequence[str] = ()) -> DoctorReport:
        """What the doctor says of traces and questions, and once of the benchmarks."""
        asked = () if self._has_examined else [a.problem.question for a in self.asks("ladder")]
        report = examine(
            traces,
            [*questions, *asked],
            builder=self.builder,
            tokenizer=self.tokenizer,
            recipe=self.config.recipe,
            context_tokens=self.context_tokens,
            stop_ids=self.stop_ids,
        )
        self._has_examined = True
        return report

    def _keep(self, rows: Sequence[Row]) -> None:
        self._rows |= {row.uid: row for row in rows}
        self._n_tokens += sum(len(row.input_ids) for row in rows)

    def _forget(self) -> None:
        """Drop the rows examined first while there are too many tokens."""
        while self._n_tokens > KEPT_TOKENS:
            _, row = self._rows.popitem(last=False)
            self._n_tokens -= len(row.input_ids)

    @cached_property
    def mean_loss_tokens(self) -> float:
        """Loss tokens per trace of all that may be trained: what equal-token recipes measure in."""
        traces = without_shots(list(self.pool.values()), self.config)
        rows = render_rows(traces, self.builder, self.tokenizer, stop_ids=self.stop_ids)
        return sum(row.n_loss_tokens for row in rows) / len(rows)

    def asks(self, purpose: str) -> list[Ask]:
        """What an arm of this purpose is asked.

        For a pilot pool problems, for an audit its own sets beside the deciding benchmark, else the
        benchmarks.
        """
        kind = purpose if purpose in ("pilot", "audit") else "benchmark"
        if kind not in self._asks:
            problems = load_named_problems(self.run_dir / f"{kind}.parquet")
            names = list(dict.fromkeys(name for name, _ in problems))
            settings = [item.answer_pattern for item in self.config.benchmark]
            if kind == "pilot":
                settings = [self.config.pool.answer_pattern] * len(names)
            elif kind == "audit":  # the sets made for it are of the deciding benchmark's kind
                settings = settings[:1] * len(names)
            patterns = dict(zip(names, settings, strict=False))
            n_samples = self.config.decode.samples_per_problem
            self._asks[kind] = make_asks(problems, self.builder, patterns, n_samples=n_samples)
        return self._asks[kind]


def open_context(job: ArmJob) -> ArmContext:
    """The context of a job's run: that of the last job where it was the same run."""
    return _open(job.run_dir.absolute(), job.config.model_dump_json())


@lru_cache(maxsize=1)
def _open(run_dir: Path, config: str) -> ArmContext:
    context = ArmContext(run_dir, Config.model_validate_json(config))
    # The trainer collects garbage at the start of each arm; what stays for good need not be walked.
    gc.collect()
    gc.freeze()
    return context


def close_context() -> None:
    """Forget the context, and with it the base and the pool."""
    _open.cache_clear()
    gc.unfreeze()


def load_named_problems(path: Path) -> list[tuple[str, Problem]]:
    """Problems with the names of their benchmarks, in the order of the file."""
    problems = load_problems(path)
    with pq.ParquetFile(path) as file:
        names = file.read(["benchmark"])["benchmark"].to_pylist()
    return list(zip(names, problems, strict=True))
