"""Which row goes into which update: the part of a recipe that makes doses comparable.

Rows are visited in whole passes, each in a fresh random order, cut to the length that the recipe
asks for; so any two rows are visited equally often, give or take one.

| match | visits |
|---|---|
| `updates` | updates × rows per update, whatever the dose |
| `tokens` | as many full updates as bring the trained tokens nearest to a budget |
| `epochs` | epochs × dose; the last update may be short |

Within one update rows stand by length: its gradient is a sum over its rows, so the order in it does
not matter, and rows of like length need little padding when an update is cut into micro-batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from titrant.errors import ConfigError, TrainError
from titrant.seeds import derive_rng

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.settings import RecipeSettings


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """The rows of one arm in the order in which they are trained."""

    order: np.ndarray
    """Row indices, int64 [visits]; every `rows_per_update` of them make one update."""
    rows_per_update: int
    rows_per_device: int
    """Rows per forward pass; divides `rows_per_update`."""

    @property
    def updates(self) -> int:
        """Optimiser updates; the last one may be short."""
        return -(-len(self.order) // self.rows_per_update)

    @property
    def accumulation(self) -> int:
        """Forward passes per update."""
        return self.rows_per_update // self.rows_per_device

    def once(self) -> UpdatePlan:
        """The same updates with rows that stand several times in one taken once.

        Where every update is a number of whole passes, the mean over its tokens is the mean over one
        pass, so the gradient is the same at a fraction of the work: at dose 1 with 64 rows per
        update, a 64th. Any other plan is returned as it is. Not the same under dropout, which draws
        a mask for each copy.
        """
        n_rows = len(np.unique(self.order))
        copies, rest = divmod(self.rows_per_update, n_rows)
        if copies < 2 or rest or len(self.order) % self.rows_per_update:
            return self
        # Copies of a row stand side by side, since an update is sorted by length and row.
        return UpdatePlan(
            self.order[::copies],
            n_rows,
            _largest_divisor(n_rows, min(n_rows, self.rows_per_device)),
        )


def plan_updates(
    recipe: RecipeSettings,
    lengths: Sequence[int],
    *,
    seed: int,
    loss_tokens: Sequence[int] = (),
    token_budget: float | None = None,
) -> UpdatePlan:
    """The order of the rows of one arm.

    Args:
        recipe: what doses have in common, and how many rows an update takes.
        lengths: tokens per row, prompt included.
        seed: of the order.
        loss_tokens: tokens per row that carry the loss; needed under `match: tokens`.
        token_budget: what the loss tokens shall sum to under `match: tokens`.

    Raises:
        TrainError: there are no rows.
        ConfigError: rows per device do not divide rows per update.
    """
    if not lengths:
        raise TrainError("an arm without rows cannot be trained", do="train a dose of at least 1")
    n_rows, per_update = len(lengths), recipe.rows_per_update
    rng = derive_rng(seed, "passes")
    if recipe.match == "updates":
        order = visit(n_rows, recipe.updates * per_update, rng)
    elif recipe.match == "epochs":
        order = visit(n_rows, recipe.epochs * n_rows, rng)
    else:
        budget = recipe.updates * per_update if token_budget is None else token_budget
        order = _visit_tokens(np.asarray(loss_tokens), budget, per_update, rng)
    order = _by_length_within_updates(order, np.asarray(lengths), per_update)
    return UpdatePlan(order, per_update, rows_per_device(recipe))


def visit(n_rows: int, n_visits: int, rng: np.random.Generator) -> np.ndarray:
    """Whole passes over the rows, each in a fresh order, cut to `n_visits`; int64 [n_visits]."""
    n_passes = -(-n_visits // n_rows)
    return np.concatenate([rng.permutation(n_rows) for _ in range(n_passes)])[:n_visits]


def _visit_tokens(
    loss_tokens: np.ndarray, budget: float, per_update: int, rng: np.random.Generator
) -> np.ndarray:
    """Full updates whose loss tokens come nearest to the budget, at least one."""
    n_rows = len(loss_tokens)
    n_visits = n_rows * int(budget // loss_tokens.sum() + 2) + per_update
    order = visit(n_rows, n_visits - n_visits % per_update, rng)
    per_step = loss_tokens[order].reshape(-1, per_update).sum(axis=1)
    updates = 1 + int(np.argmin(np.abs(np.cumsum(per_step) - budget)))
    return order[: updates * per_update]


def _by_length_within_updates(
    order: np.ndarray, lengths: np.ndarray, per_update: int
) -> np.ndarray:
    update = np.arange(len(order)) // per_update
    return order[np.lexsort((order, lengths[order], update))]


def rows_per_device(recipe: RecipeSettings) -> int:
    """Rows per forward pass.

    Raises:
        ConfigError: they do not divide the rows per update.
    """
    per_device = min(recipe.rows_per_device or recipe.rows_per_update, recipe.rows_per_update)
    if recipe.rows_per_update % per_device:
        raise ConfigError(
            "recipe.rows_per_device does not divide recipe.rows_per_update",
            expected=f"a divisor of {recipe.rows_per_update}",
            came=str(per_device),
            do=f"set recipe.rows_per_device to {_largest_divisor(recipe.rows_per_update, per_device)}",
        )
    return per_device


def _largest_divisor(n: int, most: int) -> int:
    return next(k for k in range(most, 0, -1) if n % k == 0)
