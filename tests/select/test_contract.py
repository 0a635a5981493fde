"""The contract of `titrant.testing.strategies`, over all strategies and over what combines them."""

import pytest

from titrant.select.rank import STRATEGIES
from titrant.testing.strategies import STRATEGY_CHECKS

COMBINED = (
    "confidence+coverage",
    "confidence+center",
    "ifd+novelty",
    "random+coverage",
    "random@4",
    "ifd@1",
    "longest@all",
    "limo@3",
    "s1+coverage@2",
    "confidence~length",
    "confidence-low~difficulty",
    "ifd+novelty@1~source",
    "s1~domain",
    "min-k+++coverage@all~length",
)


@pytest.mark.parametrize("name", [*STRATEGIES, *COMBINED])
def test_a_strategy_holds_to_the_contract(name):
    for check in STRATEGY_CHECKS:
        check.run(name)
