"""Does the process do for systemd, signals and monitoring what the unit file relies on?"""

import json
import os
import re
import select
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from city import ADMIN, LPSE, RINA, City
from daemon import Daemon, alive, becomes_healthy, get, mailgate
from servers import private
from servers.sink import Sink, Stage

ANSWERS_TO_ONE_MAIL = 2  # the acknowledgement, and the notification to one admin


def with_metrics(city: City) -> int:
    port = private.free_port()
    city.tables["service"]["metrics"] = f"127.0.0.1:{port}"
    return port


def without_imap_server(city: City, *desks: str) -> None:
    for desk in desks or city.users:
        city.tables["desks"][desk]["imap"]["port"] = 1  # where nobody ever listens


def up(port: int) -> dict[str, float]:
    """mailgate_up by part."""
    _, text = get(port, "/metrics")
    return {part: float(value) for part, value in re.findall(r'mailgate_up{part="(.+)"} (.+)', text)}


def outgoing(city: City) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for state in ("ready", "sending", "deferred", "uncertain", "failed", "sent"):
        rows += json.loads(mailgate(city.settings_file, "outbox", "list", "--state", state, "--json").stdout)
    return rows


@contextmanager
def rude_server(*, silent: bool = False) -> Iterator[tuple[int, threading.Semaphore]]:
    """Its port, and one release for each caller; it hangs up at once, or never says a word."""
    callers = threading.Semaphore(0)
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                if silent:
                    kept.append(connection)
                else:
                    connection.close()
                callers.release()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], callers
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in kept:
        connection.close()


# --- what systemd hears -----------------------------------------------------------------------------------


def test_systemd_hears_that_it_is_ready_that_it_lives_and_that_it_leaves(quick_city: City) -> None:
    with Daemon(quick_city.settings_file, watchdog_seconds=0.2) as daemon:
        daemon.hears("READY=1")
        for _ in range(3):
            daemon.hears("WATCHDOG=1")
        daemon.process.send_signal(signal.SIGTERM)
        daemon.hears("STOPPING=1")  # before its end is waited for: a socket that nobody empties may be full
        assert daemon.process.wait(60) == 0


def test_it_runs_without_systemd_too(quick_city: City) -> None:
    with Daemon(quick_city.settings_file) as daemon:
        daemon.says("running: 2 desks")
        daemon._systemd.close()  # a word that reaches nobody stops no mail
        quick_city.receive(quick_city.mail())
        quick_city.sink.wait_for(ANSWERS_TO_ONE_MAIL)
        assert daemon.stop() == 0


# --- mail -------------------------------------------------------------------------------------------------


def test_a_mail_that_arrives_is_acknowledged_long_before_the_next_poll(quick_city: City) -> None:
    quick_city.tables["desks"]["kominfo"]["imap"]["poll_seconds"] = 3600
    with Daemon(quick_city.settings_file) as daemon:
        daemon.says("mailbox kominfo: connected")
        for count in (1, 2, 3):
            quick_city.receive(
                quick_city.mail(text=f"Ruang {count} tanpa jaringan.", subject=f"Jaringan {count} mati")
            )
            quick_city.sink.wait_for(count * ANSWERS_TO_ONE_MAIL)
        assert daemon.stop() == 0
    assert len(quick_city.sent(RINA)) == 3
    assert len(quick_city.dovecot.messages(quick_city.users["kominfo"], "Mailgate/Diproses")) == 3


def test_it_serves_again_when_the_mail_server_is_back(quick_city: City) -> None:
    port = with_metrics(quick_city)
    with Daemon(quick_city.settings_file) as daemon:
        for desk in quick_city.users:
            daemon.says(f"mailbox {desk}: connected")
        assert becomes_healthy(port)
        quick_city.dovecot.stop()
        for desk in quick_city.users:
            daemon.says(f"mailbox {desk}: waiting")
        assert get(port, "/healthz")[0] == 503
        quick_city.dovecot.start()
        quick_city.receive(quick_city.mail())
        quick_city.sink.wait_for(ANSWERS_TO_ONE_MAIL)
        for desk in quick_city.users:
            daemon.says(f"mailbox {desk}: connected", times=2)
        assert set(up(port).values()) == {1.0}
        assert daemon.stop() == 0
    assert len(quick_city.sent(RINA)) == 1


def test_without_any_mail_server_it_waits_and_monitoring_hears_of_it(quick_city: City) -> None:
    port = with_metrics(quick_city)
    without_imap_server(quick_city)
    with Daemon(quick_city.settings_file) as daemon:
        for desk in quick_city.users:
            line = daemon.says(f"mailbox {desk}: waiting")
            assert f"127.0.0.1:{quick_city.tables['desks'][desk]['imap']['port']}" in line
            assert "Connection refused" in line
        assert [up(port)[f"mailbox {desk}"] for desk in quick_city.users] == [0, 0]
        status, text = get(port, "/healthz")
        assert status == 503
        assert "mailbox lpse: 127.0.0.1" in text
        assert daemon.stop() == 0


def test_trouble_is_told_when_it_begins_and_not_at_every_new_attempt(quick_city: City) -> None:
    with rude_server() as (port, callers):
        quick_city.tables["desks"]["kominfo"]["imap"]["port"] = port
        with Daemon(quick_city.settings_file) as daemon:
            for _ in range(3):
                assert callers.acquire(timeout=60)
            daemon.says("mailbox lpse: connected")  # the other desk is served meanwhile
            assert daemon.stop() == 0
    assert len(daemon.lines("mailbox kominfo: waiting")) == 1


def test_once_serves_the_desks_that_can_be_reached_and_asks_to_be_called_again(quick_city: City) -> None:
    without_imap_server(quick_city, "kominfo")
    quick_city.receive(quick_city.mail(to=LPSE), "lpse")
    done = mailgate(quick_city.settings_file, "run", "--once")
    assert done.returncode == 75
    (trouble,) = [line for line in done.stderr.splitlines() if " ERROR " in line]
    assert "kominfo" in trouble
    assert [mail["From"].addresses[0].addr_spec for mail in quick_city.sent(RINA)] == [LPSE]


@pytest.mark.parametrize("part", ["imap", "smtp"])
def test_a_wrong_password_is_told_with_the_account_it_is_wrong_for(quick_city: City, part: str) -> None:
    wrong = quick_city.base / "wrong"
    wrong.write_text("tebakan")
    wrong.chmod(0o600)
    desk = quick_city.tables["desks"]["kominfo"]
    with Sink(users={"meja@desk.test": "rahasia"}) as sink:
        if part == "smtp":
            desk["smtp"] |= {"port": sink.port, "user": "meja@desk.test"}
        desk[part]["password"] = f"file:{wrong}"
        quick_city.receive(quick_city.mail())
        done = mailgate(quick_city.settings_file, "run", "--once")
    assert done.returncode == 75
    (line,) = [line for line in done.stderr.splitlines() if " ERROR " in line]
    assert desk[part]["user"] in line
    assert "kominfo" in line
    assert "tebakan" not in done.stderr


# --- leaving ----------------------------------------------------------------------------------------------


def test_stopped_in_its_sleep_it_leaves_at_once_and_nothing_of_it_stays(quick_city: City) -> None:
    with Daemon(quick_city.settings_file) as daemon:
        quick_city.receive(quick_city.mail())
        quick_city.sink.wait_for(ANSWERS_TO_ONE_MAIL)
        workers = daemon.children()
        assert workers
        assert daemon.stop() == 0
        assert not any(alive(pid) for pid in workers)
    assert not daemon.lines("Traceback")


def test_killed_it_leaves_no_reading_worker_behind(quick_city: City) -> None:
    with Daemon(quick_city.settings_file) as daemon:
        quick_city.receive(quick_city.mail())
        quick_city.sink.wait_for(ANSWERS_TO_ONE_MAIL)
        (worker,) = daemon.children()
        handle = os.pidfd_open(worker)
        daemon.process.kill()
        ended, _, _ = select.select([handle], [], [], 60)
        os.close(handle)
        assert ended


def test_stopped_with_mail_in_hand_it_leaves_in_time_and_nothing_is_lost_or_doubled(quick_city: City) -> None:
    people = [f"warga{n}@example.go.id" for n in range(150)]
    quick_city.tables["limits"] = {
        "batch_mails": 10,
        "automatic_per_desk_per_hour": 10_000,
        "automatic_per_domain_per_hour": 10_000,
    }
    mails = [quick_city.mail(f"Warga <{address}>", f"Laporan {address}\n") for address in people]
    quick_city.dovecot.append_all(quick_city.users["kominfo"], mails)
    with Daemon(quick_city.settings_file) as daemon:
        quick_city.sink.wait_for(20)
        assert daemon.stop() == 0
    quick_city.now = datetime.now(UTC) + timedelta(hours=1)
    assert quick_city.run() == 0
    assert sorted(one.rcpt_to[0] for one in quick_city.sink.received if "warga" in one.rcpt_to[0]) == sorted(
        people
    )
    assert len(quick_city.sent(ADMIN)) == len(people)


def test_stopped_while_a_server_owes_its_answer_the_mail_is_uncertain_and_sent_again(
    quick_city: City,
) -> None:
    rule = quick_city.sink.rule(
        Stage.DOT, hang=True, drop=True, times=1, recipient="rina@disdik.example.go.id"
    )
    with rude_server(silent=True) as (port, callers):
        quick_city.tables["desks"]["lpse"]["imap"]["port"] = port  # and a mailbox that hangs as well
        with Daemon(quick_city.settings_file) as daemon:
            quick_city.receive(quick_city.mail())
            quick_city.sink.wait_for_hit(rule)
            assert callers.acquire(timeout=60)
            assert daemon.stop() == 0
    rule.release()
    rows = {row["template"]: row for row in outgoing(quick_city)}
    assert {name: row["state"] for name, row in rows.items()} == {
        "acknowledgement": "uncertain",
        "notification": "ready",
    }
    quick_city.tables["desks"]["lpse"]["imap"]["port"] = quick_city.dovecot.port
    quick_city.now = datetime.now(UTC) + timedelta(hours=1)
    assert quick_city.run() == 0
    assert [mail["Message-ID"].strip("<>") for mail in quick_city.sent(RINA)] == [
        rows["acknowledgement"]["message_id"]
    ]


def test_ctrl_c_leaves_like_a_stop(quick_city: City) -> None:
    with Daemon(quick_city.settings_file) as daemon:
        daemon.says("mailbox kominfo: connected")
        assert daemon.stop(signal.SIGINT) == 0
    assert not daemon.lines("Traceback")


# --- one at a time, and drills ----------------------------------------------------------------------------


def test_a_second_service_on_one_sqlite_file_is_turned_away(quick_city: City) -> None:
    with_metrics(quick_city)
    with Daemon(quick_city.settings_file) as daemon:
        daemon.says("running: 2 desks")
        for how in (["run"], ["run", "--once"]):
            done = mailgate(quick_city.settings_file, *how)
            assert done.returncode == 75
            assert done.stderr == "another mailgate is running on this database; only one may\n"
        quick_city.receive(quick_city.mail())
        quick_city.sink.wait_for(ANSWERS_TO_ONE_MAIL)
        assert daemon.stop() == 0
    assert mailgate(quick_city.settings_file, "run", "--once").returncode == 0


def test_a_taken_metrics_port_is_told_with_its_key(quick_city: City) -> None:
    port = with_metrics(quick_city)
    with socket.create_server(("127.0.0.1", port)):
        done = mailgate(quick_city.settings_file, "run")
    assert done.returncode == 2
    assert f"service.metrics: cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_drill_records_its_own_moment_and_cannot_go_back_in_time(quick_city: City) -> None:
    quick_city.receive(quick_city.mail())
    moment = "2026-08-03T09:12:00+07:00"
    assert mailgate(quick_city.settings_file, "run", "--once", "--now", moment).returncode == 0
    shown = json.loads(mailgate(quick_city.settings_file, "show", "KOM-2026-000001", "--json").stdout)
    recorded = {event["at"] for event in shown["events"]} | {mail["sent_at"] for mail in shown["outgoing"]}
    assert recorded == {moment}
    assert shown["received_at"] == "2026-08-03T09:00:00+07:00"
    back = mailgate(quick_city.settings_file, "run", "--once", "--now", "2026-08-03T09:11:59")
    assert back.returncode == 2
    assert "earlier than the last recorded event" in back.stderr
    again = mailgate(quick_city.settings_file, "run", "--once", "--now", "2026-08-03T09:12")
    assert again.returncode == 0
    alone = mailgate(quick_city.settings_file, "run", "--now", moment)
    assert alone.returncode == 2
    assert "--once" in alone.stderr
