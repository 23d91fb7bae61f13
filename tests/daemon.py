"""How does the real process behave, as a shell and systemd see it?"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from servers import private

COMMAND = (sys.executable, "-m", "mailgate.cli")
LEAVES_WITHIN = 10.0
"""Seconds that a stopped service may still take: issue and unit file say so."""


def mailgate(settings: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One command, run to its end."""
    return subprocess.run(
        [*COMMAND, "--settings", str(settings), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,  # less than a test may take
        env={**os.environ, **environment},
    )


class Daemon:
    """`mailgate run`, with a socket in the place of systemd's; is gone on leaving."""

    def __init__(self, settings: Path, watchdog_seconds: float = private.PATIENCE) -> None:
        self._settings = settings
        self._systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = f"mailgate-test-{secrets.token_hex(8)}"  # abstract: a path in tmp_path may be too long
        self._systemd.bind("\0" + name)
        self._environment = {
            "PYTHONFAULTHANDLER": "1",
            "NOTIFY_SOCKET": "@" + name,
            "WATCHDOG_USEC": str(round(watchdog_seconds * 1_000_000)),
        }
        self._lines: list[str] = []
        self._heard: list[str] = []
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        command = [*COMMAND, "--settings", str(self._settings), "run"]
        self.process = subprocess.Popen(
            private.guarded(command),
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self._environment},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
        self._systemd.close()

    def hears(self, word: str, seconds: float = private.PATIENCE) -> None:
        """Until systemd was told so; what came before it is taken as heard."""
        deadline = time.monotonic() + seconds
        while True:
            self._systemd.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                said = self._systemd.recv(4096).decode()
            except TimeoutError:
                raise TimeoutError(f"systemd was not told {word} but {self._heard}:\n{self.log()}") from None
            self._heard.append(said)
            if said == word:
                return

    def says(self, words: str, times: int = 1, seconds: float = private.PATIENCE) -> str:
        """The line with these words, as soon as it stands in the log for the n-th time."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.lines(words)) >= times, seconds):
                raise TimeoutError(f"{words!r} is not in the log:\n" + "\n".join(self._lines))
            return self.lines(words)[times - 1]

    def lines(self, words: str) -> list[str]:
        return [line for line in self._lines if words in line]

    def log(self) -> str:
        return "\n".join(self._lines)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to leave; its exit status. TimeoutError tells where it stood when it stayed too long."""
        self.process.send_signal(how)
        try:
            status = self.process.wait(3 * LEAVES_WITHIN)  # the machine may stand still
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self._reader.join()
            raise TimeoutError(f"it does not leave:\n{self.log()}") from None
        self._reader.join()
        return status

    def children(self) -> list[int]:
        """Its reading workers."""
        return [pid for pid in _processes() if _parent(pid) == self.process.pid]

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body, as a monitoring system gets them."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=private.PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def becomes_healthy(port: int, seconds: float = private.PATIENCE) -> bool:
    """Whether every part has worked once; time and submission may come after the mailboxes."""
    end = time.monotonic() + seconds
    while get(port, "/healthz")[0] != 200 and time.monotonic() < end:
        time.sleep(0.02)
    return get(port, "/healthz")[0] == 200


def alive(pid: int) -> bool:
    """Whether it still runs; one that nobody has buried yet does not."""
    return _stat(pid)[:1] not in ([], ["Z"])


def _processes() -> Sequence[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _parent(pid: int) -> int:
    return int((_stat(pid) or ["", "0"])[1])


def _stat(pid: int) -> list[str]:
    """State, parent, …; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
