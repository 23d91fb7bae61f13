"""Who was sent the morning's list, and to whom is one owed?"""

from datetime import date, datetime

from sqlalchemy import Connection, insert, select, text, update

from mailgate.store.schema import digest, junk
from mailgate.store.turns import desks_turn

# Two who note the first list of a person at once: the second waits for the first.
_FIRST = text(
    "INSERT INTO digest (desk, person_key, owed) VALUES (:desk, :key, FALSE) ON CONFLICT DO NOTHING"
)


def owe(connection: Connection, desk: str, person: str) -> None:
    _set(connection, desk, person, {"owed": True})


def sent(connection: Connection, desk: str, person: str, day: date) -> None:
    _set(connection, desk, person, {"owed": False, "last_on": day})


def _set(connection: Connection, desk: str, person: str, facts: dict[str, object]) -> None:
    key = person.casefold()
    connection.execute(_FIRST, {"desk": desk, "key": key})
    which = (digest.c.desk == desk, digest.c.person_key == key)
    connection.execute(update(digest).where(*which).values(facts))


def served(connection: Connection, desk: str, day: date) -> frozenset[str]:
    """Keys of those who have the list of this day and are owed nothing."""
    return frozenset(
        connection.scalars(
            select(digest.c.person_key).where(
                digest.c.desk == desk, digest.c.last_on == day, digest.c.owed.is_(False)
            )
        )
    )


def owed(connection: Connection, desk: str) -> frozenset[str]:
    """Keys of those from whom reminders were kept back."""
    return frozenset(
        connection.scalars(select(digest.c.person_key).where(digest.c.desk == desk, digest.c.owed.is_(True)))
    )


def still_wanted(connection: Connection, desk: str, person: str, day: date) -> bool:
    """Whether nobody sent it meanwhile; the row is locked until the transaction ends."""
    connection.execute(_FIRST, {"desk": desk, "key": person.casefold()})
    row = connection.execute(
        select(digest)
        .where(digest.c.desk == desk, digest.c.person_key == person.casefold())
        .with_for_update()
    ).one_or_none()
    return row is None or row.owed or row.last_on != day


def junk_counted(connection: Connection, desk: str, mails: int, now: datetime) -> None:
    facts = {"mails": mails, "at": now}
    desks_turn(connection, desk)
    if not connection.execute(update(junk).where(junk.c.desk == desk).values(facts)).rowcount:
        connection.execute(insert(junk).values(desk=desk, **facts))


def junk_counted_at(connection: Connection, desk: str) -> datetime | None:
    return connection.scalar(select(junk.c.at).where(junk.c.desk == desk))


def junk_mails(connection: Connection, desk: str) -> int:
    """How many mails the desk's junk folder held when last looked."""
    return connection.scalar(select(junk.c.mails).where(junk.c.desk == desk)) or 0
