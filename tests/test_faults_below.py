"""When disk, database, clock or the reading worker fail: is every mail accounted for when they are back?"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from daemon import COMMAND, Daemon
from evidence import rows
from faulty_city import FaultyCity, clear_lines, faulty_city, troubles
from servers.dovecot import Dovecot
from servers.postgres import Postgres
from servers.proxy import Meanwhile
from sqlalchemy import text

from mailgate import service
from mailgate.message import worker
from mailgate.service import EX_TEMPFAIL
from mailgate.store import database
from mailgate.store.database import Store, require_current


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, dovecot: Dovecot
) -> Iterator[FaultyCity]:
    base = tmp_path_factory.mktemp("faults")
    if request.param == "sqlite":
        with faulty_city(base, dovecot) as made:
            yield made
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    empty = Store(postgres.url("faults_empty"))
    require_current(empty)
    empty.close()
    with faulty_city(
        base, dovecot, postgres.url("faults"), lambda: postgres.url("faults", "faults_empty")
    ) as made:
        yield made
    postgres.drop("faults")
    postgres.drop("faults_empty")


@pytest.fixture
def desk(stage: FaultyCity, caplog: pytest.LogCaptureFixture) -> Iterator[FaultyCity]:
    """Two mails wait."""
    stage.empty()
    stage.post("Rina", "Budi")
    with clear_lines(caplog):
        yield stage


on_sqlite = pytest.mark.parametrize("stage", ["sqlite"], indirect=True, scope="module")
on_postgresql = pytest.mark.parametrize("stage", ["postgresql"], indirect=True, scope="module")

# --- a full disk ------------------------------------------------------------------------------------------

FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
RAISE EXCEPTION 'could not extend file "base/5/16384": No space left on device' USING ERRCODE = '53100';
END $$;
CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION full_disk();
"""
ROOM = "DROP FUNCTION full_disk CASCADE"


@contextmanager
def full_disk(desk: FaultyCity, table: str) -> Iterator[None]:
    """PostgreSQL cannot extend this table; an SQLite file cannot grow, whatever is written."""
    with desk.city.store() as store:
        if not store.is_sqlite:
            with store.writing() as write:
                write.execute(text(FULL.format(table=table)))
            yield
            with store.writing() as write:
                write.execute(text(ROOM))
            return
        with store.reading() as look:
            pages = look.scalar(text("PRAGMA page_count"))
    prepare = database._prepare_sqlite

    def bounded(connection: Any, record: object) -> None:
        prepare(connection, record)
        connection.execute(f"PRAGMA max_page_count={pages}").close()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(database, "_prepare_sqlite", bounded)
        yield


@pytest.mark.parametrize("table", ["raw", "ticket"])
def test_a_full_disk_stops_intake_before_a_mail_is_acknowledged_and_room_lets_it_go_on(
    desk: FaultyCity, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk.city.receive_all([desk.city.mail("Sari <sari@warga.example>", "x" * 70_000, "laporan Sari")])
    desk.posted.append("Sari <sari@warga.example>")
    with full_disk(desk, table):
        for _ in range(2):
            assert desk.run() == EX_TEMPFAIL
            assert desk.folders() == [sorted(desk.posted), [], []]
            assert desk.city.sent() == []
    assert "full" in troubles(caplog) or "No space left" in troubles(caplog)
    desk.settle()
    desk.assert_accounted()


@on_postgresql
def test_a_disk_that_is_full_when_a_mail_leaves_sends_it_at_most_once_more_under_its_id(
    desk: FaultyCity,
) -> None:
    """The server has the mail, and that cannot be written down."""
    full = full_disk(desk, "outbox")
    desk.smtp.on(".", Meanwhile(full.__enter__))
    assert desk.run() == EX_TEMPFAIL
    full.__exit__(None, None, None)
    assert len(desk.city.sent()) == 1
    assert desk.run() == 0  # what was on its way is found, and waits for its turn
    assert sorted(row.state for row in rows(desk.city, "SELECT state FROM outbox")) == [
        *["sent"] * 3,
        "uncertain",
    ]
    desk.settle()
    desk.assert_accounted(copies=2)


@on_sqlite
def test_a_process_that_may_write_no_more_leaves_every_mail_where_it_is(desk: FaultyCity) -> None:
    """A real limit of the kernel, in a process of its own."""
    size = (desk.city.base / "mailgate.db").stat().st_size
    command = [*COMMAND, "--settings", str(desk.city.settings_file), "run", "--once"]
    limited = ["prlimit", f"--fsize={size // 4}", *command]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert done.returncode == EX_TEMPFAIL, done.stderr
    assert "Traceback" not in done.stderr
    assert desk.folders()[0] == sorted(desk.posted)
    desk.settle()
    desk.assert_accounted()


# --- the database goes away -------------------------------------------------------------------------------


@on_postgresql
def test_a_database_that_restarts_under_the_service_loses_and_doubles_nothing(
    desk: FaultyCity, request: pytest.FixtureRequest
) -> None:
    postgres: Postgres = request.getfixturevalue("postgres")
    with Daemon(desk.city.settings_file) as daemon:
        daemon.says("sent desk=kominfo", times=4)
        postgres.restart()
        desk.post("Sari")
        daemon.says("sent desk=kominfo", times=6)
        desk.city.dovecot.wait_for(desk.user, 3, "Mailgate/Diproses")
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log()
    desk.imap.heal()
    desk.smtp.heal()
    desk.assert_accounted()


@on_postgresql
@pytest.mark.parametrize("at", ["UID SEARCH", "UID FETCH", "UID MOVE", "LOGOUT"])
def test_a_database_that_cuts_everybody_off_while_a_mail_is_taken_in_has_it_once(
    desk: FaultyCity, request: pytest.FixtureRequest, at: str
) -> None:
    postgres: Postgres = request.getfixturevalue("postgres")

    def all_are_cut_off() -> None:
        with postgres._connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'faults'"
            )

    desk.imap.on(at, Meanwhile(all_are_cut_off))
    assert desk.run() in {0, EX_TEMPFAIL}
    desk.settle()
    desk.assert_accounted(copies=2)


# --- the clock --------------------------------------------------------------------------------------------


@on_sqlite
@pytest.mark.parametrize("by", [timedelta(days=40), timedelta(days=-400)])
@pytest.mark.parametrize("at", ["UID FETCH", "UID MOVE", "MAIL", "."])
def test_a_clock_that_jumps_in_the_middle_does_nothing_twice_and_loses_nothing(
    desk: FaultyCity, at: str, by: timedelta
) -> None:
    def jump() -> None:
        desk.city.now += by

    proxy = desk.imap if at.startswith("UID") else desk.smtp
    fault = proxy.on(at, Meanwhile(jump))
    assert desk.run() == 0
    assert fault.hits == 1
    desk.city.now -= by
    desk.settle()
    desk.assert_accounted()


# --- the reading worker -----------------------------------------------------------------------------------


def test_a_reading_worker_that_is_killed_in_the_middle_costs_no_mail(
    desk: FaultyCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = iter([signal.SIGKILL])
    send = worker._Child.send

    def send_and_kill(self: worker._Child, raw: bytes) -> None:
        send(self, raw)
        for how in ends:
            os.kill(self.pid, how)

    monkeypatch.setattr(service, "reader", lambda office: worker.reader(office.settings.limits))
    monkeypatch.setattr(worker._Child, "send", send_and_kill)
    assert desk.run() == 0
    assert next(ends, None) is None
    desk.settle()
    desk.assert_accounted()
