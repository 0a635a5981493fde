"""Makes `report_answers` importable and gives a run folder with everything that exports read."""

import sys
from pathlib import Path

import polars as pl
import pytest

sys.path.append(str(Path(__file__).parent))

from report_answers import ANSWERS, estimate
from report_pool import POOL

from titrant.report.answer import Subset
from titrant.select.rank import rank, write_ranking
from titrant.traces.record import Problem, question_id

ATTEMPTS = (
    # problem, sample, correct, verdict, final answer; problem 2 was never asked
    (0, 0, True, "correct", "1"),
    (0, 1, False, "wrong", "7"),
    (1, 0, True, "correct", "2"),
    (1, 1, True, "correct", "2"),
    (2, 0, None, None, None),
    (3, 0, False, "truncated", None),
    (3, 1, False, "unreadable", None),
)


def attempts(arm_id: str, strategy: str, dose: int) -> pl.DataFrame:
    rows = [
        {
            "arm_id": arm_id,
            "strategy": strategy,
            "dose": dose,
            "seed": 0,
            "treatment": "clean",
            "benchmark": "sums",
            "qid": question_id(f"problem {problem}"),
            "sample": sample,
            "correct": correct,
            "verdict": verdict,
            "final_answer": final,
            "n_tokens": 5,
            "text": f"attempt {sample} at {problem}",
        }
        for problem, sample, correct, verdict, final in ATTEMPTS
    ]
    return pl.DataFrame(rows)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A finished run of 12 traces, two arms and one benchmark of 4 problems."""
    from titrant.report.cards import write_subset
    from titrant.settings import PromptSettings
    from titrant.traces.table import write_traces

    run = tmp_path / "run"
    (run / "rankings").mkdir(parents=True)
    (run / "config.yaml").write_text("base: b\npool: p\nbenchmark: q\nprompt:\n  few_shot: 2\n")
    write_traces(run / "pool.parquet", POOL)
    rankings = {}
    for strategy, draw in (("random", 0), ("random", 1), ("longest", 0)):
        rankings[strategy, draw] = rank(POOL, strategy=strategy, root=0, draw=draw)
        write_ranking(run / "rankings" / f"{strategy}-d{draw}.parquet", rankings[strategy, draw])
    problems = [
        Problem(qid=question_id(f"problem {i}"), question=f"problem {i}", gold=str(i + 1))
        for i in range(4)
    ]
    frame = pl.DataFrame(
        [{"benchmark": "sums", **p.model_dump(exclude={"meta"})} for p in problems]
    )
    frame.write_parquet(run / "benchmark.parquet")
    arms = [("base-n000000-s00", "base", 0), ("random-n000003-s00", "random", 3)]
    for arm in arms:
        folder = run / "arms" / arm[0] / "samples"
        folder.mkdir(parents=True)
        attempts(*arm).write_parquet(folder / "0000.parquet")
    readings = pl.concat([attempts(*arm).drop("text") for arm in arms])
    readings.write_parquet(run / "readings.parquet")
    answer = ANSWERS["enough"]().model_copy(
        update={
            "top_dose": 12,
            "ed95": estimate(3.0, 2.0, 5.0),
            "subset": Subset(path="subsets/n0003.jsonl", dose=3, strategy="random", tokens=33),
        }
    )
    by_uid = {trace.uid: trace for trace in POOL}
    chosen = [by_uid[uid] for uid in rankings["random", 0].subset(3)]
    places = rankings["random", 0].rows[:3]
    write_subset(run / "subsets" / "n0003.jsonl", chosen, prompt=PromptSettings(), places=places)
    (run / "answer.json").write_text(answer.model_dump_json(indent=2))
    return run


@pytest.fixture
def answers() -> dict:
    """Name → a function that makes the answer."""
    return ANSWERS
