"""What does time do? tick(): one transaction for each ticket that is due."""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial

from mailgate import settings as shape
from mailgate.desk import agenda, escalating, floods, watch
from mailgate.desk.calendar import missing_years
from mailgate.desk.changes import FINISHED
from mailgate.desk.decision import Flood, Letter
from mailgate.desk.followup import survivor
from mailgate.desk.situation import Counter
from mailgate.desk.ticket import Ticket
from mailgate.errors import TemporaryError
from mailgate.gateway import canary
from mailgate.gateway.loaded import Clock, Office, ladder
from mailgate.gateway.recording import alerted, recorded
from mailgate.outbox.retry import LONGEST_PAUSE
from mailgate.store import alerts, digests, mails, outbox, situations, submission, tickets
from mailgate.store import floods as known_floods
from mailgate.store.database import Connection, Store
from mailgate.store.lately import CLOCKS_DIFFER

log = logging.getLogger("mailgate")

AT_ONCE = 50
"""Tickets that are due, looked up in one go."""
TOLD_AGAIN_AFTER = timedelta(hours=1)
LOOKED_AT_AGAIN_AFTER = timedelta(hours=1)
STORM_FROM = 10
"""More tickets of a desk than this are due at once: each person gets one list instead of a mail for each."""
MOST_LISTED = 400
"""Tickets looked at for one person's list."""
REMINDED_OF_HOLIDAYS_EVERY = timedelta(days=30)


def tick(office: Office, store: Store, clock: Clock) -> int:
    """Let time act; returns how many decisions that came to. One transaction for each ticket."""
    now = clock()
    desks = list(office.counters)
    with store.writing() as write:
        _bound(office, write, now)
        outbox.recover(write, now, alone=False)
    for counter in office.counters.values():
        _acted(store, partial(_look_again, counter=counter, now=now))
    with store.reading() as look:
        storms = {key for key, count in tickets.due_counts(look, desks, now).items() if count > STORM_FROM}
        # Another instance may be in the middle of a storm, of which few are left to be counted.
        storms |= {key for key in desks if digests.owed(look, key)}
    done = _acted_on_all(office, store, desks, now, storms)
    for counter in office.counters.values():
        done += _tell_of_floods(office, store, counter, now)
        done += _remind_of_the_day(office, store, counter, now)
        _acted(store, partial(canary.by_time, office, counter=counter, now=now))
        _acted(store, partial(_tell_of_set_aside, office, counter=counter, now=now))
        _acted(store, partial(_tell_of_missing_holidays, office, counter=counter, now=now))
    return done


def _bound(office: Office, write: Connection, now: datetime) -> None:
    """A clock that ran ahead and was set back leaves plans behind that nobody would live to see."""
    longest = {key: ladder(counter.desk).longest for key, counter in office.counters.items()}
    if moved := outbox.bound(write, now, longest) + submission.bound(write, now, LONGEST_PAUSE):
        log.warning("the clock was ahead: %d mails or pauses were planned by it and wait no longer", moved)


def _look_again(write: Connection, *, counter: Counter, now: datetime) -> str | None:
    """Other escalations or hours than before: the moments in the rows were worked out by the old ones."""
    kind = f"watched by {watch.fingerprint(counter)}{_of_a_wrong_clock(write, counter, now)}"
    if alerts.last(write, counter.key, kind, now) is not None:
        return None
    others = alerts.forget(write, counter.key, "watched by ")
    alerts.told(write, counter.key, kind, now)
    if not others:  # the first ones this desk ever had: every row was worked out by these
        return None
    tickets.look_again(write, counter.key, now)
    return f"desk={counter.key}: time looks at every open ticket anew, its rules, hours or clock have changed"


def _of_a_wrong_clock(write: Connection, counter: Counter, now: datetime) -> str:
    """Names the mail that left in the future, if one did: when time looks next was worked out there, too."""
    newest = outbox.newest_sent(write, counter.key)
    ahead = newest is not None and newest >= now + CLOCKS_DIFFER
    return f", the clock was ahead {newest:%Y-%m-%dT%H:%M:%SZ}" if ahead else ""


def _due(store: Store, desks: Sequence[str], now: datetime) -> list[str]:
    with store.reading() as look:
        return tickets.due(look, desks, now, AT_ONCE)


def _acted_on_all(
    office: Office, store: Store, desks: Sequence[str], now: datetime, storms: Collection[str]
) -> int:
    """What another instance is working on is passed over at first, so that both share the work.

    At the end it is waited for: the lists of `_remind_of_the_day` rest on what came of every ticket.
    """
    done, busy = 0, set[str]()
    while due := [number for number in _due(store, desks, now) if number not in busy]:
        done += sum(_acted_on(office, store, number, now, storms, busy) for number in due)
    return done + sum(_acted_on(office, store, number, now, storms, None) for number in sorted(busy))


def _acted_on(
    office: Office, store: Store, number: str, now: datetime, storms: Collection[str], busy: set[str] | None
) -> bool:
    """A ticket on which time cannot act stands in nobody's way: it is looked at again in an hour.

    One that is in other hands goes to `busy`, or is waited for where that is None.
    """
    if _acted(store, partial(_act, office, number=number, now=now, storms=storms, busy=busy)):
        return True
    with store.writing() as write:
        tickets.postpone(write, number, now + LOOKED_AT_AGAIN_AFTER)
    return False


def _act(
    office: Office,
    write: Connection,
    *,
    number: str,
    now: datetime,
    storms: Collection[str],
    busy: set[str] | None,
) -> str | None:
    ticket = (
        tickets.locked(write, [number])[number] if busy is None else tickets.locked_at_once(write, number)
    )
    if ticket is None:
        if busy is not None:
            busy.add(number)
        return None
    if ticket.watch_at is None or ticket.watch_at > now:
        return f"{number} is not due any more"  # somebody was quicker
    counter = office.counters[ticket.desk]
    situation = situations.without_mail(write, ticket, counter, now)
    decision = escalating.acted(ticket, situation, counter, quiet=ticket.desk in storms)
    return recorded(office, write, counter, decision, now, None, situation.tickets)


def _tell_of_floods(office: Office, store: Store, counter: Counter, now: datetime) -> int:
    """How much it was, once it is over; hourly while it lasts."""
    with store.reading() as look:
        due = [one for one in known_floods.untold(look, counter.key) if floods.is_due(one, now)]
        old = known_floods.is_old(look, counter.key, now - floods.FORGOTTEN_AFTER)
    if old:
        with store.writing() as write:
            known_floods.forget(write, counter.key, now - floods.FORGOTTEN_AFTER)
    return sum(
        _acted(store, partial(_sum_up, office, counter=counter, flood=flood, now=now)) for flood in due
    )


def _sum_up(office: Office, write: Connection, *, counter: Counter, flood: Flood, now: datetime) -> str:
    found = tickets.with_survivors(write, flood.number)
    again = known_floods.again(write, counter.key, flood)
    if again is None or not floods.is_due(again, now):
        return f"{flood.number}: staff know of the flood"  # somebody was quicker
    ticket = survivor(flood.number, found)
    situation = situations.without_mail(write, ticket, counter, now)
    subjects = known_floods.subjects(write, counter.key, again, floods.MOST_SUBJECTS)
    decision = floods.summed_up(again, subjects, ticket, situation, counter)
    return recorded(office, write, counter, decision, now, None, situation.tickets)


def _remind_of_the_day(office: Office, store: Store, counter: Counter, now: datetime) -> int:
    """In service hours everybody has the day's list once, and at once where reminders were kept back."""
    if not counter.calendar.is_open(now):
        return 0
    day = now.astimezone(office.timezone).date()
    with store.reading() as look:
        owed = digests.owed(look, counter.key)
        served = digests.served(look, counter.key, day)
    everybody = {one.address.casefold(): one for one in counter.desk.staff}
    wanted = (everybody.keys() - served) if counter.desk.digest else owed & everybody.keys()
    return sum(
        _acted(store, partial(_list, office, counter=counter, staff=everybody[key], now=now))
        for key in sorted(wanted)
    )


def _list(office: Office, write: Connection, *, counter: Counter, staff: shape.Staff, now: datetime) -> str:
    if not digests.still_wanted(write, counter.key, staff.address, now.astimezone(office.timezone).date()):
        return f"{staff.address} has the list"  # somebody was quicker
    others = [one.address for one in counter.desk.staff if one != staff]
    todo = tickets.of_staff(write, counter.key, staff.address, others, MOST_LISTED)
    # Whoever leads was to be reminded of what others have: their list must show it, or nobody hears of it.
    of_all = counter.desk.leads(staff) and staff.address.casefold() in digests.owed(write, counter.key)
    if of_all:
        todo = _with_late_ones(todo, tickets.listed(write, tickets.Wanted(counter.key, overdue_at=now)))
    junk = digests.junk_mails(write, counter.key)
    found = agenda.agenda(staff, todo, now, counter, junk, of_all=of_all)
    decision = agenda.morning(staff, found, now, counter)
    return recorded(office, write, counter, decision, now, None)


def _with_late_ones(todo: Sequence[Ticket], late: Iterable[Ticket]) -> list[Ticket]:
    known = {one.number for one in todo}
    return [*todo, *(one for one in late if one.number not in known and one.status not in FINISHED)]


def _acted(store: Store, act: Callable[[Connection], str | None]) -> bool:
    """Whether one act of time went through; one that cannot be done leaves the others alone."""
    try:
        said = store.written(act)
    except TemporaryError:
        raise
    except Exception:
        log.exception("time could not act")
        return False
    if said:
        log.info("%s", said)
    return True


def _tell_of_set_aside(office: Office, write: Connection, *, counter: Counter, now: datetime) -> str | None:
    """One mail an hour at the most, and only when something came since."""
    newest = mails.newest_aside(write, counter.key)
    last = alerts.last(write, counter.key, "set_aside", now)
    if newest is None or (last is not None and now - last < TOLD_AGAIN_AFTER):
        return None
    # Not whether it is newer than `last`: what was set aside before that may have become visible after it,
    # at the end of a long transaction or by the clock of another instance.
    up_to = alerts.last(write, counter.key, "set_aside up to", now)
    if up_to is not None and newest <= up_to:
        return None
    alerts.told(write, counter.key, "set_aside", now)
    alerts.told(write, counter.key, "set_aside up to", newest)
    return alerted(office, write, counter, Letter(waiting=tuple(mails.aside(write, counter.key))), now)


def _tell_of_missing_holidays(
    office: Office, write: Connection, *, counter: Counter, now: datetime
) -> str | None:
    """Once a month, in service hours: due moments would count the holidays of such a year as work."""
    missing = missing_years(counter.calendar.holidays, now.astimezone(office.timezone).date())
    without = not office.settings.hours_of(counter.desk).holidays  # whoever names no file wants none
    if without or not missing or not counter.calendar.is_open(now):
        return None
    last = alerts.last(write, counter.key, "holidays", now)
    if last is not None and now - last < REMINDED_OF_HOLIDAYS_EVERY:
        return None
    alerts.told(write, counter.key, "holidays", now)
    years = " and ".join(str(year) for year in missing)
    trouble = f"no holidays of {years} are known: mailgate holidays {missing[0]} proposes them"
    return alerted(office, write, counter, Letter(trouble=trouble), now)
