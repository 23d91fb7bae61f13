"""A city without servers: the same settings, store, reading and thinking; what would leave is its outbox.

A hundred times quicker than the real one, for tests of what is decided and composed. INBOX is `receive`, the
world is `sent`: every mail that is composed counts as sent.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from city import City, address, parsed, tables
from servers.dovecot import Dovecot
from servers.sink import Sink
from sqlalchemy import event, text

from mailgate import gateway
from mailgate.gateway import Office
from mailgate.message import ids
from mailgate.message.message import Message, Unreadable
from mailgate.message.parse import read
from mailgate.store import mails
from mailgate.store.database import Store, require_current
from mailgate.store.mails import Arrival, Place

_offices: dict[str, Office] = {}


class Here:
    """Reads in this very process."""

    def read_all(self, raws: Iterable[bytes]) -> Iterator[Message | Unreadable]:
        return map(read, raws)


@dataclass
class Indoors(City):
    """What tests of a City do, without IMAP and SMTP."""

    _store: Store | None = None
    _uids: dict[str, int] = field(default_factory=dict)

    def office(self) -> Office:
        """Compiled once for the same settings, wherever their files lie."""
        wanted = f"{self.tables}".replace(str(self.base), "")
        if wanted not in _offices:
            _offices[wanted] = super().office()
        return _offices[wanted]

    @contextmanager
    def store(self) -> Iterator[Store]:
        """One for all: it is closed by `close`."""
        if self._store is None:
            self._store = Store(self.tables["service"]["database"])
            event.listen(self._store.engine, "connect", _never_waiting)
        yield self._store

    def close(self) -> None:
        if self._store is not None:
            self._store.close()

    def receive(self, raw: bytes, desk: str = "kominfo", when: datetime | None = None) -> int:
        uid = self._uids[desk] = self._uids.get(desk, 0) + 1
        arrival = Arrival(uid, (when or self.now).astimezone(UTC), len(raw), raw, ids.index(raw), False)
        with self.store() as store, store.writing() as write:
            mails.keep(write, Place(desk, "INBOX", 1), [arrival], self.now.astimezone(UTC))
        return uid

    def run(self) -> int:
        """Think of all that was kept, and let time act."""
        office, clock = self.office(), lambda: self.now.astimezone(UTC)
        with self.store() as store:
            for counter in office.counters.values():
                gateway.think(office, store, Here(), counter, clock)
            gateway.tick(office, store, clock)
        return 0

    def sent(self, to: str | None = None) -> list[EmailMessage]:
        wanted = address(to) if to else None
        with self.store() as store, store.reading() as look:
            rows = look.execute(text("SELECT recipient, raw FROM outbox ORDER BY seq")).all()
        return [parsed(row.raw) for row in rows if wanted is None or row.recipient == wanted]


def _never_waiting(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")  # nobody pulls the plug here


@cache
def _empty() -> bytes:
    """A database with the whole schema and nothing in it: migrations take longer than a test."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/mailgate.db")
        require_current(store)
        store.close()  # which moves the journal into the file
        return (Path(folder) / "mailgate.db").read_bytes()


@contextmanager
def indoors(change: dict[str, Any] | None = None) -> Iterator[Indoors]:
    """A fresh one; `change` is laid over the settings of the KOMINFO desk."""
    base = Path(tempfile.mkdtemp())
    try:
        (base / "mailgate.db").write_bytes(_empty())
        wanted = tables(base, f"sqlite:///{base / 'mailgate.db'}")
        wanted["desks"]["kominfo"] |= change or {}
        nowhere = cast("Dovecot", SimpleNamespace(password="-", host="127.0.0.1", port=1))
        city = Indoors(base, wanted, nowhere, cast("Sink", nowhere), {"kominfo": "kominfo", "lpse": "lpse"})
        try:
            yield city
        finally:
            city.close()
    finally:
        shutil.rmtree(base)
