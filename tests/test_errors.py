"""Errors: the three parts of a message, exit codes, and the way across a process border."""

import errno
import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from titrant import errors
from titrant.cli.common import INTERRUPTED, as_failure, emit_json, exit_codes, show
from titrant.config import load_config
from titrant.errors import (
    BusyError,
    ConfigError,
    DataError,
    EngineError,
    MissingPackageError,
    ResourceError,
    TrainError,
)

KINDS = [
    *(ConfigError, DataError, EngineError, TrainError),
    *(ResourceError, BusyError, MissingPackageError),
]


def test_a_message_says_what_was_expected_what_came_and_what_to_do():
    error = DataError("what", expected="e", came="c", do="d")
    assert str(error) == "what\n  expected: e\n  found: c\n  do: d"
    assert str(DataError("what", do="d")) == "what\n  do: d"
    assert str(DataError("what")) == "what"


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_pickling_whole(kind):
    error = pickle.loads(pickle.dumps(kind("what", expected="e", came="c", do="d")))
    assert type(error) is kind
    assert (error.what, error.expected, error.came, error.do) == ("what", "e", "c", "d")


def test_an_error_of_a_worker_process_arrives_whole(tmp_path):
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(ConfigError, match=r"expected: a YAML file\n  found: .*c\.yaml\n  do: check"),
    ):
        pool.submit(load_config, tmp_path / "c.yaml").result()


def test_exit_codes_are_those_of_the_module_docstring():
    listed = {
        line.split()[1]: int(line.split()[2])
        for line in (errors.__doc__ or "").splitlines()
        if line.strip().startswith(("├──", "└──"))
    }
    assert listed == {kind.__name__: kind.exit_code for kind in KINDS}


def test_every_exit_code_is_listed_once_and_explained():
    codes = exit_codes()
    assert list(codes) == [0, 1, 2, 3, 4, 5, 6, 7, 8, INTERRUPTED]
    assert len(set(codes.values())) == len(codes)
    assert codes[7] == "another process works on the same run folder"


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "the disk is full: /x"),
        (errno.EDQUOT, "the disk is full: /x"),
        (errno.EACCES, "no permission: /x"),
        (errno.EROFS, "no permission: /x"),
    ],
)
def test_what_the_machine_refuses_becomes_a_resource_error(number, told):
    failure = as_failure(OSError(number, "text of the system", "/x"))
    assert failure is not None
    assert (failure.kind, failure.exit_code, failure.what) == ("ResourceError", 6, told)
    assert failure.came == "text of the system"
    assert failure.do


def test_out_of_memory_names_the_settings_that_lower_it():
    failure = as_failure(MemoryError())
    assert failure is not None
    assert "decode.batch_tokens" in failure.text


def test_ctrl_c_says_how_to_go_on():
    failure = as_failure(KeyboardInterrupt())
    assert failure is not None
    assert failure.exit_code == 130
    assert "do: run the same command again to go on" in failure.text


@pytest.mark.parametrize("bug", [KeyError("x"), OSError(errno.EPIPE, "pipe"), ValueError("x")])
def test_a_bug_is_no_failure(bug):
    assert as_failure(bug) is None


def test_a_failure_is_words_on_stderr(capsys):
    failure = as_failure(DataError("[what]", expected="[e]", do="d" * 200))
    assert failure is not None
    show(failure, as_json=False)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"[what]\n  expected: [e]\n  do: {'d' * 200}\n"


def test_a_failure_is_json_on_stdout_without_empty_parts(capsys):
    failure = as_failure(DataError("what", came="ü"))
    assert failure is not None
    show(failure, as_json=True)
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {
        "error": {"kind": "DataError", "exit_code": 3, "what": "what", "found": "ü"}
    }


def test_json_has_null_for_what_is_not_a_number(capsys):
    emit_json({"a": float("nan"), "b": [float("inf"), 0.5], 3: (1, None)})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 0.5], "3": [1, None]}
