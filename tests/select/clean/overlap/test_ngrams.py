"""N-grams of a benchmark in texts that stream by."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.select.clean.overlap import ngrams
from titrant.select.clean.overlap.ngrams import cover, index_grams
from titrant.select.clean.words import split_words

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12).map(" ".join)


def covered(questions, texts, **how) -> dict[tuple[int, int], int]:
    index = index_grams(questions, **how)
    found = cover(index.match(index.encode(texts)))
    return {(int(t), int(p)): int(n) for t, p, n in zip(*found, strict=True)}


def by_sets(questions, texts, n) -> set[tuple[int, int]]:
    """s1's way, on the same words."""

    def grams(text):
        words = split_words(text, "blanks")
        return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}

    return {
        (i, j)
        for i, text in enumerate(texts)
        for j, question in enumerate(questions)
        if grams(text) & grams(question)
    }


@given(questions=st.lists(WORDS, min_size=1, max_size=5), texts=st.lists(WORDS, max_size=6))
def test_pairs_are_those_that_share_an_ngram(questions, texts):
    found = covered(questions, texts, n=3, rule="blanks", whole_from=3)
    assert set(found) == by_sets(questions, texts, 3)


@given(questions=st.lists(WORDS, min_size=1, max_size=4), texts=st.lists(WORDS, max_size=4))
def test_words_are_covered_once_however_many_ngrams_they_lie_in(questions, texts):
    for (i, j), n in covered(questions, texts, n=3, rule="blanks", whole_from=3).items():
        text, question = split_words(texts[i], "blanks"), split_words(questions[j], "blanks")
        grams = {tuple(text[k : k + 3]) for k in range(len(text) - 2)}
        inside = {
            at + k
            for at in range(len(question) - 2)
            if tuple(question[at : at + 3]) in grams
            for k in range(3)
        }
        assert n == len(inside)


def test_ngrams_do_not_reach_from_one_text_into_the_next():
    assert covered(["one two three four"], ["one two", "three four"], n=3, rule="blanks") == {}


def test_a_short_question_is_one_gram_as_a_whole():
    question = "how old is the cat"
    assert covered([question], [f"well, {question}?", "how old is the dog"]) == {(0, 0): 5}
    assert covered([question], [f"well, {question}?"], whole_from=8) == {}
    assert covered(["how old is it"], ["how old is it"]) == {}


def test_rows_of_digits_are_no_ngrams_of_letters():
    question = "1 2 3 4 5 6 7 8 9"
    assert covered([question], [question]) == {}
    assert covered([question], [question], rule="blanks") == {(0, 0): 9}
    # Four of eight hold a letter.
    assert covered(["a 2 b 4 c 6 d 8"], ["A 2, B 4, C 6, D 8."]) == {(0, 0): 8}


def test_a_question_that_is_none_has_no_ngrams():
    assert covered([None, "a b c d e f g h"], ["a b c d e f g h"]) == {(0, 1): 8}


def test_grams_of_a_template_are_left_out_and_counted(monkeypatch):
    monkeypatch.setattr(ngrams, "MOST_PROBLEMS", 2)
    questions = [f"state the answer to the following sum {i} plus" for i in ("x", "y", "z")]
    index = index_grams(questions, n=4)
    # 9 words; the first 7 lie in four grams that all three have.
    assert index.n_common.tolist() == [7, 7, 7]
    found = cover(index.match(index.encode([questions[1]])))
    # Left are "the following sum y" and "following sum y plus".
    assert (found.problem.tolist(), found.words.tolist()) == ([1], [5])
    encoded = index.encode(["no", f"so {questions[1]} z", questions[0]])
    assert index.holds(encoded, 1, 1)
    assert not index.holds(encoded, 1, 0)
    assert not index.holds(encoded, 2, 1)


def test_a_hash_without_the_same_words_is_no_hit(monkeypatch):
    monkeypatch.setattr(ngrams, "_hash", lambda columns: np.zeros(len(columns[0]), np.uint64))
    index = index_grams(["a b c"], n=3)
    assert len(index.match(index.encode(["c b a"])).text) == 0
    assert len(index.match(index.encode(["a b c"])).text) == 1


def test_two_grams_with_one_hash_are_an_error_and_no_silent_loss(monkeypatch):
    monkeypatch.setattr(ngrams, "_hash", lambda columns: np.zeros(len(columns[0]), np.uint64))
    with pytest.raises(ArithmeticError, match="one hash"):
        index_grams(["a b c d"], n=3)


def test_texts_without_words_are_no_error():
    assert covered(["a b c d e f g h"], ["", "?!", "a b c d e f g h"]) == {(2, 0): 8}
    assert covered(["", None], ["a"]) == {}
