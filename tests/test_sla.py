"""Is the figure that the head reads the truth?"""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from desk_cast import MONDAY, ticket

from mailgate.desk.calendar import Calendar, calendar
from mailgate.desk.sla import ClockState, clock, due_at
from mailgate.desk.ticket import Outcome, Status, Ticket
from mailgate.settings import Work, load, load_holidays, shipped

HALF_AN_HOUR = timedelta(minutes=30)
SECOND = timedelta(seconds=1)

PASSWORD = Work.model_validate(
    {"code": "PWD", "name": "Penggantian password", "within": "30 service minutes", "starts": "received"}
)
ANTENNA = Work.model_validate(
    {"code": "ANT", "name": "Perbaikan antena", "within": "3 service hours", "starts": "notified"}
)

TICKET = ticket(status=Status.OPEN, work="PWD", due_at=MONDAY + HALF_AN_HOUR)
DUE = MONDAY + HALF_AN_HOUR


@pytest.fixture(scope="module")
def city() -> Calendar:
    settings = load(shipped("settings.toml"))
    return calendar(settings.hours, load_holidays(shipped("holidays.toml")), "Asia/Jakarta")


def resolved(at: datetime, outcome: Outcome = Outcome.SOLVED, **changes: object) -> Ticket:
    ticket = replace(TICKET, status=Status.RESOLVED, resolved_at=at, outcome=outcome)
    return replace(ticket, **changes)  # type: ignore[arg-type]  # a table's values


def test_a_target_that_the_standard_does_not_set_is_not_invented(city: Calendar) -> None:
    assert due_at(None, MONDAY, MONDAY, city) is None
    assert clock(replace(TICKET, work=None, due_at=None), None, MONDAY) is ClockState.NONE


def test_a_password_is_due_counted_from_the_arrival_of_the_mail(city: Calendar) -> None:
    assert due_at(PASSWORD, MONDAY, None, city) == DUE


def test_a_repair_is_due_counted_from_the_notice_and_not_before_it(city: Calendar) -> None:
    assert due_at(ANTENNA, MONDAY, None, city) is None
    notified_at = MONDAY + timedelta(hours=2)
    assert due_at(ANTENNA, MONDAY, notified_at, city) == notified_at + timedelta(hours=3)


def test_the_desk_cannot_look_punctual_by_never_announcing_the_repair() -> None:
    waiting = replace(TICKET, work="ANT", due_at=None)
    assert clock(waiting, ANTENNA, MONDAY + timedelta(days=9)) is ClockState.NOT_STARTED


def test_a_repair_done_without_an_announcement_is_not_counted_as_punctual() -> None:
    ticket = resolved(MONDAY + timedelta(hours=1), due_at=None)
    assert clock(ticket, ANTENNA, MONDAY + timedelta(hours=2)) is ClockState.UNMEASURED


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (MONDAY, ClockState.RUNNING),
        (DUE, ClockState.RUNNING),
        (DUE + timedelta(microseconds=1), ClockState.MISSED),
    ],
)
def test_an_open_ticket_is_late_from_the_instant_after_its_due_moment(
    now: datetime, state: ClockState
) -> None:
    assert clock(TICKET, PASSWORD, now) is state


@pytest.mark.parametrize(("at", "state"), [(DUE, ClockState.MET), (DUE + SECOND, ClockState.MISSED)])
def test_an_answer_at_the_due_moment_is_in_time_and_one_second_later_is_not(
    at: datetime, state: ClockState
) -> None:
    assert clock(resolved(at), PASSWORD, MONDAY + timedelta(days=90)) is state


def test_another_promise_does_not_whitewash_a_missed_standard() -> None:
    ticket = resolved(DUE + SECOND, promised_due_at=MONDAY + timedelta(days=2))
    assert clock(ticket, PASSWORD, MONDAY + timedelta(days=1)) is ClockState.MISSED


def test_a_reopened_ticket_keeps_the_measure_of_its_first_resolution() -> None:
    ticket = resolved(DUE, outcome=Outcome.SOLVED, status=Status.OPEN, reopened=1)
    assert clock(replace(ticket, outcome=None), PASSWORD, MONDAY + timedelta(days=3)) is ClockState.MET


@pytest.mark.parametrize("outcome", [Outcome.REDIRECTED, Outcome.MERGED, Outcome.WITHDRAWN, Outcome.SPAM])
def test_sending_people_elsewhere_is_not_counted_as_serving_them(outcome: Outcome) -> None:
    in_time = replace(TICKET, status=Status.CLOSED, outcome=outcome, closed_at=DUE)
    assert clock(in_time, PASSWORD, MONDAY + timedelta(days=1)) is ClockState.UNMEASURED
    too_late = replace(in_time, closed_at=DUE + SECOND)
    assert clock(too_late, PASSWORD, MONDAY + timedelta(days=1)) is ClockState.MISSED
    recorded_as_resolved = resolved(DUE, outcome)
    assert clock(recorded_as_resolved, PASSWORD, MONDAY + timedelta(days=1)) is ClockState.UNMEASURED


def test_a_resolution_in_time_is_not_taken_away_when_the_reopened_ticket_is_withdrawn() -> None:
    ticket = resolved(
        DUE, Outcome.WITHDRAWN, status=Status.CLOSED, closed_at=DUE + timedelta(days=2), reopened=1
    )
    assert clock(ticket, PASSWORD, MONDAY + timedelta(days=3)) is ClockState.MET


def test_a_rejection_is_an_answer_and_is_measured_like_one() -> None:
    assert clock(resolved(DUE, Outcome.REJECTED), PASSWORD, DUE + SECOND) is ClockState.MET


def test_a_ticket_closed_without_a_word_still_stops_its_clock() -> None:
    closed = replace(TICKET, status=Status.CLOSED, closed_at=DUE)
    assert clock(closed, PASSWORD, MONDAY + timedelta(days=9)) is ClockState.MET


def test_an_earlier_closing_does_not_stop_the_clock_of_a_ticket_that_was_opened_again() -> None:
    again = replace(TICKET, closed_at=MONDAY, reopened=1)
    assert clock(again, PASSWORD, DUE + SECOND) is ClockState.MISSED


def test_the_clock_stops_for_a_waiting_requester_only_where_the_desk_allows_it() -> None:
    waiting = replace(TICKET, status=Status.PENDING)
    assert clock(waiting, PASSWORD, DUE + SECOND, pausing=True) is ClockState.PAUSED
    assert clock(waiting, PASSWORD, DUE + SECOND) is ClockState.MISSED
    assert clock(replace(waiting, due_at=None), ANTENNA, MONDAY, pausing=True) is ClockState.NOT_STARTED


def test_a_ticket_whose_kind_of_work_left_the_settings_does_not_stop_the_report() -> None:
    desk = load(shipped("settings.toml")).desks["kominfo"]
    assert desk.work_of("LAMA") is None
    assert desk.work_of(None) is None
    assert desk.work_of("PWD") is not None
