"""How do many small writes share one commit?

A commit waits for the disk; what several senders want written meanwhile goes into the next one together.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from mailgate.store.database import Store

T = TypeVar("T")


class Ledger:
    """Writes from coroutines of one event loop; the transactions run in a thread beside it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Callable[[Connection], object], asyncio.Future[object]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def write(self, action: Callable[[Connection], T]) -> T:
        """Durable when it returns. An error of one action fails all that share its transaction.

        An action may be called again, in a new transaction, when the database gave up the first one.
        """
        return await self.post(action)

    def post(self, action: Callable[[Connection], T]) -> "asyncio.Future[T]":
        """The same, to be awaited later."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((action, future))  # type: ignore[arg-type]  # Future is invariant
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        return future

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                results = await asyncio.to_thread(self._commit, [action for action, _ in batch])
            except Exception as error:  # whoever waits has to know, whatever it was
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, future), result in zip(batch, results, strict=True):
                    if not future.done():  # whoever waited was cancelled; it is written all the same
                        future.set_result(result)

    def _commit(self, actions: list[Callable[[Connection], object]]) -> list[object]:
        # Begun anew after a deadlock: what a server answered must not be forgotten, or the mail leaves twice.
        return self._store.written(lambda write: [action(write) for action in actions])
