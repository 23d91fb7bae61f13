"""What if an IMAP server misbehaves? A small one that does so on demand and writes down what it was asked.

It speaks just enough of RFC 3501 for mailgate's edge. `commands` is what clients sent, without tags;
`on` puts a script in the place of a command.
"""

import re
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from servers import private

HOST = "127.0.0.1"
CAPABILITIES = ("IMAP4rev1", "IDLE", "MOVE", "UIDPLUS", "NAMESPACE")
MONDAY = datetime(2026, 8, 3, 2, 0, tzinfo=UTC)


@dataclass(slots=True)
class Mail:
    """One mail in a folder."""

    uid: int
    raw: bytes
    received_at: datetime = MONDAY
    flags: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Folder:
    """One mailbox in the words of the RFC."""

    uidvalidity: int = 1
    uidnext: int = 1
    mails: list[Mail] = field(default_factory=list)

    def add(self, raw: bytes, received_at: datetime = MONDAY, flags: Iterable[str] = ()) -> int:
        """As a delivery does; returns the UID."""
        self.mails.append(Mail(self.uidnext, raw, received_at, set(flags)))
        self.uidnext += 1
        return self.uidnext - 1


Script = Callable[["Line", str], bool | None]
"""Gets the line and the arguments of the command. True: it gave the tagged answer itself."""


class FakeImap:
    """A server for one account; listens on entering, cuts every connection on leaving."""

    host = HOST

    def __init__(
        self, capabilities: Iterable[str] = CAPABILITIES, *, prefix: str = "", separator: str = "/"
    ) -> None:
        """`prefix` and `separator`: of the personal namespace, "INBOX." and "." on some servers."""
        self.capabilities = list(capabilities)
        self.prefix = prefix
        self.separator = separator
        self.folders: dict[str, Folder] = {"INBOX": Folder()}
        self.port = 0
        self._commands: list[str] = []
        self._changed = threading.Condition()
        self._scripts: dict[str, list[Script]] = {}
        self._lines: set[Line] = set()
        self._listener: socket.socket | None = None
        self._is_over = False
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self._start(self._listen, self._listener)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listener is not None
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        with self._changed:
            self._is_over = True
            lines = list(self._lines)
        for line in lines:
            line.cut()
        for thread in self._threads:
            thread.join(private.PATIENCE)

    @property
    def inbox(self) -> Folder:
        return self.folders["INBOX"]

    @property
    def commands(self) -> list[str]:
        """Everything that was asked so far, "LOGIN" without its arguments."""
        with self._changed:
            return list(self._commands)

    def asked(self, word: str) -> list[str]:
        """The commands that begin with `word`, such as "UID FETCH"."""
        return [command for command in self.commands if command.upper().startswith(word)]

    def wait_until_asked(self, word: str, times: int = 1, timeout: float = private.PATIENCE) -> None:
        """TimeoutError when that was not asked so often."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._count(word) >= times, timeout):
                raise TimeoutError(f"{word!r} was asked {self._count(word)} times: {self._commands}")

    def on(self, word: str, *scripts: Script) -> None:
        """Run the next script, once each, in the place of the command that begins with `word`."""
        with self._changed:
            self._scripts.setdefault(word.upper(), []).extend(scripts)

    def _count(self, word: str) -> int:
        return sum(command.upper().startswith(word) for command in self._commands)

    def _start(self, what: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self, listener: socket.socket) -> None:
        with listener:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        line = self.line(connection)
        with self._changed:
            self._lines.add(line)
            if self._is_over:  # this one came when the others were being cut
                line.cut()
        with suppress(OSError, EndError):
            line.say(f"* OK [CAPABILITY {' '.join(self.capabilities)}] ready")
            while True:
                line.obey()
        with self._changed:
            self._lines.discard(line)
        line.close()

    def line(self, connection: socket.socket) -> "Line":
        """What serves one connection."""
        return Line(connection, self)

    def note(self, command: str) -> Script | None:
        """For the lines: write a command down; the script that wants it."""
        with self._changed:
            self._commands.append("LOGIN" if command.upper().startswith("LOGIN") else command)
            self._changed.notify_all()
            for word, scripts in self._scripts.items():
                if command.upper().startswith(word) and scripts:
                    return scripts.pop(0)
        return None


class EndError(Exception):
    """The connection is over."""


class Line:
    """One connection."""

    def __init__(self, connection: socket.socket, server: FakeImap) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self._file = connection.makefile("rb")
        self._server = server
        self._folder = Folder()
        self.tag = ""

    def say(self, *lines: str) -> None:
        """In one segment."""
        self.send("".join(f"{line}\r\n" for line in lines).encode())

    def send(self, octets: bytes) -> None:
        self._connection.sendall(octets)

    def done(self, text: str = "OK done") -> None:
        """The tagged answer."""
        self.say(f"{self.tag} {text}")

    def read(self) -> str:
        """The next line of the client."""
        octets = self._file.readline()
        if not octets:
            raise EndError
        return octets.decode("utf-8", "surrogateescape").rstrip("\r\n")

    def end(self) -> None:
        """For scripts: hang up here."""
        raise EndError

    def cut(self) -> None:
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        with suppress(OSError):
            self._file.close()
        self._connection.close()

    def obey(self) -> None:
        self.tag, _, command = self.read().partition(" ")
        script = self._server.note(command)
        if script is not None and script(self, command):
            return
        words = command.upper().split()
        verb = " ".join(words[:2]) if words[:1] == ["UID"] else "".join(words[:1])
        act = getattr(self, f"_{verb.lower().replace(' ', '_')}", None)
        if act is None:
            self.done("BAD no such command here")
            return
        act(command)

    # commands; each gets the whole line

    def _capability(self, _: str) -> None:
        self.say(f"* CAPABILITY {' '.join(self._server.capabilities)}")
        self.done()

    def _login(self, _: str) -> None:
        self.done()

    def _noop(self, _: str) -> None:
        self.done()

    def _subscribe(self, _: str) -> None:
        self.done()

    def _logout(self, _: str) -> None:
        self.say("* BYE")
        self.done()
        raise EndError

    def _namespace(self, _: str) -> None:
        self.say(f'* NAMESPACE (("{self._server.prefix}" "{self._server.separator}")) NIL NIL')
        self.done()

    def _list(self, command: str) -> None:
        wanted = _arguments(command)[-1]
        names = [""] if not wanted else [name for name in self._server.folders if name == wanted]
        self.say(*(f'* LIST () "{self._server.separator}" "{name}"' for name in names), f"{self.tag} OK done")

    def _create(self, command: str) -> None:
        self._server.folders[_arguments(command)[-1]] = Folder()
        self.done()

    def _select(self, command: str) -> None:
        self._folder = self._server.folders[_arguments(command)[-1]]
        self.say(
            f"* {len(self._folder.mails)} EXISTS",
            f"* OK [UIDVALIDITY {self._folder.uidvalidity}] x",
            f"* OK [UIDNEXT {self._folder.uidnext}] x",
        )
        self.done("OK [READ-WRITE] done")

    def _uid_search(self, command: str) -> None:
        low = int((re.search(r"UID (\d+):\*", command) or ["", "1"])[1])
        uids = [mail.uid for mail in self._folder.mails]
        found = [uid for uid in uids if uid >= low] or uids[-1:]  # "n:*" names the last one at least
        self.say(f"* SEARCH {' '.join(map(str, found))}".rstrip())
        self.done()

    def _uid_fetch(self, command: str) -> None:
        wanted = _uids(command.split()[2])
        for number, mail in enumerate(self._folder.mails, start=1):
            if mail.uid in wanted:
                self.send(self.fetched(number, mail, command))
        self.done()

    def fetched(self, number: int, mail: Mail, command: str) -> bytes:
        """One untagged FETCH answer."""
        facts = [b"UID %d" % mail.uid]
        if "RFC822.SIZE" in command:
            facts.append(b"RFC822.SIZE %d" % len(mail.raw))
        if "INTERNALDATE" in command:
            facts.append(f'INTERNALDATE "{mail.received_at:%d-%b-%Y %H:%M:%S %z}"'.encode())
        if "BODY.PEEK[]" in command:
            facts.append(b"BODY[] {%d}\r\n" % len(mail.raw) + mail.raw)
        if "BODY.PEEK[HEADER]" in command:
            most = int((re.search(r"<0\.(\d+)>", command) or ["", "65536"])[1])
            header = (mail.raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")[:most]
            facts.append(b"BODY[HEADER]<0> {%d}\r\n" % len(header) + header)
        return b"* %d FETCH (" % number + b" ".join(facts) + b")\r\n"

    def _uid_move(self, command: str) -> None:
        moved = self._copied(command)
        if moved is not None:
            self._forget(moved)
            self.done()

    def _uid_copy(self, command: str) -> None:
        if self._copied(command) is not None:
            self.done()

    def _copied(self, command: str) -> set[int] | None:
        wanted, target = _uids(command.split()[2]), _arguments(command)[-1]
        if target not in self._server.folders:
            self.done("NO [TRYCREATE] no such folder")
            return None
        for mail in self._folder.mails:
            if mail.uid in wanted:
                self._server.folders[target].add(mail.raw, mail.received_at, mail.flags)
        return wanted

    def _forget(self, uids: set[int]) -> None:
        for number in range(len(self._folder.mails), 0, -1):
            if self._folder.mails[number - 1].uid in uids:
                del self._folder.mails[number - 1]
                self.say(f"* {number} EXPUNGE")

    def _uid_store(self, command: str) -> None:
        wanted = _uids(command.split()[2])
        flags = (re.search(r"\(([^)]*)\)", command) or ["", ""])[1].split()
        for mail in self._folder.mails:
            if mail.uid in wanted:
                mail.flags |= set(flags)
        self.done()

    def _uid_expunge(self, command: str) -> None:
        wanted = _uids(command.split()[2])
        self._forget(
            {mail.uid for mail in self._folder.mails if mail.uid in wanted and "\\Deleted" in mail.flags}
        )
        self.done()

    def _expunge(self, _: str) -> None:
        self._forget({mail.uid for mail in self._folder.mails if "\\Deleted" in mail.flags})
        self.done()

    def _idle(self, _: str) -> None:
        self.say("+ idling")
        self.read()
        self.done()


def _arguments(command: str) -> list[str]:
    """Quoted strings and atoms."""
    return [quoted or atom for quoted, atom in re.findall(r'"([^"]*)"|(\S+)', command)]


def _uids(text: str) -> set[int]:
    """Of "1:3,7"."""
    found: set[int] = set()
    for one in text.split(","):
        low, _, high = one.partition(":")
        found |= set(range(int(low), int(high or low) + 1))
    return found
