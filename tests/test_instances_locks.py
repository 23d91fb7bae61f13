"""Does each mailbox have one holder, and is a dead one told from a living one?"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from servers.postgres import Postgres
from sqlalchemy import text
from store_cast import NOW

from mailgate.store import alerts
from mailgate.store.database import Store, require_current, upgrade
from mailgate.store.instances import AlreadyRunningError, Instance, holders

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
    """What a restart of the server does to everybody else."""
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()"
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
            if alerts.last(write, "kominfo", "set_aside") is not None:
                return False
            alerts.told(write, "kominfo", "set_aside", NOW)
            return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(alert, stores[:2])) == [False, True]
