import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from titrant.engines.prompt import PromptBuilder
from titrant.errors import TrainError
from titrant.settings import PromptSettings, RecipeSettings
from titrant.train.doctor import check_masters, diagnose, examine, refusal
from titrant.train.render import IGNORED, render_rows
from titrant.train.row_checks import make_practice, same_text

pytestmark = pytest.mark.train

QUESTIONS = ["47+3*5="]


@pytest.fixture
def practice(tokenizer, builder):
    return make_practice(builder, tokenizer, RecipeSettings(), context_tokens=512)


@pytest.fixture
def rows(tokenizer, builder, traces):
    return render_rows(traces, builder, tokenizer)


def refused(rows, traces, practice) -> dict[str, str]:
    """Failed checks with the text of the refusal."""
    report = diagnose(rows, traces, QUESTIONS, practice)
    return {fault.check: str(refusal(fault)) for fault in report.faults}


def ask(tokenizer, builder, traces, **recipe):
    return examine(
        traces,
        QUESTIONS,
        builder=builder,
        tokenizer=tokenizer,
        recipe=RecipeSettings.model_validate(recipe),
        context_tokens=512,
    )


def test_a_clean_pool_passes_every_check(tokenizer, builder, traces, rows):
    report = ask(tokenizer, builder, traces)

    assert all(check.ok for check in report.checks)
    assert len(report.checks) == 10
    assert list(report.rows) == rows
    assert report.dropped == ()


def test_a_tokenizer_that_loses_blanks_and_newlines_is_refused(tokenizer, traces):
    # What transformers 5.23 makes of a character tokenizer beside model_type qwen2.
    vocab = tokenizer.get_vocab()
    broken = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    broken.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Split("", behavior="isolated")]
    )
    broken.decoder = decoders.Fuse()
    broken.add_tokens(["<think>", "</think>"])
    wrapped = PreTrainedTokenizerFast(tokenizer_object=broken, eos_token="<eos>", unk_token="<unk>")

    with pytest.raises(TrainError, match=r"(?s)refuses to train: text unchanged.*qwen2"):
        ask(wrapped, PromptBuilder(wrapped, PromptSettings()), traces)


def test_a_letter_outside_the_vocabulary_is_refused_with_its_trace(tokenizer, builder, traces):
    strange = traces[3].model_copy(update={"answer_text": "4¾"})

    with pytest.raises(
        TrainError,
        match=rf"(?s)text unchanged.*{strange.uid}.*4¾<eos>' comes back as .*4<unk><eos>",
    ):
        ask(tokenizer, builder, [*traces[:3], strange])


def test_a_benchmark_question_that_does_not_come_back_is_refused(tokenizer, builder, traces):
    with pytest.raises(TrainError, match=r"(?s)text unchanged.*question '2×3=': '2×3=' comes back"):
        examine(
            traces,
            ["2×3="],
            builder=builder,
            tokenizer=tokenizer,
            recipe=RecipeSettings(),
            context_tokens=None,
        )


def test_another_unicode_form_of_the_same_text_is_no_fault():
    assert same_text("caf\u00e9", "cafe\u0301")
    assert not same_text("caf\u00e9", "cafe")


def test_a_trace_rendered_twice_or_not_at_all_is_refused(rows, traces, practice):
    twice = refused([*rows, rows[0]], traces, practice)
    none = refused(rows[1:], traces, practice)

    assert f"{traces[0].uid}" in twice["rendered once"]
    assert "rendered twice" in twice["rendered once"]
    assert "the trace has no row" in none["rendered once"]


def test_two_bos_tokens_are_refused(tokenizer, rows, traces, practice):
    bos = tokenizer.bos_token_id
    row = rows[0]._replace(input_ids=(bos, *rows[0].input_ids), labels=(IGNORED, *rows[0].labels))

    found = refused([row], traces[:1], practice)

    assert "two BOS tokens" in found["rendered once"]


def test_a_prompt_other_than_the_engine_is_fed_is_refused(rows, traces, practice):
    row = rows[0]._replace(input_ids=(50, *rows[0].input_ids[1:]))

    found = refused([row], traces[:1], practice)

    assert list(found) == ["prompt tokens"]
    assert "the row begins [50," in found["prompt tokens"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda row, n: (*row.input_ids[:n], *row.labels[n:]), "covers part of the prompt"),
        (lambda row, n: (*row.labels[:-1], IGNORED), "does not end in the stop token under loss"),
        (lambda row, n: (*row.labels[:n], IGNORED, *row.labels[n + 1 :]), "leaves out part"),
        (lambda row, n: row.labels[:-1], "labels"),
        (lambda row, n: (*row.labels[:-1], row.labels[-2]), "does not end in the stop token"),
    ],
)
def test_a_wrong_mask_is_refused(rows, traces, practice, spoil, reason):
    row = rows[0]
    row = row._replace(labels=spoil(row, row.labels.count(IGNORED)))

    found = refused([row], traces[:1], practice)

    assert reason in found["loss mask"]
    assert traces[0].uid in found["loss mask"]


def test_a_stop_token_inside_the_text_is_refused(tokenizer, builder, traces):
    trace = traces[0].model_copy(update={"thinking": "1+1=2<eos>2+2=4"})

    with pytest.raises(TrainError, match=r"(?s)one stop token.*7 tokens into the completion"):
        ask(tokenizer, builder, [trace])  # <think>, newline, 1, +, 1, =, 2: then the stop token


def test_thinking_that_got_lost_is_refused(tokenizer, builder, traces, practice):
    bare = [trace.model_copy(update={"thinking": None}) for trace in traces[:1]]
    found = refused(render_rows(bare, builder, tokenizer), traces[:1], practice)

    assert f"the row trains '{traces[0].answer_text}<eos>'" in found["thinking kept"]


@pytest.mark.parametrize(
    "change", [{"thinking": "  "}, {"thinking": None, "answer_text": "<think>\n\n</think>\n\n5"}]
)
def test_an_empty_think_block_is_refused(tokenizer, builder, traces, change):
    with pytest.raises(TrainError, match="no empty thinking"):
        ask(tokenizer, builder, [traces[0].model_copy(update=change)])


def test_a_long_row_is_refused_and_never_cut(tokenizer, builder, traces, rows):
    longest = max(len(row.input_ids) for row in rows)

    assert ask(tokenizer, builder, traces, max_tokens=longest).dropped == ()
    with pytest.raises(TrainError, match=rf"(?s)row length.*{longest} tokens, over the limit"):
        ask(tokenizer, builder, traces, max_tokens=longest - 1)


def test_long_rows_are_dropped_and_counted_where_the_recipe_says_so(
    tokenizer, builder, traces, rows
):
    lengths = sorted(len(row.input_ids) for row in rows)
    limit = lengths[len(lengths) // 2]

    report = ask(tokenizer, builder, traces, max_tokens=limit, long_rows="drop")

    expected = [row.uid for row in rows if len(row.input_ids) > limit]
    assert list(report.dropped) == expected
    assert f"{len(expected)} rows dropped" in report.checks[-1].detail


def test_a_pool_of_long_rows_only_is_dropped_whole(tokenizer, builder, traces):
    report = ask(tokenizer, builder, traces, max_tokens=8, long_rows="drop")

    assert report.rows == ()
    assert len(report.dropped) == len(traces)


def test_the_models_context_is_a_limit_too(tokenizer, builder, traces):
    with pytest.raises(TrainError, match="over the limit of 16"):
        examine(
            traces,
            [],
            builder=builder,
            tokenizer=tokenizer,
            recipe=RecipeSettings(max_tokens=400),
            context_tokens=16,
        )


def test_the_first_row_is_named_and_the_others_are_counted(rows, traces, practice):
    spoiled = [row._replace(labels=row.input_ids) for row in rows]

    found = refused(spoiled, traces, practice)

    assert f"{traces[0].uid} and {len(traces) - 1} more, question" in found["loss mask"]


def test_float16_weights_are_refused(model):
    assert check_masters(model).ok
    with pytest.raises(TrainError, match=r"(?s)float16.*set base.dtype: float32"):
        check_masters(model.to(torch.float16))
