"""Can a disputed figure be checked by hand, and does more time never mean an earlier promise?"""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.desk.calendar import Calendar, calendar, missing_years
from mailgate.settings import DurationUnit, Hours, duration, load_holidays, shipped

WORKDAYS = ("monday", "tuesday", "wednesday", "thursday")
INSTANT = timedelta(microseconds=1)
NONE = timedelta()

CITY: dict[str, object] = {
    **{day: ["07:30-16:00"] for day in WORKDAYS},
    "friday": ["07:30-16:30"],
    "exceptions": [
        {
            "from": date(2026, 2, 19),
            "to": date(2026, 3, 20),
            **{day: ["08:00-15:00"] for day in WORKDAYS},
            "friday": ["08:00-15:30"],
        }
    ],
}
BREAKS: dict[str, object] = {
    **{day: ["07:30-12:00", "13:00-16:00"] for day in WORKDAYS},
    "friday": ["07:30-11:30", "13:00-16:30"],
    "exceptions": [
        {"from": date(2026, 2, 19), "to": date(2026, 3, 20), "monday": ["08:00-12:00"], "friday": []}
    ],
}
SHIFTS: dict[str, object] = {
    day: ["00:00-02:30", "03:00-10:15", "22:00-24:00"] for day in (*WORKDAYS, "saturday", "sunday")
}


@pytest.fixture(scope="module")
def city() -> Calendar:
    return desk_with(CITY, "Asia/Jakarta")


def desk_with(hours: dict[str, object], zone: str) -> Calendar:
    return calendar(Hours.model_validate(hours), load_holidays(shipped("holidays.toml")), zone)


def wib(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Jakarta")).astimezone(UTC)


# No daylight saving; an hour of it; half an hour; an hour at midnight.
ZONES = ("Asia/Jakarta", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago")
DESKS = {
    f"{name} {zone}": desk_with(hours, zone)
    for name, hours in (("city", CITY), ("breaks", BREAKS), ("shifts", SHIFTS))
    for zone in ZONES
}
UNITS = {unit: 90 if "day" in unit else 9_000 if "minute" in unit else 200 for unit in DurationUnit}

desks = st.sampled_from(sorted(DESKS)).map(DESKS.__getitem__)
moments = st.datetimes(datetime(2025, 6, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # naive
amounts = st.timedeltas(NONE, timedelta(hours=300))
fractions = st.fractions(0, 1, max_denominator=500)


@st.composite
def edges(draw: st.DrawFn) -> tuple[Calendar, datetime]:
    """A desk, and a moment within half an hour of its opening or closing: where promises go wrong."""
    desk, moment = draw(desks), draw(moments)
    piece = draw(st.sampled_from(desk.intervals(moment, moment + timedelta(days=30))))
    return desk, draw(st.sampled_from(piece)) + timedelta(minutes=draw(st.integers(-30, 30)))


def is_served(desk: Calendar, moment: datetime) -> bool:
    """Open, or the very instant of closing."""
    return desk.is_open(moment) or desk.is_open(moment - INSTANT)


# --- The pieces that are counted ---


@pytest.mark.parametrize(
    ("a", "b", "pieces"),
    [
        (
            "2026-08-14 14:00",
            "2026-08-18 08:00",
            [("2026-08-14 14:00", "2026-08-14 16:30"), ("2026-08-18 07:30", "2026-08-18 08:00")],
        ),
        (
            "2026-03-17 14:50",
            "2026-03-25 07:50",
            [("2026-03-17 14:50", "2026-03-17 15:00"), ("2026-03-25 07:30", "2026-03-25 07:50")],
        ),
        (
            "2026-02-17 12:00",
            "2026-02-19 20:00",
            [("2026-02-18 07:30", "2026-02-18 16:00"), ("2026-02-19 08:00", "2026-02-19 15:00")],
        ),
        (
            "2026-12-31 15:30",
            "2027-01-01 07:45",
            [("2026-12-31 15:30", "2026-12-31 16:00"), ("2027-01-01 07:30", "2027-01-01 07:45")],
        ),
        ("2026-08-04 09:12", "2026-08-04 09:42", [("2026-08-04 09:12", "2026-08-04 09:42")]),
        ("2026-08-08 09:00", "2026-08-09 21:00", []),
        ("2026-08-04 16:00", "2026-08-05 07:30", []),
        ("2026-08-04 09:42", "2026-08-04 09:42", []),
        ("2026-08-05 09:00", "2026-08-04 09:00", []),
    ],
)
def test_whoever_disputes_a_figure_is_shown_every_piece_of_time_that_was_counted(
    city: Calendar, a: str, b: str, pieces: list[tuple[str, str]]
) -> None:
    assert city.intervals(wib(a), wib(b)) == [(wib(opens), wib(closes)) for opens, closes in pieces]


def test_the_break_is_not_counted_and_is_seen_not_to_be() -> None:
    desk = desk_with(BREAKS, "Asia/Jakarta")
    assert desk.intervals(wib("2026-08-07 11:00"), wib("2026-08-07 13:30")) == [
        (wib("2026-08-07 11:00"), wib("2026-08-07 11:30")),
        (wib("2026-08-07 13:00"), wib("2026-08-07 13:30")),
    ]


def test_the_hour_that_is_there_twice_is_one_piece_of_two_hours() -> None:
    desk = desk_with({"sunday": ["02:00-03:00"]}, "Europe/Berlin")
    night = datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 6, tzinfo=UTC)
    assert desk.intervals(*night) == [
        (datetime(2026, 10, 25, 0, tzinfo=UTC), datetime(2026, 10, 25, 2, tzinfo=UTC))
    ]


def test_pieces_of_moments_without_a_time_zone_are_refused_and_not_guessed(city: Calendar) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        city.intervals(datetime(2026, 8, 3, 9), datetime(2026, 8, 3, 10))  # noqa: DTZ001  # naive on purpose


@settings(max_examples=200, deadline=None)
@given(desk=desks, a=moments, b=moments)
def test_the_pieces_add_up_to_the_figure(desk: Calendar, a: datetime, b: datetime) -> None:
    pieces = desk.intervals(a, b)
    assert sum((closes - opens for opens, closes in pieces), NONE) == desk.between(a, b)
    for opens, closes in pieces:
        assert a <= opens < closes <= b
        assert desk.is_open(opens)
        assert desk.is_open(closes - INSTANT)
    assert all(earlier <= later for (_, earlier), (later, _) in pairwise(pieces))


# --- So much service time later ---


def test_a_due_moment_at_closing_that_was_paused_for_no_time_does_not_move_to_the_morning(
    city: Calendar,
) -> None:
    closing = wib("2026-08-03 16:00")
    assert city.add_time(closing, NONE) == closing
    assert city.add_time(closing, INSTANT) == wib("2026-08-04 07:30") + INSTANT


def test_a_pause_is_given_back_to_the_microsecond(city: Calendar) -> None:
    pause = city.between(wib("2026-08-06 15:59:59.25"), wib("2026-08-07 07:30:00.5"))
    assert pause == timedelta(seconds=1.25)
    assert city.add_time(wib("2026-08-07 16:30"), pause) == wib("2026-08-10 07:30:01.25")


def test_a_pause_before_it_began_is_refused_and_takes_no_time_from_the_desk(city: Calendar) -> None:
    with pytest.raises(ValueError, match="less than no time"):
        city.add_time(wib("2026-08-03 09:00"), -INSTANT)


@pytest.mark.parametrize("amount", [NONE, timedelta(hours=1)])
def test_a_pause_from_a_moment_without_a_time_zone_is_refused_and_not_guessed(
    city: Calendar, amount: timedelta
) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        city.add_time(datetime(2026, 8, 3, 9), amount)  # noqa: DTZ001  # naive on purpose


@settings(max_examples=200, deadline=None)
@given(desk=desks, moment=moments, amount=amounts)
def test_time_that_is_added_is_the_time_that_is_measured_and_not_an_instant_more(
    desk: Calendar, moment: datetime, amount: timedelta
) -> None:
    later = desk.add_time(moment, amount)
    assert later.tzinfo is UTC
    assert desk.between(moment, later) == amount
    assert amount == NONE or desk.between(moment, later - INSTANT) < amount


@settings(max_examples=200, deadline=None)
@given(desk=desks, a=moments, b=moments)
def test_the_time_that_was_measured_leads_back_to_where_it_ended(
    desk: Calendar, a: datetime, b: datetime
) -> None:
    a, b = sorted((a, desk.next_open(b)))
    ended = desk.add_time(a, desk.between(a, b))
    assert desk.between(ended, b) == NONE
    assert ended <= b
    assert ended == b or not desk.is_open(b - INSTANT)


@settings(max_examples=200, deadline=None)
@given(desk=desks, moment=moments, first=amounts, second=amounts)
def test_two_pauses_cost_as_much_as_one_of_both_lengths(
    desk: Calendar, moment: datetime, first: timedelta, second: timedelta
) -> None:
    once = desk.add_time(moment, first + second)
    assert desk.add_time(desk.add_time(moment, first), second) == once


# --- Due moments ---


@pytest.mark.parametrize("unit", UNITS)
@settings(max_examples=200, deadline=None)
@given(edge=edges(), fraction=fractions)
def test_nothing_falls_due_while_nobody_is_there(
    unit: DurationUnit, edge: tuple[Calendar, datetime], fraction: float
) -> None:
    desk, moment = edge
    due = desk.add(moment, duration(f"{int(fraction * UNITS[unit])} {unit}"))
    assert due >= moment
    assert is_served(desk, due)


@pytest.mark.parametrize("unit", UNITS)
@settings(max_examples=100, deadline=None)
@given(edge=edges(), one=fractions, other=fractions)
def test_more_time_is_never_due_earlier(
    unit: DurationUnit, edge: tuple[Calendar, datetime], one: float, other: float
) -> None:
    desk, moment = edge
    less, more = sorted(int(fraction * UNITS[unit]) for fraction in (one, other))
    assert desk.add(moment, duration(f"{less} {unit}")) <= desk.add(moment, duration(f"{more} {unit}"))


@settings(max_examples=100, deadline=None)
@given(
    desk=desks,
    moment=moments,
    unit=st.sampled_from([DurationUnit.SERVICE_MINUTES, DurationUnit.SERVICE_HOURS]),
    amount=st.integers(1, 400),
)
def test_a_promise_in_service_time_is_as_long_as_it_says(
    desk: Calendar, moment: datetime, unit: DurationUnit, amount: int
) -> None:
    length = timedelta(minutes=amount) * (60 if unit is DurationUnit.SERVICE_HOURS else 1)
    due = desk.add(moment, duration(f"{amount} {unit}"))
    assert desk.between(moment, due) == length
    assert due == desk.add_time(moment, length)


# --- A year that nobody wrote down ---


@pytest.mark.parametrize(
    ("written", "today", "missing"),
    [
        ((2026,), "2026-10-31", ()),
        ((2026,), "2026-11-01", (2027,)),
        ((2026,), "2026-12-31", (2027,)),
        ((2026, 2027), "2026-12-31", ()),
        ((2027,), "2026-12-31", (2026,)),
        ((2026,), "2027-01-01", (2027,)),
        ((), "2026-10-31", (2026,)),
        ((), "2026-11-01", (2026, 2027)),
    ],
)
def test_the_coming_year_is_asked_for_before_somebody_is_promised_new_years_day(
    written: tuple[int, ...], today: str, missing: tuple[int, ...]
) -> None:
    holidays = [date(year, 1, 1) for year in written]
    assert missing_years(iter(holidays), date.fromisoformat(today)) == missing
