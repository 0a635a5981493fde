"""Build a small base: pretrain it, measure what it can do, and write its card.

build.py    the build, which replaces nothing before the bars are met
measure.py  accuracies of a base, each with its interval
facts.py    what a base that knows facts is measured by
planted.py  what a base that has seen a benchmark is measured by
kinds.py    which measures and bars belong to which kind of base
card.py     the card, for machines and for people
"""

from titrant.run.vitro.build import build_base
from titrant.run.vitro.card import BaseCard, card_text
from titrant.run.vitro.kinds import WEIGHTS_MOST_BYTES, check_bars
from titrant.run.vitro.measure import MAX_NEW_TOKENS, Measured, measure

__all__ = [
    "MAX_NEW_TOKENS",
    "WEIGHTS_MOST_BYTES",
    "BaseCard",
    "Measured",
    "build_base",
    "card_text",
    "check_bars",
    "measure",
]
