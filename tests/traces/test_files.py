"""Rows from every kind of file, and one clear message for each that cannot be read."""

import gzip
import json
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from titrant.errors import ConfigError, DataError, MissingPackageError
from titrant.traces.files import open_rows
from titrant.traces.formats import lines

ROWS = [{"question": f"{i}+1=", "answer": str(i + 1)} for i in range(3000)]


def read(path, **options):
    return list(open_rows(str(path), **({"split": "train"} | options)).rows)


def jsonl(rows) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def write(path, content: bytes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def csv(rows) -> bytes:
    return b"question,answer\n" + b"".join(
        f"{r['question']},{r['answer']}\n".encode() for r in rows
    )


def parquet(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


FORMATS = {
    "rows.jsonl": jsonl(ROWS),
    "rows.ndjson": jsonl(ROWS),
    "ROWS.JSONL": jsonl(ROWS),
    "rows.jsonl.gz": gzip.compress(jsonl(ROWS)),
    "two.jsonl.gz": gzip.compress(jsonl(ROWS[:1500])) + gzip.compress(jsonl(ROWS[1500:])),
    "rows.jsonl.zst": zstandard.compress(jsonl(ROWS)),
    "crlf.jsonl": jsonl(ROWS).replace(b"\n", b"\r\n"),
    "bom.jsonl": b"\xef\xbb\xbf" + jsonl(ROWS),
    "blank.jsonl": b"\n" + jsonl(ROWS).replace(b"\n", b"\n \n"),
    "open.jsonl": jsonl(ROWS).rstrip(),
    "list.json": json.dumps(ROWS).encode(),
    "list.json.zst": zstandard.compress(json.dumps(ROWS).encode()),
    "one_list.json": json.dumps({"version": 1, "rows": ROWS}).encode(),
    "in_fact_lines.json": jsonl(ROWS),
    "rows.csv": csv(ROWS),
    "rows.csv.gz": gzip.compress(csv(ROWS)),
    "rows.tsv": csv(ROWS).replace(b",", b"\t"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_rows(tmp_path, name):
    assert read(write(tmp_path / name, FORMATS[name])) == ROWS


def test_parquet_gives_the_same_rows(tmp_path):
    assert read(parquet(tmp_path / "rows.parquet", ROWS)) == ROWS


def test_an_object_of_rows_gives_each_row_its_key_as_id(tmp_path):
    path = write(tmp_path / "a.json", b'{"x": {"question": "q"}, "y": {"question": "r"}}')
    assert read(path) == [{"id": "x", "question": "q"}, {"id": "y", "question": "r"}]


def test_cells_of_a_csv_are_text_and_empty_ones_are_missing(tmp_path):
    path = write(tmp_path / "a.csv", b'question,answer\n"a ""b"",\nc",007\nd,\n')
    assert read(path) == [
        {"question": 'a "b",\nc', "answer": "007"},
        {"question": "d", "answer": None},
    ]


def test_half_of_a_surrogate_pair_is_mended(tmp_path):
    path = write(tmp_path / "a.jsonl", b'{"question": "\\ud83d x"}\n')
    assert read(path) == [{"question": "\ufffd x"}]


def test_a_folder_gives_the_files_of_the_wanted_split(tmp_path):
    write(tmp_path / "data" / "train-00000-of-00002.jsonl", jsonl(ROWS[:2]))
    write(tmp_path / "data" / "train-00001-of-00002.jsonl", jsonl(ROWS[2:3]))
    write(tmp_path / "data" / "test-00000-of-00001.jsonl", jsonl(ROWS[5:6]))
    write(tmp_path / "README.md", b"# about")
    write(tmp_path / ".cache" / "old.jsonl", jsonl(ROWS[7:8]))
    assert read(tmp_path) == ROWS[:3]
    assert read(tmp_path, split="test") == ROWS[5:6]


def test_a_folder_whose_names_tell_no_splits_gives_all_its_files(tmp_path):
    write(tmp_path / "a.jsonl", jsonl(ROWS[:1]))
    write(tmp_path / "b.json", json.dumps(ROWS[1:2]).encode())
    assert read(tmp_path, split="test") == ROWS[:2]


def refusal(path, **options) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **options)
    return str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    text = refusal(tmp_path / "no.jsonl")
    assert "no.jsonl does not exist" in text
    assert ".jsonl, .json, .parquet, .csv" in text


def test_an_empty_file_is_named(tmp_path):
    assert "a.jsonl is empty" in refusal(write(tmp_path / "a.jsonl", b""))


def test_an_unknown_kind_is_answered_with_the_known_ones(tmp_path):
    text = refusal(write(tmp_path / "a.txt", b"x"))
    assert "of a kind that titrant does not read" in text
    assert "'.txt'" in text


def test_a_parquet_cut_in_half_is_named(tmp_path):
    path = parquet(tmp_path / "a.parquet", ROWS)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    text = refusal(path)
    assert "a.parquet is no whole Parquet file" in text
    assert "cut" in text


def test_a_parquet_damaged_inside_is_named(tmp_path):
    path = parquet(tmp_path / "a.parquet", ROWS)
    content = bytearray(path.read_bytes())
    content[20:400] = b"\xff" * 380
    path.write_bytes(content)
    assert "a.parquet is no whole Parquet file" in refusal(path)


@pytest.mark.parametrize(
    "name", ["rows.jsonl.gz", "rows.jsonl.zst", "list.json.zst", "rows.csv.gz"]
)
def test_a_cut_archive_is_named(tmp_path, name):
    half = FORMATS[name][: len(FORMATS[name]) // 2]
    text = refusal(write(tmp_path / name, half))
    assert f"{name} is cut off" in text
    assert "archive" in text


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_what_is_no_archive_is_named(tmp_path, name):
    assert f"{name} is damaged" in refusal(write(tmp_path / name, b"plain text, no archive"))


def test_a_line_that_is_not_json_is_told_by_its_number(tmp_path):
    text = refusal(write(tmp_path / "a.jsonl", b'{"a": 1}\n\n{"a": oops}\n'))
    assert "line 3 of" in text
    assert "is not JSON" in text
    assert '{"a": oops}' in text


def test_a_line_that_was_cut_is_told_as_such(tmp_path):
    text = refusal(write(tmp_path / "a.jsonl", b'{"a": 1}\n{"a": "half of a te'))
    assert "line 2 of" in text
    assert "seems to be cut" in text


def test_a_json_list_named_jsonl_is_told_as_such(tmp_path):
    text = refusal(write(tmp_path / "a.jsonl", b'[\n {"a": 1}\n]\n'))
    assert "named .json, not .jsonl" in text


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_what_is_not_utf8_is_told_as_such(tmp_path, name):
    content = {"a.csv": b"question\ncaf\xe9\n"}.get(name, b'{"question": "caf\xe9"}\n')
    text = refusal(write(tmp_path / name, content))
    assert "is not UTF-8" in text


def test_json_that_is_cut_is_named(tmp_path):
    text = refusal(write(tmp_path / "a.json", json.dumps(ROWS).encode()[:500]))
    assert "a.json is not JSON" in text


def test_a_line_of_a_gigabyte_is_refused_after_64_mib(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(b'{"question": "')
        file.truncate(2**30)  # sparse: no gigabyte is written
    largest = 0
    too_long = lines._too_long

    def note(path, line, *, number):
        nonlocal largest
        largest = len(line)
        return too_long(path, line, number=number)

    monkeypatch.setattr(lines, "_too_long", note)
    text = refusal(path)
    assert f"line 1 of {path} has more than 64 MiB" in text
    assert '{"question": "' in text
    assert largest <= 128 * 2**20


def test_a_long_line_within_the_limit_is_read(tmp_path):
    row = {"question": "x" * 5_000_000}
    assert read(write(tmp_path / "a.jsonl", jsonl([row, row]))) == [row, row]


@pytest.mark.parametrize(
    ("content", "came"),
    [
        (b'{"1": [0.5, 0.25], "2": [1.0]}', "2 keys whose values are lists of numbers"),
        (b'{"a": 1, "b": "x"}', "2 keys whose values are numbers or null and texts"),
        (b"3", "one int"),
    ],
)
def test_json_without_rows_is_described(tmp_path, content, came):
    text = refusal(write(tmp_path / "a.json", content))
    assert "holds neither traces nor problems" in text
    assert came in text


def test_a_csv_with_ragged_rows_is_named(tmp_path):
    assert "is not a table" in refusal(write(tmp_path / "a.csv", b"a,b\n1,2\n1,2,3\n"))


def test_a_folder_without_data_is_named(tmp_path):
    write(tmp_path / "README.md", b"x")
    assert "has no data files" in refusal(tmp_path)


def test_a_folder_without_the_split_names_those_it_has(tmp_path):
    write(tmp_path / "train.jsonl", jsonl(ROWS))
    write(tmp_path / "validation.jsonl", jsonl(ROWS))
    text = refusal(tmp_path, split="test")
    assert "no files of the split 'test'" in text
    assert "train, validation" in text


def test_a_world_is_no_file():
    with pytest.raises(ConfigError, match="is a world, not a file"):
        read("world:arithmetic")


def test_a_hub_id_without_datasets_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        MissingPackageError, match=r"needs the package datasets[\s\S]*titrant\[train\]"
    ):
        read("owner/name")


@pytest.mark.train
def test_a_data_set_saved_to_disk_gives_its_rows_by_split(tmp_path):
    datasets = pytest.importorskip("datasets")
    one = datasets.Dataset.from_list(ROWS[:2])
    datasets.disable_progress_bars()
    one.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": one}).save_to_disk(tmp_path / "many")
    assert read(tmp_path / "one") == ROWS[:2]
    assert read(tmp_path / "many") == ROWS[:2]
    text = refusal(tmp_path / "many", split="test")
    assert "has no split 'test'" in text
    assert "train" in text


@pytest.mark.train
def test_a_hub_data_set_that_cannot_be_reached_is_one_message(tmp_path):
    pytest.importorskip("datasets")
    code = (
        "from titrant.traces.files import open_rows\n"
        "from titrant.errors import DataError\n"
        "try: open_rows('nobody/nothing', split='train')\n"
        "except DataError as error: print(error)\n"
    )
    env = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert "the data set nobody/nothing cannot be opened" in done.stdout
    assert "split:" in done.stdout
