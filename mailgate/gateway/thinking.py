"""What follows from the mails that were kept? think(): read, decide, record with the answers (commit 2)."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Protocol

from mailgate.desk import decide
from mailgate.desk.situation import Counter
from mailgate.gateway.keeping import HEADER_OCTETS, MEBIBYTE
from mailgate.gateway.loaded import Clock, Office
from mailgate.gateway.recording import settled
from mailgate.message.message import Address, Attachment, Message, Unreadable
from mailgate.store import mails, situations, unreachable
from mailgate.store.database import Connection, Store, passes_by_itself
from mailgate.store.mails import Kept

log = logging.getLogger("mailgate")


class Reads(Protocol):
    """The worker that reads, as seen from here."""

    def read_all(self, raws: Iterable[bytes]) -> Iterator[Message | Unreadable]: ...


def think(
    office: Office,
    store: Store,
    reader: Reads,
    counter: Counter,
    clock: Clock,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Decide everything that was kept, in the order of arrival; returns how many mails it was.

    `stopping` is asked after each batch: of a rebuilt folder there may be a hundred thousand mails, and
    whoever asks nothing for half an hour is taken for one that hangs.
    """
    limits = office.settings.limits
    thought = 0
    while True:
        with store.reading() as look:
            kept = mails.waiting(look, counter.key, limits.batch_mails, limits.batch_mib * MEBIBYTE)
        if not kept:
            return thought
        read = list(zip(kept, reader.read_all([one.raw for one in kept]), strict=True))
        described = {
            one.id: _described(reader, one.raw) for one, result in read if isinstance(result, Unreadable)
        }
        files = {
            one.id: _attachments(store, reader, result, counter)
            for one, result in read
            if isinstance(result, Message)
        }
        # Commit 2.
        said = store.written(partial(_settle_all, office, counter, read, described, files, clock))
        for level, text in said:
            log.log(level, "%s", text)
        thought += len(said)
        if stopping():
            return thought


def _described(reader: Reads, raw: bytes) -> tuple[str, str]:
    """Who wrote a mail that cannot be read whole, and its subject; "" where not even that can be read."""
    (head,) = reader.read_all([raw[:HEADER_OCTETS].partition(b"\r\n\r\n")[0]])
    match head:
        case Message(authors=(author, *_), subject=subject):
            return str(author), subject
        case _:
            return "", ""


def _settle_all(
    office: Office,
    counter: Counter,
    read: Sequence[tuple[Kept, Message | Unreadable]],
    described: Mapping[int, tuple[str, str]],
    files: Mapping[int, Mapping[str, tuple[Attachment, ...]]],
    clock: Clock,
    write: Connection,
) -> list[tuple[int, str]]:
    """Each mail once, whoever else read it meanwhile; returns what the log is to say once it is true."""
    mine = mails.still_waiting(write, counter.key, [one.id for one, _ in read])
    for mail_id in described.keys() & mine:
        mails.describe(write, mail_id, *described[mail_id])
    return [
        _settle(office, write, counter, one, result, files.get(one.id, {}), clock())
        for one, result in read
        if one.id in mine
    ]


def _attachments(
    store: Store, reader: Reads, message: Message, counter: Counter
) -> dict[str, tuple[Attachment, ...]]:
    """What #lampiran may ask for, by ticket: its mails are read once more, outside the transaction."""
    if "#" not in message.own_words and "＃" not in message.own_words:
        return {}
    with store.reading() as look:
        wanted = situations.wanted_mails(look, message, counter)
    return {number: tuple(_attached(store, reader, ids, counter)) for number, ids in wanted.items()}


def _attached(store: Store, reader: Reads, mail_ids: Iterable[int], counter: Counter) -> Iterator[Attachment]:
    """One mail after the other, until more is there than one mail can carry."""
    room = counter.limits.message_mib * MEBIBYTE
    for mail_id in mail_ids:
        if room <= 0:
            return
        with store.reading() as look:
            kept = mails.one(look, mail_id)
        for message in reader.read_all([kept.raw] if kept else []):
            if isinstance(message, Message):
                yield from message.attachments
                room -= sum(one.size for one in message.attachments)


def _settle(
    office: Office,
    write: Connection,
    counter: Counter,
    kept: Kept,
    result: Message | Unreadable,
    files: Mapping[str, tuple[Attachment, ...]],
    now: datetime,
) -> tuple[int, str]:
    """One mail: decided with all that follows from it, or set aside. It never stops the next one.

    Returns what the log is to say once it is true.
    """
    if isinstance(result, Unreadable):
        return _set_aside(write, kept, result.reason, now)
    try:
        with write.begin_nested():
            situation = situations.gather(write, result, kept, counter, now, files)
            if situation.unreachable and result.author is not None and result.dsn is None:
                unreachable.heard(write, counter.key, result.author.address)
            decision = decide.decide(replace(result, oversize=kept.oversize), situation, counter)
            author = result.authors[0] if result.authors else Address("", "")
            decision, said = settled(office, write, counter, decision, now, kept, situation.tickets)
            said_of_it = decide.what_is_said(result)
            mails.decided(write, kept.id, decision, author, result.subject, now, said_of_it)
            return logging.INFO, said
    except Exception as error:
        if passes_by_itself(error):
            raise
        log.exception("deciding failed desk=%s mail=%d message_id=%s", counter.key, kept.id, kept.message_id)
        _describe(write, kept, result)
        return _set_aside(write, kept, f"deciding failed: {type(error).__name__}, see the log", now)


def _describe(write: Connection, kept: Kept, message: Message) -> None:
    """Whose it is, for the admin's list; where that is the very thing that failed, nothing is said of it."""
    author = str(message.authors[0]) if message.authors else ""
    try:
        with write.begin_nested():
            mails.describe(write, kept.id, author, message.subject)
    except Exception as error:
        if passes_by_itself(error):
            raise


def _set_aside(write: Connection, kept: Kept, reason: str, now: datetime) -> tuple[int, str]:
    mails.set_aside(write, kept.id, reason, now)
    about = f"desk={kept.desk} mail={kept.id} message_id={kept.message_id}"
    return logging.WARNING, f"set aside {about}: {reason}"
