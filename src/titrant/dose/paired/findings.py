"""What comparisons of models found, as plain records."""

from __future__ import annotations

from typing import Literal

from titrant.estimate import Estimate
from titrant.records import Record

Test = Literal["exact McNemar", "sign-flip", "t with seeds"]
Outcome = Literal["better", "worse", "not told apart"]


class Side(Record):
    """One side that is compared: a model, or several arms of one treatment."""

    name: str
    """Short, unique among the sides."""
    sources: tuple[str, ...]
    """The files or arm folders that were read."""
    arms: int
    """Training seeds that are averaged; 1 for a single model."""
    rows: int
    """Answers that were read, over all benchmarks."""
    unasked: int
    """Rows without a verdict: never asked, or not scored; they take no part."""


class PairedComparison(Record):
    """B against A on the problems of one benchmark that both were asked."""

    version: int = 1
    benchmark: str
    """Task, and the answer filter where there is one."""
    a: str
    """Name of the side that is compared with."""
    b: str
    """Name of the side that is better or worse."""
    problems: int
    """Asked of every arm of both sides; all figures rest on these."""
    only_a: int
    """Problems that A was asked and B was not."""
    only_b: int
    """Problems that B was asked and A was not."""
    partly: int
    """Problems that both sides were asked, but not each of their arms; left out."""
    answers_a: int
    """Most answers per problem and arm of A."""
    answers_b: int
    """Most answers per problem and arm of B."""
    accuracy_a: float
    """Mean over arms and problems, a problem with several answers counting once."""
    accuracy_b: float
    """As `accuracy_a`, of B."""
    difference: Estimate
    """Accuracy of B less that of A, in shares, with the paired interval; `seeds` are the arms of both."""
    seed_sd_a: float | None
    """Standard deviation of the accuracies of A's arms; `None`: a single arm."""
    seed_sd_b: float | None
    """As `seed_sd_a`, of B."""
    test: Test
    """How `p` was found."""
    p: float
    """Two-sided p-value of no difference."""
    p_holm: float
    """`p` after Holm's correction over all comparisons of the study."""
    p_mid: float | None
    """Mid-p version of McNemar's test; `None` where a side has several answers or arms."""
    p_sign_flip: float | None
    """Of these very arms, by flipping signs; `None` where McNemar's test was made."""
    z_unpaired: float | None
    """z of two independent samples, as lm-eval compares; `None` where no answer varies."""
    p_unpaired: float | None
    """Its two-sided p-value."""
    a_alone: int
    """Problems that A has right more often than B; of single answers: A right, B wrong."""
    b_alone: int
    """Problems that B has right more often than A."""
    correlation: float | None
    """Pearson's, of A and B over problems; `None` where a side is right always or never."""
    needed: int
    """Problems that would tell a difference of the margin with 80 % power, at this discordance."""
    outcome: Outcome
    """B against A; *better* or *worse* where `p_holm` is at most 1 − the level of the interval."""
    statement: str = ""
    """All this in one sentence."""


class PairedStudy(Record):
    """All pairs of sides on all benchmarks that they share: one family of tests."""

    version: int = 1
    sides: tuple[Side, ...]
    """In the order in which they were given."""
    comparisons: tuple[PairedComparison, ...]
    """By benchmark, then by pair."""
    level: float
    """Confidence level of each interval, taken alone."""
    margin: float
    """Smallest difference of interest, in accuracy."""
    resamples: int
    """Of the bootstrap over problems."""
    seed: int
    """Root of bootstrap and sign-flips."""
    notes: tuple[str, ...] = ()
    """What was left out, or is to be kept in mind, in sentences."""
