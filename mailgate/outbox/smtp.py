"""The edge where mail leaves: one connection to one submission server.

Each step is driven by itself, so that it is always known how far a mail had come (RFC 5321, section 4.1.1).
"""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self, TypeVar

import aiosmtplib
from aiosmtplib.protocol import SMTPProtocol, normalize_message_line_endings

from mailgate.errors import AuthorizationRefusedError, TemporaryError
from mailgate.message.wire import is_international, on_the_wire, original_recipient
from mailgate.outbox.retry import Answer, Lost, Stage

Outcome = Answer | Lost
T = TypeVar("T")
BLOCK = 65_536
MOST_DATA_SECONDS = 1_740.0
"""For a whole mail: a server that drips must not outlast the claim on it, which is half an hour."""
_LEADING_DOT = re.compile(rb"(?m)^\.")
_LOST = (
    aiosmtplib.SMTPServerDisconnected,
    aiosmtplib.SMTPTimeoutError,
    aiosmtplib.SMTPConnectError,
    OSError,  # ssl.SSLError and ConnectionError are among them
    asyncio.IncompleteReadError,
)


@dataclass(frozen=True, slots=True)
class Server:
    """How to reach a submission server."""

    host: str
    port: int
    security: str
    """tls (RFC 8314, section 3.3), starttls, or none (loopback only; the settings see to that)."""
    user: str
    password: str
    hello: str
    """What we call ourselves in EHLO."""
    sender: str
    """The envelope sender: bounces come back to the desk."""
    timeout: float
    """Seconds for the greeting, for one answer, and for one block of a mail to be taken; RFC 5321, sections
    4.5.3.2.1 to 4.5.3.2.5: five minutes for the longest of them."""
    data_timeout: float
    """Seconds for the answer to the final dot; RFC 5321, section 4.5.3.2.6: ten minutes."""
    ca_file: str = ""
    """An own certificate authority; "" takes the system's."""
    connect_timeout: float = 30
    """Seconds for each address of the host to accept a connection: no RFC asks for patience here."""
    desk: str = ""
    """Its key in the settings, for messages."""
    token: Callable[[str], Future[str]] | None = None
    """With XOAUTH2: an access token other than the one that was refused, "" for none; None: the password."""


class Notify(StrEnum):
    """Of what a delivery report is wanted: RFC 3461, section 4.1."""

    NEVER = "NEVER"
    TROUBLE = "FAILURE,DELAY"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the server hears of a mail before the mail."""

    recipient: str
    """As it was written; it is put into the form of the wire here."""
    raw: bytes
    """The mail itself, CRLF line ends: its size and letters are declared."""
    token: str = ""
    """Its outbox id, as ENVID: a report that lost the Message-ID still names it; "" for none."""
    notify: Notify = Notify.TROUBLE


class _Client(aiosmtplib.SMTP):
    def close(self) -> None:
        """At once: a polite end would wait until the rest of a mail is taken, and for TLS to say good-bye."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
        super().close()


class Session:
    """A connection that carries one mail after the other; use as an async context manager.

    Raises TemporaryError on entry when the server cannot be reached or refuses us.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._client = _Client(
            hostname=server.host,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",  # never None: "if offered" can be stripped on the way
            username=server.user or None,
            password=server.password or None,
            oauth_token_generator=self._present if server.token else None,
            local_hostname=server.hello,
            timeout=server.timeout,
            tls_context=_tls(server),
        )
        self._must_reset = False
        self._token = ""

    async def __aenter__(self) -> Self:
        if self.server.token is None:
            await self._enter()
            return self
        for attempt in (1, 2):  # where a token is refused, once more with a new one
            # Before the server waits for it.
            self._token = await asyncio.wrap_future(self.server.token(self._token))
            try:
                await self._enter()
            except AuthorizationRefusedError:
                if attempt == 2:
                    raise
            else:
                break
        return self

    async def _present(self) -> str:
        return self._token

    async def _enter(self) -> None:
        try:
            await self._client.connect(sock=await _reached(self.server))
            if self._client.is_ehlo_or_helo_needed:  # a refusal of us must not look like one of a mail
                await self._client.ehlo()
            if not self.usable:  # else it would be asked again and again, and no mail would ever be tried
                raise aiosmtplib.SMTPServerDisconnected("it let us in and hung up")
        except (aiosmtplib.SMTPException, *_LOST) as error:
            self._client.close()
            who = f"{self.server.user} at " if self.server.user else ""
            where = f"{who}{self.server.host}:{self.server.port}"
            said = _words(error).replace(self._token, "…") if self._token else _words(error)
            if self._token and isinstance(error, aiosmtplib.SMTPAuthenticationError) and error.code >= 500:
                raise AuthorizationRefusedError(
                    f"{where} refuses the access token: {said};"
                    f" run `mailgate authorize {self.server.desk}`, signed in as {self.server.user}"
                ) from None
            raise TemporaryError(f"{where}: {said}") from error

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.usable:
            with contextlib.suppress(aiosmtplib.SMTPException, *_LOST):
                await self._client.quit(timeout=5)
        self._client.close()

    @property
    def usable(self) -> bool:
        """False after an answer was lost: the next mail needs a new connection."""
        return self._client.is_connected

    async def envelope(self, envelope: Envelope) -> Outcome | None:
        """MAIL FROM and RCPT TO; None when the server is ready for the mail."""
        if (refused := self._cannot(envelope)) is not None:
            return refused
        stage = Stage.MAIL
        if self._was_told_too_much():
            self._client.close()
            return Lost(stage, "the server answered more than it was asked")
        try:
            if self._must_reset:  # the mail before was refused, or never begun
                await self._reset()
            self._must_reset = True
            await self._client.mail(self.server.sender, options=self._of_mail(envelope))
            stage = Stage.RCPT
            to = on_the_wire(envelope.recipient) or ""
            await self._client.rcpt(to, options=self._of_recipient(envelope), encoding="utf-8")
        except aiosmtplib.SMTPResponseException as error:
            return Answer(stage, self._understood(error.code), error.message)
        except (aiosmtplib.SMTPException, *_LOST) as error:
            self._client.close()
            return Lost(stage, _words(error))
        return None

    async def _reset(self) -> None:
        """A refusal of RSET says nothing of the next mail: that one gets a connection of its own."""
        try:
            await self._client.rset()
        except aiosmtplib.SMTPResponseException as error:
            raise aiosmtplib.SMTPServerDisconnected(f"RSET: {error.code} {error.message}") from error

    def _cannot(self, envelope: Envelope) -> Answer | None:
        """What need not be asked, because the server's EHLO has answered it; in a server's own words."""
        if on_the_wire(envelope.recipient) is None:
            return Answer(Stage.RCPT, 553, "5.1.3 no mailbox that can be written to")
        if _needs_smtputf8(envelope) and not self._offers("smtputf8"):
            text = f"5.6.7 {self.server.host} offers no SMTPUTF8: it cannot carry mail to this address"
            return Answer(Stage.RCPT, 553, text)  # RFC 6531, section 3.5
        size, most = len(envelope.raw), self._most_octets()
        if size <= most or most == 0:
            return None
        text = f"5.3.4 {size} octets, and {self.server.host} takes {most}: it was not sent"
        return Answer(Stage.MAIL, 552, text)  # RFC 1870, section 6.1

    def _offers(self, extension: str) -> bool:
        return self._client.supports_extension(extension)

    def _most_octets(self) -> int:
        """RFC 1870, section 4: 0 where the server names no limit."""
        named = self._client.esmtp_extensions.get("size", "").strip()
        return int(named) if re.fullmatch("[0-9]{1,20}", named) else 0

    def _of_mail(self, envelope: Envelope) -> list[str]:
        options = []
        if self._offers("size"):
            options.append(f"SIZE={len(envelope.raw)}")
        if not envelope.raw.isascii() and self._offers("8bitmime"):
            options.append("BODY=8BITMIME")  # RFC 6152, section 2
        if _needs_smtputf8(envelope):
            options.append("SMTPUTF8")
        if self._offers("dsn"):
            # RFC 3461, sections 4.3 and 4.4: a report brings back what we know already, so headers will do.
            options += ["RET=HDRS", *([f"ENVID={envelope.token}"] if envelope.token else [])]
        return options

    def _of_recipient(self, envelope: Envelope) -> list[str]:
        if not self._offers("dsn"):
            return []
        original = original_recipient(on_the_wire(envelope.recipient) or "")
        return [f"NOTIFY={envelope.notify}", *([f"ORCPT={original}"] if original else [])]

    async def data(self, raw: bytes) -> Outcome:
        """DATA, the mail, the final dot, the answer."""
        try:
            outcome = await _within(MOST_DATA_SECONDS, "the whole mail", self._handed_over(raw))
        except (aiosmtplib.SMTPException, *_LOST) as error:
            self._client.close()
            return Lost(Stage.DATA, _words(error))
        except BaseException:  # a cancelled DATA leaves the stream in the middle of a mail
            self._client.close()
            raise
        if outcome.code in {0, 421}:  # nobody knows what it waits for now; or it goes away
            self._client.close()
        self._must_reset = not 200 <= outcome.code <= 299
        return outcome

    async def _handed_over(self, raw: bytes) -> Answer:
        """Each wait with its own patience: RFC 5321, sections 4.5.3.2.4 to 4.5.3.2.6."""
        try:
            ready = await self._client.execute_command(b"DATA")
            if ready.code != 354:  # and a 2yz or another 3yz is neither refusal nor invitation
                return Answer(Stage.DATA, _code(ready.code, lowest=400), ready.message)
            return await self._transmitted(raw)
        except aiosmtplib.SMTPResponseException as error:  # one that nobody can read
            return Answer(Stage.DATA, 0, error.message)

    async def _transmitted(self, raw: bytes) -> Answer:
        protocol = self._client.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        # Listening begins before the mail does: what is said while nobody listens is lost.
        answer = asyncio.create_task(protocol.read_response())
        await asyncio.sleep(0)
        try:
            whole = await self._written(protocol, raw, answer)
            said = await _within(self.server.data_timeout, "the answer to the final dot", answer)
        finally:
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # else the loop would complain that nobody asked
        if not whole:
            self._client.close()
        # In the middle of a mail it can refuse, and cannot accept (RFC 5321, section 4.1.1.4).
        return Answer(Stage.DATA, _code(said.code, lowest=200 if whole else 400), said.message)

    async def _written(
        self, protocol: SMTPProtocol, raw: bytes, answer: "asyncio.Task[aiosmtplib.SMTPResponse]"
    ) -> bool:
        """False: the server answered before it had the whole mail, and need not hear the rest."""
        for block in _blocks(raw):
            await _within(self.server.timeout, "a block of the mail", _room(protocol, answer))
            if answer.done():
                return False
            protocol.write(block)
        return True

    def _was_told_too_much(self) -> bool:
        """Whether an answer lies there before anything was asked: all later ones would come too early."""
        return bool(self._client.protocol and self._client.protocol._buffer)

    def _understood(self, code: int) -> int:
        """The code of a refusal. After anything else every answer may be the one to an earlier command."""
        if 400 <= code <= 599:
            return code
        self._client.close()
        return 0


def _needs_smtputf8(envelope: Envelope) -> bool:
    """RFC 6531, section 3.4; a mail of ours is beyond ASCII in its To alone."""
    return is_international(envelope.recipient) or not envelope.raw.isascii()


def _blocks(raw: bytes) -> Iterator[bytes]:
    """The mail as it is sent, the final dot included: RFC 5321, section 4.5.2."""
    whole = _LEADING_DOT.sub(b"..", normalize_message_line_endings(raw)) + b".\r\n"
    return (whole[start : start + BLOCK] for start in range(0, len(whole), BLOCK))


async def _room(protocol: SMTPProtocol, answer: "asyncio.Task[aiosmtplib.SMTPResponse]") -> None:
    """Until the server takes more of the mail, says something, or is gone."""
    # What asyncio's StreamWriter.drain() waits for; the library has it for that, and no name for others.
    room = asyncio.ensure_future(protocol._drain_helper())
    await asyncio.wait({room, answer}, return_when=asyncio.FIRST_COMPLETED)
    if not room.cancel():
        room.exception()


async def _within(seconds: float, what: str, act: Awaitable[T]) -> T:
    patience = asyncio.timeout(seconds)
    try:
        async with patience:
            return await act
    except TimeoutError as error:
        if not patience.expired():
            raise
        raise aiosmtplib.SMTPTimeoutError(f"{what} took more than {seconds:g} s") from error


async def _reached(server: Server) -> socket.socket:
    """A connection to one of the host's addresses, each with its own patience."""
    loop, failures = asyncio.get_running_loop(), []
    for family, kind, protocol, _, place in await loop.getaddrinfo(
        server.host, server.port, type=socket.SOCK_STREAM
    ):
        line = socket.socket(family, kind, protocol)
        line.setblocking(False)
        try:
            await _within(server.connect_timeout, f"connecting to {place[0]}", loop.sock_connect(line, place))
        except OSError as error:
            line.close()
            failures.append(_words(error))
        except BaseException:
            line.close()
            raise
        else:
            return line
    raise aiosmtplib.SMTPConnectError("; ".join(failures))


def _code(code: int, lowest: int = 200) -> int:
    """0 for an answer that cannot be: the library says -1 for one that it cannot read."""
    return code if lowest <= code <= 299 or 400 <= code <= 599 else 0


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _tls(server: Server) -> ssl.SSLContext | None:
    if server.security == "none":
        return None
    try:
        return ssl.create_default_context(cafile=server.ca_file or None)
    except OSError as error:
        raise TemporaryError(f"{server.ca_file}: {error}") from error
