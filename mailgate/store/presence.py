"""Does a service run on this database?"""

import fcntl
from pathlib import Path

from mailgate.store.database import Store
from mailgate.store.instances import known


def is_served(store: Store) -> bool:
    """Whether one holds the lock that it keeps for its life; asking takes nothing away from anybody."""
    if not store.is_sqlite:
        with store.reading() as look:
            return bool(known(look))
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
