import json
import re
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from scipy.stats import spearmanr

from titrant.engines.load import LoadedBase, load_base
from titrant.engines.prompt import PromptBuilder
from titrant.errors import ConfigError, DataError, TrainError
from titrant.settings import BaseSettings, LoraSettings, PromptSettings, RecipeSettings
from titrant.traces.record import Verdict
from titrant.train.checkpoint import SEAL
from titrant.train.course import CHECKPOINTS
from titrant.train.influence import gradients as gradients_module
from titrant.train.influence import warmup
from titrant.train.influence.choose import InfluenceSettings, hold_out
from titrant.train.influence.gradients import RowGradients
from titrant.train.influence.measure import Validation, influence
from titrant.train.influence.project import BLOCK, project
from titrant.train.influence.score import AdamState, alignment, precondition, subtask_means, weigh
from titrant.train.influence.warmup import choose_rows, restore, warm_up, warm_up_recipe
from titrant.train.render import IGNORED, Row, render_rows
from titrant.worlds.pools import make_pool

pytestmark = pytest.mark.train

FULL = RecipeSettings(method="full", rows_per_update=8, warmup_share=0.1)
LORA = RecipeSettings(method="lora", rows_per_update=8, lora=LoraSettings(r=4, alpha=8))
SETTINGS = InfluenceSettings(
    lr=1e-3, root=5, recipe=FULL, share=0.5, epochs=2, checkpoints=2, dims=256
)


@pytest.fixture
def rows(tokenizer, builder, traces):
    return render_rows(traces, builder, tokenizer)


@pytest.fixture
def make_base(make_fresh, tokenizer):
    return lambda: LoadedBase(make_fresh(), tokenizer, "tiny", "0")


@pytest.fixture
def measure(make_base, builder, tmp_path):
    """Influence of traces on validation traces, in a folder of its own each time."""

    def run(traces, validation, settings=SETTINGS, subtasks=None, **kwargs):
        run.calls += 1
        return influence(
            traces,
            Validation(validation, subtasks),
            base=make_base(),
            builder=builder,
            settings=settings,
            out=tmp_path / f"run{run.calls}",
            **kwargs,
        )

    run.calls = 0
    return run


# The formula


def test_the_score_of_two_weights_is_that_of_the_formula():
    """All of it again in numpy: 2 weights, 3 rows, 3 validation rows in 2 subtasks, 2 checkpoints."""
    rng = np.random.default_rng(0)
    rows, aims = rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 3, 2))
    first, second = rng.normal(size=(2, 2)), rng.uniform(size=(2, 2))
    rates, subtasks = [3e-4, 1e-4], ["b", "a", "b"]

    wanted = np.zeros((3, 3))
    for c, rate in enumerate([0.75, 0.25]):  # 3e-4 and 1e-4 over their sum
        step = (0.9 * first[c] + 0.1 * rows[c]) / np.sqrt(
            0.999 * second[c] + 0.001 * rows[c] ** 2 + 1e-8
        )
        for i in range(3):
            for j in range(3):
                lengths = np.linalg.norm(step[i]) * np.linalg.norm(aims[c, j])
                wanted[i, j] += rate * step[i] @ aims[c, j] / lengths
    wanted = np.maximum(wanted[:, 1], (wanted[:, 0] + wanted[:, 2]) / 2)

    found = []
    for c in range(2):
        tensors = (torch.tensor(x[c], dtype=torch.float32) for x in (rows, aims, first, second))
        g, aim, m, v = tensors
        found.append(alignment(precondition(g, AdamState(m, v)), subtask_means(aim, subtasks)))
    assert weigh(found, rates).numpy() == pytest.approx(wanted, abs=1e-6)


def test_the_step_of_one_weight_by_hand():
    # m' = 0.9·1 + 0.1·2 = 1.1; v' = 0.999·4 + 0.001·4 = 4; 1.1 / √4 = 0.55
    adam = AdamState(torch.tensor([1.0]), torch.tensor([4.0]))
    assert precondition(torch.tensor([[2.0]]), adam).item() == pytest.approx(0.55)
    # No history: 0.1·2 / √(0.001·4 + 1e-8)
    fresh = AdamState(torch.zeros(1), torch.zeros(1))
    expected = 0.2 / np.sqrt(0.004 + 1e-8)
    assert precondition(torch.tensor([[2.0]]), fresh).item() == pytest.approx(expected)
    # The small number stands under the root: without any gradient the step is 0 / 1e-4
    assert precondition(torch.tensor([[0.0]]), fresh).item() == 0


def test_length_of_a_gradient_does_not_count():
    means = subtask_means(torch.tensor([[3.0, 4.0]]), ["a"])
    short, long = alignment(torch.tensor([[0.003, 0.004], [30.0, 40.0]]), means)[:, 0].tolist()
    assert short == pytest.approx(long) == pytest.approx(1.0)
    assert alignment(torch.zeros(1, 2), means).item() == 0


# Gradients


def test_gradients_are_those_of_one_backward_pass_per_row(model, rows):
    model.eval()
    found = {}
    for batch, flat in RowGradients(model, batch_tokens=400).each(rows):
        found |= dict(zip(batch, flat, strict=True))
    assert sorted(found) == list(range(len(rows)))
    for i in (0, 7, 23):
        model.zero_grad()
        ids, labels = (torch.tensor([side]) for side in rows[i][1:])
        model(input_ids=ids, labels=labels).loss.backward()
        alone = torch.cat([weight.grad.flatten() for weight in model.parameters()])
        assert torch.allclose(found[i], alone, atol=1e-5)


def test_the_loop_gives_what_vmap_gives(model, rows):
    mapped, looped = (RowGradients(model, batch_tokens=400) for _ in range(2))
    looped.how = "loop"
    for (batch, one), (other_batch, other) in zip(
        mapped.each(rows), looped.each(rows), strict=True
    ):
        assert batch == other_batch
        assert torch.allclose(one, other, atol=1e-5)
    assert (mapped.how, looped.how) == ("vmap", "loop")


class Choosy(torch.nn.Module):
    """Looks at a value, as the routing of experts does."""

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(5, 5)

    def forward(self, input_ids, use_cache):
        logits = self.table(input_ids)
        if logits.sum() > 1e9:  # under vmap this cannot be asked
            logits = -logits
        return type("Output", (), {"logits": logits})


def test_a_model_that_vmap_refuses_is_looped_over():
    short, long = Row("a", (1, 2), (IGNORED, 2)), Row("b", (1, 2, 3), (IGNORED, 2, 3))
    of_rows = RowGradients(Choosy(), batch_tokens=100)
    ((batch, found),) = of_rows.each([short, long])
    assert of_rows.how == "loop"
    assert batch == [1, 0]
    assert found.shape == (2, 25)
    assert found[1].view(5, 5)[1].abs().sum() > 0  # of token 1, which is asked for token 2
    assert found[1].view(5, 5)[2].abs().sum() == 0


def test_only_what_trains_has_a_gradient(model, rows):
    for name, weight in model.named_parameters():
        weight.requires_grad = "q_proj" in name
    of_rows = RowGradients(model, batch_tokens=1000)
    assert of_rows.n_weights == 2 * 32 * 32  # 2 layers of width 32
    assert next(iter(of_rows.each(rows)))[1].shape[1] == 2048


def test_few_rows_go_together_where_weights_are_many(model, rows, monkeypatch):
    of_rows = RowGradients(model, batch_tokens=10**6)
    monkeypatch.setattr(gradients_module, "MOST_FLOATS", 10 * of_rows.n_weights)
    assert [len(batch) for batch, _ in of_rows.each(rows)] == [10, 10, 4]


# Projection


@pytest.mark.parametrize("kind", ["signs", "sketch"])
def test_projection_keeps_inner_products_on_average(kind):
    """600 seeds: the standard error of the mean is |g||h|/√(dims · 600), times √2 at most."""
    rng = np.random.default_rng(1)
    pair = torch.tensor(rng.normal(size=(2, 300)), dtype=torch.float32)
    pair[1] += 0.5 * pair[0]
    pair += 0.5  # without signs, sums would come in
    wanted = float(pair[0] @ pair[1])
    products = []
    for root in range(600):
        one, other = project(pair, 32, root=root, kind=kind)
        products.append(float(one @ other))
    error = float(pair[0].norm() * pair[1].norm()) * np.sqrt(2 / 32)
    assert np.mean(products) == pytest.approx(wanted, abs=4 * error / np.sqrt(600))
    assert 0.3 * error < np.std(products) < 1.5 * error


@pytest.mark.parametrize("kind", ["signs", "sketch"])
def test_signs_belong_to_weights_and_not_to_batches(kind, monkeypatch):
    monkeypatch.setitem(BLOCK, kind, 64)
    rows = torch.randn(5, 300, generator=torch.Generator().manual_seed(0))
    together = project(rows, 16, root=2, kind=kind)
    alone = torch.cat([project(row[None], 16, root=2, kind=kind) for row in rows])
    assert together == pytest.approx(alone, abs=1e-5)
    assert not torch.allclose(together, project(rows, 16, root=3, kind=kind))
    # each block has signs of its own
    blocks = torch.zeros(2, 300)
    blocks[0, 3], blocks[1, 64 + 3] = 1, 1
    one, other = project(blocks, 16, root=2, kind=kind)
    assert not torch.equal(one, other)


def test_signs_are_plus_and_minus_one_over_the_root_of_dims():
    found = project(torch.eye(3, 200)[:1], 100, root=0) * 10  # the signs of weight 0, √100 = 10
    assert set(found.unique().tolist()) == {-1.0, 1.0}
    assert abs(float(found.mean())) < 0.4  # 4 standard errors of 0.1


def test_no_more_weights_than_dims_are_left_as_they_are():
    rows = torch.randn(3, 8)
    assert torch.equal(project(rows, 8, root=0), rows)


# The warm-up


@pytest.mark.parametrize("recipe", [FULL, LORA], ids=["full", "lora"])
def test_the_adam_state_read_back_is_that_of_the_gradients(make_base, rows, recipe, tmp_path):
    """After one update from nothing m = 0.1 · g and v = 0.001 · g², g the gradient of its rows.

    At a learning rate of (next to) nothing the weights stay, so g can be taken afterwards. The loss of
    an update is a mean over its tokens. TRL clips |g| to 1, which leaves its direction.
    """
    chosen = rows[:8]  # one update's rows
    settings = replace(SETTINGS, lr=1e-12, recipe=recipe, epochs=2, checkpoints=2)
    warm = warm_up(chosen, make_base(), settings, tmp_path)
    assert [c.update for c in warm.checkpoints] == [1, 2]
    adam = restore(warm, warm.checkpoints[0])

    of_rows = RowGradients(warm.model, batch_tokens=10_000)
    ((batch, flat),) = of_rows.each(chosen)
    share = torch.tensor([chosen[i].n_loss_tokens for i in batch], dtype=torch.float32)
    wanted = (share / share.sum()) @ flat
    wanted = wanted / wanted.norm().clamp_min(1)
    assert adam.betas == (0.9, 0.999)
    for found, expected in ((adam.first / 0.1, wanted), (adam.second / 0.001, wanted**2)):
        assert (found - expected).norm() < 1e-3 * expected.norm()


def test_weights_are_those_of_each_checkpoint(make_base, rows, tmp_path):
    warm = warm_up(rows, make_base(), SETTINGS, tmp_path)
    after = torch.cat([weight.detach().flatten() for weight in warm.model.parameters()])
    restored = []
    for checkpoint in warm.checkpoints:
        restore(warm, checkpoint)
        weights = [weight.detach().flatten() for weight in warm.model.parameters()]
        restored.append(torch.cat(weights))
    assert torch.equal(restored[-1], after)
    assert not torch.equal(restored[0], after)


@pytest.mark.parametrize(
    ("share", "n_rows", "expected"),
    [(0.05, 24, 8), (0.5, 24, 12), (1.0, 24, 24), (0.5, 4, 4)],
)
def test_the_warm_up_takes_a_share_and_one_update_at_least(rows, share, n_rows, expected):
    chosen = choose_rows(rows[:n_rows], replace(SETTINGS, share=share))
    assert len({row.uid for row in chosen}) == expected
    other = choose_rows(rows[:n_rows], replace(SETTINGS, share=share, root=6))
    assert (chosen == other) == (expected == n_rows)


@pytest.mark.parametrize(
    ("epochs", "checkpoints", "n_rows", "updates"),
    [
        (4, 4, 205, 104),  # 4 · 205 / 8 = 102.5 updates, 25.6 per checkpoint: 26 · 4
        (2, 2, 12, 4),  # 3 updates, 1.5 per checkpoint: 2 · 2
        (1, 4, 8, 4),  # 1 update, but 4 checkpoints
        (1, 1, 8, 2),  # the trainer writes no checkpoint in a single update
    ],
)
def test_updates_are_a_multiple_of_the_checkpoints(epochs, checkpoints, n_rows, updates):
    settings = replace(SETTINGS, epochs=epochs, checkpoints=checkpoints)
    recipe = warm_up_recipe(settings, n_rows)
    assert (recipe.match, recipe.updates) == ("updates", updates)
    assert recipe.updates > recipe.checkpoint_every


def test_all_checkpoints_stay_though_the_trainer_keeps_two(make_base, rows, tmp_path):
    settings = replace(SETTINGS, epochs=4, checkpoints=4)
    told = []
    warm = warm_up(rows, make_base(), settings, tmp_path, on_update=lambda *n: told.append(n))
    # 4 · 24 / 8 = 12 updates
    assert [c.update for c in warm.checkpoints] == [3, 6, 9, 12]
    assert len(list((tmp_path / CHECKPOINTS).glob("checkpoint-*"))) == 2
    assert told == [(i, 12) for i in range(1, 13)]
    assert warm.tokens == 4 * sum(len(row.input_ids) for row in rows)


def test_a_checkpoint_has_the_mean_rate_of_its_updates(make_base, rows, tmp_path):
    recipe = FULL.model_copy(update={"schedule": "linear", "warmup_share": 0.0})
    warm = warm_up(rows, make_base(), replace(SETTINGS, recipe=recipe), tmp_path)
    log = (tmp_path / "log.jsonl").read_text().splitlines()
    rates = [json.loads(line)["learning_rate"] for line in log]
    assert len(rates) == 6  # 2 · 24 / 8
    assert [c.rate for c in warm.checkpoints] == pytest.approx(
        [sum(rates[:3]) / 3, sum(rates[3:]) / 3]
    )
    assert warm.checkpoints[0].rate > warm.checkpoints[1].rate > 0


def test_one_checkpoint_is_the_last(make_base, rows, tmp_path):
    warm = warm_up(rows, make_base(), replace(SETTINGS, checkpoints=1), tmp_path)
    assert [c.update for c in warm.checkpoints] == [6]
    assert restore(warm, warm.checkpoints[0]).first.abs().sum() > 0


def test_a_warm_up_that_is_done_is_not_trained_again(make_base, rows, tmp_path):
    first = warm_up(rows, make_base(), SETTINGS, tmp_path)
    log = (tmp_path / "log.jsonl").read_text()
    again = warm_up(rows, make_base(), SETTINGS, tmp_path)
    assert (tmp_path / "log.jsonl").read_text() == log
    assert again.checkpoints == first.checkpoints
    one, other = (restore(warm, warm.checkpoints[0]) for warm in (first, again))
    assert torch.equal(one.first, other.first)


def test_checkpoints_of_another_warm_up_do_not_count(make_base, rows, tmp_path):
    warm_up(rows, make_base(), SETTINGS, tmp_path)
    other = replace(SETTINGS, lr=2e-3)
    warm = warm_up(rows, make_base(), other, tmp_path)
    marks = {json.loads((c.path / SEAL).read_text())["fingerprint"] for c in warm.checkpoints}
    newest = tmp_path / CHECKPOINTS / "checkpoint-6" / SEAL
    assert marks == {json.loads(newest.read_text())["fingerprint"]}


def test_a_kept_checkpoint_of_another_warm_up_is_told(make_base, rows, tmp_path):
    """It is kept no more by the trainer, so it cannot be linked anew."""
    settings = replace(SETTINGS, epochs=4, checkpoints=4)
    warm = warm_up(rows, make_base(), settings, tmp_path)
    path = warm.checkpoints[0].path / SEAL
    path.write_text(path.read_text().replace('"fingerprint": "', '"fingerprint": "other'))
    with pytest.raises(TrainError, match=r"checkpoint-3\n.*\n  found: none of this training"):
        warm_up(rows, make_base(), settings, tmp_path)


def test_a_file_system_without_links_gets_copies(make_base, rows, tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError

    monkeypatch.setattr(warmup.os, "link", refuse)
    warm = warm_up(rows, make_base(), SETTINGS, tmp_path)
    assert restore(warm, warm.checkpoints[0]).first.abs().sum() > 0


@pytest.mark.parametrize("extra", [{"optim": "sgd"}, {"save_only_model": True}])
def test_a_trainer_without_adam_state_is_refused(make_base, rows, tmp_path, extra):
    settings = replace(SETTINGS, recipe=FULL.model_copy(update={"extra": extra}))

    def read_back():
        warm = warm_up(rows, make_base(), settings, tmp_path)
        restore(warm, warm.checkpoints[0])

    with pytest.raises(TrainError, match="no usable Adam state in checkpoint-3") as caught:
        read_back()
    assert "do: leave optim and save_only_model out of recipe.extra" in str(caught.value)


# From traces to scores


@pytest.mark.parametrize("recipe", [FULL, LORA], ids=["full", "lora"])
def test_a_trace_that_is_the_validation_trace_scores_highest(measure, traces, recipe):
    found = measure(traces, [traces[5]], replace(SETTINGS, recipe=recipe))
    assert int(np.argmax(found.scores)) == 5
    assert np.isfinite(found.scores).all()
    assert np.abs(found.scores).max() <= 1 + 1e-6


def test_scores_are_those_of_the_parts_put_together(measure, make_base, rows, traces, tmp_path):
    """Warm-up, gradients and Adam state by hand, row by row, then the formula in numpy."""
    order = [7, 2, 0, 9]  # validation, of different lengths
    subtasks = ["b", "a", "b", "a"]
    pool = traces[10:16]
    found = measure(pool, [traces[i] for i in order], subtasks=subtasks).scores

    def vectors(of, gradients, adam=None):
        flat = torch.cat([next(iter(gradients.each([row])))[1] for row in of])
        flat = flat if adam is None else precondition(flat, adam)
        flat = project(flat, SETTINGS.dims, root=SETTINGS.root).numpy().astype(float)
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)

    warm = warm_up(choose_rows(rows[10:16], SETTINGS), make_base(), SETTINGS, tmp_path / "own")
    gradients = RowGradients(warm.model, batch_tokens=1000)
    total = sum(checkpoint.rate for checkpoint in warm.checkpoints)
    products = 0
    for checkpoint in warm.checkpoints:
        adam = restore(warm, checkpoint)
        aims = vectors([rows[i] for i in order], gradients)
        steps = vectors(rows[10:16], gradients, adam)
        products += checkpoint.rate / total * steps @ aims.T
    wanted = np.maximum(products[:, [0, 2]].mean(axis=1), products[:, [1, 3]].mean(axis=1))
    assert found == pytest.approx(wanted, abs=1e-5)


def test_scores_depend_on_the_seed_and_on_nothing_else(measure, traces):
    pool, aims = traces[4:], traces[:4]
    first = measure(pool, aims).scores
    assert measure(pool, aims).scores.tolist() == first.tolist()
    assert measure(pool, aims, replace(SETTINGS, root=6)).scores.tolist() != first.tolist()


def test_batches_do_not_change_scores(measure, traces):
    pool, aims = traces[4:], traces[:4]
    large, small = (
        measure(pool, aims, replace(SETTINGS, batch_tokens=tokens)).scores for tokens in (4096, 64)
    )
    assert small == pytest.approx(large, abs=1e-4)  # rounding of sums over 25,000 weights


def test_a_trace_counts_by_the_subtask_that_it_helps_most(measure, traces):
    pool, aims = traces[4:], [traces[0], traces[1]]
    apart = measure(pool, aims, subtasks=["a", "b"]).scores
    alone = [measure(pool, [aim]).scores for aim in aims]
    together = measure(pool, aims, subtasks=["a", "a"]).scores
    assert apart == pytest.approx(np.maximum(*alone), abs=1e-6)
    assert together == pytest.approx(np.mean(alone, axis=0), abs=1e-6)


def test_subtasks_are_domains_unless_told(measure, traces):
    aims = [
        trace.model_copy(update={"domain": domain})
        for trace, domain in zip(traces[:2], "ab", strict=True)
    ]
    told = measure(traces[4:], aims, subtasks=["a", "b"]).scores
    assert measure(traces[4:], aims).scores.tolist() == told.tolist()


@pytest.fixture
def measure_shipped(tmp_path):
    """Influence on the shipped base; scores, and which traces end right."""

    def run(seed, **changes):
        held = hold_out(make_pool("arithmetic", 288, seed), 32, root=seed)
        base = load_base(BaseSettings(path="vitro:arithmetic"))
        recipe = RecipeSettings(lora=LoraSettings(r=8, alpha=16))
        settings = InfluenceSettings(lr=2e-3, root=seed, recipe=recipe, share=0.2, checkpoints=2)
        found = influence(
            held.pool,
            Validation(held.validation),
            base=base,
            builder=PromptBuilder(base.tokenizer, PromptSettings()),
            settings=replace(settings, **changes),
            out=tmp_path / f"warm-up{seed}",
        )
        return found.scores, np.array([t.verdict == Verdict.CORRECT for t in held.pool])

    return run


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_traces_that_end_wrong_score_lower_on_the_shipped_base(measure_shipped, seed):
    """The share of pairs (right, wrong) in which the right one scores higher; 0.5 says nothing."""
    scores, is_right = measure_shipped(seed, dims=512)
    assert (~is_right).sum() > 10
    pairs = scores[is_right][:, None] > scores[~is_right]
    assert pairs.mean() > 0.7, f"{pairs.mean():.2f} of {pairs.size} pairs"


@pytest.mark.slow
def test_projection_keeps_the_order_of_the_shipped_bases_pool(measure_shipped):
    exact, _ = measure_shipped(0, dims=50_000)  # more than the adapter has weights
    found = {
        (dims, kind): spearmanr(exact, measure_shipped(0, dims=dims, projection=kind)[0])[0]
        for dims in (512, 8192)
        for kind in ("signs", "sketch")
    }
    assert min(found[512, "signs"], found[512, "sketch"]) > 0.7, found
    assert min(found[8192, "signs"], found[8192, "sketch"]) > 0.95, found


def test_costs_and_progress_are_told(measure, traces, rows):
    told = []
    pool, aims = traces[4:], traces[:4]
    found = measure(pool, aims, tell=lambda *step: told.append(step))
    # every row passes once per checkpoint, validation rows too
    assert found.gradient_tokens == 2 * sum(len(row.input_ids) for row in rows)
    # 10 of 20 rows, 2 epochs of 8 per update are 2.5 updates: 1 per checkpoint, 16 visits
    assert 10 * min(len(row.input_ids) for row in rows) < found.warmup_tokens
    assert found.how == "vmap"
    assert found.seconds > 0
    assert told[0] == ("warm-up", 1, 2)
    assert told[-1] == ("gradients", 40, 40)


def test_a_trace_over_the_context_has_no_score(measure, traces):
    long = traces[9].model_copy(update={"uid": "long", "thinking": "1+1=2\n" * 200})
    found = measure([long, *traces[4:]], [long, traces[0]], subtasks=["b", "a"]).scores
    assert np.isnan(found[0])
    assert found[1:].tolist() == measure(traces[4:], [traces[0]]).scores.tolist()


@pytest.mark.parametrize(("n_pool", "n_aims", "what"), [(0, 1, "score"), (1, 0, "validate on")])
def test_nothing_to_do_is_told(measure, traces, n_pool, n_aims, what):
    message = f"influence has nothing to {what}\n.*at most 512 tokens\n  found: {n_pool} to score"
    with pytest.raises(DataError, match=message):
        measure(traces[:n_pool], traces[:n_aims])


# What is held out


def right(traces):
    return [trace.model_copy(update={"verdict": Verdict.CORRECT}) for trace in traces]


def test_held_out_questions_leave_the_pool_whole(traces):
    pool = right(traces)
    twins = [t.model_copy(update={"uid": t.uid + "2", "verdict": Verdict.WRONG}) for t in pool]
    held = hold_out([*pool, *twins], 5, root=1)
    chosen = {trace.qid for trace in held.validation}
    assert len(held.validation) == len(chosen) == 5
    assert all(trace.verdict == Verdict.CORRECT for trace in held.validation)
    assert held.pool == [trace for trace in [*pool, *twins] if trace.qid not in chosen]
    assert len(held.pool) == 2 * (len(traces) - 5)


def test_what_is_held_out_depends_on_the_seed_and_not_on_the_order(traces):
    pool = right([*traces, *(t.model_copy(update={"uid": t.uid + "2"}) for t in traces)])
    chosen = {root: hold_out(pool, 5, root=root).validation for root in (1, 2)}
    assert hold_out(pool[::-1], 5, root=1).validation == chosen[1]
    assert chosen[1] != chosen[2]


def test_too_few_right_questions_are_told(traces):
    pool = [*right(traces[:3]), *traces[3:]]
    with pytest.raises(DataError, match="3 with a right trace, 21 traces beside those held out"):
        hold_out(pool, 4, root=0)
    with pytest.raises(DataError, match="3 with a right trace, 0 traces beside"):
        hold_out(pool[:3], 3, root=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"dims": 0},
            "epochs, checkpoints, dims and batch_tokens of at least 1\n  found: 2, 2, 0, 8192",
        ),
        ({"share": 0.0}, "a number above 0 and at most 1\n  found: 0.0"),
        ({"share": 1.5}, "the share of the pool that influence warms up on is no share"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        replace(SETTINGS, **changes)
