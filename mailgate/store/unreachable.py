"""To which addresses does mail of a desk come back?"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mailgate.desk.decision import Dead
from mailgate.message.ids import mailbox_group
from mailgate.message.message import Address
from mailgate.store.schema import outbox, unreachable


def mark(connection: Connection, desk: str, address: str, token: str, detail: str, now: datetime) -> None:
    """Until a mail arrives from there. What was said first stays, also where two hear of it at once."""
    of = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    facts = {"address_key": _key(address), "address_group": mailbox_group(address), "address": address}
    new = of(unreachable).values(desk=desk, token=token, detail=detail, at=now, **facts)
    connection.execute(new.on_conflict_do_nothing())


_KNOWN = select(unreachable.c.address_key, unreachable.c.at, unreachable.c.tried_at).where(
    unreachable.c.desk == bindparam("desk"),
    unreachable.c.address_key.in_(bindparam("keys", expanding=True)),
)


def known(connection: Connection, desk: str, addresses: Iterable[str]) -> dict[str, Dead]:
    """Those of the addresses to which mail comes back, by their key."""
    keys = sorted({_key(one) for one in addresses})
    if not keys:
        return {}
    rows = connection.execute(_KNOWN, {"desk": desk, "keys": keys})
    return {row.address_key: Dead(row.at, row.tried_at) for row in rows}


_HEARD = delete(unreachable).where(
    unreachable.c.desk == bindparam("desk"), unreachable.c.address_group == bindparam("sender")
)


def heard(connection: Connection, desk: str, address: str) -> None:
    """Somebody writes from there: however its owner spells it, mail arrives again."""
    connection.execute(_HEARD, {"desk": desk, "sender": mailbox_group(address)})


def tried(connection: Connection, desk: str, address: str, now: datetime) -> None:
    """One mail goes there all the same."""
    which = (unreachable.c.desk == desk, unreachable.c.address_key == _key(address))
    connection.execute(update(unreachable).where(*which).values(tried_at=now))


def remove(connection: Connection, desk: str | None, address: str) -> int:
    """At one desk, or at every one; returns at how many it was."""
    same = or_(
        unreachable.c.address_key == _key(address), unreachable.c.address_group == mailbox_group(address)
    )
    query = delete(unreachable).where(same)
    return connection.execute(query.where(unreachable.c.desk == desk) if desk else query).rowcount


def listed(connection: Connection, desk: str | None) -> list[Row[Any]]:
    """Rows of `unreachable` with the number of the ticket whose mail came back, oldest first."""
    query = (
        select(unreachable, outbox.c.number)
        .join(outbox, outbox.c.token == unreachable.c.token, isouter=True)
        .order_by(unreachable.c.at, unreachable.c.address_key)
    )
    return list(connection.execute(query.where(unreachable.c.desk == desk) if desk else query))


def _key(address: str) -> str:
    return Address("", address).key
