"""The score table: what is written comes back, joined by uid, or is missing."""

import numpy as np
import pytest

from titrant.errors import DataError
from titrant.signals.table import read_scores, score_path, write_scores


def write(folder, **changes):
    given = {"version": 1, "fingerprint": "f", "uids": ["b", "a"], "values": np.array([2.0, 1.0])}
    write_scores(folder, "gain", **(given | changes))


def read(folder, uids, **changes):
    return read_scores(folder, "gain", uids, **({"version": 1, "fingerprint": "f"} | changes))


def test_values_come_back_in_the_order_asked_for(tmp_path):
    write(tmp_path)
    assert read(tmp_path, ["a", "b", "a"]).tolist() == [1.0, 2.0, 1.0]


def test_an_unknown_trace_and_a_value_that_cannot_be_computed_are_nan(tmp_path):
    write(tmp_path, values=np.array([np.nan, 1.0]))
    assert np.isnan(read(tmp_path, ["b", "nobody"])).all()


def test_scores_of_another_version_or_model_are_passed_over(tmp_path):
    write(tmp_path)
    assert np.isnan(read(tmp_path, ["a"], version=2)).all()
    assert np.isnan(read(tmp_path, ["a"], fingerprint="g")).all()


def test_steps_are_no_values_of_the_trace(tmp_path):
    write(tmp_path, uids=["a", "a"], values=np.array([5.0, 7.0]), steps=[0, None])
    assert read(tmp_path, ["a"]).tolist() == [7.0]


def test_no_uids_give_no_values(tmp_path):
    write(tmp_path)
    assert read(tmp_path, []).shape == (0,)


def test_a_missing_file_is_one_message(tmp_path):
    with pytest.raises(DataError, match=r"scores of the signal 'gain' cannot be read") as raised:
        read(tmp_path, ["a"])
    assert raised.value.came == "no such file"


def test_a_damaged_file_is_one_message(tmp_path):
    score_path(tmp_path, "gain").write_bytes(b"no parquet")
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path, ["a"])
