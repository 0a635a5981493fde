"""All figures of one comparison, and of a family of them.

Which test gives the p-value that decides:

| sides | test |
|---|---|
| one arm and one answer per problem each | exact McNemar |
| one arm each, several answers per problem | sign-flip, on the means per problem |
| several arms on a side | that of the interval with the noise of seeds |

Tests are made on the problems that every arm of both sides was asked. Holm's correction is over all
pairs and benchmarks that are compared together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.dose.judge.holm import holm
from titrant.dose.paired.findings import Outcome, PairedComparison, Test
from titrant.dose.paired.interval import RESAMPLES, paired_difference
from titrant.dose.paired.significance import (
    NEAR,
    correlation,
    mcnemar_exact,
    mcnemar_mid,
    problems_needed,
    sign_flip,
    unpaired_z,
)
from titrant.dose.readings import FEWEST_PROBLEMS
from titrant.errors import DataError, check_setting
from titrant.estimate import Estimate
from titrant.seeds import derive_rng

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.dose.paired.interval import Difference


@dataclass(frozen=True, slots=True)
class PairedWish:
    """How models are compared."""

    confidence: float = 0.9
    """Level of the intervals; differences are told at 1 − this."""
    margin: float = 0.02
    """Smallest difference of interest, in accuracy."""
    resamples: int = RESAMPLES
    """Of the bootstrap over problems."""
    seed: int = 0
    """Root of bootstrap and sign-flips."""

    def __post_init__(self) -> None:
        for name, value in (("confidence", self.confidence), ("margin", self.margin)):
            check_setting(
                "a comparison", name, value, "between 0 and 1, both excluded", is_fine=0 < value < 1
            )


class Scores(NamedTuple):
    """What one side scored on the problems of one benchmark."""

    name: str
    right: np.ndarray
    """Share of right answers; NaN where an arm was not asked; [arms, problems]."""
    answers: int
    """Most answers per problem and arm."""


class _Shared(NamedTuple):
    """Which problems both were asked; the numbers are those of `PairedComparison`."""

    mask: np.ndarray
    problems: int
    only_a: int
    only_b: int
    partly: int


class _Tested(NamedTuple):
    test: Test
    p: float
    mid: float | None = None
    sign_flip: float | None = None


def compare_pair(
    a: Scores, b: Scores, *, benchmark: str, wish: PairedWish | None = None
) -> PairedComparison:
    """B against A; both have the same problems in the same order, NaN where a side was not asked one.

    The comparison stands alone: `p_holm` is `p`. `correct_family` sees to the others.

    Raises:
        DataError: fewer than 20 problems were asked of every arm.
    """
    wish = wish or PairedWish()
    shared = _shared(a, b)
    if shared.problems < FEWEST_PROBLEMS:
        raise _too_few(a.name, b.name, benchmark, shared)
    right_a, right_b = a.right[:, shared.mask], b.right[:, shared.mask]
    mean_a, mean_b = right_a.mean(axis=0), right_b.mean(axis=0)
    differences = mean_b - mean_a
    rng = derive_rng(wish.seed, "paired", benchmark, a.name, b.name)
    found = paired_difference(
        right_a, right_b, level=wish.confidence, rng=rng, resamples=wish.resamples
    )
    is_single = a.answers == b.answers == 1 and len(right_a) == len(right_b) == 1
    tested = _tested(differences, found, rng, is_single=is_single)
    unpaired = unpaired_z(mean_a, mean_b)
    return PairedComparison(
        benchmark=benchmark,
        a=a.name,
        b=b.name,
        problems=shared.problems,
        only_a=shared.only_a,
        only_b=shared.only_b,
        partly=shared.partly,
        answers_a=a.answers,
        answers_b=b.answers,
        accuracy_a=float(mean_a.mean()),
        accuracy_b=float(mean_b.mean()),
        difference=Estimate(
            estimate=found.estimate,
            low=found.low,
            high=found.high,
            level=wish.confidence,
            n=shared.problems,
            seeds=len(right_a) + len(right_b),
        ),
        seed_sd_a=None if found.seeds_a is None else found.seeds_a.sd,
        seed_sd_b=None if found.seeds_b is None else found.seeds_b.sd,
        test=tested.test,
        p=tested.p,
        p_holm=tested.p,
        p_mid=tested.mid,
        p_sign_flip=tested.sign_flip,
        z_unpaired=unpaired.z,
        p_unpaired=unpaired.p,
        a_alone=int((differences < -NEAR).sum()),
        b_alone=int((differences > NEAR).sum()),
        correlation=correlation(mean_a, mean_b),
        needed=problems_needed(differences, wish.margin, level=wish.confidence),
        outcome=_outcome(found.estimate, tested.p, wish.confidence),
    )


def correct_family(found: Sequence[PairedComparison]) -> tuple[PairedComparison, ...]:
    """The comparisons with Holm's correction over all of them."""
    adjusted = holm([one.p for one in found])
    return tuple(
        one.model_copy(
            update={
                "p_holm": p,
                "outcome": _outcome(one.difference.estimate or 0.0, p, one.difference.level),
            }
        )
        for one, p in zip(found, adjusted.tolist(), strict=True)
    )


def _shared(a: Scores, b: Scores) -> _Shared:
    asked_a, asked_b = (np.asarray(~np.isnan(side.right)) for side in (a, b))
    mask = np.asarray(asked_a.all(axis=0) & asked_b.all(axis=0))
    some_a, some_b = asked_a.any(axis=0), asked_b.any(axis=0)
    return _Shared(
        mask,
        int(mask.sum()),
        int((some_a & ~some_b).sum()),
        int((some_b & ~some_a).sum()),
        int((some_a & some_b & ~mask).sum()),
    )


def _tested(
    differences: np.ndarray, found: Difference, rng: np.random.Generator, *, is_single: bool
) -> _Tested:
    if is_single:
        alone = int((differences < -NEAR).sum()), int((differences > NEAR).sum())
        return _Tested("exact McNemar", mcnemar_exact(*alone), mid=mcnemar_mid(*alone))
    flipped = sign_flip(differences, rng)
    if found.p is None:
        return _Tested("sign-flip", flipped, sign_flip=flipped)
    return _Tested("t with seeds", found.p, sign_flip=flipped)


def _outcome(difference: float, p: float, confidence: float) -> Outcome:
    if p > 1 - confidence:
        return "not told apart"
    return "better" if difference > 0 else "worse"


def _too_few(a: str, b: str, benchmark: str, shared: _Shared) -> DataError:
    partly = f", {shared.partly} not of each arm" if shared.partly else ""
    return DataError(
        f"too few problems of {benchmark} were asked of both {a} and {b}",
        expected=f"{FEWEST_PROBLEMS} or more problems in both",
        came=f"{shared.problems} in both, {shared.only_a} only in {a}, "
        f"{shared.only_b} only in {b}{partly}",
        do="read both on the same problems, or name other benchmarks with --benchmark",
    )
