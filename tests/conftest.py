"""Which servers stand ready for the tests? Each is started once per worker process, when first asked for."""

import itertools
import logging
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import hypothesis
import pytest
from city import City, tables
from cli_cast import Cli
from servers import private
from servers.dovecot import Dovecot
from servers.postfix import Postfix
from servers.postgres import Postgres
from servers.required import skipped_when_missing
from servers.sink import Sink

from mailgate import cli
from mailgate.compose import render
from mailgate.store.database import Store, upgrade

_database_numbers = itertools.count(1)

# The same examples at every run, and none too slow: on a busy machine each may take a second. What nobody has
# thought of yet is looked for by tests/fuzz.
hypothesis.settings.register_profile(
    "steady",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    """`mailgate run` in this process takes all logging to itself: the next test finds it as it was."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    """Templates are values: of the same files every city of this process may have the same ones."""
    compiled: dict[tuple[object, ...], render.Templates] = {}

    def templates(sources: Mapping[str, str], spoken: Collection[str] = ()) -> render.Templates:
        which = (*sorted(sources.items()), *sorted(spoken))
        if which not in compiled:
            compiled[which] = original(sources, spoken)
        return compiled[which]

    original, render.templates = render.templates, templates
    yield
    render.templates = original


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> private.Certificate:
    """For a Sink with TLS; clients trust its `cert`."""
    with skipped_when_missing():
        return private.make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    with skipped_when_missing(), Dovecot() as server:
        yield server


@pytest.fixture
def mailbox_user(dovecot: Dovecot) -> str:
    """The address of a fresh mailbox in desk.test; log in with it and `dovecot.password`."""
    return dovecot.new_user()


@pytest.fixture
def sink() -> Iterator[Sink]:
    """An SMTP server without TLS and login that accepts everything, until told otherwise."""
    with Sink() as server:
        yield server


@pytest.fixture(scope="session")
def _postfix_with_sink(dovecot: Dovecot) -> Iterator[tuple[Postfix, Sink]]:
    with skipped_when_missing(), Sink() as world, Postfix(dovecot, world) as server:
        yield server, world


@pytest.fixture
def postfix(_postfix_with_sink: tuple[Postfix, Sink]) -> Postfix:
    """Mail for desk.test goes to `dovecot`, all other to `world`."""
    return _postfix_with_sink[0]


@pytest.fixture
def world(_postfix_with_sink: tuple[Postfix, Sink]) -> Sink:
    """The sink behind `postfix`, as new: nothing of an earlier test is still on its way to it."""
    server, sink = _postfix_with_sink
    sink.clear()
    server.empty()
    sink.clear()
    return sink


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with skipped_when_missing(), Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database, as SQLAlchemy names it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'mailgate.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = f"test_{next(_database_numbers)}"
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """With the whole schema and nothing in it."""
    store = Store(database_url)
    upgrade(store)
    yield store
    store.close()


@pytest.fixture
def run(settings_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A command in this process, by the module's own `settings_file`: exit status, stdout, stderr."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mailgate", "--settings", str(settings_file), *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return run


def _city(base: Path, database: str, dovecot: Dovecot, sink: Sink) -> City:
    users = {"kominfo": dovecot.new_user(), "lpse": dovecot.new_user()}
    return City(base, tables(base, database), dovecot, sink, users)


@pytest.fixture
def city(tmp_path: Path, database_url: str, dovecot: Dovecot, sink: Sink) -> City:
    """Two desks on a real IMAP server and a sink; once on each database."""
    return _city(tmp_path, database_url, dovecot, sink)


@pytest.fixture
def town(tmp_path: Path, dovecot: Dovecot, postfix: Postfix, world: Sink) -> City:
    """A city whose desks live behind Postfix: their mail goes to Dovecot, all other to `world`."""
    city = _city(tmp_path, f"sqlite:///{tmp_path / 'mailgate.db'}", dovecot, world)
    for key, user in city.users.items():
        city.tables["desks"][key]["address"] = user
        city.tables["desks"][key]["smtp"] |= {"host": postfix.host, "port": postfix.port}
    return city


@pytest.fixture
def quick_city(tmp_path: Path, dovecot: Dovecot, sink: Sink) -> City:
    """The same on SQLite only, for what does not depend on the database."""
    return _city(tmp_path, f"sqlite:///{tmp_path / 'mailgate.db'}", dovecot, sink)
