import pyarrow.parquet as pq
import pytest

from titrant.arms import ArmSpec, Reading
from titrant.engines.fake import FakeEngine
from titrant.errors import EngineError
from titrant.settings import Config
from titrant.traces.record import Problem
from titrant.train import samples
from titrant.train.samples import Ask, Reader, read_arm

SPEC = ArmSpec(strategy="random", dose=4, seed=1)
TEXTS = {
    "right": "<think>\n2+2=4\n</think>\n\n4",
    "wrong": "<think>\n2+2=5\n</think>\n\n5",
    "mute": "<think>\n2+2=4\n</think>\n\nI do not know",
    "endless": "<think>\n" + "2+2=4\n" * 50,
    "open": "<think>\n2+2=4",
}
"""By the prompt's first word."""


def make_config(**decode) -> Config:
    decode = {"max_new_tokens": 100, **decode}
    return Config.model_validate({"base": "b", "pool": "p", "benchmark": "e", "decode": decode})


def make_ask(kind: str, sample: int = 0, name: str = "toy") -> Ask:
    problem = Problem(qid=kind, question=kind, gold="4")
    return Ask(name, problem, sample, f"{kind} {sample}\n", None)


class Counting(FakeEngine):
    """Notes the seeds of what it is asked."""

    def __init__(self, script, **kwargs):
        super().__init__(script, **kwargs)
        self.seeds = []

    @property
    def asked(self) -> int:
        return len(self.seeds)

    def generate(self, requests):
        self.seeds += [request.seed for request in requests]
        return super().generate(requests)


def make_engine(**kwargs) -> Counting:
    return Counting(lambda request: TEXTS[request.prompt.split()[0]], **kwargs)


def make_reader(engine=None, opens: str = "", **decode) -> Reader:
    return Reader(engine or make_engine(), SPEC, make_config(**decode), opens)


def test_each_verdict_is_told_apart_and_all_are_asked(tmp_path):
    asks = [make_ask(kind) for kind in TEXTS]

    summary = read_arm(make_reader(), asks, tmp_path)

    # right, wrong, mute, endless (cut at 100 bytes), open (stopped without closing its thinking):
    # 1 of 5 correct, 1 truncated, 2 unreadable.
    assert summary.accuracy == {"toy": pytest.approx(1 / 5)}
    assert summary.truncated == {"toy": pytest.approx(1 / 5)}
    assert summary.unreadable == {"toy": pytest.approx(2 / 5)}
    table = pq.read_table(tmp_path / "00000.parquet")
    assert table.column_names == [*Reading._fields, "text", "prompt"]
    prompts = dict(zip(table["qid"].to_pylist(), table["prompt"].to_pylist(), strict=True))
    assert prompts["right"] == "right 0\n"
    verdicts = dict(zip(table["qid"].to_pylist(), table["verdict"].to_pylist(), strict=True))
    assert verdicts == {
        "right": "correct",
        "wrong": "wrong",
        "mute": "unreadable",
        "endless": "truncated",
        "open": "unreadable",
    }
    assert table["correct"].to_pylist() == [True, False, False, False, False]
    assert table["arm_id"].to_pylist() == ["random-n000004-s01"] * 5
    assert summary.generated_tokens == sum(table["n_tokens"].to_pylist())


def test_benchmarks_are_summed_up_apart(tmp_path):
    asks = [make_ask("right"), make_ask("wrong", name="other"), make_ask("right", 1, "other")]

    summary = read_arm(make_reader(), asks, tmp_path)

    assert summary.accuracy == {"toy": 1.0, "other": 0.5}


def test_an_opening_tag_that_the_prompt_wrote_is_put_back(tmp_path):
    engine = FakeEngine(["2+2=5, so 5"])

    summary = read_arm(make_reader(engine, opens="<think>\n"), [make_ask("right")], tmp_path)

    # The text goes on with thinking that is never closed: there is no answer in it to be read.
    assert summary.unreadable == {"toy": 1.0}
    assert pq.read_table(tmp_path / "00000.parquet")["text"][0].as_py() == "<think>\n2+2=5, so 5"


def test_shards_that_are_there_are_not_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "SHARD", 2)
    asks = [make_ask("right", i) for i in range(5)]
    whole = read_arm(make_reader(), asks, tmp_path)
    (tmp_path / "00001.parquet").unlink()
    seen = []
    engine = make_engine()

    again = read_arm(
        make_reader(engine), asks, tmp_path, on_shard=lambda done, total: seen.append((done, total))
    )

    assert engine.asked == 2
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert again._replace(seconds=0) == whole._replace(seconds=0)


def test_a_shard_of_other_asks_or_a_cut_one_is_read_again(tmp_path):
    read_arm(make_reader(), [make_ask("right")], tmp_path)
    engine = make_engine()

    summary = read_arm(make_reader(engine), [make_ask("wrong")], tmp_path)
    path = tmp_path / "00000.parquet"
    path.write_bytes(path.read_bytes()[:50])
    read_arm(make_reader(engine), [make_ask("wrong")], tmp_path)

    assert summary.accuracy == {"toy": 0.0}
    assert engine.asked == 2


def test_an_engine_that_fails_on_an_attempt_leaves_no_shard(tmp_path):
    engine = FakeEngine(["4"], failures={"error": 1.0})

    with pytest.raises(EngineError, match=r"(?s)random-n000004-s01.*toy, problem right.*kept"):
        read_arm(make_reader(engine), [make_ask("right")], tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_draws_of_a_problem_have_seeds_of_their_own(tmp_path):
    asks = [make_ask("right", sample) for sample in range(3)]
    one, other = make_engine(), make_engine()

    read_arm(make_reader(one, temperature=1.0), asks, tmp_path / "one")
    read_arm(make_reader(other, temperature=1.0), asks, tmp_path / "other")

    assert len(set(one.seeds)) == 3
    assert one.seeds == other.seeds
