"""The form without the content."""

import pytest

from titrant.traces.steps import cut_steps
from titrant.treat.base import Span
from titrant.treat.table import treat
from titrant.worlds.pools import make_pool
from trace_made import made_trace


def one(trace, name):
    treated = treat([trace], name, seed=0)
    return treated.traces[0], treated.spans[0]


def test_each_word_becomes_a_full_stop_and_lines_stay():
    thinking = "47+3=50 *5\n\n  50*5=50 .\n"
    old = made_trace("q?", thinking, "#### 50", steps=cut_steps(thinking))
    new, spans = one(old, "filler")
    assert new.thinking == ". .\n\n  . .\n"
    assert len(new.thinking.split()) == len(thinking.split())
    # The last word was a full stop already.
    assert spans == tuple(Span("thinking", at, at + 1) for at in (0, 2, 7))
    assert [s.text for s in new.steps] == [". .\n\n", "  . .\n"]


def test_each_character_becomes_a_full_stop_and_white_space_stays():
    thinking = "47+3=50 *5\n\n  so .\n"
    new, _ = one(made_trace("q?", thinking, "#### 50"), "filler-characters")
    assert new.thinking == "....... ..\n\n  .. .\n"
    new, _ = one(made_trace("q?", None, "1 + 1 = 2\nso 2\n#### 2"), "filler-characters")
    assert new.answer_text == ". . . . .\n.. .\n#### 2"


def test_a_filler_is_as_long_in_words_or_in_characters():
    pool = make_pool("arithmetic", 200)
    for name, measure, share in (
        ("filler", lambda text: len(text.split()), 1.0),
        ("filler-characters", len, 1.0),
        ("filler", len, 0.31),  # of the thinking alone; with tags and answer 0.52
    ):
        treated = treat(pool, name, seed=0).traces
        n_old, n_new = (sum(measure(t.thinking) for t in rows) for rows in (pool, treated))
        assert n_new / n_old == pytest.approx(share, abs=0.03 if share < 1 else 0)


def test_in_a_maze_a_neutral_line_and_a_filler_are_words_of_its_tokenizers():
    old = make_pool("maze", 1)[0]
    assert one(old, "format-only")[0].thinking == "."
    assert one(old, "filler-characters")[0].thinking == one(old, "filler")[0].thinking
    elsewhere = old.model_copy(update={"source": "mine.jsonl"})
    assert one(elsewhere, "format-only")[0].thinking == "..."


def test_filler_before_a_stated_answer():
    new, _ = one(made_trace("q?", None, "1 + 1 = 2\nso 2\n#### 2"), "filler")
    assert new.answer_text == ". . . . .\n. .\n#### 2"


def test_the_answer_alone_is_left():
    old = made_trace("q?", "1+1=2\nso 2", "#### 2", final_answer="2", verdict="correct")
    new, spans = one(old, "answer-only")
    assert (new.thinking, new.answer_text, spans) == (None, "#### 2", (Span("thinking", 0, 0),))
    assert (new.final_answer, new.verdict) == ("2", "correct")
    assert new.steps == cut_steps("#### 2")
    new, spans = one(made_trace("q?", None, "1+1=2\n#### 2\nDone."), "answer-only")
    assert (new.answer_text, spans) == ("#### 2\nDone.", (Span("answer_text", 0, 0),))
    new, _ = one(made_trace("q?", "1+1=2.\nThe answer is 2.", "", final_answer="2"), "answer-only")
    assert (new.thinking, new.final_answer) == ("The answer is 2.", "2")


def test_a_trace_of_which_nothing_would_be_left_stays():
    for old in (
        made_trace("q?", "1+1", "", unfinished=True),
        made_trace("q?", None, "#### 2"),
        made_trace("q?", None, "no answer at all"),
        made_trace("q?", None, ""),
    ):
        assert one(old, "answer-only") == (old, ())


def test_one_neutral_line_stands_for_the_reasoning():
    new, spans = one(made_trace("q?", "1+1=2\nso 2", "#### 2"), "format-only")
    assert (new.thinking, spans) == ("...", (Span("thinking", 0, 3),))
    assert len(new.steps) == 1
    new, _ = one(made_trace("q?", None, "1+1=2\nso 2\n#### 2"), "format-only")
    assert new.answer_text == "...\n#### 2"
    old = made_trace("q?", None, "#### 2")
    assert one(old, "format-only") == (old, ())
