"""The sets of problems that audits ask: what is recorded of how they were made."""

import json

from titrant.run.audit.material import FreshNote, make_sets
from titrant.run.watch import Silent
from titrant.settings import Config
from titrant.traces.record import Problem, question_id


def written(path, n):
    """A file of word problems with gold answers."""
    rows = [{"question": f"Ann has {i} pears. How many?", "answer": str(i)} for i in range(n)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def made(tmp_path, **audit):
    """The sets for a benchmark of one problem, with given fresh ones."""
    sections = {"base": "fake", "pool": "pool.jsonl", "benchmark": "benchmark.jsonl"}
    fresh = written(tmp_path / "fresh.jsonl", 30)
    config = Config.model_validate(sections | {"audit": {"fresh": fresh, **audit}})
    asked = "Ann has 7 pears. How many?"
    benchmark = [Problem(qid=question_id(asked), question=asked, gold="7")]
    return make_sets(config, "benchmark", benchmark, Silent())


def test_given_problems_are_not_taken_to_be_alike(tmp_path):
    assert made(tmp_path).fresh == FreshNote(how="given", is_exchangeable=False)


def test_that_given_problems_are_alike_may_be_claimed(tmp_path):
    found = made(tmp_path, fresh_is_alike=True).fresh
    assert found == FreshNote(how="given", is_exchangeable=True)
    assert found.as_set.is_exchangeable


def test_problems_of_the_benchmark_are_never_among_the_fresh_ones(tmp_path):
    benchmark, fresh = made(tmp_path).named
    assert (benchmark.name, fresh.name, len(fresh.problems)) == ("benchmark", "fresh", 29)
    assert benchmark.problems[0].qid not in {problem.qid for problem in fresh.problems}
