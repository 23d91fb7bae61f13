"""What did a desk achieve in a month?"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mailgate.desk.sla import ClockState
from mailgate.desk.ticket import Outcome, Status, Ticket


@dataclass(frozen=True, slots=True)
class Figures:
    """Tickets received in one month; spam is left out."""

    year: int
    month: int
    received: int
    answered: int
    """By a person."""
    resolved: int
    """Ended, however."""
    unfinished: int
    met: int
    missed: int
    unmeasured: int
    """Ended without the event that starts the clock, or without having been served."""
    reopened: int
    survey: tuple[int, ...]
    """How many gave 1, 2, 3 and 4."""


def figures(
    year: int, month: int, tickets: Iterable[Ticket], clock_of: Callable[[Ticket], ClockState]
) -> Figures:
    """Count; `clock_of` says where the clock of a ticket stands."""
    counted = [ticket for ticket in tickets if ticket.outcome is not Outcome.SPAM]
    clocks = [clock_of(ticket) for ticket in counted]
    ended = [ticket for ticket in counted if ticket.status in {Status.RESOLVED, Status.CLOSED}]
    return Figures(
        year=year,
        month=month,
        received=len(counted),
        answered=sum(ticket.first_response_at is not None for ticket in counted),
        resolved=len(ended),
        unfinished=len(counted) - len(ended),
        met=clocks.count(ClockState.MET),
        missed=clocks.count(ClockState.MISSED),
        unmeasured=clocks.count(ClockState.UNMEASURED),
        reopened=sum(ticket.reopened > 0 for ticket in counted),
        survey=tuple(sum(ticket.survey == score for ticket in counted) for score in (1, 2, 3, 4)),
    )
