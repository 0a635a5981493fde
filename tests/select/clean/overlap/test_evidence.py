"""What two texts prove, and where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.select.clean.overlap.canonical import canonical
from titrant.select.clean.overlap.evidence import (
    LONGEST_EXCERPT,
    Asked,
    Grade,
    excerpt_of,
    judge_questions,
)
from titrant.select.clean.words import split_words

STORY = (
    "Natalia sold clips to 48 of her friends in April, and then she sold 24 clips in May. "
    "How many clips did she sell altogether in April and May?"
)


def grade(one: str, other: str, gold: str | None = None) -> Grade | None:
    judged = judge_questions(Asked(one, canonical(one)), Asked(other, canonical(other, gold=gold)))
    return None if judged is None else judged.grade


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (STORY.upper(), Grade.SAME),
        (STORY.replace("friends", "frends"), Grade.SAME),
        (STORY.replace("48", "50"), Grade.RENUMBERED),
        (STORY.replace("48", "50").replace("Natalia", "Bella"), Grade.RENUMBERED),
        (
            "In April Natalia sold clips to 48 friends, in May she then sold 24 clips more. "
            "Altogether, how many clips did she sell?",
            Grade.REWORDED,
        ),
        (
            "Bob bakes 48 loaves of bread a day and eats 24 of them. How many are left to sell?",
            None,
        ),
        ("Natalia sold clips. How many clips did she sell altogether?", None),
    ],
    ids=["case", "typo", "number", "name and number", "reworded", "other story", "no numbers"],
)
def test_grades_of_two_questions(changed, expected):
    assert grade(changed, STORY) is expected
    assert grade(STORY, changed) is expected


def test_expressions_are_told_by_their_canonical_forms_only():
    assert grade("47+3*5-2=", "47+3*5-2=") is Grade.SAME
    assert grade("3+47", "47+3=", gold="50") is Grade.REORDERED
    assert grade("47+3*5-2=", "47+3*5-3=") is None
    assert grade("47+3*5-2=", "47*3+5-2=") is None


def test_a_short_piece_of_a_question_is_no_rewording():
    assert grade("48 clips and 24 clips", STORY) is None


def test_questions_without_any_letters_or_digits_are_not_the_same():
    assert grade("?", "!") is None


def test_the_strongest_grade_has_rank_zero():
    assert [g.rank for g in Grade] == list(range(len(Grade)))
    assert Grade.SAME.rank == 0


def test_spans_are_the_same_words_in_both_excerpts():
    quote = f'He said: "{STORY.replace("48", "50")}" and left.'
    shown = excerpt_of(quote, STORY, least=4)
    pieces = [
        (
            shown.pool[s.pool_start : s.pool_end],
            shown.benchmark[s.benchmark_start : s.benchmark_end],
        )
        for s in shown.spans
    ]
    assert pieces[0] == ("Natalia sold clips to",) * 2
    assert pieces[1][0].startswith("of her friends in April")
    assert all(one == other for one, other in pieces)
    assert (shown.pool_offset, shown.benchmark_offset) == (0, 0)


def test_a_long_text_is_shown_around_its_longest_span():
    long = "before " * 400 + STORY + " after" * 400
    shown = excerpt_of(long, STORY, least=8)
    assert len(shown.pool) == LONGEST_EXCERPT
    assert long[shown.pool_offset :].startswith(shown.pool)
    assert STORY in shown.pool
    (span,) = shown.spans
    assert shown.pool[span.pool_start : span.pool_end] == STORY.rstrip("?")


def test_texts_with_nothing_in_common_have_no_spans():
    assert excerpt_of("one two three", "four five six", least=2).spans == ()
    assert excerpt_of("", "", least=3).spans == ()


@given(
    one=st.lists(st.sampled_from("abc"), max_size=15).map(" ".join),
    other=st.lists(st.sampled_from("abc"), max_size=15).map(" ".join),
)
def test_spans_never_overlap_in_the_benchmark_and_always_match(one, other):
    shown = excerpt_of(one, other, least=2)
    taken: set[int] = set()
    for span in shown.spans:
        ours = shown.pool[span.pool_start : span.pool_end]
        theirs = shown.benchmark[span.benchmark_start : span.benchmark_end]
        assert split_words(ours) == split_words(theirs)
        places = set(range(span.benchmark_start, span.benchmark_end))
        assert not places & taken
        taken |= places
