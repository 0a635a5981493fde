import pytest

from scores_given import Given, candidates, pool
from titrant.select.rank import rank
from titrant.select.strategies.limo import KINDS, LENGTH_WEIGHT, rule_scores, word_shares

NAN = float("nan")


def test_the_weights_are_those_of_the_paper_and_sum_to_one():
    weights = {name: kind.weight for name, kind in KINDS.items()}
    assert weights == {"self-verification": 0.20, "exploration": 0.25, "connectives": 0.25}
    assert sum(weights.values()) + LENGTH_WEIGHT == pytest.approx(1)


def test_no_word_counts_twice():
    words = [word for kind in KINDS.values() for word in kind.words]
    assert len(words) == len(set(words))


def test_words_are_counted_per_word_of_the_text():
    # 8 words: check, verify | perhaps | therefore, so.
    shares = word_shares("Check, VERIFY: perhaps; therefore so it is done")

    assert shares == [2 / 8, 1 / 8, 2 / 8]
    assert word_shares("1 + 1 = 2") == [0, 0, 0]
    assert word_shares("checkered maybes") == [0, 0, 0]  # whole words only


def test_the_score_is_the_weighted_sum_of_percentiles():
    traces = pool(2, thinking=["check it", "perhaps so"], n_tokens=[5, 9])

    scores = rule_scores(candidates(traces))

    # Percentiles of two values: 1/4 and 3/4. Trace 0: .3/4 + .2·3/4 + .25/4 + .25/4 = .35;
    # trace 1 has the other ones: .3·3/4 + .2/4 + .25·3/4 + .25·3/4 = .65.
    assert scores.total.tolist() == pytest.approx([0.35, 0.65])


def test_easy_questions_are_out_and_the_best_solution_of_each_question_comes_first():
    traces = pool(
        5, qid=["a", "a", "b", "c", "d"], n_tokens=[50, 40, 30, 60, 70], thinking=["so"] * 5
    )
    # 7 of 8 right is in the easiest band; the posterior mean of the rate is less than 7/8.
    scores = Given({"difficulty": [0.5, 0.5, 0.0, 0.81, NAN], "difficulty-band": [1, 1, 0, 2, NAN]})

    rows = rank(traces, strategy="limo", root=0, draw=0, scores=scores).rows

    # By length alone 000 and 001, both of question a, would come first.
    assert [row.uid for row in rows] == ["000", "002", "001", "003", "004"]
    assert rows[0].reason.startswith("rule score 0.500 (elaboration 0.50, self-verification 0.50")
    assert rows[3].reason == "out for difficulty: the easiest band, solved at 0.81"
    assert rows[4].reason == "not scored"
