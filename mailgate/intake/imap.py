"""The edge where mail comes in: one connection to one mailbox, used by one thread.

UIDs only, never sequence numbers; BODY.PEEK[] only, so that \\Seen stays a person's; nothing is deleted.
"""

import contextlib
import imaplib
import logging
import re
import select
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import LoginError, ProtocolError

from mailgate import __version__
from mailgate.errors import AuthorizationRefusedError, TemporaryError, UnforeseenError
from mailgate.intake.cursor import Folder, Listed
from mailgate.patience import cut_after

log = logging.getLogger("mailgate")

CONNECT_SECONDS = 20
READ_SECONDS = 120
MOST_SECONDS = 1_500.0
"""For one command: a server that drips never reaches READ_SECONDS, and half an hour without a sign of life
ends all desks (the watchdog). 16 MiB at 11 kB/s take as long."""
MOST_UIDS = 500  # in one command: its line must stay far below the 8,000 octets that servers accept
MOST_WITHHELD = 20  # more mails than this that a server cannot give, and it is the server that is in trouble
_LOST = (imaplib.IMAP4.error, OSError)  # ssl.SSLError is among them
_NONSENSE = (
    ValueError, TypeError, AttributeError, LookupError, ArithmeticError, AssertionError,
    MemoryError, RecursionError,
)  # fmt: skip
"""What a lying server causes: the library met words where numbers must be, NIL where a list must be, lists
without end in each other, or a literal as long as a disk. A fault of ours looks no different."""
_TROUBLE = (*_LOST, *_NONSENSE)
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 3}  # seconds, seconds, times


@dataclass(frozen=True, slots=True)
class Account:
    """How to reach a mailbox."""

    host: str
    port: int
    security: str
    """tls, starttls, or none (loopback only; the settings see to that)."""
    user: str
    password: str
    folder: str
    processed: str
    set_aside: str
    ca_file: str = ""
    desk: str = ""
    """Its key in the settings, for messages."""
    token: Callable[[str], str] | None = None
    """With XOAUTH2: an access token other than the one that was refused, "" for none; None: the password."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A folder that the server does not let us see, which is no trouble of the connection."""

    reason: str
    """What the server says of it, one line."""
    first: bool
    """Whether this connection is told so for the first time."""


class RefusedError(TemporaryError):
    """The server will not do it (quota, rights), and the connection holds."""


class Mailbox:
    """A connection with its folder selected. Of no more use after a TemporaryError but RefusedError."""

    def __init__(self, account: Account) -> None:
        """Connect, log in, make sure that the folders are there, select.

        Raises TemporaryError when any of it fails.
        """
        self.account = account
        self._refused: set[str] = set()
        self._withheld: dict[int, str] = {}
        self._log_in()
        with self._asking("prepare the folders"):
            self._capabilities = frozenset(self._client.capabilities())
            self._introduce_ourselves()
            self._place = _place(self._client, self._capabilities)
            self._ensure(account.processed)
            self._ensure(account.set_aside)
        self.folder = self.select()

    def _log_in(self) -> None:
        """Connect and log in; where a token is refused, once more with a new one and from the beginning."""
        if self.account.token is None:
            self._connect()
            with self._asking("log in"):
                self._client.login(self.account.user, self.account.password)
            return
        token = self.account.token("")  # before the server waits for it
        self._connect()
        try:
            self._present(token)
        except AuthorizationRefusedError:
            token = self.account.token(token)
            self._connect()
            self._present(token)

    def _connect(self) -> None:
        with _translated(f"{self.account.host}:{self.account.port}"):
            self._client = _connect(self.account)

    def _present(self, token: str) -> None:
        """XOAUTH2. Raises AuthorizationRefusedError when it is the token that the server does not want."""
        blob = f"user={self.account.user}\1auth=Bearer {token}\1\1"
        with self._asking("log in"):
            if not self._client.has_capability("AUTH=XOAUTH2"):
                raise TemporaryError(f"{self.account.host} does not offer AUTH=XOAUTH2")
            try:
                # The server's second question is why it refuses; it is answered by an empty line.
                self._client.sasl_login("XOAUTH2", lambda challenge: "" if challenge else blob)
            except LoginError as error:
                if isinstance(error.__context__, imaplib.IMAP4.abort):  # nobody refused, the line was cut
                    raise error.__context__ from None
                words = _one_line(error).replace(token, "…")
                if _is_about_more(words):
                    raise TemporaryError(
                        f"{self.account.user} at {self.account.host}: log in: {words}"
                    ) from None
                raise AuthorizationRefusedError(
                    f"{self.account.user} at {self.account.host} refuses the access token: {words};"
                    f" run `mailgate authorize {self.account.desk}`, signed in as {self.account.user}"
                ) from None

    def select(self) -> Folder:
        """Select the watched folder anew, which also tells whether it was rebuilt."""
        with self._asking(f"select {self.account.folder}"):
            self.folder = self._open(self.account.folder)
            self._told_of_arrivals()  # its EXISTS is how many there are, and no arrival
        return self.folder

    def _open(self, name: str, *, readonly: bool = False) -> Folder:
        facts = self._client.select_folder(self._named(name), readonly)
        if b"UIDVALIDITY" not in facts:
            raise TemporaryError(f"{name}: the server keeps no UIDVALIDITY")
        return Folder(int(facts[b"UIDVALIDITY"]), int(facts.get(b"UIDNEXT", 0)))

    def told_of(self, name: str) -> Folder | Refusal:
        """What the server says of another folder, while the watched one stays selected."""
        said = self._status(name, "UIDVALIDITY", "UIDNEXT")
        return said if isinstance(said, Refusal) else Folder(*said)

    def mails_in(self, name: str) -> int | Refusal:
        """How many mails another folder holds, while the watched one stays selected."""
        said = self._status(name, "MESSAGES")
        return said if isinstance(said, Refusal) else said[0]

    def _status(self, name: str, *items: str) -> list[int] | Refusal:
        with self._asking(f"ask about {name}"):
            try:
                facts = self._client.folder_status(self._named(name), list(items))
                return [int(facts[item.encode("ascii")]) for item in items]
            except imaplib.IMAP4.abort:  # the connection is lost, and not the folder
                raise
            except imaplib.IMAP4.error as error:
                return self._refusal(name, error)
            except (LookupError, TypeError, ValueError) as error:
                if name not in self._refused:
                    log.warning("%s: %s: an answer that makes no sense", self._who(), name, exc_info=error)
                return self._refusal(name, error)

    @contextmanager
    def visiting(self, name: str, *, readonly: bool = True) -> Iterator[Folder | Refusal]:
        """Have another folder selected, mostly for reading alone, and afterwards the watched one again.

        What arrived there meanwhile ends the next `wait`.
        """
        before, withheld = self.folder, self._withheld
        with self._asking(f"look into {name}"):
            found = self._examined(name, readonly)
        self._withheld = {}
        yield found
        for uid, why in self._withheld.items():
            log.warning("%s: the server does not give mail %d of %s: %s", self._who(), uid, name, why)
        self._withheld = withheld
        with self._asking(f"return to {self.account.folder}"):
            self.folder = self._open(self.account.folder)
            if self.folder == before and before.uidnext:
                self._told_of_arrivals()  # as many as before: no arrival

    def _examined(self, name: str, readonly: bool) -> Folder | Refusal:
        try:
            self.folder = self._open(name, readonly=readonly)
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, TemporaryError) as error:
            return self._refusal(name, error)
        return self.folder

    def _refusal(self, name: str, error: Exception) -> Refusal:
        first = name not in self._refused
        self._refused.add(name)
        return Refusal(_one_line(error), first)

    def folder_of_sent_mail(self) -> str | None:
        """How the server calls the folder that is meant for it (RFC 6154); None where it does not say."""
        with self._asking("list the folders"):
            for flags, separator, name in self._client.list_folders():
                if b"\\Sent" in flags and isinstance(name, str):
                    own = name.removeprefix(self._place(""))
                    return own.replace((separator or b"/").decode("ascii", "replace"), "/")
        return None

    def capabilities(self) -> frozenset[bytes]:
        return self._capabilities

    def uids(self, first_uid: int, since: date | None) -> list[int]:
        """UIDs from `first_uid` on, received on the day before `since` or later, ascending."""
        wanted: list[Any] = ["UID", f"{first_uid}:*"]
        if since is not None:
            # SINCE disregards time and zone (RFC 9051, section 6.4.4): one day of grace, compared later.
            wanted += ["SINCE", since - timedelta(days=1)]
        with self._asking("search"):
            self._told_of_arrivals()  # what was told before this search is found by it
            found = self._client.search(wanted)
        if found and self.folder.uidnext:  # what came since the folder was selected
            self.folder = replace(self.folder, uidnext=max(self.folder.uidnext, max(found) + 1))
        # "n:*" names the last message even where its UID is lower (RFC 9051, section 9, seq-range).
        return sorted(uid for uid in found if uid >= first_uid)

    def uids_of_size(self, octets: int) -> list[int]:
        """UIDs of the mails of exactly that size, ascending."""
        larger = ["LARGER", octets - 1] if octets else []  # a number has no sign (RFC 9051, section 9)
        with self._asking("search by size"):
            return sorted(self._client.search([*larger, "SMALLER", octets + 1]))

    def listed(self, uids: Sequence[int]) -> list[Listed]:
        """Size and moment of arrival; a mail that was moved meanwhile, or is withheld, is missing."""
        found = self._given(uids, ["RFC822.SIZE", "INTERNALDATE"], b"RFC822.SIZE", int)
        return [
            Listed(uid, facts[b"RFC822.SIZE"], _moment(facts.get(b"INTERNALDATE")))
            for uid, facts in found.items()
        ]

    def bodies(self, uids: Sequence[int]) -> dict[int, bytes]:
        """The mails themselves; one that was moved meanwhile, or is withheld, is missing."""
        found = self._given(uids, ["BODY.PEEK[]"], b"BODY[]", bytes)
        return {uid: facts[b"BODY[]"] for uid, facts in found.items()}

    def withheld(self) -> RefusedError | None:
        """Which mails of the watched folder the server has and does not give; None: it gave all."""
        if not self._withheld:
            return None
        uid, why = next(iter(self._withheld.items()))
        others = f" and {len(self._withheld) - 1} others" if len(self._withheld) > 1 else ""
        return RefusedError(
            f"{self._who()}: the server does not give the mail with UID {uid}{others} of"
            f" {self.account.folder}: {why}; look at it with a mail client and move it out of the folder"
        )

    def _given(
        self, uids: Sequence[int], items: list[str], wanted: bytes, kind: type
    ) -> dict[int, dict[bytes, Any]]:
        """What the server says of each mail. One that it cannot give costs no other mail; see `withheld`."""
        found = self._told_with(uids, items, wanted, kind)
        for uid in self._still_there([uid for uid in uids if uid not in found]):
            found |= self._told_with([uid], items, wanted, kind)
            if uid not in found:
                self._withhold(uid, "it is listed, and nothing comes when it is asked for")
        return found

    def _told_with(
        self, uids: Sequence[int], items: list[str], wanted: bytes, kind: type
    ) -> dict[int, dict[bytes, Any]]:
        return {
            uid: facts
            for portion in _portions(uids)
            for uid, facts in self._fetch(portion, items).items()
            if isinstance(facts.get(wanted), kind)
        }

    def _still_there(self, uids: Sequence[int]) -> list[int]:
        """Those that nobody moved: a broken mail is passed over by some servers, or given as NIL."""
        uids = [uid for uid in uids if uid not in self._withheld]
        there: set[int] = set()
        for portion in _portions(uids):
            with self._asking("search"):
                self._client._imap.noop()  # until then a server may list what somebody expunged
                there.update(self._client.search(["UID", ",".join(map(str, portion))]))
        return [uid for uid in uids if uid in there]

    def _withhold(self, uid: int, why: str) -> None:
        self._withheld[uid] = why
        if len(self._withheld) > MOST_WITHHELD:
            with self._asking("fetch"):
                raise TemporaryError(f"{self._who()}: fetch: {why}")

    def header(self, uid: int, most: int) -> bytes:
        """The first octets of a mail that is too large to fetch."""
        facts = self._fetch([uid], [f"BODY.PEEK[HEADER]<0.{most}>"]).get(uid, {})
        return next((v for k, v in facts.items() if k.startswith(b"BODY[HEADER]") and v), b"")

    def message_id_fields(self, uids: Sequence[int]) -> dict[int, bytes]:
        """The Message-ID fields of mails as they stand, b"" for none; a mail that was moved is missing."""
        return {
            uid: next((v for k, v in facts.items() if k.startswith(b"BODY[HEADER.FIELDS") and v), b"")
            for portion in _portions(uids)
            for uid, facts in self._fetch(portion, ["BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"]).items()
        }

    def _fetch(self, uids: Sequence[int], items: list[str]) -> dict[int, dict[bytes, Any]]:
        """Where the server refuses, by halves: it may be one mail alone that it cannot read any more."""
        try:
            return self._fetched(uids, items)
        except RefusedError as error:
            if len(uids) == 1:
                if "EXPUNGEISSUED" not in str(error).upper():  # RFC 5530: a person moved it
                    self._withhold(uids[0], str(error))
                return {}
            half = len(uids) // 2
            return self._fetch(uids[:half], items) | self._fetch(uids[half:], items)

    def _fetched(self, uids: Sequence[int], items: list[str]) -> dict[int, dict[bytes, Any]]:
        """Raises RefusedError for a NO or BAD that may be about one of these mails."""
        with self._asking("fetch"):
            try:
                answer = self._client.fetch(list(uids), items)
            except (imaplib.IMAP4.abort, ProtocolError):
                raise
            except imaplib.IMAP4.error as error:
                self._client._imap.untagged_responses.pop("FETCH", None)  # what came before the NO
                if re.search(
                    r"\[(UNAVAILABLE|INUSE|LIMIT)\]", str(error).upper()
                ):  # RFC 5530: of no one mail
                    raise
                raise RefusedError(_one_line(error)) from error
            # A server may tell of other messages in the same breath (RFC 9051, section 7.5.2).
            return {uid: answer[uid] for uid in uids if uid in answer}

    def move(self, uids: Sequence[int], *, aside: bool) -> None:
        """Acknowledge: move to the processed or the set-aside folder. Mails that are gone are no error.

        Raises RefusedError when that folder takes no mail.
        """
        target = self.account.set_aside if aside else self.account.processed
        for portion in _portions(uids):
            with self._asking(f"move to {target}"):
                try:
                    self._move_to(portion, target)
                except imaplib.IMAP4.abort:
                    raise
                except imaplib.IMAP4.error as error:
                    raise RefusedError(f"{self._who()}: move to {target}: {_one_line(error)}") from error

    def _move_to(self, uids: list[int], target: str) -> None:
        try:
            self._move(uids, self._named(target))
        except imaplib.IMAP4.error as error:
            said = str(error).upper()
            if "TRYCREATE" in said:
                self._ensure(target)
            elif "EXPUNGEISSUED" in said:  # RFC 5530: a person moved one; NOOP lets go of it
                self._client.noop()
            elif b"MOVE" in self._capabilities and _is_unknown(error):
                self._capabilities -= {b"MOVE"}  # it lied about what it can
            else:
                raise
            self._move(uids, self._named(target))

    def _move(self, uids: list[int], target: str) -> None:
        if b"MOVE" in self._capabilities:
            self._client.move(uids, target)  # RFC 6851
        elif b"UIDPLUS" in self._capabilities:
            self._client.copy(uids, target)
            self._client.add_flags(uids, [b"\\Deleted"], silent=True)
            # Never a plain EXPUNGE: it would also take what other clients marked (RFC 4315, section 2.1).
            self._client.uid_expunge(uids)
        else:
            raise TemporaryError(f"{self.account.host} offers neither MOVE nor UIDPLUS: mail cannot be moved")

    def wait(self, seconds: float, wake: socket.socket) -> None:
        """Until the server tells of something, `wake` can be read, or time is up."""
        with self._asking("wait", seconds):
            if (
                self._told_of_arrivals()
            ):  # in the answer to the last search or later: IDLE would not repeat it
                return
            # IMAPClient's idle_check() puts the socket non-blocking under a buffered reader: a line cut in
            # two desynchronises it, an end of file makes it spin, what came with "+ idling" is not seen.
            if b"IDLE" not in self._capabilities or not self._idles():
                select.select([wake], [], [], seconds)
                self._client.noop()
                return
            if not self._has_unread_octets():
                select.select([self._client.socket(), wake], [], [], seconds)
            self._client.idle_done()

    def _idles(self) -> bool:
        """Whether IDLE began; a server that refuses what it offers is polled from then on."""
        try:
            self._client.idle()
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            if not self._client._imap.tagged_commands.get(self._client._idle_tag):
                raise  # another line came where "+" must stand
            self._capabilities -= {b"IDLE"}
            return False
        return True

    def _told_of_arrivals(self) -> bool:
        """Whether an EXISTS came since this was last asked; any answer may hold one (RFC 9051, 7.4.1)."""
        return self._client._imap.untagged_responses.pop("EXISTS", None) is not None

    def _has_unread_octets(self) -> bool:
        sock = self._client.socket()
        if isinstance(sock, ssl.SSLSocket) and sock.pending():
            return True
        sock.settimeout(0)
        try:
            return bool(self._client._imap.file.peek(1))  # what was read ahead is nowhere else
        except OSError:  # BlockingIOError and SSLWantReadError: nothing there
            return False
        finally:
            sock.settimeout(READ_SECONDS)

    def close(self) -> None:
        """Say goodbye where that is still possible."""
        with contextlib.suppress(*_TROUBLE):  # what a server says to a good-bye undoes no work
            self._client.logout()
        with contextlib.suppress(*_TROUBLE):
            self._client.shutdown()

    def _introduce_ourselves(self) -> None:
        if b"ID" in self._capabilities:  # RFC 2971; Gmail strongly recommends it
            try:
                self._client.id_({"name": "mailgate", "version": __version__})
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error:
                pass  # a courtesy

    def _named(self, folder: str) -> str:
        return folder if folder.upper() == "INBOX" else self._place(folder)

    def _ensure(self, folder: str) -> None:
        name = self._named(folder)
        if not self._client.folder_exists(name):
            self._client.create_folder(name)
            with contextlib.suppress(imaplib.IMAP4.error):
                self._client.subscribe_folder(name)

    def _who(self) -> str:
        return f"{self.account.user} at {self.account.host}:{self.account.port}"

    @contextmanager
    def _asking(self, what: str, patience: float = 0.0) -> Iterator[None]:
        """`patience`: seconds for which nothing is expected."""
        with (
            _translated(f"{self._who()}: {what}"),
            cut_after(MOST_SECONDS + patience, self._client.socket()),
        ):
            try:
                yield
            except RefusedError:
                raise
            except (*_TROUBLE, TemporaryError):
                # After a time-out the object is dead ("cannot read from timed out object"): never reused.
                with contextlib.suppress(OSError, imaplib.IMAP4.error):
                    self._client.shutdown()
                raise


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except _LOST as error:
        raise TemporaryError(f"{what}: {_one_line(error)}") from error
    except _NONSENSE as error:
        raise UnforeseenError(f"{what}: {type(error).__name__}: {_one_line(error)}") from error


def _is_about_more(words: str) -> bool:
    """Whether a refused login says nothing about the token: the server is busy or broken (RFC 5530)."""
    codes = re.findall(r"\[([A-Z]+)", words.upper())
    return bool(codes) and not {"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED"} & set(codes)


def _is_unknown(error: Exception) -> bool:
    """BAD: the server did not understand, so nothing was done (RFC 9051, section 7.1.3)."""
    return "COMMAND ERROR: BAD" in str(error).upper()


def _one_line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:300]


def _connect(account: Account) -> IMAPClient:
    context = None
    if account.security != "none":
        context = ssl.create_default_context(cafile=account.ca_file or None)
    client = IMAPClient(
        account.host,
        account.port,
        ssl=account.security == "tls",
        ssl_context=context,
        timeout=SocketTimeout(CONNECT_SECONDS, READ_SECONDS),
    )
    if account.security == "starttls":
        try:
            client.starttls(context)
        except (imaplib.IMAP4.error, OSError):
            with contextlib.suppress(OSError):  # a failed handshake has taken the socket away
                client.shutdown()
            raise
    client.normalise_times = False  # otherwise INTERNALDATE loses its zone
    client._imap.debug = 0  # IMAPClient sets 5, which formats every line for nobody
    _tune(client.socket())
    return client


def _tune(sock: socket.socket) -> None:
    # imaplib writes a command and its CRLF apart: with Nagle each waits 40 ms for a delayed ACK.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _place(client: IMAPClient, capabilities: frozenset[bytes]) -> Callable[[str], str]:
    """How "Mailgate/Diproses" is called here: some servers separate by a dot and keep all below INBOX."""
    prefix, separator = "", "/"
    personal = _personal(client) if b"NAMESPACE" in capabilities else None
    if personal:
        prefix, separator = personal[0][0] or "", personal[0][1] or "/"
    elif personal is None:
        found = client.list_folders("", "")
        if found and found[0][1]:
            separator = found[0][1].decode("ascii")
    return lambda folder: prefix + folder.replace("/", separator)


def _personal(client: IMAPClient) -> Any:
    """The personal namespaces (RFC 2342); None where the server refuses what it offers."""
    try:
        return client.namespace().personal or ()
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:
        return None


def _portions(uids: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(uids), MOST_UIDS):
        yield list(uids[start : start + MOST_UIDS])


def _moment(value: datetime | None) -> datetime:
    if value is None:  # RFC 9051 demands it; a broken server's mail is taken as arriving now
        return datetime.now(UTC)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
