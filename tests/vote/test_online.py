"""The online loop on the fake engine: what it draws, what it saves, and that it goes on where it was."""

from dataclasses import replace

import numpy as np
import pytest

from titrant.engines.base import Result
from titrant.engines.fake import FakeEngine
from titrant.seeds import derive
from titrant.settings import DecodeSettings
from titrant.traces.record import Problem
from titrant.traces.verify.verdict import Verifier
from titrant.vote.online import Drawer, Online
from titrant.vote.question import lowest_window
from titrant.vote.rules import Adaptive, DeepConf, Esc, Fixed

ANSWERS = ("4", "4", "4", "5")


def say(request):
    """Easy questions always have one answer; hard ones are right three times of four."""
    if request.prompt.startswith("easy"):
        return "so the answer is 4"
    pick = derive(request.seed, "say", request.prompt)
    words = "well " * (pick % 7)
    return f"{words}the answer is {ANSWERS[pick % 4]}"


class Plain:
    opens_thinking = ""

    def prompt(self, question):
        return f"{question}\n"


class Counting(FakeEngine):
    """Notes what it is asked, and may fail after so many draws."""

    def __init__(self, fail_after=None):
        super().__init__(say)
        self.asked, self.fail_after, self.given = [], fail_after, 0

    def generate(self, requests, **more):
        self.asked += requests
        for found in super().generate(requests, **more):
            if self.fail_after is not None and self.given >= self.fail_after:
                raise KeyboardInterrupt
            self.given += 1
            yield found


def problems(n=3):
    return [
        Problem(qid=f"{kind}{i}", question=f"{kind} {i}", gold="4")
        for kind in ("easy", "hard")
        for i in range(n)
    ]


@pytest.fixture
def verifier():
    with Verifier() as found:
        yield found


def drawer(verifier, rule, engine=None, **more):
    return Drawer(
        engine=engine or Counting(),
        prompts=Plain(),
        verifier=verifier,
        decode=DecodeSettings(temperature=1.0, max_new_tokens=60),
        rule=rule,
        root=7,
        top_logprobs=4,
        window=6,
        floor=-15.0,
        **more,
    )


def finish(online):
    return [step.draw for step in online.run()]


def test_fixed_draws_all_and_tells_all(verifier):
    online = Online(problems(), drawer(verifier, Fixed(8)))
    draws = finish(online)
    assert len(draws) == 48
    assert online.walks.n_drawn.tolist() == [8] * 6
    assert [found.answer for found in online.outcomes()[:3]] == ["4"] * 3
    assert [found.verdict for found in online.outcomes()[:3]] == ["correct"] * 3
    by_question = online.draws()
    assert [len(some) for some in by_question] == [8] * 6
    assert {draw.verdict for draw in by_question[0]} == {"correct"}


def test_seeds_are_hashes_of_question_and_number(verifier):
    engine = Counting()
    finish(Online(problems(1), drawer(verifier, Fixed(2), engine)))
    assert {(r.prompt, r.seed) for r in engine.asked} == {
        (f"{kind} 0\n", derive(7, "sample", f"{kind}0", k))
        for kind in ("easy", "hard")
        for k in (0, 1)
    }


def test_an_easy_question_is_settled_after_four(verifier):
    engine = Counting()
    online = Online(problems(), drawer(verifier, Adaptive(budget=40), engine, width=4))
    finish(online)
    assert online.walks.n_drawn.tolist()[:3] == [4, 4, 4]
    assert min(online.walks.n_drawn.tolist()[3:]) >= 4
    assert sum(r.prompt.startswith("easy") for r in engine.asked) == 12


def test_what_is_settled_is_cancelled_and_counted(verifier):
    online = Online(problems(1)[:1], drawer(verifier, Adaptive(budget=40), width=16))
    draws = finish(online)
    told = int(online.walks.n_drawn[0])
    assert told < len(draws) == 16
    late = [draw for draw in draws if draw.sample >= told]
    assert {draw.stop_reason for draw in late} <= {"stop", "cancelled"}
    assert "cancelled" in {draw.stop_reason for draw in late}


@pytest.mark.parametrize(
    "rule",
    [
        Fixed(12),
        Adaptive(budget=20),
        Esc(budget=20, window=4),
        DeepConf(budget=24, warmup=6, eta=50, min_votes=5),
    ],
)
@pytest.mark.parametrize("width", [1, 3, 8])
def test_width_and_kills_decide_nothing(verifier, rule, width):
    whole = Online(problems(), drawer(verifier, rule, width=1))
    finish(whole)
    known = []
    for fail_after in (5, 9, 30):
        online = Online(
            problems(), drawer(verifier, rule, Counting(fail_after), width=width), known=known
        )
        try:
            for step in online.run():
                known.append(step.draw)
        except KeyboardInterrupt:
            pass
    online = Online(problems(), drawer(verifier, rule, width=width), known=known)
    finish(online)
    for one, other in zip(online.walks.decided(), whole.walks.decided(), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(online.outcomes(), whole.outcomes(), strict=True):
        # a wider block may have made draws that nobody waited for
        assert one._replace(draws=0, tokens=0) == other._replace(draws=0, tokens=0)


def test_weak_draws_end_early_and_their_tokens_count(verifier):
    rule = DeepConf(budget=24, warmup=6, eta=10, tau=2.0)
    online = Online(problems(2), drawer(verifier, rule, width=4))
    draws = finish(online)
    weak = [draw for draw in draws if draw.stop_reason == "weak"]
    assert weak
    for draw in weak:
        assert draw.final_answer is None
        assert draw.verdict is None
        assert draw.bar is not None
        assert lowest_window(draw, window=6, floor=-15.0) < draw.bar
    after = [d for d in draws if d.sample >= 6 and d.stop_reason == "stop" and d.n_tokens >= 6]
    assert all(lowest_window(draw, window=6, floor=-15.0) >= draw.bar for draw in after)
    assert all(draw.bar is None for draw in draws if draw.sample < 6)


def test_a_draw_that_fails_is_a_draw_without_an_answer(verifier):
    engine = FakeEngine(say, failures={"error": 0.5})
    online = Online(problems(1), drawer(verifier, Fixed(16), engine))
    draws = finish(online)
    failed = [draw for draw in draws if draw.error]
    assert 0 < len(failed) < 32
    assert all(draw.stop_reason == "error" and draw.final_answer is None for draw in failed)
    assert online.walks.n_drawn.tolist() == [16, 16]


def test_what_was_paid_for_counts_though_it_is_made_again(verifier):
    engine = FakeEngine(say, failures={"error": 0.5})
    first = finish(Online(problems(1), drawer(verifier, Fixed(8), engine)))
    spent = [draw._replace(n_tokens=3) if draw.error else draw for draw in first]
    online = Online(problems(1), drawer(verifier, Fixed(8)), known=spent)
    again = finish(online)
    n_failed = sum(draw.error is not None for draw in first)
    assert len(again) == n_failed > 0
    paid = sum(draw.n_tokens for draw in (*spent, *again))
    assert sum(one.tokens for one in online.outcomes()) == paid
    assert [one.draws for one in online.outcomes()] == [8, 8]


def test_draws_over_a_smaller_budget_count_for_nothing(verifier):
    all_draws = finish(Online(problems(1), drawer(verifier, Fixed(16))))
    online = Online(problems(1), drawer(verifier, Fixed(4)), known=all_draws)
    assert finish(online) == []
    fresh = Online(problems(1), drawer(verifier, Fixed(4)))
    finish(fresh)
    assert online.outcomes() == fresh.outcomes()


def test_what_the_loop_remembers_has_no_numbers_of_tokens(verifier):
    online = Online(problems(1), drawer(verifier, Fixed(4)))
    finish(online)
    assert not any(
        isinstance(part, np.ndarray | dict) or part == "so the answer is 4"
        for some in online.draws()
        for draw in some
        for part in draw
    )


def test_draws_made_under_another_bar_are_made_again(verifier):
    """Half of the warm-ups fail in a first start, so its bar is another than that of all of them."""
    rule = DeepConf(budget=24, warmup=8, eta=50, tau=2.0)
    whole = Online(problems(), drawer(verifier, rule, width=4))
    finish(whole)
    bad = {derive(7, "sample", problem.qid, k) for problem in problems() for k in (0, 2, 3, 6)}

    class Failing(Counting):
        def generate(self, requests, **more):
            for i, result in super().generate(requests, **more):
                fails = requests[i].seed in bad
                yield i, Result("", (), "error", 0, error="no luck") if fails else result

    first = Online(problems(), drawer(verifier, rule, Failing(), width=4))
    known = finish(first)
    assert sum(draw.error is not None for draw in known) == 24
    online = Online(problems(), drawer(verifier, rule, width=4), known=known)
    finish(online)
    np.testing.assert_array_equal(online.walks.bar, whole.walks.bar)
    for one, other in zip(online.outcomes(), whole.outcomes(), strict=True):
        assert one._replace(draws=0, tokens=0) == other._replace(draws=0, tokens=0)
    assert (first.walks.bar != whole.walks.bar).any()


def test_a_prompt_is_rendered_once_per_question(verifier):
    rendered = []

    class Spy(Plain):
        def prompt(self, question):
            rendered.append(question)
            return super().prompt(question)

    some = drawer(verifier, Adaptive(budget=20), width=2)
    finish(Online(problems(2), replace(some, prompts=Spy())))
    assert len(rendered) == len(set(rendered)) == 4
