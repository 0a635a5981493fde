import json

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from peft import PeftModel
from trl.trainer.grpo_trainer import GRPOTrainer

from titrant.engines.load import load_base
from titrant.errors import ConfigError, DataError, TrainError
from titrant.settings import BaseSettings
from titrant.train.course import CHECKPOINTS, TrainSeeds
from titrant.train.grpo.labels import Label
from titrant.train.grpo.reward import REWARDS
from titrant.train.grpo.rollout import room_for_answers
from titrant.train.watch import read_log

pytestmark = pytest.mark.train


def weights_of(model) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def log_of(out) -> list[dict]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


@pytest.fixture
def rollouts(monkeypatch):
    """What each rollout was given and gave: tokens of prompts and completions, rewards."""
    seen = []
    original = GRPOTrainer._calculate_rewards

    def listen(trainer, inputs, prompts, completions, ids):
        found = original(trainer, inputs, prompts, completions, ids)
        fed, _, _ = trainer._tokenize_prompts(prompts)
        seen.append((fed, ids, found[:, 0].tolist()))
        return found

    monkeypatch.setattr(GRPOTrainer, "_calculate_rewards", listen)
    return seen


def test_prompts_come_in_our_order_as_our_tokens_in_groups(train, prompts, rollouts):
    train()

    (rollout,) = rollouts
    asked = [
        ids for prompt in range(0, 32, 4) for ids in {tuple(i) for i in rollout[0][prompt:][:4]}
    ]
    # 4 updates × 8 rows = 8 prompts × 4: the 6 prompts in a random order, and 2 of the next pass.
    assert len(asked) == 8
    assert set(asked[:6]) == {prompt.ids for prompt in prompts}
    assert set(asked[6:]) <= set(asked[:6])


def test_log_and_cost_say_what_was_drawn(train, tmp_path, rollouts):
    seen = []

    ended = train(updates=8, on_update=lambda done, total: seen.append((done, total)))

    log = log_of(tmp_path / "arm")
    assert seen == [(i, 8) for i in range(1, 9)]
    assert [line["update"] for line in log] == list(range(1, 9))
    assert [line["update"] for line in log if "reward" in line] == [1, 5]
    drawn = [sum(map(len, ids)) for _, ids, _ in rollouts]
    fed = [sum(map(len, ids)) for ids, _, _ in rollouts]
    assert ended.updates == 8
    assert ended.tokens.generated == sum(drawn)
    assert ended.tokens.loss == sum(drawn)
    assert ended.tokens.train == sum(drawn) + sum(fed)
    assert ended.rewards == pytest.approx([sum(r) / 32 for _, _, r in rollouts])
    # A random model's 6 tokens: an answer is rarely found and hardly ever right.
    first = log[0]
    cut = sum(len(ids) == 6 and ids[-1] != 2 for ids in rollouts[0][1]) / 32
    assert first["truncated"] == pytest.approx(cut)
    assert 0 < first["truncated"] + first["unreadable"] <= 1
    assert first["completion_tokens"] == pytest.approx(drawn[0] / 32)
    assert {"clip_ratio", "entropy", "grad_norm", "flat_groups"} <= set(first)


@pytest.fixture
def ratios(monkeypatch):
    """The furthest that a token's importance ratio lies from 1, by update; filled while training."""
    found = []
    original = GRPOTrainer._compute_loss

    def listen(trainer, model, inputs):
        ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
        mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
        keep = inputs["completion_ids"].size(1)
        with torch.no_grad():
            new, _, _ = trainer._get_per_token_logps_and_entropies(model, ids, mask, keep)
        ratio = (new - inputs["old_per_token_logps"]).exp()
        found.append(((ratio - 1).abs() * inputs["completion_mask"]).max().item())
        return original(trainer, model, inputs)

    monkeypatch.setattr(GRPOTrainer, "_compute_loss", listen)
    return found


def test_the_ratio_leaves_1_after_the_first_update_and_clipping_acts(train, tmp_path, ratios):
    train(updates=8, lr=3e-2)

    clipped = [line["clip_ratio"] for line in log_of(tmp_path / "arm")]
    # Updates 1 and 5 are trained on what their own weights have drawn.
    on_policy = [ratios[0], ratios[4]]
    assert max(on_policy) < 1e-5
    assert min(ratios[1:4] + ratios[5:]) > 0.01
    assert (clipped[0], clipped[4]) == (0.0, 0.0)
    assert max(clipped) > 0.0


def test_without_clipping_nothing_is_clipped_and_other_weights_come_out(train, tmp_path):
    with_clip = train("with", updates=4, lr=3e-2)
    without = train("without", updates=4, lr=3e-2, grpo={"clip": False})

    assert max(line["clip_ratio"] for line in log_of(tmp_path / "with")) > 0.0
    assert {line["clip_ratio"] for line in log_of(tmp_path / "without")} == {0.0}
    assert not torch.equal(weights_of(with_clip.model), weights_of(without.model))


def test_several_passes_train_the_same_completions_again(train, rollouts):
    ended = train(grpo={"prompts_per_rollout": 2})

    ((_, ids, _),) = rollouts
    assert len(ids) == 2 * 4  # one rollout of 8 completions for 4 updates of 8
    assert ended.tokens.loss == 4 * ended.tokens.generated == 4 * sum(map(len, ids))


def test_one_pass_of_8_rows_trains_like_4_passes_of_2(train):
    # Scaled by the smaller pass: at a low rate the draws of the second rollout stay the same.
    whole, parts = (train(f"{n}", lr=1e-4, rows_per_device=n) for n in (8, 2))

    # float32 sums in another order, divided by the root of a second moment that is as small.
    assert torch.allclose(weights_of(whole.model), weights_of(parts.model), atol=1e-4)


def test_seeds_fix_draws_order_and_coins(train):
    seeds = [TrainSeeds(1, 2), TrainSeeds(1, 2), TrainSeeds(1, 3), TrainSeeds(5, 2)]

    one, same, other, ordered = (
        weights_of(train(str(i), seeds=each).model) for i, each in enumerate(seeds)
    )

    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one, ordered)


def test_draws_end_on_every_token_on_which_readings_stop(train, make_fresh, tokenizer, rollouts):
    end, closing = tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("</think>")
    model = make_fresh()
    # An added token that the generation settings name ends a reading; a ban on repetition does not
    # bind it.
    model.generation_config.eos_token_id = closing
    model.generation_config.no_repeat_ngram_size = 1

    train(model=model, lr=1e-6, grpo={"group": 16, "max_new_tokens": 40}, rows_per_update=64)

    drawn = [ids for _, all_ids, _ in rollouts for ids in all_ids]
    assert {ids[-1] for ids in drawn if len(ids) < 40} == {end, closing}
    assert not any({end, closing} & set(ids[:-1]) for ids in drawn)
    assert any(len(set(ids)) < len(ids) for ids in drawn)


def test_lora_trains_an_adapter_and_leaves_the_base_alone(train, make_fresh):
    before = weights_of(make_fresh())

    ended = train(method="lora", lora={"r": 2, "alpha": 4})

    assert isinstance(ended.model, PeftModel)
    adapters = [w for name, w in ended.model.named_parameters() if "lora_B" in name]
    assert any(weight.abs().max() > 0 for weight in adapters)
    assert torch.equal(weights_of(ended.model.unload()), before)


def test_what_trl_changes_on_a_model_is_taken_back(train, make_fresh):
    model = make_fresh()
    model.generation_config.eos_token_id = [2, 7]
    model.config.pad_token_id = None

    ended = train(model=model)

    assert ended.model.generation_config.eos_token_id == [2, 7]
    assert ended.model.config.pad_token_id is None
    assert "forward" not in vars(ended.model)
    assert not ended.model.training


def test_bfloat16_weights_are_trained_as_float32(train, make_fresh):
    ended = train(model=make_fresh().bfloat16())

    assert {weight.dtype for weight in ended.model.parameters()} == {torch.float32}


def test_a_model_that_ran_away_stops_the_arm_and_says_when(train, make_fresh):
    model = make_fresh()
    with torch.no_grad():
        model.model.norm.weight.fill_(float("inf"))

    with pytest.raises(TrainError, match=r"(?s)is nan at update 1 of 4.*recipe.lr: 0.0025"):
        train(model=model)


class _Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def test_a_killed_training_goes_on_from_its_rollout_to_the_same_weights(train, tmp_path):
    settings = {"updates": 12, "checkpoint_every": 5, "grpo": {"updates_per_rollout": 2}}
    whole = train("through", **settings)

    def kill(done: int, _: int) -> None:
        if done == 7:
            raise _Killed

    with pytest.raises(_Killed):
        train("killed", on_update=kill, **settings)
    seen = []

    resumed = train("killed", on_update=lambda done, _: seen.append(done), **settings)

    assert seen == list(range(5, 13))  # 5 is no whole number of rollouts, 4 is
    assert torch.equal(weights_of(resumed.model), weights_of(whole.model))
    assert resumed.tokens == whole.tokens
    assert resumed.rewards == whole.rewards
    later = {line["update"]: line for line in log_of(tmp_path / "killed")}
    assert list(later.values()) == log_of(tmp_path / "through")


def test_a_line_that_a_kill_cut_does_not_spoil_the_next(train, tmp_path):
    (tmp_path / "arm").mkdir()
    (tmp_path / "arm" / "log.jsonl").write_text('{"update": 1, "lo')

    train()

    assert sorted(read_log(tmp_path / "arm")) == [1, 2, 3, 4]


def test_a_checkpoint_of_other_rules_is_passed_over(train):
    settings = {"updates": 12, "checkpoint_every": 4}
    train(**settings)
    seen = []

    train(on_update=lambda done, _: seen.append(done), grpo={"gamma": 0.3}, **settings)

    assert seen == list(range(1, 13))


def test_a_rollout_longer_than_the_checkpoints_has_one_behind_it(train, tmp_path):
    train(updates=8, checkpoint_every=1)

    kept = {path.name for path in (tmp_path / "arm" / CHECKPOINTS).glob("checkpoint-*")}
    assert kept == {"checkpoint-4", "checkpoint-8"}


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_kl_term_is_that_of_the_base(train, tmp_path, base_folder, method):
    base = load_base(BaseSettings(path=str(base_folder)))

    train(model=base.model, grpo={"kl": 0.1}, method=method, lora={"r": 2})

    kl = [line["kl"] for line in log_of(tmp_path / "arm")]
    assert kl[0] == pytest.approx(0, abs=1e-6)
    assert kl[-1] > 1e-4


def test_the_loss_is_that_of_deepseekmath(train, base_folder, monkeypatch):
    """Eq. 3 and 4 of arXiv:2402.03300 from the logprobs of each update, ratios far from 1 among them."""
    found = []
    original = GRPOTrainer._compute_loss

    def listen(trainer, model, inputs):
        ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
        seen = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
        mask = inputs["completion_mask"]
        with torch.no_grad():
            new, _, _ = trainer._get_per_token_logps_and_entropies(model, ids, seen, mask.size(1))
        ratio = (new - inputs["old_per_token_logps"]).exp()
        gain = inputs["advantages"].unsqueeze(1)
        gap = inputs["ref_per_token_logps"] - new
        token = torch.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain)
        token = token - 0.5 * (gap.exp() - gap - 1)
        expected = -((token * mask).sum(1) / mask.sum(1)).mean()
        loss = original(trainer, model, inputs)
        found.append((loss.item(), expected.item(), (ratio - 1).abs().max().item()))
        return loss

    monkeypatch.setattr(GRPOTrainer, "_compute_loss", listen)
    base = load_base(BaseSettings(path=str(base_folder)))

    train(model=base.model, lr=3e-2, grpo={"kl": 0.5})

    losses, expected, off = zip(*found, strict=True)
    assert max(off) > 0.1
    assert losses == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_trls_weighted_kl_term_can_be_chosen(train, base_folder):
    def trained(name, **extra):
        base = load_base(BaseSettings(path=str(base_folder)))
        return weights_of(train(name, model=base.model, grpo={"kl": 0.5}, extra=extra).model)

    assert not torch.equal(trained("ours"), trained("theirs", use_bias_correction_kl=True))


@pytest.mark.parametrize("method", ["full", "lora"])
def test_dropout_that_a_layer_looks_up_itself_is_off_meanwhile(train, make_fresh, ratios, method):
    model = make_fresh()
    layers = [layer.self_attn for layer in model.model.layers]
    for layer in layers:
        layer.attention_dropout = 0.2

    train(model=model, method=method, lora={"r": 2}, lr=1e-2)

    assert ratios[0] < 1e-5  # two passes of the same weights
    assert [layer.attention_dropout for layer in layers] == [0.2, 0.2]


def test_a_training_that_fails_has_its_dropout_back(train, make_fresh):
    model = make_fresh()
    model.model.layers[0].self_attn.attention_dropout = 0.3
    with torch.no_grad():
        model.model.norm.weight.fill_(float("inf"))
    with pytest.raises(TrainError):
        train(model=model)
    assert model.model.layers[0].self_attn.attention_dropout == 0.3


def test_a_base_without_a_stop_token_is_refused(train, make_fresh, tokenizer):
    model = make_fresh()
    tokenizer.eos_token = None
    model.generation_config.eos_token_id = None

    with pytest.raises(
        ConfigError, match=r"(?s)no token on which an answer ends.*neither.*set eos_token"
    ):
        train(model=model)


REWARDS_WITHOUT_GOLD = ("format", "random", "majority")


@pytest.mark.parametrize("reward", REWARDS_WITHOUT_GOLD)
def test_rewards_that_look_at_no_gold_answer_need_none(train, prompts, tmp_path, reward):
    bare = [
        prompt._replace(
            problem=prompt.problem.model_copy(update={"gold": None}),
            label=Label("7", is_right=None, votes=3, draws=4),
        )
        for prompt in prompts
    ]

    ended = train(asked=bare, grpo={"reward": reward})

    assert len(ended.rewards) == 1
    assert all("correct" not in line for line in log_of(tmp_path / "arm"))


@pytest.mark.parametrize("reward", sorted(set(REWARDS) - set(REWARDS_WITHOUT_GOLD)))
def test_a_question_without_gold_is_refused_where_it_is_needed(train, prompts, reward):
    problem = prompts[-1].problem.model_copy(update={"gold": None, "question": "4+4="})
    bare = [*prompts[:-1], prompts[-1]._replace(problem=problem)]

    with pytest.raises(
        DataError, match=rf"(?s)without a gold answer.*reward: {reward}.*'4\+4='.*pool.columns"
    ):
        train(asked=bare, grpo={"reward": reward})


def test_a_kl_term_without_a_base_on_disk_is_refused(train):
    with pytest.raises(ConfigError, match=r"(?s)needs the base a second time.*train.grpo.kl: 0.1"):
        train(grpo={"kl": 0.1})


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"num_generations": 3}, "cannot set num_generations"),
        ({"use_vllm": True}, "cannot set use_vllm"),
        ({"epsilon_hihg": 0.3}, r"(?s)unknown setting 'epsilon_hihg'.*trl.GRPOConfig"),
        ({"packing": True}, "unknown setting 'packing'"),
    ],
)
def test_extra_settings_that_cannot_be_are_refused(train, extra, message):
    with pytest.raises(ConfigError, match=message):
        train(extra=extra)


def test_another_loss_of_trls_can_be_chosen(train):
    one, other = (train(name, extra={"loss_type": name}) for name in ("grpo", "dapo"))

    assert not torch.equal(weights_of(one.model), weights_of(other.model))


def test_a_reward_without_a_number_moves_nothing(train, make_fresh, tmp_path):
    ended = train(grpo={"reward": "majority"})  # no prompt has a label

    assert ended.rewards == ()
    assert torch.equal(weights_of(ended.model), weights_of(make_fresh()))
    assert all("reward" not in line for line in log_of(tmp_path / "arm"))


def test_answers_get_the_room_that_the_longest_prompt_leaves(prompts):
    longest = max(len(prompt.ids) for prompt in prompts)

    assert room_for_answers(prompts, 50, None) == 50
    assert room_for_answers(prompts, 50, longest + 60) == 50
    assert room_for_answers(prompts, 50, longest + 20) == 20
    with pytest.raises(ConfigError, match=r"(?s)no room for an answer.*lower prompt.few_shot"):
        room_for_answers(prompts, 50, longest)
