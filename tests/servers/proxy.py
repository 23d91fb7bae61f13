"""What if the wire to a real server breaks, or the server lies? A proxy that does so on demand.

It passes everything until a fault is set: `on("UID MOVE", Cut())`. A fault bites at a command of the client
that begins with these words, or at the n-th command since the last `heal`. `commands` is what was asked.
"""

import re
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import BinaryIO, Self, assert_never

from servers import private

HOST = "127.0.0.1"
GREETING = "(greeting)"
BODY = "(body)"
"""SMTP: the first line after DATA was allowed; the final dot is the command "."."""


class Speaks(StrEnum):
    """What the real server speaks: where a command and its answer end."""

    IMAP = "imap"
    SMTP = "smtp"


@dataclass(frozen=True, slots=True)
class Cut:
    """Hang up: before the server hears the command, or when it has obeyed, before its answer comes back."""

    after: bool = False


@dataclass(frozen=True, slots=True)
class Silence:
    """Half-open: no octet passes any more in either direction, and nobody hangs up."""

    after: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The server never hears the command; the client hears this, in IMAP its last line tagged."""

    lines: tuple[str, ...]
    hang_up: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """The server obeys; each piece of its answer comes changed. A piece: a line with its literals."""

    how: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class CutInLiteral:
    """The server obeys; its answer breaks off in the middle of a literal (IMAP)."""


@dataclass(frozen=True, slots=True)
class Drip:
    """The server obeys; each octet of its answer travels alone."""


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """Somebody else acts before the server hears the command."""

    act: Callable[[], object]


Deed = Cut | Silence | Answer | Change | CutInLiteral | Drip | Meanwhile


def no(text: str = "[SERVERBUG] as the test wants it") -> Answer:
    """A tagged NO."""
    return Answer((f"NO {text}",))


def bad(text: str = "as the test wants it") -> Answer:
    return Answer((f"BAD {text}",))


def injected(line: str) -> Change:
    """The answer, with a line of the server before it."""
    first = iter([line.encode() + b"\r\n"])
    return Change(lambda piece: next(first, b"") + piece)


def without(word: str) -> Change:
    """An answer (CAPABILITY, EHLO) that leaves this word out; in EHLO with its line."""
    token = re.escape(word.encode())
    line = re.compile(rb"^250[- ]" + token + rb"\b.*\r\n", re.IGNORECASE)
    return Change(lambda piece: line.sub(b"", re.sub(rb" " + token + rb"(?=[ \]\r])", b"", piece)))


@dataclass(slots=True)
class Fault:
    """One misbehaviour; made by Proxy.on."""

    at: str | int
    deed: Deed
    times: int | None
    hits: int = 0

    def bites(self, number: int, command: str) -> bool:
        if self.times is not None and self.hits >= self.times:
            return False
        if isinstance(self.at, int):
            return number == self.at
        return command.upper().startswith(self.at.upper())


@dataclass(slots=True)
class Proxy:
    """In front of a server on loopback; listens on entering, cuts every connection on leaving."""

    server_port: int
    speaks: Speaks
    certificate: private.Certificate | None = None
    """Given: the client's side is in TLS, the server's in the clear."""
    port: int = 0
    _commands: list[str] = field(default_factory=list)
    _faults: list[Fault] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _wires: set["_Wire"] = field(default_factory=set)
    _heals: int = 0
    _threads: list[threading.Thread] = field(default_factory=list)
    _listener: socket.socket | None = None

    def __enter__(self) -> Self:
        self._listener = socket.create_server((HOST, self.port))
        self.port = self._listener.getsockname()[1]
        self.start(self._listen, self._listener)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listener is not None
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.heal()
        for thread in self._threads:
            thread.join(private.PATIENCE)

    @property
    def commands(self) -> list[str]:
        """What clients asked since the last `heal`, without tags; a new connection begins with GREETING."""
        with self._changed:
            return list(self._commands)

    def on(self, at: str | int, deed: Deed, times: int | None = 1) -> Fault:
        """At the commands that begin with these words, or at `commands[at]`; `times` None: always."""
        fault = Fault(at, deed, times)
        with self._changed:
            self._faults.append(fault)
        return fault

    def heal(self) -> None:
        """Pass everything; connections are cut, commands forgotten."""
        with self._changed:
            self._faults.clear()
            self._commands.clear()
            self._heals += 1
            wires = list(self._wires)
        for wire in wires:
            wire.cut()

    def wait_until_asked(self, word: str, times: int = 1, timeout: float = private.PATIENCE) -> None:
        """TimeoutError when no such command came so often."""

        def count() -> int:
            return sum(command.upper().startswith(word.upper()) for command in self._commands)

        with self._changed:
            if not self._changed.wait_for(lambda: count() >= times, timeout):
                raise TimeoutError(f"{word!r} was asked {count()} times: {self._commands}")

    def tell(self, line: str) -> None:
        """Every client hears this now, whatever it is doing."""
        with self._changed:
            wires = list(self._wires)
        for wire in wires:
            wire.tell(line.encode() + b"\r\n")

    def note(self, command: str) -> Deed | None:
        """For the wires: write a command down; the fault that bites."""
        with self._changed:
            self._commands.append(command)
            self._changed.notify_all()
            number = len(self._commands) - 1
            for fault in self._faults:
                if fault.bites(number, command):
                    fault.hits += 1
                    return fault.deed
        return None

    def start(self, what: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        with self._changed:
            self._threads = [one for one in self._threads if one.is_alive()]
            self._threads.append(thread)
        thread.start()

    def _listen(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.start(self._serve, connection, self._heals)

    def _serve(self, connection: socket.socket, heals: int) -> None:
        line_itself = connection.dup()
        try:
            wire = _Wire(self, _dressed(connection, self.certificate), line_itself)
        except OSError:  # a client that does not trust our certificate, a server that is down
            connection.close()
            line_itself.close()
            return
        with self._changed:
            self._wires.add(wire)
            if heals != self._heals:  # this one was on its way when the others were cut
                wire.cut()
        wire.run()
        with self._changed:
            self._wires.discard(wire)


class _CutError(Exception):
    """This wire is to be cut."""


class _Wire:
    """One connection: a thread for each direction."""

    def __init__(self, proxy: Proxy, client: socket.socket, line_itself: socket.socket) -> None:
        server = socket.create_connection((HOST, proxy.server_port))
        for end in (line_itself, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._proxy = proxy
        self._client, self._server, self._line_itself = client, server, line_itself
        self._asked, self._answers = client.makefile("rb"), server.makefile("rb")
        self._telling = threading.Lock()
        self._deed: Deed | None = proxy.note(GREETING)
        self._tag = "*"
        self._in_body = self._body_begun = False
        self._muted = threading.Event()
        self._over = threading.Event()

    def run(self) -> None:
        """Until one side hangs up or the fault wants it."""
        passing = threading.Thread(target=self._pass_answers, daemon=True)
        try:
            self._bring(GREETING, b"")
            passing.start()
            while line := self._asked.readline():
                if self._muted.is_set():
                    break
                self._obey(line)
        except (OSError, ValueError, _CutError):
            pass
        if self._muted.is_set():
            self._over.wait()
        self.cut()
        if passing.ident is not None:
            passing.join()
        for end in (self._asked, self._answers, self._client, self._line_itself, self._server):
            with suppress(OSError):
                end.close()

    def cut(self) -> None:
        self._over.set()
        for end in (self._line_itself, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def tell(self, octets: bytes) -> None:
        if not self._muted.is_set():
            with self._telling, suppress(OSError):
                self._client.sendall(octets)

    def _obey(self, line: bytes) -> None:
        text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
        if self._proxy.speaks is Speaks.IMAP:
            tag, _, command = text.partition(" ")
            self._tag = tag if command else self._tag  # DONE has none
            command = command or text
        else:
            command = self._said_in_smtp(text)
        if command:
            self._deed = self._proxy.note(_kept_secret(command))
        self._bring(command, line)

    def _said_in_smtp(self, text: str) -> str:
        """The command; "" for a line within a mail."""
        if not self._in_body:
            return text
        if text == ".":
            self._in_body = False
            return text
        first, self._body_begun = not self._body_begun, True
        return BODY if first else ""

    def _bring(self, command: str, line: bytes) -> None:
        """To the server, unless the fault is quicker."""
        match self._deed:
            case Cut(after=False):
                raise _CutError
            case Silence(after=False):
                self._muted.set()
                raise _CutError
            case Answer(lines, hang_up):
                self._deed = None
                self._say(lines)
                if hang_up or command in {
                    GREETING,
                    ".",
                }:  # what the server would say now fits nothing any more
                    raise _CutError
                return
            case Meanwhile(act):
                self._deed = None
                act()
        if line:
            self._server.sendall(line)

    def _say(self, lines: tuple[str, ...]) -> None:
        if self._proxy.speaks is Speaks.IMAP:
            lines = (*lines[:-1], f"{self._tag} {lines[-1]}")
        self.tell("".join(f"{line}\r\n" for line in lines).encode())

    def _pass_answers(self) -> None:
        try:
            while piece := self._piece():
                self._pass(piece)
        except (OSError, ValueError, _CutError):
            pass
        if not self._muted.is_set():
            self.cut()

    def _piece(self) -> bytes:
        piece = line = self._answers.readline()
        while self._proxy.speaks is Speaks.IMAP and (size := _literal(line)) is not None:
            octets, line = _read(self._answers, size), self._answers.readline()
            piece += octets + line
        return piece

    def _pass(self, piece: bytes) -> None:
        last, deed = self._is_last(piece), self._deed
        if last:
            self._deed = None  # before the client hears it: its next command may bring the next fault
        match deed:
            case None | Meanwhile():
                self.tell(piece)
            case Cut() | Silence():
                self._swallow(deed, last=last)
            case Change(how):
                self.tell(how(piece))
            case CutInLiteral():
                self._tell_half(piece)
            case Drip():
                for octet in piece:
                    self.tell(bytes([octet]))
            case Answer():
                return
            case _ as never:
                assert_never(never)

    def _swallow(self, fault: Cut | Silence, *, last: bool) -> None:
        if last:
            if isinstance(fault, Silence):
                self._muted.set()
            raise _CutError

    def _tell_half(self, piece: bytes) -> None:
        if b"}\r\n" in piece:
            self.tell(piece[: len(piece) // 2])
            raise _CutError
        self.tell(piece)

    def _is_last(self, piece: bytes) -> bool:
        if self._proxy.speaks is Speaks.IMAP:
            return piece.startswith((self._tag.encode() + b" ", b"+ ")) or self._tag == "*"
        if piece.startswith(b"354"):
            self._in_body, self._body_begun = True, False
        return piece[3:4] != b"-"


def _dressed(connection: socket.socket, certificate: private.Certificate | None) -> socket.socket:
    if certificate is None:
        return connection
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert, certificate.key)
    return context.wrap_socket(connection, server_side=True)


def _literal(line: bytes) -> int | None:
    found = re.search(rb"\{(\d+)\}\r\n$", line)
    return int(found[1]) if found else None


def _read(file: BinaryIO, size: int) -> bytes:
    octets = file.read(size)
    if len(octets) < size:
        raise OSError("the server hung up in a literal")
    return octets


def _kept_secret(command: str) -> str:
    """Passwords are in nobody's log."""
    return command.partition(" ")[0] if command.upper().startswith(("LOGIN", "AUTH")) else command
