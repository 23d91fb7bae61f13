"""What does time make of a ticket?

Every escalation of the settings is a cause with a moment: so long after something on the ticket. A cause acts
once; its key names the row and what it counts from, so that a new promise or a second wait is a new cause.
The earliest moment stands in the ticket's row (`watch_at`): time looks at nothing else.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import assert_never

from mailgate.desk.changes import FINISHED, clock_began, with_due
from mailgate.desk.decision import Effect, OpenTicket, SaveTicket
from mailgate.desk.situation import Counter
from mailgate.desk.ticket import Status, Ticket
from mailgate.settings import ConditionKind, Escalation


@dataclass(frozen=True, slots=True)
class Cause:
    """One escalation that a ticket runs into."""

    row: Escalation
    since: datetime
    """What it counts from."""
    at: datetime
    """When it acts: always in service hours."""

    @property
    def key(self) -> str:
        return f"{self.row.when}|{self.since.isoformat()}"


def causes(ticket: Ticket, counter: Counter) -> tuple[Cause, ...]:
    """Those that have not acted yet, the earliest first."""
    found = (_cause(row, ticket, counter) for row in counter.desk.escalations)
    waiting = (one for one in found if one is not None and one.key not in ticket.fired)
    return tuple(sorted(waiting, key=lambda one: one.at))


def _cause(row: Escalation, ticket: Ticket, counter: Counter) -> Cause | None:
    since = _since(row, ticket)
    if since is None or ticket.status in FINISHED:
        return None
    calendar, duration = counter.calendar, row.condition.duration
    if row.condition.kind is ConditionKind.DUE_IN:
        at = max(calendar.before(since, duration), ticket.received_at)
    else:
        at = calendar.add(since, duration)
    return Cause(row, since, calendar.next_open(at))


def _since(row: Escalation, ticket: Ticket) -> datetime | None:
    """What a condition counts from; None while it is not the case."""
    match row.condition.kind:
        case ConditionKind.UNANSWERED:
            return ticket.received_at if ticket.first_response_at is None else None
        case ConditionKind.UNASSIGNED:
            return (ticket.unheld_since or ticket.received_at) if ticket.holder is None else None
        case ConditionKind.DUE_IN | ConditionKind.OVERDUE:
            return ticket.due_at
        case ConditionKind.PENDING:
            return ticket.pending_since
        case ConditionKind.STARTED_NOT_REPORTED:
            return _last_heard(ticket)
        case ConditionKind.EXTERNAL:
            return ticket.external_since
        case ConditionKind.REPEATED_CONTACT:
            # Not the last of these mails: whoever goes on writing would set it off with every one.
            unheard = ticket.answered_at or ticket.received_at
            return unheard if ticket.contacts >= row.condition.times else None
        case ConditionKind.COMPLAINT:
            return ticket.received_at if ticket.confidential else None
        case _:
            assert_never(row.condition.kind)


def _last_heard(ticket: Ticket) -> datetime | None:
    """When the requester of a repair that was announced last heard of it."""
    moments = [moment for moment in (ticket.started_at, ticket.answered_at) if moment is not None]
    return max(moments) if ticket.started and moments else None


def fingerprint(counter: Counter) -> str:
    """Another one when what makes moments is another: escalations, service hours, holidays."""
    calendar = counter.calendar
    says = f"{counter.desk.escalations}{calendar.hours}{sorted(calendar.holidays)}{calendar.zone.key}"
    return sha256(says.encode()).hexdigest()[:16]


# --- what stands in the row -------------------------------------------------------------------------------


def watched(
    effects: Iterable[Effect], before: Mapping[str, Ticket], now: datetime, counter: Counter
) -> tuple[Effect, ...]:
    """The same effects; every ticket in them knows since when it is as it is, and when time looks again."""
    return tuple(_watched(effect, before, now, counter) for effect in effects)


def _watched(effect: Effect, before: Mapping[str, Ticket], now: datetime, counter: Counter) -> Effect:
    match effect:
        case OpenTicket(ticket):
            return OpenTicket(_with_moment(_stamped(ticket, None, now), now, counter))
        case SaveTicket(ticket):
            old = before.get(ticket.number)
            ticket = _with_pause(ticket, old, now, counter)
            return SaveTicket(_with_moment(_stamped(ticket, old, now), now, counter))
        case _:
            return effect


def _stamped(ticket: Ticket, before: Ticket | None, now: datetime) -> Ticket:
    """Since when it waits, is unheld, is outside, is being repaired."""
    return replace(
        ticket,
        pending_since=_moment(ticket.status is Status.PENDING, before.pending_since if before else None, now),
        unheld_since=_moment(ticket.holder is None, _unheld(ticket, before), now),
        external_since=_moment(
            ticket.external_number is not None and ticket.status not in FINISHED,
            before.external_since if before and before.external_number == ticket.external_number else None,
            now,
        ),
        started_at=_moment(ticket.started, before.started_at if before else None, now),
    )


def _unheld(ticket: Ticket, before: Ticket | None) -> datetime | None:
    return ticket.received_at if before is None else before.unheld_since


def _moment(holds: bool, since: datetime | None, now: datetime) -> datetime | None:
    """Since when something is so: as before, or from now on; None while it is not."""
    return (since or now) if holds else None


def _with_pause(ticket: Ticket, before: Ticket | None, now: datetime, counter: Counter) -> Ticket:
    """The wait for the requester is over: where the desk allows it, the clock stood still meanwhile."""
    since = before.pending_since if before else None
    if not counter.desk.pause_while_pending or since is None or ticket.status is Status.PENDING:
        return ticket
    if before is not None and before.due_at is not None and before.due_at < since:
        return ticket  # late before it was asked: a clock that has run out cannot be stopped
    since = max(since, clock_began(ticket, counter) or now)
    waited = int(counter.calendar.between(since, now).total_seconds())
    return with_due(replace(ticket, paused_seconds=ticket.paused_seconds + waited), counter)


def _with_moment(ticket: Ticket, now: datetime, counter: Counter) -> Ticket:
    return replace(ticket, watch_at=min(_moments(ticket, now, counter), default=None))


def _moments(ticket: Ticket, now: datetime, counter: Counter) -> Iterator[datetime]:
    yield from (counter.calendar.next_open(max(one.at, now)) for one in causes(ticket, counter))
    if ticket.status is Status.RESOLVED and ticket.close_at is not None:
        yield ticket.close_at
