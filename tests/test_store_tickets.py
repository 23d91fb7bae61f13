"""Is a ticket number given once, and a ticket found again as it was written?"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
from desk_cast import MONDAY as NOW
from desk_cast import ticket
from store_cast import keep

from mailgate.desk.ticket import Status
from mailgate.errors import TemporaryError
from mailgate.store import tickets
from mailgate.store.database import Connection, Store
from mailgate.store.tickets import Wanted


def open_next(store: Store, year: int = 2026, desk: str = "kominfo") -> str:
    with store.writing() as write:
        number = f"{desk.upper()}-{year}-{tickets.next_serial(write, desk, year):06}"
        tickets.open_ticket(write, ticket(number, desk=desk), NOW)
    return number


def test_no_two_tickets_get_one_number_however_many_open_them(database_url: str, store: Store) -> None:
    stores = [store, *(Store(database_url) for _ in range(3))]
    gate = threading.Barrier(len(stores))

    def several(place: int) -> list[str]:
        gate.wait()
        return [open_next(stores[place]) for _ in range(8)]

    with ThreadPoolExecutor(len(stores)) as pool:
        given = [number for some in pool.map(several, range(len(stores))) for number in some]
    for one in stores[1:]:
        one.close()
    assert sorted(given) == [f"KOMINFO-2026-{serial:06}" for serial in range(1, 33)]


def test_whoever_finds_every_connection_in_use_tries_again_later(store: Store) -> None:
    store.engine.pool._timeout = 0.01  # type: ignore[attr-defined]  # instead of 30 s
    with ExitStack() as busy:

        def another() -> Connection:
            return busy.enter_context(store.reading())

        with pytest.raises(TemporaryError, match="QueuePool limit"):
            list(iter(another, None))


def test_a_number_is_not_given_again_when_its_ticket_is_gone(store: Store) -> None:
    assert [open_next(store), open_next(store)] == ["KOMINFO-2026-000001", "KOMINFO-2026-000002"]
    with store.writing() as write:
        write.exec_driver_sql("DELETE FROM ticket WHERE number = 'KOMINFO-2026-000002'")
    assert open_next(store) == "KOMINFO-2026-000003"


def test_a_decision_that_was_rolled_back_uses_up_no_number(store: Store) -> None:
    def fail() -> None:
        with store.writing() as write:
            tickets.next_serial(write, "kominfo", 2026)
            tickets.open_ticket(write, ticket("KOMINFO-2026-000001"), NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert open_next(store) == "KOMINFO-2026-000001"


def test_each_desk_and_year_counts_from_one(store: Store) -> None:
    numbers = [open_next(store), open_next(store, 2027), open_next(store, desk="lpse"), open_next(store)]
    assert numbers == [
        "KOMINFO-2026-000001",
        "KOMINFO-2027-000001",
        "LPSE-2026-000001",
        "KOMINFO-2026-000002",
    ]


def test_a_ticket_comes_back_as_it_was_written(store: Store) -> None:
    keep(store, ticket())
    changed = ticket(
        status=Status.RESOLVED,
        holder="admin1@pyk.example.go.id",
        resolved_at=NOW + timedelta(minutes=3),
        close_at=NOW + timedelta(days=5),
        reopened=2,
    )
    with store.writing() as write:
        tickets.save(write, changed)
    with store.reading() as look:
        assert tickets.get(look, "KOM-2026-000001") == changed
        assert tickets.get(look, "KOM-2026-000002") is None


def test_a_list_is_narrowed_to_what_was_asked_for(store: Store) -> None:
    day = timedelta(days=1)
    rows = [
        ticket("KOM-2026-000001", status=Status.CLOSED, resolved_at=NOW, received_at=NOW - 2 * day),
        ticket("KOM-2026-000002", holder="Admin1@pyk.example.go.id", due_at=NOW - day, received_at=NOW - day),
        ticket("KOM-2026-000003", due_at=NOW + day),
        ticket("LPSE-2026-000001", desk="lpse", due_at=NOW - day, resolved_at=NOW, status=Status.RESOLVED),
    ]
    keep(store, *rows)

    def found(**wanted: object) -> list[str]:
        with store.reading() as look:
            return [one.number for one in tickets.listed(look, Wanted(**wanted))]  # type: ignore[arg-type]  # mixed

    k1, k2, k3, l1 = (row.number for row in rows)
    assert found() == [k2, k3, k1, l1]  # unfinished first, then by arrival
    assert found(desk="lpse") == [l1]
    assert found(status="closed") == [k1]
    assert found(holder="admin1@PYK.example.go.id") == [k2]
    assert found(overdue_at=NOW) == [k2]
    assert found(since=NOW) == [k3, l1]
    assert found(desk="kominfo", since=NOW - day, overdue_at=NOW + 2 * day) == [k2, k3]
