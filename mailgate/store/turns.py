"""Who waits for whom? Advisory locks of PostgreSQL; an SQLite file has one writer anyway."""

from hashlib import sha256

from sqlalchemy import Connection, func, select


def key(about: str) -> int:
    """What PostgreSQL locks instead of a name."""
    return int.from_bytes(sha256(f"mailgate {about}".encode()).digest()[:8], "big", signed=True)


def turn(connection: Connection, about: str) -> None:
    """From here on whoever asks for the same waits until this transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(key(about))))


def desks_turn(connection: Connection, desk: str) -> None:
    """Mail of a desk is kept and decided by one at a time.

    Two instances may work on one mailbox for a moment, when one of them lost its lock and does not know yet.
    The rows come in the order of their ids then, and each is taken once.
    """
    turn(connection, f"mail of {desk}")
