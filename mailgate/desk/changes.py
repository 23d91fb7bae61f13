"""How does a ticket change?"""

from dataclasses import replace
from datetime import datetime, timedelta

from mailgate.desk import sla
from mailgate.desk.decision import Template
from mailgate.desk.situation import Counter, SentMail
from mailgate.desk.ticket import Outcome, Status, Ticket
from mailgate.settings import Staff

FINISHED = frozenset({Status.RESOLVED, Status.CLOSED})


def opened(ticket: Ticket) -> Ticket:
    return replace(ticket, status=Status.OPEN) if ticket.status is Status.NEW else ticket


def taken(ticket: Ticket, staff: Staff) -> Ticket:
    return replace(opened(ticket), holder=staff.address)


def taken_if_free(ticket: Ticket, staff: Staff) -> Ticket:
    return ticket if ticket.holder else taken(ticket, staff)


def ended(ticket: Ticket, outcome: Outcome, now: datetime) -> Ticket:
    """Without having been served: nothing that the clock could measure."""
    return replace(ticket, status=Status.CLOSED, outcome=outcome, closed_at=now, close_at=None)


def closed(ticket: Ticket, now: datetime) -> Ticket:
    """Without a word to the requester."""
    ticket = replace(ticket, resolved_at=ticket.resolved_at or now)
    return ended(ticket, ticket.outcome or Outcome.SOLVED, now)


def reopened(ticket: Ticket) -> Ticket:
    """The first resolution stays what is measured; the reopening is counted."""
    return replace(
        ticket,
        status=Status.OPEN,
        outcome=None,
        closed_at=None,
        close_at=None,
        reopened=ticket.reopened + 1,
    )


def answered(ticket: Ticket, staff: Staff, now: datetime) -> Ticket:
    """A person's words go to the requester: the first ones stop the clock of the first response.

    Whoever wrote by a contact form is known to be there now: automatic mail may follow.
    """
    ticket = opened(taken_if_free(ticket, staff))
    return replace(
        ticket,
        first_response_at=ticket.first_response_at or now,
        answered_at=now,
        contacts=0,
        contacted_at=None,
        silent=ticket.silent and not ticket.form,
    )


def with_due(ticket: Ticket, counter: Counter) -> Ticket:
    """Due as the standard says for its work: setting the work later is retroactive.

    Where a desk allows pausing, the service time that it waited for the requester is added.
    """
    work = counter.desk.work_of(ticket.work)
    due = sla.due_at(work, ticket.received_at, ticket.notified_at, counter.calendar)
    if due is not None and ticket.paused_seconds:
        due = counter.calendar.add_time(due, timedelta(seconds=ticket.paused_seconds))
    return replace(ticket, due_at=due)


def clock_began(ticket: Ticket, counter: Counter) -> datetime | None:
    """What its work counts from, the arrival where that is not known yet; None before the notice."""
    work = counter.desk.work_of(ticket.work)
    return ticket.notified_at if work is not None and work.starts == "notified" else ticket.received_at


def notified(ticket: Ticket, at: datetime, by: str, counter: Counter) -> Ticket:
    """The requester was told that the repair begins; the first valid notice counts (domain, Q3)."""
    if ticket.notified_at is not None:
        return ticket
    ticket = replace(ticket, started=True, notified_at=at, notified_by=by)
    if clock_began(ticket, counter) == at:  # what was waited for before stopped no clock
        ticket = replace(ticket, paused_seconds=0)
    return with_due(ticket, counter)


def unannounced(ticket: Ticket, sent: SentMail, counter: Counter) -> Ticket:
    """This notice of the start did not reach the requester: it started no clock and promised nothing.

    The same ticket where the notice was another mail, or they know it by another one (domain, Q3).
    """
    not_yet = sent.template == Template.STARTED and ticket.started and ticket.notified_at is None
    of_requester = sent.recipient.casefold() == ticket.requester.key
    if ticket.notified_by != sent.token and not (not_yet and of_requester):
        return ticket
    work, promised = counter.desk.work_of(ticket.work), ticket.promised_due_at
    if work is not None and promised == counter.calendar.add(sent.created_at, work.within):
        promised = None
    ticket = replace(ticket, started=False, notified_at=None, notified_by=None, promised_due_at=promised)
    return with_due(ticket, counter)


def resolved(ticket: Ticket, now: datetime, counter: Counter) -> Ticket:
    """The first resolution is what is measured; silence closes it after a while."""
    return replace(
        ticket,
        status=Status.RESOLVED,
        outcome=Outcome.SOLVED,
        resolved_at=ticket.resolved_at or now,
        close_at=counter.calendar.add(now, counter.desk.close_after),
    )


def contacted(ticket: Ticket, now: datetime) -> Ticket:
    """The requester wrote again."""
    return replace(ticket, contacts=ticket.contacts + 1, contacted_at=now)
