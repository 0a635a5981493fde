"""Bases whose chat template ends a turn with another token than the tokenizer ends a text with."""

import pytest

from trace_made import made_trace

pytest.importorskip("torch", reason="needs the train extra")

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from chat_models import CHATML, OPENS_THINKING, STRIPS_THINKING, ids, llama, qwen

from titrant.arms import ArmSpec
from titrant.engines.drawing.rows import stop_ids
from titrant.engines.prompt import PromptBuilder
from titrant.errors import TrainError
from titrant.select.rank import rank, write_ranking
from titrant.settings import Config, PromptSettings, RecipeSettings
from titrant.traces.record import Problem, Trace
from titrant.traces.table import write_problems, write_traces
from titrant.train.arm import run_arm
from titrant.train.context import close_context
from titrant.train.doctor import examine
from titrant.train.job import ArmJob
from titrant.train.render import IGNORED, render_row, stop_tokens
from titrant.worlds.vitro import VitroRecipe, make_model

pytestmark = pytest.mark.train


def make_trace(question="1+2=", thinking="1+2=3", answer="3") -> Trace:
    return made_trace(question, thinking, answer, gold=answer)


def target_of(tokenizer, trace) -> str:
    """The text under loss."""
    row = render_row(trace, PromptBuilder(tokenizer, PromptSettings()), tokenizer)
    return tokenizer.decode([token for token in row.labels if token != IGNORED])


def details(tokenizer, trace) -> dict[str, str]:
    report = examine(
        [trace],
        [],
        builder=PromptBuilder(tokenizer, PromptSettings()),
        tokenizer=tokenizer,
        recipe=RecipeSettings(),
        context_tokens=None,
        stop_ids=stop_ids(object(), tokenizer),
    )
    return {check.name: check.detail for check in report.checks}


@pytest.mark.parametrize(
    ("tokenizer", "target"),
    [
        (qwen(), "<think>\n1+2=3\n</think>\n\n3<|im_end|>"),
        (qwen(template=STRIPS_THINKING), "<think>\n1+2=3\n</think>\n\n3<|im_end|>"),
        (qwen(template=OPENS_THINKING), "1+2=3\n</think>\n\n3<|im_end|>"),
        (llama(), "<think>\n1+2=3\n</think>\n\n3<|eot_id|>"),
        (qwen(template=None), "<think>\n1+2=3\n</think>\n\n3<|endoftext|>"),
    ],
    ids=["qwen2.5", "qwen3", "qwen3-opens", "llama3", "none"],
)
def test_the_end_of_a_turn_is_trained_and_read_as_the_end(tokenizer, target):
    assert target_of(tokenizer, make_trace()) == target
    stop = stop_tokens(PromptBuilder(tokenizer, PromptSettings()), tokenizer)
    assert stop[-1] in stop_ids(object(), tokenizer)


def test_under_plain_the_end_of_text_is_trained():
    tokenizer = qwen()
    builder = PromptBuilder(tokenizer, PromptSettings(template="plain"))
    assert set(stop_tokens(builder, tokenizer)) == ids(tokenizer, "<|endoftext|>")


def test_a_template_that_writes_nothing_after_a_turn_leaves_the_end_of_text():
    tokenizer = qwen(template=CHATML.replace("<|im_end|>", ""))
    assert target_of(tokenizer, make_trace(thinking=None)) == "3<|endoftext|>"


def test_the_doctor_tells_which_token_ends_a_row_and_what_else_ends_reading():
    assert details(qwen(), make_trace())["stop token"] == (
        "'<|im_end|>', which the chat template ends a turn with; reading also stops on '<|endoftext|>'"
    )
    assert details(llama("<|eot_id|>"), make_trace())["stop token"] == (
        "'<|eot_id|>', the tokenizer's own"
    )
    found = details(qwen(template=OPENS_THINKING), make_trace())
    assert found["thinking closed"] == "the prompt opens it with '<think>\\n'"


def test_every_token_on_which_reading_stops_is_refused_inside_a_row():
    with pytest.raises(TrainError, match=r"(?s)one stop token.*'<\|endoftext\|>' stands 3 tokens"):
        details(qwen(), make_trace(thinking=None, answer="3 +<|endoftext|>3"))


def test_a_trace_without_thinking_is_refused_where_the_prompt_opens_it():
    with pytest.raises(TrainError) as caught:
        details(qwen(template=OPENS_THINKING), make_trace(thinking=None))
    text = str(caught.value)
    assert text.startswith("the template doctor refuses to train: thinking closed\n")
    assert (
        "question '1+2=': the prompt ends with '<think>\\n', and the trace has no thinking" in text
    )
    assert "do: set prompt.template: plain (and a prompt.format that opens none), or name" in text
    details(qwen(template=STRIPS_THINKING), make_trace(thinking=None))  # opens none: no fault


@pytest.fixture
def make_job(tmp_path):
    """An arm on four traces, read on their own questions."""
    traces = [make_trace(f"{i}+1=", f"{i}+1={i + 1}", str(i + 1)) for i in range(4)]
    problems = [Problem(qid=t.qid, question=t.question, gold=t.gold) for t in traces]
    write_traces(tmp_path / "pool.parquet", traces)
    path = tmp_path / "benchmark.parquet"
    write_problems(path, problems)
    pq.write_table(pq.read_table(path).append_column("benchmark", pa.array(["sums"] * 4)), path)
    ranking = rank(traces, strategy="random", root=0, draw=0)
    write_ranking(tmp_path / "rankings" / "random-d0.parquet", ranking)

    def make(tokenizer) -> ArmJob:
        model = make_model(VitroRecipe(layers=2, width=32, heads=2, mlp_width=64), tokenizer)
        model.generation_config.eos_token_id = tokenizer.eos_token_id
        model.save_pretrained(tmp_path / "base")
        tokenizer.save_pretrained(tmp_path / "base")
        config = Config.model_validate(
            {
                "base": str(tmp_path / "base"),
                "pool": "pool",
                "benchmark": "sums",
                "decode": {"max_new_tokens": 40},
                "recipe": {"method": "full", "updates": 60, "rows_per_update": 4},
            }
        )
        spec = ArmSpec(strategy="random", dose=4, seed=0)
        return ArmJob(run_dir=tmp_path, spec=spec, config=config, lr=0.02)

    yield make
    close_context()


@pytest.mark.parametrize(
    "tokenizer", [qwen(template=OPENS_THINKING), llama()], ids=["qwen3-opens", "llama3"]
)
def test_a_model_that_has_learnt_to_end_its_turn_is_read_to_that_end(make_job, tokenizer):
    torch.manual_seed(0)
    job = make_job(tokenizer)
    outcome = run_arm(job)
    table = pq.read_table(job.run_dir / "arms" / job.spec.arm_id / "samples" / "00000.parquet")
    texts = table["text"].to_pylist()
    assert outcome.truncated == {"sums": 0.0}
    assert all(text.startswith("<think>\n") and text.count("<think>") == 1 for text in texts)
    assert not any("<|" in text for text in texts)
    assert all(prompt.endswith(("<think>\n", "\n\n")) for prompt in table["prompt"].to_pylist())
