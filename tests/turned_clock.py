"""How does a test see a time-out of minutes in no time, and never one that a busy machine brings about?

By an event loop whose clock it turns. Patience in a test is then as long as in earnest: it bites when the
test turns the clock and not before, however long the machine stands still.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")
STEP = 10.0
"""Seconds, each in the time of one look at what is to happen."""


class TurnedLoop(asyncio.SelectorEventLoop):
    """For asyncio.Runner(loop_factory=TurnedLoop)."""

    ahead = 0.0
    """Seconds by which it was turned."""

    def time(self) -> float:
        return super().time() + self.ahead

    def turn(self, seconds: float) -> None:
        """From any thread."""
        self.ahead += seconds
        with suppress(RuntimeError):  # it has come to its end
            self.call_soon_threadsafe(lambda: None)  # else it would sleep until the moment it had in mind


async def as_time_flies(work: Awaitable[T]) -> T:
    """What comes of it while one patience after the other runs out."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, TurnedLoop)
    task = asyncio.ensure_future(work)
    while not task.done():
        loop.turn(STEP)
        await asyncio.sleep(0.001)
    return await task
