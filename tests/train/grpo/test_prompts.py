import pytest

pytest.importorskip("torch", reason="needs the train extra")

from chat_models import CHATML, CHATML_MARKS, HEADER_MARKS, HEADERS, make_tokenizer
from tokenizers import processors

from titrant.engines.prompt import PromptBuilder
from titrant.errors import ConfigError, DataError
from titrant.select.rank import RankedRow, Ranking
from titrant.settings import PromptSettings
from titrant.train.grpo.labels import Label
from titrant.train.grpo.prompts import Prompt, hand_over, make_prompts, prompts_of
from trace_made import made_trace

pytestmark = pytest.mark.train

POOL = [
    made_trace("1+1=", "one", "2", gold="2"),
    made_trace("1+1=", "two", "2", gold="2"),
    made_trace("2+2=", "one", "4", gold="4"),
    made_trace("3+3=", "one", "6", gold="6"),
]
QUESTIONS = ("1+2=", "What is 3+4?\n", " {{ 5 }} <think>", "")


def ranking_of(*traces) -> Ranking:
    rows = (RankedRow(rank, trace.uid, "") for rank, trace in enumerate(traces, start=1))
    return Ranking("random", 0, tuple(rows))


def questions(dose, *, ranking=None, pool=POOL, **about) -> list[str]:
    by_uid = {trace.uid: trace for trace in pool}
    found = prompts_of(ranking or ranking_of(*POOL), by_uid, dose, **about)
    return [problem.question for problem in found]


def test_a_dose_counts_distinct_questions_in_the_order_of_the_ranking():
    backwards = ranking_of(*reversed(POOL))

    assert questions(1) == ["1+1="]
    assert questions(2) == ["1+1=", "2+2="]
    assert questions(2, ranking=backwards) == ["3+3=", "2+2="]
    assert questions(0) == []


def test_of_several_traces_to_one_question_the_first_gives_the_gold_answer():
    one, other, last = POOL[0], POOL[1].model_copy(update={"gold": "3"}), POOL[2]
    pool = {trace.uid: trace for trace in (one, other, last)}

    golds = [
        [problem.gold for problem in prompts_of(ranking_of(*order), pool, 2)]
        for order in ((one, other, last), (other, one, last))
    ]

    assert golds == [["2", "4"], ["3", "4"]]


def test_doses_are_nested():
    assert questions(3)[:2] == questions(2)


def test_only_some_questions_may_be_asked_for():
    assert questions(2, only={POOL[0].qid, POOL[3].qid}) == ["1+1=", "3+3="]


def test_a_dose_over_the_questions_is_refused():
    with pytest.raises(DataError, match=r"(?s)a dose of 4 questions.*at most 3"):
        questions(4)


def test_a_question_needs_no_gold_answer_to_be_taken():
    pool = [*POOL[:3], made_trace("4+4=", "one", "8")]

    assert questions(3, ranking=ranking_of(*pool), pool=pool) == ["1+1=", "2+2=", "4+4="]


def test_a_ranking_of_another_pool_is_refused():
    with pytest.raises(DataError, match=r"(?s)a trace that the pool has not.*delete the ranking"):
        questions(1, pool=POOL[1:])


def test_prompts_carry_text_tokens_and_label(builder):
    labels = {POOL[0].qid: Label("3", is_right=False, votes=2, draws=4)}

    first, second = make_prompts([POOL[0].problem, POOL[2].problem], builder, labels)

    assert first.text == "1+1=\n"
    assert list(first.ids) == builder.encode("1+1=\n")
    assert (first.label, second.label) == (labels[POOL[0].qid], None)


def adds_a_stop(tokenizer):
    """As tokenizers do that put marks around a text."""
    inner = tokenizer.backend_tokenizer
    eos = (tokenizer.eos_token, tokenizer.eos_token_id)
    bos = (tokenizer.bos_token, tokenizer.bos_token_id)
    inner.post_processor = processors.TemplateProcessing(
        single=f"{bos[0]} $A {eos[0]}", special_tokens=[bos, eos]
    )
    return tokenizer


CASES = {
    "chatml": lambda: make_tokenizer(CHATML_MARKS, "<|endoftext|>", CHATML),
    "headers with bos": lambda: make_tokenizer(
        HEADER_MARKS, "<|end_of_text|>", HEADERS, bos="<|begin_of_text|>"
    ),
    "headers with marks around": lambda: adds_a_stop(
        make_tokenizer(HEADER_MARKS, "<|end_of_text|>", HEADERS, bos="<|begin_of_text|>")
    ),
    "plain with bos and stop": lambda: adds_a_stop(
        make_tokenizer(HEADER_MARKS, "<|end_of_text|>", None, bos="<|begin_of_text|>")
    ),
}


def fed_by_trl(handed) -> list[list[int]]:
    """As `GRPOTrainer._tokenize_prompts` of TRL 1.16 does it."""
    if isinstance(handed.column[0], str):
        return handed.tokenizer(text=handed.column)["input_ids"]
    return handed.tokenizer.apply_chat_template(
        conversation=handed.column, add_generation_prompt=True, tokenize=True, return_dict=True
    )["input_ids"]


@pytest.mark.parametrize("name", CASES)
def test_trl_is_fed_the_tokens_that_readings_feed(name):
    tokenizer = CASES[name]()
    builder = PromptBuilder(tokenizer, PromptSettings(format="{question}"))
    problems = [made_trace(q, "t", "1", gold="1").problem for q in QUESTIONS]
    prompts = make_prompts(problems, builder, {})

    handed = hand_over(prompts, tokenizer)

    assert fed_by_trl(handed) == [builder.encode(prompt.text) for prompt in prompts]
    assert all(prompt.ids for prompt in prompts)


def test_the_shared_tokenizer_stays_as_it_was():
    tokenizer = CASES["headers with marks around"]()
    builder = PromptBuilder(tokenizer, PromptSettings())

    handed = hand_over(make_prompts([POOL[0].problem], builder, {}), tokenizer)

    assert handed.tokenizer.chat_template != HEADERS
    assert tokenizer.chat_template == HEADERS


def test_tokens_that_trl_cannot_be_fed_are_refused(tokenizer):
    prompt = Prompt(POOL[0].problem, "1+1=\n", (5, 6))

    with pytest.raises(ConfigError, match=r"(?s)TRL would feed other tokens.*\[5, 6\]"):
        hand_over([prompt], tokenizer)
