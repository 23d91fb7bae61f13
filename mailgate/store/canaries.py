"""Which marked mails to ourselves came back, and when?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, exists, insert, select, update

from mailgate.store.outbox import UNFINISHED
from mailgate.store.schema import canary, outbox


@dataclass(frozen=True, slots=True)
class Canary:
    """One of them, with the mail that it is."""

    token: str
    desk: str
    sent_at: datetime
    due_at: datetime
    returned_at: datetime | None
    """None: not yet."""
    told_at: datetime | None
    message_id: str
    state: str
    """Of its row in the outbox."""
    last_error: str | None


_ROWS = select(
    canary.c.token, canary.c.desk, canary.c.sent_at, canary.c.due_at, canary.c.returned_at, canary.c.told_at,
    outbox.c.message_id, outbox.c.state, outbox.c.last_error,
).join(outbox, outbox.c.token == canary.c.token)  # fmt: skip


def add(
    connection: Connection, token: str, desk: str, now: datetime, due_at: datetime, *, asked: bool
) -> None:
    connection.execute(insert(canary).values(token=token, desk=desk, sent_at=now, due_at=due_at, asked=asked))


def came_back(connection: Connection, token: str, now: datetime) -> None:
    """The first return counts."""
    connection.execute(
        update(canary).where(canary.c.token == token, canary.c.returned_at.is_(None)).values(returned_at=now)
    )


def named(connection: Connection, tokens: Sequence[str]) -> list[Canary]:
    rows = connection.execute(_ROWS.where(canary.c.token.in_(tokens)).order_by(canary.c.desk))
    return [Canary(**row._mapping) for row in rows]


def last_by_time(connection: Connection, desk: str) -> Canary | None:
    """The newest that no person asked for."""
    found = connection.execute(
        _ROWS.where(canary.c.desk == desk, canary.c.asked.is_(False))
        .order_by(outbox.c.seq.desc())  # not by moments: a clock may have run ahead
        .limit(1)
    ).one_or_none()
    return None if found is None else Canary(**found._mapping)


def waits(one: Canary) -> bool:
    """It has not left yet."""
    return one.state in UNFINISHED


def lost(connection: Connection, now: datetime) -> list[Canary]:
    """Of each desk the oldest that is overdue, as long as none that was written later came back."""
    later, its_mail = canary.alias("later"), outbox.alias("its_mail")
    came_later = exists().where(
        later.c.desk == canary.c.desk,
        later.c.returned_at.is_not(None),
        its_mail.c.token == later.c.token,
        its_mail.c.seq > outbox.c.seq,
    )
    rows = connection.execute(
        _ROWS.where(
            canary.c.asked.is_(False), canary.c.returned_at.is_(None), canary.c.due_at < now, ~came_later
        ).order_by(outbox.c.seq.desc())
    )
    return list({row.desk: Canary(**row._mapping) for row in rows}.values())


def told(connection: Connection, token: str, now: datetime) -> bool:
    """Whether this is the first who tells of it."""
    first = update(canary).where(canary.c.token == token, canary.c.told_at.is_(None)).values(told_at=now)
    return connection.execute(first).rowcount == 1


def last_returns(connection: Connection) -> dict[str, datetime]:
    """When the newest came back, of each desk."""
    rows = connection.execute(
        select(canary.c.desk, canary.c.returned_at.label("at"))
        .join(outbox, outbox.c.token == canary.c.token, isouter=True)
        .where(canary.c.returned_at.is_not(None))
        .order_by(outbox.c.seq)
    )
    return {row.desk: row.at for row in rows}


def forget(connection: Connection, desk: str, before: datetime) -> int:
    """Old ones; returns how many there were."""
    return connection.execute(delete(canary).where(canary.c.desk == desk, canary.c.sent_at < before)).rowcount
