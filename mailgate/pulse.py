"""Is every part of the service still doing its work?

The watchdog is fed from here, and only from proven work: a loop that hangs withholds it.
"""

import threading
import time
from collections.abc import Callable, Mapping
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
    since: float = 0
    """When that began, whatever it was at first."""
    at_once: bool = False
    """Waiting does not mend it."""


@dataclass(frozen=True, slots=True)
class Ailing:
    """A part that does not do its work."""

    name: str
    trouble: str
    seconds: float
    """For how long."""
    at_once: bool


@dataclass(slots=True)
class Pulse:
    """Beats of all parts; safe to use from any thread."""

    monotonic: Callable[[], float] = time.monotonic
    parts: dict[str, Part] = field(default_factory=dict)
    holder_of: dict[str, bool] = field(default_factory=dict)
    """Whether this instance serves the mailbox of a desk; false where another one does."""
    remarks: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Trouble that is no part's, as the alarm sees it in the store; with the moment since when."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def expect(self, name: str, limit: float) -> None:
        with self._lock:
            now = self.monotonic()
            self.parts[name] = Part(limit, now, since=now)

    def forget(self, name: str) -> None:
        """It is no part of the service any more; what it still says on its way out is not heard."""
        with self._lock:
            self.parts.pop(name, None)

    def beat(self, name: str, trouble: str = "", *, at_once: bool = False) -> bool:
        """It works, or it says what keeps it; True when that is news."""
        with self._lock:
            part = self.parts.get(name)
            if part is None:
                return False
            part.beat_at = self.monotonic()
            news = part.trouble != trouble
            if not part.trouble:
                part.since = part.beat_at
            part.trouble, part.at_once = trouble, at_once
            return news

    def alive(self, name: str) -> None:
        """In the middle of long work, which is neither trouble nor its end."""
        with self._lock:
            if name in self.parts:
                self.parts[name].beat_at = self.monotonic()

    def remark(self, found: Mapping[str, str]) -> None:
        """What is wrong besides the parts now; what is not named is over."""
        with self._lock:
            now = self.monotonic()
            self.remarks = {
                name: (text, self.remarks[name][1] if name in self.remarks else now)
                for name, text in found.items()
            }

    def hanging(self) -> list[str]:
        """Parts that gave no sign of life for too long."""
        with self._lock:
            now = self.monotonic()
            return [name for name, part in self.parts.items() if now - part.beat_at > part.limit]

    def troubles(self) -> dict[str, str]:
        """What each part waits for, "" where nothing keeps it; then the remarks."""
        with self._lock:
            parts = {name: part.trouble for name, part in self.parts.items()}
            return parts | {name: text for name, (text, _) in self.remarks.items()}

    def ailing(self) -> list[Ailing]:
        """Every part in trouble and every one that hangs, the remarks left out."""
        hanging = set(self.hanging())
        with self._lock:
            now = self.monotonic()
            return [
                Ailing(name, "hanging", now - part.beat_at, at_once=True)
                if name in hanging
                else Ailing(name, part.trouble, now - part.since, part.at_once)
                for name, part in self.parts.items()
                if part.trouble or name in hanging
            ]

    def lasting(self) -> dict[str, float]:
        """For how many seconds everything that is wrong has been so; 0 for the parts that work."""
        ailing = {one.name: one.seconds for one in self.ailing()}
        with self._lock:
            now = self.monotonic()
            return (
                dict.fromkeys(self.parts, 0.0)
                | ailing
                | {name: now - since for name, (_, since) in self.remarks.items()}
            )
