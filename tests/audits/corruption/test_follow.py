"""Whether answers follow the trace: the share by hand, its noise, chance, and traces that were not finished."""

import math

import numpy as np
import polars as pl
import pytest

from titrant.audits.base import Evidence, Material, Subject
from titrant.audits.corruption.audit import CORRUPTION
from titrant.audits.corruption.follow import judge_following
from titrant.audits.corruption.lost import COINS, lost_share
from titrant.engines.fake import FakeEngine
from titrant.engines.plain import PlainPrompts
from titrant.settings import AuditSettings, Config
from titrant.traces.record import Problem, question_id

LEVEL = 0.9
OPEN, CLOSE = "<think>\n", "\n</think>\n\n"
LETTERS = "ABCD"


def first(k: int, n: int) -> np.ndarray:
    return (np.arange(n) < k).astype(float)


def table(own, foreign, agrees=None, *, thinking="steps") -> pl.DataFrame:
    """Rows of `replace`; own and foreign are [arms, problems], NaN where there is no finished trace."""
    agrees = np.zeros_like(foreign) if agrees is None else agrees
    rows = [
        {
            "qid": f"q{i:03d}",
            "condition": condition,
            "thinking": thinking,
            "answer": "1",
            "correct": bool(scores[arm, i]),
            "same": True,
            "question": f"question {i}",
            "agrees": bool(agrees[arm, i]) if condition == "foreign" else None,
            "role": "tuned",
            "seed": arm,
        }
        for condition, scores in (("own", own), ("foreign", foreign))
        for arm, i in np.argwhere(np.isfinite(scores))
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def judged(frame: pl.DataFrame):
    (finding,) = judge_following(Evidence({"replace": frame}))
    return finding


def test_the_variances_are_those_of_problems_two_coins_and_arms():
    # arms right on 8 and on 4 of 8 with their own trace, never with another's: num = den = own
    own = np.stack([first(8, 8), first(4, 8)])
    found = lost_share(own, np.zeros((2, 8)), np.zeros((2, 8)), LEVEL)
    assert (found.estimate, found.n, found.seeds) == (1.0, 8, 2)
    # coins of numerator and denominator: ½ each, and ¼ in common
    assert pytest.approx(np.array([[0.5, 0.25], [0.25, 0.5]])) == COINS
    # problems: means over arms 1 ×4 and ½ ×4 scatter by 8 · ¼², two coins of ½, over 10 · 9
    # arms: means 1 and ½ vary by 2 · ¼² = ⅛; within problems they lie ¼ off each, ⅛ / 8 explains; over two
    variance = (8 / 16 + 1) / 90 + (1 / 8 - 1 / 8 / 8) / 2
    # in common all of it but the coins, ¼ each instead of ½
    cov = variance - 2 * 0.25 / 90
    # at the estimate, θ = 1, scatter and arms cancel and coins are left: 8 + 1 degrees of freedom
    t = 1.8331129326536335
    square = 0.75**2 - t**2 * variance
    middle = 0.75**2 - t**2 * cov
    root = math.sqrt(middle**2 - square * (0.75**2 - t**2 * variance))
    assert found.low == pytest.approx((middle - root) / square)
    assert found.high == pytest.approx((middle + root) / square)


def test_arms_that_do_not_agree_leave_it_undecided():
    """Shares lost of 1, 1 and 0: ⅔, which says nothing of another arm."""
    own = np.ones((3, 200))
    foreign = np.stack([np.zeros(200), np.zeros(200), np.ones(200)])
    finding = judged(table(own, foreign))
    assert finding.value.estimate == pytest.approx(2 / 3)
    assert (finding.value.n, finding.value.seeds) == (200, 3)
    # arms' variance ⅓ / 3, two degrees of freedom: t = 2.92, half width 0.97
    assert finding.value.high - finding.value.low > 1.9
    assert finding.outcome == "undecided"


def test_right_on_all_under_both_leaves_doubt():
    found = lost_share(np.ones((1, 20)), np.ones((1, 20)), np.zeros((1, 20)), LEVEL)
    assert found.estimate == 0.0
    # coins: 2 · ½ / (22 · 21), t of 21 degrees of freedom 1.72
    assert found.high == pytest.approx(1.72 * math.sqrt(1 / 462), abs=0.005)
    assert found.low == pytest.approx(-found.high, abs=0.01)


def test_what_is_right_by_chance_is_no_sign_of_not_following():
    """Own 45 %, and another's answer right in one of four: (45 − 25) / (45 − 25), not 20 / 45."""
    own, chance = first(90, 200)[None], np.tile([1.0, 0, 0, 0], 50)[None]
    followed = judged(table(own, chance, chance))
    assert followed.value.estimate == pytest.approx(1.0)
    assert followed.outcome == "clear"
    assert "25.0 % by chance" in followed.statement
    assert followed.rows == ()
    unmoved = judged(table(own, own, chance))
    assert unmoved.value.estimate == 0.0
    assert unmoved.outcome == "alarm"
    # those right under the foreign trace where it does not lead to the right answer
    assert unmoved.rows[:3] == ("q001", "q002", "q003")


def test_a_model_no_better_than_chance_has_no_share():
    own, chance = first(50, 200)[None], np.tile([0, 0, 0, 1.0], 50)[None]
    finding = judged(table(own, chance, chance))
    assert finding.value.estimate is None
    assert finding.outcome == "undecided"
    assert "not told from chance" in finding.statement


def test_own_and_foreign_are_paired_within_each_arm():
    # arm 0: all 40, lost on 20; arm 1: own on all, foreign on the last 20 alone and never right
    own = np.ones((2, 40))
    foreign = np.stack([first(20, 40), np.where(np.arange(40) < 20, np.nan, 0.0)])
    found = judged(table(own, foreign)).value
    # problems 0–19: arm 0 loses nothing; 20–39: both lose all
    assert found.estimate == pytest.approx(0.5)
    moved = own.copy()
    moved[1, :20] = 0.0  # of no pair
    assert judged(table(moved, foreign)).value == found


def unfinished(frame: pl.DataFrame, n: int) -> pl.DataFrame:
    """With n more problems whose trace was cut: an own row without thinking, and wrong."""
    rows = [
        {**frame.row(0, named=True), "qid": f"u{i:03d}", "thinking": None, "correct": False}
        for i in range(n)
    ]
    return pl.concat([frame, pl.DataFrame(rows, schema=frame.schema)])


def test_answers_without_a_finished_trace_stay_in_the_count():
    # 95 % right over the 40 of 100 that were finished are 38 % of all
    frame = table(first(38, 40)[None], np.zeros((1, 40)))
    finding = judged(unfinished(frame, 60))
    assert "40 of 100 answers of the tuned model had a finished trace" in finding.statement
    assert "38.0 % of all" in finding.statement
    assert finding.outcome == "undecided"
    assert "max_new_tokens" in finding.decides
    assert judged(unfinished(frame, 40)).outcome == "clear"


def test_too_few_finished_traces_say_how_many_there_were():
    finding = judged(unfinished(table(np.ones((1, 19)), np.zeros((1, 19))), 81))
    assert finding.outcome == "undecided"
    assert finding.statement.startswith("19 of 100 answers")
    assert finding.value.n == 19


def test_a_table_that_was_made_without_agreement_is_not_compared():
    frame = table(np.ones((1, 50)), np.zeros((1, 50))).drop("agrees")
    finding = judged(frame)
    assert finding.outcome == "undecided"
    assert finding.value.estimate is None


@pytest.mark.parametrize(("arms", "arm_sd"), [(1, 0.0), (3, 0.0), (3, 0.1)])
def test_nine_intervals_of_ten_hold_what_goes(arms, arm_sd):
    """300 draws of 100 problems; measured 90 %, 94 % and 86 %: two degrees of freedom are few."""
    hits, widths = 0, []
    for run in range(300):
        rng = np.random.default_rng(run)
        chance = np.clip(0.7 + rng.normal(0, 0.15, 100), 0, 1)
        own, by_chance = rng.random((arms, 100)) < chance, rng.random((arms, 100)) < 0.1
        follows = rng.random((arms, 100)) < 0.5 + rng.normal(0, arm_sd, (arms, 1))
        foreign = np.where(follows, by_chance, rng.random((arms, 100)) < chance)
        found = lost_share(*(a.astype(float) for a in (own, foreign, by_chance)), LEVEL)
        hits += found.low <= 0.5 <= found.high
        widths.append(found.high - found.low)
    assert 0.83 < hits / 300 < 0.97
    assert np.mean(widths) < (0.31 if arms == 1 else 0.36)


def letter_model(request) -> str:
    """Thinks of the right letter in 45 % of the questions, or is cut; answers the letter before it."""
    question, _, rest = request.prompt.partition("\n")
    i = int(question.split()[-1])
    if rest.endswith(CLOSE):
        letter = rest.removesuffix(CLOSE)[-1:]
        return f"#### {letter if letter in LETTERS else 'none'}"
    if question.startswith("Long"):
        return OPEN + "and so on and so on"
    k = i // 7 % 4 if i * 37 % 100 < 45 else (i // 7 + 1 + i % 3) % 4
    return f"{OPEN}it is {LETTERS[k]}{CLOSE}#### {LETTERS[k]}"


def asked(words: list[str]) -> pl.DataFrame:
    problems = tuple(
        Problem(
            qid=question_id(f"{word} {i}"),
            question=f"{word} {i}",
            gold=LETTERS[i // 7 % 4],
            gold_kind="exact",
        )
        for i, word in enumerate(words)
    )
    material = Material(
        Config.model_validate({"base": "fake", "pool": "p.jsonl", "benchmark": "b.jsonl"}), problems
    )
    part, settings = CORRUPTION.parts[0], AuditSettings(problems=len(words))
    subject = Subject("tuned", 0, FakeEngine(letter_model), PlainPrompts(material.config.prompt))
    frame = part.ask(subject, part.items(material, settings), material, settings)
    return frame.with_columns(pl.lit("tuned").alias("role"), pl.lit(0).alias("seed"))


def test_a_model_that_follows_its_trace_among_four_letters_is_clear():
    frame = asked(["Letter"] * 200)
    foreign = frame.filter(pl.col("condition") == "foreign")
    # it answers with the other problem's letter, which is right where that happens to agree
    assert (foreign["correct"] == foreign["agrees"]).all()
    assert 0.1 < foreign["agrees"].mean() < 0.4
    assert frame.filter(pl.col("condition") != "foreign")["agrees"].null_count() == 600
    finding = judged(frame)
    assert finding.value.estimate == pytest.approx(1.0)
    assert finding.outcome == "clear", finding.statement


def test_a_trace_that_was_cut_has_its_own_row_and_no_other():
    frame = asked(["Letter", "Long"] * 25)
    cut = frame.filter(pl.col("question").str.starts_with("Long"))
    assert cut["condition"].to_list() == ["own"] * 25
    assert cut["thinking"].null_count() == 25
    assert not cut["correct"].any()
    assert frame.filter(condition="own").height == 50
    assert "25 of 50 answers of the tuned model had a finished trace" in judged(frame).statement
