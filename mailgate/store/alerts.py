"""What was the admin told of, and when?"""

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, text, update

from mailgate.store.schema import Instant, alert
from mailgate.store.turns import turn

# Two who tell of it for the first time at once: the second waits for the first.
_FIRST = text(
    "INSERT INTO alert (desk, kind, sent_at) VALUES (:desk, :kind, :now) ON CONFLICT DO NOTHING"
).bindparams(bindparam("now", type_=Instant))


def last(connection: Connection, desk: str, kind: str) -> datetime | None:
    """When it was told last; who asks the same waits until this transaction has told it, or has not."""
    turn(connection, f"alerts of {desk}")
    return connection.scalar(select(alert.c.sent_at).where(alert.c.desk == desk, alert.c.kind == kind))


def since(connection: Connection, desk: str, moment: datetime) -> frozenset[str]:
    """The kinds that were told lately."""
    return frozenset(
        connection.scalars(select(alert.c.kind).where(alert.c.desk == desk, alert.c.sent_at > moment))
    )


def forget(connection: Connection, desk: str, beginning: str) -> int:
    """The kinds that begin so; returns how many there were."""
    which = delete(alert).where(alert.c.desk == desk, alert.c.kind.startswith(beginning))
    return connection.execute(which).rowcount


def told(connection: Connection, desk: str, kind: str, now: datetime) -> None:
    connection.execute(_FIRST, {"desk": desk, "kind": kind, "now": now})
    which = (alert.c.desk == desk, alert.c.kind == kind)
    connection.execute(update(alert).where(*which).values(sent_at=now))
