"""Problems of a benchmark in a pool, and when n-grams prove nothing."""

import numpy as np
import pytest

from titrant.errors import ConfigError, DataError
from titrant.select.clean.overlap import find
from titrant.select.clean.overlap.evidence import Grade
from titrant.select.clean.overlap.find import find_overlap
from titrant.select.clean.overlap.index import build_index
from titrant.traces.record import Problem, question_id
from titrant.worlds.pools import make_pool, world_problems
from trace_made import made_trace

STORIES = (
    "Natalia sold clips to 48 of her friends in April, and then she sold 24 clips in May. "
    "How many clips did she sell altogether in April and May?",
    "A baker fills 17 baskets with 5 loaves of rye bread each before the shop opens. "
    "How many loaves of rye bread are in all of the baskets?",
    "Weng earns 12 dollars an hour for babysitting, and yesterday she watched twins for 3 hours. "
    "How much did Weng earn by babysitting yesterday?",
)
OTHER = "The lighthouse keeper lights 9 lamps every evening and puts them out at dawn. How many?"
OWN = "We count the lamps one by one until dawn, there are nine of them.\n#### 9"


def problem(question: str, gold: str | None = None) -> Problem:
    return Problem(qid=question_id(question), question=question, gold=gold)


def found(traces, questions=STORIES, **how):
    return find_overlap(build_index({"b": [problem(q) for q in questions]}, **how), traces)


def hits(traces, questions=STORIES, **how):
    """(grade, place, rows, problem) of every flagged hit."""
    return [
        (hit.judged.grade, hit.place, hit.rows, hit.problem)
        for hit in found(traces, questions, **how).flagged
    ]


def test_a_leaked_question_is_found_once_with_all_its_traces():
    traces = [
        made_trace(STORIES[1].upper(), None, "85"),
        made_trace(OTHER, None, OWN),
        made_trace(STORIES[1].upper(), None, "86"),
    ]
    assert hits(traces) == [(Grade.SAME, "question", (0, 2), 1)]


def test_a_problem_quoted_in_thinking_or_answer_is_in_the_trace_only():
    quote = f"I know one like it: {STORIES[0]} But now to this."
    traces = [made_trace(OTHER, quote, "#### 9"), made_trace(OTHER, None, f"{quote}\n{OWN}")]
    assert set(hits(traces)) == {
        (Grade.OVERLAP, "thinking", (0,), 0),
        (Grade.OVERLAP, "answer_text", (1,), 0),
    }


def test_a_trace_that_repeats_its_own_leaked_question_is_one_hit():
    traces = [made_trace(STORIES[0], f"The question: {STORIES[0]}", "#### 72")]
    assert hits(traces) == [(Grade.SAME, "question", (0,), 0)]


def test_stronger_hits_come_first():
    traces = [
        made_trace(STORIES[2].replace("12", "14"), None, "1"),
        made_trace(OTHER, f"As in: {STORIES[0]}", "#### 9"),
        made_trace(STORIES[1], None, "1"),
    ]
    assert [hit[0] for hit in hits(traces)] == [Grade.SAME, Grade.RENUMBERED, Grade.OVERLAP]


def test_one_shared_ngram_is_counted_and_not_flagged():
    sentence = "How many clips did she sell altogether in April and May?"
    done = found([made_trace(f"{OTHER} {sentence}", None, OWN)])
    assert done.hits == []
    assert done.counted == {Grade.SHARED: {0: {0}}}


def test_a_clean_pool_has_no_hits():
    done = found([made_trace(OTHER, None, OWN)])
    assert (done.hits, done.counted, done.colliding) == ([], {}, {"b": 0.0})


def test_colliding_ngrams_are_a_diagnostic_unless_all_of_the_problem_is_there():
    part = STORIES[0].partition(". ")[0]  # more than half of the words
    traces = [
        made_trace(OTHER, f"so {part} and on it goes", "#### 9"),
        made_trace(OTHER, f"so {STORIES[1]} and on it goes", "#### 9"),
    ]
    done = found(traces)
    # Two of three problems are hit by n-grams and nothing else: over a fifth.
    assert done.is_diagnostic == {"b": True}
    assert done.colliding["b"] == pytest.approx(2 / 3)
    assert [(hit.judged.grade, hit.problem) for hit in done.hits] == [
        (Grade.OVERLAP, 1),
        (Grade.OVERLAP, 0),
    ]
    assert [hit.problem for hit in done.flagged] == [1]


def test_a_whole_problem_counts_where_its_ngrams_are_those_of_a_template():
    questions = templated(60, seed=0)  # so many that the words they share are left out
    assert found([], questions).index.grams.n_common.min() > 0
    traces = [made_trace(OTHER, f"Well: {questions[9]} So", "9")]
    assert hits(traces, questions) == [(Grade.OVERLAP, "thinking", (0,), 9)]


def test_a_whole_problem_is_a_quote_also_where_the_traces_own_question_is_of_its_template():
    questions = templated(15, seed=0)  # few enough that an own question shares n-grams
    (own,) = templated(1, seed=9)
    traces = [
        made_trace(own, f"This is like one I know: {questions[9]} So", "9"),
        made_trace(own, f"I am asked: {own} So", "9"),
    ]
    assert hits(traces, questions) == [(Grade.OVERLAP, "thinking", (0,), 9)]


def templated(n: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [
        f"Tom has {a} apples and buys {b} more at the market. How many apples does Tom have now?"
        for a, b in rng.integers(10, 10_000, size=(n, 2)).tolist()
    ]


def test_problems_out_of_a_template_are_only_found_as_the_same_question():
    questions = templated(40, seed=0)
    pool = [made_trace(q, None, f"So: {q}") for q in templated(60, seed=1)]
    done = found(pool, questions)
    assert done.index.is_templated.all()
    assert done.hits == []
    assert Grade.TEMPLATE in done.counted
    leaked = [
        *pool,
        made_trace(questions[7], None, "5"),
        made_trace(OTHER, f"{questions[9]} So", "9"),
    ]
    assert {(grade, i) for grade, _, _, i in hits(leaked, questions)} == {
        (Grade.SAME, 7),
        (Grade.OVERLAP, 9),
    }


def test_an_arithmetic_pool_gives_no_false_alarm_and_a_leak_is_found():
    problems = world_problems("world:arithmetic", 300)
    index = build_index({"arithmetic": problems})
    pool = make_pool("arithmetic", 600)
    clean = find_overlap(index, pool)
    assert (clean.hits, clean.counted) == ([], {})
    leak = made_trace(problems[5].question, None, "7", source=problems[5].source)
    (hit,) = find_overlap(index, [*pool, leak]).flagged
    assert (hit.judged.grade, hit.rows, hit.problem) == (Grade.SAME, (600,), 5)


def test_operands_of_a_plain_sum_in_another_order_are_found():
    index = build_index({"b": [problem("What is 47 + 3?", gold="50")]})
    (hit,) = find_overlap(index, [made_trace("3+47=", None, "50")]).flagged
    assert hit.judged.grade is Grade.REORDERED


def test_expressions_with_the_same_operands_are_no_overlap():
    questions = ["2*a+3*b-4*c+5*d=", *STORIES]
    assert hits([made_trace("2*a-3*b+4*c-5*d=", None, "1")], questions) == []


def test_several_benchmarks_are_told_apart():
    index = build_index({"one": [problem(STORIES[0])], "two": [problem(STORIES[1])]})
    (hit,) = find_overlap(index, [made_trace(STORIES[1], None, "1")]).flagged
    assert index.questions[hit.problem].benchmark == "two"


def test_the_order_of_the_pool_does_not_change_what_is_found():
    traces = [
        made_trace(STORIES[2].replace("12", "14"), None, "1"),
        made_trace(OTHER, f"As in: {STORIES[0]}", "#### 9"),
        made_trace(STORIES[1], None, "1"),
    ]

    def told(pool):
        return [(grade, pool[rows[0]].uid, i) for grade, _, rows, i in hits(pool)]

    assert told(traces) == told(traces[::-1])


def test_chunks_change_nothing(monkeypatch):
    traces = [made_trace(q, f"{q}\n{OWN}", "1") for q in (*STORIES, OTHER)]
    whole = hits(traces)
    monkeypatch.setattr(find, "CHUNK_TEXTS", 1)
    assert hits(traces) == whole
    assert len(whole) == 3


def test_progress_counts_questions_and_traces():
    told = []
    index = build_index({"b": [problem(STORIES[0])]})
    traces = [made_trace(OTHER, None, str(i)) for i in range(3)]
    find_overlap(index, traces, progress=lambda *at: told.append(at))
    assert told == [(1, 4), (4, 4)]


def test_an_empty_pool_is_clean():
    assert hits([]) == []


def test_s1s_rule_keeps_stops_with_their_words():
    words = "so natalia sold clips to 48 of her friends in april"
    traces = [made_trace(OTHER, f"{words} {STORIES[0].replace(',', '')}", "#### 9")]
    whole = found(traces).hits[0].judged.similarity
    part = found(traces, rule="blanks").hits[0].judged.similarity
    assert whole == 1.0 > part


def test_a_benchmark_without_problems_or_a_tiny_n_is_refused():
    with pytest.raises(DataError, match="no benchmark to look for"):
        build_index({"b": []})
    with pytest.raises(ConfigError, match="8 as s1 and open-r1, 13 as GPT-3"):
        build_index({"b": [problem(STORIES[0])]}, n=2)
