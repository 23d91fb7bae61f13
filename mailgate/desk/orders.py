"""What does a staff member's order do to a ticket?"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from mailgate.desk.calendar import Calendar
from mailgate.desk.commands import Command, Destination, Line, Order
from mailgate.desk.decision import ReceiptLine, Result
from mailgate.desk.ticket import Outcome, Status, Ticket
from mailgate.message.message import writable
from mailgate.settings import Duration, Staff

RESULTS = {
    Command.NOTE: Result.NOTED,
    Command.TAKE: Result.TAKEN,
    Command.RESOLVE: Result.RESOLVED,
    Command.CLOSE: Result.CLOSED,
    Command.REOPEN: Result.REOPENED,
    Command.HELP: Result.HELP,
}


@dataclass(frozen=True, slots=True)
class Done:
    """What an order comes to; nothing of it has happened yet."""

    ticket: Ticket
    lines: tuple[ReceiptLine, ...]
    destination: Destination | None
    """Where the text goes; None when there is no text."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing of the mail is done."""

    lines: tuple[ReceiptLine, ...]


@dataclass(frozen=True, slots=True)
class Hand:
    """Who acts, when, and under which rules."""

    staff: Staff
    now: datetime
    calendar: Calendar
    close_after: Duration
    replies: Destination
    """Where this person's words go when no command decides."""


def carry_out(order: Order, ticket: Ticket, hand: Hand) -> Done | Refused:
    """All lines, or nothing."""
    problems = list(order.problems)
    lines: list[ReceiptLine] = []
    for line in order.lines:
        if not _possible(line.command, ticket):
            problems.append(ReceiptLine(line.typed, Result.NOT_POSSIBLE, ticket.status.value))
            continue
        ticket = _applied(line, ticket, hand)
        lines.append(ReceiptLine(line.typed, RESULTS[line.command]))
    destination = (order.destination or hand.replies) if order.text else None
    if destination is Destination.PUBLIC and not writable(ticket.requester_address):
        problems.append(ReceiptLine("", Result.UNREACHABLE, ticket.requester_address))
    if problems:
        return Refused(tuple(problems))
    if destination is Destination.PUBLIC:
        ticket = _answered(ticket, hand)
    if destination is not None and order.destination is None:
        lines.append(ReceiptLine("", Result.REPLIED if destination is Destination.PUBLIC else Result.NOTED))
    return Done(ticket, tuple(lines), destination)


def _possible(command: Command, ticket: Ticket) -> bool:
    finished = ticket.status in {Status.RESOLVED, Status.CLOSED}
    match command:
        case Command.RESOLVE:
            return not finished
        case Command.REOPEN:
            return finished
        case Command.TAKE | Command.CLOSE:
            return ticket.status is not Status.CLOSED
        case Command.NOTE | Command.HELP:
            return True
        case _:
            assert_never(command)


def _applied(line: Line, ticket: Ticket, hand: Hand) -> Ticket:
    match line.command:
        case Command.TAKE:
            return _taken(ticket, hand)
        case Command.RESOLVE:
            return _resolved(_taken_if_free(ticket, hand), hand)
        case Command.CLOSE:
            return closed(ticket, hand.now)
        case Command.REOPEN:
            return reopened(ticket)
        case Command.NOTE | Command.HELP:
            return ticket
        case _:
            assert_never(line.command)


def _taken(ticket: Ticket, hand: Hand) -> Ticket:
    status = Status.OPEN if ticket.status is Status.NEW else ticket.status
    return replace(ticket, holder=hand.staff.address, status=status)


def _taken_if_free(ticket: Ticket, hand: Hand) -> Ticket:
    return ticket if ticket.holder else _taken(ticket, hand)


def _answered(ticket: Ticket, hand: Hand) -> Ticket:
    """A person's words go to the requester: the first ones stop the clock of the first response."""
    ticket = _taken_if_free(ticket, hand)
    status = Status.OPEN if ticket.status is Status.NEW else ticket.status
    return replace(ticket, status=status, first_response_at=ticket.first_response_at or hand.now)


def _resolved(ticket: Ticket, hand: Hand) -> Ticket:
    return replace(
        ticket,
        status=Status.RESOLVED,
        outcome=Outcome.SOLVED,
        resolved_at=ticket.resolved_at or hand.now,  # the first resolution is what is measured
        close_at=hand.calendar.add(hand.now, hand.close_after),
    )


def closed(ticket: Ticket, now: datetime) -> Ticket:
    """Without a word to the requester."""
    return replace(
        ticket,
        status=Status.CLOSED,
        outcome=ticket.outcome or Outcome.SOLVED,
        resolved_at=ticket.resolved_at or now,
        closed_at=now,
        close_at=None,
    )


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
