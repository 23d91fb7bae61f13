"""What does the other side of SMTP see, and what if it misbehaves?

In a test: a Sink in a thread, told by rules how to behave. For crash tests and benches: a SinkProcess, or by
hand `python -m servers.sink --port N --out DIR`, which keeps every mail in DIR/mails before it says 250.
"""

import argparse
import base64
import binascii
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from servers import private

HOST = "127.0.0.1"
NAME = "sink.test"
LINE_LIMIT = 65536
MAILS_FILE = "mails"


class Stage(StrEnum):
    """Where in the conversation a rule bites."""

    CONNECT = "connect"
    """The greeting."""
    HELO = "helo"
    """EHLO or HELO."""
    AUTH = "auth"
    RSET = "rset"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    """The answer to DATA, in place of 354."""
    BODY = "body"
    """After 354 and before the final dot: the mail is never whole. Only drop and hang."""
    DOT = "dot"
    """The answer to the final dot."""


class Security(StrEnum):
    """How the wire is protected, as in the settings of a desk."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class Received:
    """One mail that was accepted, or was recorded before its answer was lost."""

    mail_from: str
    """Without angle brackets; "" is the null return path."""
    rcpt_to: tuple[str, ...]
    data: bytes
    """As sent, without the dots of transparency."""
    at: datetime
    """Aware UTC."""
    user: str = ""
    """Who logged in; "" when nobody did."""
    tls: bool = False
    mail_options: tuple[str, ...] = ()
    """Of MAIL, as sent: "SIZE=1234"; not kept in a file."""
    rcpt_options: tuple[str, ...] = ()
    """Of the last RCPT."""


@dataclass(slots=True)
class Rule:
    """One misbehaviour; made by Sink.rule."""

    stage: Stage
    recipient: str | None
    code: int | None
    text: str
    drop: bool
    hang: bool
    recorded: bool
    times: int | None
    """How often it bites; None: always."""
    hits: int = 0
    """How often it has bitten."""
    released: threading.Event = field(default_factory=threading.Event)

    def bites(self, stage: Stage, recipients: Sequence[str]) -> bool:
        if stage is not self.stage or (self.times is not None and self.hits >= self.times):
            return False
        return self.recipient is None or self.recipient in [address.casefold() for address in recipients]

    def release(self) -> None:
        """Let everybody go who hangs here, now and later."""
        self.released.set()


class Sink:
    """An SMTP server on loopback; listens on entering, cuts every connection on leaving."""

    host = HOST

    def __init__(
        self,
        port: int = 0,
        *,
        security: Security | str = Security.NONE,
        certificate: private.Certificate | None = None,
        users: dict[str, str] | None = None,
        size: int = 30 * 1024 * 1024,
        smtputf8: bool = False,
        dsn: bool = False,
        knows: Callable[[str, str], bool] | None = None,
        out: Path | None = None,
    ) -> None:
        """`users`: passwords by name; given, nobody sends without AUTH PLAIN. `size`: limit in bytes.

        `smtputf8`, `dsn`: whether these are offered.
        `knows`: whether an access token is this user's; given, nobody sends without AUTH XOAUTH2.

        `out`: a folder; mails are then kept in its file only, and not in `received`.
        """
        self.port = port
        self.security = Security(security)
        self.users = dict(users or {})
        self.size = size
        self.smtputf8 = smtputf8
        self.dsn = dsn
        self.knows = knows
        self.tls = _server_side(certificate) if certificate else None
        if self.security is not Security.NONE and self.tls is None:
            raise ValueError(f"security={self.security.value!r} needs a certificate")
        self._changed = threading.Condition()
        self._received: list[Received] = []
        self._rules: list[Rule] = []
        self._conversations: set[_Conversation] = set()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self._kept_port: socket.socket | None = None
        """While nobody listens: bound, so that no other process takes the port."""
        self._out = None if out is None else _open_mails(out)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._kept_port is not None:
            self._kept_port.close()
        if self._out is not None:
            os.close(self._out)

    def start(self) -> None:
        """Listen: after `stop` on the same port again."""
        self._listener, self._kept_port = self._kept_port or _bound(self.port), None
        self._listener.listen(256)
        self.port = self._listener.getsockname()[1]
        listening = threading.Thread(target=self._listen, args=(self._listener,), daemon=True)
        self._threads = [listening]
        listening.start()

    def stop(self) -> None:
        """Connections are refused from now on, open ones are cut; mails and rules stay."""
        if self._listener is None:
            return
        # shutdown, not close: only that wakes the thread in accept().
        _shut_down(self._listener)
        self._threads[0].join()
        self._listener, self._kept_port = None, _bound(self.port)
        with self._changed:
            for rule in self._rules:
                rule.release()
            for conversation in self._conversations:
                conversation.cut()
        for thread in self._threads:
            thread.join()

    @property
    def is_listening(self) -> bool:
        return self._listener is not None

    def rule(
        self,
        stage: Stage | str,
        *,
        code: int | None = None,
        text: str = "",
        recipient: str | None = None,
        drop: bool = False,
        hang: bool = False,
        recorded: bool = False,
        times: int | None = None,
    ) -> Rule:
        """From now on: at `stage`, for `recipient` or for all, the next `times` or for ever, behave so.

        First hang until `Rule.release`, then drop the connection, or answer with `code`, or go on as if
        nothing was. `recorded` at the stage "dot": the mail counts as accepted whatever the client hears.
        The first rule that fits bites. The code 421, and any at "connect", ends the conversation.
        """
        stage = Stage(stage)
        _check_rule(stage, code, recipient, drop=drop, hang=hang, recorded=recorded)
        address = None if recipient is None else recipient.casefold()
        made = Rule(stage, address, code, text, drop, hang, recorded, times)
        with self._changed:
            self._rules.append(made)
        return made

    def clear(self) -> None:
        """Forget mails and rules."""
        with self._changed:
            for rule in self._rules:
                rule.release()
            self._rules.clear()
            self._received.clear()

    @property
    def received(self) -> list[Received]:
        """In the order of acceptance."""
        with self._changed:
            return list(self._received)

    def wait_for(
        self, wanted: int | Callable[[list[Received]], bool], timeout: float = private.PATIENCE
    ) -> list[Received]:
        """The mails, as soon as there are `wanted` of them, or as it says True; else TimeoutError."""
        is_there = wanted if callable(wanted) else lambda mails: len(mails) >= wanted
        with self._changed:
            if not self._changed.wait_for(lambda: is_there(list(self._received)), timeout):
                seen = [(mail.mail_from, mail.rcpt_to) for mail in self._received]
                raise TimeoutError(f"after {timeout} s the sink has {len(seen)} mails: {seen}")
            return list(self._received)

    def wait_for_hit(self, rule: Rule, hits: int = 1, timeout: float = private.PATIENCE) -> None:
        """Until a rule has bitten so often; else TimeoutError. With a `hang` rule: somebody hangs there."""
        with self._changed:
            if not self._changed.wait_for(lambda: rule.hits >= hits, timeout):
                raise TimeoutError(f"the rule at {rule.stage} was hit {rule.hits} times in {timeout} s")

    def hit(self, stage: Stage, recipients: Sequence[str] = ()) -> Rule | None:
        """For the conversations: the rule that bites now, counted."""
        if not self._rules:
            return None
        with self._changed:
            for rule in self._rules:
                if rule.bites(stage, recipients):
                    rule.hits += 1
                    self._changed.notify_all()
                    return rule
        return None

    def record(self, mail: Received) -> None:
        """For the conversations: durable before anybody hears 250."""
        with self._changed:
            if self._out is None:
                self._received.append(mail)
            else:
                _write_mail(self._out, mail)
            self._changed.notify_all()

    def _listen(self, listener: socket.socket) -> None:
        with listener:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                conversation = _Conversation(self, connection)
                with self._changed:
                    self._conversations.add(conversation)
                thread = threading.Thread(target=self._converse, args=(conversation,), daemon=True)
                self._threads = [alive for alive in self._threads if alive.is_alive()]
                self._threads.append(thread)
                thread.start()

    def _converse(self, conversation: "_Conversation") -> None:
        # A client that goes away, or does not trust our certificate, is none of the sink's business.
        with suppress(_GoneError, OSError):
            conversation.run()
        with self._changed:
            self._conversations.discard(conversation)
        conversation.close()


class _GoneError(Exception):
    """The conversation is over."""


class _Conversation:
    """One connection, from the greeting to its end. RFC 5321."""

    def __init__(self, sink: Sink, connection: socket.socket) -> None:
        self._sink = sink
        self._connection = connection
        # For cutting the line from another thread, also while TLS has its hands on `connection`.
        self._line_itself = connection.dup()
        self._buffer = bytearray()
        self._greeted = False
        self._tls = False
        self._user = ""
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._options: dict[str, tuple[str, ...]] = {}

    def run(self) -> None:
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._sink.security is Security.TLS:
            self._begin_tls()
        if not self._misbehaved(Stage.CONNECT):
            self._say(f"220 {NAME} ESMTP")
        while True:
            self._obey(self._read_line())

    def cut(self) -> None:
        _shut_down(self._line_itself)

    def close(self) -> None:
        self.cut()
        self._line_itself.close()
        self._connection.close()

    def _obey(self, line: str) -> None:
        verb, _, argument = line.partition(" ")
        match verb.upper():
            case "EHLO" | "HELO":
                self._helo(extended=verb.upper() == "EHLO")
            case "STARTTLS" if self._offers_starttls():
                self._starttls()
            case "AUTH" if self._offers_auth():
                self._auth(argument)
            case "MAIL":
                self._mail(argument)
            case "RCPT":
                self._rcpt(argument)
            case "DATA":
                self._data()
            case "RSET":
                self._reset()
                if not self._misbehaved(Stage.RSET):
                    self._say("250 2.0.0 reset")
            case "NOOP":
                self._say("250 2.0.0 nothing done")
            case "VRFY":
                self._say("252 2.5.0 try to send")
            case "QUIT":
                self._say("221 2.0.0 bye")
                raise _GoneError
            case _:
                self._say("500 5.5.1 no such command here")

    def _helo(self, *, extended: bool) -> None:
        if self._misbehaved(Stage.HELO):
            return
        self._reset()
        self._greeted = True
        lines = [NAME, *(self._extensions() if extended else ())]
        self._say(*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}")

    def _extensions(self) -> list[str]:
        offers = {
            f"SIZE {self._sink.size}": True,
            "8BITMIME": True,
            "ENHANCEDSTATUSCODES": True,
            "SMTPUTF8": self._sink.smtputf8,
            "DSN": self._sink.dsn,
            "STARTTLS": self._offers_starttls(),
            "AUTH XOAUTH2" if self._sink.knows else "AUTH PLAIN": self._offers_auth(),
        }
        return [keyword for keyword, offered in offers.items() if offered]

    def _offers_starttls(self) -> bool:
        return self._sink.security is Security.STARTTLS and not self._tls

    def _offers_auth(self) -> bool:
        # RFC 4954, section 4: PLAIN never in the clear where TLS is to be had.
        return bool(self._sink.users or self._sink.knows) and not self._offers_starttls()

    def _starttls(self) -> None:
        self._say("220 2.0.0 go ahead")
        # RFC 3207, section 4.2: what was said before TLS is forgotten, so nothing can be smuggled in.
        self._buffer.clear()
        self._reset()
        self._greeted = False
        self._begin_tls()

    def _begin_tls(self) -> None:
        assert self._sink.tls is not None
        self._connection = self._sink.tls.wrap_socket(self._connection, server_side=True)
        self._tls = True

    def _auth(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        if self._sink.knows and mechanism.upper() == "XOAUTH2":
            self._auth_by_token(initial, self._sink.knows)
            return
        if mechanism.upper() != "PLAIN":
            self._say("504 5.5.4 only PLAIN")
            return
        if not initial:
            self._say("334 ")
            initial = self._read_line()
        if self._misbehaved(Stage.AUTH):
            return
        user = _plain_user(initial, self._sink.users)
        self._user = user or ""
        self._say("235 2.7.0 welcome" if user else "535 5.7.8 wrong name or password")

    def _auth_by_token(self, initial: str, knows: Callable[[str, str], bool]) -> None:
        """As Google and Microsoft do it: why it is refused is a challenge, answered by an empty line."""
        if self._misbehaved(Stage.AUTH):
            return
        words = base64.b64decode(initial).decode().split("\1")
        user, token = words[0].removeprefix("user="), words[1].removeprefix("auth=Bearer ")
        if knows(user, token):
            self._user = user
            self._say("235 2.7.0 welcome")
            return
        self._say("334 " + base64.b64encode(b'{"status":"401","schemes":"bearer"}').decode())
        self._read_line()
        self._say("535 5.7.8 Username and Password not accepted")

    def _mail(self, argument: str) -> None:
        path, size = _path("FROM", argument), _declared_size(argument)
        if path is None or not self._greeted or self._sender is not None:
            self._say("503 5.5.1 first EHLO, then one MAIL FROM:<address>")
        elif (self._sink.users or self._sink.knows) and not self._user:
            self._say("530 5.7.0 log in first")
        elif size > self._sink.size:
            self._say("552 5.3.4 too big")
        elif not self._misbehaved(Stage.MAIL):
            self._sender = path
            self._options = {"mail_options": _options(argument)}
            self._say("250 2.1.0 sender ok")

    def _rcpt(self, argument: str) -> None:
        path = _path("TO", argument)
        if not path or self._sender is None:
            self._say("503 5.5.1 first MAIL, then RCPT TO:<address>")
        elif not self._misbehaved(Stage.RCPT, [path]):
            self._recipients.append(path)
            self._options["rcpt_options"] = _options(argument)
            self._say("250 2.1.5 recipient ok")

    def _data(self) -> None:
        if self._sender is None or not self._recipients:
            self._say("503 5.5.1 first MAIL and RCPT")
            return
        if self._misbehaved(Stage.DATA, self._recipients):
            return
        self._say("354 go ahead")
        self._misbehaved(Stage.BODY, self._recipients)
        self._dot(self._received(self._read_body()))
        self._reset()

    def _dot(self, mail: Received) -> None:
        if len(mail.data) > self._sink.size:
            self._say("552 5.3.4 too big")
            return
        rule = self._sink.hit(Stage.DOT, mail.rcpt_to)
        recorded = rule is not None and rule.recorded
        if recorded:
            self._sink.record(mail)
        if rule is not None and self._suffered(rule):
            return
        if not recorded:
            self._sink.record(mail)
        self._say("250 2.0.0 accepted")

    def _received(self, data: bytes) -> Received:
        assert self._sender is not None
        now = datetime.now(UTC)
        return Received(
            self._sender, tuple(self._recipients), data, now, self._user, self._tls, **self._options
        )

    def _reset(self) -> None:
        self._sender = None
        self._recipients = []

    def _misbehaved(self, stage: Stage, recipients: Sequence[str] = ()) -> bool:
        """Whether a rule gave the answer already."""
        rule = self._sink.hit(stage, recipients)
        return rule is not None and self._suffered(rule)

    def _suffered(self, rule: Rule) -> bool:
        if rule.hang:
            rule.released.wait()
        if rule.drop:
            raise _GoneError
        if rule.code is None:
            return False
        self._say(f"{rule.code} {rule.text or f'{rule.code // 100}.0.0 as the test wants it'}")
        if rule.code == 421 or rule.stage is Stage.CONNECT:
            raise _GoneError
        return True

    def _say(self, *lines: str) -> None:
        self._connection.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def _read_line(self) -> str:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > LINE_LIMIT:
                raise _GoneError
            self._receive()
        line = self._buffer[:end].decode("utf-8", "surrogateescape")
        del self._buffer[: end + 2]
        return line

    def _read_body(self) -> bytes:
        # Only CRLF.CRLF ends it (RFC 5321, section 4.1.1.4); the line DATA before it lends its CRLF.
        self._buffer[:0] = b"\r\n"
        searched = 0
        while (end := self._buffer.find(b"\r\n.\r\n", searched)) < 0:
            searched = max(0, len(self._buffer) - 4)
            self._receive()
        body = bytes(self._buffer[: end + 2])
        del self._buffer[: end + 5]
        return body.replace(b"\r\n..", b"\r\n.")[2:]

    def _receive(self) -> None:
        chunk = self._connection.recv(262144)
        if not chunk:
            raise _GoneError
        self._buffer += chunk


class SinkProcess:
    """A Sink as a process of its own, which a test may kill; starts on entering, stops on leaving."""

    host = HOST

    def __init__(self, out: Path, port: int = 0) -> None:
        """`out`: the folder that keeps the mails, also those of an earlier process."""
        self.out = out
        self.port = port
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "servers.sink", "--port", str(self.port), "--out", str(self.out)]
        paths = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        self._process = subprocess.Popen(
            private.guarded(command), stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if not said:
            raise RuntimeError(f"the sink ended with {self._process.wait()}")
        self.port = int(said.rpartition(":")[2])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(signal.SIGTERM)

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.communicate()
            self._process = None

    def received(self) -> list[Received]:
        return read_mails(self.out)


def read_mails(out: Path) -> list[Received]:
    """What a sink with this `out` folder accepted, all its processes together."""
    path = out / MAILS_FILE
    return _parse_mails(path.read_bytes())[0] if path.exists() else []


def _open_mails(out: Path) -> int:
    out.mkdir(parents=True, exist_ok=True)
    handle = os.open(out / MAILS_FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    # A record that a killed sink left half written was never answered with 250.
    os.ftruncate(handle, _parse_mails((out / MAILS_FILE).read_bytes())[1])
    return handle


def _write_mail(handle: int, mail: Received) -> None:
    """One write into the page cache: outlives a kill -9 of everybody, though not a power cut."""
    head = {
        "mail_from": mail.mail_from,
        "rcpt_to": mail.rcpt_to,
        "at": mail.at.isoformat(),
        "user": mail.user,
        "tls": mail.tls,
        "size": len(mail.data),
    }
    record = json.dumps(head).encode() + b"\n" + mail.data + b"\n"
    if os.write(handle, record) != len(record):
        raise OSError("the sink's disk is full")


def _parse_mails(content: bytes) -> tuple[list[Received], int]:
    """The whole records, and where they end."""
    mails: list[Received] = []
    end = 0
    while (body := content.find(b"\n", end) + 1) > 0:
        head = json.loads(content[end:body])
        after = body + head["size"]
        if content[after : after + 1] != b"\n":
            break
        at = datetime.fromisoformat(head["at"])
        data = content[body:after]
        mails.append(Received(head["mail_from"], tuple(head["rcpt_to"]), data, at, head["user"], head["tls"]))
        end = after + 1
    return mails, end


def _server_side(certificate: private.Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert, certificate.key)
    return context


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((HOST, port))
    return made


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _check_rule(
    stage: Stage, code: int | None, recipient: str | None, *, drop: bool, hang: bool, recorded: bool
) -> None:
    if not (drop or hang or code):
        raise ValueError("a rule needs a code, drop or hang")
    if drop and code:
        raise ValueError("a dropped connection gives no code")
    if code and stage is Stage.BODY:
        raise ValueError("nobody is asked in the middle of the body: use the stage data or dot")
    if recorded and stage is not Stage.DOT:
        raise ValueError("only a mail whose final dot was read can be recorded")
    if recipient and stage in {Stage.CONNECT, Stage.HELO, Stage.AUTH, Stage.RSET, Stage.MAIL}:
        raise ValueError(f"at {stage} no recipient is known yet")


def _path(keyword: str, argument: str) -> str | None:
    found = re.match(rf'{keyword}:\s*<((?:"(?:[^"\\]|\\.)*"|[^">])*)>(?: |$)', argument, re.IGNORECASE)
    return found[1] if found else None


def _options(argument: str) -> tuple[str, ...]:
    return tuple(argument.rpartition("> ")[2].split()) if "> " in argument else ()


def _declared_size(argument: str) -> int:
    found = re.search(r" SIZE=(\d+)(?: |$)", argument, re.IGNORECASE)
    return int(found[1]) if found else 0


def _plain_user(answer: str, users: dict[str, str]) -> str | None:
    """Who logged in by RFC 4616, None when nobody did."""
    try:
        _, user, password = base64.b64decode(answer, validate=True).decode().split("\0")
    except (binascii.Error, ValueError):
        return None
    return user if user in users and users[user] == password else None


def main() -> None:
    parser = argparse.ArgumentParser(description="Accept every mail on loopback and keep it.")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--out", type=Path, required=True, help=f"folder of the file {MAILS_FILE!r}")
    options = parser.parse_args()
    # Before the threads start, so that no thread but this one can get them.
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with Sink(options.port, out=options.out) as sink:
        print(f"listening on {HOST}:{sink.port}", flush=True)
        signal.sigwait(signals)


if __name__ == "__main__":
    main()
