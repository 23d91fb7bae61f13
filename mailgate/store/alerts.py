"""What was the admin told of, and when?"""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from mailgate.store.schema import alert


def last(connection: Connection, desk: str, kind: str) -> datetime | None:
    return connection.scalar(
        select(alert.c.sent_at).where(alert.c.desk == desk, alert.c.kind == kind).with_for_update()
    )


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
    changed = connection.execute(
        update(alert).where(alert.c.desk == desk, alert.c.kind == kind).values(sent_at=now)
    )
    if not changed.rowcount:
        connection.execute(insert(alert).values(desk=desk, kind=kind, sent_at=now))
