"""Promise 9: every due moment fires once, whatever the service or its clock was doing when it came."""

import threading
from collections import Counter as Tally
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_cast
from city import ADMIN, HEAD, RINA, TECHNICIAN, City, address
from evidence import rows
from time_cast import ticket, wib

from mailgate import gateway
from mailgate.desk import escalating
from mailgate.desk.ticket import Status, Ticket
from mailgate.gateway import STORM_FROM
from mailgate.store import tickets as store_tickets
from mailgate.store.database import Store, upgrade

ROWS = [
    {"when": "due in 1 service hour", "do": ["notify holder"]},
    {"when": "unanswered 2 service hours", "do": ["notify admin"]},
    {"when": "overdue 1 service hour", "do": ["notify holder", "notify pimpinan", "set priority 1"]},
]
RECEIVED = wib("2026-08-07 12:30")
DUE = wib("2026-08-07 14:30")
# So a ticket is spoken of at 13:30 (due in), at 14:30 (unanswered) and at 15:30 (overdue) of this Friday.
ONCE = {row["when"]: 1 for row in ROWS}


@contextmanager
def standing(city: City, *, digest: bool = False) -> Iterator[Store]:
    """The desk with these escalations, and its store; the other desk has none."""
    for key, desk in city.tables["desks"].items():
        desk["escalations"] = ROWS if key == "kominfo" else []
        desk["digest"] = digest if key == "kominfo" else False
    with city.store() as store:
        upgrade(store)
        yield store


def kept(city: City, store: Store, many: int = 1, **other: Any) -> None:
    """So many tickets of the admin, each as if its mail had just been decided."""
    facts = {"holder": address(ADMIN), "received_at": RECEIVED, "due_at": DUE} | other
    with store.writing() as write:
        for n in range(1, many + 1):
            number = f"KOM-2026-{n:06}"
            one: Ticket = time_cast.opened(ticket(number, **facts), city.office().counters["kominfo"])
            store_tickets.next_serial(write, "kominfo", 2026)
            store_tickets.open_ticket(write, one, one.received_at)


def tick(city: City, store: Store, at: datetime) -> None:
    gateway.tick(city.office(), store, lambda: at)


def every_hour(city: City, store: Store, start: datetime, end: datetime) -> None:
    while start <= end:
        tick(city, store, start)
        start += timedelta(hours=1)


def fired(city: City) -> dict[str, dict[str, int]]:
    """How often each cause acted, by ticket."""
    found: dict[str, dict[str, int]] = {}
    for row in rows(city, "SELECT number, reason FROM event WHERE what = 'escalation'"):
        tally = found.setdefault(row.number, {})
        when = row.reason.partition(":")[0]
        tally[when] = tally.get(when, 0) + 1
    return found


def mails(city: City) -> dict[tuple[str, str], int]:
    """How many were written, by template and recipient."""
    return dict(Tally((row.template, row.recipient) for row in rows(city, "SELECT * FROM outbox")))


# --- the service was away ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("back", "to_admin"),
    [
        ("2026-08-07 14:00", 3),  # an hour: each in its own time, the first a little late
        ("2026-08-09 21:00", 1),  # a weekend: on Monday morning, all of them in one mail
        ("2026-09-07 09:00", 1),  # a month
    ],
)
def test_what_came_due_while_the_service_was_off_is_told_once_and_in_service_hours(
    city: City, back: str, to_admin: int
) -> None:
    with standing(city) as store:
        kept(city, store, 3)
        tick(city, store, wib("2026-08-07 13:00"))
        assert fired(city) == {}
        every_hour(city, store, wib(back), wib(back) + timedelta(days=4))
    assert fired(city) == {f"KOM-2026-{n:06}": ONCE for n in (1, 2, 3)}
    assert mails(city) == {("reminder", address(ADMIN)): 3 * to_admin, ("reminder", address(HEAD)): 3}
    hours = city.office().counters["kominfo"].calendar
    told_at = {
        datetime.fromisoformat(str(row.created_at)) for row in rows(city, "SELECT created_at FROM outbox")
    }
    assert all(hours.is_open(at.replace(tzinfo=at.tzinfo or UTC)) for at in told_at)


@pytest.mark.parametrize("by", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_clock_that_is_set_makes_nothing_act_twice_or_never(city: City, by: timedelta) -> None:
    with standing(city) as store:
        kept(city, store)
        every_hour(city, store, RECEIVED, wib("2026-08-07 14:30"))
        every_hour(city, store, wib("2026-08-07 14:35") + by, wib("2026-08-07 16:00") + by)
        every_hour(city, store, wib("2026-08-07 14:45"), wib("2026-08-10 12:00"))
    assert fired(city) == {"KOM-2026-000001": ONCE}
    assert mails(city) == {("reminder", address(ADMIN)): 3, ("reminder", address(HEAD)): 1}


def test_a_clock_that_was_wrong_by_a_month_for_a_moment_does_not_repeat_everything(city: City) -> None:
    with standing(city) as store:
        kept(city, store)
        tick(city, store, wib("2026-09-07 09:00"))
        every_hour(city, store, RECEIVED, wib("2026-08-11 12:00"))
    assert fired(city) == {"KOM-2026-000001": ONCE}


def test_one_ticket_on_which_time_cannot_act_holds_up_no_other(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = escalating.acted

    def fails_once(one: Ticket, *rest: Any, **more: Any) -> Any:
        if one.number.endswith("1") and not broken.is_set():
            raise ValueError("no hours")
        return whole(one, *rest, **more)

    broken = threading.Event()
    monkeypatch.setattr(escalating, "acted", fails_once)
    with standing(city) as store:
        kept(city, store, 3)
        tick(city, store, wib("2026-08-07 15:30"))
        assert fired(city) == {f"KOM-2026-{n:06}": ONCE for n in (2, 3)}
        broken.set()
        tick(city, store, wib("2026-08-07 15:59"))
        assert len(fired(city)) == 2  # not in a loop: it is looked at again in an hour
        tick(city, store, wib("2026-08-10 09:00"))
    assert fired(city) == {f"KOM-2026-{n:06}": ONCE for n in (1, 2, 3)}


# --- a storm ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digest", [False, True])
def test_after_a_long_absence_everybody_gets_one_list_and_no_storm(city: City, digest: bool) -> None:
    many = STORM_FROM + 5
    with standing(city, digest=digest) as store:
        kept(city, store, many)
        every_hour(city, store, wib("2026-09-06 20:00"), wib("2026-09-07 15:00"))
    assert fired(city) == {f"KOM-2026-{n:06}": ONCE for n in range(1, many + 1)}
    assert mails(city) == {("digest", address(ADMIN)): 1, ("digest", address(HEAD)): 1}


def test_a_head_finds_in_the_list_what_is_late_in_the_hands_of_others(quick_city: City) -> None:
    city = quick_city
    city.now = wib("2026-09-07 09:00")
    with standing(city) as store:
        kept(city, store, STORM_FROM + 1)
        assert city.run() == 0
    (to_head,) = city.sent(HEAD)
    assert "KOM-2026-000011" in to_head.get_content()


def test_as_many_as_people_can_take_are_told_one_by_one(city: City) -> None:
    with standing(city) as store:
        kept(city, store, STORM_FROM)
        tick(city, store, wib("2026-08-10 09:00"))
    assert mails(city) == {(("reminder", address(who))): STORM_FROM for who in (ADMIN, HEAD)}


def test_tickets_that_silence_closes_are_no_storm(city: City) -> None:
    """A hundred old resolved tickets are closed in one go; the reminder of another is not kept back."""
    with standing(city) as store:
        kept(city, store, STORM_FROM + 1, status=Status.RESOLVED, close_at=DUE, resolved_at=RECEIVED)
        with store.writing() as write:
            one = time_cast.opened(
                ticket("KOM-2026-000099", holder=address(ADMIN), received_at=RECEIVED, due_at=DUE),
                city.office().counters["kominfo"],
            )
            store_tickets.open_ticket(write, one, RECEIVED)
        tick(city, store, wib("2026-08-10 09:00"))
    assert mails(city) == {(("reminder", address(who))): 1 for who in (ADMIN, HEAD)}
    (closed,) = rows(city, "SELECT count(*) AS n FROM ticket WHERE status = 'closed'")
    assert closed.n == STORM_FROM + 1


# --- the morning's list -----------------------------------------------------------------------------------


def test_who_has_something_to_do_gets_the_list_once_a_morning_and_nobody_else_does(city: City) -> None:
    with standing(city, digest=True) as store:
        kept(city, store, due_at=None, first_response_at=RECEIVED)
        tick(city, store, wib("2026-08-06 06:00"))
        assert mails(city) == {}
        seen = []
        for day in ("06", "07", "08", "09", "10"):
            every_hour(city, store, wib(f"2026-08-{day} 00:30"), wib(f"2026-08-{day} 23:30"))
            seen.append(mails(city))
    assert seen == [{("digest", address(ADMIN)): n} for n in (1, 2, 2, 2, 3)]


def test_an_empty_list_is_no_mail(city: City) -> None:
    with standing(city, digest=True) as store:
        every_hour(city, store, wib("2026-08-06 06:30"), wib("2026-08-07 18:30"))
    assert mails(city) == {}


def test_a_desk_that_wants_no_list_gets_none(city: City) -> None:
    with standing(city, digest=False) as store:
        kept(city, store, due_at=None, first_response_at=RECEIVED)
        every_hour(city, store, wib("2026-08-06 06:30"), wib("2026-08-07 18:30"))
    assert mails(city) == {}


def test_a_clock_that_is_set_back_over_the_opening_brings_no_second_list(city: City) -> None:
    with standing(city, digest=True) as store:
        kept(city, store, due_at=None, first_response_at=RECEIVED)
        for at in ("07:30", "06:45", "07:20", "07:45", "08:15"):
            tick(city, store, wib(f"2026-08-06 {at}"))
    assert mails(city) == {("digest", address(ADMIN)): 1}


# --- two at once ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("many", [8, 4 * STORM_FROM])
def test_two_instances_that_look_at_the_same_moment_say_everything_once(city: City, many: int) -> None:
    at, start = wib("2026-08-10 09:00"), threading.Barrier(2)
    with standing(city, digest=True) as store:
        kept(city, store, many)
    office = city.office()

    def let_time_act(_: int) -> None:
        with city.store() as own:  # each in a process of its own, as far as the database knows
            start.wait()
            gateway.tick(office, own, lambda: at)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(let_time_act, range(2)))
    with city.store() as store:
        tick(city, store, at + timedelta(minutes=1))
    assert fired(city) == {f"KOM-2026-{n:06}": ONCE for n in range(1, many + 1)}
    found = mails(city)
    assert found.pop(("digest", address(ADMIN))) == 1
    reminders = {who: found.get(("reminder", address(who)), 0) for who in (ADMIN, HEAD)}
    assert reminders in (
        [{ADMIN: many, HEAD: many}] if many <= STORM_FROM else [dict.fromkeys((ADMIN, HEAD), 0)]
    )
    assert not {who for _, who in found} & {address(TECHNICIAN), address(RINA)}


def test_an_escalation_that_is_added_later_watches_the_tickets_that_are_there(city: City) -> None:
    with standing(city) as store:
        city.tables["desks"]["kominfo"]["escalations"] = []
        kept(city, store)
        tick(city, store, DUE + timedelta(minutes=1))
        assert fired(city) == {}
        city.tables["desks"]["kominfo"]["escalations"] = [
            {"when": "overdue 30 service minutes", "do": ["notify admin"]}
        ]
        for minutes in (10, 40, 50):
            tick(city, store, DUE + timedelta(minutes=minutes))
    assert fired(city) == {"KOM-2026-000001": {"overdue 30 service minutes": 1}}
