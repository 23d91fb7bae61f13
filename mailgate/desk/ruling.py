"""What does a rule's verdict do to a ticket?"""

from dataclasses import replace

from mailgate.desk import levels
from mailgate.desk.changes import with_due
from mailgate.desk.people import seen_by_holder
from mailgate.desk.rules import Ruling
from mailgate.desk.situation import Counter
from mailgate.desk.ticket import Suggestion, Ticket


def suggestion(ruling: Ruling) -> Suggestion:
    """What the rule sets, as data of the ticket."""
    to = ruling.set
    return Suggestion(ruling.number, to.work, to.category, to.priority, to.holder, to.role, to.confidential)


def judged(ticket: Ticket, ruling: Ruling | None, counter: Counter) -> Ticket:
    """A new ticket as the first rule that matches wants it; or with what that rule only proposes."""
    if ruling is None:
        return ticket
    if ruling.set.suggest:
        return replace(ticket, suggestion=suggestion(ruling))
    return ruled(ticket, suggestion(ruling), counter)


def ruled(ticket: Ticket, to: Suggestion, counter: Counter) -> Ticket:
    """Everything that is named is set; a name that the settings no longer know is left alone."""
    work = counter.desk.work_of(to.work)
    category = to.category if to.category in counter.desk.categories else None
    usual = work.category if work and work.category else None
    ticket = replace(
        ticket,
        work=work.code if work else ticket.work,
        category=category or ticket.category or usual,
        priority=to.priority or ticket.priority,
        confidential=ticket.confidential or bool(to.confidential),
        suggestion=None,
    )
    return with_due(seen_by_holder(_held(ticket, to, counter), counter), counter)


def _held(ticket: Ticket, to: Suggestion, counter: Counter) -> Ticket:
    """Given to a person, or to a role: to its level, and to its one member where there is just one."""
    desk = counter.desk
    holder = desk.staff_by_address(to.holder) if to.holder else None
    if to.role is not None:
        people = levels.of_role(to.role, ticket, counter)
        holder = holder or (people[0] if len(people) == 1 else None)
        found = [number for number, level in enumerate(desk.levels) if level.role == to.role]
        ticket = replace(ticket, level=found[0] if found else ticket.level)
    return replace(ticket, holder=holder.address) if holder else ticket


def named_in(to: Suggestion, counter: Counter) -> tuple[str, ...]:
    """What is proposed, in the office's own words: for receipts and notifications."""
    desk = counter.desk
    work = desk.work_of(to.work)
    holder = desk.staff_by_address(to.holder) if to.holder else None
    named = (
        work.name if work else None,
        desk.categories.get(to.category or ""),
        str(to.priority) if to.priority else None,
        holder.name if holder else to.role,
    )
    return tuple(one for one in named if one)
