"""Which benchmark questions a question may be a rewording of."""

import pytest

from titrant.select.clean.overlap.ngrams import index_grams
from titrant.select.clean.overlap.retrieve import NEAREST, Retriever

QUESTIONS = [
    "the baker sells bread rolls",
    "the farmer keeps geese and cows",
    "the sailor mends a torn sail",
] + [f"the {w} waits" for w in ("king", "queen", "page", "cook", "monk", "bard", "guard", "smith")]


def found(texts):
    index = index_grams(QUESTIONS)
    retriever = Retriever(index.encode(QUESTIONS), len(index.vocabulary))
    near = retriever.find(index.encode(texts))
    return {
        (t, p): c
        for t, p, c in zip(
            near.text.tolist(), near.problem.tolist(), near.cosine.tolist(), strict=True
        )
    }


def test_a_question_is_nearest_to_itself_with_cosine_one():
    assert found([QUESTIONS[0]]) == {(0, 0): pytest.approx(1.0)}


def test_words_that_most_questions_have_bring_nothing_together():
    assert found(["the the the"]) == {}


def test_words_that_the_benchmark_lacks_count_against():
    few = found(["baker bread"])[0, 0]
    more = found(["baker bread zzz yyy"])[0, 0]
    assert 0 < more < few < 1


def test_only_the_nearest_are_kept():
    text = " ".join(QUESTIONS)
    assert len(found([text])) <= NEAREST


def test_texts_without_known_words_have_no_candidates():
    assert found(["", "zzz"]) == {}
