"""What if a server says something else than it should? Only what mailgate expects may come of it."""

import asyncio
import re
import resource
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from random import Random
from types import TracebackType
from typing import Self
from unittest import mock

from servers.fake_imap import CAPABILITIES, EndError, FakeImap, Line

from mailgate.errors import TemporaryError
from mailgate.intake import imap
from mailgate.intake.imap import Account, Mailbox
from mailgate.outbox.retry import Answer, Lost
from mailgate.outbox.smtp import Envelope, Server, Session

PATIENCE = 0.2
"""Seconds for one answer."""
MOST_MIB = 200
"""By which one conversation may raise our memory."""
DAMAGED = 0.12
"""Share of a server's sayings."""
PIECES = (
    b"\r\n", b"\n", b"\0", b"\xff\xfe", b"* ", b"+ ", b")", b"(", b'"', b"\\", b"{5}\r\n",
    b"{99999999}\r\n", b"{-1}\r\n", b"{99999999999999999999}\r\n", b"NIL", b"* BYE so long\r\n",
    b"* 99999999999 EXISTS\r\n", b"* 0 FETCH ()\r\n", b"* 1 FETCH (UID 1 BODY[] NIL)\r\n",
    b"* 1 FETCH (UID 0 RFC822.SIZE -1)\r\n", b"* SEARCH x 1 99999999999\r\n", b"* OK [UIDVALIDITY 0] x\r\n",
    b"* OK [UIDVALIDITY x] x\r\n", b"[ALERT] ", b"* 1 EXPUNGE\r\n", b"NO [TRYCREATE] ",
    b"* STATUS INBOX (MESSAGES x)\r\n", b"* NAMESPACE NIL NIL NIL\r\n", b'* LIST (\\Sent) NIL "\xc3"\r\n',
    b"BAD ", b"220 ", b"250-", b"250 SIZE 0\r\n", b"354 ", b"421 4.7.0 bye\r\n", b"550 5.7.1 no\r\n",
    b"999 what\r\n", b"25", b"-1 ", b"A" * 9000, b"250-X\r\n" * 500, b"* OK x\r\n" * 500, b"(" * 1000,
    b"9" * 60,
)  # fmt: skip
RAW = b"From: rina@warga.example\r\nMessage-ID: <a@warga.example>\r\nSubject: satu\r\n\r\nisi\r\n"


def damaged(said: bytes, chance: Random) -> bytes | None:
    """What the wire makes of it; None: it breaks here."""
    if chance.random() >= DAMAGED:
        return said
    at, lot = chance.randrange(len(said) + 1), chance.randrange(8)
    match lot:
        case 0 | 1:
            return said[:at] + chance.choice(PIECES) + said[at:]
        case 2:
            return said[:at] + said[at + chance.randint(1, 20) :]
        case 3:
            return said[: max(at - 1, 0)] + bytes([chance.randrange(256)]) + said[at:]
        case 4:
            return said * chance.choice((2, 3, 20))
        case 5:
            return re.sub(
                rb"\d+", lambda _: chance.choice((b"0", b"x", b"-1", b"4294967296", b"9" * 30)), said
            )
        case 6:
            return b""
        case _:
            return None


# --- IMAP -------------------------------------------------------------------------------------------------


class TornImap(FakeImap):
    """Says what it should, damaged now and then."""

    def __init__(self, chance: Random) -> None:
        lacking = {chance.choice(CAPABILITIES)} if chance.random() < 0.4 else set()
        super().__init__([one for one in CAPABILITIES if one not in lacking])
        self._chance = chance

    def _serve(self, connection: socket.socket) -> None:
        # What it said damaged makes the client ask for what it does not have: it hangs up then.
        with connection, suppress(LookupError, ValueError):
            super()._serve(connection)

    def line(self, connection: socket.socket) -> Line:
        return TornLine(connection, self, self._chance)


class TornLine(Line):
    """One connection to it."""

    def __init__(self, connection: socket.socket, server: FakeImap, chance: Random) -> None:
        super().__init__(connection, server)
        self._chance = chance

    def send(self, octets: bytes) -> None:
        said = damaged(octets, self._chance)
        if said is None:
            raise EndError
        super().send(said)


def talk_imap(seed: int) -> list[str]:
    """A whole visit to a mailbox; everything that should not have come of it."""
    with (
        TornImap(Random(seed)) as server,
        mock.patch.multiple(imap, CONNECT_SECONDS=PATIENCE, READ_SECONDS=PATIENCE),
    ):
        for number in range(4):
            server.inbox.add(RAW * (number + 1))
        return _watched(
            lambda: _visit(Account("127.0.0.1", server.port, "none", "desk", "rahasia", "INBOX", "P", "A"))
        )


def _visit(account: Account) -> None:
    wake, ring = socket.socketpair()
    with wake, ring:
        ring.send(b"x")
        try:
            mailbox = Mailbox(account)
            try:
                _look_around(mailbox, wake)
            finally:
                mailbox.close()
        except TemporaryError:
            return


def _look_around(mailbox: Mailbox, wake: socket.socket) -> None:
    uids = mailbox.uids(1, imap.date(2026, 8, 3))
    listed = mailbox.listed(uids)
    mailbox.bodies([one.uid for one in listed])
    for uid in uids[:1]:
        mailbox.header(uid, 1000)
    mailbox.message_id_fields(uids)
    mailbox.told_of("P")
    mailbox.mails_in("A")
    mailbox.folder_of_sent_mail()
    with mailbox.visiting("P"):
        mailbox.uids(1, None)
    mailbox.move(uids[:2], aside=False)
    mailbox.move(uids[2:], aside=True)
    mailbox.wait(PATIENCE, wake)
    mailbox.select()


# --- SMTP -------------------------------------------------------------------------------------------------


class TornSmtp:
    """A submission server of few words, damaged now and then."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._thread.join(60)
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            with connection, suppress(OSError, EndError):
                self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        lines = connection.makefile("rb")
        self._say(connection, b"220 sink.test ESMTP\r\n")
        while line := lines.readline():
            verb = line[:4].upper()
            self._say(connection, _ANSWERS.get(verb, b"250 2.0.0 ok\r\n"))
            if verb == b"DATA":
                while (body := lines.readline()) not in {b".\r\n", b""}:
                    del body
                self._say(connection, b"250 2.0.0 accepted\r\n")
            if verb == b"QUIT":
                return

    def _say(self, connection: socket.socket, octets: bytes) -> None:
        said = damaged(octets, self._chance)
        if said is None:
            raise EndError
        connection.sendall(said)


_ANSWERS = {
    b"EHLO": b"250-sink.test\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN\r\n",
    b"DATA": b"354 go ahead\r\n",
    b"QUIT": b"221 2.0.0 bye\r\n",
}


def talk_smtp(seed: int) -> list[str]:
    """Four mails on one connection for as long as it holds."""
    with TornSmtp(Random(seed)) as server:
        return _watched(lambda: asyncio.run(_submit(server.port)))


async def _submit(port: int) -> None:
    server = Server("127.0.0.1", port, "none", "", "", "desk.test", "desk@desk.test", PATIENCE, PATIENCE)
    with suppress(TemporaryError):
        async with Session(server) as session:
            for _ in range(4):
                if not session.usable:
                    return
                outcome = await session.envelope(Envelope("rina@warga.example", RAW)) or await session.data(
                    RAW
                )
                if not isinstance(outcome, Answer | Lost) or not 0 <= getattr(outcome, "code", 0) <= 599:
                    raise AssertionError(f"an outcome that nobody expects: {outcome}")


def _watched(act: Callable[[], None]) -> list[str]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        act()
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    return [f"memory grew by {grown} MiB"] if grown > MOST_MIB else []
