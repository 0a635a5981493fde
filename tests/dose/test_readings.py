"""Readings become a matrix of arms by problems; what was not asked is missing, not wrong."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import first_round, planted, table_of

from titrant.arms import Reading
from titrant.dose.readings import FEWEST_PROBLEMS, SCHEMA, ArmKey, ReadingTable, half_of
from titrant.errors import DataError


def reading(
    strategy, dose, seed, qid, correct, *, sample=0, benchmark="b", verdict=None
) -> Reading:
    return Reading(
        arm_id=f"{strategy}-n{dose}-s{seed}",
        strategy=strategy,
        dose=dose,
        seed=seed,
        treatment="clean",
        benchmark=benchmark,
        qid=qid,
        sample=sample,
        correct=correct,
        verdict=verdict,
        final_answer=None,
        n_tokens=None,
    )


ROWS = [
    reading("base", 0, 0, "p", False, verdict="wrong"),
    reading("base", 0, 0, "q", False, verdict="truncated"),
    reading("random", 8, 0, "p", True, verdict="correct"),
    reading("random", 8, 0, "p", False, sample=1, verdict="unreadable"),
    reading("random", 8, 0, "q", True, verdict="correct"),
    reading("random", 8, 0, "q", None, sample=1),
]


def test_a_cell_is_the_mean_over_samples_of_correct():
    table = ReadingTable.from_rows(ROWS)
    assert table.arms == (ArmKey("base", 0, 0), ArmKey("random", 8, 0))
    assert table.qids == ("p", "q")
    # p at dose 8: one of two right; q: one right, and one never asked, which does not count
    np.testing.assert_array_equal(table.score, [[0.0, 0.0], [0.5, 1.0]])
    assert table.samples == 2


def test_truncated_and_unreadable_attempts_stay_in_the_denominator():
    table = ReadingTable.from_rows(ROWS)
    np.testing.assert_allclose(table.truncated, [1 / 2, 0])
    np.testing.assert_allclose(table.unreadable, [0, 1 / 3])  # of 3 attempts that were asked
    assert table.score[0, 1] == 0.0  # truncated is not correct


def test_a_problem_never_asked_is_missing():
    table = ReadingTable.from_rows([*ROWS, reading("random", 8, 1, "p", True)])
    assert table.arms[2] == ArmKey("random", 8, 1)
    assert table.score[2, 0] == 1.0
    assert np.isnan(table.score[2, 1])
    assert np.isnan(table.truncated[2])  # no verdict is known


def test_a_problem_asked_of_no_arm_is_no_problem():
    nobody = [reading("base", 0, 0, "r", None), reading("random", 8, 0, "r", None)]
    assert ReadingTable.from_rows([*ROWS, *nobody]).qids == ("p", "q")


def test_the_first_benchmark_counts_unless_one_is_named():
    rows = [reading("base", 0, 0, "p", True, benchmark="b2"), *ROWS]
    assert ReadingTable.from_rows(rows).qids == ("p",)
    assert ReadingTable.from_rows(rows, benchmark="b").qids == ("p", "q")


def test_no_readings_are_refused():
    with pytest.raises(DataError, match="no readings\n  do: run the titration first"):
        ReadingTable.from_rows([])


def test_a_table_survives_parquet(tmp_path):
    pl.DataFrame(ROWS, schema=SCHEMA, orient="row").write_parquet(tmp_path / "r.parquet")
    table = ReadingTable.from_parquet(tmp_path / "r.parquet")
    np.testing.assert_array_equal(table.score, ReadingTable.from_rows(ROWS).score)


@settings(max_examples=20)
@given(st.permutations(ROWS))
def test_the_order_of_rows_does_not_matter(rows):
    table, expected = ReadingTable.from_rows(rows), ReadingTable.from_rows(ROWS)
    assert (table.arms, table.qids) == (expected.arms, expected.qids)
    np.testing.assert_array_equal(table.score, expected.score)
    np.testing.assert_array_equal(table.truncated, expected.truncated)


def with_gaps(n_asked: int) -> ReadingTable:
    score = np.ones((2, 30))
    score[1, n_asked:] = np.nan
    return table_of([ArmKey("base", 0, 0), ArmKey("random", 8, 0)], score)


def test_only_problems_asked_of_every_arm_are_paired():
    paired = with_gaps(25).paired()
    assert paired.qids == with_gaps(25).qids[:25]
    assert not np.isnan(paired.score).any()


def test_too_few_paired_problems_are_refused():
    assert len(with_gaps(FEWEST_PROBLEMS).paired().qids) == 20
    with pytest.raises(DataError) as error:
        with_gaps(19).paired()
    assert str(error.value) == (
        "too few problems were asked of every arm\n"
        "  expected: 20 or more problems with a reading in each arm\n"
        "  found: 19 of 30\n"
        "  do: read all arms on the same problems"
    )


KEYS = [
    ArmKey("base", 0, 0),
    ArmKey("random", 8, 0),
    ArmKey("random", 64, 0),
    ArmKey("longest", 8, 0),
    ArmKey("longest", 64, 0),
    ArmKey("random", 8, 0, "shuffled"),
]


def test_a_strategy_has_its_own_clean_arms_and_the_base():
    table = table_of(KEYS, np.zeros((6, 3)))
    assert table.strategy("longest").arms == (KEYS[0], KEYS[3], KEYS[4])


def test_the_whole_pool_counts_for_every_strategy():
    table = table_of(KEYS, np.arange(18).reshape(6, 3))
    part = table.strategy("longest", shared_dose=64)
    assert part.arms == (KEYS[0], KEYS[2], KEYS[3], KEYS[4])
    np.testing.assert_array_equal(part.score[1], table.score[2])


def test_halves_part_the_problems_and_depend_on_the_problem_alone():
    table = first_round(0.3, 0.3, 0.3, 0.3, 0.3, 0.3)
    first, second = table.half(0), table.half(1)
    assert set(first.qids) | set(second.qids) == set(table.qids)
    assert not set(first.qids) & set(second.qids)
    # 2,000 fair coins: 1,000 ± 4·√500 = 89
    assert abs(len(first.qids) - 1000) < 90
    assert all(half_of(qid) == 0 for qid in first.qids)


def test_planted_tables_have_the_accuracies_they_say():
    table = planted({0: 0.25, 8: 0.5}, n=1000, seeds={8: 3}, wobble=0.01)
    np.testing.assert_allclose(table.score.mean(axis=1), [0.25, 0.49, 0.5, 0.51], atol=1e-3)
