"""Many requests to one server: some at a time, in an event loop of its own thread, results as they come."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import TYPE_CHECKING, TypeVar

from titrant.engines.http.client import as_engine_error, is_of_the_server, make_client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from openai import AsyncOpenAI

    from titrant.settings import ServerSettings

T = TypeVar("T")

LISTENER_S = 0.2
"""Seconds between two looks at whether anybody still listens."""


def serve(
    settings: ServerSettings, n: int, one: Callable[[AsyncOpenAI, int], Awaitable[T]]
) -> Iterator[tuple[int, T]]:
    """Run `one` for each index from 0 to n − 1, `concurrency` at a time; yield (index, what it gave).

    The first error ends the work, after all that had come was yielded; and so does a caller who stops
    listening: what is under way is cancelled, and its connections are closed.

    Raises:
        EngineError: the server stays away or refuses us.
        Exception: whatever else `one` raised.
    """
    found: queue.Queue[tuple[int, T] | BaseException] = queue.Queue()
    over = threading.Event()

    def work() -> None:
        try:
            asyncio.run(_all(settings, n, one, found, over))
        except BaseException as error:  # noqa: BLE001 - handed to the caller below
            found.put(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        for _ in range(n):
            item = found.get()
            if isinstance(item, BaseException) and is_of_the_server(item):
                raise as_engine_error(item, settings) from item
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        over.set()
        thread.join()


async def _all(
    settings: ServerSettings,
    n: int,
    one: Callable[[AsyncOpenAI, int], Awaitable[T]],
    found: queue.Queue[tuple[int, T] | BaseException],
    over: threading.Event,
) -> None:
    todo = iter(range(n))

    async def work(client: AsyncOpenAI) -> None:
        for i in todo:
            found.put((i, await one(client, i)))

    async with make_client(settings) as client:
        workers = {asyncio.ensure_future(work(client)) for _ in range(min(settings.concurrency, n))}
        try:
            while workers and not over.is_set():
                done, workers = await asyncio.wait(
                    workers, timeout=LISTENER_S, return_when=asyncio.FIRST_COMPLETED
                )
                for worker in done:
                    worker.result()  # raises what ended it
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
