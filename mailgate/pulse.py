"""Is every part of the service still doing its work?

The watchdog is fed from here, and only from proven work: a loop that hangs withholds it.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

STARTING = "starting"
"""The trouble of a part that has not done anything yet."""


@dataclass(slots=True)
class Part:
    """One loop of the service."""

    limit: float
    """Seconds after which silence means that it hangs."""
    beat_at: float
    trouble: str = STARTING
    """What keeps it from its work, "" when nothing does; a part in trouble still beats while it retries."""


@dataclass(slots=True)
class Pulse:
    """Beats of all parts; safe to use from any thread."""

    monotonic: Callable[[], float] = time.monotonic
    parts: dict[str, Part] = field(default_factory=dict)
    holder_of: dict[str, bool] = field(default_factory=dict)
    """Whether this instance serves the mailbox of a desk; false where another one does."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def expect(self, name: str, limit: float) -> None:
        with self._lock:
            self.parts[name] = Part(limit, self.monotonic())

    def forget(self, name: str) -> None:
        """It is no part of the service any more; what it still says on its way out is not heard."""
        with self._lock:
            self.parts.pop(name, None)

    def beat(self, name: str, trouble: str = "") -> bool:
        """It works, or it says what keeps it; True when that is news."""
        with self._lock:
            part = self.parts.get(name)
            if part is None:
                return False
            part.beat_at = self.monotonic()
            news = part.trouble != trouble
            part.trouble = trouble
            return news

    def alive(self, name: str) -> None:
        """In the middle of long work, which is neither trouble nor its end."""
        with self._lock:
            if name in self.parts:
                self.parts[name].beat_at = self.monotonic()

    def hanging(self) -> list[str]:
        """Parts that gave no sign of life for too long."""
        with self._lock:
            now = self.monotonic()
            return [name for name, part in self.parts.items() if now - part.beat_at > part.limit]

    def troubles(self) -> dict[str, str]:
        """What each part waits for, "" where nothing keeps it."""
        with self._lock:
            return {name: part.trouble for name, part in self.parts.items()}
