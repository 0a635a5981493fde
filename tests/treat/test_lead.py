"""What the answer text says before its statement, after thinking: it is reasoning too."""

import hashlib

import pytest

from titrant.traces.record import Verdict
from titrant.traces.steps import cut_steps
from titrant.traces.verify.assess import final_answer
from titrant.treat.base import Span
from titrant.treat.reasoning import reasoning_of, step_places
from titrant.treat.table import TREATMENTS, treat
from titrant.worlds.pools import make_pool
from trace_made import made_trace

WORKED = "There are 3 boxes of 4 pens: 3*4 = 12.\nAdding 2 gives 12+2 = 14.\n\n"
BOXED = "\\boxed{14}"
THOUGHT = "3 boxes\n4 pens\nWait, 2 more"


def trace(q="14", thinking=THOUGHT, lead=WORKED):
    return made_trace(
        f"q {q}?",
        thinking,
        f"{lead}\\boxed{{{q}}}",
        gold=q,
        final_answer=q,
        verdict=Verdict.CORRECT,
        steps=cut_steps(thinking),
    )


def pool():
    """Three questions: two with a lead, one without."""
    return [
        trace(),
        trace("20", "5 rows\n4 seats", "Each row has 4 seats.\n\nSo 5 rows have 20.\n\n"),
        trace("9", "9 is 9", ""),
    ]


def first(name, rows=None, seed=0):
    treated = treat(pool() if rows is None else rows, name, seed=seed)
    return treated.traces[0], treated.spans[0]


def test_the_lead_ends_where_the_answer_is_stated():
    reasoning = reasoning_of(trace())
    assert (reasoning.field, reasoning.end, reasoning.is_apart) == ("thinking", len(THOUGHT), True)
    lead = reasoning.lead
    assert (lead.field, lead.text[: lead.end]) == ("answer_text", WORKED)
    assert [lead.text[a:b] for a, b in step_places(trace(), lead)] == WORKED.strip().split("\n")


def test_steps_of_a_lead_are_cut_without_the_white_space_around_it():
    old = trace(lead="\n\nThree. And four.\n\n")
    lead = reasoning_of(old).lead
    assert [lead.text[a:b] for a, b in step_places(old, lead)] == ["Three.", "And four."]


def test_an_answer_text_that_only_states_the_answer_has_no_lead():
    assert reasoning_of(trace(lead="")).lead is None
    assert reasoning_of(trace(lead="\n\n")).lead is None
    assert reasoning_of(made_trace("q?", "so 2", "Hope it helps.")).lead is None
    assert reasoning_of(made_trace("q?", "so 2", "1+1\n#### 2", unfinished=True)).lead is None


def test_of_blank_thinking_the_reasoning_is_the_lead():
    old = trace(thinking="\n")
    reasoning = reasoning_of(old)
    assert (reasoning.field, reasoning.text[: reasoning.end]) == ("answer_text", WORKED)
    assert reasoning.lead is None
    new, spans = first("format-only", [old])
    assert (new.thinking, new.answer_text) == ("\n", f"...\n\n{BOXED}")
    assert spans == (Span("answer_text", 0, 3),)
    assert new.steps == old.steps
    new, spans = first("answer-only", [old])
    assert (new.thinking, new.answer_text) == (None, BOXED)
    assert spans == (Span("thinking", 0, 0), Span("answer_text", 0, 0))


def test_answer_only_leaves_the_statement():
    new, spans = first("answer-only")
    assert (new.thinking, new.answer_text) == (None, BOXED)
    assert spans == (Span("thinking", 0, 0), Span("answer_text", 0, 0))
    assert new.steps == cut_steps(BOXED)
    assert (new.final_answer, new.verdict) == ("14", "correct")


def test_format_only_leaves_the_statement():
    new, spans = first("format-only")
    assert (new.thinking, new.answer_text) == ("...", BOXED)
    assert spans == (Span("thinking", 0, 3), Span("answer_text", 0, 0))


def test_filler_fills_the_lead():
    new, spans = first("filler")
    # Nine words in the first line of the lead, and six in the second.
    assert new.answer_text == f". . . . . . . . . .\n. . . . . .\n\n{BOXED}"
    assert {span.field for span in spans} == {"thinking", "answer_text"}
    new, _ = first("filler-characters")
    assert new.answer_text.startswith("..... ... . ..... .. . ..... ... . ...\n")
    assert new.answer_text.endswith(f"\n\n{BOXED}")
    assert len(new.answer_text) == len(WORKED + BOXED)


@pytest.mark.parametrize("name", ["foreign", "foreign-length", "foreign-question"])
def test_foreign_reasoning_brings_its_lead(name):
    rows = pool()
    told = {row.thinking: row.answer_text.partition("\\boxed")[0].strip() for row in rows}
    seen = set()
    for seed in range(8):
        for old, new in zip(rows, treat(rows, name, seed=seed).traces, strict=True):
            statement = f"\\boxed{{{old.gold}}}"
            assert new.thinking != old.thinking
            lead = new.answer_text.removesuffix(statement).strip()
            # The last row has no place for a lead; the others have the donor's, or none.
            assert lead == ("" if old.gold == "9" else told[new.thinking])
            assert (new.final_answer, new.verdict) == (old.gold, "correct")
            seen.add((old.gold, lead))
    if name != "foreign-question":
        assert {("14", ""), ("14", told[rows[1].thinking])} <= seen


def test_a_donor_without_a_lead_leaves_none():
    new, spans = first("foreign", [trace(), trace("9", "9 is 9", "")])
    assert (new.thinking, new.answer_text) == ("9 is 9", BOXED)
    assert spans == (Span("thinking", 0, 6), Span("answer_text", 0, 0))


def test_length_is_that_of_thinking_and_lead():
    # By thinking alone the first eight would trade with each other; with the leads they are the
    # first, third, … and the other eight have the long texts.
    rows = [trace(str(100 + i), "x" * (1 + i), "y" * 50 * (i % 2) + "\n\n") for i in range(16)]
    for i, new in enumerate(treat(rows, "foreign-length", seed=0).traces):
        assert (len(new.thinking) - 1) % 2 == i % 2


def test_digits_are_replaced_in_both_texts_at_the_ratio():
    new, spans = first("digits@1")
    lead = new.answer_text.removesuffix(BOXED)
    pairs = list(zip(WORKED, lead, strict=True))
    assert all((a != b) == a.isdigit() for a, b in pairs)
    assert {span.field for span in spans} == {"thinking", "answer_text"}
    half, _ = first("digits@0.5")
    n = sum(a != b for a, b in zip(WORKED + BOXED, half.answer_text, strict=True))
    assert n == 6  # half of 3, 4, 3, 4, 12, 2, 12, 2, 14 is 6 of 12 digits
    assert sum(a != b for a, b in zip(THOUGHT, half.thinking, strict=True)) == 2  # of 3


def test_steps_of_the_lead_are_treated_by_themselves():
    rows = [trace("20", "a\nb\nc", "One.\n\nTwo.\n\n"), trace("9", "x\ny", "Three.\n\n")]
    new, _ = first("shuffled", rows)
    assert new.answer_text == "Two.\n\nOne.\n\n\\boxed{20}"
    assert sorted(new.thinking.split("\n")) == ["a", "b", "c"]
    assert len(new.steps) == 3
    new, _ = first("deleted@1", rows)
    assert (new.thinking, new.answer_text) == ("", "\\boxed{20}")
    kept = {first("deleted", rows, seed)[0].answer_text for seed in range(8)}
    assert kept == {"One.\n\n\\boxed{20}", "Two.\n\n\\boxed{20}"}
    new, _ = first("tokens-shuffled", rows)
    assert new.answer_text == "Two.\n\nOne.\n\n\\boxed{20}"


def test_steps_from_elsewhere_come_from_both_texts():
    rows = [trace("20", "a\nb", "One.\n\nTwo.\n\n"), trace("9", "x\ny", "Three.\n\n")]
    lines, leads = set(), set()
    for seed in range(20):
        new, _ = first("replaced@1", rows, seed)
        lines |= set(new.thinking.split("\n"))
        leads |= set(new.answer_text.removesuffix("\n\n\\boxed{20}").split("\n\n"))
        put_in, _ = first("inserted", rows, seed)
        pieces = put_in.answer_text.split("\n\n")
        assert len(pieces) == 4  # one of two, halves up
        assert [piece for piece in pieces if piece in ("One.", "Two.")] == ["One.", "Two."]
        assert pieces[-2:] == ["Two.", "\\boxed{20}"]
    assert lines == leads == {"x", "y", "Three."}


def test_a_larger_ratio_changes_all_of_the_lead_that_a_smaller_one_does():
    lead = "".join(f"Line {chr(97 + i)}.\n\n" for i in range(20))
    rows = [trace("20", "a\nb", lead), trace("9", "x\ny", "Three.\n\n")]
    for name in ("replaced", "shuffled"):
        gone = []
        for ratio in ("0.2", "0.5", "0.9"):
            said = first(f"{name}@{ratio}", rows)[0].answer_text.split("\n\n")
            gone.append({a for a, b in zip(lead.split("\n\n"), said, strict=False) if a != b})
        assert gone[0] < gone[1] < gone[2]


def test_reflection_goes_from_the_lead():
    new, _ = first("unreflective", [trace(lead="12. Wait, 14 it is.\n\n")])
    assert (new.thinking, new.answer_text) == (
        "3 boxes\n4 pens\n2 more",
        f"12. 14 it is.\n\n{BOXED}",
    )


def test_a_wrong_answer_leaves_the_lead():
    rows = [trace(), trace("77")]
    assert first("wrong-answer", rows)[0].answer_text == f"{WORKED}\\boxed{{77}}"


def test_an_answer_that_reads_otherwise_after_a_change_of_the_lead_is_read_anew():
    # Only the last number is read in the first; a lead that says "answer is" comes before it.
    old = made_trace("a?", "x", "Well.\n\nSo 5", gold="5", gold_kind="integer", final_answer="5")
    other = made_trace("b?", "y", "The answer is 6.\n\n\\boxed{6}", final_answer="6")
    new = treat([old, other], "foreign", seed=0).traces[0]
    assert new.answer_text == "The answer is 6.\n\nSo 5"
    assert new.final_answer == final_answer(new) == "6"
    assert new.verdict == Verdict.WRONG


TAKE_ALL = ("answer-only", "format-only", "filler", "filler-characters", "digits@1", "replaced@1")


@pytest.mark.parametrize("name", [*TAKE_ALL, "foreign", "foreign-length", "foreign-question"])
def test_no_solution_is_left_by_what_takes_the_reasoning(name):
    for seed in range(5):
        new, _ = first(name, seed=seed)
        assert "3*4 = 12" not in new.answer_text
        assert "12+2 = 14" not in new.answer_text
        assert new.answer_text.endswith(BOXED)


OTHERWISE = {
    "maze": {"foreign-question", "digits", "format-only", "filler-characters"},
    "arithmetic": {"filler-characters"},
    "facts": {"filler-characters"},
}
"""What has come to treat these pools otherwise, or is new, since the digests were recorded."""


@pytest.mark.parametrize(
    ("world", "digest"),
    [
        ("arithmetic", "cb7c85f470934fbd"),
        ("facts", "b124e035012cf5cd"),
        ("maze", "d1df363af47a8aae"),
    ],
)
def test_golden_pools_of_worlds_have_no_leads_and_are_treated_as_before_there_were_any(
    world, digest
):
    rows = make_pool(world, 60)
    assert all(reasoning_of(row).lead is None and row.thinking.strip() for row in rows)
    whole = hashlib.sha256()
    for name in sorted(set(TREATMENTS) - OTHERWISE[world]):
        for new, spans in zip(*treat(rows, name, seed=3)[:2], strict=True):
            told = (new.thinking, new.answer_text, new.final_answer, str(new.verdict), new.steps)
            whole.update(repr((told, spans)).encode())
    assert whole.hexdigest()[:16] == digest
