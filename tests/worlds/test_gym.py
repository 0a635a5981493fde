"""reasoning-gym as a source of problems: splits by hash, full scores only, no reasoning, no pool."""

import subprocess
import sys

import numpy as np
import pytest

from titrant.errors import ConfigError, DataError, MissingPackageError
from titrant.traces.record import Problem, Verdict, question_id
from titrant.traces.table import load_traces, write_traces
from titrant.traces.verify.verdict import Verifier
from titrant.worlds import gym
from titrant.worlds.base import Split
from titrant.worlds.gym import GYM, Gym, judge, tasks
from titrant.worlds.pools import make_pool, world_problems
from titrant.worlds.verdicts import Written, judge_written, verdict_of_world
from trace_made import made_trace

WITHOUT_PACKAGE = """
import sys
sys.modules["reasoning_gym"] = None
from titrant.errors import MissingPackageError
from titrant.worlds.base import Split, worlds
try:
    worlds.get("gym").problem("chain_sum", Split.TEST, 0)
except MissingPackageError as error:
    print(error)
"""


def test_without_the_package_its_name_is_given():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PACKAGE], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "the world gym needs the package reasoning-gym, which is not installed\n"
        "  do: pip install reasoning-gym\n"
    )


def test_a_package_that_is_missing_inside_it_is_not_taken_for_it(monkeypatch):
    def fails(name):
        raise ModuleNotFoundError("No module named 'pycosat'", name="pycosat")

    monkeypatch.setattr(gym.importlib, "import_module", fails)
    gym._gym.cache_clear()
    with pytest.raises(ModuleNotFoundError, match="pycosat") as caught:
        tasks()
    assert not isinstance(caught.value, MissingPackageError)
    gym._gym.cache_clear()


def test_a_world_without_reasoning_says_so():
    for call in (GYM.oracle, lambda question: GYM.validate(question, "")):
        with pytest.raises(
            ConfigError, match="the world gym has problems and no reasoning"
        ) as caught:
            call("1 + 1 =")
        assert "do: use it as a benchmark" in str(caught.value)


def test_no_pool_is_made_of_it():
    with pytest.raises(ConfigError, match="no pool is made from the world 'gym/chain_sum'"):
        make_pool("gym/chain_sum", 5)


def test_a_foreign_problem_is_refused():
    foreign = Problem(qid="q", question="1+1=", gold="2", source="world:arithmetic/easy")
    with pytest.raises(DataError, match="not a problem of the world gym\n  expected: source world"):
        judge(foreign, "2")


class TestInstalled:
    """With reasoning-gym there."""

    @pytest.fixture(autouse=True)
    def _installed(self):
        pytest.importorskip("reasoning_gym", reason="needs reasoning-gym")

    def test_a_task_must_be_named_and_known(self):
        with pytest.raises(ConfigError, match="the world gym needs a task\n  expected: world:gym/"):
            world_problems("world:gym", 3)
        with pytest.raises(ConfigError, match="no task 'chain_summ'\n  do: did you mean chain_sum"):
            GYM.problem("chain_summ", Split.TEST, 0)
        with pytest.raises(ConfigError, match="no task 'composite'"):
            GYM.count("composite", Split.TEST)

    def test_a_benchmark_has_so_many_problems_with_gold(self):
        problems = world_problems("world:gym/chain_sum", 30)
        assert len({problem.qid for problem in problems}) == 30
        for problem in problems:
            assert problem.qid == question_id(problem.question)
            assert problem.source == problem.gold_kind == "world:gym/chain_sum"
            assert GYM.verify(problem.question, problem.gold) == Verdict.CORRECT

    def test_an_instance_is_a_function_of_its_labels(self):
        labels = [("chain_sum", split, i) for split in Split for i in (0, 7, 150)]
        first = [GYM.problem(*label) for label in labels]
        again = [Gym().problem(*label) for label in reversed(labels)][::-1]
        assert first == again
        assert len({problem.qid for problem in first}) == len(first)

    def test_the_global_generator_is_left_alone(self):
        before = np.random.get_state()[1].tolist()  # noqa: NPY002
        GYM.problem("pool_matrix", Split.TEST, 0)  # seeds it
        assert np.random.get_state()[1].tolist() == before  # noqa: NPY002

    def test_no_question_stands_in_two_splits(self):
        drawn = {
            split: {GYM.problem("coin_flip", split, i).qid for i in range(40)} for split in Split
        }
        assert not drawn[Split.TEST] & drawn[Split.POOL]
        assert not drawn[Split.TEST] & drawn[Split.PRETRAIN]

    def test_only_the_full_score_is_correct(self):
        problem = GYM.problem("chain_sum", Split.TEST, 0)
        cases = {
            problem.gold: Verdict.CORRECT,
            f"#### {problem.gold}": Verdict.CORRECT,
            f"perhaps {problem.gold}": Verdict.WRONG,  # reasoning-gym pays for a part
            str(int(problem.gold) + 1): Verdict.WRONG,
            " ": Verdict.UNREADABLE,
        }
        assert {text: GYM.verify(problem.question, text) for text in cases} == cases
        assert {text: judge(problem, text) for text in cases} == cases

    def test_another_right_answer_than_gold_passes(self):
        problem = GYM.problem("countdown", Split.TEST, 0)
        assert judge(problem, f"({problem.gold})") == Verdict.CORRECT
        assert judge(problem, f"({problem.gold}) + 1") == Verdict.WRONG

    def test_a_question_not_drawn_here_needs_its_problem(self):
        problem = GYM.problem("chain_sum", Split.TEST, 77)
        with pytest.raises(DataError, match="was not drawn here") as caught:
            Gym().verify(problem.question, "1")
        assert "titrant.worlds.gym.judge" in str(caught.value)

    def test_a_problem_that_is_worded_otherwise_now_is_refused(self):
        problem = GYM.problem("chain_sum", Split.TEST, 5)
        older = problem.model_copy(update={"question": "What is 1 + 1?"})
        with pytest.raises(DataError, match="does not make this problem any more") as caught:
            judge(older, "2")
        assert f"the version that made it: {problem.meta['reasoning_gym']}" in str(caught.value)

    def test_a_problem_survives_being_written_and_read(self):
        problem = GYM.problem("chain_sum", Split.TEST, 9)
        again = Problem.model_validate_json(problem.model_dump_json())
        assert judge(again, problem.gold) == Verdict.CORRECT

    def test_a_task_without_questions_of_a_split_is_given_up(self, monkeypatch):
        monkeypatch.setattr(gym, "_split_of", lambda task, question: Split.POOL)
        with pytest.raises(ConfigError, match="the task chain_sum of reasoning-gym has too few"):
            Gym().problem("chain_sum", Split.TEST, 0)

    def test_a_trace_of_a_problem_can_be_judged_in_another_process(self, tmp_path):
        problem = GYM.problem("chain_sum", Split.TEST, 9)
        trace = made_trace(problem.question, "I add.", problem.gold, gold=problem.gold)
        about = {name: getattr(problem, name) for name in ("gold_kind", "source", "meta")}
        write_traces(tmp_path / "pool.parquet", [trace.model_copy(update=about)])
        (read,) = load_traces(tmp_path / "pool.parquet")
        texts = (problem.gold, "1", "")
        with Verifier() as verifier:
            judged = judge_written(
                [Written(read.problem, t, is_cut=False) for t in texts], verifier
            )
        expected = [Verdict.CORRECT, Verdict.WRONG, Verdict.UNREADABLE]
        assert [one.verdict for one in judged] == expected
        assert [verdict_of_world(read.problem, t) for t in texts] == expected
