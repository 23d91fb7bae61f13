"""How is the store opened, and what is a transaction?"""

import fcntl
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from mailgate.errors import SettingsError, TemporaryError
from mailgate.store.turns import turn

T = TypeVar("T")

__all__ = [
    "HEAD",
    "Connection",
    "DeadlockError",
    "Store",
    "passes_by_itself",
    "require_current",
    "translated",
    "upgrade",
    "version",
]

HEAD = "0006"
"""The schema that this code speaks: the newest file in migrations/versions."""

SQLITE_BUSY_MS = 30_000
SQLITE_CONNECTIONS = 5
"""Kept open: one that writes, and a few that look."""
MIGRATIONS = Path(__file__).parent / "migrations"
ONCE_MORE = 5
"""Times that a transaction which lost a deadlock is begun anew."""
# A host that vanishes says nothing. Both sides notice within 5 + 3 * 3 seconds when nothing is under way and
# within 15 when something is, so that its locks are free in time for another instance: take-over under 30 s.
KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "connect_timeout": 10,
}
_SERVERS_KEEPALIVE = (
    "SELECT set_config('tcp_keepalives_idle', '5', FALSE), set_config('tcp_keepalives_interval', '3', FALSE),"
    " set_config('tcp_keepalives_count', '3', FALSE), set_config('tcp_user_timeout', '15000', FALSE)"
)


class DeadlockError(TemporaryError):
    """PostgreSQL gave up this transaction for the sake of another one: nothing of it happened."""


class Store:
    """A database; safe to use from several threads, each transaction in one of them."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writer = threading.Lock()
        self._lock_holder: IO[str] | None = None
        self.engine = _engine(self.url, self.is_sqlite)

    def is_there(self) -> bool:
        """Whether a look would find a database; to look must not make an SQLite file of the wrong owner."""
        return not self.is_sqlite or Path(self.url.database or "").exists()

    def open_all(self) -> None:
        """Open what will be kept open: what a service holds on its first day it holds on every other."""
        if self.is_sqlite:
            with translated(), ExitStack() as opened:
                for _ in range(SQLITE_CONNECTIONS):
                    opened.enter_context(self.engine.connect())

    def make_room(self) -> None:
        """The folder of an SQLite file. Raises TemporaryError when it cannot be made."""
        if self.is_sqlite:
            with _file_errors():
                Path(self.url.database or "").parent.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that may write. SQLite: BEGIN IMMEDIATE, so that what was read stays true.

        Raises TemporaryError when the database cannot be reached, is full or gave up.
        """
        with self._turn(), translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """One transaction that may rebuild tables.

        SQLite alters a table by putting another in its place, which rows elsewhere point to meanwhile.
        """
        with self._turn(), translated(), self.engine.connect() as connection:
            if not self.is_sqlite:
                with connection.begin():
                    yield connection
                return
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA foreign_keys=OFF")  # does nothing inside a transaction
            try:
                with connection.begin():
                    yield connection
                    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                    if broken:
                        raise RuntimeError(f"the migration left rows that point nowhere: {broken[:5]}")
            finally:
                driver.execute("PRAGMA foreign_keys=ON")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent look; waits for nobody."""
        with translated(), self.engine.connect() as connection:
            yield connection.execution_options(mailgate_reads=True)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """SQLite has one writer; a lock is fairer to threads than its busy handler's naps."""
        if not self.is_sqlite:
            yield
            return
        with self._writer:
            yield

    def written(self, action: Callable[[Connection], T]) -> T:
        """One transaction, begun anew where the database gave it up for the sake of another one."""
        for _ in range(ONCE_MORE):
            with suppress(DeadlockError), self.writing() as write:
                return action(write)
        with self.writing() as write:
            return action(write)

    def session(self) -> Connection:
        """A connection to keep, in which each statement stands for itself. Raises TemporaryError."""
        with translated():
            connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()  # never back into the pool, where what it holds would live on
            return connection

    def claim_service(self) -> bool:
        """Whether this process may be the one that runs on this SQLite file; freed when it dies."""
        if not self.url.database:
            return True
        with _file_errors():
            holder = Path(f"{self.url.database}.lock").open("w", encoding="ascii")  # noqa: SIM115  # for life
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder.close()
            return False
        self._lock_holder = holder
        return True

    def close(self) -> None:
        if self._lock_holder is not None:
            self._lock_holder.close()
            self._lock_holder = None
        self.engine.dispose()


def _engine(url: URL, is_sqlite: bool) -> Engine:
    if not is_sqlite:
        # What the address in the settings says of keepalives wins.
        ours = {name: value for name, value in KEEPALIVE.items() if name not in url.query}
        engine = create_engine(url, connect_args=ours, pool_pre_ping=True, pool_size=8, max_overflow=8)
        event.listen(engine, "connect", _prepare_postgresql)
        return engine
    engine = create_engine(url, connect_args={"timeout": SQLITE_BUSY_MS / 1000}, pool_size=SQLITE_CONNECTIONS)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would be deferred: see _begin_sqlite
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # a commit survives a power cut: design, promise 1
        "foreign_keys=ON",
        f"busy_timeout={SQLITE_BUSY_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _prepare_postgresql(connection: Any, _record: object) -> None:
    connection.execute(_SERVERS_KEEPALIVE)  # does nothing on a local socket, whose end is noticed at once
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("mailgate_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def _file_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TemporaryError(f"database: {error.filename}: {error.strerror}") from error


@contextmanager
def translated() -> Iterator[None]:
    """What the driver says of a lost, full or locked database becomes TemporaryError; faults of ours pass."""
    try:
        yield
    except PoolTimeoutError as error:  # nothing of ours holds one for long but a transaction that waits
        raise TemporaryError(f"database: {error.args[0]}") from error
    except DBAPIError as error:
        if not passes_by_itself(error):
            raise
        first = _first(error)
        lost = getattr(first.orig, "sqlstate", None) == _DEADLOCK
        advice = "; stop mailgate and put a backup in its place" if _is_damaged(first) else ""
        raise (DeadlockError if lost else TemporaryError)(f"database: {first.orig}{advice}") from error


def passes_by_itself(error: Exception) -> bool:
    """Whether it tells of a database that is lost, full, locked or damaged, and not of what was asked of it.

    The drivers call both an OperationalError; to wait for ever because of one mail would stop a desk.
    """
    if not isinstance(error, DBAPIError):
        return False
    error = _first(error)
    if error.connection_invalidated or _is_damaged(error):
        return True
    if not isinstance(error, OperationalError | InternalError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", None) not in _ASKED_WRONG
    return (getattr(error.orig, "sqlstate", None) or _LOST)[:2] not in _ASKED_WRONG_CLASSES


def _is_damaged(error: DBAPIError) -> bool:
    """Whether an SQLite file is none, or not whole: no mail is set aside for that."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGED  # the upper octets say more of the same


def _first(error: DBAPIError) -> DBAPIError:
    """What went wrong before a savepoint could not be found.

    A full disk makes SQLite roll back the whole transaction by itself, every savepoint with it; what is heard
    then is that there is no such savepoint, which sounds like a fault of the one mail in hand.
    """
    if "no such savepoint" not in str(error.orig):
        return error
    before: BaseException | None = error.__context__
    while before is not None:
        if isinstance(before, DBAPIError):
            return _first(before)
        before = before.__context__
    return error


_ASKED_WRONG = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG})
_ASKED_WRONG_CLASSES = frozenset({"54"})  # PostgreSQL, appendix A: program limit exceeded, as by a long key
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_DEADLOCK = "40P01"
_LOST = "08"  # connection exception


def version(store: Store) -> str | None:
    """The schema version the database is at; None when it is empty."""
    with store.reading() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


def upgrade(store: Store) -> None:
    """Bring the schema to HEAD; does nothing when it is there.

    Raises SettingsError when a newer mailgate wrote it.
    """
    store.make_room()
    found = version(store)
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise SettingsError(_too_new(found))
    _run_alembic(store, lambda alembic, config: alembic.upgrade(config, HEAD))


def require_current(store: Store) -> None:
    """Create the schema in an empty database.

    Raises SettingsError when the schema is older or newer than this code.
    """
    store.make_room()
    found = version(store)
    if found is None:
        upgrade(store)
    elif found > HEAD:
        raise SettingsError(_too_new(found))
    elif found != HEAD:
        raise SettingsError(
            f"the database is at schema {found}, this mailgate speaks {HEAD}: stop mailgate, make a backup, "
            "then run `mailgate db upgrade`"
        )


def _too_new(found: str) -> str:
    return (
        f"the database is at schema {found}, this mailgate speaks {HEAD}: a newer mailgate wrote it; "
        "install that one again, or restore the backup made before it"
    )


def _run_alembic(store: Store, action: Callable[[Any, Any], None]) -> None:
    from alembic import command  # slow to import, and the running service never needs it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with store.migrating() as connection:
        turn(connection, "migration")  # two that start on an empty database: the second finds it made
        config.attributes["connection"] = connection
        action(command, config)
