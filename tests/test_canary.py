"""Does a desk notice that its mail is lost although every server says that all is well?"""

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest
from city import KOMINFO, LPSE, MONDAY, RINA, City, body
from cli_cast import office as office_of
from daemon import mailgate
from evidence import rows
from indoors import Indoors, indoors
from servers.postgres import Postgres
from servers.sink import Received, Stage
from sqlalchemy import text
from test_alarm import Watchman, running, watching

from mailgate import cli, views
from mailgate.errors import TemporaryError
from mailgate.gateway import canary
from mailgate.store import canaries, turns, unreachable
from mailgate.store.canaries import Canary
from mailgate.store.database import Connection, Store, require_current
from mailgate.store.instances import Instance
from mailgate.store.presence import is_served

EVERY, WITHIN = 60, 15
TIMER = {"canary_every_minutes": EVERY, "canary_within_minutes": WITHIN}


@pytest.fixture
def house() -> Iterator[Indoors]:
    with indoors() as city:
        city.tables["service"] |= TIMER
        yield city


def birds(city: Indoors) -> list[EmailMessage]:
    return [mail for mail in city.sent(KOMINFO) if mail["From"].addresses[0].addr_spec == KOMINFO]


def returned(city: Indoors) -> int:
    with city.store() as store, store.reading() as look:
        return look.scalar(text("SELECT count(*) FROM canary WHERE returned_at IS NOT NULL")) or 0


def sent_state(city: Indoors, state: str) -> None:
    with city.store() as store, store.writing() as write:
        write.execute(text("UPDATE outbox SET state = :state"), {"state": state})


def later(city: Indoors, minutes: int) -> None:
    city.now += timedelta(minutes=minutes)
    city.run()


def handled(city: Indoors) -> list[tuple[str, str]]:
    """(state, reason) of every incoming mail."""
    with city.store() as store, store.reading() as look:
        rows = look.execute(text("SELECT state, reason FROM mail ORDER BY id")).all()
    return [(row.state, row.reason) for row in rows]


def tickets(city: Indoors) -> int:
    with city.store() as store, store.reading() as look:
        return look.scalar(text("SELECT count(*) FROM ticket")) or 0


def test_a_canary_that_comes_back_is_recognised_and_opens_no_ticket(house: Indoors) -> None:
    house.run()
    (bird,) = birds(house)
    assert bird["Auto-Submitted"] == "auto-generated"
    house.receive(bird.as_bytes())
    house.run()
    assert handled(house) == [("decided", "the canary came back")]
    assert (returned(house), tickets(house)) == (1, 0)


def test_a_relay_that_writes_its_own_message_id_does_not_hide_the_canary(house: Indoors) -> None:
    house.run()
    (bird,) = birds(house)
    bird.replace_header("Message-ID", "<rewritten@relay.example>")
    house.receive(bird.as_bytes())
    house.run()
    assert (returned(house), tickets(house)) == (1, 0)


def test_returning_twice_is_harmless(house: Indoors) -> None:
    house.run()
    (bird,) = birds(house)
    house.receive(bird.as_bytes())
    house.run()
    bird.replace_header("Message-ID", "<rewritten@relay.example>")
    house.receive(bird.as_bytes())
    later(house, 1)
    assert [reason for _, reason in handled(house)] == ["the canary came back"] * 2
    with house.store() as store, store.reading() as look:
        assert look.scalar(text("SELECT returned_at FROM canary WHERE desk = 'kominfo'")) == (
            "2026-08-03 02:00:00.000000"
        )


@pytest.mark.parametrize("author", [RINA, f"Help Desk <{LPSE}>", f"{KOMINFO}, {RINA}"])
@pytest.mark.parametrize("by", ["Message-ID", "Ref"])
def test_somebody_else_s_mail_with_its_id_is_no_canary(house: Indoors, author: str, by: str) -> None:
    house.run()
    (bird,) = birds(house)
    own_id = str(bird["Message-ID"])
    house.receive(
        house.mail(author, body(bird), message_id=own_id)
        if by == "Message-ID"
        else house.mail(author, body(bird))
    )
    house.run()
    assert returned(house) == 0


def test_another_mail_of_ours_is_no_canary(house: Indoors) -> None:
    house.receive(house.mail())
    house.run()
    (acknowledged,) = house.sent(RINA)
    acknowledged.replace_header("To", KOMINFO)
    house.receive(acknowledged.as_bytes())
    house.run()
    assert returned(house) == 0


def test_one_desk_s_canary_in_another_desk_s_mailbox_is_not_back(house: Indoors) -> None:
    house.run()
    house.receive(birds(house)[0].as_bytes(), "lpse")
    house.run()
    assert returned(house) == 0


def test_the_timer_writes_one_at_a_time_and_none_behind_one_that_has_not_left(house: Indoors) -> None:
    house.run()
    later(house, EVERY - 1)
    assert len(birds(house)) == 1
    later(house, 5 * EVERY)
    assert len(birds(house)) == 1  # the first still waits in the outbox
    sent_state(house, "sent")
    later(house, 1)
    assert len(birds(house)) == 2


def test_without_a_timer_nobody_writes_to_himself() -> None:
    with indoors() as house:
        house.run()
        later(house, 10_000)
        assert birds(house) == []


def test_two_instances_that_tick_together_write_one(tmp_path: Path, postgres: Postgres) -> None:
    """The second waits for the first, and its own tick may have begun a little earlier."""
    city = office_of(tmp_path, postgres.url("canaries"))
    city.tables["service"] |= TIMER
    office, now = city.office(), MONDAY.astimezone(UTC)
    by_time = partial(canary.by_time, office, counter=office.counters["kominfo"])
    try:
        with city.store() as one, city.store() as other, ThreadPoolExecutor(1) as pool:
            require_current(one)
            with one.writing() as write:
                assert by_time(write, now=now)
                write.execute(text("UPDATE outbox SET state = 'sent'"))
                second = pool.submit(other.written, partial(by_time, now=now - timedelta(seconds=1)))
                while not second.done() and not waits_for_another(write):
                    pass
            assert second.result() is None
        assert rows(city, "SELECT desk FROM canary") == [("kominfo",)]
    finally:
        postgres.drop("canaries")


def waits_for_another(look: Connection) -> bool:
    return bool(look.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_old_canaries_are_forgotten(house: Indoors) -> None:
    house.run()
    sent_state(house, "sent")
    later(house, 31 * 24 * 60)
    with house.store() as store, store.reading() as look:
        assert look.scalar(text("SELECT count(*) FROM canary")) == len(("kominfo", "lpse"))


# --- one that is lost -------------------------------------------------------------------------------------


@pytest.fixture
def watchman() -> Iterator[Watchman]:
    with watching(**TIMER) as found:
        found.city.tables["service"] |= TIMER
        found.city.run()
        found.settle(state="sent")
        with found.store.writing() as write:
            canaries.came_back(write, last(found, "lpse").token, MONDAY)
        yield found


def last(watchman: Watchman, desk: str) -> Canary:
    with watchman.store.reading() as look:
        found = canaries.last_by_time(look, desk)
    assert found is not None
    return found


def back(watchman: Watchman, desk: str) -> None:
    with watchman.store.writing() as write:
        canaries.came_back(write, last(watchman, desk).token, watchman.now)


def test_a_canary_that_is_lost_is_told_by_another_desk_and_by_the_command_and_when_one_is_back(
    watchman: Watchman,
) -> None:
    watchman.look(WITHIN)
    assert watchman.mails() == []
    watchman.look(3)
    assert watchman.mails() == [(LPSE, "[mailgate] Gangguan: canary kominfo", "ready")]
    assert watchman.heard.parts == [("canary kominfo", "begin")]
    assert last(watchman, "kominfo").message_id in " ".join(watchman.heard.all[0]["text"].split())
    assert "canary kominfo" in watchman.pulse.troubles()
    watchman.settle(state="sent")
    back(watchman, "kominfo")
    watchman.look(6)
    assert watchman.heard.parts[1:] == [("canary kominfo", "over")]
    assert "canary kominfo" not in watchman.pulse.troubles()


def test_a_later_one_that_is_lost_too_is_the_same_trouble(watchman: Watchman) -> None:
    watchman.look(WITHIN + 1)
    watchman.settle(state="sent")
    watchman.city.now += timedelta(minutes=EVERY)
    watchman.city.run()
    watchman.settle(state="sent")
    watchman.seconds += 2 * EVERY * 60
    back(watchman, "lpse")
    watchman.look(3)
    assert watchman.heard.parts == [("canary kominfo", "begin")]
    back(watchman, "kominfo")
    watchman.look(6)
    assert watchman.heard.parts == [("canary kominfo", "begin"), ("canary kominfo", "over")]


def test_another_instance_does_not_tell_it_again(watchman: Watchman) -> None:
    watchman.look(WITHIN + 1)
    watchman.kept.memory.path.unlink()  # as on another machine
    watchman.look(30)
    assert [part for part, _ in watchman.heard.parts].count("canary kominfo") == 1


# --- in the morning ---------------------------------------------------------------------------------------


def morning(city: Indoors, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What `mailgate status` says of canaries and of who is not reached, of both desks."""
    with city.store() as store, store.reading() as look:
        for row in views.status_rows(look, city.office().settings, city.now.astimezone(UTC)):
            views.print_status(row)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    return [line for line in lines if line[2:].startswith(("canary", "unreachable", " "))]


def test_in_the_morning_an_admin_sees_that_a_canary_is_back_or_which_one_is_not(
    house: Indoors, capsys: pytest.CaptureFixture[str]
) -> None:
    assert morning(house, capsys) == ["  canary         none back yet"] * 2
    house.run()
    kominfo, lpse = birds(house)[0], house.sent(LPSE)[0]
    house.receive(lpse.as_bytes(), "lpse")
    later(house, WITHIN + 1)
    sent_state(house, "sent")
    lost, where, back = morning(house, capsys)
    assert lost == "! canary         overdue since 08-03 09:15, none back yet:"
    assert where == f"{'':17}{str(kominfo['Message-ID']).strip('<>')}"
    assert back == "  canary         last back 08-03 09:16"
    house.receive(kominfo.as_bytes())
    later(house, 1)
    assert morning(house, capsys)[0] == "  canary         last back 08-03 09:17"


def test_in_the_morning_an_admin_sees_that_none_was_written_all_night(
    house: Indoors, capsys: pytest.CaptureFixture[str]
) -> None:
    house.run()
    house.receive(birds(house)[0].as_bytes())
    later(house, 0)
    sent_state(house, "sent")
    house.now += timedelta(minutes=2 * EVERY + 1)
    assert morning(house, capsys)[0] == (
        "! canary         last back 08-03 09:00, and none was written since: does"
    )


def test_where_no_canary_flies_none_is_spoken_of_and_who_is_not_reached_is_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with indoors() as house:
        assert morning(house, capsys) == []
        with house.store() as store, store.writing() as write:
            unreachable.mark(write, "kominfo", "rina@disdik.example.go.id", "-", "550 no", MONDAY)
        assert morning(house, capsys) == [
            "  unreachable    1 address, mail to it comes back: mailgate blocked list"
        ]
        with house.store() as store, store.reading() as look:
            found = views.status_rows(look, house.office().settings, MONDAY)
        assert [row["unreachable"] for row in found] == [1, 0]


# --- the command ------------------------------------------------------------------------------------------


def come_back(city: City, wanted: threading.Event) -> None:
    """What the city's mail servers do: deliver what is to a desk."""
    seen = 0
    while not wanted.wait(0.02):
        arrived = city.sink.received[seen:]
        seen += len(arrived)
        for one in arrived:
            deliver(city, one)


def deliver(city: City, one: Received) -> None:
    for key, desk in city.tables["desks"].items():
        if one.rcpt_to == (desk["address"],):
            city.dovecot.append(city.users[key], one.data)


def test_asked_for_it_flies_round_and_the_time_is_told(quick_city: City) -> None:
    quick_city.sink.rule(Stage.RCPT, code=550, text="5.7.1 no", recipient=KOMINFO)
    over = threading.Event()
    post = threading.Thread(target=come_back, args=(quick_city, over))
    post.start()
    try:
        with quick_city.store() as store, running(quick_city, store):
            done = mailgate(quick_city.settings_file, "canary", "--wait", "1", "--json")
            refused, back = json.loads(done.stdout)
            assert (done.returncode, refused["returned_at"], refused["state"]) == (1, None, "failed")
            assert "550 5.7.1 no" in refused["last_error"]  # and it was not waited for
            assert back["seconds"] > 0
            done = mailgate(quick_city.settings_file, "canary", "--desk", "lpse", "--wait", "1")
            assert re.fullmatch(r"lpse: back after \d+\.\d s\n", done.stdout)
            assert (done.returncode, done.stderr) == (0, "")
    finally:
        over.set()
        post.join()
    with quick_city.store() as store, store.reading() as look:
        assert look.scalar(text("SELECT count(*) FROM ticket")) == 0
    assert len(quick_city.dovecot.messages(quick_city.users["lpse"], "Mailgate/Diproses")) == 2


def test_without_a_service_nobody_waits_for_what_cannot_leave(
    quick_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.Chosen, "settings", quick_city.settings_file)
    with pytest.raises(TemporaryError, match="no service runs"):  # exit 75
        cli.canary()
    with quick_city.store() as store:
        require_current(store)
    with pytest.raises(TemporaryError, match="no service runs"):
        cli.canary()
    with quick_city.store() as store, store.reading() as look:
        assert look.scalar(text("SELECT count(*) FROM outbox")) == 0


def test_one_that_does_not_come_back_in_time_is_not_back(house: Indoors) -> None:
    with house.store() as store:
        found = cli._awaited(house.office(), store, ["kominfo", "lpse"], timedelta())
    assert [(one.desk, one.returned_at, one.state) for one in found] == [
        ("kominfo", None, "ready"),
        ("lpse", None, "ready"),
    ]
    with house.store() as store, store.reading() as look:  # whoever asked was told: nobody else is
        assert canaries.lost(look, MONDAY + timedelta(days=9999)) == []


def test_a_service_is_seen_whatever_the_database(database_url: str) -> None:
    store, other = Store(database_url), Store(database_url)
    try:
        require_current(store)
        with store.writing() as write:  # what some command does for a moment is no service
            turns.turn(write, "canary of kominfo")
            if not store.is_sqlite:
                assert not is_served(other)
        assert not is_served(other)
        running = Instance(store)
        running.enter()
        assert is_served(other)
        running.leave()
        store.close()
        assert not is_served(other)
    finally:
        store.close()
        other.close()
