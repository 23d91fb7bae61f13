"""What is known of who writes? It is what the brakes of design, promise 5, look at."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, String, bindparam, exists, or_, select

from mailgate.desk.decide import same_subject, what_is_said
from mailgate.desk.decision import Flood
from mailgate.desk.floods import LASTS, MINUTE, is_one
from mailgate.desk.people import requester_of
from mailgate.desk.situation import Arrived, Counter
from mailgate.message.ids import mailbox_group
from mailgate.message.message import Address, Message
from mailgate.store import floods, mails, outbox, tickets
from mailgate.store.lately import lately
from mailgate.store.mails import Kept
from mailgate.store.schema import blocked, mail, unreachable
from mailgate.store.schema import outbox as outgoing

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sender:
    """The field of the same name in `Situation` says what each means."""

    mails_lately: int = 0
    same_subject: str | None = None
    automatic: tuple[tuple[datetime, datetime], ...] = ()
    """(written, left or written) of the automatic mails to them within a day, the newest first."""
    repeated: bool = False
    domain_full: bool = False
    blocked: bool = False
    unreachable: bool = False
    flood: Flood | None = None
    minute: tuple[Arrived, ...] = ()


# Most senders are new: one look says that nothing else has to be asked.
_DESK, _KEY, _GROUP = (bindparam(name, type_=String) for name in ("desk", "key", "group"))
_LOOK = select(
    exists().where(mail.c.desk == _DESK, mail.c.author_group == _GROUP).label("wrote"),
    exists().where(outgoing.c.desk == _DESK, outgoing.c.recipient_group == _GROUP).label("written_to"),
    exists().where(unreachable.c.desk == _DESK, unreachable.c.address_group == _GROUP).label("unreachable"),
    # However they spell their mailbox: a +tag makes no other sender.
    or_(
        exists().where(blocked.c.desk == _DESK, blocked.c.address_key == _KEY),
        exists().where(blocked.c.desk == _DESK, blocked.c.address_group == _GROUP),
    ).label("blocked"),
    outbox.IS_DOMAIN_FULL.label("domain_full"),
)


def known(connection: Connection, message: Message, kept: Kept, counter: Counter, now: datetime) -> Sender:
    """Nothing of several authors or none: such a mail is nobody's."""
    if message.author is None:
        return Sender()
    author = message.author
    look = connection.execute(_LOOK, _asked(author, counter, now)).one()
    hour = lately(now, HOUR)
    written = mails.from_sender(connection, counter.key, author.address, hour) if look.wrote else 0
    automatic = _automatic(connection, author.address, counter, now) if look.written_to else ()
    of_staff = counter.desk.staff_by_address(author.address) is not None
    _, form = requester_of(message, counter)  # by which many people write
    alone = of_staff or form or kept.silent or not look.wrote
    flood, minute = (None, ()) if alone else _crowd(connection, author.address, kept, counter)
    return Sender(
        mails_lately=written,
        same_subject=_too_often(connection, message, counter, now) if written else None,
        automatic=automatic,
        repeated=bool(automatic) and _repeated(connection, message, author, kept, counter),
        domain_full=look.domain_full,
        # Who was silenced once and belongs to the staff now is heard.
        blocked=look.blocked and not of_staff,
        unreachable=look.unreachable,
        flood=flood,
        minute=minute,
    )


def together(sender: Sender, kept: Kept, counter: Counter) -> list[str]:
    """The tickets of this minute, where with this mail they are a flood."""
    if not is_one(sender.minute, kept.received_at, counter.limits.flood_mails_per_minute):
        return []
    return [one.number for one in sender.minute if one.number]


def _asked(author: Address, counter: Counter, now: datetime) -> dict[str, Any]:
    most = counter.limits.automatic_per_domain_per_hour
    domain = outbox.of_domain(counter.key, author.address, most, lately(now, HOUR))
    return domain | {"key": author.key, "group": mailbox_group(author.address)}


def _automatic(
    connection: Connection, address: str, counter: Counter, now: datetime
) -> tuple[tuple[datetime, datetime], ...]:
    most = max(counter.limits.acks_per_sender_per_hour, counter.limits.acks_per_sender_per_day)
    return tuple(outbox.automatic_to(connection, counter.key, address, lately(now, DAY), most))


def _repeated(
    connection: Connection, message: Message, author: Address, kept: Kept, counter: Counter
) -> bool:
    words, since = what_is_said(message), kept.received_at - DAY
    return mails.repeated(connection, counter.key, author.address, words, since)


def _crowd(
    connection: Connection, address: str, kept: Kept, counter: Counter
) -> tuple[Flood | None, tuple[Arrived, ...]]:
    """The sender's flood that this mail belongs to; else their other mails of this minute."""
    at, group = kept.received_at, mailbox_group(address)
    flood = floods.at(connection, counter.key, group, at - LASTS, at + MINUTE)
    if flood is not None:
        return flood, ()
    return None, mails.around(connection, counter.key, address, at, MINUTE)


def _too_often(connection: Connection, message: Message, counter: Counter, now: datetime) -> str | None:
    """The first of too many tickets that one sender opened with one subject within an hour."""
    requester, _ = requester_of(message, counter)
    if not requester.address:
        return None
    opened = tickets.recent(connection, counter.key, requester.address, lately(now, HOUR))
    same = [number for number, subject in opened if same_subject(subject, message.subject)]
    return same[0] if len(same) >= counter.limits.same_subject_per_hour else None
