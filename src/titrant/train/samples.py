"""Reading an arm: every problem asked, every answer judged, in shards that survive a kill.

The asks are sorted once, by length of their prompts, and cut into shards of fixed size, so a restarted
arm finds the same shards and asks only those that are missing.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from titrant.arms import Reading
from titrant.engines.base import Request
from titrant.errors import EngineError
from titrant.files import write_table
from titrant.seeds import derive
from titrant.traces.record import Verdict
from titrant.traces.verify.verdict import Verifier
from titrant.worlds.verdicts import Written, judge_written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from titrant.arms import ArmSpec
    from titrant.engines.base import Engine, Result
    from titrant.engines.open import Prompts
    from titrant.settings import Config
    from titrant.traces.record import Problem

SHARD = 256
"""Attempts per file: what a kill can cost."""
_SECONDS = b"titrant.seconds"
SCHEMA = pa.schema(
    [
        ("arm_id", pa.string()),
        ("strategy", pa.string()),
        ("dose", pa.int64()),
        ("seed", pa.int64()),
        ("treatment", pa.string()),
        ("benchmark", pa.string()),
        ("qid", pa.string()),
        ("sample", pa.int32()),
        ("correct", pa.bool_()),
        ("verdict", pa.string()),
        ("final_answer", pa.string()),
        ("n_tokens", pa.int32()),
        ("text", pa.large_string()),
        ("prompt", pa.large_string()),
    ]
)
"""The columns of `Reading`, the text, and the prompt that it answers."""


class Ask(NamedTuple):
    """One attempt at one problem, to be made."""

    benchmark: str
    problem: Problem
    sample: int
    prompt: str
    answer_pattern: str | None


class Judged(NamedTuple):
    """A reading with the text it comes from."""

    reading: Reading
    text: str


class Summary(NamedTuple):
    """Shares by benchmark, and what the reading took."""

    accuracy: dict[str, float]
    """Correct / asked; truncated and unreadable attempts were asked."""
    truncated: dict[str, float]
    unreadable: dict[str, float]
    generated_tokens: int
    seconds: float


def make_asks(
    problems: Sequence[tuple[str, Problem]],
    builder: Prompts,
    patterns: Mapping[str, str | None],
    *,
    n_samples: int,
) -> list[Ask]:
    """All attempts of an arm in their fixed order.

    Args:
        problems: benchmark name and problem.
        builder: makes prompts.
        patterns: answer patterns by benchmark name.
        n_samples: attempts per problem.
    """
    asks = [
        Ask(name, problem, sample, prompt, patterns.get(name))
        for name, problem in problems
        for prompt in [builder.prompt(problem.question)]
        for sample in range(n_samples)
    ]
    return sorted(
        asks, key=lambda ask: (len(ask.prompt), ask.benchmark, ask.problem.qid, ask.sample)
    )


class Reader(NamedTuple):
    """Who answers for which arm, and how."""

    engine: Engine
    spec: ArmSpec
    config: Config
    opens_thinking: str
    """What the prompt itself has already written of the answer; goes back in front."""


def read_arm(
    reader: Reader,
    asks: Sequence[Ask],
    folder: Path,
    *,
    on_shard: Callable[[int, int], None] | None = None,
) -> Summary:
    """Read an arm into `folder`, one Parquet file per shard, and sum it up.

    Args:
        reader: engine and arm.
        asks: as `make_asks` gives them.
        folder: shards that are there already are not read again.
        on_shard: told (attempts done, attempts in all).

    Raises:
        EngineError: the engine failed on an attempt; the shard is not written.
    """
    tables = []
    with Verifier() as verifier:  # its processes start only where algebra is needed
        for start in range(0, len(asks), SHARD):
            shard = asks[start : start + SHARD]
            path = folder / f"{start // SHARD:05d}.parquet"
            table = _stored(path, shard)
            if table is None:
                table = _read_shard(reader, shard, verifier)
                write_table(path, table)
            tables.append(table)
            if on_shard is not None:
                on_shard(start + len(shard), len(asks))
    return summarise(tables)


def _stored(path: Path, shard: Sequence[Ask]) -> pa.Table | None:
    """A shard that is there, whole, and answers the same asks."""
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
        keys = zip(*(table[name].to_pylist() for name in _KEYS), strict=True)
    except (OSError, KeyError, pa.ArrowInvalid):
        return None
    same = list(keys) == [(ask.benchmark, ask.problem.qid, ask.sample) for ask in shard]
    return table if same else None


_KEYS = ("benchmark", "qid", "sample")


def _read_shard(reader: Reader, shard: Sequence[Ask], verifier: Verifier) -> pa.Table:
    started = time.monotonic()
    results = _generate(reader, shard)
    judged = judge(reader, shard, results, verifier)
    rows = [
        {**one.reading._asdict(), "text": one.text, "prompt": ask.prompt}
        for one, ask in zip(judged, shard, strict=True)
    ]
    seconds = {_SECONDS: f"{time.monotonic() - started:.3f}".encode()}
    return pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata(seconds))


def _generate(reader: Reader, shard: Sequence[Ask]) -> list[Result]:
    decode, root = reader.config.decode, reader.config.seed
    draws = reader.spec.seed_for(root, "draw")
    requests = [
        Request(
            prompt=ask.prompt,
            max_new_tokens=decode.max_new_tokens,
            temperature=decode.temperature,
            top_p=decode.top_p,
            seed=derive(draws, ask.benchmark, ask.problem.qid, ask.sample),
            stop=decode.stop,
        )
        for ask in shard
    ]
    found = dict(reader.engine.generate(requests))
    results = [found[i] for i in range(len(shard))]
    for ask, result in zip(shard, results, strict=True):
        if result.error is not None:
            raise EngineError(
                f"{reader.spec.arm_id}: an answer could not be generated",
                came=f"{result.error} ({ask.benchmark}, problem {ask.problem.qid})",
                do="correct the cause and run the same command again: shards that were read are kept",
            )
    return results


def judge(
    reader: Reader, asks: Sequence[Ask], results: Sequence[Result], verifier: Verifier
) -> list[Judged]:
    """Turn results into readings; see `judge_written` for what counts as an answer."""
    texts = [reader.opens_thinking + result.text for result in results]
    written = [
        Written(ask.problem, text, result.stop_reason == "length", ask.answer_pattern)
        for ask, text, result in zip(asks, texts, results, strict=True)
    ]
    decided = judge_written(written, verifier)
    spec = reader.spec
    arm = (spec.arm_id, spec.strategy, spec.dose, spec.seed, spec.treatment)
    return [
        Judged(
            Reading(
                *arm,
                benchmark=ask.benchmark,
                qid=ask.problem.qid,
                sample=ask.sample,
                correct=None if verdict is None else verdict == Verdict.CORRECT,
                verdict=None if verdict is None else verdict.value,
                final_answer=answer,
                n_tokens=result.n_tokens,
            ),
            text,
        )
        for ask, text, result, (answer, verdict) in zip(asks, texts, results, decided, strict=True)
    ]


def summarise(tables: Sequence[pa.Table]) -> Summary:
    """Shares by benchmark over all shards; attempts without verdict were never asked."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    tokens, seconds = 0, 0.0
    for table in tables:
        seconds += float((table.schema.metadata or {}).get(_SECONDS, b"0"))
        tokens += sum(n or 0 for n in table["n_tokens"].to_pylist())
        columns = (table["benchmark"].to_pylist(), table["verdict"].to_pylist())
        for benchmark, verdict in zip(*columns, strict=True):
            if verdict is not None:
                counts[benchmark][verdict] += 1
    shares = {
        verdict: {name: of[verdict] / sum(of.values()) for name, of in counts.items()}
        for verdict in (Verdict.CORRECT, Verdict.TRUNCATED, Verdict.UNREADABLE)
    }
    return Summary(
        shares[Verdict.CORRECT],
        shares[Verdict.TRUNCATED],
        shares[Verdict.UNREADABLE],
        tokens,
        seconds,
    )
