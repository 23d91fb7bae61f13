"""Which words in the name of staff wait for a yes?"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from mailgate.desk.situation import Asked
from mailgate.store.lately import Lately
from mailgate.store.mails import DECIDED, KEPT
from mailgate.store.schema import confirmation, mail


def ask(connection: Connection, desk: str, mail_id: int, person: str, now: datetime) -> None:
    """A mail that is decided anew (`aside replay`) is asked about anew."""
    facts = {"desk": desk, "person_key": person.casefold(), "asked_at": now, "settled_at": None}
    which = confirmation.c.mail_id == mail_id
    if not connection.execute(update(confirmation).where(which).values(facts)).rowcount:
        connection.execute(insert(confirmation).values(mail_id=mail_id, **facts))


def settle(connection: Connection, mail_id: int, now: datetime, *, confirmed: bool) -> None:
    """Once: a yes lets the waiting mail be decided once more, now with proof."""
    connection.execute(
        update(confirmation)
        .where(confirmation.c.mail_id == mail_id, confirmation.c.settled_at.is_(None))
        .values(settled_at=now, confirmed=confirmed)
    )
    if confirmed:
        connection.execute(
            update(mail)
            .where(mail.c.id == mail_id, mail.c.state == DECIDED)
            .values(state=KEPT, confirmed=True)
        )


def asked(connection: Connection, mail_ids: Sequence[int]) -> dict[int, Asked]:
    """What is known of these confirmations, by the id of the mail that waits."""
    if not mail_ids:
        return {}
    rows = connection.execute(
        select(confirmation).where(confirmation.c.mail_id.in_(mail_ids)).with_for_update()
    )
    return {row.mail_id: Asked(row.asked_at, row.settled_at is not None) for row in rows}


def unanswered(connection: Connection, desk: str, person: str, when: Lately) -> int:
    """How many of one person's were asked lately and never answered."""
    query = select(func.count()).where(
        confirmation.c.desk == desk,
        confirmation.c.person_key == person.casefold(),
        confirmation.c.asked_at > when.since,
        confirmation.c.asked_at < when.until,
        confirmation.c.settled_at.is_(None),
    )
    return connection.scalar(query) or 0


def about(connection: Connection, mail_id: int) -> Row[Any] | None:
    """The row of `confirmation` of one mail; None when nobody was asked about it."""
    return connection.execute(select(confirmation).where(confirmation.c.mail_id == mail_id)).one_or_none()


def counts(connection: Connection, since: datetime) -> dict[str, int]:
    """How many were asked lately and wait for their answer, by desk."""
    waiting = confirmation.c.settled_at.is_(None), confirmation.c.asked_at >= since
    query = select(confirmation.c.desk, func.count().label("n")).where(*waiting)
    return {row.desk: row.n for row in connection.execute(query.group_by(confirmation.c.desk))}
