"""A subset is JSONL that other tools read, and its card says where it comes from."""

import json

import pytest
import yaml
from report_answers import ANSWERS, enough
from report_pool import POOL

from titrant.report.cards import card, subset_rows, write_card, write_subset
from titrant.select.rank import RankedRow
from titrant.settings import PoolSettings, PromptSettings
from titrant.traces.read import read_pool


def front_matter(text: str) -> dict:
    return yaml.safe_load(text.split("---\n")[1])


def test_a_row_has_messages_and_the_flat_columns():
    (row,) = subset_rows(POOL[3:4])
    assert row == {
        "messages": [
            {"role": "user", "content": "3 + 1 ="},
            {"role": "assistant", "content": "<think>\n3+1=4;\n</think>\n\nThe answer is 4."},
        ],
        "uid": POOL[3].uid,
        "qid": POOL[3].qid,
        "question": "3 + 1 =",
        "thinking": "3+1=4;",
        "answer_text": "The answer is 4.",
        "final_answer": "4",
        "gold": "4",
        "verdict": "correct",
        "source": "test",
    }


def test_system_prompt_and_tags_are_those_of_the_run():
    (row,) = subset_rows(
        POOL[:1], prompt=PromptSettings(system="Think.", think_open="[", think_close="]")
    )
    assert row["messages"][0] == {"role": "system", "content": "Think."}
    assert row["messages"][2]["content"] == "[0+1=1;]The answer is 1."


def test_a_traces_own_system_prompt_is_kept():
    (row,) = subset_rows([POOL[0].model_copy(update={"system": "Be brief."})])
    assert row["messages"][0] == {"role": "system", "content": "Be brief."}


def test_a_trace_without_thinking_has_no_tags():
    (row,) = subset_rows([POOL[0].model_copy(update={"thinking": None})])
    assert row["messages"][-1]["content"] == "The answer is 1."
    assert row["thinking"] is None


def test_places_of_the_ranking_are_columns():
    rows = subset_rows(POOL[:1], places=[RankedRow(1, POOL[0].uid, "12 tokens")])
    assert (rows[0]["rank"], rows[0]["reason"]) == (1, "12 tokens")


def test_a_subset_is_one_json_object_per_line_in_the_given_order(tmp_path):
    path = tmp_path / "subsets" / "n0003.jsonl"
    write_subset(path, [POOL[5], POOL[2], POOL[7]])
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["uid"] for row in rows] == [POOL[5].uid, POOL[2].uid, POOL[7].uid]
    first = path.read_bytes()
    write_subset(path, [POOL[5], POOL[2], POOL[7]])
    assert path.read_bytes() == first


def test_our_own_reader_reads_a_subset_back(tmp_path):
    write_subset(tmp_path / "n0012.jsonl", POOL)
    traces = read_pool(PoolSettings(path=str(tmp_path / "n0012.jsonl"))).traces
    assert [trace.uid for trace in traces] == [trace.uid for trace in POOL]
    assert [trace.thinking for trace in traces] == [trace.thinking for trace in POOL]


@pytest.fixture
def folder(tmp_path):
    write_subset(tmp_path / "n0002.jsonl", POOL[:2])
    write_subset(tmp_path / "n0187.jsonl", POOL[:5])
    return tmp_path


def test_the_card_lists_one_configuration_per_subset(folder):
    text = write_card(folder, enough()).read_text()
    assert front_matter(text)["configs"] == [
        {"config_name": "n0002", "data_files": "n0002.jsonl"},
        {"config_name": "n0187", "data_files": "n0187.jsonl", "default": True},
    ]
    assert front_matter(text)["size_categories"] == ["n<1K"]
    assert "| `n0187` | 5 | the chosen one |" in text
    assert "| `n0002` | 2 |  |" in text


def test_the_card_shows_how_to_load_a_configuration_that_is_there(folder):
    assert '"n0187", split="train"' in write_card(folder, enough()).read_text()
    (folder / "n0187.jsonl").unlink()
    assert '"n0002", split="train"' in write_card(folder, enough()).read_text()
    (folder / "n0002.jsonl").unlink()
    assert "load_dataset" not in write_card(folder, enough()).read_text()


def test_the_card_says_how_chosen_from_what_and_that_the_licence_is_unknown(folder):
    text = write_card(folder, enough()).read_text()
    assert enough().sentence in text
    assert "by the strategy `random` from `world:arithmetic` (4,096 traces for 3,011" in text
    assert "under the verdict *enough at N*" in text
    assert "| pool | `world:arithmetic`, sha256:77aa01 |" in text
    assert front_matter(text)["license"] == "unknown"
    assert "Unknown to titrant." in text


def test_the_card_of_an_answer_without_provenance_makes_nothing_up(folder):
    text = write_card(folder, ANSWERS["missing"]()).read_text()
    assert "Not recorded: the answer was fitted from readings alone." in text


def test_the_same_answer_gives_the_same_card(folder):
    assert card(enough(), sorted(folder.glob("*.jsonl")), strategy="random") == card(
        enough(), sorted(folder.glob("*.jsonl")), strategy="random"
    )


def test_the_hub_reads_the_card(folder):
    hub = pytest.importorskip("huggingface_hub")
    loaded = hub.DatasetCard.load(write_card(folder, enough()))
    assert loaded.data.license == "unknown"
    assert loaded.data.to_dict()["configs"][1]["config_name"] == "n0187"
