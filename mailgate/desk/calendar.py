"""When is somebody there, and when is a promise due?

Local time lives here and in the templates; what comes in and goes out is aware UTC. An interval of service
hours holds its opening instant and not its closing one, so a due moment may well be the closing instant.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from typing import assert_never
from zoneinfo import ZoneInfo

from mailgate.settings import Duration, DurationUnit, Hours, Interval

HORIZON_YEARS = 10
"""Further ahead nothing is looked for: hours that never come are a fault in the settings."""

COMING_YEAR_FROM_MONTH = 11
"""From November on the coming year's holidays are asked for: they are decreed by then, and promises near."""

_ONE_DAY = timedelta(days=1)


def calendar(hours: Hours, holidays: Iterable[date], timezone: str) -> "Calendar":
    """The calendar of a desk; a holiday closes whatever the hours say."""
    return Calendar(hours, frozenset(holidays), ZoneInfo(timezone))


def missing_years(holidays: Iterable[date], today: date) -> tuple[int, ...]:
    """The years whose holidays must be there `today` (local) and are not: their days would all be work."""
    wanted = (today.year, today.year + 1) if today.month >= COMING_YEAR_FROM_MONTH else (today.year,)
    known = {day.year for day in holidays}
    return tuple(year for year in wanted if year not in known)


@dataclass(frozen=True, slots=True)
class _Year:
    """The service time of one local year."""

    opens: tuple[datetime, ...]
    closes: tuple[datetime, ...]
    served: tuple[timedelta, ...]
    """Service time from the year's beginning to each closing."""
    days: tuple[date, ...]
    """The working days: those with any service time."""

    @property
    def total(self) -> timedelta:
        return self.served[-1] if self.served else timedelta()

    @property
    def spans(self) -> Iterable[tuple[datetime, datetime]]:
        return zip(self.opens, self.closes, strict=True)

    def until(self, moment: datetime) -> timedelta:
        """Service time from the year's beginning."""
        index = bisect_right(self.opens, moment)
        if index == 0:
            return timedelta()
        return self.served[index - 1] - max(timedelta(), self.closes[index - 1] - moment)

    def reached(self, served: timedelta) -> datetime:
        """The first instant with so much service time behind it; more than none, at most the total."""
        index = bisect_left(self.served, served)
        return self.closes[index] - (self.served[index] - served)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Service hours, holidays and a time zone."""

    hours: Hours
    holidays: frozenset[date]
    zone: ZoneInfo
    _years: dict[int, _Year] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Worked out once for each year; the same for everybody who asks."""

    def add(self, moment: datetime, duration: Duration) -> datetime:
        """When `duration` from `moment` is over.

        ValueError when the calendar has not so much service time in the next ten years.
        """
        match duration.unit:
            case DurationUnit.SERVICE_MINUTES:
                return self._add_service(moment, timedelta(minutes=duration.amount))
            case DurationUnit.SERVICE_HOURS:
                return self._add_service(moment, timedelta(hours=duration.amount))
            case DurationUnit.WORKING_DAYS:
                return self._add_working_days(moment, duration.amount)
            case DurationUnit.CALENDAR_DAYS:
                return self._add_calendar_days(moment, duration.amount)
            case _:
                assert_never(duration.unit)

    def before(self, moment: datetime, duration: Duration) -> datetime:
        """The last instant from which `duration` is over by `moment`: when to warn of it."""
        if duration.unit in (DurationUnit.SERVICE_MINUTES, DurationUnit.SERVICE_HOURS):
            unit = "minutes" if duration.unit is DurationUnit.SERVICE_MINUTES else "hours"
            wanted, back = timedelta(**{unit: duration.amount}), moment - timedelta(days=1)
            while self.between(back, moment) < wanted and moment - back < timedelta(days=366 * HORIZON_YEARS):
                back -= 2 * (moment - back)
            return self.add_time(back, self.between(back, moment) - wanted)
        day = self._local(moment).date()
        for _ in range(duration.amount):
            day -= _ONE_DAY
            while duration.unit is DurationUnit.WORKING_DAYS and day not in self._year(day.year).days:
                day -= _ONE_DAY
        return datetime.combine(day, self._local(moment).time(), self.zone).astimezone(UTC)

    def between(self, a: datetime, b: datetime) -> timedelta:
        """The service time from a to b; none when b is not after a."""
        first, last = self._local(a).year, self._local(b).year
        # Two moments of one zone are compared by their clock times, which is wrong around a change of clocks.
        if b.astimezone(UTC) <= a.astimezone(UTC):
            return timedelta()
        whole = sum((self._year(year).total for year in range(first, last)), timedelta())
        return whole + self._year(last).until(b) - self._year(first).until(a)

    def add_time(self, moment: datetime, amount: timedelta) -> datetime:
        """The first instant with so much service time after `moment`: with none of it `moment` itself.

        The inverse of `between`. ValueError as for `add`, and for an amount below nothing.
        """
        if amount < timedelta():
            raise ValueError(f"{amount} is less than no time")
        # Not the next opening: a due moment at closing that was paused for no time must stay where it is.
        return self._add_service(moment, amount) if amount else self._local(moment).astimezone(UTC)

    def intervals(self, a: datetime, b: datetime) -> list[tuple[datetime, datetime]]:
        """The service time from a to b piece by piece, in order: their lengths add up to `between`.

        One piece for each interval of a day that is written in the hours, cut off at a and b.
        """
        start, end = self._local(a).astimezone(UTC), self._local(b).astimezone(UTC)
        years = range(self._local(a).year, self._local(b).year + 1)
        served = (span for year in years for span in self._year(year).spans)
        cut = ((max(opens, start), min(closes, end)) for opens, closes in served)
        return [(opens, closes) for opens, closes in cut if opens < closes]

    def is_open(self, moment: datetime) -> bool:
        """Whether somebody is there at this instant."""
        year = self._year(self._local(moment).year)
        index = bisect_right(year.opens, moment)
        return index > 0 and moment < year.closes[index - 1]

    def next_open(self, moment: datetime) -> datetime:
        """The first instant from `moment` on at which somebody is there: `moment` itself when open."""
        if self.is_open(moment):
            return moment.astimezone(UTC)
        first = self._local(moment).year
        for year in self._ahead(first):
            index = bisect_left(year.opens, moment)
            if index < len(year.opens):
                return year.opens[index]
        raise self._never(moment)

    def _add_service(self, moment: datetime, amount: timedelta) -> datetime:
        if amount == timedelta():
            return self.next_open(moment)
        first = self._local(moment).year
        wanted = self._year(first).until(moment) + amount
        for year in self._ahead(first):
            if wanted <= year.total:
                return year.reached(wanted)
            wanted -= year.total
        raise self._never(moment)

    def _add_working_days(self, moment: datetime, amount: int) -> datetime:
        """The same clock time so many working days on; what came while closed came at the opening."""
        start = self._local(self.next_open(moment))
        return self._at(self._working_day(start, amount), start.time())

    def _working_day(self, start: datetime, amount: int) -> date:
        wanted = bisect_left(self._year(start.year).days, start.date()) + amount
        for year in self._ahead(start.year):
            if wanted < len(year.days):
                return year.days[wanted]
            wanted -= len(year.days)
        raise self._never(start)

    def _at(self, day: date, clock: time) -> datetime:
        """This clock time on a working day: not after its closing, and else when somebody is there."""
        moment = datetime.combine(day, clock, self.zone).astimezone(UTC)
        year = self._year(day.year)
        next_midnight = datetime.combine(day + _ONE_DAY, time(0), self.zone).astimezone(UTC)
        closing = year.closes[bisect_left(year.opens, next_midnight) - 1]
        return closing if moment >= closing else self.next_open(moment)

    def _add_calendar_days(self, moment: datetime, amount: int) -> datetime:
        # Arithmetic on local time keeps the clock time, whatever daylight saving does in between.
        return self.next_open(self._local(moment) + amount * _ONE_DAY)

    def _local(self, moment: datetime) -> datetime:
        if moment.tzinfo is None:
            raise ValueError(f"{moment} has no time zone")
        return moment.astimezone(self.zone)

    def _ahead(self, first: int) -> Iterable[_Year]:
        return (self._year(year) for year in range(first, first + HORIZON_YEARS + 1))

    def _never(self, moment: datetime) -> ValueError:
        local = self._local(moment)
        return ValueError(
            f"the service hours have not enough time within {HORIZON_YEARS} years of {local:%Y-%m-%d %H:%M}:"
            " look at hours, exceptions and holidays"
        )

    def _year(self, year: int) -> _Year:
        if year not in self._years:
            self._years[year] = self._worked_out(year)
        return self._years[year]

    def _worked_out(self, year: int) -> _Year:
        spans: list[tuple[datetime, datetime]] = []
        days: list[date] = []
        for ordinal in range(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal()):
            day = date.fromordinal(ordinal)
            today = self._spans(day, spans[-1][1] if spans else None)
            spans += today
            days += [day] if today else []
        lengths = accumulate(closes - opens for opens, closes in spans)
        return _Year(tuple(a for a, _ in spans), tuple(b for _, b in spans), tuple(lengths), tuple(days))

    def _spans(self, day: date, after: datetime | None) -> list[tuple[datetime, datetime]]:
        """The service hours of a day in UTC, none of it twice.

        Where clocks are put forward a time that is skipped counts with the old offset (PEP 495) and may lie
        behind the next opening: `after` is where the time already counted ends.
        """
        spans: list[tuple[datetime, datetime]] = []
        for interval in () if day in self.holidays else self.hours.on(day):
            opens, closes = self._instants(day, interval)
            opens = max(opens, after) if after else opens
            if opens < closes:
                spans.append((opens, closes))
                after = closes
        return spans

    def _instants(self, day: date, interval: Interval) -> tuple[datetime, datetime]:
        last = day + _ONE_DAY if interval.closes == time(0) else day
        opens = datetime.combine(day, interval.opens, self.zone)
        return opens.astimezone(UTC), datetime.combine(last, interval.closes, self.zone).astimezone(UTC)
