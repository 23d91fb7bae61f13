"""The edge where mail leaves: one connection to one submission server.

Each step is driven by itself, so that it is always known how far a mail had come (RFC 5321, section 4.1.1).
"""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiosmtplib

from mailgate.errors import TemporaryError
from mailgate.outbox.retry import Answer, Lost, Stage

Outcome = Answer | Lost
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
    """Seconds for one answer."""
    data_timeout: float
    """Seconds for the answer to the final dot; RFC 5321, section 4.5.3.2.6: ten minutes."""
    ca_file: str = ""
    """An own certificate authority; "" takes the system's."""


class Session:
    """A connection that carries one mail after the other; use as an async context manager.

    Raises TemporaryError on entry when the server cannot be reached or refuses us.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",  # never None: "if offered" can be stripped on the way
            username=server.user or None,
            password=server.password or None,
            local_hostname=server.hello,
            timeout=server.timeout,
            tls_context=_tls(server),
        )
        self._must_reset = False

    async def __aenter__(self) -> Self:
        try:
            await self._client.connect()
            if self._client.is_ehlo_or_helo_needed:  # a refusal of us must not look like one of a mail
                await self._client.ehlo()
        except (aiosmtplib.SMTPException, *_LOST) as error:
            self._client.close()
            who = f"{self.server.user} at " if self.server.user else ""
            raise TemporaryError(f"{who}{self.server.host}:{self.server.port}: {_words(error)}") from error
        return self

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

    async def envelope(self, recipient: str) -> Outcome | None:
        """MAIL FROM and RCPT TO; None when the server is ready for the mail."""
        if not recipient.isascii():
            return Answer(Stage.RCPT, 553, "5.6.7 an address beyond ASCII needs SMTPUTF8")  # RFC 6531, 3.2
        stage = Stage.MAIL
        if self._was_told_too_much():
            self._client.close()
            return Lost(stage, "the server answered more than it was asked")
        try:
            if self._must_reset:  # the mail before was refused, or never begun
                await self._client.rset()
            self._must_reset = True
            await self._client.mail(self.server.sender)
            stage = Stage.RCPT
            await self._client.rcpt(recipient)
        except aiosmtplib.SMTPResponseException as error:
            return Answer(stage, self._understood(error.code), error.message)
        except (aiosmtplib.SMTPException, *_LOST) as error:
            self._client.close()
            return Lost(stage, _words(error))
        return None

    async def data(self, raw: bytes) -> Outcome:
        """DATA, the mail, the final dot, the answer."""
        try:
            answer = await self._client.data(raw, timeout=self.server.data_timeout)
        except aiosmtplib.SMTPResponseException as error:
            # The library calls a 2yz an error when it is not the 250 after the dot: perhaps nothing was sent.
            # It says -1 for an answer it cannot read.
            return Answer(Stage.DATA, self._understood(error.code), error.message)
        except (aiosmtplib.SMTPException, *_LOST) as error:
            self._client.close()
            return Lost(Stage.DATA, _words(error))
        except BaseException:  # a cancelled DATA leaves the stream in the middle of a mail
            self._client.close()
            raise
        self._must_reset = False
        return Answer(Stage.DATA, answer.code, answer.message)

    def _was_told_too_much(self) -> bool:
        """Whether an answer lies there before anything was asked: all later ones would come too early."""
        return bool(self._client.protocol and self._client.protocol._buffer)

    def _understood(self, code: int) -> int:
        """The code of a refusal. After anything else every answer may be the one to an earlier command."""
        if 400 <= code <= 599:
            return code
        self._client.close()
        return 0


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
