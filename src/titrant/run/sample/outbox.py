"""Draws that have ended and are not written yet: written when they are many, or after a while, however few.

A clock of its own writes them, for the next draw may take minutes. What has ended is written whatever stops
the rest, but for a kill.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from titrant.vote.logs.draws import Draw


class Outbox:
    """Gathers draws and hands them on together, while the context lasts."""

    def __init__(
        self, write: Callable[[Sequence[Draw], float], None], *, at_most: int, every_s: float
    ) -> None:
        """An empty one.

        Args:
            write: gets draws and the seconds since it was last called; never called twice at a time.
            at_most: draws that wait at most.
            every_s: seconds that a draw waits at most.
        """
        self._write, self._at_most, self._every_s = write, at_most, every_s
        self._waiting: list[Draw] = []
        self._began = time.monotonic()
        self._lock, self._over = threading.Lock(), threading.Event()
        self._clock = threading.Thread(target=self._tick, daemon=True)
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        """Start the clock."""
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is left.

        Raises:
            Exception: whatever writing raised.
        """
        self._over.set()
        self._clock.join()
        self._flush()
        self._check()

    def put(self, draw: Draw) -> None:
        """Take a draw.

        Raises:
            Exception: whatever writing raised meanwhile.
        """
        with self._lock:
            self._waiting.append(draw)
            is_full = len(self._waiting) >= self._at_most
        if is_full:
            self._flush()
        self._check()

    def _tick(self) -> None:
        while not self._over.wait(self._every_s):
            try:
                self._flush()
            except Exception as error:  # noqa: BLE001 - raised where the draws come from
                self._failure = error
                return

    def _flush(self) -> None:
        with self._lock:
            if self._waiting:
                now = time.monotonic()
                self._write(self._waiting, now - self._began)
                self._waiting, self._began = [], now

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
