"""Several strategies in one run: scored once, ranked by what was scored, charged for it."""

import fake_arms
import polars as pl
import pytest

from titrant.errors import ConfigError
from titrant.report.answer import Estimate
from titrant.run.result.selection import cost_of_strategy, settled
from titrant.run.scores.wanted import wanted_by, wanted_of
from titrant.run.store.folder import RunFolder
from titrant.run.titrate import titrate
from titrant.select.rank import read_ranking
from titrant.signals.meta import ScoresMeta, SignalCost

STRATEGIES = ("random", "confidence", "confidence~length")


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A finished run with three strategies: its folder and its answer."""
    out = tmp_path_factory.mktemp("several") / "run"
    config = fake_arms.fake_config(
        ladder={"strategies": STRATEGIES}, recipe={"lr": 1e-3}, limits={"arms": 40}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(fake_arms.__file__).rpartition("/")[0], prepend=":")
        answer = titrate(config, out, entries=fake_arms.entries())
    return RunFolder(out), answer


def test_the_pool_is_scored_once_for_what_the_strategies_need(several):
    folder, _ = several
    lines = (folder.root / "ledger.txt").read_text().splitlines()
    assert [line for line in lines if line.startswith("score")] == ["score confidence"]


def test_rankings_follow_the_scores(several):
    folder, _ = several
    ranking = read_ranking(folder.ranking("confidence", 0))
    values = dict(
        pl.read_parquet(folder.scores / "confidence.parquet").select("uid", "value").iter_rows()
    )
    ordered = [values[row.uid] for row in ranking.rows]
    assert ordered == sorted(ordered, reverse=True)


def test_a_strategy_pays_for_the_scores_that_it_reads(several):
    _, answer = several
    costs = {item.strategy: item.selection for item in answer.responses}
    assert costs["random"].flops == 0
    n = answer.provenance.pool_rows
    assert costs["confidence"].flops == costs["confidence~length"].flops == 10_000 * n
    assert costs["confidence"].tokens == 5 * n


def test_the_balance_names_the_size_from_which_choosing_pays(several):
    _, answer = several
    item = next(r for r in answer.responses if r.strategy == "confidence")
    random = next(r for r in answer.responses if r.strategy == "random")
    assert item.versus == "random"
    paid = item.selection
    # 6 operations per parameter, epoch and token; the fake base has 1,000 parameters.
    theirs = random.ed95.estimate * random.selection.row_tokens
    ours = random.ed95.estimate * item.ratio.estimate * paid.row_tokens
    saving = 6 * 1000 * paid.epochs * (theirs - ours)
    assert paid.saving.estimate == pytest.approx(saving)
    assert paid.break_even == (pytest.approx(paid.flops / saving) if saving > 0 else None)


@pytest.mark.parametrize(
    ("low", "high", "cost", "expected"),
    [
        (5.0, 9.0, 4.0, True),
        (5.0, 9.0, 7.0, None),  # the interval spans the cost
        (5.0, 9.0, 9.5, False),
        (-3.0, 2.0, 0.0, None),
        (1.0, 2.0, 0.0, True),
        (-3.0, -1.0, 0.0, False),
        (None, 1.0, 0.0, None),
    ],
)
def test_choosing_pays_only_if_both_ends_of_the_saving_say_so(low, high, cost, expected):
    saving = Estimate(estimate=None, low=low, high=high, level=0.9)
    assert settled(saving, cost) is expected


def test_the_answer_says_what_else_was_needed(several):
    _, answer = several
    others = {item.strategy for item in answer.responses} - {answer.strategy}
    assert all(f"`{name}` needs" in answer.sentence for name in others)


def test_an_unknown_signal_is_refused_before_any_arm(tmp_path):
    config = fake_arms.fake_config(ladder={"strategies": ["judge"]}, recipe={"lr": 1e-3})
    with pytest.raises(ConfigError, match="nothing here computes the signal judge"):
        titrate(config, tmp_path / "run", entries=fake_arms.entries())
    assert not (tmp_path / "run" / "arms").exists()


def test_a_strategy_by_history_needs_a_file(tmp_path):
    config = fake_arms.fake_config(ladder={"strategies": ["limr"]}, recipe={"lr": 1e-3})
    with pytest.raises(ConfigError, match="needs a history"):
        titrate(config, tmp_path / "run", entries=fake_arms.entries())


def test_what_strategies_need_is_sorted_by_how_it_is_made():
    found = wanted_by(["random", "gain+coverage@1", "hardest", "limr", "influence"])
    assert found.names == ("gain",)
    assert (found.hidden, found.difficulty, found.influence) == (True, True, True)
    assert found.read == ()
    assert wanted_by(["random", "longest"]).is_empty
    assert wanted_of(["judge"]).read == ("judge",)


def cost(tokens, seconds):
    return SignalCost(tokens=tokens, flops=2.0 * tokens, seconds=seconds)


def test_signals_of_one_pass_are_paid_once_and_others_are_added():
    scores = ScoresMeta(
        base="b",
        fingerprint="f",
        parameters=1,
        traces=1,
        failed=0,
        costs={
            "confidence": cost(100, 1.0),
            "ifd": cost(200, 2.0),
            "difficulty": cost(50, 5.0),
        },
        apart=("difficulty",),
        hidden_cost=cost(100, 1.0),
    )
    # superfiltering-d reads ifd and hidden states: the dearer of the two, 200 tokens
    assert cost_of_strategy("superfiltering-d", scores).tokens == 200
    # deita reads difficulty, confidence and hidden states: 100 + 50
    deita = cost_of_strategy("deita", scores)
    assert (deita.tokens, deita.flops, deita.seconds) == (150, 300.0, 6.0)
    assert cost_of_strategy("random", scores).tokens == 0
    assert cost_of_strategy("longest", None).flops == 0
    assert cost_of_strategy("limr", scores) is None  # what the earlier run cost nobody says
    assert cost_of_strategy("confidence", None) is None
