"""Which senders did a desk silence?"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select
from sqlalchemy.sql.elements import ColumnElement

from mailgate.message.ids import mailbox_group
from mailgate.message.message import Address
from mailgate.store.schema import blocked


def add(connection: Connection, desk: str, address: str, number: str, by: str, now: datetime) -> None:
    """Silencing somebody twice is no error; the first reason stays."""
    if not contains(connection, desk, address):
        facts = {"desk": desk, "address_key": _key(address), "address": address}
        facts["address_group"] = mailbox_group(address)
        connection.execute(insert(blocked).values(number=number, by=by, at=now, **facts))


def remove(connection: Connection, desk: str | None, address: str) -> int:
    """At one desk, or at every one; returns at how many it was."""
    query = delete(blocked).where(_same(address))
    return connection.execute(query.where(blocked.c.desk == desk) if desk else query).rowcount


def contains(connection: Connection, desk: str, address: str) -> bool:
    """However they spell their mailbox: a +tag makes no other sender."""
    return (
        connection.scalar(select(blocked.c.desk).where(blocked.c.desk == desk, _same(address)).limit(1))
        is not None
    )


def listed(connection: Connection, desk: str | None) -> list[Row[Any]]:
    """Rows of `blocked`, oldest first."""
    query = select(blocked).order_by(blocked.c.at, blocked.c.address_key)
    return list(connection.execute(query.where(blocked.c.desk == desk) if desk else query))


def _same(address: str) -> ColumnElement[bool]:
    return or_(blocked.c.address_key == _key(address), blocked.c.address_group == mailbox_group(address))


def _key(address: str) -> str:
    return Address("", address).key
