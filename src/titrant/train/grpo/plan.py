"""Which prompt goes into which rollout, and how a rollout is cut into updates.

    prompts per rollout × group = completions per rollout
    updates per rollout × rows per update = passes × completions per rollout

An arm makes `recipe.updates` updates of `recipe.rows_per_update` completions, whatever its dose. Prompts
are visited in whole passes, each in a fresh random order, as rows are in fine-tuning; where there are
fewer than a rollout takes, a prompt stands in it twice, as two groups. TRL shuffles the completions of a
rollout before it cuts them, so a group is spread over updates; its advantages were made before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from titrant.errors import ConfigError, TrainError
from titrant.seeds import derive_rng
from titrant.train.plan_updates import UpdatePlan, rows_per_device, visit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from titrant.settings import GrpoSettings, RecipeSettings


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """The prompts of one arm in the order in which they are answered."""

    visits: UpdatePlan
    """`order`: prompt indices, int64 [rollouts × prompts per rollout]; its rows are completions."""
    updates: int
    group: int
    prompts_per_rollout: int
    updates_per_rollout: int

    @property
    def passes(self) -> int:
        """How often each completion is trained."""
        return self.updates_per_rollout // self.updates_per_pass

    @property
    def updates_per_pass(self) -> int:
        """Updates in which every completion of a rollout is trained once."""
        return self.prompts_per_rollout * self.group // self.visits.rows_per_update


class Tokens(NamedTuple):
    """What updates cost."""

    train: int
    """Tokens of every visit of every completion, prompts included, padding not."""
    loss: int
    """Tokens of the completions among them."""
    generated: int
    """Tokens that rollouts drew."""


def plan_rollouts(
    recipe: RecipeSettings, settings: GrpoSettings, n_prompts: int, *, seed: int
) -> RolloutPlan:
    """The rollouts of one arm.

    Args:
        recipe: updates and completions per update.
        settings: how rollouts are made.
        n_prompts: the dose.
        seed: of the order.

    Raises:
        TrainError: there is no prompt.
        ConfigError: sizes do not divide each other, or doses are matched by tokens or epochs.
    """
    if n_prompts < 1:
        raise TrainError(
            "an arm without prompts cannot be trained", do="train a dose of at least 1"
        )
    n_visits = prompt_visits(recipe, settings)
    order = visit(n_prompts, n_visits, derive_rng(seed, "passes"))
    return RolloutPlan(
        UpdatePlan(order, recipe.rows_per_update, rows_per_device(recipe)),
        updates=recipe.updates,
        group=settings.group,
        prompts_per_rollout=n_visits * settings.updates_per_rollout // recipe.updates,
        updates_per_rollout=settings.updates_per_rollout,
    )


def prompt_visits(recipe: RecipeSettings, settings: GrpoSettings) -> int:
    """Prompts that one arm answers, each visit counted: the most questions that it can see at all.

    Raises:
        ConfigError: sizes do not divide each other, or doses are matched by tokens or epochs.
    """
    _check_match(recipe)
    rows, group, per_rollout = recipe.rows_per_update, settings.group, settings.updates_per_rollout
    _check_divides("train.grpo.group", group, "recipe.rows_per_update", rows)
    _check_divides("train.grpo.updates_per_rollout", per_rollout, "recipe.updates", recipe.updates)
    prompts = settings.prompts_per_rollout or per_rollout * rows // group
    _check_passes(prompts * group, rows, per_rollout)
    return recipe.updates // per_rollout * prompts


def completions_of(recipe: RecipeSettings, settings: GrpoSettings) -> int:
    """Completions that one arm draws, each counted once however often it is trained.

    Raises:
        ConfigError: as `prompt_visits`.
    """
    return prompt_visits(recipe, settings) * settings.group


def _check_match(recipe: RecipeSettings) -> None:
    if recipe.match != "updates":
        raise ConfigError(
            f"recipe.match: {recipe.match} cannot be used with train.algorithm: grpo",
            expected="updates: how long completions will be is not known beforehand",
            came=recipe.match,
            do="set recipe.match: updates",
        )


def _check_divides(name: str, part: int, whole_name: str, whole: int) -> None:
    if whole % part:
        nearest = max(part, round(whole / part) * part)
        raise ConfigError(
            f"{name} does not divide {whole_name}",
            expected=f"a divisor of {whole}",
            came=str(part),
            do=f"set {whole_name}: {nearest}, or another {name}",
        )


def _check_passes(completions: int, rows: int, updates_per_rollout: int) -> None:
    """A rollout has to be cut into whole updates, and these into whole passes."""
    updates_per_pass, rest = divmod(completions, rows)
    if rest or not updates_per_pass or updates_per_rollout % updates_per_pass:
        raise ConfigError(
            "a rollout cannot be cut into its updates",
            expected="prompts_per_rollout × group = rows_per_update × a divisor of updates_per_rollout",
            came=f"{completions} completions, {rows} rows per update, {updates_per_rollout} updates",
            do="leave out train.grpo.prompts_per_rollout: each completion is then trained once",
        )


def count_tokens(log: Mapping[int, Mapping[str, float]], plan: RolloutPlan) -> Tokens:
    """What the updates of a log cost; those of a rollout share its tokens evenly.

    Args:
        log: by update; that of a rollout's first update has `generated_tokens` and `prompt_tokens`.
        plan: how rollouts were cut.
    """
    share = plan.passes / plan.updates_per_rollout
    train = loss = generated = 0.0
    drawn = asked = 0.0
    for update in sorted(log):
        line = log[update]
        if "generated_tokens" in line:
            drawn, asked = line["generated_tokens"], line["prompt_tokens"]
            generated += drawn
        train += share * (drawn + asked)
        loss += share * drawn
    return Tokens(round(train), round(loss), round(generated))
