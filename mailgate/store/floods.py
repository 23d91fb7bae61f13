"""Which senders flood a desk, and of how much were staff told?"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, delete, insert, select, update
from sqlalchemy.sql.elements import ColumnElement

from mailgate.desk.decision import Flood
from mailgate.store.schema import flood, mail

_LOOKED_AT = 1000
"""Mails of a flood whose subjects are read: what a hundred thousand say is what these say."""
_FIELDS = (
    flood.c.sender_group, flood.c.number, flood.c.began_at, flood.c.last_at, flood.c.mails,
    flood.c.told_mails, flood.c.told_at,
)  # fmt: skip
WRONG_CLOCK = timedelta(days=1)
"""A flood whose newest mail is so much later than this one was lengthened by a clock that ran ahead."""
_AT = (
    select(*_FIELDS)
    .where(
        flood.c.desk == bindparam("desk"),
        flood.c.sender_group == bindparam("sender"),
        flood.c.began_at <= bindparam("latest"),
        flood.c.last_at >= bindparam("earliest"),
        flood.c.last_at < bindparam("too_late"),
    )
    .order_by(flood.c.began_at.desc())
    .limit(1)
)


def at(connection: Connection, desk: str, sender: str, earliest: datetime, latest: datetime) -> Flood | None:
    """The sender's flood that reached into this time."""
    facts = {"desk": desk, "sender": sender, "earliest": earliest, "latest": latest}
    facts["too_late"] = latest + WRONG_CLOCK
    row = connection.execute(_AT, facts).one_or_none()
    return None if row is None else _flood(row)


def _flood(row: Any) -> Flood:
    return Flood(**row._mapping)


def begin(connection: Connection, desk: str, value: Flood) -> None:
    connection.execute(
        insert(flood).values(desk=desk, **{one.name: getattr(value, one.name) for one in _FIELDS})
    )


def grow(connection: Connection, desk: str, value: Flood, received_at: datetime) -> None:
    """One mail more; counted where it stands, so that telling of it meanwhile loses nothing."""
    later = case((flood.c.last_at < received_at, received_at), else_=flood.c.last_at)
    connection.execute(update(flood).where(_same(desk, value)).values(mails=flood.c.mails + 1, last_at=later))


def told(connection: Connection, desk: str, value: Flood, now: datetime) -> None:
    """Staff know of as many as there were in `value`."""
    connection.execute(update(flood).where(_same(desk, value)).values(told_mails=value.mails, told_at=now))


def untold(connection: Connection, desk: str) -> list[Flood]:
    """Floods that hold mails of which staff were not told, the oldest first."""
    query = select(*_FIELDS).where(flood.c.desk == desk, flood.c.mails > flood.c.told_mails)
    return [_flood(row) for row in connection.execute(query.order_by(flood.c.began_at))]


def again(connection: Connection, desk: str, value: Flood) -> Flood | None:
    """The same as it stands now, locked."""
    row = connection.execute(select(*_FIELDS).where(_same(desk, value)).with_for_update()).one_or_none()
    return None if row is None else _flood(row)


def is_old(connection: Connection, desk: str, before: datetime) -> bool:
    """Whether there is something to forget."""
    return connection.scalar(select(flood.c.began_at).where(_old(desk, before)).limit(1)) is not None


def _old(desk: str, before: datetime) -> ColumnElement[bool]:
    return and_(flood.c.desk == desk, flood.c.last_at < before, flood.c.mails <= flood.c.told_mails)


def forget(connection: Connection, desk: str, before: datetime) -> None:
    """What ended before and was told of is nobody's matter any more."""
    connection.execute(delete(flood).where(_old(desk, before)))


def subjects(connection: Connection, desk: str, value: Flood, most: int) -> tuple[str, ...]:
    """The first distinct subjects of a flood, in their order."""
    rows = connection.scalars(
        select(mail.c.subject)
        .where(
            mail.c.desk == desk,
            mail.c.author_group == value.sender_group,
            mail.c.received_at >= value.began_at,
            mail.c.received_at <= value.last_at,
            mail.c.subject.is_not(None),
        )
        .order_by(mail.c.id)
        .limit(_LOOKED_AT)
    )
    return tuple(dict.fromkeys(one for one in rows if one))[:most]


def _same(desk: str, value: Flood) -> ColumnElement[bool]:
    return and_(
        flood.c.desk == desk, flood.c.sender_group == value.sender_group, flood.c.began_at == value.began_at
    )
