"""The whole service on one page: collect() brings mail in, tick() lets time act, deliver() lets mail leave.

Each pass may be killed at any instruction. The order of its steps is what makes that safe:
keep the raw mail (commit 1), think, record the decision with its answers (commit 2), acknowledge.
"""

import asyncio
import base64
import logging
import secrets
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Protocol
from zoneinfo import ZoneInfo

from mailgate import settings as shape
from mailgate.compose import mime, render
from mailgate.desk import agenda, decide, escalating, watch
from mailgate.desk.calendar import calendar, missing_years
from mailgate.desk.changes import FINISHED
from mailgate.desk.decision import Audience, AutoSubmitted, Decision, Handling, Letter, Send, Template
from mailgate.desk.situation import Counter
from mailgate.desk.ticket import Ticket
from mailgate.errors import SettingsError, TemporaryError
from mailgate.intake import cursor
from mailgate.intake.cursor import Beginning, Folder, Listed
from mailgate.intake.imap import Account, Mailbox, Refusal
from mailgate.message import ids
from mailgate.message.message import Address, Attachment, Message, Unreadable
from mailgate.outbox.retry import Attempt, Failed, Lost, Sent, Stage, judge
from mailgate.outbox.smtp import Server, Session
from mailgate.store import alerts, digests, mails, outbox, situations, tickets
from mailgate.store.database import Connection, Store, passes_by_itself
from mailgate.store.ledger import Ledger
from mailgate.store.mails import Arrival, Kept, Place
from mailgate.store.outbox import Claimed, Composed
from mailgate.store.record import Cause, record

log = logging.getLogger("mailgate")

MEBIBYTE = 1024 * 1024
HEADER_OCTETS = 64 * 1024
AT_ONCE = 50
"""Mails claimed, tickets closed, UIDs asked for in one go."""
IMPATIENT_SECONDS = 5.0
"""After so long on one mail the others get another connection."""
CONNECTIONS = 4
"""At the most, to one submission server …"""
MAILS_WORTH_A_CONNECTION = 10
"""… and one more only where so many mails wait."""
MAILS_ON_A_CONNECTION = 50
"""Then a new one: many servers end a longer one, and the mail that hears it has to wait."""
TOLD_AGAIN_AFTER = timedelta(hours=1)
LOOKED_AT_AGAIN_AFTER = timedelta(hours=1)
STORM_FROM = 10
"""More tickets of a desk than this are due at once: each person gets one list instead of a mail for each."""
MOST_LISTED = 400
"""Tickets looked at for one person's list."""
REMINDED_OF_HOLIDAYS_EVERY = timedelta(days=30)
JUNK_COUNTED_EVERY = timedelta(minutes=15)
SILENT_FROM = 50
"""More unknown mails than this in a rebuilt folder are taken in without answering (design, promise 2) …"""
SILENT_OLDER_THAN = timedelta(days=1)
"""… where they are older than this."""

NO_TICKETS: Mapping[str, Ticket] = MappingProxyType({})

Clock = Callable[[], datetime]


class Reads(Protocol):
    """The worker that reads, as seen from here."""

    def read_all(self, raws: Iterable[bytes]) -> Iterator[Message | Unreadable]: ...


@dataclass(frozen=True, slots=True)
class Office:
    """The settings with everything that was loaded for them."""

    settings: shape.Settings
    base: Path
    """The folder of the settings file: relative names in it start here."""
    templates: render.Templates
    counters: Mapping[str, Counter]
    timezone: ZoneInfo


def office(settings: shape.Settings, base: Path) -> Office:
    """Load what the settings name. Raises SettingsError."""
    templates = render.templates(shape.templates(settings, base))
    zone = ZoneInfo(settings.service.timezone)
    return Office(settings, base, templates, counters(settings, base), zone)


def counters(settings: shape.Settings, base: Path) -> dict[str, Counter]:
    """What each desk decides and counts with, its holidays loaded. Raises SettingsError."""
    found = {}
    for key, desk in settings.desks.items():
        hours = settings.hours_of(desk)
        holidays = shape.load_holidays(base / hours.holidays) if hours.holidays else ()
        days = calendar(hours, holidays, settings.service.timezone)
        found[key] = Counter(key, desk, settings.desks, days, settings.limits, settings.service.alert_to)
    return found


# --- collect: mailbox -> tickets and outbox ---------------------------------------------------------------


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

    Raises TemporaryError when the mailbox or the store fails; what was kept by then is not lost.
    """
    counter = office.counters[key]
    beginning = _beginning(office, store, mailbox, counter, clock)
    think(office, store, reader, counter, clock)
    _acknowledge(store, mailbox, counter, clock)
    new, place = 0, _inbox(mailbox, counter)
    for batch in _batches(office, store, mailbox, place, beginning):
        if stopping():
            return new
        new += _keep(office, store, mailbox, place, batch, clock)
        think(office, store, reader, counter, clock)
        _acknowledge(store, mailbox, counter, clock)
    _count_junk(store, mailbox, counter, clock())
    return new + _watch_sent(office, store, mailbox, reader, counter, clock, stopping)


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


def _inbox(mailbox: Mailbox, counter: Counter) -> Place:
    return Place(counter.key, counter.desk.imap.folder, mailbox.folder.uidvalidity)


def _beginning(office: Office, store: Store, mailbox: Mailbox, counter: Counter, clock: Clock) -> Beginning:
    """Where this folder begins for us. A rebuilt folder is reconciled before anything in it is answered."""
    imap = counter.desk.imap
    with store.reading() as look:
        stored = mails.beginning(look, counter.key, imap.folder)
        highest = mails.highest_uid(look, _inbox(mailbox, counter))
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
    if not reconciled:
        _reconcile(office, store, mailbox, counter, found, clock)
    return found


def _reconcile(
    office: Office,
    store: Store,
    mailbox: Mailbox,
    counter: Counter,
    beginning: Beginning,
    clock: Clock,
) -> None:
    """Every UID was forgotten. Keep all, so that content tells old from new, and only then think."""
    log.warning("mailbox rebuilt desk=%s uidvalidity=%d", counter.key, beginning.uidvalidity)
    place = _inbox(mailbox, counter)
    for batch in _batches(office, store, mailbox, place, beginning):
        _keep(office, store, mailbox, place, batch, clock)
    now = clock()
    with store.writing() as write:
        hushed = mails.hush(write, place, now - SILENT_OLDER_THAN, more_than=SILENT_FROM)
        folder = counter.desk.imap.folder
        mails.save_beginning(write, counter.key, folder, beginning, now, reconciled=True)
        if hushed:
            trouble = (
                f"{folder} was rebuilt by its server: {hushed} old mails were taken in without answering"
            )
            _alert(office, write, counter, Letter(trouble=trouble), now)


def _batches(
    office: Office, store: Store, mailbox: Mailbox, place: Place, beginning: Beginning
) -> Iterator[list[Listed]]:
    """What is ours and not yet in the store, in portions bounded by count and bytes."""
    since = cursor.asked_since(beginning, office.timezone)
    uids = mailbox.uids(beginning.first_uid, since)
    limits = office.settings.limits
    for start in range(0, len(uids), 10 * AT_ONCE):
        asked = uids[start : start + 10 * AT_ONCE]
        with store.reading() as look:
            seen = mails.seen_uids(look, place, asked)
        listed = mailbox.listed([uid for uid in asked if uid not in seen])
        yield from cursor.portions(
            cursor.ours(beginning, listed), limits.batch_mails, limits.batch_mib * MEBIBYTE
        )


def _keep(
    office: Office,
    store: Store,
    mailbox: Mailbox,
    place: Place,
    batch: Sequence[Listed],
    clock: Clock,
) -> int:
    """Commit 1: the bytes are durable before anything else happens to them. Returns how many were there."""
    arrivals = _arrivals(office, mailbox, batch)
    with store.writing() as write:
        mails.keep(write, place, arrivals, clock())
    return len(arrivals)


def _arrivals(office: Office, mailbox: Mailbox, batch: Sequence[Listed]) -> list[Arrival]:
    most = office.settings.limits.message_mib * MEBIBYTE
    bodies = mailbox.bodies([one.uid for one in batch if one.size <= most])
    found = (_arrival(mailbox, one, bodies.get(one.uid), most) for one in batch)
    return [one for one in found if one is not None]


def _arrival(mailbox: Mailbox, listed: Listed, raw: bytes | None, most: int) -> Arrival | None:
    """None: a person moved it meanwhile."""
    oversize = listed.size > most
    if oversize:
        raw = mailbox.header(listed.uid, HEADER_OCTETS) or None
    if raw is None:
        return None
    return Arrival(listed.uid, listed.received_at, listed.size, raw, ids.index(raw), oversize)


def _described(reader: Reads, header: bytes) -> tuple[str, str]:
    """Who wrote a mail that cannot be read whole, and its subject; "" where not even that can be read."""
    (head,) = reader.read_all([header])
    match head:
        case Message(authors=(author, *_), subject=subject):
            return str(author), subject
        case _:
            return "", ""


def _acknowledge(store: Store, mailbox: Mailbox, counter: Counter, clock: Clock) -> None:
    """Tell the server what is settled. A mail that a person moved meanwhile is settled as well."""
    place = _inbox(mailbox, counter)
    with store.reading() as look:
        processed, aside = mails.to_acknowledge(look, place)
    for uids, is_aside in ((processed, False), (aside, True)):
        if uids:
            mailbox.move(uids, aside=is_aside)
    if processed or aside:
        with store.writing() as write:
            mails.acknowledged(write, place, [*processed, *aside], clock())


# --- the folder of mail that people sent from the mailbox itself ------------------------------------------


def _watch_sent(
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
        for batch in _batches(office, store, mailbox, place, beginning):
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
    arrivals = _arrivals(office, mailbox, [one for one in batch if one.uid not in ours])
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


# --- think: kept mail -> decisions ------------------------------------------------------------------------


def think(office: Office, store: Store, reader: Reads, counter: Counter, clock: Clock) -> int:
    """Decide everything that was kept, in the order of arrival; returns how many mails it was."""
    limits = office.settings.limits
    thought = 0
    while True:
        with store.reading() as look:
            kept = mails.waiting(look, counter.key, limits.batch_mails, limits.batch_mib * MEBIBYTE)
        if not kept:
            return thought
        read = list(zip(kept, reader.read_all([one.raw for one in kept]), strict=True))
        described = {
            one.id: _described(reader, one.raw[:HEADER_OCTETS].partition(b"\r\n\r\n")[0])
            for one, result in read
            if isinstance(result, Unreadable)
        }
        files = {
            one.id: _attachments(store, reader, result, counter)
            for one, result in read
            if isinstance(result, Message)
        }
        with store.writing() as write:  # commit 2
            said = [
                _settle(office, write, counter, one, result, files.get(one.id, ()), clock())
                for one, result in read
            ]
            for mail_id, (author, subject) in described.items():
                mails.describe(write, mail_id, author, subject)
        for level, text in said:
            log.log(level, "%s", text)
        thought += len(kept)


def _attachments(store: Store, reader: Reads, message: Message, counter: Counter) -> tuple[Attachment, ...]:
    """What #lampiran asks for: the ticket's mails are read once more, outside the transaction."""
    if "#" not in message.own_words and "＃" not in message.own_words:
        return ()
    with store.reading() as look:
        wanted = situations.wanted_mails(look, message, counter)
        raws = [kept.raw for mail_id in wanted if (kept := mails.one(look, mail_id)) is not None]
    again = [one for one in reader.read_all(raws) if isinstance(one, Message)]
    return tuple(attachment for one in again for attachment in one.attachments)


def _settle(
    office: Office,
    write: Connection,
    counter: Counter,
    kept: Kept,
    result: Message | Unreadable,
    files: tuple[Attachment, ...],
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
            decision = decide.decide(replace(result, oversize=kept.oversize), situation, counter)
            author = result.authors[0] if result.authors else Address("", "")
            said = _record(office, write, counter, decision, now, kept, situation.tickets)
            mails.decided(write, kept.id, decision, author, result.subject, now)
            return logging.INFO, said
    except Exception as error:
        if passes_by_itself(error):
            raise
        log.exception("deciding failed desk=%s mail=%d message_id=%s", counter.key, kept.id, kept.message_id)
        return _set_aside(write, kept, f"deciding failed: {type(error).__name__}, see the log", now)


def _set_aside(write: Connection, kept: Kept, reason: str, now: datetime) -> tuple[int, str]:
    mails.set_aside(write, kept.id, reason, now)
    about = f"desk={kept.desk} mail={kept.id} message_id={kept.message_id}"
    return logging.WARNING, f"set aside {about}: {reason}"


def _record(
    office: Office,
    write: Connection,
    counter: Counter,
    decision: Decision,
    now: datetime,
    kept: Kept | None,
    before: Mapping[str, Ticket] = NO_TICKETS,
) -> str:
    """Ticket, history and outgoing mail, all or nothing; returns a line for the log."""
    decision = replace(decision, effects=watch.watched(decision.effects, before, now, counter))
    mail_id, message_id = (kept.id, kept.message_id) if kept else (None, None)
    composed = [
        _composed(office, counter, send, decision.number, mail_id, now) for send in decide.sends(decision)
    ]
    record(write, decision, composed, Cause(counter.key, now, mail_id, message_id))
    about = f"desk={counter.key} ticket={decision.number} mail={mail_id} message_id={message_id}"
    return f"{decision.handling} {about} mails_out={len(composed)}: {decision.reason}"


def _composed(
    office: Office, counter: Counter, send: Send, number: str | None, mail_id: int | None, now: datetime
) -> Composed:
    """The final bytes, under a fresh id of 128 random bits."""
    token = base64.b32encode(secrets.token_bytes(16)).decode("ascii").rstrip("=").lower()
    message_id = f"{token}@{counter.desk.message_id_domain}"
    local, hours = now.astimezone(office.timezone), office.settings.hours_of(counter.desk)
    said = render.hours_text(office.templates, counter.desk.language, hours, local.date())
    words = render.render(
        office.templates, send, counter.desk, render.Facts(office.timezone, said), token, now
    )
    return Composed(
        token=token,
        desk=counter.key,
        number=_about(send, number),
        mail_id=mail_id,
        template=send.template.value,
        audience=send.audience.value,
        automatic=send.automatic is not None,
        recipient=send.to.address,
        person_key=send.person.casefold(),
        message_id=message_id,
        raw=mime.mail(words, send, counter.desk, message_id, local),
    )


def _about(send: Send, number: str | None) -> str | None:
    """The ticket that a mail is about, and on which an answer to it works: a list is about none."""
    if send.letter.ticket is not None:
        return send.letter.ticket.number
    return None if send.template is Template.LIST else number


# --- tick: time -> decisions ------------------------------------------------------------------------------


def tick(office: Office, store: Store, clock: Clock) -> int:
    """Let time act; returns how many decisions that came to. One transaction for each ticket."""
    now = clock()
    desks = list(office.counters)
    with store.writing() as write:
        outbox.recover(write, now, alone=False)
    for counter in office.counters.values():
        _acted(store, partial(_look_again, counter=counter, now=now))
    with store.reading() as look:
        storms = {key for key, count in tickets.due_counts(look, desks, now).items() if count > STORM_FROM}
    done = 0
    while due := _due(store, desks, now):
        done += sum(_acted_on(office, store, number, now, storms) for number in due)
    for counter in office.counters.values():
        done += _remind_of_the_day(office, store, counter, now)
        _acted(store, partial(_tell_of_set_aside, office, counter=counter, now=now))
        _acted(store, partial(_tell_of_missing_holidays, office, counter=counter, now=now))
    return done


def _look_again(write: Connection, *, counter: Counter, now: datetime) -> str | None:
    """Other escalations or hours than before: the moments in the rows were worked out by the old ones."""
    kind = f"watched by {watch.fingerprint(counter)}"
    if alerts.last(write, counter.key, kind) is not None:
        return None
    others = alerts.forget(write, counter.key, "watched by ")
    alerts.told(write, counter.key, kind, now)
    if not others:  # the first ones this desk ever had: every row was worked out by these
        return None
    tickets.look_again(write, counter.key, now)
    return f"desk={counter.key}: time looks at every open ticket anew, its rules or hours have changed"


def _due(store: Store, desks: Sequence[str], now: datetime) -> list[str]:
    with store.reading() as look:
        return tickets.due(look, desks, now, AT_ONCE)


def _acted_on(office: Office, store: Store, number: str, now: datetime, storms: Collection[str]) -> bool:
    """A ticket on which time cannot act stands in nobody's way: it is looked at again in an hour."""
    if _acted(store, partial(_act, office, number=number, now=now, storms=storms)):
        return True
    with store.writing() as write:
        tickets.postpone(write, number, now + LOOKED_AT_AGAIN_AFTER)
    return False


def _act(office: Office, write: Connection, *, number: str, now: datetime, storms: Collection[str]) -> str:
    ticket = tickets.locked(write, [number])[number]
    if ticket.watch_at is None or ticket.watch_at > now:
        return f"{number} is not due any more"  # somebody was quicker
    counter = office.counters[ticket.desk]
    situation = situations.without_mail(write, ticket, counter, now)
    decision = escalating.acted(ticket, situation, counter, quiet=ticket.desk in storms)
    return _record(office, write, counter, decision, now, None, situation.tickets)


def _remind_of_the_day(office: Office, store: Store, counter: Counter, now: datetime) -> int:
    """In service hours everybody has the day's list once, and at once where reminders were kept back."""
    if not counter.calendar.is_open(now):
        return 0
    day = now.astimezone(office.timezone).date()
    with store.reading() as look:
        owed = digests.owed(look, counter.key)
        served = digests.served(look, counter.key, day)
    everybody = {one.address.casefold(): one for one in counter.desk.staff}
    wanted = (everybody.keys() - served) if counter.desk.digest else owed & everybody.keys()
    return sum(
        _acted(store, partial(_list, office, counter=counter, staff=everybody[key], now=now))
        for key in sorted(wanted)
    )


def _list(office: Office, write: Connection, *, counter: Counter, staff: shape.Staff, now: datetime) -> str:
    if not digests.still_wanted(write, counter.key, staff.address, now.astimezone(office.timezone).date()):
        return f"{staff.address} has the list"  # somebody was quicker
    others = [one.address for one in counter.desk.staff if one != staff]
    todo = tickets.of_staff(write, counter.key, staff.address, others, MOST_LISTED)
    # Whoever leads was to be reminded of what others have: their list must show it, or nobody hears of it.
    of_all = counter.desk.leads(staff) and staff.address.casefold() in digests.owed(write, counter.key)
    if of_all:
        todo = _with_late_ones(todo, tickets.listed(write, tickets.Wanted(counter.key, overdue_at=now)))
    junk = digests.junk_mails(write, counter.key)
    found = agenda.agenda(staff, todo, now, counter, junk, of_all=of_all)
    decision = agenda.morning(staff, found, now, counter)
    return _record(office, write, counter, decision, now, None)


def _with_late_ones(todo: Sequence[Ticket], late: Iterable[Ticket]) -> list[Ticket]:
    known = {one.number for one in todo}
    return [*todo, *(one for one in late if one.number not in known and one.status not in FINISHED)]


def _acted(store: Store, act: Callable[[Connection], str | None]) -> bool:
    """Whether one act of time went through; one that cannot be done leaves the others alone."""
    try:
        with store.writing() as write:
            said = act(write)
    except TemporaryError:
        raise
    except Exception:
        log.exception("time could not act")
        return False
    if said:
        log.info("%s", said)
    return True


def _tell_of_set_aside(office: Office, write: Connection, *, counter: Counter, now: datetime) -> str | None:
    """One mail an hour at the most, and only when something came since."""
    newest = mails.newest_aside(write, counter.key)
    last = alerts.last(write, counter.key, "set_aside")
    if newest is None or (last is not None and (newest <= last or now - last < TOLD_AGAIN_AFTER)):
        return None
    alerts.told(write, counter.key, "set_aside", now)
    return _alert(office, write, counter, Letter(waiting=tuple(mails.aside(write, counter.key))), now)


def _tell_of_missing_holidays(
    office: Office, write: Connection, *, counter: Counter, now: datetime
) -> str | None:
    """Once a month, in service hours: due moments would count the holidays of such a year as work."""
    missing = missing_years(counter.calendar.holidays, now.astimezone(office.timezone).date())
    without = not office.settings.hours_of(counter.desk).holidays  # whoever names no file wants none
    if without or not missing or not counter.calendar.is_open(now):
        return None
    last = alerts.last(write, counter.key, "holidays")
    if last is not None and now - last < REMINDED_OF_HOLIDAYS_EVERY:
        return None
    alerts.told(write, counter.key, "holidays", now)
    years = " and ".join(str(year) for year in missing)
    trouble = f"no holidays of {years} are known: mailgate holidays {missing[0]} proposes them"
    return _alert(office, write, counter, Letter(trouble=trouble), now)


def _alert(office: Office, write: Connection, counter: Counter, letter: Letter, now: datetime) -> str:
    effects = tuple(
        Send(
            Template.ALERT, Audience.ADMIN, Address("", address), address, letter, AutoSubmitted.GENERATED
        )
        for address in office.settings.service.alert_to
    )  # fmt: skip
    decision = Decision(Handling.FILED, letter.trouble or "mail is set aside", None, effects)
    return _record(office, write, counter, decision, now, None)


# --- deliver: outbox -> SMTP ------------------------------------------------------------------------------


async def deliver(
    office: Office, store: Store, key: str, instance: str, clock: Clock, stopping: Callable[[], bool]
) -> int:
    """Send everything of a desk that may leave now; returns how many attempts that were.

    Raises TemporaryError when the server cannot be reached; what was not begun stays as it was.
    """
    van = Van(office, office.counters[key], Ledger(store), instance, clock, stopping)
    try:
        await _loaded(van)
        await _carry_with(van, min(CONNECTIONS, -(-len(van.claimed) // MAILS_WORTH_A_CONNECTION)))
    finally:
        await van.ledger.write(partial(outbox.release, seqs=[one.seq for one in van.claimed]))
    return van.attempts


@dataclass(slots=True)
class Van:
    """What the connections to one submission server share."""

    office: Office
    counter: Counter
    ledger: Ledger
    instance: str
    clock: Clock
    stopping: Callable[[], bool]
    claimed: deque[Claimed] = field(default_factory=deque)
    loading: asyncio.Lock = field(default_factory=asyncio.Lock)
    attempts: int = 0


async def _loaded(van: Van) -> bool:
    """Whether there is a mail to take; more are claimed when the last one was taken."""
    async with van.loading:
        if not van.claimed and not van.stopping():
            van.claimed.extend(await van.ledger.write(partial(_claim, van=van)))
    return bool(van.claimed) and not van.stopping()


def _claim(write: Connection, van: Van) -> list[Claimed]:
    return outbox.claim(write, van.counter.key, van.instance, van.clock(), AT_ONCE)


async def _carry_with(van: Van, connections: int) -> None:
    """A connection on which nothing moves gets a neighbour: nobody waits behind one bad recipient."""
    running = {asyncio.create_task(_carry(van)) for _ in range(connections)}
    finished: set[asyncio.Task[None]] = set()
    try:
        while running:
            done, running = await asyncio.wait(
                running, timeout=IMPATIENT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            finished |= done
            if not done and len(running) < CONNECTIONS and await _loaded(van):
                running.add(asyncio.create_task(_carry(van)))
    finally:
        for task in running:  # only when we are cancelled: each writes down what became of its mail
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    for task in finished:
        task.result()


async def _carry(van: Van) -> None:
    """One connection after the other, until nothing is left or we are to stop."""
    server = submission_server(van.counter.desk, van.office.base)
    while await _loaded(van):
        async with Session(server) as session:
            noted: asyncio.Future[None] | None = None
            for _ in range(MAILS_ON_A_CONNECTION):
                if not session.usable or not await _loaded(van):
                    break
                noted = await _attempt(van, session, van.claimed.popleft(), noted)
            if noted is not None:
                await noted


async def _attempt(
    van: Van, session: Session, one: Claimed, before: "asyncio.Future[None] | None"
) -> "asyncio.Future[None] | None":
    """One mail. That DATA begins is durable before it does, and so is the answer to the mail `before`.

    Returns when the answer will be durable: the next envelope need not wait for it.
    """
    van.attempts += 1
    outcome = await session.envelope(one.recipient)
    if before is not None:
        await before
    if outcome is None:
        if not await van.ledger.write(partial(_begin, one=one, van=van)):
            return None
        try:
            outcome = await session.data(one.raw)
        except asyncio.CancelledError:
            lost = judge(Lost(Stage.DATA, "stopped"), one.attempts, one.created_at, van.clock())
            await van.ledger.write(partial(_note, one=one, attempt=lost, van=van))
            raise
    attempt = judge(outcome, one.attempts, one.created_at, van.clock())
    noted = van.ledger.post(partial(_note, one=one, attempt=attempt, van=van))
    noted.add_done_callback(partial(_log_attempt, van.counter.key, one, attempt))
    return noted


def _log_attempt(key: str, one: Claimed, attempt: Attempt, noted: "asyncio.Future[None]") -> None:
    if noted.cancelled() or noted.exception() is not None:
        return  # whoever waits for it says so
    sent = isinstance(attempt, Sent)
    log.log(
        logging.INFO if sent else logging.WARNING,
        "%s desk=%s ticket=%s to=%s template=%s message_id=%s: %s",
        type(attempt).__name__.lower(), key, one.number, one.recipient, one.template, one.message_id,
        attempt.text if isinstance(attempt, Sent) else attempt.reason,
    )  # fmt: skip


def _begin(write: Connection, one: Claimed, van: Van) -> bool:
    return outbox.begin_data(write, one.seq, van.instance, van.clock())


def _note(write: Connection, one: Claimed, attempt: Attempt, van: Van) -> None:
    now = van.clock()
    outbox.settle(write, one.seq, attempt, now)
    try:
        with write.begin_nested():
            match attempt:
                case Failed():
                    _tell_of_failure(write, one, attempt, van, now)
                case Sent() if one.template == Template.STARTED:
                    _begin_clock(write, one, van, now)
    except Exception as error:
        if passes_by_itself(error):
            raise
        # Otherwise what became of this and of other mails would not be written down: they would leave again.
        log.exception("what follows from this attempt could not be done: message_id=%s", one.message_id)


def _begin_clock(write: Connection, one: Claimed, van: Van, now: datetime) -> None:
    """The requester was told that the repair begins, in the transaction that notes the acceptance."""
    ticket = tickets.locked(write, [one.number]).get(one.number) if one.number else None
    if ticket is not None and one.recipient.casefold() == ticket.requester_address.casefold():
        decision = decide.begin(ticket, one.token, now, van.counter)
        _record(van.office, write, van.counter, decision, now, None, {ticket.number: ticket})


def _tell_of_failure(write: Connection, one: Claimed, attempt: Failed, van: Van, now: datetime) -> None:
    """A refusal by our own server is a bounce that comes at once."""
    ticket = tickets.locked(write, [one.number]).get(one.number) if one.number else None
    if ticket is None:
        return
    sent = outbox.cited(write, [one.token])[one.token]
    situation = situations.without_mail(write, ticket, van.counter, now)
    effects = decide.undeliverable(ticket, sent, attempt.reason, None, situation, van.counter)
    decision = Decision(Handling.FILED, f"undeliverable: {attempt.reason}", ticket.number, tuple(effects))
    outbox.mark_bounced(write, one.token, attempt.reason, now)
    _record(van.office, write, van.counter, decision, now, None, {ticket.number: ticket})


def submission_server(desk: shape.Desk, base: Path) -> Server:
    """How this desk's mail leaves. Raises SettingsError when its secret cannot be read."""
    smtp = desk.smtp
    _password_only(smtp.auth, smtp.host)
    return Server(
        host=smtp.host,
        port=smtp.port,
        security=smtp.security,
        user=smtp.user,
        password=shape.secret(smtp.password, base) if smtp.user else "",
        hello=desk.message_id_domain,
        sender=desk.address,
        timeout=smtp.timeout_seconds,
        data_timeout=smtp.data_timeout_seconds,
        ca_file=smtp.ca_file,
    )


def account(desk: shape.Desk, base: Path) -> Account:
    """How this desk's mailbox is reached. Raises SettingsError when its secret cannot be read."""
    imap = desk.imap
    _password_only(imap.auth, imap.host)
    return Account(
        host=imap.host,
        port=imap.port,
        security=imap.security,
        user=imap.user,
        password=shape.secret(imap.password, base),
        folder=imap.folder,
        processed=imap.processed,
        set_aside=imap.set_aside,
        ca_file=imap.ca_file,
    )


def _password_only(auth: str, host: str) -> None:
    if auth != "password":
        raise SettingsError(
            f'{host}: auth = "{auth}" is not spoken yet; use an app password with auth = "password"'
        )
