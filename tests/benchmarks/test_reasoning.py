"""Cases, what was expected of them, and the line of each case."""

import re

import numpy as np
import pytest
import reasoning
import tables

from titrant.audits.base import AuditResult, Finding, FindingTable
from titrant.estimate import Estimate


def number(low, high, *, n=100):
    return Estimate(estimate=(low + high) / 2, low=low, high=high, level=0.9, n=n, seeds=3)


def documented() -> set[str]:
    """The cases of the docstring's table; `-x` goes on from a beginning of the name before it."""
    names = set()
    for line in re.findall(r"^\| ((?:arithmetic|facts)[^|]*) \|", reasoning.__doc__, re.M):
        first, *rest = line.split(", ")
        names.add(first)
        for name in rest:
            parts = first.split("-")
            heads = ["-".join(parts[:k]) for k in range(len(parts), 0, -1)]
            options = [name] if not name.startswith("-") else [h + name for h in heads]
            found = [one for one in options if one in reasoning.CASES]
            assert found, f"{name} is no case"
            names.add(found[0])
    return names


def test_the_docstring_names_every_case_and_no_other():
    assert documented() == set(reasoning.CASES)


def test_the_second_random_case_has_another_root_seed_and_no_other_difference(tmp_path):
    (tmp_path / "pool-arithmetic-terse.parquet").touch()
    one, two = (
        reasoning.config(tmp_path, f"arithmetic-rl-random{k}", 3, bases=reasoning.BASES)
        for k in ("", "2")
    )
    assert (one.seed, two.seed) == (0, 1)
    assert two.model_copy(update={"seed": 0}) == one


def result(*, bits, paper, outcome="clear"):
    finding = Finding(
        audit="faithfulness",
        name=reasoning.PAPER_NAME,
        question="?",
        statement="",
        outcome=outcome,
        value=None,
        unit="times",
    )
    table = FindingTable(
        title=tables.FORMS,
        columns=("form", "base", "tuned", "change", "equal"),
        units=("text", "number", "number", "number", "number"),
        rows=(
            (reasoning.TOTAL, number(7, 9), number(7, 9), bits, bits),
            (reasoning.PAPER, number(2, 3), number(1, 2), paper, None),
        ),
    )
    return AuditResult(audit="faithfulness", question="?", findings=(finding,), tables=(table,))


def cases(**found):
    return {case: [] for case in reasoning.CASES} | {
        name.replace("_", "-"): [one] for name, one in found.items()
    }


def test_bits_are_equal_within_a_tenth_of_the_bases():
    # the base has 8 bits: a margin of 0.8
    for change, verdict in ((number(-0.7, 0.7), "holds"), (number(-2.0, -0.9), "fails")):
        found = cases(arithmetic_terse=result(bits=change, paper=change))
        assert reasoning.bits_verdict("arithmetic-terse", found) == ("equal", verdict)


def test_the_papers_form_is_to_fall_on_verbose_traces_and_less_on_terse_ones():
    flat = number(0, 0)
    found = cases(
        arithmetic_terse=result(bits=flat, paper=number(-0.2, 0.1)),
        arithmetic_verbose=result(bits=flat, paper=number(-2.0, -1.0)),
    )
    assert reasoning.paper_verdict("arithmetic-verbose", found) == ("falls strongly", "holds")
    assert reasoning.paper_verdict("arithmetic-terse", found) == ("falls little", "holds")
    del found["arithmetic-verbose"][:]
    assert reasoning.paper_verdict("arithmetic-terse", found) == ("falls little", "not read")


def test_a_case_of_rl_has_numbers_and_no_verdict_on_the_gain():
    found = cases(arithmetic_rl=result(bits=number(0, 1, n=7), paper=number(0, 1)))
    cells = reasoning.gain_cells("arithmetic-rl", found)
    assert cells[:4] == ["0.5 (0–1), n 7", "0.5 (0–1), n 7", "—", "—"]
    assert cells[-1] == "—"


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [("clear", "holds"), ("alarm", "fails"), ("undecided", "open"), ("not looked at", "not read")],
)
def test_steps_alone_go_by_the_audits_outcome(outcome, verdict):
    flat = number(0, 0)
    found = cases(facts_verbose=result(bits=flat, paper=flat, outcome=outcome))
    assert reasoning.gain_cells("facts-verbose", found)[-1] == verdict


def test_accuracy_is_judged_by_what_was_written_of_the_case():
    up, down = number(0.3, 0.5), number(-0.5, -0.3)
    assert reasoning.accuracy_verdict("arithmetic-terse", up) == "holds"
    assert reasoning.accuracy_verdict("arithmetic-rl-random", up) == "fails"
    assert reasoning.accuracy_verdict("arithmetic-rl-random", down) == "holds"
    assert reasoning.accuracy_verdict("arithmetic-rl-inverted", down) == "holds"
    assert reasoning.accuracy_verdict("arithmetic-rl-format", up) == "—"


def test_a_case_has_one_line_with_its_paired_change(tmp_path, readings, write_run, capsys):
    frame = readings(
        ("base", 0, {"arithmetic": np.zeros(40)}),
        *(("clean", seed, {"arithmetic": np.arange(40) < 20}) for seed in range(2)),
    )
    write_run(tmp_path / "arithmetic-terse", frame, benchmark="arithmetic")
    reasoning.claims(tmp_path, cases())
    lines = [line for line in capsys.readouterr().out.splitlines() if "arithmetic-terse" in line]
    assert len(lines) == 1
    assert re.search(r"\| \+50\.0 \(\+\d+\.\d to \+\d+\.\d\) \| raise \| holds \|", lines[0])
