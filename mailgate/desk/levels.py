"""Who is asked next, up and down the escalation chain?"""

from dataclasses import dataclass, replace

from mailgate.desk.changes import opened
from mailgate.desk.decision import Result, Template
from mailgate.desk.people import holder_of, may_see
from mailgate.desk.situation import Counter
from mailgate.desk.ticket import Ticket
from mailgate.settings import Staff

HEAD = "pimpinan"


@dataclass(frozen=True, slots=True)
class Asked:
    """Where a ticket goes, and who is told."""

    ticket: Ticket
    people: tuple[Staff, ...]
    template: Template
    """ESCALATION to the head, DELEGATION to everybody else."""


def above(ticket: Ticket, counter: Counter) -> Asked | Result:
    """The next level, or why there is none.

    Whoever works on it keeps it while the head decides; otherwise the one who is asked has it.
    """
    desk, level = counter.desk, _stands_at(ticket, counter) + 1
    if level >= len(desk.levels):
        return Result.LEVEL_TOP
    if desk.levels[level].external:
        return Result.LEVEL_OUTSIDE
    everybody = desk.level_staff(level)
    if any(one.categories for one in everybody) and ticket.category is None and not ticket.confidential:
        return Result.CATEGORY_MISSING
    people = _of_category(everybody, ticket)
    if desk.levels[level].role == HEAD:
        return Asked(replace(opened(ticket), level=level), people, Template.ESCALATION)
    holder = people[0].address if len(people) == 1 else None
    return Asked(replace(opened(ticket), level=level, holder=holder), people, Template.DELEGATION)


def below(ticket: Ticket, counter: Counter) -> Asked | Result:
    """The level that asked; whoever of it still has the ticket keeps it.

    Of a complaint that is the next one where somebody may see it.
    """
    desk, level = counter.desk, min(_stands_at(ticket, counter), len(counter.desk.levels)) - 1
    if level < 0:
        return Result.LEVEL_BOTTOM
    while level > 0 and not any(may_see(ticket, one, counter) for one in desk.level_staff(level)):
        level -= 1
    holder = desk.staff_by_address(ticket.holder) if ticket.holder else None
    everybody = desk.level_staff(level)
    if holder not in everybody:
        few = _of_category(everybody, ticket)
        holder = few[0] if len(few) == 1 else None
    people = (holder,) if holder else everybody
    back = replace(ticket, level=level, holder=holder.address if holder else None)
    return Asked(back, people, Template.NOTIFICATION)


def _stands_at(ticket: Ticket, counter: Counter) -> int:
    """The level that works on it: #tugas may have given it to somebody above its own."""
    holder = holder_of(ticket, counter)
    return max(ticket.level, counter.desk.level_of(holder) if holder else 0)


def _of_category(people: tuple[Staff, ...], ticket: Ticket) -> tuple[Staff, ...]:
    """Those who have the ticket's category, or all where that is nobody."""
    return tuple(one for one in people if ticket.category in one.categories) or people


def of_role(role: str, ticket: Ticket, counter: Counter) -> tuple[Staff, ...]:
    """Those of a role who are to hear of a ticket."""
    return _of_category(counter.desk.role_staff(role), ticket)
