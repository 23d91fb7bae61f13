"""Are both published standards kept to the letter?

Over the shipped settings: every kind of work, every event that starts its clock, every sort of moment.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from city import ADMIN, RINA, City
from evidence import tickets
from hypothesis import given, settings
from hypothesis import strategies as st
from time_cast import changed, counter, saved, situation, wib

from mailgate.desk import changes, decide, handling, sla
from mailgate.desk.case import Case, Hand
from mailgate.desk.commands import Command, Line, Order
from mailgate.desk.decision import Audience, SaveTicket
from mailgate.desk.opening import Matter, new_ticket
from mailgate.desk.situation import Counter, SentMail
from mailgate.desk.sla import ClockState
from mailgate.desk.ticket import Outcome, Status, Ticket
from mailgate.message.message import Address, Message
from mailgate.message.parse import read
from mailgate.settings import DurationUnit, duration

SECOND = timedelta(seconds=1)
RECEIVED = {"PWD": "30 minutes", "UDB": "30 minutes", "AKN": "1 hour", "SEC": "1 day", "LYN": "1 day"}
NOTIFIED = {"KON": "1 hour", "ANT": "3 hours", "PRK": "1 week"}
KINDS = RECEIVED | NOTIFIED

# Counted by hand from the texts and the decree. Closing: 16:00, on Friday 16:30; in Ramadan 15:00 and 15:30.
# 17 August is a holiday; 18 to 24 March 2026 are Nyepi and Lebaran.
MOMENTS: dict[str, dict[str, str]] = {
    "2026-08-03 09:12": {  # Monday, in hours
        "30 minutes": "2026-08-03 09:42", "1 hour": "2026-08-03 10:12", "3 hours": "2026-08-03 12:12",
        "1 day": "2026-08-04 09:12", "1 week": "2026-08-10 09:12",
    },
    "2026-08-03 06:00": {  # Monday, before hours
        "30 minutes": "2026-08-03 08:00", "1 hour": "2026-08-03 08:30", "3 hours": "2026-08-03 10:30",
        "1 day": "2026-08-04 07:30", "1 week": "2026-08-10 07:30",
    },
    "2026-08-06 15:30": {  # Thursday, shortly before closing
        "30 minutes": "2026-08-06 16:00", "1 hour": "2026-08-07 08:00", "3 hours": "2026-08-07 10:00",
        "1 day": "2026-08-07 15:30", "1 week": "2026-08-13 15:30",
    },
    "2026-08-07 16:20": {  # Friday, at a clock time that Monday does not have
        "30 minutes": "2026-08-10 07:50", "1 hour": "2026-08-10 08:20", "3 hours": "2026-08-10 10:20",
        "1 day": "2026-08-10 16:00", "1 week": "2026-08-14 16:20",
    },
    "2026-08-09 21:00": {  # Sunday; a week later is a Sunday before a holiday
        "30 minutes": "2026-08-10 08:00", "1 hour": "2026-08-10 08:30", "3 hours": "2026-08-10 10:30",
        "1 day": "2026-08-11 07:30", "1 week": "2026-08-18 07:30",
    },
    "2026-08-14 15:45": {  # Friday before Independence Day
        "30 minutes": "2026-08-14 16:15", "1 hour": "2026-08-18 07:45", "3 hours": "2026-08-18 09:45",
        "1 day": "2026-08-18 15:45", "1 week": "2026-08-21 15:45",
    },
    "2026-02-26 14:30": {  # Thursday in Ramadan
        "30 minutes": "2026-02-26 15:00", "1 hour": "2026-02-27 08:30", "3 hours": "2026-02-27 10:30",
        "1 day": "2026-02-27 14:30", "1 week": "2026-03-05 14:30",
    },
    "2026-03-17 14:50": {  # the last ten minutes before a week of holidays
        "30 minutes": "2026-03-25 07:50", "1 hour": "2026-03-25 08:20", "3 hours": "2026-03-25 10:20",
        "1 day": "2026-03-25 14:50", "1 week": "2026-03-25 07:30",
    },
}  # fmt: skip
EVERY_MOMENT = pytest.mark.parametrize("moment", MOMENTS)
LONG_BEFORE = timedelta(days=3)
A_REPLY = read(b"From: Admin <admin1@payakumbuhkota.go.id>\r\n\r\n#diberitahukan\r\n")


def desk_of(code: str, **other: Any) -> Counter:
    return counter(desk="lpse" if code == "LYN" else "kominfo", **other)


def reported(received_at: datetime, code: str | None, desk: Counter) -> Ticket:
    """A fresh ticket; staff set its work at once, unless the desk has one for everything."""
    matter = Matter(Address("Rina", "rina@disdik.example.go.id"), "Mohon bantuan", received_at)
    one = new_ticket(f"{desk.desk.prefix}-2026-000001", matter, desk)
    return classified(one, code, desk) if code else one


def classified(one: Ticket, code: str, desk: Counter) -> Ticket:
    """#jenis"""
    return changes.with_due(replace(one, work=code), desk)


def accepted(one: Ticket, at: datetime, desk: Counter, token: str = "notice1") -> Ticket:
    """The submission server took the notice that the repair begins."""
    effects = decide.begin(one, token, at, desk).effects
    return saved(effects) if any(isinstance(effect, SaveTicket) for effect in effects) else one


def told(one: Ticket, at: datetime, desk: Counter) -> Ticket:
    """#diberitahukan"""
    staff = desk.desk.staff[0]
    assert isinstance(A_REPLY, Message)
    line, order = Line("#diberitahukan", Command.TOLD), Order((), "", None, ())
    hand = Hand(staff, situation(one, at), desk, A_REPLY, order, None)
    case = handling.tell(line, one, Case(one.number, {one.number: one}), hand)
    return case.tickets[one.number] if isinstance(case, Case) else one


def bounced(one: Ticket, at: datetime, desk: Counter, token: str = "notice1") -> Ticket:
    """The notice came back."""
    sent = SentMail(
        token, one.desk, one.number, Audience.REQUESTER, one.requester_address, one.requester_address,
        "started", at, bounced=False,
    )  # fmt: skip
    effects = decide.undeliverable(one, sent, "550 no such user", None, situation(one, at), desk)
    return next((effect.ticket for effect in effects if isinstance(effect, SaveTicket)), one)


def state(one: Ticket, now: datetime, desk: Counter) -> ClockState:
    pausing = desk.desk.pause_while_pending
    return sla.clock(one, desk.desk.work_of(one.work), now, pausing=pausing)


def resolved(one: Ticket, at: datetime, desk: Counter) -> Ticket:
    return changes.resolved(one, at, desk)


def due(code: str, moment: str) -> datetime:
    return wib(MOMENTS[moment][KINDS[code]])


def test_the_table_knows_every_kind_of_work_that_is_shipped() -> None:
    for starts, table in (("received", RECEIVED), ("notified", NOTIFIED)):
        shipped = {
            one.code
            for key in ("kominfo", "lpse")
            for one in counter(desk=key).desk.work
            if one.starts == starts
        }
        assert shipped == set(table)


def test_lpse_gives_its_one_day_to_every_report_without_anybody_setting_it() -> None:
    moment = next(iter(MOMENTS))
    one = reported(wib(moment), None, counter(desk="lpse"))
    assert (one.work, one.due_at) == ("LYN", due("LYN", moment))


# --- counted from the report ------------------------------------------------------------------------------


@EVERY_MOMENT
@pytest.mark.parametrize("code", RECEIVED)
def test_what_counts_from_the_report_is_due_when_the_standard_says(code: str, moment: str) -> None:
    desk = desk_of(code)
    one = reported(wib(moment), code, desk)
    assert one.due_at == due(code, moment)
    assert state(one, due(code, moment), desk) is ClockState.RUNNING
    assert state(one, due(code, moment) + SECOND, desk) is ClockState.MISSED
    assert state(resolved(one, due(code, moment), desk), due(code, moment), desk) is ClockState.MET
    late = due(code, moment) + SECOND
    assert state(resolved(one, late, desk), late, desk) is ClockState.MISSED


@EVERY_MOMENT
@pytest.mark.parametrize("code", RECEIVED)
def test_a_kind_that_is_set_late_counts_from_the_report_all_the_same(code: str, moment: str) -> None:
    desk = desk_of(code)
    late = due(code, moment) + timedelta(days=2)
    one = replace(reported(wib(moment), None, desk), work=None, due_at=None)
    assert state(one, late, desk) is ClockState.NONE
    one = changed(one, late, desk, work=code)
    one = classified(one, code, desk)
    assert one.due_at == due(code, moment)
    assert state(one, late, desk) is ClockState.MISSED


@EVERY_MOMENT
@pytest.mark.parametrize("code", RECEIVED)
@pytest.mark.parametrize("tell", [accepted, told])
def test_announcing_a_repair_wins_no_time_where_the_standard_counts_from_the_report(
    code: str, moment: str, tell: Any
) -> None:
    desk = desk_of(code)
    one = tell(reported(wib(moment), code, desk), wib(moment) + timedelta(minutes=20), desk)
    assert one.due_at == due(code, moment)


# --- counted from the notice ------------------------------------------------------------------------------


@EVERY_MOMENT
@pytest.mark.parametrize("code", NOTIFIED)
@pytest.mark.parametrize("tell", [accepted, told])
def test_what_counts_from_the_notice_is_due_when_the_standard_says(code: str, moment: str, tell: Any) -> None:
    desk, at = desk_of(code), wib(moment)
    waiting = reported(at - LONG_BEFORE, code, desk)
    assert waiting.due_at is None
    assert state(waiting, at, desk) is ClockState.NOT_STARTED
    one = tell(waiting, at, desk)
    assert (one.due_at, one.notified_at) == (due(code, moment), at)
    assert state(one, due(code, moment), desk) is ClockState.RUNNING
    assert state(one, due(code, moment) + SECOND, desk) is ClockState.MISSED
    assert state(resolved(one, due(code, moment), desk), due(code, moment), desk) is ClockState.MET


@EVERY_MOMENT
@pytest.mark.parametrize("code", NOTIFIED)
@pytest.mark.parametrize("first", [accepted, told])
@pytest.mark.parametrize("second", [accepted, told])
def test_a_second_announcement_does_not_start_the_clock_again(
    code: str, moment: str, first: Any, second: Any
) -> None:
    desk, at = desk_of(code), wib(moment)
    one = first(reported(at - LONG_BEFORE, code, desk), at, desk)
    assert second(one, at + timedelta(hours=1), desk) == one


@EVERY_MOMENT
@pytest.mark.parametrize("code", NOTIFIED)
@pytest.mark.parametrize("again", [accepted, told])
def test_a_notice_that_came_back_started_nothing_and_the_next_one_does(
    code: str, moment: str, again: Any
) -> None:
    desk, at = desk_of(code), wib(moment)
    one = accepted(reported(at - LONG_BEFORE, code, desk), at - timedelta(days=1), desk)
    void = bounced(one, at - timedelta(hours=20), desk)
    assert (void.due_at, void.notified_at, void.notified_by, void.started) == (None, None, None, False)
    assert state(void, at, desk) is ClockState.NOT_STARTED
    assert state(resolved(void, at, desk), at, desk) is ClockState.UNMEASURED
    assert again(void, at, desk).due_at == due(code, moment)


@pytest.mark.parametrize("code", NOTIFIED)
def test_the_bounce_of_another_mail_voids_no_notice(code: str) -> None:
    moment = next(iter(MOMENTS))
    desk, at = desk_of(code), wib(moment)
    by_phone = told(reported(at - LONG_BEFORE, code, desk), at, desk)
    assert bounced(by_phone, at + SECOND, desk) == by_phone
    by_mail = accepted(reported(at - LONG_BEFORE, code, desk), at, desk, "notice2")
    assert bounced(by_mail, at + SECOND, desk, "notice1") == by_mail


@pytest.mark.parametrize("code", NOTIFIED)
def test_a_repair_that_was_never_announced_is_never_called_punctual(code: str) -> None:
    desk, at = desk_of(code), wib("2026-08-03 09:12")
    one = resolved(reported(at, code, desk), at + timedelta(minutes=5), desk)
    assert state(one, at + timedelta(days=9), desk) is ClockState.UNMEASURED


@EVERY_MOMENT
@pytest.mark.parametrize("code", NOTIFIED)
@pytest.mark.parametrize("tell", [accepted, told])
@pytest.mark.parametrize("before", [None, "PWD"])
def test_a_kind_that_is_set_after_the_notice_counts_from_the_notice(
    code: str, moment: str, tell: Any, before: str | None
) -> None:
    desk, at = desk_of(code), wib(moment)
    one = tell(reported(at - LONG_BEFORE, before, desk), at, desk)
    assert classified(one, code, desk).due_at == due(code, moment)


# --- another kind -----------------------------------------------------------------------------------------


@EVERY_MOMENT
@pytest.mark.parametrize("code", sorted(set(RECEIVED) - {"LYN"}))
@pytest.mark.parametrize("before", NOTIFIED)
def test_another_kind_counts_from_its_own_start_and_the_old_one_again_from_its_own(
    code: str, before: str, moment: str
) -> None:
    desk, at = desk_of(code), wib(moment)
    notice = at + timedelta(hours=1)
    announced = accepted(reported(at, before, desk), notice, desk)
    assert classified(announced, code, desk).due_at == due(code, moment)
    assert classified(classified(announced, code, desk), before, desk) == announced


def test_from_a_kind_with_a_running_clock_to_one_without_a_notice_nothing_is_due() -> None:
    desk, at = counter(), wib("2026-08-03 09:12")
    one = classified(reported(at, "PWD", desk), "ANT", desk)
    assert one.due_at is None
    assert state(one, at + timedelta(days=3), desk) is ClockState.NOT_STARTED


def test_a_ticket_that_was_resolved_in_time_is_measured_anew_when_its_kind_was_wrong() -> None:
    desk, at = counter(), wib("2026-08-03 09:12")
    one = resolved(reported(at, "SEC", desk), at + timedelta(hours=2), desk)
    assert state(one, at + timedelta(days=1), desk) is ClockState.MET
    assert state(classified(one, "PWD", desk), at + timedelta(days=1), desk) is ClockState.MISSED


# --- properties -------------------------------------------------------------------------------------------

MOMENT = st.datetimes(datetime(2026, 1, 5), datetime(2026, 11, 20)).map(lambda one: wib(one.isoformat()))  # noqa: DTZ001 - local time is what wib() takes


@settings(max_examples=200, deadline=None)
@given(moment=MOMENT, code=st.sampled_from(sorted(KINDS)))
def test_nobody_is_promised_a_moment_at_which_nobody_is_there(moment: datetime, code: str) -> None:
    desk = desk_of(code)
    one = (
        told(reported(moment, code, desk), moment, desk) if code in NOTIFIED else reported(moment, code, desk)
    )
    assert one.due_at is not None
    # The closing instant itself belongs to the day that ends with it.
    assert desk.calendar.is_open(one.due_at) or desk.calendar.is_open(one.due_at - timedelta(microseconds=1))
    assert one.due_at > moment


@settings(max_examples=200, deadline=None)
@given(
    moment=MOMENT,
    more=st.timedeltas(timedelta(), timedelta(days=9)),
    amount=st.integers(1, 60),
    added=st.integers(0, 60),
    unit=st.sampled_from(list(DurationUnit)),
)
def test_more_time_is_never_due_earlier(
    moment: datetime, more: timedelta, amount: int, added: int, unit: DurationUnit
) -> None:
    desk = counter()
    within = [duration(f"{amount} {unit}") for amount in (amount, amount + added)]
    first, then = (desk.calendar.add(moment, one) for one in within)
    assert first <= then
    paused = changes.with_due(
        replace(reported(moment, "PWD", desk), paused_seconds=int(more.total_seconds())), desk
    )
    plain = reported(moment, "PWD", desk).due_at
    assert paused.due_at is not None
    assert plain is not None
    assert paused.due_at >= plain


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "work",
                "accept",
                "tell",
                "void",
                "ask",
                "answer",
                "resolve",
                "reopen",
                "close",
                "withdraw",
                "wait",
            ]
        ),
        st.sampled_from(["PWD", "KON", "SEC"]),
        st.sampled_from([0, 1, 29, 30, 31, 60, 90, 510, 930, 1440, 3000]),
    ),
    max_size=14,
)


def step(one: Ticket, what: str, code: str, now: datetime, desk: Counter) -> Ticket:  # noqa: PLR0911 - one line for each thing that can be done
    """What staff and requester may do to a ticket; what its state forbids leaves it alone."""
    finished = one.status in changes.FINISHED
    match what:
        case "work":
            return classified(one, code, desk)
        case "accept":
            return accepted(one, now, desk)
        case "tell":
            return told(one, now, desk)
        case "void":
            return bounced(one, now, desk)
        case "ask" if not finished:
            return replace(one, status=Status.PENDING)
        case "answer" if one.status is Status.PENDING:
            return replace(one, status=Status.OPEN)
        case "resolve" if not finished:
            return resolved(one, now, desk)
        case "reopen" if finished:
            return changes.reopened(one)
        case "close" if one.status is not Status.CLOSED:
            return changes.closed(one, now)
        case "withdraw" if not finished:
            return changes.ended(one, Outcome.WITHDRAWN, now)
        case _:
            return one


@settings(max_examples=500, deadline=None)
@given(start=MOMENT, code=st.sampled_from(["PWD", "KON", "SEC"]), steps=STEPS, pausing=st.booleans())
def test_no_sequence_of_commands_makes_a_missed_promise_a_kept_one(
    start: datetime, code: str, steps: list[tuple[str, str, int]], pausing: bool
) -> None:
    desk = counter(pause_while_pending=pausing)
    start = start.replace(second=0, microsecond=0)
    one, now = reported(start, code, desk), start
    missed: set[tuple[str | None, datetime | None]] = set()
    for what, other, minutes in steps:
        now += timedelta(minutes=minutes)
        if what == "work" and pausing:
            continue  # a wait before the kind was known is counted in good faith
        if state(one, now, desk) is ClockState.MISSED:
            missed.add((one.work, changes.clock_began(one, desk)))
        after = step(one, what, other, now, desk)
        one = changed(one, now, desk, **{name: getattr(after, name) for name in Ticket.__slots__})
        was_missed = (one.work, changes.clock_began(one, desk)) in missed
        assert not (was_missed and state(one, now, desk) is ClockState.MET)
        # Whoever disputes a figure can work it out again from what stands in the ticket.
        assert changes.with_due(one, desk) == one


# --- the whole way ----------------------------------------------------------------------------------------

ANTENNA = {
    "code": "ANT",
    "name": "Antena",
    "within": "3 service hours",
    "starts": "notified",
    "promise": "3 jam",
}
PASSWORD = {
    "code": "PWD",
    "name": "Sandi",
    "within": "30 service minutes",
    "starts": "received",
    "promise": "30 menit",
}


def desk_with_work(city: City) -> City:
    city.tables["desks"]["kominfo"]["work"] = [ANTENNA, PASSWORD]
    return city


def moment(one: dict[str, Any], name: str) -> datetime | None:
    return datetime.fromisoformat(one[name]) if one[name] else None


def says(city: City, words: str) -> dict[str, Any]:
    """The admin answers the first notification."""
    city.receive(city.answer(city.sent(ADMIN)[0], ADMIN, words))
    assert city.run() == 0
    return tickets(city)[0]


def test_a_clock_starts_when_the_server_took_the_notice_and_not_when_it_was_typed(quick_city: City) -> None:
    city = desk_with_work(quick_city)
    city.new_ticket()
    city.now += timedelta(hours=1)
    assert moment(says(city, "#jenis ANT\n"), "due_at") is None
    one = says(city, "#mulai\nTeknisi kami berangkat.")
    assert moment(one, "notified_at") == city.now
    assert moment(one, "due_at") == city.now + timedelta(hours=3)
    city.now += timedelta(minutes=30)
    again = says(city, "#mulai\nTeknisi kami segera tiba.")
    assert (again["notified_at"], again["due_at"]) == (one["notified_at"], one["due_at"])
    assert len(city.sent(RINA)) == 3


def test_a_kind_set_late_shows_at_once_that_the_promise_is_broken(quick_city: City) -> None:
    city = desk_with_work(quick_city)
    city.new_ticket()
    received = city.now
    city.now += timedelta(hours=2)
    one = says(city, "#jenis PWD\n")
    assert moment(one, "due_at") == received + timedelta(minutes=30)
    assert one["clock"] == "missed"
    assert says(city, "#selesai\nSandi sudah diganti.")["clock"] == "missed"


def test_a_telephone_call_starts_the_clock_at_the_time_that_was_named(quick_city: City) -> None:
    city = desk_with_work(quick_city)
    city.new_ticket()
    city.now += timedelta(hours=2)
    one = says(city, "#jenis ANT\n#diberitahukan 10.00")
    assert moment(one, "due_at") == wib("2026-08-03 13:00")
    assert one["clock"] == "running"
