"""The parts end to end, with models that follow their steps, look at the question, or do not think."""

import polars as pl
import pytest
from scripted_arithmetic import SETTINGS, asked, direct, faithful, material, posthoc, subject

from titrant.audits.base import Material
from titrant.audits.faithfulness.parts.asked import Wish, ask_all, chosen_problems
from titrant.audits.faithfulness.parts.draws import DRAWS
from titrant.audits.faithfulness.parts.own import (
    ANEW,
    EARLY,
    FILLER,
    MISTAKE,
    OPENED,
    OWN,
    PARAPHRASE,
    TRACE,
    traces_with_steps,
)
from titrant.audits.faithfulness.parts.scored import FORMS, GAIN, lead_in
from titrant.errors import EngineError
from titrant.settings import AuditSettings, SignalSettings
from titrant.worlds.arithmetic import ARITHMETIC, parse

pytestmark = pytest.mark.filterwarnings("error")


def of(frame, kind, x=None):
    rows = frame.filter(pl.col("kind") == kind)
    return rows if x is None else rows.filter(pl.col("x") == x)


@pytest.fixture(scope="module")
def what():
    return material(20)


@pytest.fixture(scope="module")
def followed(what):
    return asked(OWN, subject(faithful), what)


@pytest.fixture(scope="module")
def looked_up(what):
    return asked(OWN, subject(posthoc), what)


@pytest.fixture(scope="module")
def scored(followed):
    evidence = {"own": pl.concat([followed, asked(OWN, subject(direct, "base"), material(20))])}
    return asked(GAIN, subject(direct, "base"), material(20, evidence=evidence))


def test_the_problems_are_the_same_whatever_their_order(what):
    other = Material(what.config, what.benchmark[::-1])
    settings = AuditSettings(problems=20)
    assert chosen_problems(other, settings) == chosen_problems(what, settings)


def test_no_more_problems_are_asked_than_wanted_and_none_without_gold(what):
    bare = what.benchmark[0].model_copy(update={"gold": None})
    many = Material(what.config, (bare, *what.benchmark[1:], *material(60).benchmark[20:]))
    found = chosen_problems(many, AuditSettings(problems=25))
    assert len(found) == 25
    assert bare not in found


def test_draws_are_verdicts_on_as_many_answers_as_wanted(what):
    found = asked(DRAWS, subject(direct), what)
    assert found.height == 20 * SETTINGS.samples
    assert found["n_steps"].to_list() == [0] * found.height
    # half of the seeds give a wrong answer
    assert 0.3 < found["correct"].mean() < 0.7
    assert found.filter(pl.col("correct"))["verdict"].unique().to_list() == ["correct"]
    assert found["cot_valid"].to_list() == [False] * found.height


def test_a_draw_depends_on_model_problem_and_number_alone(what):
    whole = asked(DRAWS, subject(direct), what)
    part = DRAWS.ask(subject(direct), DRAWS.items(what, SETTINGS)[3:5], what, SETTINGS)
    some = whole.filter(pl.col("qid").is_in(part["qid"].to_list())).drop("role", "seed")
    assert part.equals(some)
    other = asked(DRAWS, subject(direct, seed=1), what)
    assert other["answer"].to_list() != whole["answer"].to_list()


def test_draws_with_steps_are_validated(what):
    found = asked(DRAWS, subject(faithful), what)
    assert found["cot_valid"].all()
    assert found["n_steps"].to_list() == [4] * found.height
    assert found["n_facts"].null_count() == found.height
    half = asked(DRAWS, subject(faithful, failures={"unfinished": 1.0}), what)
    assert half["verdict"].unique().to_list() == ["unreadable"]
    assert not half["correct"].any()


def test_a_draw_that_failed_is_missing_and_not_wrong(what):
    found = asked(DRAWS, subject(direct, failures={"error": 0.3}), what)
    failed = found.filter(pl.col("verdict").is_null())
    assert 0 < failed.height < found.height
    assert failed["correct"].null_count() == failed["text"].null_count() == failed.height


def test_where_every_request_fails_an_error_says_so(what):
    with pytest.raises(EngineError, match="gave no answer to any of 64 requests") as caught:
        asked(DRAWS, subject(direct, failures={"error": 1.0}), what)
    assert "what was answered is kept" in str(caught.value)


def test_equal_requests_are_made_once(what):
    prompts = []

    def counting(request):
        prompts.append(request.prompt)
        return "#### 1"

    wish = Wish(what.benchmark[0], "1+1=\n")
    found = ask_all(subject(counting), [wish, wish, wish], what)
    once = len(prompts)
    prompts.clear()
    ask_all(subject(counting), [wish], what)
    assert once == len(prompts)
    assert found[0] == found[2]


def test_a_faithful_model_follows_its_steps(followed):
    assert not of(followed, EARLY, 0.0)["same"].any()
    assert not of(followed, FILLER)["same"].any()
    assert of(followed, EARLY, 1.0)["same"].all()
    assert of(followed, TRACE)["same"].all()
    assert of(followed, PARAPHRASE)["same"].all()
    # a mistake is carried to the end, but for the rare chain that meets the right answer again
    assert of(followed, ANEW)["same"].mean() < 0.1
    # where the rest is kept, the last step decides
    assert of(followed, MISTAKE).filter(pl.col("kept") < 3)["same"].all()
    assert not of(followed, MISTAKE).filter(pl.col("kept") == 3)["same"].any()


def test_a_post_hoc_model_gives_its_answer_whatever_the_steps_say(looked_up):
    asked_again = looked_up.filter(pl.col("kind") != TRACE)
    assert asked_again["same"].all()
    assert asked_again["correct"].all()


def test_every_cut_is_asked_and_the_ends_among_them(what):
    found = asked(OWN, subject(faithful), what, AuditSettings(cuts=(0.4,), problems=20))
    assert of(found, EARLY)["x"].unique().sort().to_list() == [0.0, 0.4, 1.0]
    # 0.4 of four steps is 1.6, which is 2
    assert of(found, EARLY, 0.4)["kept"].unique().to_list() == [2]
    assert of(found, MISTAKE)["x"].unique().sort().to_list() == [0.0, 0.4]


def test_the_thinking_that_was_forced_is_on_record(followed):
    one = followed["qid"][0]
    row = of(followed, EARLY, 0.5).filter(pl.col("qid") == one).to_dicts()[0]
    whole = of(followed, TRACE).filter(pl.col("qid") == one).to_dicts()[0]
    assert whole["thinking"].startswith(row["thinking"].rstrip())
    assert row["thinking"].count("=") == row["kept"] == 2
    assert whole["thinking"] == ARITHMETIC.oracle(row["question"])


def test_a_trace_without_thinking_has_one_row(what):
    found = asked(OWN, subject(direct), what)
    assert found["kind"].unique().to_list() == [TRACE]
    assert found["n_steps"].to_list() == [0] * 20
    assert found["same"].null_count() == 20


def thinks_if_opened(request):
    """Answers at once, one too high; behind an opened thinking it thinks."""
    question, _, rest = request.prompt.partition("\n")
    if rest:
        return faithful(request)
    return f"#### {(parse(question).values[-1] + 1) % 100}"


def test_a_base_that_answers_at_once_is_made_to_think(what):
    found = asked(OWN, subject(thinks_if_opened, "base"), what)
    natural, opened = of(found, TRACE), of(found, OPENED)
    assert (natural.height, opened.height) == (20, 20)
    assert not natural["correct"].any()
    assert natural["n_steps"].unique().to_list() == [0]
    assert natural["thinking"].null_count() == 20
    assert opened["correct"].all()
    assert opened["n_steps"].unique().to_list() == [4]
    assert opened["text"].str.starts_with("<think>\n").all()
    # compared with the answer behind all of the thinking
    assert opened["same"].all()
    assert not natural["same"].any()
    assert of(found, EARLY)["n_steps"].unique().to_list() == [4]
    assert traces_with_steps(found)["kind"].unique().to_list() == [OPENED]


def test_an_arm_that_answers_at_once_is_left_as_it_is(what):
    found = asked(OWN, subject(thinks_if_opened), what)
    assert found["kind"].unique().to_list() == [TRACE]
    assert traces_with_steps(found).height == 20


def test_a_base_that_thinks_is_not_asked_twice(what):
    found = asked(OWN, subject(faithful, "base"), what)
    assert OPENED not in found["kind"].to_list()


def test_gains_of_the_base_are_those_of_the_trace_that_was_made(what):
    own = asked(OWN, subject(thinks_if_opened, "base"), what)
    both = pl.concat([own, asked(OWN, subject(faithful), what)])
    found = asked(GAIN, subject(direct, "base"), material(20, evidence={"own": both}))
    base, tuned = (
        found.filter(pl.col("of_role") == role).sort("qid") for role in ("base", "tuned")
    )
    # the same thinking and the same answer
    assert base["gain"].to_list() == tuned["gain"].to_list()
    assert base["gain"].null_count() == 0


def test_the_gold_answer_is_led_in_as_arms_lead_in_theirs(followed):
    default = SignalSettings()
    assert lead_in(followed, default) == "#### {gold}"
    assert lead_in(followed, SignalSettings(answer="It is {gold}")) == "It is {gold}"
    assert lead_in(None, default) == default.answer
    assert lead_in(followed.with_columns(pl.lit("base").alias("role")), default) == default.answer


def test_without_a_common_lead_in_the_default_stays(followed):
    own = followed.with_columns(
        (
            pl.lit("<think>\nso\n</think>\n\n") + pl.col("qid") + pl.lit(" ") + pl.col("answer")
        ).alias("text")
    )
    assert lead_in(own, SignalSettings()) == SignalSettings().answer
    behind = own.with_columns((pl.col("text") + pl.lit(" it is")).alias("text"))
    assert lead_in(behind, SignalSettings()) == SignalSettings().answer


def test_the_lead_in_is_on_record(scored):
    assert scored["lead_in"].unique().to_list() == ["#### {gold}"]


def test_a_model_without_tags_is_asked_behind_the_lead_in(what):
    prompts = []

    def untagged(request):
        prompts.append(request.prompt)
        question, _, rest = request.prompt.partition("\n")
        if rest.endswith("Answer: "):
            return "7\nand more"
        return f"{ARITHMETIC.oracle(question)}\nAnswer: 7"

    found = asked(OWN, subject(untagged), what)
    assert not any("<think>" in prompt for prompt in prompts)
    assert of(found, TRACE)["n_steps"].unique().to_list() == [4]
    forced = of(found, EARLY)
    assert forced["answer"].unique().to_list() == ["7"]
    assert forced["text"].unique().to_list() == ["Answer: 7"]


def test_an_answer_that_was_cut_is_none(what):
    def rambling(request):
        if request.prompt.endswith("</think>\n\n"):
            return "#### 12" + " and so on" * 50
        return faithful(request)

    found = asked(OWN, subject(rambling), what)
    full = of(found, EARLY, 1.0)
    assert full["verdict"].unique().to_list() == ["truncated"]
    # no answer with all of the thinking: nothing can be compared
    assert found["same"].null_count() == found.height


def test_no_answer_after_changed_thinking_is_another_answer(what):
    def silent(request):
        if request.prompt.endswith("<think>\n\n</think>\n\n"):
            return "there is nothing to say"
        return faithful(request)

    found = asked(OWN, subject(silent), what)
    none = of(found, EARLY, 0.0)
    assert none["answer"].null_count() == 20
    assert none["same"].to_list() == [False] * 20


def test_an_intervention_that_failed_is_missing(what):
    found = asked(OWN, subject(faithful, failures={"error": 0.2}), what)
    failed = found.filter(pl.col("text").is_null())
    assert 0 < failed.height < found.height
    assert failed["same"].null_count() == failed.height


def test_gains_are_of_every_trace_with_steps(scored):
    assert scored.height == 40
    tuned, base = (scored.filter(pl.col("of_role") == role) for role in ("tuned", "base"))
    assert tuned["n_steps"].to_list() == [4] * 20
    assert all(tuned[name].null_count() == 0 for name in FORMS)
    assert base["n_steps"].to_list() == [0] * 20
    assert all(base[name].null_count() == 20 for name in (*FORMS, "n_tokens", "perplexity_after"))


def test_the_papers_form_telescopes(scored):
    """ΔI = (PPL_0 − PPL_t) / t: it knows the ends and the number of steps, and no step between."""
    rows = scored.filter(pl.col("n_steps") > 0)
    by_ends = (rows["perplexity_before"] - rows["perplexity_after"]) / rows["n_steps"]
    difference = (rows["gain-paper"] - by_ends).abs().max()
    scale = rows["perplexity_before"].max()
    assert difference < 1e-6 * max(1.0, scale)


def test_forms_fit_together(scored):
    rows = scored.filter(pl.col("n_steps") > 0)
    per_step = rows["gain"] / rows["n_steps"]
    assert (rows["gain-per-step"] - per_step).abs().max() < 1e-9
    assert (rows["gain-per-token"] - rows["gain"] / rows["n_tokens"]).abs().max() < 1e-9
    assert rows["gain-share"].is_between(0, 1).all()


def test_equal_traces_have_equal_gains():
    one = asked(OWN, subject(faithful, seed=0), material(20))
    two = asked(OWN, subject(faithful, seed=1), material(20))
    what = material(20, evidence={"own": pl.concat([one, two])})
    found = asked(GAIN, subject(direct, "base"), what)
    first, second = (found.filter(pl.col("of_seed") == seed).sort("qid") for seed in (0, 1))
    assert first["gain"].to_list() == second["gain"].to_list()


def test_without_traces_there_is_nothing_to_score():
    assert GAIN.items(material(20), SETTINGS) == []
