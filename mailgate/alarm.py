"""The edge where an alarm leaves by another path than mail: a command of the admin's; and what was told."""

import contextlib
import logging
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from mailgate.desk.alarms import Spell
from mailgate.logs import printable

log = logging.getLogger("mailgate")

COMMAND_SECONDS = 60.0
MOST_TEXT = 32 * 1024
"""Octets on stdin."""
MOST_OUTPUT = 2000
"""Octets of what the command says that are logged; it may say any amount."""
MOST_REMEMBERED = 1024 * 1024
"""Octets of the file that remembers."""
_LOOK_EVERY = 0.1
"""Seconds between two looks whether it has ended: a child of its own may hold its stdout open."""
# Nothing of ours but these: a password may stand in the environment (`env:NAME`).
_ENVIRONMENT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_PATH = "/usr/local/bin:/usr/bin:/bin"


# --- the command ------------------------------------------------------------------------------------------


def program(command: str, base: Path) -> list[str] | None:
    """The words of the command, its program found; None when there is none that can be run.

    `base`: where a relative path starts. ValueError when it cannot be split into words.
    """
    words = shlex.split(command)
    if not words:
        return None
    name = str(base / words[0]) if "/" in words[0] else words[0]
    found = shutil.which(name, path=os.environ.get("PATH", _PATH))
    return [found, *words[1:]] if found and Path(found).is_file() else None


def run(
    command: str, text: str, about: Mapping[str, str], base: Path, seconds: float = COMMAND_SECONDS
) -> bool:
    """Run alert_command with the text on its stdin; whether it ended well. Its failure is logged."""
    try:
        words = program(command, base)
        if words is None:
            raise FileNotFoundError(f"no program that can be run: {command.split()[:1]}")
        said = _spoken(words, text, about, base, seconds)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        log.critical("alert_command failed: %s", error)
        return False
    log.info("alert_command has run: %s", said or "it said nothing")
    return True


def _spoken(words: Sequence[str], text: str, about: Mapping[str, str], base: Path, seconds: float) -> str:
    """What it said. SubprocessError when it failed or did not end; its whole process group is gone then."""
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    with _stdin(text) as stdin, subprocess.Popen(  # noqa: S603  # the admin's own command, and no shell
        words, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=base,
        env={"PATH": _PATH, **environment, **about}, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            said = _one_line(_heard(process, seconds))
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            # Not its own words: they show the arguments, and a secret may stand there.
            said = _one_line(error.output)
            raise subprocess.SubprocessError(f"not ended within {seconds:g} s, killed: {said}") from None
    if process.returncode:
        raise subprocess.SubprocessError(f"exit status {process.returncode}: {said}")
    return said


@contextlib.contextmanager
def _stdin(text: str) -> Iterator[int]:
    """A file in memory: whoever does not read it holds nobody up, and a full disk does not matter.

    The command may show it on a terminal, and words of a server stand in it.
    """
    handle = os.memfd_create("alarm")
    text = "\n".join(map(printable, text.split("\n")))
    try:
        os.write(handle, text.encode("utf-8", "replace")[:MOST_TEXT].decode("utf-8", "ignore").encode())
        os.lseek(handle, 0, os.SEEK_SET)
        yield handle
    finally:
        os.close(handle)


def _heard(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """The beginning of what it says until it ends; the rest is read, so that it can end, and dropped."""
    if process.stdout is None:
        raise RuntimeError("no pipe from the command")
    stdout, said, until = process.stdout.fileno(), b"", time.monotonic() + seconds
    open_ = [stdout]
    while time.monotonic() < until:
        ended = process.poll() is not None  # asked before: what it said last is still read
        ready, _, _ = select.select(open_, [], [], 0 if ended else _LOOK_EVERY)
        if ready:
            octets = os.read(stdout, 65536)
            said += octets[: MOST_OUTPUT - len(said)]
            open_ = open_ if octets else []
        elif ended:
            return said
    raise subprocess.TimeoutExpired(process.args, seconds, said)


def _one_line(octets: bytes | None) -> str:
    return " ".join(printable((octets or b"").decode("utf-8", "replace").replace("\n", " ")).split())


# --- what was told ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Memory:
    """Spells of trouble in a small file: it outlives restarts, and needs no database."""

    path: Path
    teller: str = field(default_factory=lambda: f"{socket.gethostname()[:40]}:{os.getpid()}")
    _unwritten: dict[str, Spell] | None = None

    def recalled(self) -> dict[str, Spell]:
        """What is remembered; that of tellers who are gone is ours."""
        if self._unwritten is not None:
            return self._unwritten
        return {spell.part: self._adopted(spell) for spell in self._read()}

    def _adopted(self, spell: Spell) -> Spell:
        return spell if _is_there(spell.teller) else replace(spell, teller=self.teller)

    def _read(self) -> list[Spell]:
        try:
            with self.path.open("rb") as file:
                return msgspec.json.decode(file.read(MOST_REMEMBERED), type=list[Spell])
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:  # a file that cannot be read must not silence an alarm
            log.warning("%s: what was told of trouble cannot be read: %s", self.path, error)
            return []

    def keep(self, spells: Mapping[str, Spell]) -> None:
        """Replaces the file as a whole. A disk that is full is remembered by this process alone."""
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.encode(list(spells.values())))
            fresh.replace(self.path)
            self._unwritten = None
        except OSError as error:
            if self._unwritten is None:
                log.warning("%s: what was told of trouble cannot be kept: %s", self.path, error)
            self._unwritten = dict(spells)
            with contextlib.suppress(OSError):
                fresh.unlink()


def _is_there(teller: str) -> bool:
    """Whether the process still runs; one of another machine is taken to."""
    host, _, pid = teller.rpartition(":")
    if host != socket.gethostname()[:40]:
        return True
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
