"""How does a mailgate live and die? A real process, killed with SIGKILL, and whatever it leaves behind."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from crash.nursery import Forked, Nursery

ABOUT_A_MAIL = " desk="
"""Every line of the log about a mail that came in or left has it."""
GOOD_ENDS = (0, 75)
"""75: PostgreSQL has not yet noticed that the one before was killed, and holds its lock."""
STILL = ("T", "Z")
"""States of a process that starts no child any more: stopped, or at its end."""
GONE_WITHIN = 60.0
"""Seconds: a reading worker whose parent died sees the end of its pipe and leaves."""


@dataclass(slots=True)
class Life:
    """One process of mailgate."""

    settings: Path
    log: Path
    arguments: Sequence[str]
    nursery: Nursery | None = None
    """Forks it off; None: it is started as a shell starts it."""
    born_at: float = 0.0
    """time.time() of the start."""
    _process: "subprocess.Popen[bytes] | Forked | None" = None
    _children: list[int] = field(default_factory=list)
    """Handles (pidfd) of what it had started when it was killed."""

    def begin(self) -> None:
        command = [sys.executable, "-m", "mailgate.cli", "--settings", str(self.settings), *self.arguments]
        self.born_at = time.time()
        if self.nursery is not None:
            self.log.touch()
            self._process = self.nursery.fork(self.log, once="--once" in self.arguments)
            return
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stderr=log)

    def age(self) -> float:
        return time.time() - self.born_at

    def sleep_until(self, age: float) -> None:
        time.sleep(max(0.0, age - self.age()))

    def sleep_until_line(self, count: int, age: float) -> None:
        """Until it has written so many lines about mails; at the longest until that age."""
        while self.age() < age and self.log.read_bytes().count(ABOUT_A_MAIL.encode()) < count:
            time.sleep(0.001)

    def wait(self) -> int:
        """Its exit code; TimeoutExpired when it never ends."""
        assert self._process is not None
        return self._process.wait(120)

    def kill(self) -> bool:
        """Only this process, not its workers; False when it had ended by itself.

        RuntimeError when that was no good end: it would be so for ever.
        """
        assert self._process is not None
        pid = self._process.pid
        if self._process.poll() is not None:
            self._expect_good_end()
            return False
        self._process.send_signal(signal.SIGSTOP)  # so that no child is missed
        while _state(pid) not in STILL:
            time.sleep(0.0005)
        self._children = [os.pidfd_open(child) for child in _descendants(pid)]
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        return True

    def _expect_good_end(self) -> None:
        assert self._process is not None
        if self._process.returncode not in GOOD_ENDS:
            raise RuntimeError(f"it ended with {self._process.returncode}:\n{self.log.read_text()}")

    @property
    def workers(self) -> int:
        """How many processes it had started when it was killed."""
        return len(self._children)

    def left_behind(self) -> int:
        """How many processes of its family are still there after a while; they are ended then."""
        orphans = 0
        for child in self._children:
            if not select.select([child], [], [], GONE_WITHIN)[0]:
                orphans += 1
                signal.pidfd_send_signal(child, signal.SIGKILL)
            os.close(child)
        self._children.clear()
        return orphans

    def work(self) -> tuple[float, float] | None:
        """The ages at its first and its last line about a mail; None when it wrote none."""
        ages = [age for line in self.log.read_text().splitlines() if (age := self._age_of(line)) is not None]
        return (ages[0], ages[-1]) if ages else None

    def _age_of(self, line: str) -> float | None:
        if ABOUT_A_MAIL not in line:
            return None
        with suppress(ValueError):
            return datetime.fromisoformat(line[:23].replace(",", ".")).timestamp() - self.born_at
        return None


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _descendants(pid: int) -> list[int]:
    children = [
        int(child)
        for path in Path(f"/proc/{pid}/task").glob("*/children")
        for child in path.read_text().split()
    ]
    return children + [one for child in children for one in _descendants(child)]
