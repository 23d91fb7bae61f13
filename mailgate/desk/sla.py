"""Was the promise kept?

The clock is measured once, at the first resolution and against `due_at`: a later reopening changes nothing,
and a moment that was promised instead (`promised_due_at`) has no say.
"""

from datetime import datetime
from enum import StrEnum

from mailgate.desk.calendar import Calendar
from mailgate.desk.ticket import Outcome, Status, Ticket
from mailgate.settings import Work


class ClockState(StrEnum):
    """Where the clock of a ticket stands."""

    NONE = "none"
    """No target for this kind of work."""
    NOT_STARTED = "not_started"
    """The standard counts from the notice that the repair begins, and none was sent."""
    RUNNING = "running"
    PAUSED = "paused"
    """Waiting for the requester at a desk that allows pausing."""
    MET = "met"
    MISSED = "missed"
    UNMEASURED = "unmeasured"
    """It ended without the event that starts the clock, or without having been served."""


_NOT_SERVED = frozenset({Outcome.REDIRECTED, Outcome.MERGED, Outcome.WITHDRAWN, Outcome.SPAM})


def due_at(
    work: Work | None, received_at: datetime, notified_at: datetime | None, calendar: Calendar
) -> datetime | None:
    """When the work must be done; None without a target, or while its clock has not started.

    ValueError when the calendar never has so much service time.
    """
    if work is None:
        return None
    start = received_at if work.starts == "received" else notified_at
    return None if start is None else calendar.add(start, work.within)


def clock(ticket: Ticket, work: Work | None, now: datetime, *, pausing: bool = False) -> ClockState:
    """Where the clock of `ticket` stands at `now`; `pausing` is the desk's `pause_while_pending`."""
    if work is None:
        return ClockState.NONE
    ended_at = _ended_at(ticket)
    if ended_at is not None:
        return _measured(ticket, work, ended_at)
    if _has_not_started(ticket, work, now):
        return ClockState.NOT_STARTED
    if pausing and ticket.status is Status.PENDING:
        return ClockState.PAUSED
    return ClockState.MISSED if _has_passed(ticket, now) else ClockState.RUNNING


def _ended_at(ticket: Ticket) -> datetime | None:
    """The first resolution, or the closing of what was never resolved; None while it is being worked on."""
    if ticket.resolved_at is not None:
        return ticket.resolved_at
    return ticket.closed_at if ticket.status is Status.CLOSED else None


def _measured(ticket: Ticket, work: Work, ended_at: datetime) -> ClockState:
    if _has_passed(ticket, ended_at):
        return ClockState.MISSED
    if _ended_unserved(ticket) or _has_not_started(ticket, work, ended_at) or ticket.due_at is None:
        return ClockState.UNMEASURED
    return ClockState.MET


def _ended_unserved(ticket: Ticket) -> bool:
    """Whether the end that is measured was none of ours.

    A ticket that was resolved, reopened and only then withdrawn or redirected was measured at its resolution.
    """
    resolved_before = ticket.resolved_at is not None and ticket.reopened > 0
    return ticket.outcome in _NOT_SERVED and not resolved_before


def _has_not_started(ticket: Ticket, work: Work, by: datetime) -> bool:
    """Whether the notice had not been accepted by then: a late one starts no clock of what has ended."""
    return work.starts == "notified" and (ticket.notified_at is None or ticket.notified_at > by)


def _has_passed(ticket: Ticket, moment: datetime) -> bool:
    """The due moment itself still keeps the promise."""
    return ticket.due_at is not None and moment > ticket.due_at
