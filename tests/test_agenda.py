"""What does a member of the staff find on the morning's list?"""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from time_cast import ADMIN_1, ADMIN_2, HEAD, OTHER_TECHNICIAN, TECHNICIAN, counter, ticket, wib

from mailgate.desk.agenda import MOST, agenda, morning
from mailgate.desk.decision import Agenda, DigestSent, Send, Template
from mailgate.desk.ticket import Status, Ticket
from mailgate.settings import Staff

NOW = wib("2026-08-05 07:30")
DESK = counter()
LISTS = ("overdue", "due_today", "mine", "waiting", "unheld")


def person(address: str) -> Staff:
    found = DESK.desk.staff_by_address(address)
    assert found is not None
    return found


def of(address: str, *some: Ticket, junk: int = 0, of_all: bool = False) -> Agenda:
    return agenda(person(address), some, NOW, DESK, junk, of_all=of_all)


def placed(found: Agenda) -> dict[str, list[str]]:
    """Where each ticket stands, by its number."""
    lists = {name: [one.number for one in getattr(found, name)] for name in LISTS}
    return {name: numbers for name, numbers in lists.items() if numbers}


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"due_at": wib("2026-08-04 10:00")}, "overdue"),
        ({"due_at": wib("2026-08-05 07:29")}, "overdue"),
        ({"due_at": NOW}, "due_today"),
        ({"due_at": wib("2026-08-05 23:59")}, "due_today"),
        ({"promised_due_at": wib("2026-08-05 10:00")}, "due_today"),
        ({"due_at": wib("2026-08-06 00:00")}, "mine"),
        ({}, "mine"),
        ({"status": Status.PENDING, "due_at": wib("2026-08-04 10:00")}, "waiting"),
        ({"holder": None}, "unheld"),
        ({"holder": None, "due_at": wib("2026-08-04 10:00")}, "unheld"),
        ({"holder": None, "level": 1}, None),
        ({"holder": ADMIN_2}, None),
        ({"holder": ADMIN_2, "due_at": wib("2026-08-04 10:00")}, None),
    ],
)
def test_a_ticket_stands_in_one_list_only_and_in_the_one_that_is_most_pressing(
    fields: dict[str, Any], where: str | None
) -> None:
    assert placed(of(ADMIN_1, ticket(**fields))) == ({where: ["KOM-2026-000001"]} if where else {})


def test_today_is_the_day_in_payakumbuh() -> None:
    """At 23:30 UTC it is tomorrow there."""
    early = ticket(due_at=wib("2026-08-05 06:30"))
    assert agenda(person(ADMIN_1), [early], wib("2026-08-05 06:00"), DESK).due_today == (early,)


def test_unheld_tickets_of_a_category_are_for_its_technician_only() -> None:
    unheld = ticket(holder=None, level=1, category="infrastruktur")
    assert of(TECHNICIAN, unheld).unheld == (unheld,)
    assert of(OTHER_TECHNICIAN, unheld).empty
    undecided = ticket(holder=None, level=1)
    assert of(OTHER_TECHNICIAN, undecided).unheld == (undecided,)


@pytest.mark.parametrize(("address", "sees"), [(ADMIN_1, True), (HEAD, True), (TECHNICIAN, False)])
def test_complaints_about_the_service_are_listed_to_those_who_lead_only(address: str, sees: bool) -> None:
    complaint = ticket(holder=address, confidential=True)
    assert of(address, complaint).empty is not sees


def test_what_is_pressing_comes_in_the_order_in_which_it_is_due() -> None:
    some = [ticket(f"KOM-2026-00000{n}", due_at=wib(f"2026-08-0{n} 10:00")) for n in (1, 2, 3)]
    assert [one.number[-1] for one in of(ADMIN_1, *some).overdue] == ["1", "2", "3"]


def test_a_list_that_nobody_would_read_to_its_end_is_cut_and_says_so() -> None:
    waiting = [ticket(f"KOM-2026-0001{n:02}", status=Status.PENDING) for n in range(10)]
    unheld = [ticket(f"KOM-2026-0002{n:02}", holder=None) for n in range(30)]
    late = [ticket(f"KOM-2026-0003{n:02}", due_at=wib("2026-08-04 10:00")) for n in range(9)]
    found = of(ADMIN_1, *waiting, *unheld, *late)
    assert [len(getattr(found, name)) for name in LISTS] == [9, 0, 0, 1, 30]
    assert (MOST, found.left_out) == (40, 9)


def test_the_junk_folder_is_the_front_lines() -> None:
    assert of(ADMIN_1, junk=7).junk == 7
    assert of(TECHNICIAN, junk=7).empty
    assert of(HEAD, junk=7).empty


@pytest.mark.parametrize(
    ("fields", "listed"),
    [
        ({"holder": TECHNICIAN, "level": 1, "due_at": wib("2026-08-04 10:00")}, True),
        ({"holder": None, "due_at": wib("2026-08-04 10:00")}, True),
        ({"holder": TECHNICIAN, "level": 1, "due_at": wib("2026-08-06 10:00")}, False),
        ({"holder": TECHNICIAN, "level": 1}, False),
    ],
)
def test_a_head_from_whom_reminders_were_kept_back_finds_what_is_late_in_the_hands_of_others(
    fields: dict[str, Any], listed: bool
) -> None:
    assert of(HEAD, ticket(**fields)).empty
    assert of(HEAD, ticket(**fields), of_all=True).empty is not listed


def test_the_list_is_a_mail_of_its_own_and_an_empty_one_is_none() -> None:
    full, empty = (
        morning(person(ADMIN_1), of(ADMIN_1, *some), NOW, DESK).effects for some in ([ticket()], [])
    )
    day = DigestSent(ADMIN_1, NOW.astimezone(DESK.calendar.zone).date())
    assert empty == (day,)
    sent, mail = full
    assert sent == day
    assert isinstance(mail, Send)
    assert (mail.template, mail.to.address, mail.in_reply_to) == (Template.DIGEST, ADMIN_1, None)


SOME = st.lists(
    st.builds(
        ticket,
        status=st.sampled_from([Status.NEW, Status.OPEN, Status.PENDING]),
        holder=st.sampled_from([None, ADMIN_1, TECHNICIAN]),
        level=st.integers(0, 2),
        category=st.sampled_from([None, "aplikasi"]),
        confidential=st.booleans(),
        due_at=st.sampled_from(
            [None, wib("2026-08-04 10:00"), wib("2026-08-05 10:00"), wib("2026-08-09 10:00")]
        ),
    ),
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(some=SOME, address=st.sampled_from([ADMIN_1, TECHNICIAN, HEAD]), of_all=st.booleans())
def test_no_ticket_is_listed_twice_or_dropped_without_being_counted(
    some: Sequence[Ticket], address: str, of_all: bool
) -> None:
    some = [ticket(f"KOM-2026-{n:06}", **_facts(one)) for n, one in enumerate(some, 1)]
    found = of(address, *some, of_all=of_all)
    numbers = [number for some_numbers in placed(found).values() for number in some_numbers]
    own = [one for one in some if one.holder == address and (not one.confidential or address != TECHNICIAN)]
    assert len(numbers) == len(set(numbers)) <= MOST
    assert len(numbers) + found.left_out >= len(own)
    assert found.left_out == 0 or len(numbers) == MOST


def _facts(one: Ticket) -> dict[str, Any]:
    names = ("status", "holder", "level", "category", "confidential", "due_at")
    return {name: getattr(one, name) for name in names}
