"""The rows that wait to be drawn, and how many fit the memory side by side."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from titrant.engines.drawing.caches import is_plain
from titrant.engines.drawing.choose import Wanted
from titrant.engines.drawing.rows import Drawn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from titrant.engines.drawing.crowd import Crowd
    from titrant.engines.drawing.rows import Admitted

JOIN_SHARE = 0.25
"""Rows join others when this share of the room is free: joining copies the cache."""


class Line:
    """Rows that wait, the longest first."""

    def __init__(self, rows: Sequence[tuple[int, Admitted]], budget: int) -> None:
        """Takes rows in any order; equal lengths keep theirs.

        Args:
            rows: (number, what is asked).
            budget: tokens side by side, rows × longest prompt and new tokens; one row is always fed.
        """
        self.waiting = deque(sorted(rows, key=lambda item: -_length(item[1])))
        self._budget = budget
        requests = [row.request for _, row in rows]
        self.is_greedy = all(request.temperature == 0 for request in requests)
        self.wanted = Wanted(
            max((request.top_logprobs for request in requests), default=0),
            any(request.with_distribution for request in requests),
        )
        self.fed = self.longest = 0
        """Rows that are fed side by side since the last admission, and the length of the longest."""

    def admit(
        self, crowd: Crowd | None, cancelled: Callable[[int], bool]
    ) -> tuple[list[tuple[int, Admitted]], list[tuple[int, Drawn]]]:
        """Rows that begin now, and those that are over since nobody wants them any more."""
        fresh: list[tuple[int, Admitted]] = []
        unwanted: list[tuple[int, Drawn]] = []
        room = self._room(crowd)
        while self.waiting and len(fresh) < room:
            number, row = self.waiting.popleft()
            if cancelled(number):
                unwanted.append((number, Drawn(row, number, stop_reason="cancelled")))
            else:
                fresh.append((number, row))
        self.fed = len(fresh) + (0 if crowd is None else len(crowd.rows))
        return fresh, unwanted

    def _room(self, crowd: Crowd | None) -> int:
        """How many rows may begin."""
        if not self.waiting:
            return 0
        going = [] if crowd is None else [_length(row.admitted) for row in crowd.rows]
        self.longest = max([_length(self.waiting[0][1]), *going])
        most = max(1, self._budget // self.longest)
        free = most - len(going)
        if crowd is None:
            return free
        return free if free >= JOIN_SHARE * most and is_plain(crowd.cache) else 0


def _length(row: Admitted) -> int:
    return len(row.prompt_ids) + row.limit
