"""Does each mailbox have one holder, and is a dead one told from a living one?"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
from desk_cast import MONDAY as NOW
from servers import private
from servers.postgres import Postgres
from sqlalchemy import text

from mailgate.outbox.retry import Attempt, Deferred, Sent
from mailgate.service import enter, settle_gone
from mailgate.store import alerts, instances, outbox, unreachable
from mailgate.store.database import Store, require_current, upgrade
from mailgate.store.instances import AlreadyRunningError, Instance, holders
from mailgate.store.outbox import Claimed, Composed

RINA = "rina@disdik.example.go.id"
DESKS = ("kominfo", "lpse")


@pytest.fixture
def stores(postgres: Postgres) -> Iterator[list[Store]]:
    """The same database, as three processes have it."""
    url = postgres.url("instances")
    with ExitStack() as stack:
        found = [Store(url) for _ in range(3)]
        for store in found:
            stack.callback(store.close)
        yield found
    postgres.drop("instances")


def end_sessions(store: Store) -> None:
    """What a restart of the server does to everybody else; they are gone when it returns."""
    others = text(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE pid != pg_backend_pid()"
        " AND datname = current_database()"
    )
    with store.writing() as write:
        write.execute(others)


def test_a_mailbox_has_one_holder_and_another_one_after_it(stores: list[Store]) -> None:
    first, second = Instance(stores[0]), Instance(stores[1])
    first.enter()
    second.enter()
    assert first.hold("kominfo")
    assert first.hold("kominfo")
    assert not second.hold("kominfo")
    assert second.hold("lpse")
    with stores[2].reading() as look:
        assert holders(look, (*DESKS, "other")) == {"kominfo": first.name, "lpse": second.name}
    first.release("kominfo")
    assert not first.holds("kominfo")
    assert second.hold("kominfo")
    second.leave()
    assert first.hold("kominfo")
    assert first.hold("lpse")
    first.leave()


def test_whoever_the_database_forgot_stops_and_the_next_to_ask_has_the_mailbox(stores: list[Store]) -> None:
    first, second = Instance(stores[0]), Instance(stores[1])
    assert first.hold("kominfo")
    end_sessions(stores[2])
    assert second.hold("kominfo")
    assert not first.holds("kominfo")
    assert not first.believes_to_hold("kominfo")
    assert not first.hold("kominfo")
    assert not first.is_lost  # it asked, and so it is known again
    first.leave()
    second.leave()


def test_on_sqlite_a_second_one_is_refused_in_one_clear_line(tmp_path) -> None:
    stores = [Store(f"sqlite:///{tmp_path}/mailgate.db") for _ in range(2)]
    upgrade(stores[0])
    first, second = (Instance(store) for store in stores)
    first.enter()
    assert first.hold("kominfo")
    with pytest.raises(AlreadyRunningError, match=r"^another mailgate is running on this database; only one"):
        second.enter()
    for store in stores:
        store.close()


def test_of_the_claims_only_those_of_the_dead_are_settled(stores: list[Store]) -> None:
    living, other = Instance(stores[0]), Instance(stores[1])
    living.enter()
    other.enter()
    names = [living.name, other.name, "elsewhere:1:gone"]
    assert all(len(name) <= 50 for name in names)  # outbox.claimed_by has room for 64
    with stores[2].writing() as write:
        assert other.gone(write, names) == {"elsewhere:1:gone"}
    living.leave()
    with stores[2].writing() as write:
        assert other.gone(write, names) == {living.name, "elsewhere:1:gone"}
    other.leave()


def test_two_that_start_on_an_empty_database_make_one_schema(stores: list[Store]) -> None:
    start = threading.Barrier(2)

    def enter(store: Store) -> None:
        start.wait()
        require_current(store)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(enter, stores[:2]))


def test_two_that_alert_for_the_first_time_alert_once(stores: list[Store]) -> None:
    upgrade(stores[0])
    start = threading.Barrier(2)

    def alert(store: Store) -> bool:
        start.wait()
        with store.writing() as write:
            if alerts.last(write, "kominfo", "set_aside", NOW) is not None:
                return False
            alerts.told(write, "kominfo", "set_aside", NOW)
            return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(alert, stores[:2])) == [False, True]


def test_of_two_that_hear_at_once_that_mail_comes_back_neither_forgets_to_tell_staff(
    stores: list[Store],
) -> None:
    upgrade(stores[0])

    def hear(store: Store) -> None:
        with store.writing() as write:
            unreachable.mark(write, "kominfo", RINA, "second", "5.1.1", NOW)

    with ThreadPoolExecutor(1) as pool:
        with stores[0].writing() as write:
            unreachable.mark(write, "kominfo", RINA, "first", "5.1.1", NOW)
            other = pool.submit(hear, stores[1])
            wait_until_somebody_waits(stores[2])
        other.result(private.PATIENCE)
    with stores[0].reading() as look:
        assert [row.token for row in unreachable.listed(look, "kominfo")] == ["first"]


def wait_until_somebody_waits(store: Store) -> None:
    until = time.monotonic() + private.PATIENCE
    with store.session() as look:
        while not look.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            assert time.monotonic() < until


def add(store: Store, token: str) -> None:
    mail = Composed(
        token, "kominfo", None, None, "reply", "requester", False, RINA, RINA, f"{token}@x", b"raw"
    )
    with store.writing() as write:
        outbox.add(write, [mail], NOW)


def claim(store: Store, instance: Instance) -> Claimed:
    """One mail, DATA begun."""
    with store.writing() as write:
        (one,) = outbox.claim(write, "kominfo", instance.name, NOW, 50)
        assert outbox.begin_data(write, one.seq, instance.name, NOW)
    return one


def settle(store: Store, one: Claimed, attempt: Attempt, instance: Instance) -> bool:
    with store.writing() as write:
        return outbox.settle(write, one.seq, attempt, NOW, instance.name)


def state(store: Store) -> str:
    with store.reading() as look:
        (found,) = outbox.counts(look)
    return found[1]


def test_the_mail_of_a_dead_instance_is_settled_at_the_second_look_and_that_of_a_living_one_never(
    stores: list[Store],
) -> None:
    upgrade(stores[0])
    sender, other = Instance(stores[0]), Instance(stores[1])
    sender.enter()
    other.enter()
    add(stores[0], "a")
    claim(stores[0], sender)
    gone = frozenset[str]()
    for _ in range(3):
        gone = settle_gone(stores[1], other, lambda: NOW, gone)
        assert (gone, state(stores[1])) == (frozenset(), "sending")
    sender.leave()
    gone = settle_gone(stores[1], other, lambda: NOW, gone)
    assert (gone, state(stores[1])) == ({sender.name}, "sending")  # a restarted database forgets the living
    settle_gone(stores[1], other, lambda: NOW, gone)
    assert state(stores[1]) == "uncertain"
    other.leave()


def test_a_new_instance_settles_what_a_dead_one_left_before_it_does_anything_else(
    stores: list[Store],
) -> None:
    upgrade(stores[0])
    dead = Instance(stores[0])
    add(stores[0], "a")
    claim(stores[0], dead)
    new = Instance(stores[1])
    enter(stores[1], new, lambda: NOW)
    assert state(stores[1]) == "uncertain"
    new.leave()


def test_a_new_instance_beside_a_database_that_was_started_anew_takes_nobody_for_dead_who_comes_back(
    stores: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(stores[0])
    living, new = Instance(stores[0]), Instance(stores[1])
    add(stores[0], "a")
    claim(stores[0], living)
    monkeypatch.setattr(instances, "KNOWN_AGAIN_AFTER", 1e9)  # this server's start is not long ago then
    waited = []

    def comes_back(seconds: float) -> None:
        waited.append(seconds)
        living.enter()

    monkeypatch.setattr("mailgate.service.time.sleep", comes_back)
    enter(stores[1], new, lambda: NOW)
    assert (len(waited), state(stores[1])) == (1, "sending")
    living.leave()
    new.leave()


def test_whoever_was_taken_for_dead_too_early_disturbs_nobody_and_its_yes_still_counts(
    stores: list[Store],
) -> None:
    upgrade(stores[0])
    early, other = Instance(stores[0]), Instance(stores[1])
    add(stores[0], "a")
    one = claim(stores[0], early)
    with stores[1].writing() as write:
        outbox.recover(write, NOW, alone=False, gone=[early.name])
        outbox.retry(write, None, NOW)
    claim(stores[1], other)
    later = NOW + timedelta(hours=1)
    assert not settle(stores[0], one, Deferred("busy", later), early)
    assert state(stores[0]) == "sending"  # still the other's
    assert settle(stores[0], one, Sent("250 taken"), early)
    assert not settle(stores[1], one, Deferred("busy", later), other)
    assert state(stores[0]) == "sent"
