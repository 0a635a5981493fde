from collections import Counter

import numpy as np
import pytest

from titrant.engines.fake import FakeEngine
from titrant.errors import ConfigError, DataError
from titrant.seeds import derive
from titrant.settings import DecodeSettings, SignalSettings
from titrant.signals import sampling
from titrant.signals.difficulty import Design
from titrant.signals.sampling import Draw, Sampler, draw_answers, sum_up
from titrant.traces.record import Problem, Verdict
from titrant.traces.verify.verdict import Verifier

RATES = {"never": 0.0, "seldom": 0.1, "half": 0.5, "mostly": 0.9, "always": 1.0}
FIXED = Design(tolerance=None)


class Plain:
    """Prompts that are the question."""

    def __init__(self, opens_thinking=""):
        self.opens_thinking = opens_thinking

    def prompt(self, question):
        return question


class Asked(FakeEngine):
    """Right as often as the question's first word says; notes what it is asked."""

    def __init__(self, script=None, **kwargs):
        super().__init__(script or self.say, **kwargs)
        self.rounds = []

    @staticmethod
    def say(request):
        return "4" if request.seed / 2**63 < RATES[request.prompt.split()[0]] else "5"

    def generate(self, requests):
        self.rounds.append(list(requests))
        return super().generate(requests)


def make_problems(n=4, **fields):
    return [
        Problem(qid=f"{kind}{i}", question=f"{kind} {i}", **{"gold": "4", **fields})
        for kind in RATES
        for i in range(n)
    ]


@pytest.fixture
def make_sampler():
    with Verifier() as verifier:

        def make(engine=None, *, opens="", **settings):
            return Sampler(
                engine or Asked(),
                Plain(opens),
                verifier,
                DecodeSettings(max_new_tokens=40),
                SignalSettings(**settings),
                root=3,
            )

        yield make


def draws_of(problems, sampler, **kwargs):
    return [draw for step in draw_answers(problems, sampler, **kwargs) for draw in step.draws]


def test_the_fixed_design_draws_every_answer(make_sampler):
    problems = make_problems()
    draws = draws_of(problems, make_sampler(), design=FIXED)
    assert Counter(draw.qid for draw in draws) == {problem.qid: 8 for problem in problems}
    found = sum_up(problems, draws, FIXED)
    assert [row.band for row in found[:4]] == [0] * 4
    assert [row.band for row in found[-4:]] == [2] * 4
    assert [row.correct for row in found[-4:]] == [8] * 4


def test_requests_carry_the_seed_of_question_and_sample_alone(make_sampler):
    engine, problems = Asked(), make_problems()
    draws_of(problems, make_sampler(engine, temperature=0.7))
    asked = [request for requests in engine.rounds for request in requests]
    for request in asked:
        qid = request.prompt.replace(" ", "")
        assert request.seed in {derive(3, "difficulty", qid, k) for k in range(8)}
        assert (request.temperature, request.max_new_tokens) == (0.7, 40)
    assert len({request.seed for request in asked}) == len(asked)


def test_the_sequential_stream_is_the_beginning_of_the_fixed_one(make_sampler):
    problems = make_problems(20)
    fixed = {(d.qid, d.sample): d for d in draws_of(problems, make_sampler(), design=FIXED)}
    draws = draws_of(problems, make_sampler())
    assert len(draws) < 0.8 * len(fixed)
    assert all(fixed[draw.qid, draw.sample] == draw for draw in draws)
    for qid, n in Counter(draw.qid for draw in draws).items():
        assert {draw.sample for draw in draws if draw.qid == qid} == set(range(n))


def test_without_tolerance_every_band_is_that_of_the_fixed_design(make_sampler):
    problems, careful = make_problems(10), Design(tolerance=0.0)
    whole = sum_up(problems, draws_of(problems, make_sampler(), design=FIXED), FIXED)
    draws = draws_of(problems, make_sampler(), design=careful)
    found = sum_up(problems, draws, careful)
    assert [row.band for row in found] == [row.band for row in whole]
    assert len(draws) < 8 * len(problems)


def test_rounds_are_one_batch_each_two_answers_first_then_one(make_sampler):
    engine, problems = Asked(), make_problems()
    steps = list(draw_answers(problems, make_sampler(engine)))
    assert len(engine.rounds[0]) == 2 * len(problems)
    for requests in engine.rounds[1:]:
        assert len({request.prompt for request in requests}) == len(requests)
    assert [step.round for step in steps] == list(range(1, len(engine.rounds) + 1))
    assert steps[0].n_open == len(problems)
    assert steps[-1].n_drawn == sum(map(len, engine.rounds))


@pytest.mark.parametrize("n_known", [0, 1, 7, 40, 55])
def test_resuming_goes_on_as_if_nothing_had_happened(make_sampler, n_known):
    problems = make_problems(5)
    draws = draws_of(problems, make_sampler())
    assert len(draws) > 55
    known = draws[:n_known]
    engine = Asked()
    rest = draws_of(problems, make_sampler(engine), known=known)
    assert rest == draws[n_known:]
    assert sum(map(len, engine.rounds)) == len(rest)
    assert sum_up(problems, [*known, *rest], Design()) == sum_up(problems, draws, Design())


def test_nothing_is_drawn_where_all_is_known(make_sampler):
    problems, engine = make_problems(), Asked()
    draws = draws_of(problems, make_sampler(engine))
    again = Asked()
    assert draws_of(problems, make_sampler(again), known=draws) == []
    assert not any(again.rounds)


def test_draws_that_the_rule_did_not_ask_for_do_not_count(make_sampler):
    problems = make_problems(10)
    fixed = draws_of(problems, make_sampler(), design=FIXED)
    draws = draws_of(problems, make_sampler())
    assert sum_up(problems, fixed, Design()) == sum_up(problems, draws, Design())


def test_draws_come_in_chunks_that_can_be_stored(make_sampler, monkeypatch):
    monkeypatch.setattr(sampling, "CHUNK", 7)
    problems = make_problems()
    sizes = [len(step.draws) for step in draw_answers(problems, make_sampler()) if step.round == 1]
    assert sizes == [7] * 5 + [5]  # 2 × 20 draws


def test_a_half_drawn_pool_is_summed_up_as_far_as_it_is(make_sampler):
    problems = make_problems()
    draws = draws_of(problems, make_sampler())[:9]
    found = sum_up(problems, draws, Design())
    assert sum(row.draws for row in found) == 9
    assert all(np.isnan(row.mean) and row.band is None for row in found if row.draws == 0)


def test_truncated_and_unreadable_answers_are_answers_that_are_not_right(make_sampler):
    texts = {"cut": "9" * 60, "mute": "I do not know", "right": "4"}
    problems = [Problem(qid=name, question=name, gold="4") for name in texts]
    sampler = make_sampler(FakeEngine(texts))
    cut, mute, right = sum_up(problems, draws_of(problems, sampler, design=FIXED), FIXED)
    assert (cut.draws, cut.correct, cut.truncated, cut.unreadable) == (8, 0, 8, 0)
    assert (mute.draws, mute.correct, mute.truncated, mute.unreadable) == (8, 0, 0, 8)
    assert (cut.band, mute.band, right.band) == (0, 0, 2)
    assert cut.n_tokens == 8 * 40


def test_failed_draws_are_missing_and_not_counted(make_sampler):
    problems = [Problem(qid="gone", question="gone", gold="4"), *make_problems()]
    sampler = make_sampler(Asked({p.question: "4" for p in problems[1:]}))
    draws = draws_of(problems, sampler, design=FIXED)
    found = sum_up(problems, draws, FIXED)
    assert (found[0].draws, found[0].failed, found[0].band) == (0, 8, None)
    assert np.isnan(found[0].mean)
    assert next(draw.error for draw in draws if draw.qid == "gone") is not None
    assert found[1].draws == 8


def test_some_failures_leave_the_other_draws(make_sampler):
    problems = make_problems(30)
    sampler = make_sampler(Asked(failures={"error": 0.2}))
    found = sum_up(problems, draws_of(problems, sampler, design=FIXED), FIXED)
    assert sum(row.failed for row in found) == pytest.approx(0.2 * 8 * len(problems), rel=0.25)
    assert all(row.draws + row.failed == 8 for row in found)
    never = [row.mean for row in found if row.qid.startswith("never") and row.draws]
    assert max(never) < 0.2


@pytest.mark.parametrize("fields", [{"gold": None}, {"gold_kind": "world:maze"}])
def test_what_no_verifier_can_judge_is_not_asked(make_sampler, fields):
    engine, problems = Asked(), make_problems(**fields)
    assert draws_of(problems, make_sampler(engine)) == []
    found = sum_up(problems, [], Design())
    assert all(np.isnan(row.mean) and row.band is None and row.draws == 0 for row in found)
    assert engine.rounds == []


def test_the_answer_must_stand_after_the_thinking(make_sampler):
    texts = {"inside": "<think>\nit is 4", "after": "<think>\nhm\n</think>\n\n4"}
    problems = [Problem(qid=name, question=name, gold="4") for name in texts]
    draws = draws_of(problems, make_sampler(FakeEngine(texts)), design=Design(n=1))
    verdicts = {draw.qid: draw.verdict for draw in draws}
    assert verdicts == {"inside": Verdict.UNREADABLE, "after": Verdict.CORRECT}


def test_thinking_that_the_prompt_opened_is_put_back(make_sampler):
    problems = [Problem(qid="q", question="q", gold="4")]
    sampler = make_sampler(FakeEngine({"q": "it is 4"}), opens="<think>\n")
    (draw,) = draws_of(problems, sampler, design=Design(n=1))
    assert draw == Draw("q", 0, Verdict.UNREADABLE, 8)  # 7 bytes and the stop token


def test_settings_make_the_design(make_sampler):
    sampler = make_sampler(samples=4, bands=(0.5,))
    assert sampler.design == Design(n=4, cuts=(0.5,))


def test_no_question_is_given_twice(make_sampler):
    problems = make_problems(1)
    with pytest.raises(DataError, match="the question never0 stands twice") as caught:
        draws_of([*problems, problems[0]], make_sampler())
    assert "do: give each question once" in str(caught.value)


def test_an_engine_that_cannot_generate_is_refused(make_sampler):
    engine = Asked()
    engine.capabilities = frozenset({"score"})
    with pytest.raises(ConfigError, match="the engine fake cannot generate"):
        draws_of(make_problems(), make_sampler(engine))
    assert engine.rounds == []
