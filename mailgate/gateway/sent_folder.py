"""What did people answer from the mailbox itself, in webmail? Its folder is looked at and never touched."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256

from mailgate.desk.situation import Counter
from mailgate.gateway.keeping import arrivals_of, batches
from mailgate.gateway.loaded import Clock, Office
from mailgate.gateway.thinking import Reads, think
from mailgate.intake import cursor
from mailgate.intake.cursor import Beginning, Folder, Listed
from mailgate.intake.imap import Mailbox, Refusal
from mailgate.message import ids
from mailgate.store import mails, outbox
from mailgate.store.database import Store
from mailgate.store.mails import Arrival, Place

log = logging.getLogger("mailgate")


def watch_sent(
    office: Office,
    store: Store,
    mailbox: Mailbox,
    reader: Reads,
    counter: Counter,
    clock: Clock,
    stopping: Callable[[], bool],
) -> int:
    """Take note of what was answered in webmail; returns how many mails were new there.

    Nothing in this folder is moved, marked or deleted, and its trouble is not the INBOX's.
    """
    name = counter.desk.imap.sent
    if not name or not _is_news(store, counter, mailbox.told_of(name)):
        return 0
    with mailbox.visiting(name) as there:
        if isinstance(there, Refusal):
            _warn_of(counter, there)
            return 0
        new, beginning = 0, _sent_beginning(office, store, counter, there, clock)
        place = Place(counter.key, name, there.uidvalidity)
        for batch in batches(office, store, mailbox, place, beginning):
            if stopping():
                return new
            _keep_sent(office, store, mailbox, place, batch, clock)
            think(office, store, reader, counter, clock)
            new += len(batch)
        with store.writing() as write:
            mails.pass_uids(write, place, mailbox.folder.uidnext)
        return new


def _is_news(store: Store, counter: Counter, told: Folder | Refusal) -> bool:
    if isinstance(told, Refusal):
        _warn_of(counter, told)
        return False
    with store.reading() as look:
        stored = mails.beginning(look, counter.key, counter.desk.imap.sent)
    return cursor.is_news(stored[0] if stored else None, told)


def _warn_of(counter: Counter, refusal: Refusal) -> None:
    if refusal.first:
        log.warning(
            'desk=%s: sent = "%s" cannot be watched, answers written in webmail do not count: %s',
            counter.key, counter.desk.imap.sent, refusal.reason,
        )  # fmt: skip


def _sent_beginning(office: Office, store: Store, counter: Counter, there: Folder, clock: Clock) -> Beginning:
    """Where this folder begins for us. Nothing in it is ever answered: content alone tells old from new."""
    imap = counter.desk.imap
    with store.reading() as look:
        stored = mails.beginning(look, counter.key, imap.sent)
    if stored is None:
        found = cursor.first_contact(imap.start, there, clock(), office.timezone)
    elif cursor.was_rebuilt(stored[0], there, stored[0].first_uid - 1):
        found = cursor.rebuilt(stored[0], there)
    else:
        return stored[0]
    with store.writing() as write:
        mails.forget_uids(write, counter.key, imap.sent)
        mails.save_beginning(write, counter.key, imap.sent, found, clock(), reconciled=True)
    return found


def _keep_sent(
    office: Office, store: Store, mailbox: Mailbox, place: Place, batch: Sequence[Listed], clock: Clock
) -> None:
    """Commit 1 for mail that people sent. Many servers file a copy of ours as well, which is passed over."""
    ours = _submitted(store, mailbox, [one.uid for one in batch])
    arrivals = arrivals_of(office, mailbox, [one for one in batch if one.uid not in ours])
    with store.writing() as write:
        mails.keep(write, place, [_told_apart(one) for one in arrivals], clock())
        mails.pass_uids(write, place, batch[-1].uid + 1)


def _submitted(store: Store, mailbox: Mailbox, uids: Sequence[int]) -> frozenset[int]:
    """Those that left through our outbox."""
    own = {uid: ids.index(fields).message_id for uid, fields in mailbox.message_id_fields(uids).items()}
    tokens = {uid: ids.token_of(message_id) for uid, message_id in own.items() if message_id}
    with store.reading() as look:
        known = outbox.cited(look, [token for token in tokens.values() if token])
    return frozenset(uid for uid, token in tokens.items() if token in known)


def _told_apart(arrival: Arrival) -> Arrival:
    """Who puts the desk in copy has the same mail in the INBOX: there it is a letter, here an answer."""
    content = sha256(b"sent " + arrival.index.content.encode("ascii")).hexdigest()
    return replace(arrival, index=replace(arrival.index, content=content))
