"""ROUGE-L: how much of a reference text a generated one has, in order.

    P = LCS / |generated|,  R = LCS / |reference|,  F = 2PR / (P + R)

with LCS the length of the longest common subsequence of tokens (by rapidfuzz). Tokens are runs of letters
and digits, and every other character that is no white space by itself, folded to lower case.

Source: Lin (2004), *ROUGE: a package for automatic evaluation of summaries*, §3. Difference: signs are
tokens, since a question of arithmetic has little else; no stemming.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from rapidfuzz.distance import LCSseq

_PIECE = re.compile(r"\w+|[^\w\s]")


class Rouge(NamedTuple):
    """Precision, recall and F of one pair of texts, in [0, 1]; NaN where the reference is empty."""

    precision: float
    recall: float
    f: float


def pieces(text: str) -> list[str]:
    """The tokens of a text.

    Example:
        >>> pieces("Tom's 3+4=")
        ['tom', "'", 's', '3', '+', '4', '=']
    """
    return _PIECE.findall(text.casefold())


def rouge_l(generated: str, reference: str) -> Rouge:
    """ROUGE-L of a generated text; all 0 where nothing was generated.

    Example:
        >>> print("%.3f %.3f %.3f" % rouge_l("a b x c", "a b c d e"))
        0.750 0.600 0.667
    """
    mine, theirs = pieces(generated), pieces(reference)
    if not theirs:
        return Rouge(math.nan, math.nan, math.nan)
    common = LCSseq.similarity(mine, theirs)
    if not common:
        return Rouge(0.0, 0.0, 0.0)
    precision, recall = common / len(mine), common / len(theirs)
    return Rouge(precision, recall, 2 * precision * recall / (precision + recall))
