"""Tables of readings in which every arm's accuracy is what the test says, to half a problem.

A problem is solved where its difficulty lies under the arm's accuracy. Difficulties are spread evenly
and shared by all arms, so arms are paired as closely as they can be.
"""

from collections.abc import Mapping
from math import gcd

import numpy as np

from titrant.dose.calibration.simulate import Scenario
from titrant.dose.readings import BASE, ArmKey, ReadingTable

DOSES = (0, 4, 32, 128, 1024, 4096)
"""The base and the first round of a pool of 4,096."""


def difficulties(n: int) -> np.ndarray:
    """(0.5, 1.5 … n − 0.5) / n, in an order that nothing could lean on."""
    stride = next(m for m in range(round(0.618 * n), 2 * n) if gcd(m, n) == 1)
    return (np.arange(n) * stride % n + 0.5) / n


def planted(
    accuracy: Mapping[int, float],
    *,
    n: int = 2000,
    seeds: Mapping[int, int] | None = None,
    wobble: float = 0.002,
    strategy: str = "random",
) -> ReadingTable:
    """One arm per dose, or `seeds[dose]` arms whose accuracies are `wobble` apart around the mean."""
    hard = difficulties(n)
    keys, rows = [], []
    for dose, mean in accuracy.items():
        n_arms = (seeds or {}).get(dose, 1)
        for seed in range(n_arms):
            shift = wobble * (seed - (n_arms - 1) / 2)
            keys.append(ArmKey(BASE if dose == 0 else strategy, dose, seed))
            rows.append(hard < mean + shift)
    return table_of(keys, np.array(rows, dtype=float))


def first_round(*accuracy: float, n: int = 2000, wobble: float = 0.002) -> ReadingTable:
    """Base, 4, 32, 128, 1,024 and three seeds of 4,096."""
    response = dict(zip(DOSES, accuracy, strict=True))
    return planted(response, n=n, seeds={4096: 3}, wobble=wobble)


def table_of(keys, score) -> ReadingTable:
    """A table with problem names of its own and no word on truncation."""
    nothing = np.zeros(len(keys))
    qids = tuple(f"q{i:05d}" for i in range(score.shape[1]))
    return ReadingTable(tuple(keys), qids, score, nothing, nothing)


def joined(*tables: ReadingTable) -> ReadingTable:
    """The arms of several tables on the same problems; a base that repeats is kept once."""
    keys, rows = [], []
    for table in tables:
        for key, row in zip(table.arms, table.score, strict=True):
            if key not in keys:
                keys.append(key)
                rows.append(row)
    return table_of(keys, np.array(rows))


def permuted(table: ReadingTable, rng: np.random.Generator) -> ReadingTable:
    """The same readings with arms and problems in another order."""
    shuffled = table.rows(rng.permutation(len(table.arms)).tolist())
    order = rng.permutation(len(table.qids))
    return ReadingTable(
        shuffled.arms,
        tuple(table.qids[i] for i in order),
        shuffled.score[:, order],
        shuffled.truncated,
        shuffled.unreadable,
    )


def made_scenario(shape: str = "hill", **changes) -> Scenario:
    """A simulated titration with little noise: 0.2 → 0.6 around 16 of 1,024 traces."""
    plain = Scenario(
        shape=shape,
        number=0,
        top=1024,
        n_problems=2000,
        paired_share=0.8,
        dispersion=0.0002,
        base=0.2,
        gain=0.4,
        scale=16.0,
        rest=(1.0,) if shape == "hill" else (),
        root=7,
    )
    return plain._replace(**changes)
