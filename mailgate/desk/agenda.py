"""What has one member of the staff to do this morning?"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from mailgate.desk import letters
from mailgate.desk.decision import Agenda, Decision, DigestSent, Effect, Handling
from mailgate.desk.people import holder_of, may_see
from mailgate.desk.situation import Counter
from mailgate.desk.ticket import Status, Ticket
from mailgate.settings import Staff

MOST = 40
"""Lines in one mail: more nobody reads."""


def agenda(
    staff: Staff,
    tickets: Iterable[Ticket],
    now: datetime,
    counter: Counter,
    junk: int = 0,
    *,
    of_all: bool = False,
) -> Agenda:
    """Sorted into what is pressing; `tickets`: unfinished ones of theirs, and unheld ones of the desk.

    `of_all`: what is overdue in the hands of others as well, for whom reminders of it were kept back.
    """
    placed: dict[str | None, list[Ticket]] = defaultdict(list)
    for one in tickets:
        if may_see(one, staff, counter):
            placed[_place(one, staff, now, counter, of_all=of_all)].append(one)
    overdue, today, mine, waiting, unheld = (
        tuple(placed[name]) for name in ("overdue", "due_today", "mine", "waiting", "unheld")
    )
    found = Agenda(overdue, today, mine, waiting, unheld)
    return replace(_cut(found), junk=junk if counter.desk.level_of(staff) == 0 else 0)


def _place(ticket: Ticket, staff: Staff, now: datetime, counter: Counter, *, of_all: bool) -> str | None:
    """The list of an Agenda that it belongs into; None: into none of this person's."""
    late = ticket.due_at is not None and ticket.due_at < now
    if (holder := holder_of(ticket, counter)) == staff:
        if ticket.status is Status.PENDING:
            return "waiting"
        if late:
            return "overdue"
        return "due_today" if _is_due_today(ticket, now, counter) else "mine"
    if holder is None and staff in letters.responsible(ticket, counter) and _fits(ticket, staff):
        return "unheld"
    return "overdue" if of_all and late else None


def stands_on_list(ticket: Ticket, staff: Staff, now: datetime, counter: Counter) -> bool:
    """Whether this person's list shows it where reminders were kept back."""
    of_all = counter.desk.leads(staff)
    return may_see(ticket, staff, counter) and _place(ticket, staff, now, counter, of_all=of_all) is not None


def _fits(ticket: Ticket, staff: Staff) -> bool:
    return not staff.categories or ticket.category is None or ticket.category in staff.categories


def _is_due_today(ticket: Ticket, now: datetime, counter: Counter) -> bool:
    until = ticket.due_at or ticket.promised_due_at
    zone = counter.calendar.zone
    return until is not None and until.astimezone(zone).date() == now.astimezone(zone).date()


def _cut(found: Agenda) -> Agenda:
    """At most so many lines, the pressing ones first."""
    room, left_out = MOST, 0
    lists: list[Sequence[Ticket]] = []
    for some in (found.overdue, found.due_today, found.unheld, found.mine, found.waiting):
        lists.append(some[:room])
        left_out += len(some) - len(some[:room])
        room -= len(some[:room])
    overdue, today, free, rest, waiting = (tuple(one) for one in lists)
    return Agenda(overdue, today, rest, waiting, free, left_out)


def morning(staff: Staff, found: Agenda, now: datetime, counter: Counter) -> Decision:
    """The list, or nothing where there is nothing to do."""
    day = now.astimezone(counter.calendar.zone).date()
    effects: list[Effect] = [DigestSent(staff.address, day)]
    if not found.empty:
        effects.append(letters.digest(staff, found))
    what = "nothing to do" if found.empty else "the morning's list"
    return Decision(Handling.FILED, f"{what} for {staff.address}", None, tuple(effects))
