"""Do several daemons on one PostgreSQL serve like one, also when some of them die?"""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

import pytest
from city import ADMIN, KOMINFO, LPSE, RINA, City, tables
from crash.hunt import is_whole
from crash.several import hunt_several
from daemon import Daemon, becomes_healthy, get, mailgate
from evidence import folders, rows, states
from servers import private
from servers.dovecot import Dovecot
from servers.postgres import Postgres
from servers.sink import Sink

from mailgate import gateway
from mailgate.message import ids
from mailgate.service import reader
from mailgate.store import mails
from mailgate.store.database import Store, upgrade
from mailgate.store.mails import Arrival, Place

ANSWERS_TO_ONE_MAIL = 2
TAKEN_OVER_WITHIN = 30.0
"""Seconds: the issue's promise."""
PLACE = Place("kominfo", "INBOX", 1)


@pytest.fixture
def city(tmp_path: Path, postgres: Postgres, dovecot: Dovecot, sink: Sink) -> Iterator[City]:
    users = {"kominfo": dovecot.new_user(), "lpse": dovecot.new_user()}
    yield City(tmp_path, tables(tmp_path, postgres.url("side_by_side")), dovecot, sink, users)
    postgres.drop("side_by_side")


@contextmanager
def one_beside(city: City, first: Daemon) -> Iterator[Daemon]:
    """A second daemon, while the first holds both mailboxes."""
    for desk in city.users:
        first.says(f"mailbox {desk}: connected")
    with Daemon(city.settings_file) as second:
        for desk in city.users:
            second.says(f"mailbox {desk}: held by another instance, standing by")
        yield second


def holder(city: City) -> str:
    """Of KOMINFO's mailbox, as `mailgate status` says."""
    found = json.loads(mailgate(city.settings_file, "status", "--json").stdout)
    return str(found[0]["mailbox_holder"])


def test_when_the_holder_is_killed_the_other_answers_within_half_a_minute_and_nothing_is_doubled(
    city: City,
) -> None:
    port = private.free_port()
    with Daemon(city.settings_file) as first:
        first.says("running: 2 desks")
        city.tables["service"]["metrics"] = f"127.0.0.1:{port}"
        with one_beside(city, first) as second:
            city.receive(city.mail())
            city.sink.wait_for(ANSWERS_TO_ONE_MAIL)
            once = mailgate(city.settings_file, "run", "--once")
            assert (once.returncode, once.stderr.count("held by another instance, left to it")) == (0, 2)
            assert becomes_healthy(port)
            assert "mailbox lpse: ok (held by another instance)" in get(port, "/healthz")[1]
            assert 'mailgate_holder{desk="lpse"} 0.0' in get(port, "/metrics")[1]
            assert f":{first.process.pid}:" in holder(city)
            first.process.kill()
            city.receive(city.mail(subject="Surel mati"))
            for desk in city.users:
                second.says(f"mailbox {desk}: taken over", seconds=TAKEN_OVER_WITHIN)
            city.sink.wait_for(2 * ANSWERS_TO_ONE_MAIL)
            assert f":{second.process.pid}:" in holder(city)
            assert 'mailgate_holder{desk="lpse"} 1.0' in get(port, "/metrics")[1]
            assert second.stop() == 0
    assert (len(city.sent(RINA)), len(city.sent(ADMIN))) == (2, 2)
    assert states(city) == ["decided", "decided"]
    assert folders(city)[:2] == [0, 2]


def test_a_mailbox_that_its_holder_cannot_reach_is_served_by_another_that_can(city: City) -> None:
    imap = city.tables["desks"]["kominfo"]["imap"]
    imap["port"] = private.free_port()
    with Daemon(city.settings_file) as first:
        first.says("mailbox kominfo: waiting")
        imap["port"] = city.dovecot.port
        with Daemon(city.settings_file) as second:
            second.says("mailbox kominfo: connected")
            city.receive(city.mail())
            city.sink.wait_for(ANSWERS_TO_ONE_MAIL)
            assert (second.stop(), first.stop()) == (0, 0)
    assert len(city.sent(RINA)) == 1


def test_when_the_database_restarts_under_both_each_mailbox_is_served_again_by_one(
    tmp_path: Path, dovecot: Dovecot, sink: Sink
) -> None:
    users = {"kominfo": dovecot.new_user(), "lpse": dovecot.new_user()}
    with Postgres() as postgres:  # its own: others use the common one
        city = City(tmp_path, tables(tmp_path, postgres.url("restarted")), dovecot, sink, users)
        with Daemon(city.settings_file) as first, one_beside(city, first) as second:
            postgres.stop()
            for daemon in (first, second):
                daemon.says("instance: waiting: database:")
            for desk, to in (("kominfo", KOMINFO), ("lpse", LPSE)):
                city.receive(city.mail(to=to, subject=f"Surel {desk} mati"), desk)
            postgres.start()
            city.sink.wait_for(2 * ANSWERS_TO_ONE_MAIL)
            for daemon in (first, second):
                assert daemon.stop() == 0
        assert states(city) == ["decided"] * 2
        assert len(city.sent(RINA)) == 2
        assert [folders(city, desk)[:2] for desk in city.users] == [[0, 1], [0, 1]]


@pytest.mark.timeout(900)
def test_whoever_writes_while_instances_die_side_by_side_gets_one_ticket_and_one_acknowledgement(
    tmp_path: Path, postgres: Postgres, dovecot: Dovecot
) -> None:
    result = hunt_several(tmp_path, dovecot, postgres.url("herd"), instances=2, kills=4, mails=12, seed=3)
    postgres.drop("herd")
    assert is_whole(result), result
    assert not result["deciding_failed"], result
    assert result["workers"] >= 1, "nothing was shown: no process had a reading worker when it died"


# --- for a moment two instances believe that a mailbox is theirs ------------------------------------------


def arrivals(city: City, count: int) -> list[Arrival]:
    raws = {uid: city.mail(f"W <w{uid}@example.go.id>", f"{uid}\n", f"Lapor {uid}") for uid in range(count)}
    now = city.now.astimezone(UTC)
    return [Arrival(uid, now, len(raw), raw, ids.index(raw), False) for uid, raw in raws.items()]


def together(city: City, *works: Callable[[Store], object]) -> None:
    """Each in a process of its own, as far as the database knows; all begin at once."""
    start = threading.Barrier(len(works))

    def one(work: Callable[[Store], object]) -> None:
        with city.store() as store:
            start.wait()
            work(store)

    with ThreadPoolExecutor(len(works)) as pool:
        list(pool.map(one, works))


def test_two_that_read_one_mailbox_at_once_keep_each_mail_once_and_decide_it_once_in_its_order(
    city: City,
) -> None:
    office, found, now = city.office(), arrivals(city, 30), city.now.astimezone(UTC)

    def keep(store: Store) -> None:
        for portion in (found[:7], found[7:20], found[20:]):
            with store.writing() as write:
                mails.keep(write, PLACE, portion, now)

    def think(store: Store) -> None:
        reads = reader(office)
        gateway.think(office, store, reads, office.counters["kominfo"], lambda: now)
        reads.close()

    with city.store() as store:
        upgrade(store)
    together(city, keep, keep)
    together(city, think, think)
    assert states(city) == ["decided"] * 30
    decided = rows(city, "SELECT uid, number FROM mail ORDER BY id")
    assert [(row.uid, row.number) for row in decided] == [(n, f"KOM-2026-{n + 1:06}") for n in range(30)]
    assert [row.n for row in rows(city, "SELECT count(*) AS n FROM outbox GROUP BY template")] == [30, 30]
