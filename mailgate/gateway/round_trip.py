"""Does a mail of a desk to itself come back, and with our Message-ID? `check --send-test`.

Beside a running service, which may find the mail before we do: the outbox knows the mail before it leaves, so
that it is filed there like any canary, and both folders in which it can lie by then are looked into.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailgate.errors import TemporaryError
from mailgate.gateway.canary import canary
from mailgate.gateway.loaded import Office, account, submission_server
from mailgate.gateway.recording import composed_alone
from mailgate.intake.cursor import Folder
from mailgate.intake.imap import Mailbox
from mailgate.message.ids import ref_ids, token_of
from mailgate.message.message import Message, Unreadable
from mailgate.message.worker import reader
from mailgate.outbox.retry import Sent, Tried, judge
from mailgate.outbox.smtp import Envelope, Notify, Server, Session
from mailgate.store import outbox
from mailgate.store.database import Store
from mailgate.store.outbox import Composed
from mailgate.store.presence import is_served

LOOKS_EVERY = 1.0
"""Seconds: of what the service has moved away meanwhile no server tells us."""
PATIENT_SECONDS = 30.0
"""For one answer of the submission server: somebody waits for it."""
MOST_OCTETS = 65_536
"""A larger mail is not ours."""

Read = Callable[[bytes], Message | Unreadable]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a test mail is waited for."""

    seconds: float
    say: Callable[[str], None]
    """Hears how far it has come."""


@dataclass(frozen=True, slots=True)
class Trip:
    """What became of a test mail that the submission server took."""

    message_id: str
    """As we wrote it."""
    folder: str | None
    """Where it arrived; None: nowhere within the time."""
    seconds: float
    """From the server's yes until it was found, or until nobody waited any more."""
    arrived_as: str | None = None
    """Its Message-ID there; None where it has none."""


@dataclass(slots=True)
class _Search:
    """Looks for one mail in some folders, at each mail once."""

    mailbox: Mailbox
    one: Composed
    read: Read
    moves: bool
    """Nobody else takes it out of the INBOX: two who move one mail at once may leave two copies."""
    first: dict[str, int] = field(default_factory=dict)
    """The next UID to look at, by folder; a folder that cannot be seen is missing."""

    def begin(self, *others: str) -> None:
        """From here on, in the INBOX and these: what lies there already is not it."""
        inbox = self.mailbox.folder.uidnext or max(self.mailbox.uids(1, None), default=0) + 1
        self.first[self.mailbox.account.folder] = inbox
        for name in filter(None, others):
            seen = self.mailbox.told_of(name)
            if isinstance(seen, Folder):
                self.first[name] = seen.uidnext

    def in_inbox(self) -> Message | None:
        """Found there it is moved away, unless a service does that."""
        if (found := self._among(self.mailbox.account.folder)) is None:
            return None
        uid, message = found
        if self.moves:
            self.mailbox.move([uid], aside=False)
        return message

    def elsewhere(self, name: str) -> Message | None:
        seen = self.mailbox.told_of(name) if name in self.first else None
        if not isinstance(seen, Folder) or seen.uidnext <= self.first[name]:
            return None
        with self.mailbox.visiting(name) as there:
            found = self._among(name) if isinstance(there, Folder) else None
        return found[1] if found else None

    def _among(self, name: str) -> tuple[int, Message] | None:
        """The mail with its UID, among those of the selected folder that are new."""
        uids = self.mailbox.uids(self.first[name], None)
        small = [one.uid for one in self.mailbox.listed(uids) if one.size <= MOST_OCTETS]
        self.first[name] = max(uids, default=self.first[name] - 1) + 1
        for uid, raw in self.mailbox.bodies(small).items():
            found = self.read(raw)
            if isinstance(found, Message) and _is(self.one, found):
                return uid, found
        return None


def _is(one: Composed, found: Message) -> bool:
    """By its Message-ID, or by its Ref line where that was replaced; as the service recognises it."""
    from_us = found.author is not None and found.author.key == one.recipient.casefold()
    return from_us and one.token in (token_of(found.message_id or ""), *ref_ids(found.text))


def round_trip(office: Office, key: str, store: Store | None, now: datetime, patience: Patience) -> Trip:
    """Send one and find it again. `store`: None where there is no database to use.

    Raises TemporaryError when a server does not do what it should, SettingsError when a secret is missing.
    """
    counter = office.counters[key]
    one = composed_alone(office, counter, canary(counter), now)
    server = submission_server(office, key)
    patience.say(f"{key}: sending to {server.host}")
    with _opened(office, key) as mailbox, reader(office.settings.limits) as reads:
        alone = store is None or not is_served(store)
        search = _Search(mailbox, one, reads.read, moves=alone)
        junk = counter.desk.imap.junk
        search.begin(mailbox.account.processed, junk)
        _send(server, one, store, now)
        return _awaited(search, junk, key, patience)


@contextmanager
def _opened(office: Office, key: str) -> Iterator[Mailbox]:
    mailbox = Mailbox(account(office, key))
    try:
        yield mailbox
    finally:
        mailbox.close()


def _send(server: Server, one: Composed, store: Store | None, now: datetime) -> None:
    """Noted first: a service that meets it must know it, however soon that is."""
    if store is not None:
        with store.writing() as write:
            outbox.add_as_sent(write, one, now)
    try:
        asyncio.run(_handed_over(_impatient(server), one, now))
    except TemporaryError as error:
        if store is not None:
            with store.writing() as write:
                outbox.was_not_sent(write, one.token, str(error))
        raise


def _impatient(server: Server) -> Server:
    return replace(
        server,
        timeout=min(server.timeout, PATIENT_SECONDS),
        data_timeout=min(server.data_timeout, PATIENT_SECONDS),
    )


async def _handed_over(server: Server, one: Composed, now: datetime) -> None:
    async with Session(server) as session:
        # Nobody is to hear of it by mail when it is lost: somebody waits for it here.
        envelope = Envelope(one.recipient, one.raw, one.token, Notify.NEVER)
        outcome = await session.envelope(envelope) or await session.data(one.raw)
    attempt = judge(outcome, Tried(), now)
    if not isinstance(attempt, Sent):
        raise TemporaryError(f"{server.host}:{server.port} did not take it: {attempt.reason}")


def _awaited(search: _Search, junk: str, key: str, patience: Patience) -> Trip:
    account, one = search.mailbox.account, search.one
    began = time.monotonic()
    wake, nobody = socket.socketpair()
    with wake, nobody:
        while True:
            # The service moves it from the INBOX: found in the other folder it was there before.
            found = search.in_inbox() or search.elsewhere(account.processed)
            took = time.monotonic() - began
            if found is not None:
                return Trip(one.message_id, account.folder, took, found.message_id)
            if took >= patience.seconds:
                break
            patience.say(f"{key}: sent, not yet in {account.folder} ({took:.0f} of {patience.seconds:.0f} s)")
            search.mailbox.wait(min(LOOKS_EVERY, patience.seconds - took), wake)
    if (found := search.elsewhere(junk)) is not None:
        return Trip(one.message_id, junk, took, found.message_id)
    return Trip(one.message_id, None, took)
