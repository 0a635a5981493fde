"""An answer is read back as it was written, or it is said what is wrong with the file."""

import json

import pytest
from report_answers import ANSWERS

from titrant.errors import DataError
from titrant.report.load import VERSION, load_answer, migrate


@pytest.mark.parametrize("name", sorted(ANSWERS.keys() - {"huge"}))
def test_an_answer_comes_back_as_it_was_written(tmp_path, name):
    answer = ANSWERS[name]()
    path = tmp_path / "answer.json"
    path.write_text(answer.model_dump_json(indent=2))
    assert load_answer(path) == load_answer(tmp_path) == answer


def refuse(path, *parts):
    with pytest.raises(DataError) as caught:
        load_answer(path)
    for part in parts:
        assert part in str(caught.value)


def test_a_path_that_is_not_there_is_named(tmp_path):
    refuse(tmp_path / "runs", f"{tmp_path / 'runs'} does not exist", "expected: a folder made by")


def test_a_folder_that_is_no_run_folder_shows_what_is_in_it(tmp_path):
    refuse(tmp_path, "is no run folder", "found: an empty folder", "do: give the folder that was")
    (tmp_path / "notes.txt").touch()
    refuse(tmp_path, "found: notes.txt")


def test_a_run_that_is_not_finished_says_how_to_go_on(tmp_path):
    (tmp_path / "config.yaml").touch()
    refuse(tmp_path, "has no answer yet", f"do: titrant run {tmp_path / 'config.yaml'} --out")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_half_written_answer_is_said_to_be_cut_off(tmp_path, share):
    text = ANSWERS["enough"]().model_dump_json()
    (tmp_path / "answer.json").write_text(text[: int(len(text) * share)])
    refuse(
        tmp_path,
        "is cut off or damaged",
        "expected: one whole JSON object",
        "do: name the folder that was given to",
    )


def test_bytes_that_are_no_text_are_said_to_be_damaged(tmp_path):
    (tmp_path / "answer.json").write_bytes(b"\xff\xfe\x00{")
    refuse(tmp_path, "is cut off or damaged")


def test_an_answer_of_a_newer_version_asks_for_an_upgrade(tmp_path):
    content = json.loads(ANSWERS["enough"]().model_dump_json()) | {"version": 7}
    (tmp_path / "answer.json").write_text(json.dumps(content))
    refuse(tmp_path, "written by a newer titrant", "version 1 or older", "found: version 7",
           "do: pip install --upgrade titrant")  # fmt: skip


@pytest.mark.parametrize("version", [None, "1", True, 1.0])
def test_a_version_that_is_none_is_refused(tmp_path, version):
    (tmp_path / "answer.json").write_text(json.dumps({"version": version}))
    refuse(tmp_path, "does not say its version", f"found: version {version!r}")


def test_json_of_another_kind_is_refused(tmp_path):
    (tmp_path / "answer.json").write_text("[1, 2]")
    refuse(tmp_path, "is no answer of titrant", "found: list")


def test_a_field_that_is_wrong_is_named(tmp_path):
    content = json.loads(ANSWERS["enough"]().model_dump_json())
    content["cost"]["arms"] = "many"
    (tmp_path / "answer.json").write_text(json.dumps(content))
    refuse(tmp_path, "is no answer of titrant", "found: cost.arms: Input should be a valid integer")


def test_an_older_file_goes_through_every_step():
    steps = {
        1: lambda content: {"new_name": content["old_name"]},
        2: lambda content: content | {"added": None},
    }
    old = {"version": 1, "old_name": 5}
    new = migrate(old, where="answer.json", steps=steps, current=3)
    assert new == {"version": 3, "new_name": 5, "added": None}
    assert old == {"version": 1, "old_name": 5}


def test_a_version_that_never_was_is_refused():
    with pytest.raises(DataError, match="has version 0, which never was"):
        migrate({"version": 0}, where="answer.json")


def test_the_current_version_is_that_of_the_record():
    assert ANSWERS["enough"]().version == VERSION == 1
