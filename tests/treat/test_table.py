"""Names of treatments, their errors, and what comes back of a pool."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.errors import ConfigError
from titrant.settings import AuditSettings
from titrant.testing.treatments import made_traces, outside
from titrant.traces.record import trace_id
from titrant.treat.reference import treatments_reference
from titrant.treat.table import TREATMENTS, parse_treatment, treat
from titrant.worlds.pools import make_pool
from trace_made import made_trace

NAMES = {
    "clean": None,
    "foreign": None,
    "foreign-length": None,
    "foreign-question": None,
    "shuffled": 1.0,
    "tokens-shuffled": None,
    "deleted": 0.5,
    "inserted": 0.5,
    "replaced": 0.67,
    "digits": 0.7,
    "wrong-answer": None,
    "unreflective": 1.0,
    "filler": None,
    "filler-characters": None,
    "answer-only": None,
    "format-only": None,
}


def test_the_public_names_and_their_default_ratios():
    assert {name: one.ratio for name, one in TREATMENTS.items()} == NAMES
    assert all(name == one.name for name, one in TREATMENTS.items())


def test_a_name_gives_its_treatment_and_ratio():
    asked = parse_treatment("digits@0.5")
    assert (asked.treatment, asked.ratio, asked.name) == (TREATMENTS["digits"], 0.5, "digits@0.5")
    assert parse_treatment("digits").ratio == 0.7
    assert parse_treatment("foreign").ratio is None
    assert [parse_treatment(f"deleted@{r}").ratio for r in ("0", "1", ".25", "1.0")] == [
        0,
        1,
        0.25,
        1,
    ]


def test_a_treatment_has_one_name():
    assert parse_treatment("digits@0.70").name == "digits"
    assert parse_treatment("digits@.5").name == "digits@0.5"
    assert parse_treatment("shuffled@1.0").name == "shuffled"
    assert parse_treatment("deleted@1.0").name == "deleted@1"
    assert parse_treatment("foreign").name == "foreign"


def test_the_default_treatments_of_an_audit_are_known_by_their_one_name():
    assert all(parse_treatment(name).name == name for name in AuditSettings().treatments)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"(?s)unknown treatment 'forein'.*did you mean foreign"):
        parse_treatment("forein")
    with pytest.raises(ConfigError, match="unknown treatment 'digit'"):
        treat([], "digit@0.5", seed=0)


def test_a_ratio_where_there_is_none_is_refused():
    with pytest.raises(ConfigError, match=r"(?s)'foreign' has no ratio.*digits.*leave out"):
        parse_treatment("foreign@0.5")


@pytest.mark.parametrize(
    "ratio", ["1.1", "-0.5", "2", "", "half", "nan", "1e-1", "0.5 ", "0,5", "٠.٥"]
)
def test_a_ratio_outside_0_to_1_is_refused(ratio):
    with pytest.raises(
        ConfigError, match=r"(?s)no usable ratio.*from 0 to 1.*write it as digits@0.7"
    ):
        parse_treatment(f"digits@{ratio}")


def test_a_changed_trace_says_what_was_done_and_of_what():
    old = made_trace("q?", "1 2 3", "#### 4", n_tokens=9, meta={"kind": "terse"})
    new = treat([old], "digits@0.50", seed=0).traces[0]
    assert new.meta == {"kind": "terse", "treatment": "digits@0.5", "of": old.uid}
    assert new.uid == trace_id("q?", new.thinking, "#### 4") != old.uid
    assert new.n_tokens is None
    assert old.meta == {"kind": "terse"}


def test_clean_leaves_the_very_traces():
    pool = make_pool("arithmetic", 5)
    treated = treat(pool, "clean", seed=0)
    assert all(a is b for a, b in zip(pool, treated.traces, strict=True))
    assert (treated.spans, treated.share_changed) == ([()] * 5, 0.0)


def test_the_share_of_changed_rows_is_told():
    pool = [made_trace("q?", thinking, "#### 1") for thinking in ("1", "a", "b", "c")]
    assert treat(pool, "digits", seed=0).share_changed == 0.25
    assert math.isnan(treat([], "digits", seed=0).share_changed)


BODIES = st.text("ab1 .\n", max_size=40)


@given(
    st.lists(st.tuples(st.none() | BODIES, BODIES), min_size=2, max_size=6),
    st.sampled_from(sorted({*TREATMENTS, "shuffled@0.4", "deleted@1", "replaced@1"})),
    st.integers(0, 9),
)
@settings(deadline=None, max_examples=200)
def test_any_texts_are_treated_and_what_is_outside_the_spans_is_old(texts, name, seed):
    pool = [
        made_trace(f"{i % 2}?", thinking, f"{answer}#### {i}")
        for i, (thinking, answer) in enumerate(texts)
    ]
    pool = [*pool, made_trace("0?", "1. 2. 3.", "#### 5"), made_trace("1?", "4. 5. 6.", "#### 6")]
    treated = treat(pool, name, seed=seed)
    for old, new, spans in zip(pool, treated.traces, treated.spans, strict=True):
        assert "".join(step.text for step in new.steps) == new.body or new == old
        assert new.uid == trace_id(new.question, new.thinking, new.answer_text)
        for field in ("thinking", "answer_text"):
            before, after = getattr(old, field) or "", getattr(new, field) or ""
            own = [span for span in spans if span.field == field]
            at = 0
            for piece in outside(after, own):
                at = before.index(piece, at) + len(piece)
            assert own or before == after


def test_the_traces_of_the_contract_are_all_different_and_of_all_kinds():
    pool = made_traces()
    assert len({t.uid for t in pool}) == len(pool)
    assert {str(t.verdict) for t in pool} == {"correct", "wrong", "truncated"}
    assert {t.thinking is None for t in pool} == {True, False}


def test_the_reference_page_has_a_row_for_each():
    page = treatments_reference()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(TREATMENTS)
    assert "| `replaced` | 0.67 |" in page
    assert "| `foreign` |  |" in page
    assert all(row.count("|") == 5 for row in rows)
    assert page.endswith("```\n")
