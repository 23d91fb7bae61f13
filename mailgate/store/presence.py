"""Does a service run on this database?"""

import fcntl
from pathlib import Path

from sqlalchemy import text

from mailgate.store.database import Store

_ANY_LOCK = text(
    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
    "WHERE locktype = 'advisory' AND granted AND datname = current_database() AND pid <> pg_backend_pid()"
)


def is_served(store: Store) -> bool:
    """Whether one holds the lock that it keeps for its life; asking takes nothing away from anybody."""
    if not store.is_sqlite:
        with store.reading() as look:
            return bool(look.scalar(_ANY_LOCK))
    try:
        holder = Path(f"{store.url.database}.lock").open("r", encoding="ascii")  # noqa: SIM115  # closed below
    except OSError:
        return False
    with holder:
        try:
            fcntl.flock(holder, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
