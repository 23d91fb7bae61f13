"""What do we know of tickets?"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from mailgate.desk.decision import AddEvent, AddMessage, HistoryLine, MessageKind
from mailgate.desk.situation import Spoken
from mailgate.desk.ticket import Outcome, Status, Suggestion, Ticket
from mailgate.message.message import Address, Attachment
from mailgate.store.lately import Lately
from mailgate.store.schema import event, link, mail, message, serial, ticket

_FIELDS = tuple(field.name for field in fields(Ticket))
_COLUMNS = [ticket.c[name] for name in _FIELDS]


def _ticket(row: Row[Any]) -> Ticket:
    values = dict(row._mapping)
    values["status"] = Status(values["status"])
    values["outcome"] = Outcome(values["outcome"]) if values["outcome"] else None
    values["participants"] = tuple(Address(**one) for one in values["participants"] or ())
    values["proposed"] = Address(**values["proposed"]) if values["proposed"] else None
    values["suggestion"] = Suggestion(**values["suggestion"]) if values["suggestion"] else None
    values["fired"] = tuple(values["fired"] or ())
    return Ticket(**values)


def _row(value: Ticket) -> dict[str, Any]:
    return {name: getattr(value, name) for name in _FIELDS} | {
        "requester_key": value.requester.key,
        "participants": [_mailbox(one) for one in value.participants] or None,
        "proposed": _mailbox(value.proposed) if value.proposed else None,
        "suggestion": asdict(value.suggestion) if value.suggestion else None,
        "fired": list(value.fired) or None,
    }


def _mailbox(value: Address) -> dict[str, str]:
    return {"name": value.name, "address": value.address}


def locked(connection: Connection, numbers: Iterable[str]) -> dict[str, Ticket]:
    """Tickets by number, locked until the transaction ends, always in the same order."""
    wanted = sorted(set(numbers))
    if not wanted:
        return {}
    query = select(*_COLUMNS).where(ticket.c.number.in_(wanted)).order_by(ticket.c.number).with_for_update()
    return {row.number: _ticket(row) for row in connection.execute(query)}


def locked_at_once(connection: Connection, number: str) -> Ticket | None:
    """A ticket, locked until the transaction ends; None while somebody else has it."""
    query = select(*_COLUMNS).where(ticket.c.number == number).with_for_update(skip_locked=True)
    row = connection.execute(query).one_or_none()
    return None if row is None else _ticket(row)


def with_survivors(connection: Connection, number: str) -> dict[str, Ticket]:
    """A ticket and those that it was merged into, one into the other, all locked."""
    found = locked(connection, [number])
    while into := {one.merged_into for one in found.values() if one.merged_into} - found.keys():
        found |= locked(connection, into)
    return found


def get(connection: Connection, number: str) -> Ticket | None:
    row = connection.execute(select(*_COLUMNS).where(ticket.c.number == number)).one_or_none()
    return None if row is None else _ticket(row)


_LAST = (
    select(serial.c.last)
    .where(serial.c.desk == bindparam("desk"), serial.c.year == bindparam("year"))
    .with_for_update()
)


# Two who open the first ticket of a year at once: the second waits for the first, and then counts on.
_FIRST = text("INSERT INTO serial (desk, year, last) VALUES (:desk, :year, 0) ON CONFLICT DO NOTHING")


def next_serial(connection: Connection, desk: str, year: int) -> int:
    """The serial that the desk's next ticket of that year will carry; locked, not yet used up."""
    place = {"desk": desk, "year": year}
    last = connection.scalar(_LAST, place)
    if last is None:
        connection.execute(_FIRST, place)
        last = connection.scalar(_LAST, place)
    return (last or 0) + 1


_USED_UP = (
    update(serial)
    .where(serial.c.desk == bindparam("which"), serial.c.year == bindparam("when"))
    .values(last=bindparam("given"))
)


def _use_up(connection: Connection, value: Ticket) -> None:
    _, year, last = value.number.rsplit("-", 2)
    connection.execute(_USED_UP, {"which": value.desk, "when": int(year), "given": int(last)})


_OPEN = insert(ticket)


def open_ticket(connection: Connection, value: Ticket, now: datetime) -> None:
    _use_up(connection, value)
    connection.execute(_OPEN, _row(value) | {"opened_at": now})


def save(connection: Connection, value: Ticket) -> None:
    values = _row(value)
    number = values.pop("number")
    connection.execute(update(ticket).where(ticket.c.number == number), values)


def add_links(connection: Connection, number: str, other: str) -> None:
    pairs = [(number, other), (other, number)]
    known = {
        (row.number, row.other)
        for row in connection.execute(select(link).where(link.c.number.in_([number, other])))
    }
    missing = [{"number": a, "other": b} for a, b in pairs if (a, b) not in known]
    if missing:
        connection.execute(insert(link), missing)


def remove_link(connection: Connection, number: str, other: str) -> None:
    pairs = or_(
        and_(link.c.number == number, link.c.other == other),
        and_(link.c.number == other, link.c.other == number),
    )
    connection.execute(delete(link).where(pairs))


def links(connection: Connection, number: str) -> list[str]:
    return list(
        connection.scalars(select(link.c.other).where(link.c.number == number).order_by(link.c.other))
    )


_SAY = insert(message)


def add_message(
    connection: Connection, value: AddMessage, mail_id: int | None, message_id: str | None, at: datetime
) -> None:
    connection.execute(
        _SAY,
        {
            "number": value.number,
            "mail_id": mail_id,
            "incoming": value.incoming,
            "kind": value.kind.value,
            "author_name": value.author.name,
            "author_address": value.author.address,
            "subject": value.subject,
            "text": value.text,
            "at": at,
            "message_id": message_id if value.own_mail else None,
            "attachments": [{"name": a.name, "type": a.type, "size": a.size} for a in value.attachments],
        },
    )


_HAPPEN = insert(event)


def add_events(
    connection: Connection,
    values: Sequence[AddEvent],
    mail_id: int | None,
    message_id: str | None,
    at: datetime,
) -> None:
    if values:
        connection.execute(
            _HAPPEN,
            [
                {
                    "number": value.number,
                    "mail_id": mail_id,
                    "at": at,
                    "actor": value.actor,
                    "what": value.what,
                    "reason": value.reason,
                    "message_id": message_id,
                }
                for value in values
            ],
        )


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a history."""

    incoming: bool
    kind: MessageKind
    author_name: str
    author_address: str
    subject: str
    text: str
    at: datetime
    message_id: str | None
    attachments: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of a history."""

    at: datetime
    actor: str
    what: str
    reason: str
    message_id: str | None


def messages(connection: Connection, number: str) -> list[Said]:
    """Everything said on a ticket, oldest first."""
    rows = connection.execute(select(message).where(_of(number)).order_by(message.c.id))
    return [
        Said(
            row.incoming, MessageKind(row.kind), row.author_name, row.author_address, row.subject,
            row.text, row.at, row.message_id, tuple(row.attachments),
        )
        for row in rows
    ]  # fmt: skip


def events(connection: Connection, number: str) -> list[Happened]:
    """Everything that happened to a ticket, oldest first."""
    rows = connection.execute(select(event).where(event.c.number == number).order_by(event.c.id))
    return [Happened(row.at, row.actor, row.what, row.reason, row.message_id) for row in rows]


def events_by_mail(connection: Connection, mail_id: int) -> list[Happened]:
    """What one incoming mail made happen."""
    rows = connection.execute(select(event).where(event.c.mail_id == mail_id).order_by(event.c.id))
    return [Happened(row.at, row.actor, row.what, row.reason, row.message_id) for row in rows]


def actors(connection: Connection, numbers: Sequence[str]) -> dict[str, set[str]]:
    """Who made something happen to each of these tickets."""
    found: dict[str, set[str]] = {}
    rows = connection.execute(
        select(event.c.number, event.c.actor).where(event.c.number.in_(numbers)).distinct()
    )
    for row in rows:
        found.setdefault(row.number, set()).add(row.actor)
    return found


def last_moment(connection: Connection) -> datetime | None:
    """When something last happened to any ticket."""
    found: datetime | None = connection.scalar(select(func.max(event.c.at)))
    return found


_WRITTEN = (
    select(message.c.author_address, message.c.message_id, message.c.at)
    .where(
        message.c.number == bindparam("number"),
        message.c.incoming.is_(True),
        message.c.message_id.is_not(None),
    )
    .order_by(message.c.id)
)


def written(connection: Connection, number: str) -> list[tuple[str, str, datetime]]:
    """(author key, message id, moment) of what the requester's side wrote, oldest first."""
    rows = connection.execute(_WRITTEN, {"number": number})
    return [(row.author_address.casefold(), row.message_id, row.at) for row in rows]


_BY_HAND = (
    select(ticket.c.requester_key, message.c.message_id, message.c.at)
    .join(message, message.c.number == ticket.c.number)
    .join(mail, mail.c.id == message.c.mail_id)
    .where(
        ticket.c.number == bindparam("number"),
        mail.c.desk == ticket.c.desk,
        mail.c.folder == bindparam("folder"),
        message.c.incoming.is_(False),
        message.c.message_id.is_not(None),
    )
    .order_by(message.c.id)
)


def sent_by_hand(connection: Connection, number: str, folder: str) -> list[tuple[str, str, datetime]]:
    """(requester key, message id, moment) of answers that people sent from the mailbox itself.

    `folder` is the desk's one for such mail, "" where it has none.
    """
    rows = connection.execute(_BY_HAND, {"number": number, "folder": folder}) if folder else ()
    return [(row.requester_key, row.message_id, row.at) for row in rows]


HISTORY_WIDTH = 300


def _of(number: str) -> ColumnElement[bool]:
    """What was said on a ticket, and on those that were merged into it."""
    merged = select(ticket.c.number).where(ticket.c.merged_into == number)
    return or_(message.c.number == number, message.c.number.in_(merged))


def history(connection: Connection, number: str, most: int) -> tuple[HistoryLine, ...]:
    """The last messages of a ticket in short, oldest first."""
    rows = connection.execute(
        select(
            message.c.at, message.c.author_name, message.c.author_address, message.c.kind,
            func.substr(message.c.text, 1, HISTORY_WIDTH).label("text"),
        )
        .where(_of(number))
        .order_by(message.c.id.desc())
        .limit(most)
    ).all()  # fmt: skip
    return tuple(
        HistoryLine(
            row.at, row.author_name or row.author_address, MessageKind(row.kind), " ".join(row.text.split())
        )
        for row in reversed(rows)
    )


_RECENT = (
    select(ticket.c.number, ticket.c.subject)
    .where(
        ticket.c.desk == bindparam("desk"),
        ticket.c.requester_key == bindparam("requester"),
        ticket.c.opened_at > bindparam("since"),
        ticket.c.opened_at < bindparam("until"),
    )
    .order_by(ticket.c.opened_at, ticket.c.number)
)


def recent(connection: Connection, desk: str, requester: str, when: Lately) -> list[tuple[str, str]]:
    """(number, subject) of what somebody lately opened, oldest first."""
    facts = {"desk": desk, "requester": Address("", requester).key} | asdict(when)
    return [(row.number, row.subject) for row in connection.execute(_RECENT, facts)]


def due(connection: Connection, desks: Sequence[str], now: datetime, most: int) -> list[str]:
    """Tickets of these desks at which time has to look, the earliest first."""
    query = select(ticket.c.number).where(ticket.c.watch_at <= now, ticket.c.desk.in_(desks))
    return list(connection.scalars(query.order_by(ticket.c.watch_at, ticket.c.number).limit(most)))


def due_counts(connection: Connection, desks: Sequence[str], now: datetime) -> dict[str, int]:
    """How many of each desk; those that silence closes are not counted, because nobody is told of them."""
    query = (
        select(ticket.c.desk, func.count().label("n"))
        .where(ticket.c.watch_at <= now, ticket.c.status != Status.RESOLVED.value, ticket.c.desk.in_(desks))
        .group_by(ticket.c.desk)
    )
    return {row.desk: row.n for row in connection.execute(query)}


def look_again(connection: Connection, desk: str, now: datetime) -> None:
    """Time looks at every ticket of the desk that has not ended."""
    connection.execute(
        update(ticket)
        .where(ticket.c.desk == desk, ticket.c.status != Status.CLOSED.value)
        .values(watch_at=now)
    )


def postpone(connection: Connection, number: str, until: datetime) -> None:
    """Time looks at it again then."""
    connection.execute(update(ticket).where(ticket.c.number == number).values(watch_at=until))


def of_staff(
    connection: Connection, desk: str, person: str, others: Sequence[str], most: int
) -> list[Ticket]:
    """Unfinished tickets that this person has or that none of the `others` has, what is due first."""
    query = select(*_COLUMNS).where(
        ticket.c.desk == desk,
        ticket.c.status.in_([Status.NEW, Status.OPEN, Status.PENDING]),
        or_(ticket.c.holder == person, ticket.c.holder.is_(None), ticket.c.holder.not_in(others)),
    )
    undated = case((ticket.c.due_at.is_(None), 1), else_=0)
    ordered = query.order_by(undated, ticket.c.due_at, ticket.c.received_at, ticket.c.number).limit(most)
    return [_ticket(row) for row in connection.execute(ordered)]


def question(connection: Connection, number: str) -> str:
    """What staff last wrote to the requester."""
    last = select(message.c.text).where(message.c.number == number, message.c.kind == MessageKind.REPLY.value)
    return connection.scalar(last.order_by(message.c.id.desc()).limit(1)) or ""


def surveyed(connection: Connection, some: Iterable[Ticket], when: Lately) -> frozenset[str]:
    """Those of these tickets whose requester was asked the survey's question lately."""
    keys = {one.number: one.requester.key for one in some if one.requester.key}
    asked = set(
        connection.scalars(
            select(ticket.c.requester_key).where(
                ticket.c.requester_key.in_(keys.values()),
                ticket.c.survey_asked_at > when.since,
                ticket.c.survey_asked_at < when.until,
            )
        )
    )
    return frozenset(number for number, key in keys.items() if key in asked)


def request(connection: Connection, number: str) -> str:
    """What opened a ticket, whole."""
    first = select(message.c.text).where(message.c.number == number, message.c.incoming.is_(True))
    return connection.scalar(first.order_by(message.c.id).limit(1)) or ""


def files(connection: Connection, number: str) -> tuple[Attachment, ...]:
    """Every attachment of a ticket's incoming mails, by name only."""
    rows = connection.execute(
        select(message.c.attachments).where(_of(number), message.c.incoming.is_(True)).order_by(message.c.id)
    )
    return tuple(
        Attachment(one["name"], one["type"], one["size"], b"") for row in rows for one in row.attachments
    )


def merged_into(connection: Connection, numbers: Iterable[str]) -> list[str]:
    """The tickets that were merged into these."""
    wanted = list(numbers)
    if not wanted:
        return []
    return list(connection.scalars(select(ticket.c.number).where(ticket.c.merged_into.in_(wanted))))


def survivor_of(connection: Connection, number: str) -> str:
    """Where a merged ticket led to; itself where it was not merged."""
    into: str | None = number
    seen: list[str] = []
    while into is not None and into not in seen:
        seen.append(into)
        into = connection.scalar(select(ticket.c.merged_into).where(ticket.c.number == seen[-1]))
    return seen[-1]


def mails_of(connection: Connection, number: str) -> list[int]:
    """The incoming mails of a ticket, oldest first, those of merged tickets included."""
    rows = connection.scalars(
        select(message.c.mail_id)
        .where(_of(number), message.c.incoming.is_(True), message.c.mail_id.is_not(None))
        .order_by(message.c.id)
    )
    return [mail_id for mail_id in rows if mail_id is not None]


def spoken(connection: Connection, mail_ids: Sequence[int]) -> dict[int, Spoken]:
    """What incoming mails said, by mail id."""
    if not mail_ids:
        return {}
    first = select(func.min(_first.c.id)).where(_first.c.number == message.c.number).scalar_subquery()
    rows = connection.execute(
        select(message, (message.c.id == first).label("first"), mail.c.received_at)
        .join(mail, mail.c.id == message.c.mail_id)
        .where(message.c.mail_id.in_(mail_ids), message.c.incoming.is_(True))
    )
    return {
        row.mail_id: Spoken(
            row.mail_id, row.number, Address(row.author_name, row.author_address), row.subject, row.text,
            row.received_at, bool(row.first),
        )
        for row in rows
    }  # fmt: skip


_first = message.alias("first")


def move_mail(connection: Connection, mail_id: int, to: str) -> None:
    """Let one incoming mail and what it said be another ticket's."""
    connection.execute(update(message).where(message.c.mail_id == mail_id).values(number=to))
    connection.execute(update(mail).where(mail.c.id == mail_id).values(number=to))


def strangers(connection: Connection, desk: str, numbers: Sequence[str]) -> list[str]:
    """Tickets that cited one of these, or are one of these, and wait to be accepted or rejected."""
    waiting = or_(ticket.c.stranger_of.in_(numbers), ticket.c.number.in_(numbers))
    query = select(ticket.c.number).where(ticket.c.desk == desk, ticket.c.stranger_of.is_not(None), waiting)
    return list(connection.scalars(query.order_by(ticket.c.number)))


def unfinished(connection: Connection, desk: str) -> list[Ticket]:
    """What a desk has to do, the oldest first."""
    query = select(*_COLUMNS).where(
        ticket.c.desk == desk, ticket.c.status.in_([Status.NEW, Status.OPEN, Status.PENDING])
    )
    return [_ticket(row) for row in connection.execute(query.order_by(ticket.c.received_at, ticket.c.number))]


def received_between(connection: Connection, desk: str, since: datetime, until: datetime) -> list[Ticket]:
    """Tickets of a desk by arrival, `until` not included."""
    query = select(*_COLUMNS).where(
        ticket.c.desk == desk, ticket.c.received_at >= since, ticket.c.received_at < until
    )
    return [_ticket(row) for row in connection.execute(query.order_by(ticket.c.number))]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of tickets is narrowed to; None and False narrow nothing."""

    desk: str | None = None
    status: str | None = None
    holder: str | None = None
    overdue_at: datetime | None = None
    since: datetime | None = None


def listed(connection: Connection, wanted: Wanted) -> list[Ticket]:
    """Tickets, unfinished ones first, then by arrival."""
    finished = case((ticket.c.status.in_(["resolved", "closed"]), 1), else_=0)
    query = select(*_COLUMNS).order_by(finished, ticket.c.received_at, ticket.c.number)
    if wanted.desk:
        query = query.where(ticket.c.desk == wanted.desk)
    if wanted.status:
        query = query.where(ticket.c.status == wanted.status)
    if wanted.holder:
        query = query.where(func.lower(ticket.c.holder) == wanted.holder.lower())
    if wanted.since:
        query = query.where(ticket.c.received_at >= wanted.since)
    if wanted.overdue_at:
        query = query.where(ticket.c.due_at < wanted.overdue_at, ticket.c.resolved_at.is_(None))
    return [_ticket(row) for row in connection.execute(query)]
