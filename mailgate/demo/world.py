"""Where does mail go in the demo? To an IMAP and an SMTP server of its own: nothing leaves this machine."""

import asyncio
import threading
from argparse import Namespace
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack
from datetime import datetime
from email.utils import format_datetime
from ssl import SSLContext
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import Config, DictBackend, Identity, Login
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pymap.user import Passwords, UserMetadata
from pysasl import SASLAuth
from pysasl.hashing import Cleartext

HOST = "127.0.0.1"
IMAP_PORT, SMTP_PORT = 1143, 1025
"""Where they are free; else whatever is."""
FOLDERS = ("Sent", "Drafts", "Trash")
LARGEST_MAIL = 40 * 1024 * 1024
STARTING_SECONDS = 30
STOPPING_SECONDS = 10


class World:
    """Both servers in one event loop on a thread of its own; use it with `with`."""

    def __init__(
        self,
        mailboxes: Mapping[str, str],
        password: str,
        clock: Callable[[], datetime],
        tls: SSLContext | None,
    ) -> None:
        """`mailboxes`: each address that is known here, small letters, and whose mailbox its mail goes to.

        The owner of a mailbox logs in with that address and `password`. `clock` dates what arrives. With
        `tls` both servers offer STARTTLS; they never ask for it.
        """
        self.mailboxes = mailboxes
        self.ports = (0, 0)
        """IMAP, SMTP."""
        self._password = password
        self._clock = clock
        self._tls = tls
        self._started: Future[None] = Future()
        self._stop = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="demo servers", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.result(STARTING_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STOPPING_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            await self._open_mailboxes()
            imap = await _first_free(self._listen_imap, IMAP_PORT)
            smtp = await _first_free(self._listen_smtp, SMTP_PORT)
        except Exception as error:
            self._started.set_exception(error)
            return
        self.ports = (_port(imap), _port(smtp))
        self._started.set_result(None)
        await self._stop.wait()
        imap.close()
        smtp.close()

    async def _open_mailboxes(self) -> None:
        # A clear password is looked up in 1 ms; with pymap's own PBKDF2 a login takes a quarter of a second.
        arguments = Namespace(
            host=[HOST], port="0", cert=None, key=None, tls=self._tls is not None, proxy_protocol=None,
            debug=False, passlib_cfg=None, demo_data=False, demo_user="", demo_password="",
        )  # fmt: skip
        self._config = _Config.from_args(
            arguments, hash_context=Cleartext(), invalid_user_sleep=0.0, ssl_context=self._tls
        )
        self._config.apply_context()
        self._login = Login(self._config)
        for owner in set(self.mailboxes.values()):
            hashed = await Passwords(self._config).hash_password(self._password)
            identity = self._identity(owner)
            await identity.set(UserMetadata(self._config, owner, password=hashed))
            async with identity.new_session() as session:
                for folder in FOLDERS:
                    await session.create_mailbox(folder)

    def _identity(self, owner: str) -> Identity:
        return Identity(owner, self._login, None, frozenset())

    async def _listen_imap(self, port: int) -> asyncio.Server:
        backend = DictBackend(self._login, self._config)
        await backend.start(AsyncExitStack())
        serve = ProxyProtocolReader(self._config.proxy_protocol).get_callback(
            IMAPServer(backend.login, self._config)
        )
        return await asyncio.start_server(serve, HOST, port, limit=LARGEST_MAIL)

    async def _listen_smtp(self, port: int) -> asyncio.Server:
        def serve() -> SMTP:
            return SMTP(
                _Postman(self),
                hostname="demo.localhost",
                enable_SMTPUTF8=True,
                data_size_limit=LARGEST_MAIL,
                tls_context=self._tls,
                auth_required=True,
                auth_require_tls=False,
                authenticator=self._authenticate,
                loop=self._loop,
            )

        return await self._loop.create_server(serve, HOST, port)

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        good = (
            isinstance(data, LoginPassword)
            and data.login.decode("utf-8", "replace").casefold() in self.mailboxes
            and data.password == self._password.encode()
        )
        return AuthResult(success=good, handled=False, auth_data=data if good else None)

    def received_at(self) -> datetime:
        return self._clock()

    async def deliver(self, owner: str, raw: bytes) -> None:
        """Into an INBOX, with the demo's moment as INTERNALDATE."""
        async with self._identity(owner).new_session() as session:
            await session.append_messages("INBOX", [AppendMessage(raw, self._clock(), frozenset())])


class _Config(Config):
    """pymap's settings for a server on loopback."""

    @property
    def greeting(self) -> bytes:
        return b"The mailboxes of the mailgate demo"  # pymap asks DNS for our name, which may take seconds

    @property
    def initial_auth(self) -> SASLAuth:
        return self.tls_auth  # a login without TLS is welcome: nobody listens on loopback


class _Postman:
    """What the SMTP server does with mail; the names are aiosmtpd's."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address.casefold() not in self._world.mailboxes:
            return "550 5.1.1 nobody here has this address, and the demo sends nothing out into the world"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        raw = self._trace(session, envelope) + _octets(envelope.original_content)
        for owner in {self._world.mailboxes[address.casefold()] for address in envelope.rcpt_tos}:
            await self._world.deliver(owner, raw)
        return "250 2.0.0 delivered inside the demo"

    def _trace(self, session: Session, envelope: Envelope) -> bytes:
        """RFC 5321, section 4.4."""
        date = format_datetime(self._world.received_at())
        return (
            f"Return-Path: <{envelope.mail_from or ''}>\r\n"
            f"Received: from {session.host_name or 'unknown'} by demo.localhost;\r\n {date}\r\n"
        ).encode()


def _octets(content: Any) -> bytes:
    return content if isinstance(content, bytes) else str(content or "").encode()


async def _first_free(listen: Callable[[int], Awaitable[asyncio.Server]], port: int) -> asyncio.Server:
    try:
        return await listen(port)
    except OSError:  # taken, most likely by another demo
        return await listen(0)


def _port(server: asyncio.Server) -> int:
    number: int = server.sockets[0].getsockname()[1]
    return number
