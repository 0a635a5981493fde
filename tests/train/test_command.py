import json
import sys

import pytest

from titrant.errors import ConfigError, TrainError
from titrant.settings import PromptSettings
from titrant.traces.record import Trace
from titrant.train.command import as_messages, check_result, fill, run_command, write_subset

VALUES = {
    "base": "/a base",
    "subset": "/s.jsonl",
    "out": "/o",
    "dose": "4",
    "seed": "7",
    "updates": "12",
    "rows_per_update": "8",
    "lr": "0.0002",
}
TRACE = Trace(uid="u", qid="q", question="1+2=", thinking="1+2=3", answer_text="3")


def test_placeholders_are_filled_and_a_path_with_blanks_stays_one_argument():
    arguments = fill("trainer --model={base} '--note=a b' {lr} {rows_per_update}x{updates}", VALUES)

    assert arguments == ["trainer", "--model=/a base", "--note=a b", "0.0002", "8x12"]


def test_other_braces_are_left_alone():
    assert fill("""t '{"a": 1}'""", VALUES) == ["t", '{"a": 1}']


def test_nothing_of_a_shell_is_understood():
    assert fill("t ; rm $HOME", VALUES) == ["t", ";", "rm", "$HOME"]


def test_an_unknown_placeholder_is_answered_with_the_nearest():
    with pytest.raises(
        ConfigError, match=r"(?s)unknown placeholder {updats}.*did you mean updates"
    ):
        fill("t {updats}", VALUES)


def test_quotes_that_do_not_close_are_refused():
    with pytest.raises(
        ConfigError, match=r"cannot be cut into arguments\n(?s:.*)No closing quotation"
    ):
        fill("t 'a", VALUES)


def test_the_subset_is_messages_with_the_thinking_inline(tmp_path):
    write_subset(tmp_path / "s.jsonl", [TRACE, TRACE], PromptSettings(system="Think."))

    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert lines[0] == lines[1]
    assert lines[0]["messages"] == [
        {"role": "system", "content": "Think."},
        {"role": "user", "content": "1+2="},
        {"role": "assistant", "content": "<think>\n1+2=3\n</think>\n\n3"},
    ]


def test_an_unfinished_trace_is_not_closed():
    trace = TRACE.model_copy(update={"unfinished": True, "answer_text": ""})

    assert as_messages(trace, PromptSettings())[-1]["content"] == "<think>\n1+2=3"


def test_a_failing_command_is_shown_with_the_end_of_its_log(tmp_path):
    script = tmp_path / "fail.py"
    script.write_text("print('step 1')\nprint('no such GPU')\nraise SystemExit(3)\n")

    with pytest.raises(TrainError, match=r"(?s)exit code 3.*step 1\n +no such GPU.*see .*log"):
        run_command(f"{sys.executable} {script}", VALUES, log=tmp_path / "log")


def test_a_command_that_is_not_there_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match=r"(?s)cannot be started.*no-such-trainer"):
        run_command("no-such-trainer {base}", VALUES, log=tmp_path / "log")


def test_a_trainer_that_leaves_nothing_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("")

    with pytest.raises(TrainError, match=r"(?s)left no model.*adapter_config.json.*notes.txt"):
        check_result(tmp_path, "t {out}")
