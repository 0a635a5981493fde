"""What reinforcement learning does to the shipped base, which can reason and mostly does not."""

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from titrant.engines.base import Request
from titrant.engines.drawing.rows import stop_ids
from titrant.engines.load import load_base
from titrant.engines.prompt import PromptBuilder
from titrant.engines.transformers import TransformersEngine
from titrant.settings import BaseSettings, GrpoSettings, PromptSettings, RecipeSettings
from titrant.traces.verify.verdict import Verifier
from titrant.train.course import Course, TrainSeeds
from titrant.train.grpo.prompts import make_prompts
from titrant.train.grpo.rollout import Rules
from titrant.train.grpo.train import train_grpo
from titrant.worlds.arithmetic import ARITHMETIC
from titrant.worlds.base import Split, distinct_problems
from titrant.worlds.verdicts import Written, judge_written

pytestmark = [pytest.mark.train, pytest.mark.slow]


def accuracy(model, base, builder, problems) -> float:
    engine = TransformersEngine(model, base.tokenizer)
    asked = [Request(builder.prompt(problem.question), 256) for problem in problems]
    found = dict(engine.generate(asked))
    written = [
        Written(problem, found[i].text, found[i].stop_reason == "length")
        for i, problem in enumerate(problems)
    ]
    with Verifier() as verifier:
        verdicts = [one.verdict for one in judge_written(written, verifier)]
    return verdicts.count("correct") / len(verdicts)


def test_a_correct_reward_wakes_the_latent_skill_and_an_inverted_one_does_not(tmp_path):
    base = load_base(BaseSettings(path="vitro:arithmetic"))
    builder = PromptBuilder(base.tokenizer, PromptSettings())
    pool = distinct_problems(ARITHMETIC, "train", Split.POOL, 64)
    prompts = make_prompts(list(pool), builder, {})
    test = list(distinct_problems(ARITHMETIC, "train", Split.TEST, 100))
    recipe = RecipeSettings(method="full", updates=60, rows_per_update=16)
    before = accuracy(base.model, base, builder, test)
    after = {}
    for reward in ("correct", "inverted"):
        fresh = load_base(BaseSettings(path="vitro:arithmetic")).model
        settings = GrpoSettings(reward=reward, group=8)
        rules = Rules(settings, 256, stop_ids(fresh, base.tokenizer))
        out = tmp_path / reward
        out.mkdir()
        ended = train_grpo(
            prompts,
            Course(recipe, 1e-4, TrainSeeds(1, 101), out),
            model=fresh,
            tokenizer=base.tokenizer,
            rules=rules,
        )
        after[reward] = accuracy(ended.model, base, builder, test)

    # Greedy: 7 % before; measured 95 % after `correct` with 256 prompts.
    assert before < 0.2
    assert after["correct"] > 0.6
    assert after["inverted"] < 0.2
