"""Gains and probes are told by how often an item was planted."""

import argparse

import memory
import numpy as np
import polars as pl
import pytest

from titrant.audits.base import Finding
from titrant.audits.contamination.membership import SCHEMA as MEMBERSHIP
from titrant.audits.contamination.probe import SCHEMA as PROBES
from titrant.worlds.recipes.planted import Planted, write_planted

GROUPS = (0, 1, 4, 16, 64)
EACH = 40
N = EACH * len(GROUPS)
QIDS = [f"planted{i:03d}" for i in range(N)]
GROUP = np.repeat(GROUPS, EACH)
ANSWERED = np.arange(N) % 2 == 0


@pytest.fixture
def given(tmp_path):
    items = [
        Planted(
            qid=qid,
            question=qid,
            gold="1",
            copies=int(group),
            group=int(group),
            with_answer=bool(answered),
        )
        for qid, group, answered in zip(QIDS, GROUP, ANSWERED, strict=True)
    ]
    for base in memory.BASES:
        (tmp_path / "bases" / base).mkdir(parents=True)
        write_planted(tmp_path / "bases" / base, items)
    return argparse.Namespace(bases=tmp_path / "bases", work=tmp_path / "work")


@pytest.fixture
def trained(given, readings, write_run):
    """Arms of a case that are right where items have 64 copies with their solution, and nowhere else."""

    def make(case="sft", *, fresh=0.0):
        right = {"planted": (GROUP == 64) & ANSWERED, "fresh": np.arange(100) < 100 * fresh}
        frame = readings(
            ("base", 0, {"planted": np.zeros(N), "fresh": np.zeros(100)}),
            *(("clean", seed, right) for seed in range(2)),
        )
        write_run(given.work / f"contaminated-{case}", frame, benchmark="planted")

    return make


def lines(text: str, start: str) -> list[list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return [row for row in cells if row[0] == start]


def middle(cell: str) -> str:
    return cell.partition(" (")[0]


def test_the_gain_is_told_by_copies_and_by_how_items_were_planted(given, trained, capsys):
    trained()
    memory.gains(given, "contaminated")
    rows = {
        row[1]: [middle(cell) for cell in row[2:]] for row in lines(capsys.readouterr().out, "sft")
    }
    # 64 copies: half of the items are right; 16 and 64 together: a quarter; elsewhere nothing
    assert rows["all"] == ["+50.0", "0.0", "0.0", "0.0", "0.0", "0.0", "+25.0"]
    assert rows["with solution"] == ["+100.0", "0.0", "0.0", "0.0", "0.0", "0.0", "+50.0"]
    assert rows["question alone"] == ["0.0"] * 7


def test_an_item_of_few_copies_does_not_count_as_planted(given):
    items = memory.read_planted(given.bases / "contaminated")
    assert memory.planted(items) == QIDS[3 * EACH :]


def test_every_criterion_has_a_verdict_and_what_was_not_read_is_said(given, trained):
    trained()
    trained("random", fresh=0.5)
    found = {text: verdict for text, _, verdict in memory.expected(given, {"contaminated": None})}
    assert found["contaminated, sft: gains more on planted than on fresh"] == "holds"
    assert found["contaminated, random: gains more on planted than on fresh"] == "fails"
    assert found["contaminated, random: no gain on fresh"] == "fails"
    assert found["contaminated, random-2: no gain on fresh"] == "not read"
    assert found["the twin raises no alarm of completion"] == "not read"


def test_an_alarm_is_raised_or_not_and_what_was_not_looked_at_is_neither():
    def finding(outcome):
        return Finding(
            audit="contamination",
            name="completion",
            question="?",
            statement="",
            outcome=outcome,
            value=None,
            unit="share",
        )

    assert memory.raised(None) == memory.raised(finding("not looked at")) == "not read"
    assert memory.raised(finding("alarm")) == "holds"
    assert memory.raised(finding("clear")) == memory.raised(finding("undecided")) == "fails"


def part(given, name, frame, fingerprint="f"):
    folder = given.work / "contaminated-sft" / "audits" / "parts" / f"{name}-{fingerprint}"
    folder.mkdir(parents=True)
    frame.with_columns(role=pl.lit("base"), seed=pl.lit(0)).write_parquet(
        folder / "base-s00-0000.parquet"
    )


def column(schema, given):
    n = max(len(value) for value in given.values())
    missing = {name: [None] * n for name in schema if name not in given}
    return pl.DataFrame(given | missing, schema=schema)


@pytest.fixture
def asked(given):
    """Probes and scores of the contaminated base, which knows some items of the benchmark by heart."""

    def make(known) -> None:
        known = np.concatenate([known, np.zeros(60, bool)])
        both = {
            "set": ["benchmark"] * N + ["fresh"] * 60,
            "qid": QIDS + [f"fresh{i}" for i in range(60)],
        }
        probes = {
            "share": [0.6] * (N + 60),
            "em": known.tolist(),
            "rouge": known.astype(float).tolist(),
            "correct": known.tolist(),
        }
        scores = {
            "text": ["question"] * (N + 60),
            "value": (known + np.linspace(0, 0.5, N + 60)).tolist(),
            "leads": [True] * (N + 60),
        }
        part(given, "probes", column(PROBES, both | probes))
        part(given, "membership", column(MEMBERSHIP, both | scores))

    return make


def test_probes_are_told_by_copies_and_form_with_the_threshold(given, asked, capsys):
    asked((GROUP >= 16) & ANSWERED)
    luck = memory.by_copies(given, "contaminated")
    text = capsys.readouterr().out
    assert (luck.estimate, luck.n) == (0.0, 60)
    shares = {row[1]: [middle(cell) for cell in row[3:6]] for row in lines(text, "16")}
    assert shares == {
        "all": ["50.0 %"] * 3,
        "with solution": ["100.0 %"] * 3,
        "question alone": ["0.0 %"] * 3,
    }
    assert [row[1] for row in lines(text, "0")] == ["all"]
    assert "detection threshold k* of contaminated: 16" in text


def test_items_that_were_never_planted_are_no_threshold(given, asked, capsys):
    asked(np.ones(N, bool))
    memory.by_copies(given, "contaminated")
    assert "detection threshold k* of contaminated: 1\n" in capsys.readouterr().out


def test_a_base_without_probes_has_no_luck(given):
    assert memory.by_copies(given, "contaminated-twin") is None
