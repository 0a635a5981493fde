import errno
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from titrant.errors import ResourceError
from titrant.files import (
    explained,
    remove_partials,
    replacing,
    write_frame,
    write_table,
    write_text,
)


def test_what_is_written_is_read_back(tmp_path):
    write_text(tmp_path / "a" / "b.txt", "é\n")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "é\n"
    write_table(tmp_path / "t.parquet", pa.table({"n": [1, 2]}))
    assert pq.read_table(tmp_path / "t.parquet")["n"].to_pylist() == [1, 2]
    frame = pl.DataFrame({"s": ["a", None], "x": [1.5, 2.5]})
    write_frame(tmp_path / "f.parquet", frame)
    assert pl.read_parquet(tmp_path / "f.parquet").equals(frame)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "answer.json"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), replacing(path) as beside:
        beside.write_text(f"half of the n{1 // 0}")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["answer.json"]


def test_sweep_removes_what_killed_writers_left(tmp_path):
    for name in (".answer.json.77.partial", "rounds/.003.json.77.partial"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("half")
    write_text(tmp_path / "rounds" / "002.json", "{}")
    remove_partials(tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["002.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_in_words(tmp_path, number):
    said = pytest.raises(ResourceError, match=r"the disk is full: .*x could not be written")
    with said, explained(tmp_path / "x"):
        raise OSError(number, "No space left on device")


def test_a_real_full_device_is_said_in_words(tmp_path):
    with pytest.raises(ResourceError, match="the disk is full"), explained(tmp_path):
        Path("/dev/full").write_text("x")


def test_a_file_where_a_folder_should_be_is_said_in_words(tmp_path):
    (tmp_path / "taken").write_text("")
    under = tmp_path / "taken"
    for place in (under / "x.txt", under / "a" / "x.txt", Path("/proc/x.txt"), Path("/proc/a/x")):
        with pytest.raises(ResourceError, match=r"cannot be written\n  expected: a folder"):
            write_text(place, "x")


def test_a_missing_file_of_somebody_else_is_not_called_unwritable(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "x.txt"):
        (tmp_path / "source.txt").read_text()


def test_a_folder_without_permission_is_said_in_words(tmp_path):
    with pytest.raises(ResourceError) as caught, explained(tmp_path / "x"):
        raise PermissionError(errno.EACCES, "Permission denied")
    assert str(caught.value) == (
        f"{tmp_path / 'x'} cannot be written\n"
        "  expected: a folder with write permission\n"
        "  found: Permission denied\n"
        "  do: choose another folder (--out, or the option that named it)"
    )


def test_other_errors_pass(tmp_path):
    with pytest.raises(IsADirectoryError), explained(tmp_path):
        tmp_path.read_text()


def test_a_folder_is_replaced_whole(tmp_path):
    path = tmp_path / "trained"
    path.mkdir()
    (path / "old").write_text("1")
    with replacing(path) as beside:
        beside.mkdir()
        (beside / "new").write_text("2")
    assert [p.name for p in path.iterdir()] == ["new"]
    with pytest.raises(ZeroDivisionError), replacing(path) as beside:
        beside.mkdir(mode=0o700 + 1 // 0)
    assert [p.name for p in tmp_path.rglob("*")] == ["trained", "new"]


def test_a_full_disk_in_a_librarys_words_is_said_in_ours(tmp_path):
    with pytest.raises(ResourceError, match="the disk is full"), explained(tmp_path):
        raise RuntimeError("safetensors: I/O error: No space left on device (os error 28)")


def test_a_file_never_takes_the_place_of_a_folder(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "paper.txt").write_text("precious")
    with pytest.raises(ResourceError, match="results cannot be written"):
        write_text(tmp_path / "results", "x")
    assert (tmp_path / "results" / "paper.txt").read_text() == "precious"
