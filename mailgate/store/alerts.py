"""What was the admin told of, and when?"""

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, text, update

from mailgate.store.lately import CLOCKS_DIFFER, Lately
from mailgate.store.schema import Instant, alert
from mailgate.store.turns import turn

# Two who tell of it for the first time at once: the second waits for the first.
_FIRST = text(
    "INSERT INTO alert (desk, kind, sent_at) VALUES (:desk, :kind, :now) ON CONFLICT DO NOTHING"
).bindparams(bindparam("now", type_=Instant))


def last(connection: Connection, desk: str, kind: str, now: datetime) -> datetime | None:
    """When it was told last, but for what a clock that ran ahead put into the future.

    Who asks the same waits until this transaction has told it, or has not.
    """
    turn(connection, f"alerts of {desk}")
    found = select(alert.c.sent_at).where(alert.c.desk == desk, alert.c.kind == kind)
    return connection.scalar(found.where(alert.c.sent_at < now + CLOCKS_DIFFER))


def told_lately(connection: Connection, desk: str, when: Lately) -> frozenset[str]:
    """The kinds that were told then."""
    then = alert.c.sent_at > when.since, alert.c.sent_at < when.until
    return frozenset(connection.scalars(select(alert.c.kind).where(alert.c.desk == desk, *then)))


def forget(connection: Connection, desk: str, beginning: str) -> int:
    """The kinds that begin so; returns how many there were."""
    which = delete(alert).where(alert.c.desk == desk, alert.c.kind.startswith(beginning))
    return connection.execute(which).rowcount


def told(connection: Connection, desk: str, kind: str, now: datetime) -> None:
    connection.execute(_FIRST, {"desk": desk, "kind": kind, "now": now})
    which = (alert.c.desk == desk, alert.c.kind == kind)
    connection.execute(update(alert).where(*which).values(sent_at=now))
