"""One answer per question, or several: `@K` and `@all` after a strategy's name.

`@K` puts K rows of each question before any question gets more: the K best of each in the order of the
strategy, then the next K of each, and so on. `@1` is as many questions as the dose has rows.
`@all` is the other end: all rows of a question stand together, and questions follow each other in the
order of their best row; sixteen answers to one question before the next question.

Rows that a strategy has ruled out or could not score stay behind all others, in the order that they had.
Open question either way: OpenThoughts3 (arXiv 2506.04178) found sixteen answers per question best or
tied with more questions at 31,600 rows.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from titrant.select.strategies.order import parted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from titrant.select.strategies.base import Placed


def in_blocks(placed: Sequence[Placed], question: np.ndarray, k: int) -> list[Placed]:
    """The order with at most `k` rows per question before any question gets more.

    Args:
        placed: an order.
        question: number of each candidate's question, int64 [candidates].
        k: ≥ 1.
    """
    kept, last = parted(placed)
    seen: dict[int, int] = defaultdict(int)
    blocks: dict[int, list[Placed]] = defaultdict(list)
    for row in kept:
        number = int(question[row.at])
        blocks[seen[number] // k].append(row)
        seen[number] += 1
    return [row for block in sorted(blocks) for row in blocks[block]] + last


def together(placed: Sequence[Placed], question: np.ndarray) -> list[Placed]:
    """The order with all rows of a question side by side, questions by their best row."""
    kept, last = parted(placed)
    groups: dict[int, list[Placed]] = defaultdict(list)
    for row in kept:
        groups[int(question[row.at])].append(row)
    return [row for group in groups.values() for row in group] + last
