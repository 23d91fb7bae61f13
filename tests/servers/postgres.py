"""What does a real PostgreSQL do? A private one, as forgetful as it is fast."""

import importlib.util
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from servers import private

if TYPE_CHECKING:
    import psycopg

OWNER = "mailgate"
MISSING = "PostgreSQL is not installed: apt-get install postgresql"
# fsync off and its kin: a test's data need not outlive a power cut, and every commit is 10 times faster.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
}


class Postgres:
    """A server with its own folder and port; starts on entering, is gone with all data on leaving."""

    def __init__(self) -> None:
        folder = _program_folder()
        self._initdb = private.program("initdb", [folder], MISSING)
        self._postgres = private.program("postgres", [folder], MISSING)
        if importlib.util.find_spec("psycopg") is None:
            raise private.MissingServerError("psycopg is not installed: pip install 'mailgate[postgresql]'")
        self._account = private.unprivileged()
        self._root = private.new_folder("postgres")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = private.free_port()
        private.give_to(self._account, self._root)

    def __enter__(self) -> Self:
        self._create_cluster()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            private.kill_group(self._process)
            self._process = None
        shutil.rmtree(self._root, ignore_errors=True)

    def _create_cluster(self) -> None:
        options = ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
        command = [self._initdb, "-D", str(self._data), "-U", OWNER, *options]
        process = private.spawn(command, self._log, self._account)
        if process.wait():
            raise RuntimeError(f"initdb failed:\n{self.log()}")

    @property
    def _data(self) -> Path:
        return self._root / "data"

    @property
    def _log(self) -> Path:
        return self._root / "log"

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        command = [self._postgres, "-D", str(self._data), "-p", str(self.port), *settings]
        self._process = private.spawn(command, self._log, self._account)
        private.wait_until_up(self._process, self._answers, self.log)

    def stop(self) -> None:
        """Every connection is cut; the data stays for `start`."""
        if self._process is not None:
            # SIGINT: at SIGTERM PostgreSQL waits for its clients to leave.
            private.end(self._process, signal.SIGINT)
            self._process = None

    def restart(self) -> None:
        """On the same port, with the same data."""
        self.stop()
        self.start()

    def url(self, dbname: str, template: str = "template1") -> str:
        """Create a fresh database, in place of one of this name, and say how SQLAlchemy reaches it.

        A copy of `template`, which may be any database that nobody is connected to.
        """
        self.drop(dbname)
        with self._connect() as connection:
            connection.execute(f'CREATE DATABASE "{dbname}" TEMPLATE "{template}"'.encode())
        return f"postgresql+psycopg://{OWNER}@127.0.0.1:{self.port}/{dbname}"

    def drop(self, dbname: str) -> None:
        """Also when somebody is still connected."""
        with self._connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{dbname}" WITH (FORCE)'.encode())

    def _connect(self) -> "psycopg.Connection[Any]":
        import psycopg

        place = f"host=127.0.0.1 port={self.port} user={OWNER} dbname=postgres connect_timeout=60"
        return psycopg.connect(place, autocommit=True)

    def _answers(self) -> bool:
        import psycopg

        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True


def _program_folder() -> str:
    """Debian keeps the programs of each version in a folder of its own, out of PATH: the newest."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    numbered = [folder for folder in folders if folder.parent.name.isdecimal()]
    if numbered:
        return str(max(numbered, key=lambda folder: int(folder.parent.name)))
    found = shutil.which("postgres")
    return str(Path(found).resolve().parent) if found else "/usr/bin"
