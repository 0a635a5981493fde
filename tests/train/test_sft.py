import json

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from peft import PeftModel

from titrant.errors import ConfigError, TrainError
from titrant.settings import RecipeSettings
from titrant.train.checkpoint import SEAL, last_whole, seal
from titrant.train.course import CHECKPOINTS, Course, TrainSeeds
from titrant.train.plan_updates import UpdatePlan, plan_updates
from titrant.train.render import IGNORED, Row, render_rows
from titrant.train.sft import has_dropout, train_sft
from titrant.train.sft_config import make_sft_config

pytestmark = pytest.mark.train

RECIPE = RecipeSettings(
    method="full", updates=12, rows_per_update=8, checkpoint_every=4, warmup_share=0.1
)
LR = 3e-3


@pytest.fixture
def rows(tokenizer, builder, traces):
    return render_rows(traces, builder, tokenizer)


def make_course(out, recipe=RECIPE, lr=LR, on_update=None) -> Course:
    return Course(recipe, lr, TrainSeeds(order=1, weights=2), out, on_update)


def weights_of(model) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def with_recipe(**changes) -> RecipeSettings:
    return RecipeSettings.model_validate({**RECIPE.model_dump(), **changes})


def test_training_counts_updates_and_tokens_and_lowers_the_loss(rows, model, tokenizer, tmp_path):
    seen = []
    course = make_course(tmp_path, on_update=lambda done, total: seen.append((done, total)))

    ended = train_sft(rows, course, model=model, tokenizer=tokenizer)

    # 12 updates of 8 rows are 96 visits: each of the 24 rows 4 times.
    assert ended.updates == 12
    assert ended.train_tokens == 4 * sum(len(row.input_ids) for row in rows)
    assert ended.loss_tokens == 4 * sum(row.n_loss_tokens for row in rows)
    assert seen == [(i, 12) for i in range(1, 13)]
    assert len(ended.losses) == 12
    assert ended.losses[-1] < ended.losses[0] - 0.3
    # The last two stay until the caller has saved the model.
    assert {path.name for path in (tmp_path / CHECKPOINTS).glob("checkpoint-*")} == {
        "checkpoint-8",
        "checkpoint-12",
    }
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["update"] for line in log] == list(range(1, 13))


def test_the_first_loss_is_that_of_the_first_rows_loss_tokens(rows, model, tokenizer, tmp_path):
    recipe = with_recipe(updates=2)
    first = plan_updates(recipe, [len(row.input_ids) for row in rows], seed=1).order[:8]
    # By hand: the mean of −log p over all tokens under loss of the 8 rows that stand first in our
    # order, one row at a time, so without padding.
    total, count = 0.0, 0
    with torch.no_grad():
        for row in (rows[i] for i in first):
            logprobs = model(torch.tensor([row.input_ids])).logits[0].log_softmax(-1)
            for at, label in enumerate(row.labels):
                if label != IGNORED:
                    total -= float(logprobs[at - 1, label])
                    count += 1

    ended = train_sft(rows, make_course(tmp_path, recipe), model=model, tokenizer=tokenizer)

    assert ended.losses[0] == pytest.approx(total / count, rel=1e-6)


def test_one_pass_of_16_rows_trains_like_4_passes_of_4(rows, make_fresh, tokenizer, tmp_path):
    whole = with_recipe(rows_per_update=16)
    parts = with_recipe(rows_per_update=16, rows_per_device=4)

    one, other = (
        train_sft(rows, make_course(tmp_path, r), model=make_fresh(), tokenizer=tokenizer)
        for r in (whole, parts)
    )

    # float32 sums in another order; measured 1e-6 after 12 updates. A mean of means over
    # micro-batches of unequal token counts would differ by 1e-3.
    assert one.losses == pytest.approx(other.losses, abs=2e-5)


@pytest.mark.parametrize("n_rows", [1, 4])
def test_taking_copies_once_trains_the_same_weights(
    rows, make_fresh, tokenizer, tmp_path, monkeypatch, n_rows
):
    few = rows[:n_rows]  # each stands 8 or 2 times in an update of 8 rows
    ended = [
        train_sft(few, make_course(tmp_path / "once"), model=make_fresh(), tokenizer=tokenizer)
    ]
    monkeypatch.setattr(UpdatePlan, "once", lambda plan: plan)
    ended.append(
        train_sft(few, make_course(tmp_path / "all"), model=make_fresh(), tokenizer=tokenizer)
    )

    assert ended[0].losses == pytest.approx(ended[1].losses, rel=1e-4)
    assert ended[0].train_tokens == ended[1].train_tokens  # every visit counts
    assert torch.allclose(weights_of(ended[0].model), weights_of(ended[1].model), atol=2e-3)


@pytest.mark.parametrize(("dropout", "passes"), [(0.0, 1), (0.1, 8)])
def test_copies_within_an_update_are_computed_once_where_that_is_the_same(
    rows, model, tokenizer, tmp_path, monkeypatch, dropout, passes
):
    seen = []

    def listen(_rows, plan, *_args, **_kwargs):
        seen.append(len(plan.order))
        raise KeyboardInterrupt

    monkeypatch.setattr("titrant.train.sft._make_trainer", listen)
    model.config.attention_dropout = dropout
    course = make_course(tmp_path, with_recipe(updates=3, rows_per_update=8))
    with pytest.raises(KeyboardInterrupt):
        train_sft(rows[:1], course, model=model, tokenizer=tokenizer)
    assert seen == [3 * passes]


def test_dropout_wants_every_copy(model):
    assert not has_dropout(model, with_recipe())
    assert has_dropout(model, with_recipe(method="lora", lora={"dropout": 0.1}))
    model.config.attention_dropout = 0.1
    assert has_dropout(model, with_recipe())


def test_seeds_fix_the_weights(rows, make_fresh, tokenizer, tmp_path):
    lora = with_recipe(method="lora", updates=3, lora={"r": 2, "dropout": 0.5})
    seeds = [TrainSeeds(1, 2), TrainSeeds(1, 2), TrainSeeds(1, 3), TrainSeeds(5, 2)]

    trained = [
        weights_of(
            train_sft(
                rows, Course(lora, LR, seed, tmp_path), model=make_fresh(), tokenizer=tokenizer
            ).model
        )
        for seed in seeds
    ]

    assert torch.equal(trained[0], trained[1])
    assert not torch.equal(trained[0], trained[2])
    assert not torch.equal(trained[0], trained[3])


def test_lora_trains_an_adapter_and_leaves_the_base_alone(rows, model, tokenizer, tmp_path):
    before = weights_of(model)
    recipe = with_recipe(method="lora", lora={"r": 4, "alpha": 8})

    ended = train_sft(rows, make_course(tmp_path, recipe, 1e-2), model=model, tokenizer=tokenizer)

    assert isinstance(ended.model, PeftModel)
    assert ended.losses[-1] < ended.losses[0]
    assert torch.equal(weights_of(ended.model.unload()), before)


def test_what_trl_changes_on_a_model_is_taken_back(rows, model, tokenizer, tmp_path):
    model.generation_config.eos_token_id = [2, 7]
    model.config.pad_token_id = None

    ended = train_sft(
        rows, make_course(tmp_path, with_recipe(updates=1)), model=model, tokenizer=tokenizer
    )

    assert ended.model.generation_config.eos_token_id == [2, 7]
    assert ended.model.config.pad_token_id is None
    assert "forward" not in vars(ended.model)
    assert not ended.model.training


def test_bfloat16_weights_are_trained_as_float32(rows, model, tokenizer, tmp_path):
    recipe = with_recipe(updates=1)

    ended = train_sft(
        rows, make_course(tmp_path, recipe), model=model.bfloat16(), tokenizer=tokenizer
    )

    assert {weight.dtype for weight in ended.model.parameters()} == {torch.float32}


def test_a_loss_that_runs_away_stops_the_arm_and_says_when(rows, model, tokenizer, tmp_path):
    with torch.no_grad():
        model.model.norm.weight.fill_(float("inf"))

    with pytest.raises(TrainError, match=r"(?s)loss is nan at update 1 of 12.*recipe.lr: 0.00075"):
        train_sft(rows, make_course(tmp_path), model=model, tokenizer=tokenizer)


def test_epochs_end_with_a_short_update(rows, model, tokenizer, tmp_path):
    recipe = with_recipe(match="epochs", epochs=1, rows_per_update=16, rows_per_device=4)

    ended = train_sft(rows[:18], make_course(tmp_path, recipe), model=model, tokenizer=tokenizer)

    assert ended.updates == 2
    assert ended.loss_tokens == sum(row.n_loss_tokens for row in rows[:18])


class _Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def kill_at(update: int):
    def on_update(done: int, _: int) -> None:
        if done == update:
            raise _Killed

    return on_update


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_killed_training_goes_on_from_its_checkpoint_to_the_same_weights(
    rows, make_fresh, tokenizer, tmp_path, method
):
    recipe = with_recipe(method=method, lora={"r": 2, "dropout": 0.1})
    through = make_course(tmp_path / "through", recipe)
    through.out.mkdir()
    whole = train_sft(rows, through, model=make_fresh(), tokenizer=tokenizer)
    out = tmp_path / "killed"
    out.mkdir()
    with pytest.raises(_Killed):
        train_sft(
            rows,
            make_course(out, recipe, on_update=kill_at(7)),
            model=make_fresh(),
            tokenizer=tokenizer,
        )
    seen = []

    resumed = train_sft(
        rows,
        make_course(out, recipe, on_update=lambda done, _: seen.append(done)),
        model=make_fresh(),
        tokenizer=tokenizer,
    )

    assert seen == list(range(5, 13))  # the checkpoint is that of update 4
    # Exact on one machine: weights, moments, schedule and generator states are all restored.
    assert torch.equal(weights_of(resumed.model), weights_of(whole.model))
    assert resumed.losses == whole.losses


def test_a_half_written_checkpoint_is_passed_over(rows, make_fresh, tokenizer, tmp_path):
    with pytest.raises(_Killed):
        train_sft(
            rows,
            make_course(tmp_path, on_update=kill_at(10)),
            model=make_fresh(),
            tokenizer=tokenizer,
        )
    newest = tmp_path / CHECKPOINTS / "checkpoint-8"
    (newest / SEAL).unlink()
    seen = []

    train_sft(
        rows,
        make_course(tmp_path, on_update=lambda done, _: seen.append(done)),
        model=make_fresh(),
        tokenizer=tokenizer,
    )

    assert seen[0] == 5


def test_a_seal_holds_only_for_whole_files_of_the_same_training(tmp_path):
    for update in (4, 8, 12):
        folder = tmp_path / f"checkpoint-{update}"
        folder.mkdir()
        (folder / "model").write_text("weights")
        seal(folder, "mine")
    (tmp_path / "checkpoint-12" / "model").write_text("wei")

    assert last_whole(tmp_path, "mine") == tmp_path / "checkpoint-8"
    assert not (tmp_path / "checkpoint-12").exists()
    assert last_whole(tmp_path, "another") is None


def test_short_trainings_write_no_checkpoint(tmp_path):
    plan = plan_updates(RECIPE, [1] * 9, seed=0)

    long, short = (
        make_sft_config(make_course(tmp_path, with_recipe(checkpoint_every=n)), plan)
        for n in (4, 12)
    )

    assert (long.save_strategy, short.save_strategy) == ("steps", "no")


def test_a_schedule_of_one_update_has_a_rate(tmp_path):
    plan = plan_updates(with_recipe(updates=1), [1], seed=0)

    assert make_sft_config(make_course(tmp_path, with_recipe(updates=1)), plan).warmup_steps == 0


def test_extra_settings_reach_trl(tmp_path):
    plan = plan_updates(RECIPE, [1], seed=0)
    course = make_course(tmp_path, with_recipe(extra={"adam_beta2": 0.95}))

    assert make_sft_config(course, plan).adam_beta2 == 0.95


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"adam_beta3": 1}, r"(?s)unknown setting 'adam_beta3'.*adam_beta"),
        ({"max_length": 512}, r"(?s)cannot set max_length.*recipe.extra.max_length: 512"),
        ({"packing": True}, "cannot set packing"),
        ({"optim": "nonsense"}, r"(?s)TRL refuses the recipe.*nonsense"),
    ],
)
def test_extra_settings_that_cannot_be_are_refused(tmp_path, extra, message):
    plan = plan_updates(RECIPE, [1], seed=0)

    with pytest.raises(ConfigError, match=message):
        make_sft_config(make_course(tmp_path, with_recipe(extra=extra)), plan)


def test_padding_carries_no_loss():
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    rows = [Row("a", (5, 6, 2), (-100, 6, 2)), Row("b", (5, 2), (-100, 2))]

    batch = DataCollatorForLanguageModeling(pad_token_id=2)(
        [{"input_ids": list(r.input_ids), "labels": list(r.labels)} for r in rows]
    )

    # The padding token is the stop token here, as in tokenizers without one of their own.
    assert batch["labels"].tolist() == [[-100, 6, 2], [-100, 2, -100]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
