"""Words and digits: shuffled, replaced, taken out."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.treat.base import Span
from titrant.treat.table import treat
from titrant.worlds.pools import make_pool
from trace_made import made_trace

TEXTS = st.text("ab 1023.,\n–", max_size=60)
RATIOS = st.sampled_from(("0.3", "0.7", "1"))
HEAD = re.compile(r"(?<![\d.,])0(?=\d)", re.ASCII)


def changed(text, name, seed=0):
    return treat([made_trace("q?", text, "#### 1")], name, seed=seed)


def after(text, name, seed=0):
    return changed(text, name, seed).traces[0].thinking


@given(TEXTS, st.integers(0, 99))
@settings(deadline=None)
def test_shuffled_words_are_the_same_words_in_the_same_white_space(text, seed):
    new = after(text, "tokens-shuffled", seed)
    assert Counter(new.split()) == Counter(text.split())
    assert re.sub(r"\S+", "w", new) == re.sub(r"\S+", "w", text)
    assert (new == text) == (len(set(text.split())) < 2)


def test_shuffled_words_leave_their_lines():
    text = "\n".join(f"a{i} b{i} c{i}" for i in range(5))
    first = after(text, "tokens-shuffled").split("\n")[0].split()
    assert first != ["a0", "b0", "c0"]
    assert len(first) == 3


@given(TEXTS, RATIOS, st.integers(0, 99))
@settings(deadline=None)
def test_exactly_the_share_of_digits_becomes_other_digits(text, ratio, seed):
    treated = changed(text, f"digits@{ratio}", seed)
    new = treated.traces[0].thinking
    digits = [i for i, c in enumerate(text) if c in "0123456789"]
    differ = [i for i, (a, b) in enumerate(zip(text, new, strict=True)) if a != b]
    assert len(differ) == int(float(ratio) * len(digits) + 0.5)
    assert set(differ) <= set(digits)
    assert all(new[i] in "0123456789" for i in digits)
    marked = [i for span in treated.spans[0] for i in range(span.start, span.end)]
    assert marked == differ


@given(st.from_regex(r"\A([1-9][0-9]{0,3}(,[0-9]{3})?(\.[0-9]{1,2})? ?[-+=a]){1,9}\Z"))
@settings(deadline=None)
def test_no_number_begins_with_a_zero_that_did_not(text):
    for seed in range(3):
        assert not HEAD.search(after(text, "digits@1", seed))


def test_every_other_digit_comes_up_alike():
    n = Counter(after("5" + " 5" * 1999, "digits@1"))
    assert set(n) - {" "} == set("012346789")
    # 2,000 draws of nine: 222 ± 4·√(2000·⅑·8⁄9) = 222 ± 56
    assert all(166 < n[digit] < 278 for digit in "012346789")
    n = Counter(number[0] for number in after("55 " * 2000, "digits@1").split())
    assert set(n) == set("12346789")
    assert all(190 < count < 310 for count in n.values())  # 250 ± 4·√(2000·⅛·⅞) = 250 ± 59


def test_digits_of_the_answer_stay():
    trace = made_trace("q?", None, "11+11=22\n#### 22", final_answer="22")
    new = treat([trace], "digits@1", seed=0).traces[0]
    assert new.answer_text.endswith("\n#### 22")
    assert all(
        a != b for a, b in zip("111122", re.sub(r"\D", "", new.answer_text[:8]), strict=True)
    )
    assert new.final_answer == "22"


def test_larger_ratios_change_what_smaller_ones_do():
    text = "1234567890" * 5
    some, more = after(text, "digits@0.2"), after(text, "digits@0.6")
    assert all(b in (a, c) for a, b, c in zip(text, some, more, strict=True))


WORDS = {f"{x},{y}" for x in range(8) for y in range(8)} | {f"c{n}" for n in range(64)}
"""All words with digits of mazes of 8 × 8."""


@pytest.mark.parametrize("ratio", ["0.2", "0.5", "1"])
def test_digits_of_a_maze_make_words_of_its_grid(ratio):
    for old in make_pool("maze", 40):
        new = treat([old], f"digits@{ratio}", seed=1).traces[0]
        words = [word for word in new.thinking.split() if word not in ("close", "create")]
        assert set(words) <= WORDS
        pairs = [(a, b) for a, b in zip(old.thinking, new.thinking, strict=True) if a.isdigit()]
        assert sum(a != b for a, b in pairs) == int(float(ratio) * len(pairs) + 0.5)


def test_digits_of_a_word_that_a_maze_has_stay_as_they_were_drawn():
    old = make_pool("maze", 1)[0]
    elsewhere = old.model_copy(update={"source": "mine.jsonl"})
    as_known, as_drawn = (
        treat([t], "digits@1", seed=0).traces[0].thinking.split() for t in (old, elsewhere)
    )
    kept = [a == b for a, b in zip(as_known, as_drawn, strict=True)]
    assert kept == [b in WORDS or b in ("close", "create") for b in as_drawn]
    assert not all(kept)


def test_every_other_word_of_a_maze_comes_up_alike():
    # 4,4 with both digits new: 7·7 = 49 words, 4,900 draws of them: 100 ± 4·√100 = 100 ± 40
    trace = made_trace("q?", "4,4 " * 4900, "plan 0,0", source="world:maze/wilson-8")
    n = Counter(treat([trace], "digits@1", seed=0).traces[0].thinking.split())
    assert set(n) == {word for word in WORDS if "," in word and "4" not in word}
    assert all(60 < count < 140 for count in n.values())


def test_a_word_of_a_maze_that_nothing_fits_is_left_to_chance():
    # No cost under 64 has three digits.
    trace = made_trace("q?", "c123", "plan 0,0", source="world:maze/wilson-8")
    elsewhere = trace.model_copy(update={"source": ""})
    new, other = (treat([t], "digits@1", seed=0).traces[0].thinking for t in (trace, elsewhere))
    assert new == other != "c123"


def test_text_without_digits_is_left():
    treated = changed("no digit here", "digits")
    assert treated.share_changed == 0.0
    assert treated.spans == [()]


REFLECTION = [
    ("Wait, that is wrong.", "that is wrong."),
    ("So 5. But wait... 6?", "So 5. 6?"),
    ("Hmm. Let me check: 2+3=5", "2+3=5"),
    ("5 = 5, hmm, yes", "5 = 5, yes"),
    ("Alternatively, we add.", "we add."),
    ("We could alternatively add.", "We could add."),
    ("However – it is 5", "it is 5"),
    ("It is, however, five.", "It is, five."),
    ("Actually, no.\nActually yes.", "no.\nyes."),
    ("check 47+3=50 *5\ncheck 50*5=50", "47+3=50 *5\n50*5=50"),
    ("  check: 1+1=2", "  1+1=2"),
    ("Let me double-check this. Right.", "Right."),
    ("Wait a minute! No.", "No."),
    ("Let's verify it again; fine.", "fine."),
    ("On second thought, 7.", "7."),
    ("Hold on — seven", "seven"),
]
NOT_REFLECTION = (
    "They wait 5 minutes.",
    "Wait for the bus takes 5 minutes.",
    "A check of $50 came.",
    "He actually has 5.",
    "waiting, actuality, checks, checked",
    "so 4+5=9",
    "So it is 5, therefore we stop.",
    "the checkout",
)


@pytest.mark.parametrize(("text", "left"), REFLECTION)
def test_reflection_is_taken_out_with_the_mark_that_follows(text, left):
    assert after(text, "unreflective") == left


@pytest.mark.parametrize("text", NOT_REFLECTION)
def test_the_same_words_in_another_sense_stay(text):
    assert changed(text, "unreflective").share_changed == 0.0


def test_a_share_of_the_occurrences_is_taken_out():
    text = "Wait, a.\n" * 10
    new = changed(text, "unreflective@0.3")
    assert new.traces[0].thinking.count("Wait, ") == 7
    assert all(span.start == span.end for span in new.spans[0])
    one = changed("a. Wait, b.", "unreflective")
    assert one.spans == [(Span("thinking", 3, 3),)]
