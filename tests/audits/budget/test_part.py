"""More draws of the base: as many as the tokens of the arms pay for, plain and made to think."""

import polars as pl
import pytest
from scripted_arithmetic import SETTINGS, asked, direct, faithful, material, subject

from titrant.audits.base import Subject
from titrant.audits.budget.part import BASE_DRAWS, CURVE, MOST_DRAWS, PLAIN, THINKING
from titrant.audits.faithfulness.parts.draws import DRAWS
from titrant.audits.faithfulness.parts.own import OWN
from titrant.engines.fake import FakeEngine

N = 12


@pytest.fixture(scope="module")
def evidence():
    own = [
        asked(OWN, subject(direct, "base"), material(N)),
        asked(OWN, subject(faithful), material(N)),
    ]
    draws = [asked(DRAWS, subject(direct, "base"), material(N))]
    return {"own": pl.concat(own), "draws": pl.concat(draws)}


@pytest.fixture(scope="module")
def drawn(evidence):
    return asked(BASE_DRAWS, subject(thinks_where_opened, "base"), material(N, evidence=evidence))


def thinks_where_opened(request):
    """Thinks only where the prompt has opened it; wrong where it draws with an odd seed."""
    if request.prompt.endswith("<think>\n"):
        return faithful(request)
    return direct(request)


def budgets(evidence):
    traces = evidence["own"].filter((pl.col("kind") == "trace") & (pl.col("role") == "tuned"))
    return dict(traces.select("qid", "n_tokens").iter_rows())


def test_plain_draws_go_on_until_twice_the_tokens_of_the_arms(evidence, drawn):
    plain = drawn.filter(pl.col("variant") == PLAIN)
    before = dict(evidence["draws"].group_by("qid").agg(pl.col("n_tokens").sum()).iter_rows())
    for qid, budget in budgets(evidence).items():
        tokens = plain.filter(pl.col("qid") == qid).sort("sample")["n_tokens"].to_list()
        assert before[qid] + sum(tokens) >= CURVE * budget
        assert before[qid] + sum(tokens[:-8]) < CURVE * budget  # at most one round too many


def test_numbers_go_on_from_those_of_the_other_draws(drawn):
    plain = drawn.filter(pl.col("variant") == PLAIN)
    for qid in plain["qid"].unique():
        samples = plain.filter(pl.col("qid") == qid)["sample"].to_list()
        assert samples == list(range(SETTINGS.samples, SETTINGS.samples + len(samples)))


def test_no_two_draws_of_a_problem_have_one_seed(evidence):
    seeds = {}

    def spy(request):
        if request.temperature > 0:
            seeds.setdefault(request.prompt, set()).add(request.seed)
        return thinks_where_opened(request)

    found = asked(BASE_DRAWS, subject(spy, "base"), material(N, evidence=evidence))
    plain = found.filter(pl.col("variant") == PLAIN)
    assert plain.group_by("qid").len()["len"].max() > 8  # more than one round
    drawn = {prompt: n for prompt, n in seeds.items() if not prompt.endswith("<think>\n")}
    assert sum(map(len, drawn.values())) == plain.height


def test_made_to_think_the_base_thinks(evidence, drawn):
    thinking = drawn.filter(pl.col("variant") == THINKING)
    assert set(thinking["qid"]) == set(budgets(evidence))
    assert thinking["text"].str.starts_with("<think>\n").all()
    assert thinking["correct"].all()
    sums = dict(thinking.group_by("qid").agg(pl.col("n_tokens").sum()).iter_rows())
    assert all(sums[qid] >= budget for qid, budget in budgets(evidence).items())


def test_the_first_thinking_draw_is_greedy_and_the_others_are_drawn():
    requests = []

    def spy(request):
        requests.append(request)
        return thinks_where_opened(request)

    what = material(N, evidence=evidence_of_long_traces())
    asked(BASE_DRAWS, subject(spy, "base"), what)
    opened = {}
    for request in requests:
        if request.prompt.endswith("<think>\n") and request.max_new_tokens == 512:
            opened.setdefault(request.prompt, {})[(request.temperature, request.seed)] = None
    assert opened
    for drawn in opened.values():
        temperatures = sorted(temperature for temperature, _ in drawn)
        assert temperatures[0] == 0.0
        assert set(temperatures[1:]) == {SETTINGS.temperature}
        assert len(drawn) == len({seed for _, seed in drawn})


def evidence_of_long_traces():
    own = asked(OWN, subject(faithful), material(N))
    return {"own": own.with_columns(pl.col("n_tokens") * 4)}


def test_a_draw_depends_on_its_problem_alone(evidence, drawn):
    what = material(N, evidence=evidence)
    items = BASE_DRAWS.items(what, SETTINGS)
    part = BASE_DRAWS.ask(subject(thinks_where_opened, "base"), items[4:6], what, SETTINGS)
    whole = drawn.drop("role", "seed").filter(pl.col("qid").is_in(part["qid"].to_list()))
    key = ["qid", "variant", "sample"]
    assert part.sort(key).equals(whole.sort(key))


def test_nobody_is_drawn_for_without_end(evidence):
    what = material(N, evidence=evidence)
    found = asked(BASE_DRAWS, subject(lambda _: "", "base"), what)
    most = found.group_by("qid", "variant").len()["len"].max()
    assert most == MOST_DRAWS


def test_a_prompt_that_opens_thinking_has_no_second_variant(evidence):
    class Opens:
        opens_thinking = "<think>\n"

        def prompt(self, question):
            return f"{question}\n<think>\n"

    who = Subject("base", 0, FakeEngine(lambda _: "</think>\n\n#### 1"), Opens())
    found = asked(BASE_DRAWS, who, material(N, evidence=evidence))
    assert found["variant"].unique().to_list() == [PLAIN]


def test_where_there_are_draws_enough_no_more_are_made(evidence):
    rich = evidence["draws"].with_columns(pl.col("n_tokens") + 10_000)
    what = material(N, evidence={**evidence, "draws": rich})
    found = asked(BASE_DRAWS, subject(thinks_where_opened, "base"), what)
    assert found["variant"].unique().to_list() == [THINKING]


def test_without_traces_of_arms_nothing_is_asked(evidence):
    base = evidence["own"].filter(pl.col("role") == "base")
    assert BASE_DRAWS.items(material(N, evidence={"own": base}), SETTINGS) == []
    assert BASE_DRAWS.items(material(N), SETTINGS) == []
