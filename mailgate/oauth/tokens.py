"""Which access token may a desk log in with now? One for all its connections, renewed before it ends."""

import fcntl
import json
import os
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mailgate.errors import AuthorizationRefusedError, TemporaryError
from mailgate.oauth import endpoint
from mailgate.oauth.endpoint import Client, Grant

EARLY_SECONDS = 60.0
"""A token is renewed so long before its end: it has to last until the server has looked at it."""


@dataclass(slots=True)
class Tokens:
    """The tokens of one desk. Safe to use from any thread; other processes may use the same file."""

    desk: str
    file: Path
    """Where the refresh token is kept."""
    monotonic: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _access: str = field(default="", repr=False)
    _until: float = 0.0
    _asking: "Future[str] | None" = field(default=None, repr=False)
    _unwritten: tuple[str, str] = field(default=("", ""), repr=False)
    """A refresh token of the file, and the one in its place that could not be written: a full disk."""

    def asked(self, who: Client, refused: str = "") -> "Future[str]":
        """A token that can be used now, and is not the one that the mail server `refused`.

        The future raises AuthorizationRefusedError when somebody has to consent anew, else TemporaryError.
        """
        with self._lock:
            if self._access not in ("", refused) and self.monotonic() < self._until - EARLY_SECONDS:
                found: Future[str] = Future()
                found.set_result(self._access)
                return found
            if self._asking is None or self._asking.done():
                self._asking = self._begun(who)
            return self._asking

    def look(self) -> None:
        """Raises as `asked` when there is no refresh token that can be read; asks nobody."""
        _read(self.file, self.desk)

    def _begun(self, who: Client) -> "Future[str]":
        """All who want a token meanwhile wait for this one; a thread of its own, so that nobody else does."""
        promise: Future[str] = Future()
        promise.set_running_or_notify_cancel()  # else who no longer waits would end it for the others
        name = f"token {self.desk}"
        threading.Thread(target=self._renew, args=(who, promise), name=name, daemon=True).start()
        return promise

    def _renew(self, who: Client, promise: "Future[str]") -> None:
        try:
            grant = self._renewed(who)
        except Exception as error:  # whoever waits raises it
            promise.set_exception(error)
            return
        with self._lock:
            self._access, self._until = grant.access_token, self.monotonic() + grant.seconds
        promise.set_result(grant.access_token)

    def _renewed(self, who: Client) -> Grant:
        with _alone(self.file):
            kept = _read(self.file, self.desk)
            present = self._unwritten[1] if kept == self._unwritten[0] else kept
            try:
                grant = endpoint.renewed(who, present)
            except AuthorizationRefusedError as error:
                raise AuthorizationRefusedError(f"{error}: {remedy(self.desk)}") from None
            # A rotated token (RFC 6749, section 6) is durable before what came with it is used.
            self._unwritten = kept, grant.refresh_token or present
            if self._unwritten[1] != kept:
                write(self.file, self._unwritten[1])
            self._unwritten = "", ""
        return grant


def remedy(desk: str) -> str:
    """What an admin does about it."""
    return f"run `mailgate authorize {desk}`"


def path(state_dir: Path, desk: str) -> Path:
    return state_dir / f"oauth-{desk}.json"


def store(tokens: Tokens, refresh_token: str) -> None:
    """Keep what somebody's consent gave. Raises TemporaryError when it cannot be written."""
    try:
        tokens.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise TemporaryError(f"{tokens.file.parent}: cannot be made: {error.strerror}") from None
    with _alone(tokens.file):
        write(tokens.file, refresh_token)


def write(file: Path, refresh_token: str) -> None:
    """Whole or not at all, also when the power goes. Raises TemporaryError."""
    content = {"refresh_token": refresh_token, "written_at": datetime.now(UTC).isoformat(timespec="seconds")}
    try:
        _replace(file, json.dumps(content).encode("ascii"))
    except OSError as error:
        raise TemporaryError(f"{file}: the refresh token cannot be written: {error.strerror}") from None


def _replace(file: Path, octets: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as new:
            _give_to_owner(new.fileno(), file.parent)
            new.write(octets)
            new.flush()
            os.fsync(new.fileno())
        os.replace(name, file)  # noqa: PTH105  # beside its fsync, which pathlib has not
    except BaseException:
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108  # as above
        raise
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _give_to_owner(handle: int, folder: Path) -> None:
    """What root writes by hand must be of use to the service, whose folder it is."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(handle, owner.st_uid, owner.st_gid)


def _read(file: Path, desk: str) -> str:
    """The refresh token. Raises AuthorizationRefusedError when there is none."""
    try:
        with file.open(encoding="utf-8") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            content = json.load(opened)
    except FileNotFoundError:
        raise AuthorizationRefusedError(f"there is no token yet: {remedy(desk)}") from None
    except OSError as error:
        raise TemporaryError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        content, mode = None, 0
    if mode & 0o007:
        raise TemporaryError(f"{file}: everybody on this machine may use it ({mode:04o}): chmod 600 {file}")
    token = content.get("refresh_token") if isinstance(content, dict) else None
    if not isinstance(token, str) or not token:
        raise AuthorizationRefusedError(f"{file} holds no token: {remedy(desk)}")
    return token


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """`mailgate check` beside the service: two renewals at once would void each other's refresh token."""
    try:
        handle = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:  # no folder, so there is no token in it either
        yield
        return
    except OSError as error:
        raise TemporaryError(f"{file.with_suffix('.lock')}: cannot be opened: {error.strerror}") from None
    try:
        _give_to_owner(handle, file.parent)
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
