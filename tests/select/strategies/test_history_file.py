import json

import numpy as np
import pytest

from scores_given import pool
from titrant.errors import DataError
from titrant.select.strategies.history_file import load_history, match_history, read_history

ROWS = {"0": [0.5, 1], "2": [0, None, 0.25]}


def written(tmp_path, tree):
    path = tmp_path / "history.json"
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    return path


def matched(history: dict, traces) -> dict[str, list[float]]:
    given = {key: np.array(row, dtype=float) for key, row in history.items()}
    return {qid: row.tolist() for qid, row in match_history(given, traces, path="h").items()}


def test_null_is_a_missing_epoch(tmp_path):
    found = read_history(written(tmp_path, ROWS))

    np.testing.assert_array_equal(found["2"], [0, np.nan, 0.25])


def test_identifiers_may_be_qids_uids_or_ids_of_the_source():
    by_meta = [{"id": "x", "row": 1}, {"id": 7, "row": 2}]

    assert matched({"q001": [1]}, pool(3)) == {"q001": [1]}
    assert matched({"001": [1]}, pool(3)) == {"q001": [1]}
    assert matched({"7": [0.5]}, pool(2, meta=by_meta)) == {"q001": [0.5]}
    assert matched({"3": [1]}, pool(1, meta=[{"index": 3}])) == {"q000": [1]}


def test_whole_numbers_are_rows_counted_from_zero():
    # `meta` counts rows from 1.
    traces = pool(3, meta=[{"row": 3}, {"row": 1}, {"row": 2}])

    assert matched({"0": [1], "2": [1]}, traces) == {"q001": [1], "q000": [1]}


def test_an_identity_goes_before_a_row_number():
    traces = pool(2, meta=[{"id": 1, "row": 1}, {"id": 0, "row": 2}])

    assert matched({"0": [0], "1": [1]}, traces) == {"q001": [0], "q000": [1]}


def test_the_way_that_knows_most_identifiers_is_taken():
    # "1" is the id of the first trace by chance; as rows all three are known.
    traces = pool(3, meta=[{"id": 1, "row": 1}, {"row": 2}, {"row": 3}])

    assert matched({"0": [0], "1": [1], "2": [0]}, traces)["q001"] == [1]


def test_questions_that_the_pool_has_not_are_passed_over():
    assert matched({"q000": [1], "q777": [1]}, pool(1)) == {"q000": [1]}


def test_a_row_that_was_left_out_of_the_pool_is_passed_over():
    traces = pool(2, meta=[{"row": 1}, {"row": 2}])

    assert matched({"0": [1], "9": [1]}, traces) == {"q000": [1]}


def test_numbers_that_are_mostly_no_rows_of_the_pool_are_no_rows():
    traces = pool(2, meta=[{"row": 1}, {"row": 2}])

    with pytest.raises(DataError, match=r"no identifier of h belongs .*\n.*rows .* from 0\n.*0, 8"):
        matched({"0": [1], "8": [1], "9": [1]}, traces)


def test_two_identifiers_of_one_question_are_refused():
    traces = pool(2, qid=["a", "a"])

    message = r"h, read by uid, does not say which .*\n.*\n  found: '000' and '001' are both about"
    with pytest.raises(DataError, match=message):
        matched({"000": [1], "001": [1]}, traces)


def test_an_identifier_of_two_questions_is_refused():
    traces = pool(2, meta=[{"id": 5}, {"id": 5}])

    with pytest.raises(DataError, match="the identifier '5' stands for 2 questions"):
        matched({"5": [1]}, traces)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ("{", r"history\.json cannot be read\n  expected: one JSON object"),
        ([], "is no history of accuracies"),
        ({}, "is no history of accuracies"),
        ({"a": 0.5}, r"found: 'a' → 0\.5"),
        ({"a": [0.5, 1.5]}, r"found: 'a' → … 1\.5 …\n  do: write accuracies between 0 and 1"),
        ({"a": [True]}, r"found: 'a' → … true …"),
        ({"a": ["1"]}, r"found: 'a' → … \"1\" …"),
        ('{"a": [NaN]}', r"found: 'a' → … NaN …"),
    ],
)
def test_a_file_that_is_something_else_is_told_what_is_wrong(tmp_path, tree, message):
    with pytest.raises(DataError, match=message):
        read_history(written(tmp_path, tree))


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(DataError, match=r"cannot be read\n.*\n  found: no such file"):
        read_history(tmp_path / "none.json")


def test_the_real_history_belongs_to_a_file_of_as_many_rows(shared_data):
    path = shared_data / "learning_impact" / "acc_step_500.json"
    traces = pool(1209, meta=[{"row": i + 1} for i in range(1209)])

    found = load_history(path, traces)

    assert len(found) == 1209
    assert found["q1033"].tolist() == json.loads(path.read_text())["1033"]
