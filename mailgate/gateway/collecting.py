"""How does mail come in? collect(): keep, think, acknowledge."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from mailgate.desk.decision import Letter
from mailgate.desk.situation import Counter
from mailgate.gateway import mirroring
from mailgate.gateway.keeping import UIDS_AT_ONCE, batches, keep
from mailgate.gateway.loaded import Clock, Office
from mailgate.gateway.recording import alerted
from mailgate.gateway.sent_folder import watch_sent
from mailgate.gateway.thinking import Reads, think
from mailgate.intake import cursor
from mailgate.intake.cursor import Beginning
from mailgate.intake.imap import Mailbox, Refusal, RefusedError
from mailgate.store import digests, mails
from mailgate.store.database import Store
from mailgate.store.mails import Place

log = logging.getLogger("mailgate")

JUNK_COUNTED_EVERY = timedelta(minutes=15)
SILENT_FROM = 50
"""More unknown mails than this in a rebuilt folder are taken in without answering (design, promise 2) …"""
SILENT_OLDER_THAN = timedelta(days=1)
"""… where they are older than this."""


def collect(
    office: Office,
    store: Store,
    mailbox: Mailbox,
    reader: Reads,
    key: str,
    clock: Clock,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Take in what waits in a mailbox; returns how many mails were new. Repeat until it returns 0.

    Raises TemporaryError when the mailbox or the store fails; what was kept by then is not lost. A folder
    that takes no mail, and a mail that the server cannot give, is told at the end: until somebody sees to it,
    people still get their answers.
    """
    counter = office.counters[key]
    beginning, reconciled = _beginning(office, store, mailbox, counter, clock)
    if not reconciled and not _reconcile(office, store, mailbox, counter, beginning, clock, stopping):
        return 0
    think(office, store, reader, counter, clock, stopping)
    refused = _acknowledge(store, mailbox, counter, clock, stopping)
    new, place = 0, inbox(mailbox, counter)
    for batch in batches(office, store, mailbox, place, beginning):
        if stopping():
            return new
        new += keep(office, store, mailbox, place, batch, clock)
        think(office, store, reader, counter, clock, stopping)
        refused = refused or _acknowledge(store, mailbox, counter, clock, stopping)
    refused = refused or mirroring.follow(store, mailbox, counter) or mailbox.withheld()
    _count_junk(store, mailbox, counter, clock())
    new += watch_sent(office, store, mailbox, reader, counter, clock, stopping)
    if refused:
        raise refused
    return new


def _count_junk(store: Store, mailbox: Mailbox, counter: Counter, now: datetime) -> None:
    """What the server took for junk may be a citizen's mail: the morning's list says that there is some."""
    folder = counter.desk.imap.junk
    if not folder:
        return
    with store.reading() as look:
        last = digests.junk_counted_at(look, counter.key)
    if last is not None and timedelta() <= now - last < JUNK_COUNTED_EVERY:
        return
    found = mailbox.mails_in(folder)
    if isinstance(found, Refusal):
        if found.first:
            log.warning('desk=%s: junk = "%s" cannot be counted: %s', counter.key, folder, found.reason)
        found = 0
    with store.writing() as write:
        digests.junk_counted(write, counter.key, found, now)


def inbox(mailbox: Mailbox, counter: Counter) -> Place:
    return Place(counter.key, counter.desk.imap.folder, mailbox.folder.uidvalidity)


def _beginning(
    office: Office, store: Store, mailbox: Mailbox, counter: Counter, clock: Clock
) -> tuple[Beginning, bool]:
    """Where this folder begins for us; False: it was rebuilt, and is to be reconciled before all else."""
    imap = counter.desk.imap
    with store.reading() as look:
        stored = mails.beginning(look, counter.key, imap.folder)
        highest = mails.highest_uid(look, inbox(mailbox, counter))
    if stored is None:
        found, reconciled = cursor.first_contact(imap.start, mailbox.folder, clock(), office.timezone), True
    elif cursor.was_rebuilt(stored[0], mailbox.folder, highest):
        found, reconciled = cursor.rebuilt(stored[0], mailbox.folder), False
    else:
        found, reconciled = stored
    if stored != (found, reconciled) or not reconciled:
        with store.writing() as write:
            if stored is not None and stored[1] and not reconciled:
                mails.forget_uids(write, counter.key, imap.folder)
            mails.save_beginning(write, counter.key, imap.folder, found, clock(), reconciled=reconciled)
    return found, reconciled


def _reconcile(
    office: Office,
    store: Store,
    mailbox: Mailbox,
    counter: Counter,
    beginning: Beginning,
    clock: Clock,
    stopping: Callable[[], bool],
) -> bool:
    """Every UID was forgotten. Keep all, so that content tells old from new, and only then think.

    False where it has to be left before its end; the next time goes on with what is not kept yet.
    """
    log.warning("mailbox rebuilt desk=%s uidvalidity=%d", counter.key, beginning.uidvalidity)
    place = inbox(mailbox, counter)
    for batch in batches(office, store, mailbox, place, beginning):
        if stopping():  # whoever asks does not hang, however many mails there are
            return False
        keep(office, store, mailbox, place, batch, clock)
    now = clock()
    with store.writing() as write:
        hushed = mails.hush(write, place, now - SILENT_OLDER_THAN, more_than=SILENT_FROM)
        folder = counter.desk.imap.folder
        mails.save_beginning(write, counter.key, folder, beginning, now, reconciled=True)
        if hushed:
            trouble = (
                f"{folder} was rebuilt by its server: {hushed} old mails were taken in without answering"
            )
            alerted(office, write, counter, Letter(trouble=trouble), now)
    return True


def _acknowledge(
    store: Store,
    mailbox: Mailbox,
    counter: Counter,
    clock: Clock,
    stopping: Callable[[], bool] = lambda: False,
) -> RefusedError | None:
    """Tell the server what is settled. A mail that a person moved meanwhile is settled as well.

    Returns why a folder takes no mail; what belongs there stays in the INBOX.
    """
    place, refused = inbox(mailbox, counter), None
    with store.reading() as look:
        processed, aside = mails.to_acknowledge(look, place)
    for uids, is_aside in ((processed, False), (aside, True)):
        try:
            for start in range(0, len(uids), UIDS_AT_ONCE):
                portion = uids[start : start + UIDS_AT_ONCE]
                mailbox.move(portion, aside=is_aside)
                with store.writing() as write:
                    mails.acknowledged(write, place, portion, clock(), aside=is_aside)
                if stopping():
                    return refused
        except RefusedError as error:
            refused = error
    return refused
