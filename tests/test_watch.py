"""When does time look at a ticket again?"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from time_cast import ADMIN_1, MONDAY, changed, counter, opened, saved, ticket, wib

from mailgate.desk import changes
from mailgate.desk.decision import AddEvent, Effect, SaveTicket
from mailgate.desk.situation import Counter
from mailgate.desk.ticket import Outcome, Status, Ticket
from mailgate.desk.watch import causes, watched
from mailgate.settings import Duration, DurationUnit

FRIDAY_NOON = "2026-08-07 12:00"
BEFORE_17_AUGUST = "2026-08-14 15:30"
IN_RAMADAN = "2026-02-26 14:30"
BEFORE_LEBARAN = "2026-03-17 14:30"
SUNDAY = "2026-08-09 21:00"


def at_of(when: str, one: Ticket) -> datetime | None:
    """The moment of the only escalation of a desk; None where the ticket does not run into it."""
    found = causes(one, counter((when, ["notify admin"])))
    return found[0].at if found else None


# What each condition counts from; service hours close at 16:00, on Friday 16:30, in Ramadan 15:00 and 15:30.
COUNTS_FROM = {
    "unanswered": "received_at",
    "unassigned": "unheld_since",
    "overdue": "due_at",
    "pending": "pending_since",
    "started not reported": "started_at",
    "external": "external_since",
    "complaint": "received_at",
}
HOLDS: dict[str, dict[str, Any]] = {
    "unassigned": {"holder": None},
    "pending": {"status": Status.PENDING},
    "started not reported": {"started": True},
    "external": {"external_number": "LKPP-7"},
    "complaint": {"confidential": True},
}


def in_it(kind: str, since: str) -> Ticket:
    """A ticket to which this happened then."""
    fields = HOLDS.get(kind, {}) | {COUNTS_FROM[kind]: wib(since)}
    return ticket(**({"received_at": min(wib(since), MONDAY)} | fields))


@pytest.mark.parametrize("kind", COUNTS_FROM)
@pytest.mark.parametrize(
    ("since", "duration", "at"),
    [
        ("2026-08-03 09:00", "2 service hours", "2026-08-03 11:00"),
        ("2026-08-03 09:00", "0 service minutes", "2026-08-03 09:00"),
        (FRIDAY_NOON, "5 service hours", "2026-08-10 08:00"),
        (SUNDAY, "2 service hours", "2026-08-10 09:30"),
        (BEFORE_17_AUGUST, "2 service hours", "2026-08-18 08:30"),
        (IN_RAMADAN, "1 service hour", "2026-02-27 08:30"),
        (BEFORE_LEBARAN, "1 service hour", "2026-03-25 08:00"),
        (FRIDAY_NOON, "1 working day", "2026-08-10 12:00"),
        (BEFORE_17_AUGUST, "1 working day", "2026-08-18 15:30"),
        ("2026-08-03 09:00", "14 calendar days", "2026-08-18 07:30"),
        # A moment at closing is nobody's any more: people are told when they are back.
        ("2026-08-03 15:00", "1 service hour", "2026-08-04 07:30"),
    ],
)
def test_people_are_reminded_after_so_much_service_time_and_never_while_nobody_is_there(
    kind: str, since: str, duration: str, at: str
) -> None:
    assert at_of(f"{kind} {duration}", in_it(kind, since)) == wib(at)


@pytest.mark.parametrize(
    ("due", "duration", "at"),
    [
        ("2026-08-03 11:00", "15 service minutes", "2026-08-03 10:45"),
        ("2026-08-10 07:50", "1 service hour", "2026-08-07 15:50"),
        ("2026-08-18 08:00", "1 service hour", "2026-08-14 16:00"),
        ("2026-03-25 07:50", "1 service hour", "2026-03-17 14:20"),
        ("2026-08-10 07:30", "30 service minutes", "2026-08-07 16:00"),
        # So much time back is Friday's closing: the same service time lies behind Monday's opening.
        ("2026-08-10 08:00", "30 service minutes", "2026-08-10 07:30"),
        ("2026-08-10 12:00", "1 working day", "2026-08-07 12:00"),
        ("2026-08-18 08:00", "1 working day", "2026-08-14 08:00"),
        ("2026-08-12 10:00", "1 calendar day", "2026-08-11 10:00"),
        ("2026-08-10 10:00", "1 calendar day", "2026-08-10 07:30"),
    ],
)
def test_the_holder_is_warned_while_there_is_still_so_much_service_time(
    due: str, duration: str, at: str
) -> None:
    assert at_of(f"due in {duration}", ticket(received_at=wib("2026-01-05 08:00"), due_at=wib(due))) == wib(
        at
    )


def test_a_warning_that_would_lie_before_the_report_comes_with_it() -> None:
    password = ticket(due_at=MONDAY + timedelta(minutes=30))
    assert at_of("due in 2 service hours", password) == MONDAY


@pytest.mark.parametrize(
    ("when", "one"),
    [
        ("unanswered 0 service hours", ticket(first_response_at=MONDAY)),
        ("unassigned 0 service hours", ticket()),
        ("due in 1 service hour", ticket()),
        ("overdue 0 service hours", ticket()),
        ("pending 0 service hours", ticket()),
        ("started not reported 0 service hours", ticket()),
        ("started not reported 0 service hours", ticket(answered_at=MONDAY)),
        ("external 0 service hours", ticket()),
        ("repeated contact 3 times", ticket(contacts=2, contacted_at=MONDAY)),
        ("complaint 0 calendar days", ticket()),
        ("unanswered 0 service hours", ticket(status=Status.RESOLVED)),
        ("overdue 0 service hours", ticket(status=Status.CLOSED, due_at=MONDAY)),
    ],
)
def test_nobody_is_reminded_of_what_is_not_the_case(when: str, one: Ticket) -> None:
    assert at_of(when, one) is None


def test_a_requester_who_wrote_three_times_without_an_answer_is_noticed_at_once_and_not_at_night() -> None:
    insisting = ticket(contacts=3, contacted_at=wib("2026-08-03 12:00"))
    row = counter(("repeated contact 3 times", ["notify admin"]))
    assert changed(ticket(), wib("2026-08-03 12:00"), row, contacts=3, contacted_at=wib("2026-08-03 12:00")
                   ).watch_at == wib("2026-08-03 12:00")  # fmt: skip
    assert changed(ticket(), wib("2026-08-03 22:00"), row, contacts=3, contacted_at=wib("2026-08-03 22:00")
                   ).watch_at == wib("2026-08-04 07:30")  # fmt: skip
    assert len(causes(insisting, row)) == 1


def fired(one: Ticket, at: Counter) -> Ticket:
    return replace(one, fired=tuple(cause.key for cause in causes(one, at)))


def test_a_requester_who_goes_on_writing_does_not_set_it_off_again_until_somebody_answered() -> None:
    row = counter(("repeated contact 3 times", ["notify admin"]))
    told = fired(ticket(contacts=3, contacted_at=MONDAY), row)
    again = replace(told, contacts=4, contacted_at=MONDAY + timedelta(hours=1))
    assert causes(again, row) == ()
    answered = replace(again, answered_at=MONDAY + timedelta(hours=2), contacts=0, contacted_at=None)
    assert len(causes(replace(answered, contacts=3, contacted_at=MONDAY + timedelta(days=1)), row)) == 1


@pytest.mark.parametrize(
    ("when", "first", "then"),
    [
        ("overdue 1 service hour", {"due_at": MONDAY}, {"due_at": MONDAY + timedelta(days=1)}),
        ("due in 1 service hour", {"due_at": MONDAY}, {"due_at": MONDAY + timedelta(days=1)}),
        (
            "pending 3 working days",
            {"status": Status.PENDING, "pending_since": MONDAY},
            {"pending_since": MONDAY + timedelta(days=9)},
        ),
        ("unassigned 1 service hour", {"holder": None, "unheld_since": MONDAY},
         {"unheld_since": MONDAY + timedelta(days=1)}),
        ("external 2 working days", {"external_number": "1", "external_since": MONDAY},
         {"external_since": MONDAY + timedelta(days=1)}),
        ("started not reported 1 working day", {"started": True, "started_at": MONDAY},
         {"answered_at": MONDAY + timedelta(days=1)}),
    ],
)  # fmt: skip
def test_each_cause_acts_once_and_again_only_when_what_it_counts_from_is_another(
    when: str, first: dict[str, Any], then: dict[str, Any]
) -> None:
    row = counter((when, ["notify admin"]))
    told = fired(ticket(**first), row)
    assert told.fired
    assert causes(told, row) == ()
    assert len(causes(replace(told, **then), row)) == 1


def test_two_rows_of_one_kind_are_two_causes_the_earlier_first() -> None:
    desk = counter(
        ("overdue 2 service hours", ["notify pimpinan"]), ("overdue 1 service hour", ["notify holder"])
    )
    late = ticket(due_at=MONDAY)
    assert [one.row.when for one in causes(late, desk)] == [
        "overdue 1 service hour",
        "overdue 2 service hours",
    ]
    assert len(causes(replace(late, fired=(causes(late, desk)[0].key,)), desk)) == 1


# --- what stands in the row -------------------------------------------------------------------------------


def test_a_new_ticket_is_looked_at_at_its_first_moment_and_one_without_any_never() -> None:
    desk = counter(("unanswered 2 service hours", ["notify admin"]), ("unassigned 1 service hour", ["close"]))
    assert opened(ticket(holder=None), desk).watch_at == wib("2026-08-03 10:00")
    assert opened(ticket(), desk).watch_at == wib("2026-08-03 11:00")
    assert opened(ticket(first_response_at=MONDAY), desk).watch_at is None


def test_a_moment_that_has_passed_is_looked_at_now_or_at_the_next_opening() -> None:
    desk = counter(("overdue 1 service hour", ["notify holder"]))
    for now, watch_at in ((wib("2026-08-04 10:00"),) * 2, (wib(SUNDAY), wib("2026-08-10 07:30"))):
        assert changed(ticket(), now, desk, due_at=MONDAY).watch_at == watch_at


def test_a_resolved_ticket_is_looked_at_when_silence_closes_it_and_a_closed_one_never() -> None:
    desk = counter(("unanswered 2 service hours", ["notify admin"]))
    done = changes.resolved(ticket(), MONDAY, desk)
    resolved = saved(watched([SaveTicket(done)], {done.number: ticket()}, MONDAY, desk))
    assert resolved.watch_at == wib("2026-08-10 09:00")
    assert changed(resolved, MONDAY, desk, status=Status.CLOSED, close_at=None).watch_at is None


def test_a_ticket_knows_since_when_it_waits_and_a_second_wait_is_a_new_one() -> None:
    desk, later = counter(), MONDAY + timedelta(days=1)
    waiting = changed(ticket(), MONDAY, desk, status=Status.PENDING)
    assert waiting.pending_since == MONDAY
    assert changed(waiting, later, desk, priority=1).pending_since == MONDAY
    back = changed(waiting, later, desk, status=Status.OPEN)
    assert back.pending_since is None
    assert changed(back, later, desk, status=Status.PENDING).pending_since == later


def test_a_ticket_knows_since_when_nobody_has_it() -> None:
    desk, later = counter(), MONDAY + timedelta(days=1)
    fresh = opened(ticket(holder=None), desk)
    assert fresh.unheld_since == MONDAY
    taken = changed(fresh, later, desk, holder=ADMIN_1)
    assert taken.unheld_since is None
    assert changed(taken, later, desk, holder=None).unheld_since == later


def test_a_ticket_knows_since_when_it_is_outside_and_another_number_is_another_wait() -> None:
    desk, later = counter(), MONDAY + timedelta(days=1)
    away = changed(ticket(), MONDAY, desk, external_number="LKPP-1")
    assert away.external_since == MONDAY
    assert changed(away, later, desk, priority=1).external_since == MONDAY
    assert changed(away, later, desk, external_number="LKPP-2").external_since == later
    assert changed(away, later, desk, status=Status.RESOLVED).external_since is None


def test_a_ticket_knows_since_when_it_is_repaired_and_a_void_notice_is_forgotten() -> None:
    desk = counter()
    begun = changed(ticket(), MONDAY, desk, started=True)
    assert begun.started_at == MONDAY
    assert changed(begun, MONDAY, desk, started=False).started_at is None


def test_what_is_no_ticket_passes_unchanged() -> None:
    effects: list[Effect] = [AddEvent("KOM-2026-000001", "mailgate", "told", "x")]
    assert list(watched(effects, {}, MONDAY, counter())) == effects


# --- pausing ----------------------------------------------------------------------------------------------


def waited(one: Ticket, since: str, until: str, desk: Counter, **other: Any) -> Ticket:
    asked = changed(one, wib(since), desk, status=Status.PENDING)
    return changed(asked, wib(until), desk, **({"status": Status.OPEN} | other))


def with_work(code: str | None, desk: Counter, **other: Any) -> Ticket:
    return changes.with_due(ticket(work=code, **other), desk)


@pytest.mark.parametrize(
    ("since", "until", "due"),
    [
        ("2026-08-03 09:10", "2026-08-03 09:40", "2026-08-03 10:00"),
        ("2026-08-03 09:10", "2026-08-04 08:10", "2026-08-04 08:30"),
        ("2026-08-03 09:10", "2026-08-03 22:00", "2026-08-04 07:50"),
        ("2026-08-03 16:10", "2026-08-03 22:00", "2026-08-03 09:30"),
    ],
)
def test_where_a_desk_pauses_the_due_moment_moves_by_the_service_time_of_the_wait(
    since: str, until: str, due: str
) -> None:
    desk = counter(pause_while_pending=True)
    assert waited(with_work("PWD", desk), since, until, desk).due_at == wib(due)


def test_the_published_standard_knows_no_pause() -> None:
    desk = counter()
    back = waited(with_work("PWD", desk), "2026-08-03 09:10", "2026-08-03 09:40", desk)
    assert (back.due_at, back.paused_seconds) == (wib("2026-08-03 09:30"), 0)


def test_two_waits_add_up_and_a_resolution_ends_one_too() -> None:
    desk = counter(pause_while_pending=True)
    once = waited(with_work("PWD", desk), "2026-08-03 09:10", "2026-08-03 09:20", desk)
    twice = waited(once, "2026-08-03 09:25", "2026-08-03 09:30", desk, status=Status.RESOLVED)
    assert twice.due_at == wib("2026-08-03 09:45")


def test_a_wait_counts_as_well_when_the_kind_of_work_is_set_after_it() -> None:
    desk = counter(pause_while_pending=True)
    back = waited(with_work(None, desk), "2026-08-03 09:10", "2026-08-03 09:40", desk)
    assert back.due_at is None
    assert changes.with_due(replace(back, work="AKN"), desk).due_at == wib("2026-08-03 10:30")


def test_a_wait_before_the_clock_runs_stops_no_clock() -> None:
    desk = counter(pause_while_pending=True)
    back = waited(with_work("ANT", desk), "2026-08-03 09:10", "2026-08-03 10:10", desk)
    begun = changes.notified(back, wib("2026-08-03 11:00"), "told", desk)
    assert begun.due_at == wib("2026-08-03 14:00")


def test_who_is_late_already_cannot_win_time_by_asking_a_question() -> None:
    """Due at closing, asked at night, solved exactly as much later as the wait lasted."""
    desk = counter(pause_while_pending=True)
    late = with_work("PWD", desk, received_at=wib("2026-08-03 15:30"))
    assert late.due_at == wib("2026-08-03 16:00")
    back = waited(late, "2026-08-03 18:00", "2026-08-04 08:30", desk)
    assert back.due_at is not None
    assert back.due_at < wib("2026-08-04 08:30")


def test_a_ticket_that_ended_unserved_needs_no_looking_at() -> None:
    desk = counter(("pending 3 working days", ["remind requester"]))
    asked = changed(ticket(), MONDAY, desk, status=Status.PENDING)
    gone = changes.ended(asked, Outcome.WITHDRAWN, MONDAY)
    assert changed(asked, MONDAY, desk, **{name: getattr(gone, name) for name in ("status", "outcome")}
                   ).watch_at is None  # fmt: skip


# --- property: time never goes in circles -----------------------------------------------------------------

ROWS = counter(
    ("unanswered 2 service hours", ["notify admin"]),
    ("unassigned 1 service hour", ["notify admin"]),
    ("due in 1 working day", ["notify holder"]),
    ("overdue 1 service hour", ["notify holder"]),
    ("pending 3 calendar days", ["notify holder"]),
    ("started not reported 1 working day", ["notify holder"]),
    ("repeated contact 2 times", ["notify holder"]),
)
NOW = st.datetimes(datetime(2026, 1, 5), datetime(2026, 12, 20)).map(lambda one: wib(one.isoformat()))  # noqa: DTZ001 - local time is what wib() takes


@settings(max_examples=200, deadline=None)
@given(
    now=NOW,
    status=st.sampled_from([Status.NEW, Status.OPEN, Status.PENDING]),
    holder=st.sampled_from([None, ADMIN_1]),
    work=st.sampled_from([None, "PWD", "SEC"]),
    started=st.booleans(),
    age=st.timedeltas(timedelta(), timedelta(days=40)),
)
def test_time_looks_at_a_ticket_only_in_service_hours_and_never_at_a_moment_that_has_passed(
    now: datetime, status: Status, holder: str | None, work: str | None, started: bool, age: timedelta
) -> None:
    one = changes.with_due(ticket(status=status, holder=holder, work=work, received_at=now - age), ROWS)
    watch_at = changed(one, now, ROWS, started=started).watch_at
    assert watch_at is not None
    assert watch_at >= now
    assert ROWS.calendar.is_open(watch_at)


SERVICE = st.builds(Duration, st.integers(1, 5000), st.sampled_from([DurationUnit.SERVICE_MINUTES]))
DAYS = st.builds(
    Duration, st.integers(1, 30), st.sampled_from([DurationUnit.WORKING_DAYS, DurationUnit.CALENDAR_DAYS])
)


@settings(max_examples=200, deadline=None)
@given(due=NOW, ahead=SERVICE)
def test_a_warning_leaves_exactly_so_much_service_time_and_a_second_later_it_would_not(
    due: datetime, ahead: Duration
) -> None:
    days = ROWS.calendar
    at = days.before(due, ahead)
    assert days.between(at, due) == timedelta(minutes=ahead.amount)
    assert days.add(at, ahead) <= due
    later = days.next_open(at) + timedelta(seconds=1)
    assert days.between(later, due) < timedelta(minutes=ahead.amount)


@settings(max_examples=100, deadline=None)
@given(start=NOW, ahead=st.one_of(SERVICE, DAYS))
def test_a_warning_comes_before_the_due_moment_and_not_before_the_report(
    start: datetime, ahead: Duration
) -> None:
    desk = counter((f"due in {ahead.amount} {ahead.unit}", ["notify holder"]))
    due = desk.calendar.add(start, ahead)
    (warning,) = causes(ticket(received_at=start, due_at=due), desk)
    assert start <= warning.at <= desk.calendar.next_open(due)


@settings(max_examples=100, deadline=None)
@given(due=NOW, ahead=DAYS, more=st.integers(0, 5))
def test_a_warning_so_many_days_ahead_is_never_after_one_of_fewer_days(
    due: datetime, ahead: Duration, more: int
) -> None:
    days = ROWS.calendar
    earlier = Duration(ahead.amount + more, ahead.unit)
    assert days.before(due, earlier) <= days.before(due, ahead) <= due - timedelta(days=1)
