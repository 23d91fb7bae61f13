"""Promise 3: ticket, history and outgoing mail come together or not at all, and nobody overwrites anybody."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from city import ADMIN, KOMINFO, LPSE, RINA, City, body
from evidence import folders, mailgate, open_mailbox, rows, states, templates_sent, tickets
from sqlalchemy import text

from mailgate import gateway
from mailgate.errors import TemporaryError
from mailgate.gateway import collecting, thinking
from mailgate.service import EX_TEMPFAIL, reader
from mailgate.store import outbox, record
from mailgate.store import tickets as store_tickets

TABLES = ("ticket", "message", "event", "link", "outbox")


@contextmanager
def _broken_template(city: City, name: str = "notification.body.txt") -> Iterator[None]:
    """An office's own template that fails while it is rendered."""
    own = city.base / "templates" / "id"
    own.mkdir(parents=True)
    city.tables["service"]["templates"] = str(own.parent)
    (own / name).write_text("{{ ticket.tidak_ada }}")
    yield
    (own / name).unlink()


def _rows_in_all_tables(city: City) -> dict[str, int]:
    return {name: rows(city, f"SELECT count(*) AS n FROM {name}")[0].n for name in TABLES}


def test_a_template_that_fails_leaves_nothing_half_done_and_the_mail_waits_for_its_repair(city: City) -> None:
    with _broken_template(city):
        city.receive(city.mail())
        city.receive(city.mail("<budi@warga.example>", subject="lain"), "lpse")
        assert city.run() == 0
        assert {name: n for name, n in _rows_in_all_tables(city).items() if n} == {"outbox": len(city.sent())}
        assert RINA not in {str(mail["To"]) for mail in city.sent()}
        assert states(city) == ["aside", "aside"]
        assert folders(city) == [0, 0, 1]

    assert mailgate(city, "aside", "replay", "--all").returncode == 0
    assert city.run() == 0
    assert [ticket["number"] for ticket in tickets(city)] == ["KOM-2026-000001", "LPSE-2026-000001"]
    assert len(city.sent(RINA)) == 1


def test_a_mail_that_cannot_be_decided_uses_up_no_number_and_holds_up_nobody(quick_city: City) -> None:
    with _broken_template(quick_city, "reopened.body.txt"):
        notification = quick_city.new_ticket()
        quick_city.receive(quick_city.answer(notification, ADMIN, "#selesai\nSudah."))
        assert quick_city.run() == 0
        resolution = quick_city.sent(RINA)[-1]
        quick_city.receive(quick_city.answer(resolution, RINA, "Masih belum bisa."))
        quick_city.receive(quick_city.mail("<budi@warga.example>", subject="lain"))
        assert quick_city.run() == 0
    assert states(quick_city)[-2:] == ["aside", "decided"]
    assert [(ticket["number"], ticket["status"]) for ticket in tickets(quick_city)] == [
        ("KOM-2026-000001", "resolved"),
        ("KOM-2026-000002", "new"),
    ]


def test_a_failure_between_ticket_and_outgoing_mail_leaves_neither(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.receive(city.mail())

    def fails(*_arguments: object) -> None:
        raise TemporaryError("the disk is full")

    with monkeypatch.context() as trouble:
        trouble.setattr(outbox, "add", fails)
        trouble.setattr(thinking, "passes_by_itself", lambda error: isinstance(error, TemporaryError))
        assert city.run() == EX_TEMPFAIL
    assert set(_rows_in_all_tables(city).values()) == {0}
    assert states(city) == ["kept"]
    assert city.run() == 0
    assert templates_sent(city) == ["acknowledgement", "notification"]
    assert record.outbox is outbox  # the fault above was where it was meant to be


def test_every_mail_written_has_its_event_and_its_ticket(city: City) -> None:
    notification = city.new_ticket()
    city.receive(city.answer(notification, ADMIN, "#selesai\nKabel sudah diganti."))
    assert city.run() == 0
    strays = rows(
        city, "SELECT seq FROM outbox WHERE number IS NULL OR number NOT IN (SELECT number FROM ticket)"
    )
    assert strays == []
    (ticket,) = tickets(city)
    assert ticket["status"] == "resolved"
    assert {one["template"] for one in ticket["outgoing"]} == {
        "acknowledgement",
        "notification",
        "resolution",
        "receipt",
    }


def test_two_decisions_on_one_ticket_at_once_never_overwrite_each_other(city: City) -> None:
    city.new_ticket()
    start = threading.Barrier(4)

    def reopen_ten_times(_: int) -> None:
        with city.store() as store:  # each in a process of its own, as far as the database knows
            start.wait()
            for _ in range(10):
                with store.writing() as write:
                    found = store_tickets.locked(write, ["KOM-2026-000001"])["KOM-2026-000001"]
                    store_tickets.save(write, replace(found, reopened=found.reopened + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(reopen_ten_times, range(4)))
    assert tickets(city)[0]["reopened"] == 40


def test_a_ticket_is_not_closed_by_time_while_its_requester_opens_it_again(city: City) -> None:
    notification = city.new_ticket()
    city.receive(city.answer(notification, ADMIN, "#selesai\nSudah."))
    assert city.run() == 0
    city.receive(city.answer(city.sent(RINA)[-1], RINA, "Masih belum bisa."))
    city.now += timedelta(days=30)
    office = city.office()
    start = threading.Barrier(2)

    def clock() -> Any:
        return city.now.astimezone(UTC)

    def write_again() -> None:
        with city.store() as store, open_mailbox(city) as mailbox, reader(office) as reads:
            start.wait()
            gateway.collect(office, store, mailbox, reads, "kominfo", clock)

    def let_time_act() -> None:
        with city.store() as store:
            start.wait()
            gateway.tick(office, store, clock)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(write_again), pool.submit(let_time_act)]:
            done.result()
    (ticket,) = tickets(city)
    happened = [event["what"] for event in ticket["events"]]
    assert ticket["status"] == "open", happened
    assert ticket["closed_at"] is None
    assert ticket["reopened"] == 1


def test_a_mail_decided_by_two_at_once_has_one_effect_and_is_not_set_aside(city: City) -> None:
    """Two services on one database are refused; should it happen all the same, people hear once."""
    assert city.run() == 0
    for n in range(3):
        city.receive(city.mail(f"<w{n}@warga.example>", subject=f"laporan {n}"))
    office = city.office()
    with pytest.MonkeyPatch.context() as later:
        later.setattr(collecting, "think", lambda *_: 0)
        with city.store() as store, open_mailbox(city) as mailbox, reader(office) as reads:
            gateway.collect(office, store, mailbox, reads, "kominfo", lambda: city.now.astimezone(UTC))
    start = threading.Barrier(2)

    def think(_: int) -> None:
        with city.store() as store, reader(office) as reads:
            reads.read(city.mail())  # warm, so that both begin together
            start.wait()
            gateway.think(office, store, reads, office.counters["kominfo"], lambda: city.now.astimezone(UTC))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(think, range(2)))
    assert states(city) == ["decided"] * 3
    assert len(tickets(city)) == 3
    assert templates_sent(city) == ["acknowledgement", "notification"] * 3


def test_a_mail_to_both_desks_is_linked_and_acknowledged_once_however_they_interleave(city: City) -> None:
    for n in range(4):
        raw = city.mail(f"<w{n}@warga.example>", subject=f"laporan {n}", to=f"{LPSE}, {KOMINFO}")
        city.receive(raw)
        city.receive(raw, "lpse")
    assert city.run() == 0
    found = tickets(city)
    assert len(found) == 8
    assert [len(ticket["links"]) for ticket in found] == [1] * 8
    for n in range(4):
        (acknowledgement,) = city.sent(f"w{n}@warga.example")
        assert "LPSE-2026" in acknowledgement["Subject"]


def test_the_history_of_a_ticket_stands_in_the_order_in_which_it_was_decided(city: City) -> None:
    notification = city.new_ticket()
    for words in ("satu", "dua", "tiga"):
        city.receive(city.answer(notification, ADMIN, f"Jawaban {words}."))
    assert city.run() == 0
    relayed = [body(mail) for mail in city.sent(RINA)[1:]]
    assert [next(w for w in ("satu", "dua", "tiga") if f"Jawaban {w}." in one) for one in relayed] == [
        "satu",
        "dua",
        "tiga",
    ]
    with city.store() as store, store.reading() as look:
        assert look.scalar(text("SELECT count(*) FROM event WHERE what = 'replied'")) == 3
