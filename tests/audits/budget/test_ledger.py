"""Who answered what and at which price: from readings, or from own traces."""

import numpy as np
import polars as pl

from titrant.audits.base import Evidence
from titrant.audits.budget.ledger import open_ledger
from titrant.audits.budget.part import PLAIN, SCHEMA, THINKING
from titrant.audits.budget.planted import clean
from titrant.audits.faithfulness.parts import draws as draws_part
from titrant.audits.faithfulness.parts import own as own_part
from titrant.dose.readings import SCHEMA as READINGS


def frame(rows, schema, **columns):
    full = [{**dict.fromkeys(schema), **columns, **row} for row in rows]
    kinds = {"role": pl.String, "seed": pl.Int64}
    return pl.DataFrame(full, schema={**schema, **{k: kinds[k] for k in columns if k in kinds}})


def reading(qid, correct, n_tokens, **fields):
    row = {"arm_id": "a", "strategy": "s", "dose": 9, "seed": 0, "treatment": "clean"}
    row |= {"benchmark": "benchmark", "sample": 0, "verdict": "x", "final_answer": "5"}
    return {**row, "qid": qid, "correct": correct, "n_tokens": n_tokens, **fields}


def draw(qid, sample, correct, n_tokens=10, **fields):
    return {
        "qid": qid,
        "sample": sample,
        "correct": correct,
        "n_tokens": n_tokens,
        "answer": "6",
        **fields,
    }


def readings(rows):
    return pl.DataFrame(rows, schema=READINGS)


DRAWS = frame(
    [draw("a", 1, correct=True), draw("a", 0, correct=False), draw("b", 0, correct=None)],
    draws_part.SCHEMA,
    role="base",
    seed=0,
)


def test_the_reading_comes_first_then_draws_by_number():
    rows = [
        reading("a", True, 40),
        reading("a", True, 60, seed=1),
        reading("a", False, 12, dose=0, final_answer="4"),
        reading("a", False, 99, dose=0, sample=1),
    ]
    found = open_ledger(Evidence({"draws": DRAWS}, readings=readings(rows)))
    assert found is not None
    assert found.qids == ("a",)
    np.testing.assert_array_equal(found.tokens.tuned, [[40.0], [60.0]])
    # the base's two samples are one mean; the first of them is the first voter
    assert found.tokens.base.tolist() == [(12 + 99) / 2]
    assert found.plain.cost.tolist() == [[12, 22, 32]]
    # wrong 4, wrong 6, right
    assert found.plain.group.tolist() == [[1, 2, 0]]
    assert found.thinking is None


def test_only_clean_arms_on_the_deciding_benchmark_count():
    rows = [
        reading("a", True, 40),
        reading("a", False, 1000, seed=7, treatment="foreign"),
        reading("a", False, 1000, seed=8, benchmark="fresh"),
        reading("a", None, 1000, seed=9),
        reading("a", False, 12, dose=0),
    ]
    found = open_ledger(Evidence({"draws": DRAWS}, readings=readings(rows)))
    assert found is not None
    np.testing.assert_array_equal(found.tokens.tuned, [[40.0]])


def test_without_readings_own_traces_serve():
    rows = [
        {
            "role": "base",
            "qid": "a",
            "kind": "trace",
            "correct": False,
            "n_tokens": 12,
            "answer": "4",
        },
        {
            "role": "tuned",
            "qid": "a",
            "kind": "trace",
            "correct": True,
            "n_tokens": 50,
            "answer": "5",
        },
        {
            "role": "tuned",
            "qid": "a",
            "kind": "early",
            "correct": True,
            "n_tokens": 3,
            "answer": "5",
        },
    ]
    own = frame(rows, own_part.SCHEMA, seed=0, role="")
    found = open_ledger(Evidence({"draws": DRAWS, "own": own}))
    assert found is not None
    assert (found.tokens.base.tolist(), found.tokens.tuned.tolist()) == ([12.0], [[50.0]])
    assert found.plain.cost.tolist() == [[12, 22, 32]]


def test_more_draws_follow_those_that_were_there():
    more = frame(
        [
            draw("a", 2, correct=True, n_tokens=7, variant=PLAIN),
            draw("a", 0, correct=True, variant=THINKING),
        ],
        SCHEMA,
        role="base",
        seed=0,
    )
    rows = [reading("a", True, 40), reading("a", False, 12, dose=0)]
    found = open_ledger(Evidence({"draws": DRAWS, "base_draws": more}, readings=readings(rows)))
    assert found is not None
    assert found.plain.cost.tolist() == [[12, 22, 32, 39]]
    assert found.thinking is not None
    assert found.thinking.cost.tolist() == [[10]]


def test_without_draws_or_one_side_there_is_no_ledger():
    both = readings([reading("a", True, 40), reading("a", False, 12, dose=0)])
    assert open_ledger(Evidence({}, readings=both)) is None
    assert open_ledger(Evidence({"draws": DRAWS})) is None
    arms = readings([reading("a", True, 40)])
    assert open_ledger(Evidence({"draws": DRAWS}, readings=arms)) is None
    other = readings([reading("z", True, 40), reading("z", False, 12, dose=0)])
    assert open_ledger(Evidence({"draws": DRAWS}, readings=other)) is None


def test_readings_without_tokens_do_not_count():
    rows = [reading("a", True, None), reading("a", False, 12, dose=0)]
    assert open_ledger(Evidence({"draws": DRAWS}, readings=readings(rows))) is None


def test_planted_evidence_has_a_ledger():
    found = open_ledger(clean(np.random.default_rng(0), 20))
    assert found is not None
    assert found.tokens.tuned.shape == (3, 20)
