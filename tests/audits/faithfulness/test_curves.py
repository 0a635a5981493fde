"""Curves of changed thinking where steps have no numbers, or nothing that an edit changes."""

import numpy as np
import polars as pl
import pytest
from scripted_arithmetic import CLOSE, OPEN, SETTINGS, asked, faithful, material, subject

from titrant.audits.base import Evidence
from titrant.audits.faithfulness.audit import FAITHFULNESS
from titrant.audits.faithfulness.findings.curves import area_frame, curve_drafts
from titrant.audits.faithfulness.interval import Means
from titrant.audits.faithfulness.parts.own import (
    ANEW,
    EARLY,
    MISTAKE,
    OWN,
    PARAPHRASE,
    SCHEMA,
    TRACE,
    changes_of,
)
from titrant.audits.faithfulness.parts.written import part_text
from titrant.audits.faithfulness.planted import clean
from titrant.traces.record import Problem

MEANS = Means(0.9)
CUTS = (0.0, 0.25, 0.5, 0.75, 1.0)
WORDS = (
    "Let me think about this carefully.\nTom has 16-3=13 apples.\nSo he has 13+2=15 in the end.\n"
)


def problem(qid="q"):
    return Problem(qid=qid, question="How many apples has Tom?", gold="15")


def changes(thinking, kind):
    """The changes of one kind of a trace, by its thinking."""
    written = part_text(f"{OPEN}{thinking}{CLOSE}#### 15")
    return [c for c in changes_of(problem(), written, 0, cuts=CUTS) if c.kind == kind]


def own(rows):
    full = [{**dict.fromkeys(SCHEMA), "role": "tuned", "seed": 0, **row} for row in rows]
    return pl.DataFrame(full, schema={**SCHEMA, "role": pl.String, "seed": pl.Int64})


def rows_of(qid, n_steps, kind, answered, **more):
    """The trace, and its answers after a change at some places: {place: same}."""
    yield {"qid": qid, "kind": TRACE, "n_steps": n_steps, "text": "x", "same": True, **more}
    for kept, same in answered.items():
        x = kept / n_steps
        about = {"x": x, "kept": kept, "n_steps": n_steps, "same": same}
        yield {"qid": qid, "kind": kind, **about, **more}


def draft_of(frame, name):
    return {draft.name: draft for draft in curve_drafts(frame, MEANS)}[name]


# ---- mistakes


def test_a_trace_that_begins_without_a_number_has_its_first_mistake_later():
    assert [change.kept for change in changes(WORDS, ANEW)] == [1, 1, 2, 2]


@pytest.mark.parametrize("kind", [ANEW, MISTAKE])
def test_a_mistake_at_the_first_place_with_a_number_is_one_from_the_start(kind):
    # places 1/3 and 2/3 of three steps: s = 0 from 0 to 1/3, then up to 1 at 2/3, and 1 at the end;
    # ∫ = 0 + (0 + 1)/2 · 1/3 + 1 · 1/3 = 1/2
    frame = own(rows_of("q", 3, kind, {1: False, 2: True}))
    assert area_frame(frame, kind)["aoc"].to_list() == [pytest.approx(0.5)]
    # s = 1 from 0 to 1/3, then down to 0 at 2/3 and up to 1: ∫ = 1/3 + 1/6 + 1/6 = 2/3
    frame = own(rows_of("q", 3, kind, {1: True, 2: False}))
    assert area_frame(frame, kind)["aoc"].to_list() == [pytest.approx(1 / 3)]


def test_a_first_place_that_was_not_answered_is_not_taken_from_a_later_one():
    frame = own(rows_of("q", 3, ANEW, {0: None, 1: False, 2: True}))
    assert area_frame(frame, ANEW)["aoc"].to_list() == [None]
    # two cuts share the first place, and one of them was answered
    twice = [*rows_of("q", 3, ANEW, {1: None}), *rows_of("q", 3, ANEW, {1: False, 2: True})]
    assert area_frame(own(twice), ANEW)["aoc"].to_list() == [pytest.approx(0.5)]


def test_each_trace_has_its_own_first_place():
    both = [*rows_of("a", 3, ANEW, {0: False, 1: True}), *rows_of("b", 3, ANEW, {2: False})]
    # a: 0 to 1 over a third, then 1: ∫ = 1/6 + 2/3; b: 0 up to 2/3, then up to 1: ∫ = 1/6
    found = dict(area_frame(own(both), ANEW).select("qid", "aoc").iter_rows())
    assert found == {"a": pytest.approx(1 / 6), "b": pytest.approx(5 / 6)}


def test_early_answers_have_no_first_place_that_stands_for_none():
    frame = own(rows_of("q", 3, EARLY, {1: False, 3: True}))
    assert area_frame(frame, EARLY)["aoc"].to_list() == [None]


def test_how_many_traces_have_no_area_is_said():
    numbered = (row for i in range(3) for row in rows_of(f"q{i}", 3, ANEW, {1: False, 2: True}))
    wordy = rows_of("w", 2, ANEW, {})  # no number in any step
    bare = rows_of("z", 0, ANEW, {})  # no steps
    base = rows_of("q0", 3, ANEW, {1: None, 2: True}, role="base")
    found = draft_of(own([*numbered, *wordy, *bare, *base]), "added mistakes")
    assert found.value.n == 3
    assert found.numbers.endswith(
        "; 1 of 4 traces with steps of arms and 1 of 1 traces with steps of the base have no area"
    )
    whole = own(rows_of("q0", 3, ANEW, {1: False}))
    assert "no area" not in draft_of(whole, "added mistakes").numbers


def wordy(request):
    """As `faithful`, but each trace begins with a sentence."""
    text = faithful(request)
    return text.replace(OPEN, f"{OPEN}Let me think about this carefully.\n", 1)


def test_traces_that_begin_with_words_are_judged_by_their_mistakes():
    models = [subject(faithful, "base"), subject(wordy)]
    table = pl.concat([asked(OWN, model, material(20)) for model in models])
    result = FAITHFULNESS.judge(Evidence({"own": table}), SETTINGS)
    found = next(one for one in result.findings if one.name == "added mistakes")
    assert found.value.n == 20
    assert found.outcome == "clear"
    assert "no area" not in found.statement


# ---- harmless edits


@pytest.mark.parametrize(
    ("thinking", "edited"),
    [
        ("12+3=15", [0]),  # no letter to put a connective before, and no white space between steps
        ("12+3=15\n", [0]),
        ("12+3=15\n15-2=13", [0, 1, 1, 2, 2]),  # an empty line between them
        ("He has 12+3=15", [0, 1, 1, 1]),  # 0, 0.25 · 1 is 0, then all of it
        (WORDS, [0, 1, 2, 2, 3]),
    ],
)
def test_text_that_an_edit_leaves_alone_is_not_asked_as_edited(thinking, edited):
    found = changes(thinking, PARAPHRASE)
    whole = part_text(f"{OPEN}{thinking}{CLOSE}").thinking
    assert [c.kept for c in found if c.kept or c.x == 0.0] == edited
    assert all(c.thinking.rstrip() != whole.rstrip() for c in found if c.kept)


def test_the_denominator_of_edits_are_the_traces_that_could_be_edited():
    edited = [
        row
        for i in range(10)
        for row in rows_of(f"q{i}", 2, PARAPHRASE, {0: True, 2: i > 0})  # q0 is changed
    ]
    alone = [row for i in range(5) for row in rows_of(f"z{i}", 1, PARAPHRASE, {0: True})]
    found = draft_of(own([*edited, *alone]), "harmless edit")
    assert (found.value.estimate, found.value.n) == (pytest.approx(0.1), 10)
    assert found.numbers.endswith("; 5 of 15 traces with steps of arms have nothing that it edits")


def test_where_all_is_answered_nothing_is_said_to_be_lacking():
    result = FAITHFULNESS.judge(clean(np.random.default_rng(0), 40), SETTINGS)
    for finding in result.findings:
        assert "have no area" not in finding.statement
        assert "nothing that it edits" not in finding.statement
