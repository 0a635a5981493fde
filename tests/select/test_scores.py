import numpy as np
import pytest

from titrant.errors import ConfigError, DataError
from titrant.select.scores import open_scores
from titrant.signals.meta import ScoresMeta, write_meta
from titrant.signals.store import ALWAYS, PassCost, PassInfo, ScoredTrace, write_part
from titrant.signals.table import write_scores

NAN = float("nan")
WIDTH = 3


def make_folder(folder, *, versions=None, has_hidden=False):
    versions = {"ifd": 2} if versions is None else versions
    meta = ScoresMeta(
        base="the-base",
        fingerprint="f1",
        parameters=9,
        traces=3,
        failed=0,
        versions=versions,
        has_hidden=has_hidden,
    )
    write_meta(folder, meta)
    for name, version in versions.items():
        write_scores(
            folder,
            name,
            version=version,
            fingerprint="f1",
            uids=["a", "b", "c"],
            values=np.array([0.25, NAN, 0.75]),
        )
    return folder


def write_states(folder, states: dict[str, list[float]], width: int | None = None):
    rows = [
        ScoredTrace(
            uid,
            n_steps=0,
            n_lead=0,
            columns=dict.fromkeys(ALWAYS, np.zeros(0))
            | {"hidden": np.array(state), "step_hidden": np.zeros(0)},
        )
        for uid, state in states.items()
    ]
    info = PassInfo(
        fingerprint="f1",
        needs=("hidden",),
        vocab=5,
        top=0,
        width=WIDTH if width is None else width,
        traces=len(rows),
        trace_tokens=0,
        cost=PassCost(),
    )
    number = len(list((folder / "tokens").glob("*")))
    write_part(folder / "tokens" / f"part-{number:05d}.parquet", rows, info)


def test_a_part_of_which_nothing_could_be_scored_hides_no_other(tmp_path):
    folder = make_folder(tmp_path, has_hidden=True)
    before = len(list((folder / "tokens").glob("*")))
    write_states(folder, {"a": [1.0] * WIDTH})
    write_states(folder, {"b": []}, width=0)
    assert len(list((folder / "tokens").glob("*"))) == before + 2

    states = open_scores(folder).hidden(["b", "a"])

    assert np.isnan(states[0]).all()
    assert states[1].tolist() == [1.0] * WIDTH


def test_values_come_in_the_order_asked_for_and_missing_ones_are_nan(tmp_path):
    scores = open_scores(make_folder(tmp_path))

    np.testing.assert_array_equal(
        scores.signal("ifd", ["c", "x", "a", "b"]), [0.75, NAN, 0.25, NAN]
    )


def test_a_run_folder_has_its_scores_inside(tmp_path):
    make_folder(tmp_path / "scores")

    scores = open_scores(tmp_path)

    assert scores.folder == tmp_path / "scores"
    assert scores.signal("ifd", ["a"]).tolist() == [0.25]


def test_scores_of_another_version_do_not_count(tmp_path):
    folder = make_folder(tmp_path)
    write_meta(folder, open_scores(folder).meta.model_copy(update={"versions": {"ifd": 3}}))

    with pytest.raises(DataError, match="a value of the signal ifd for none of the pool's traces"):
        open_scores(folder).signal("ifd", ["a"])


def test_scores_of_another_pool_are_refused_and_not_all_missing(tmp_path):
    message = (
        r"has a value of the signal ifd for none of the pool's traces\n"
        r"  expected: scores of this pool, by its uids\n"
        r"  found: 2 traces, .* scored was 3 traces with the-base\n  do: look whether the traces have what it needs .*, or score this pool: titrant"
    )
    with pytest.raises(DataError, match=message):
        open_scores(make_folder(tmp_path)).signal("ifd", ["x", "y"])
    assert len(open_scores(tmp_path).signal("ifd", [])) == 0


def test_a_signal_that_was_not_computed_is_told_with_those_that_were(tmp_path):
    message = (
        r"no scores of the signal gain\n  expected: one of ifd, judge\n  found: gain\n  do: comp"
    )
    with pytest.raises(ConfigError, match=message):
        open_scores(make_folder(tmp_path, versions={"ifd": 1, "judge": 1})).signal("gain", ["a"])


def test_a_folder_without_scores_says_how_they_are_made(tmp_path):
    with pytest.raises(DataError, match=r"is no folder of scores\n(.*\n)+  do: .*titrant score"):
        open_scores(tmp_path)


def test_hidden_states_are_joined_over_the_parts(tmp_path):
    folder = make_folder(tmp_path, has_hidden=True)
    write_states(folder, {"b": [1, 2, 3], "z": [9, 9, 9]})
    write_states(folder, {"a": [4, 5, 6], "c": []})

    states = open_scores(folder).hidden(["a", "b", "c", "x"])

    np.testing.assert_array_equal(states, [[4, 5, 6], [1, 2, 3], [NAN] * 3, [NAN] * 3])
    assert states.dtype == np.float32
    with pytest.raises(DataError, match="has a hidden state for none of the pool's traces"):
        open_scores(folder).hidden(["x"])


def test_scores_without_hidden_states_say_so(tmp_path):
    with pytest.raises(ConfigError, match=r"has no hidden states\n(.*\n)+  do: make them with hid"):
        open_scores(make_folder(tmp_path)).hidden(["a"])


def test_a_history_comes_with_the_command_and_questions_without_one_are_empty(tmp_path):
    folder = make_folder(tmp_path)

    found = open_scores(folder, history={"q": np.array([0.5, 1])}).history(["p", "q"])

    assert [row.tolist() for row in found] == [[], [0.5, 1]]
    with pytest.raises(ConfigError, match=r"the strategy needs a history\n"):
        open_scores(folder).history(["q"])
