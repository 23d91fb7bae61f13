"""Which instance works on which mailbox, and which one is gone?

A session of PostgreSQL holds its advisory locks for as long as it lives, and no longer.
"""

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from mailgate.errors import TemporaryError
from mailgate.store.database import Store, translated
from mailgate.store.turns import key

LOCK_WAIT = "5s"
"""For the lock of our own name: somebody may be looking at this moment whether we are gone."""
KNOWN_AGAIN_AFTER = 10.0
"""Seconds after its start until a database knows again who lives: they ask every five."""
LOOKS_AGAIN_AFTER = 0.1
"""Seconds, while a mailbox is asked for with patience."""


class AlreadyRunningError(TemporaryError):
    """Another mailgate holds this database."""


class Instance:
    """This process among those that run on one database; safe to use from several threads.

    On SQLite it is alone, and every mailbox is its own.
    """

    def __init__(self, store: Store) -> None:
        self.name = f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"
        """Who claims mail, for people who look into the outbox; never longer than 50 characters."""
        self._store = store
        self._turn = threading.Lock()
        self._session: Connection | None = None
        self._held: frozenset[str] = frozenset()
        self._left = False

    def enter(self) -> None:
        """Be known to the others. AlreadyRunningError on SQLite, where nobody may be beside."""
        if self._store.is_sqlite:
            if not self._store.claim_service():
                raise AlreadyRunningError("another mailgate is running on this database; only one may")
            return
        self.is_known()

    def is_known(self) -> bool:
        """Whether the others see that we live; tries to make it so. Raises TemporaryError."""
        return self._store.is_sqlite or self._ask("SELECT TRUE")

    @property
    def is_lost(self) -> bool:
        """Without a session nobody knows of us: what we hold, others take."""
        return not self._store.is_sqlite and self._session is None

    def hold(self, desk: str, patience: float = 0.0) -> bool:
        """Whether the mailbox is ours from now on. `patience`: seconds, for one that was just killed.

        Raises TemporaryError.
        """
        until = time.monotonic() + patience
        while not self._hold(desk):
            if time.monotonic() >= until:
                return False
            time.sleep(LOOKS_AGAIN_AFTER)
        return True

    def _hold(self, desk: str) -> bool:
        if self._store.is_sqlite or self.holds(desk):
            return True
        with self._turn:  # the lock and the note of it belong to one session
            if self._asked("SELECT pg_try_advisory_lock(:key)", key=key(_mailbox(desk))):
                self._held |= {desk}
        return desk in self._held

    def holds(self, desk: str) -> bool:
        """Whether it is still ours: the database is asked, which may have forgotten us."""
        if self._store.is_sqlite:
            return True
        with contextlib.suppress(TemporaryError):
            if desk in self._held:
                self._ask("SELECT TRUE")
        return desk in self._held

    def believes_to_hold(self, desk: str) -> bool:
        """The same, without asking."""
        return self._store.is_sqlite or desk in self._held

    def release(self, desk: str) -> None:
        """Another may take it."""
        if desk not in self._held:
            return
        with contextlib.suppress(TemporaryError):
            self._ask("SELECT pg_advisory_unlock(:key)", key=key(_mailbox(desk)))
        with self._turn:
            self._held -= {desk}

    def gone(self, write: Connection, names: Iterable[str]) -> frozenset[str]:
        """Those without a session; nobody else settles theirs until the transaction ends."""
        if self._store.is_sqlite:
            return frozenset()
        lock = func.pg_try_advisory_xact_lock
        return frozenset(
            name
            for name in sorted(names)
            if name != self.name and write.scalar(select(lock(key(_instance(name)))))
        )

    def leave(self) -> None:
        """Give all back at once: a connection that is merely closed frees it when the server notices."""
        with self._turn:
            self._left = True
            if self._session is not None:
                with contextlib.suppress(DBAPIError):
                    self._session.execute(text("SELECT pg_advisory_unlock_all()"))
                self._lose()

    def _ask(self, question: str, **facts: object) -> bool:
        with self._turn:
            return self._asked(question, **facts)

    def _asked(self, question: str, **facts: object) -> bool:
        with translated():
            try:
                return bool(self._known_session().scalar(text(question), facts))
            except Exception:
                self._lose()
                raise

    def _known_session(self) -> Connection:
        if self._left:
            raise TemporaryError("database: this instance has left it")
        if self._session is None:
            self._session = self._store.session()
            self._session.execute(
                text(
                    "SELECT set_config('application_name', :name, FALSE),"
                    " set_config('lock_timeout', :wait, FALSE)"
                ),
                {"name": self.name, "wait": LOCK_WAIT},
            )
            self._session.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key(_instance(self.name))})
        return self._session

    def _lose(self) -> None:
        session, self._session, self._held = self._session, None, frozenset()
        if session is not None:
            with contextlib.suppress(DBAPIError):
                session.close()


def _mailbox(desk: str) -> str:
    return f"mailbox {desk}"


def _instance(name: str) -> str:
    return f"instance {name}"


_LOCKS = text(
    "SELECT l.classid::bigint AS high, l.objid::bigint AS low, a.application_name AS name"
    " FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def holders(look: Connection, desks: Iterable[str]) -> dict[str, str]:
    """The instance that holds each mailbox; a desk whose mailbox nobody holds is left out, all on SQLite."""
    if look.dialect.name != "postgresql":
        return {}
    by_key = dict(_locks(look))
    wanted = {desk: key(_mailbox(desk)) for desk in desks}
    return {desk: by_key[number] for desk, number in wanted.items() if number in by_key}


def known(look: Connection) -> list[str]:
    """The instances that are there, on PostgreSQL: each holds the lock of its own name."""
    return [name for number, name in _locks(look) if number == key(_instance(name))]


def forgets_for(look: Connection) -> float:
    """Seconds for which a living instance may still be unknown to a database that was started anew."""
    if look.dialect.name != "postgresql":
        return 0.0
    age = look.scalar(text("SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())"))
    return min(max(KNOWN_AGAIN_AFTER - float(age or 0), 0.0), KNOWN_AGAIN_AFTER)


def _locks(look: Connection) -> Iterator[tuple[int, str]]:
    """(key, application name) of all advisory locks."""
    for row in look.execute(_LOCKS):
        octets = ((row.high << 32) | row.low).to_bytes(8, "big")
        yield int.from_bytes(octets, "big", signed=True), str(row.name)
