"""Prompts, rules and trainings of tiny models for the tests of reinforcement learning."""

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from titrant.engines.drawing.rows import stop_ids  # noqa: E402
from titrant.settings import GrpoSettings, RecipeSettings  # noqa: E402
from titrant.train.course import Course, TrainSeeds  # noqa: E402
from titrant.train.grpo.prompts import make_prompts  # noqa: E402
from titrant.train.grpo.rollout import Rules  # noqa: E402
from titrant.train.grpo.train import train_grpo  # noqa: E402

RECIPE = RecipeSettings(method="full", updates=4, rows_per_update=8, warmup_share=0.0)


@pytest.fixture
def prompts(traces, builder):
    return make_prompts([trace.problem for trace in traces[:6]], builder, {})


@pytest.fixture
def train(prompts, make_fresh, tokenizer, tmp_path):
    """Trains a fresh tiny model by coins (a random model earns nothing else)."""

    def run(
        out="arm",
        *,
        lr=1e-2,
        on_update=None,
        model=None,
        grpo=None,
        seeds=None,
        asked=prompts,
        **recipe,
    ):
        model = model or make_fresh()
        settings = GrpoSettings.model_validate({"reward": "random", "group": 4, **(grpo or {})})
        course = Course(
            RecipeSettings.model_validate({**RECIPE.model_dump(), **recipe}),
            lr,
            seeds or TrainSeeds(order=1, weights=2),
            tmp_path / out,
            on_update,
        )
        course.out.mkdir(exist_ok=True)
        rules = Rules(settings, settings.max_new_tokens or 6, stop_ids(model, tokenizer))
        return train_grpo(asked, course, model=model, tokenizer=tokenizer, rules=rules)

    return run
