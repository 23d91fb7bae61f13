"""Does a promise fall due when people say it does?"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.desk.calendar import Calendar, calendar
from mailgate.settings import Hours, duration, load_holidays, shipped

WIB = ZoneInfo("Asia/Jakarta")
EVERY_DAY = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

WEEK = {day: ["07:30-16:00"] for day in EVERY_DAY[:4]} | {"friday": ["07:30-16:30"]}
RAMADAN = {
    "from": date(2026, 2, 19),
    "to": date(2026, 3, 20),
    **{day: ["08:00-15:00"] for day in EVERY_DAY[:4]},
    "friday": ["08:00-15:30"],
}


def every_day(*intervals: str) -> dict[str, list[str]]:
    return {day: list(intervals) for day in EVERY_DAY}


def hours(**tables: object) -> Hours:
    return Hours.model_validate(tables)


@pytest.fixture(scope="module")
def city() -> Calendar:
    """The calendar of the worked examples: service hours, Ramadan and the decreed holidays of 2026."""
    holidays = load_holidays(shipped("holidays.toml"))
    return calendar(hours(**WEEK, exceptions=[RAMADAN]), holidays, "Asia/Jakarta")


def wib(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=WIB).astimezone(UTC)


@pytest.mark.parametrize(
    ("within", "start", "due"),
    [
        ("30 service minutes", "2026-08-03 09:12", "2026-08-03 09:42"),
        ("30 service minutes", "2026-08-07 16:20", "2026-08-10 07:50"),
        ("30 service minutes", "2026-08-09 21:00", "2026-08-10 08:00"),
        ("30 service minutes", "2026-03-17 14:50", "2026-03-25 07:50"),
        ("1 service hour", "2026-08-06 15:30", "2026-08-07 08:00"),
        ("3 service hours", "2026-08-14 14:00", "2026-08-18 08:00"),
        ("3 service hours", "2026-08-14 15:00", "2026-08-18 09:00"),
        ("1 working day", "2026-08-05 10:05", "2026-08-06 10:05"),
        ("1 working day", "2026-08-07 16:20", "2026-08-10 16:00"),
        ("1 working day", "2026-08-08 08:00", "2026-08-11 07:30"),
        ("1 working day", "2026-08-24 09:00", "2026-08-26 09:00"),
        ("7 calendar days", "2026-03-11 10:00", "2026-03-25 07:30"),
        ("5 working days", "2026-03-11 10:00", "2026-03-25 10:00"),
    ],
)
def test_a_requester_is_promised_the_moment_that_the_standard_means(
    city: Calendar, within: str, start: str, due: str
) -> None:
    assert city.add(wib(start), duration(within)) == wib(due)


def test_a_promise_due_at_closing_is_due_that_day_and_not_the_next_morning(city: Calendar) -> None:
    assert city.add(wib("2026-08-03 15:30"), duration("30 service minutes")) == wib("2026-08-03 16:00")


def test_seconds_of_a_promise_are_kept(city: Calendar) -> None:
    due = city.add(wib("2026-08-07 16:20:41"), duration("30 service minutes"))
    assert due == wib("2026-08-10 07:50:41")


def test_a_working_day_that_ends_in_ramadan_is_not_due_before_the_office_opens(city: Calendar) -> None:
    assert city.add(wib("2026-02-18 07:35"), duration("1 working day")) == wib("2026-02-19 08:00")


def test_a_working_day_that_ends_in_the_break_is_due_when_somebody_is_back() -> None:
    friday_break = {"thursday": ["07:30-16:00"], "friday": ["07:30-11:30", "13:00-16:30"]}
    desk = calendar(hours(**friday_break), (), "Asia/Jakarta")
    assert desk.add(wib("2026-08-06 12:10"), duration("1 working day")) == wib("2026-08-07 13:00")


def test_working_days_over_new_year_are_not_lost(city: Calendar) -> None:
    # 1 January 2027 is in no holidays file yet, so it counts; 24 and 25 December do not.
    assert city.add(wib("2026-12-23 10:00"), duration("6 working days")) == wib("2027-01-04 10:00")
    assert city.add(wib("2026-12-31 15:00"), duration("2 service hours")) == wib("2027-01-01 08:30")


def test_what_was_promised_in_calendar_days_is_not_due_in_the_night(city: Calendar) -> None:
    assert city.add(wib("2026-08-03 22:00"), duration("2 calendar days")) == wib("2026-08-06 07:30")


def test_a_reminder_that_is_due_at_once_waits_for_the_morning(city: Calendar) -> None:
    assert city.add(wib("2026-08-03 22:00"), duration("0 service minutes")) == wib("2026-08-04 07:30")
    assert city.add(wib("2026-08-04 09:00"), duration("0 service minutes")) == wib("2026-08-04 09:00")


@pytest.mark.parametrize(
    ("moment", "is_open", "next_open"),
    [
        ("2026-08-03 07:29:59", False, "2026-08-03 07:30"),
        ("2026-08-03 07:30", True, "2026-08-03 07:30"),
        ("2026-08-03 15:59:59", True, "2026-08-03 15:59:59"),
        ("2026-08-03 16:00", False, "2026-08-04 07:30"),
        ("2026-08-07 16:15", True, "2026-08-07 16:15"),
        ("2026-08-08 10:00", False, "2026-08-10 07:30"),
        ("2026-08-17 10:00", False, "2026-08-18 07:30"),
        ("2026-03-02 07:45", False, "2026-03-02 08:00"),
        ("2026-12-24 10:00", False, "2026-12-28 07:30"),
    ],
)
def test_nobody_is_told_that_the_desk_is_open_while_it_is_closed(
    city: Calendar, moment: str, is_open: bool, next_open: str
) -> None:
    assert city.is_open(wib(moment)) is is_open
    assert city.next_open(wib(moment)) == wib(next_open)


def test_a_holiday_costs_the_desk_no_service_time(city: Calendar) -> None:
    assert city.between(wib("2026-08-14 16:00"), wib("2026-08-18 08:00")) == timedelta(hours=1)
    assert city.between(wib("2026-08-18 08:00"), wib("2026-08-14 16:00")) == timedelta()


def test_service_time_of_a_ticket_that_lay_over_new_year_is_counted_whole(city: Calendar) -> None:
    assert city.between(wib("2026-12-31 15:00"), wib("2027-01-01 08:30")) == timedelta(hours=2)


def test_a_special_day_inside_ramadan_is_not_forgotten() -> None:
    early = {"from": date(2026, 3, 4), "to": date(2026, 3, 4), "wednesday": ["08:00-11:00"]}
    desk = calendar(hours(**WEEK, exceptions=[RAMADAN, early]), (), "Asia/Jakarta")
    assert desk.next_open(wib("2026-03-04 11:00")) == wib("2026-03-05 08:00")


def test_a_saturday_that_an_exception_opens_is_served() -> None:
    extra = {"from": date(2026, 8, 8), "to": date(2026, 8, 8), "saturday": ["08:00-12:00"]}
    desk = calendar(hours(**WEEK, exceptions=[extra]), (), "Asia/Jakarta")
    assert desk.add(wib("2026-08-07 16:20"), duration("30 service minutes")) == wib("2026-08-08 08:20")


def test_a_desk_that_is_always_open_never_closes_at_midnight() -> None:
    desk = calendar(hours(**every_day("00:00-24:00")), (), "Asia/Jakarta")
    midnight = wib("2026-12-31 23:50")
    assert desk.add(midnight, duration("30 service minutes")) == midnight + timedelta(minutes=30)
    assert desk.is_open(wib("2027-01-01 00:00"))


@pytest.mark.parametrize(("day", "length"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_no_hour_is_lost_or_counted_twice_when_the_clocks_change(day: str, length: int) -> None:
    desk = calendar(hours(**every_day("00:00-24:00")), (), "Europe/Berlin")
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    assert desk.between(start, start + timedelta(days=1)) == timedelta(hours=length)


def test_hours_that_the_clocks_skip_are_not_served_twice() -> None:
    night = every_day("01:00-02:30", "03:00-04:00")
    desk = calendar(hours(**night), (), "Europe/Berlin")
    before, after = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 6, tzinfo=UTC)
    assert desk.between(before, after) == timedelta(hours=2)  # 01:00 to 02:00 and 03:00 to 04:00


def test_a_desk_that_is_never_open_says_so_and_does_not_search_for_ever() -> None:
    never = {"from": date(2000, 1, 1), "to": date(2100, 1, 1), **every_day()}
    desk = calendar(hours(**WEEK, exceptions=[never]), (), "Asia/Jakarta")
    moment = wib("2026-08-03 09:00")
    for unit in ("service minutes", "working days", "calendar days"):
        with pytest.raises(ValueError, match="not enough time within 10 years of 2026-08-03 09:00"):
            desk.add(moment, duration(f"1 {unit}" if unit != "calendar days" else "0 calendar days"))


def test_a_moment_without_a_time_zone_is_refused_and_not_guessed(city: Calendar) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        city.is_open(datetime(2026, 8, 3, 9, 0))  # noqa: DTZ001  # naive on purpose


ZONES = {
    name: calendar(
        hours(
            monday=["00:00-02:30", "03:00-24:00"],
            tuesday=["00:00-24:00"],
            thursday=["07:30-12:00", "13:00-16:00"],
            sunday=["00:15-02:15", "02:45-03:10"],
        ),
        [date(2026, 3, 30)],
        name,
    )
    # Whole hours, half an hour (Lord Howe), at midnight (Santiago), and a day that never was (Apia, 2011).
    for name in ("Asia/Jakarta", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia")
}
MOMENTS = st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # naive


@settings(max_examples=150, deadline=None)
@given(zone=st.sampled_from(sorted(ZONES)), moment=MOMENTS, minutes=st.integers(1, 20_000))
def test_the_time_promised_is_the_time_measured(zone: str, moment: datetime, minutes: int) -> None:
    desk = ZONES[zone]
    due = desk.add(moment, duration(f"{minutes} service minutes"))
    assert desk.between(moment, due) == timedelta(minutes=minutes)
    assert desk.between(moment, due - timedelta(seconds=1)) < timedelta(minutes=minutes)


@settings(max_examples=100, deadline=None)
@given(
    zone=st.sampled_from(sorted(ZONES)),
    moment=MOMENTS,
    later=st.timedeltas(timedelta(), timedelta(days=30)),
    within=st.sampled_from(["45 service minutes", "9 service hours", "3 working days", "7 calendar days"]),
)
def test_who_wrote_earlier_is_never_promised_later(
    zone: str, moment: datetime, later: timedelta, within: str
) -> None:
    desk = ZONES[zone]
    assert desk.add(moment, duration(within)) <= desk.add(moment + later, duration(within))


@settings(max_examples=100, deadline=None)
@given(zone=st.sampled_from(sorted(ZONES)), moment=MOMENTS)
def test_the_next_opening_is_open_and_nothing_was_served_before_it(zone: str, moment: datetime) -> None:
    desk = ZONES[zone]
    opening = desk.next_open(moment)
    assert desk.is_open(opening)
    assert opening.tzinfo is UTC
    assert desk.between(moment, opening) == timedelta()
