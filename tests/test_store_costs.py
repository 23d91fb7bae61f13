"""What does the store ask for one mail, and does it find that however much there is already?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from desk_cast import MONDAY, ticket
from indoors import Indoors, indoors
from sqlalchemy import Connection, event
from store_cast import keep

from mailgate.store import mails, outbox, submission
from mailgate.store.database import Store, upgrade
from mailgate.store.lately import lately
from mailgate.store.submission import Limits, Standing

HOUR = timedelta(hours=1)
KOMINFO, NUMBER = "kominfo", "KOM-2026-000001"
MOST_FOR_A_STRANGER = 12
"""Statements, those that write and the two of the savepoint among them; whoever needs one more raises it."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path / 'mailgate.db'}")
    upgrade(store)
    keep(store, ticket())
    yield store
    store.close()


@contextmanager
def asked_of(store: Store) -> Iterator[list[tuple[str, Any]]]:
    """Statements and what was put into them."""
    found: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, values: Any, _x: object, _many: bool) -> None:
        found.append((statement, values))

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(store.engine, "before_cursor_execute", note)


def ways(store: Store, question: Callable[[Connection], object]) -> list[str]:
    """How SQLite goes through each table for it."""
    with asked_of(store) as found, store.writing() as write:
        question(write)
    with store.reading() as look:
        plans = [
            look.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            for statement, values in found
            if statement.startswith("SELECT")
        ]
    return [row.detail for plan in plans for row in plan if row.detail.startswith(("SEARCH", "SCAN"))]


WAITING = "SEARCH outbox USING INDEX ix_outbox_state_desk_next_at (state=? AND desk=? AND next_at<?)"


def test_mail_that_left_long_ago_does_not_slow_down_what_is_to_leave_now(store: Store) -> None:
    earlier = "ix_outbox_number_recipient_key_seq (number=? AND recipient_key=? AND seq<?)"
    claim = ways(store, lambda write: outbox.claim(write, KOMINFO, "one", MONDAY, 50))
    waits = ways(store, lambda write: submission.automatic_waits(write, KOMINFO, MONDAY))
    assert claim == [WAITING, f"SEARCH earlier USING INDEX {earlier}"]
    assert waits == [WAITING]


def test_a_limit_counts_only_what_left_within_its_window_and_what_is_under_way(store: Store) -> None:
    limits = Limits(per_day=0, automatic_per_hour=100)
    window = "(desk=? AND sent_at>? AND sent_at<?)"
    assert ways(store, lambda write: submission.facts(write, KOMINFO, Standing(), limits, MONDAY)) == [
        f"SEARCH outbox USING COVERING INDEX ix_outbox_desk_sent_at_automatic {window}",
        "SEARCH outbox USING INDEX ix_outbox_state_desk_next_at (state=? AND desk=?)",
    ]


def test_the_brake_of_a_ticket_looks_at_that_ticket_alone_and_not_at_all_mail_of_the_hour(
    store: Store,
) -> None:
    (way,) = ways(store, lambda write: outbox.automatic_on(write, NUMBER, lately(MONDAY, HOUR)))
    assert way == "SEARCH outbox USING INDEX ix_outbox_number_recipient_key_seq (number=?)"


def test_a_backlog_is_not_gone_through_for_each_batch_of_it(store: Store) -> None:
    (way,) = ways(store, lambda write: mails.still_waiting(write, KOMINFO, [1, 2, 3]))
    assert "ix_mail_state_desk_id (state=? AND desk=? AND id=?" in way


def of_strangers(city: Indoors, numbers: range) -> int:
    """Statements for a mail from each of them."""
    for number in numbers:
        head = f"From: warga{number}@rumah{number}.example\r\nSubject: Gangguan {number}\r\n"
        head += f"To: abuse.kominfo@pyk.example.go.id\r\nMessage-ID: <{number}@rumah.example>\r\n"
        city.receive(f"{head}\r\nMohon bantuan.\r\n".encode())
    with city.store() as store, asked_of(store) as found:
        city.run()
    assert len([one for one, _ in found if one.startswith("INSERT INTO ticket")]) == len(numbers)
    return len(found)


def test_most_senders_are_new_and_little_is_asked_about_them() -> None:
    with indoors() as city:
        of_strangers(city, range(1))  # the first ticket of a year
        few, many = of_strangers(city, range(1, 11)), of_strangers(city, range(11, 41))
    assert (many - few) / 20 <= MOST_FOR_A_STRANGER
