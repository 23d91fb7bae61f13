"""Is every mail accounted for, in the store, on the server and at the other side of SMTP?"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import Any

from city import City
from servers.sink import Received
from sqlalchemy import func, select

from crash.mailbag import OF_STAFF, Delivery, Kind
from mailgate.store import outbox as states
from mailgate.store.database import Connection, Store
from mailgate.store.schema import mail, message, outbox, raw, ticket

PROCESSED, ASIDE = "Mailgate/Diproses", "Mailgate/Disisihkan"
FOLDERS = ("INBOX", PROCESSED, ASIDE)
OPENING = {Kind.COMPLAINT, Kind.COPY}


@dataclass(frozen=True, slots=True)
class Arrived:
    """One mail that the sink accepted."""

    message_id: str
    recipient: str
    answers: str
    """The Message-ID it answers, "" for none."""
    is_automatic: bool
    text: str


def arrived(received: Iterable[Received]) -> list[Arrived]:
    """In the order of acceptance."""
    found = []
    for one in received:
        sent = message_from_bytes(one.data, policy=policy.default)
        body = sent.get_body(("plain",))
        found.append(
            Arrived(
                str(sent["Message-ID"]),
                one.rcpt_to[0],
                str(sent["In-Reply-To"] or ""),
                sent["Auto-Submitted"] == "auto-replied",
                body.get_content() if body else "",
            )
        )
    return found


def faults(
    city: City, store: Store, mails: Sequence[Delivery], sent: Sequence[Arrived]
) -> dict[str, list[Any]]:
    """What is wrong, by name; each list is empty when all is well."""
    with store.reading() as look:
        kept = _kept(look)
        return {
            "lost": _lost(look, mails, kept) + _astray(city, mails),
            "kept_twice": _kept_twice(kept),
            "tickets_twice": _tickets_wrong(look, mails),
            "acks_with_two_ids": _acks_wrong(mails, sent),
            "answers_wrong": _answers_wrong(mails, sent),
            "misplaced": _misplaced(mails, kept),
            "composed_twice": _composed_twice(look),
            "not_sent": _not_sent(look, sent),
            "out_of_order": _out_of_order(look, sent),
        }


def oddities(city: City, store: Store, mails: Sequence[Delivery]) -> dict[str, int]:
    """What is no fault and should be known."""
    with store.reading() as look:
        rows = look.scalar(select(func.count()).select_from(mail)) or 0
        aside = look.scalar(select(func.count()).where(mail.c.state == "aside")) or 0
    there = sum(len(deliveries_in(city, desk, folder)) for desk in city.users for folder in FOLDERS)
    return {"set_aside": aside, "seen_again": rows - len(mails), "moved_twice": there - len(mails)}


# --- in the store -----------------------------------------------------------------------------------------


def _kept(look: Connection) -> dict[tuple[str, str], list[Any]]:
    """Rows of `mail` by desk and Message-ID in angle brackets."""
    rows = defaultdict(list)
    for row in look.execute(select(mail).order_by(mail.c.id)):
        rows[row.desk, f"<{row.message_id}>"].append(row)
    return rows


def _lost(look: Connection, mails: Sequence[Delivery], kept: dict[tuple[str, str], list[Any]]) -> list[Any]:
    """Deliveries without a row of their own, and contents without their bytes or without a decision."""
    wanted = Counter((one.desk, one.message_id) for one in mails)
    missing: list[Any] = [
        (key, count, len(kept[key])) for key, count in wanted.items() if len(kept[key]) < count
    ]
    with_bytes = set(look.scalars(select(raw.c.mail_id)))
    expected = {(one.desk, one.message_id): one.kind is Kind.UNREADABLE for one in mails if _is_first(one)}
    for key, unreadable in expected.items():
        missing += [
            (key, row.state, row.reason)
            for row in kept[key][:1]
            if row.id not in with_bytes or row.state != ("aside" if unreadable else "decided")
        ]
    return missing


def _is_first(one: Delivery) -> bool:
    return one.kind is not Kind.DUPLICATE


def _kept_twice(kept: dict[tuple[str, str], list[Any]]) -> list[Any]:
    """Contents that count as new more than once.

    More rows than deliveries are no fault while they are duplicates: a killed Dovecot may name a mail anew.
    """
    return [key for key, rows in kept.items() if len([row for row in rows if row.state != "duplicate"]) != 1]


def _tickets_wrong(look: Connection, mails: Sequence[Delivery]) -> list[Any]:
    """Complaints with not exactly one ticket, and tickets that no complaint opened."""
    opened = Counter(
        (row.desk, f"<{row.message_id}>")
        for row in look.execute(
            select(ticket.c.desk, message.c.message_id)
            .join(message, message.c.number == ticket.c.number)
            .where(message.c.kind == "request")
        )
    )
    wanted = {(one.desk, one.message_id) for one in mails if one.kind in OPENING}
    wrong = [(key, opened[key]) for key in wanted | opened.keys() if opened[key] != (key in wanted)]
    count = look.scalar(select(func.count()).select_from(ticket))
    return wrong if count == len(wanted) else [*wrong, f"{count} tickets for {len(wanted)} complaints"]


def _misplaced(mails: Sequence[Delivery], kept: dict[tuple[str, str], list[Any]]) -> list[Any]:
    """What belongs to a complaint and is not on its ticket."""
    wrong = []
    for one in mails:
        if one.about is not None and one.kind in {Kind.FOLLOW_UP, *OF_STAFF, Kind.REPORT, Kind.VACATION}:
            theirs = kept[one.desk, one.about.message_id]
            own = kept[one.desk, one.message_id]
            if not own or not theirs or own[0].number != theirs[0].number:
                wrong.append((one.number, one.kind, own and own[0].number))
    return wrong


def _composed_twice(look: Connection) -> list[Any]:
    """One mail in, one mail out: the same template to the same person about the same mail only once."""
    columns = (outbox.c.mail_id, outbox.c.template, outbox.c.recipient_key)
    rows = look.execute(
        select(*columns).where(outbox.c.mail_id.is_not(None)).group_by(*columns).having(func.count() > 1)
    )
    return [tuple(row) for row in rows]


# --- on the server ----------------------------------------------------------------------------------------


def deliveries_in(city: City, desk: str, folder: str) -> list[int]:
    """The numbers of the mails in a folder."""
    return [
        int(message_from_bytes(one)["X-Delivery"]) for one in city.dovecot.messages(city.users[desk], folder)
    ]


def _astray(city: City, mails: Sequence[Delivery]) -> list[Any]:
    """Deliveries that are not in the folder where they belong, or in another one as well.

    Twice in the right one is Dovecot's doing, when it is killed between the two halves of a MOVE.
    """
    places = defaultdict(list)
    for desk in city.users:
        for folder in FOLDERS:
            for number in deliveries_in(city, desk, folder):
                places[number].append((desk, folder))
    return [
        (one.number, one.kind, places[one.number])
        for one in mails
        if set(places[one.number]) != {(one.desk, ASIDE if one.kind is Kind.UNREADABLE else PROCESSED)}
    ]


# --- at the other side of SMTP ----------------------------------------------------------------------------


def _acks_wrong(mails: Sequence[Delivery], sent: Sequence[Arrived]) -> list[Any]:
    """Complaints that were acknowledged not at all, or under more than one Message-ID."""
    ids = defaultdict(set)
    for one in sent:
        if one.is_automatic:
            ids[one.answers, one.recipient].add(one.message_id)
    return [
        (one.number, ids[one.message_id, one.author])
        for one in mails
        if one.kind is Kind.COMPLAINT and len(ids[one.message_id, one.author]) != 1
    ]


def _answers_wrong(mails: Sequence[Delivery], sent: Sequence[Arrived]) -> list[Any]:
    """Replies of staff that reached the requester not at all, or under more than one Message-ID."""
    wrong = []
    for one in mails:
        if one.kind in OF_STAFF and one.about is not None:
            ids = {
                mail.message_id
                for mail in sent
                if mail.recipient == one.about.author and one.words in mail.text
            }
            if len(ids) != 1:
                wrong.append((one.number, ids))
    return wrong


def _not_sent(look: Connection, sent: Sequence[Arrived]) -> list[Any]:
    """Rows of the outbox that were never sent, and mails at the sink of which the outbox knows nothing."""
    rows = look.execute(select(outbox.c.message_id, outbox.c.state, outbox.c.last_error)).all()
    there = {one.message_id for one in sent}
    known = {f"<{row.message_id}>" for row in rows}
    wrong = [tuple(row) for row in rows if row.state != states.SENT or f"<{row.message_id}>" not in there]
    return wrong + sorted(there - known)


def _out_of_order(look: Connection, sent: Sequence[Arrived]) -> list[Any]:
    """Tickets and recipients whose mails first arrived in another order than they were decided in."""
    place: dict[str, int] = {}
    for position, one in enumerate(sent):
        place.setdefault(one.message_id, position)
    rows = look.execute(
        select(outbox.c.number, outbox.c.recipient_key, outbox.c.message_id)
        .where(outbox.c.number.is_not(None))
        .order_by(outbox.c.seq)
    )
    order = defaultdict(list)
    for row in rows:
        order[row.number, row.recipient_key].append(place.get(f"<{row.message_id}>", -1))
    return [key for key, places in order.items() if places != sorted(places)]
