"""`titrant sample` on a server: nothing but the core and the openai extra, and a server that dies."""

import os
import subprocess
import sys

import polars as pl
import pytest

pytest.importorskip("openai")
pytest.importorskip("tenacity")

from titrant.engines.fake import FakeEngine
from titrant.errors import EngineError
from titrant.run.sample.alone import sample_job
from titrant.run.sample.job import sample
from titrant.seeds import derive
from titrant.settings import Config
from titrant.testing.server import FakeServer, Habits
from titrant.traces.record import Problem, question_id
from titrant.traces.table import write_problems
from titrant.vote.logs.draws import draw_parts, read_draws, rows_of
from titrant.vote.online import LABEL

pytestmark = pytest.mark.enable_socket
QUESTIONS = [f"What is {i} + {i}?" for i in range(4)]
HEAVY = ("torch", "transformers", "trl", "peft", "vllm", "datasets")


def say(request):
    n = int(request.prompt.split()[2])
    pick = derive(request.seed, "say", request.prompt)
    return f"{'so ' * (pick % 5)}the answer is {2 * n + (pick % 3 == 0)}"


def make_job(folder, url, rule):
    folder.mkdir(parents=True, exist_ok=True)
    problems = [
        Problem(qid=question_id(q), question=q, gold=str(2 * i)) for i, q in enumerate(QUESTIONS)
    ]
    write_problems(folder / "problems.parquet", problems)
    config = Config.model_validate(
        {
            "base": "fake",
            "pool": "world:arithmetic",
            "benchmark": "world:arithmetic",
            "decode": {"engine": "openai", "max_new_tokens": 60},
            "sample": {"rule": rule, "budget": 12, "warmup": 4, "temperature": 1.0},
            "server": {"url": url, "retries": 0, "concurrency": 4},
        }
    )
    return sample_job(config, folder)


@pytest.mark.parametrize("rule", ["fixed", "deepconf-high"])
def test_a_server_that_dies_loses_nothing_and_the_same_job_goes_on(tmp_path, rule):
    server = FakeServer(FakeEngine(say))
    port = server.start()
    sample(make_job(tmp_path / "whole", server.url, rule))
    server.habits.dies_after = len(server.asked) + 30  # about ten of them probe the server
    with pytest.raises(EngineError, match="does not answer"):
        sample(make_job(tmp_path / "cut", server.url, rule))
    server.stop()
    before = [
        derive(0, LABEL, draw.qid, draw.sample) % 2**31
        for path in draw_parts(tmp_path / "cut")
        for draw in rows_of(read_draws(path)[1])
        if draw.error is None and draw.stop_reason != "cancelled"
    ]
    server.habits.dies_after = None
    server.start(port)
    asked = len(server.asked)
    sample(make_job(tmp_path / "cut", server.url, rule))
    again = [body for body in server.asked[asked:] if body.get("stream")]
    server.stop()
    frames = [pl.read_parquet(tmp_path / name / "answers.parquet") for name in ("whole", "cut")]
    same = ["qid", "answer", "share", "votes", "settled"]
    assert frames[0].select(same).equals(frames[1].select(same))
    # What was answered was not asked again: stored draws and the second start's make up the draws.
    seeds = {body["seed"] for body in again}
    kept = [seed for seed in before if seed in seeds]
    assert before
    assert not kept


def test_a_rule_with_a_bar_needs_logprobs(tmp_path):
    from titrant.errors import ConfigError

    with FakeServer(FakeEngine(say), Habits(gives_logprobs=False)) as server:
        with pytest.raises(ConfigError, match="needs logprobs"):
            sample(make_job(tmp_path / "d", server.url, "deepconf-low"))
        meta = sample(make_job(tmp_path / "e", server.url, "adaptive"))
    assert meta.top == 0
    assert any("no logprobs" in note for note in meta.notes)


def test_nothing_but_core_and_client_is_needed(tmp_path):
    """The command in a process where importing a tensor library fails."""
    blocked = tmp_path / "blocked"
    for name in HEAVY:
        (blocked / name).mkdir(parents=True)
        (blocked / name / "__init__.py").write_text(f"raise ImportError('{name} is blocked')\n")
    problems = tmp_path / "problems.jsonl"
    problems.write_text(
        "".join(f'{{"question": "{q}", "answer": "{2 * i}"}}\n' for i, q in enumerate(QUESTIONS))
    )
    with FakeServer(FakeEngine(say)) as server:
        command = [
            *(sys.executable, "-m", "titrant", "sample", "--url", server.url, "--base", "fake"),
            *("--problems", str(problems), "--budget", "6", "--out", str(tmp_path / "d")),
            *("--set", "decode.max_new_tokens=60"),
        ]
        path = os.pathsep.join([str(blocked), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            command,
            check=False,
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    assert "24 draws for 4 questions" in done.stdout
