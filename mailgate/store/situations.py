"""What is known about one incoming mail, gathered inside the transaction that will decide it?"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypedDict
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from mailgate.desk.decide import same_subject
from mailgate.desk.situation import Counter, Situation
from mailgate.desk.ticket import Ticket
from mailgate.message.ids import ref_ids, ticket_numbers, token_of
from mailgate.message.message import Message
from mailgate.store import mails, outbox, tickets
from mailgate.store.mails import Kept

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HISTORY_LINES = 5
MOST_CITED = 60  # the first and the last ones of a References field that may hold thousands
MOST_IDS = 20  # of one person and ticket: what a client needs for its thread


def gather(
    connection: Connection, message: Message, kept: Kept, counter: Counter, zone: ZoneInfo, now: datetime
) -> Situation:
    """Look up what the mail leads to; every ticket in it is locked."""
    cites = _cites(message)
    tokens = [token for one in cites if (token := token_of(one))] + list(ref_ids(message.text)[:MOST_CITED])
    own = token_of(message.message_id) if message.message_id else None
    reported = _reported(message)
    sent = outbox.cited(connection, [one for one in (own, reported, *tokens) if one])
    cited = mails.cited(connection, [one for one in cites if token_of(one) is None])
    tagged = ticket_numbers(message.subject, [counter.desk.prefix])[:MOST_CITED]
    of_ours = tuple(sent[one] for one in dict.fromkeys(tokens) if one in sent)
    about = [row.number for row in of_ours if row.number] + [row.number for row in cited]
    lately = _mails_lately(connection, message, counter, now)
    same = _too_often(connection, message, counter, now) if lately else None
    found = tickets.locked(connection, [*about, *tagged, *_numbers(sent.get(reported or ""), same)])
    found = {number: ticket for number, ticket in found.items() if ticket.desk == counter.key}
    return Situation(
        now=now,
        received_at=kept.received_at,
        number=_next_number(connection, kept.received_at.astimezone(zone).year, counter),
        own=sent.get(own) if own else None,
        reported=sent.get(reported) if reported else None,
        sent=of_ours,
        cited=tuple(sorted(cited, key=lambda mail: cites.index(mail.message_id))),
        tagged=tuple(number for number in tagged if number in found),
        tickets=found,
        threads=_threads(connection, found),
        history={number: tickets.history(connection, number, HISTORY_LINES) for number in found},
        sibling=_sibling(connection, message, kept, counter),
        same_subject=same,
        silent=kept.silent,
        mails_lately=lately,
        **_counted(connection, message, counter, now, lately),
    )


def without_mail(connection: Connection, ticket: Ticket, counter: Counter, now: datetime) -> Situation:
    """The same where no mail came in: our own server refused one of ours."""
    limits = counter.limits
    return Situation(
        now=now,
        received_at=now,
        number=ticket.number,
        tickets={ticket.number: ticket},
        threads=_threads(connection, [ticket.number]),
        history={ticket.number: tickets.history(connection, ticket.number, HISTORY_LINES)},
        desk_exhausted=outbox.automatic_reached(
            connection, counter.key, limits.automatic_per_desk_per_hour, now - HOUR
        ),
    )


def _cites(message: Message) -> list[str]:
    """Ids that the mail cites: what it answers first, then the newest of its thread."""
    thread = list(reversed(message.references))
    return list(dict.fromkeys([*message.in_reply_to[:MOST_CITED], *thread[:MOST_CITED]]))


def _reported(message: Message) -> str | None:
    original = message.dsn.original_message_id if message.dsn else None
    return token_of(original) if original else None


def _numbers(*found: object) -> list[str]:
    numbers = [one if isinstance(one, str) else getattr(one, "number", None) for one in found]
    return [number for number in numbers if number]


def _next_number(connection: Connection, year: int, counter: Counter) -> str:
    serial = tickets.next_serial(connection, counter.key, year)
    return f"{counter.desk.prefix}-{year}-{serial:06}"


def _threads(connection: Connection, numbers: Iterable[str]) -> dict[tuple[str, str], tuple[str, ...]]:
    """For each ticket and person: only ids that this person wrote or received (design, section 6)."""
    threads: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
    for number in numbers:
        for person, message_id, at in (
            *tickets.written(connection, number),
            *outbox.sent_about(connection, number),
        ):
            threads[number, person].append((at, message_id))
    return {
        key: tuple(dict.fromkeys(one for _, one in sorted(found)[-MOST_IDS:]))
        for key, found in threads.items()
    }


def _sibling(connection: Connection, message: Message, kept: Kept, counter: Counter) -> str | None:
    """Asked only where the mail names another desk as well: most do not."""
    named = (*message.to, *message.cc, *message.resent_to)
    others = [desk for key, desk in counter.desks.items() if key != counter.key]
    if not any(desk.is_own_address(one.address) for one in named for desk in others):
        return None
    return mails.sibling(connection, counter.key, kept.message_id, kept.content)


def _too_often(connection: Connection, message: Message, counter: Counter, now: datetime) -> str | None:
    """The first of too many tickets that one sender opened with one subject within an hour."""
    author = message.author
    if author is None:
        return None
    lately = tickets.recent(connection, counter.key, author.address, now - HOUR)
    same = [number for number, subject in lately if same_subject(subject, message.subject)]
    return same[0] if len(same) >= counter.limits.same_subject_per_hour else None


class _Counts(TypedDict, total=False):
    desk_exhausted: bool
    automatic_lately: int
    refusals_today: int


def _mails_lately(connection: Connection, message: Message, counter: Counter, now: datetime) -> int:
    """Most senders wrote nothing within the hour: then nothing else has to be counted of them."""
    if message.author is None:
        return 0
    return mails.from_sender(connection, counter.key, message.author.address, now - HOUR)


def _counted(
    connection: Connection, message: Message, counter: Counter, now: datetime, lately: int
) -> _Counts:
    """What the brakes of design, promise 5, look at."""
    since, limits = now - HOUR, counter.limits
    exhausted = outbox.automatic_reached(connection, counter.key, limits.automatic_per_desk_per_hour, since)
    if message.author is None:
        return {"desk_exhausted": exhausted}
    address = message.author.address
    staff = counter.desk.staff_by_address(address)
    return {
        "desk_exhausted": exhausted,
        "automatic_lately": outbox.automatic_to(connection, counter.key, address, since) if lately else 0,
        "refusals_today": outbox.refusals(connection, staff.address, now - DAY) if staff else 0,
    }
