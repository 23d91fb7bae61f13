"""How does a decision become rows?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from sqlalchemy import Connection

from mailgate.desk.decision import (
    AddEvent,
    AddMessage,
    AskConfirmation,
    BeginFlood,
    Block,
    CanaryBack,
    Decision,
    DigestSent,
    Effect,
    GrowFlood,
    Link,
    MarkUndeliverable,
    MarkUnreachable,
    MoveMail,
    OpenTicket,
    OweDigest,
    SaveTicket,
    Send,
    SettleConfirmation,
    TellOfFlood,
    TryUnreachable,
    Unblock,
    Unlink,
    Warned,
)
from mailgate.store import (
    alerts,
    blocks,
    canaries,
    confirmations,
    digests,
    floods,
    outbox,
    tickets,
    unreachable,
)
from mailgate.store.outbox import Composed


@dataclass(frozen=True, slots=True)
class Cause:
    """Where and why it is decided."""

    desk: str
    now: datetime
    mail_id: int | None = None
    """Of the mail that caused it, `message_id` likewise; None where time did."""
    message_id: str | None = None


def record(connection: Connection, decision: Decision, composed: Sequence[Composed], cause: Cause) -> None:
    """Write ticket, history and outgoing mail; the caller's transaction makes it all or nothing."""
    for effect in decision.effects:
        _done(connection, effect, cause)
    events = [effect for effect in decision.effects if isinstance(effect, AddEvent)]
    tickets.add_events(connection, events, cause.mail_id, cause.message_id, cause.now)
    outbox.add(connection, composed, cause.now)


def _done(connection: Connection, effect: Effect, cause: Cause) -> None:
    match effect:
        case OpenTicket(ticket):
            tickets.open_ticket(connection, ticket, cause.now)
        case SaveTicket(ticket):
            tickets.save(connection, ticket)
        case AddMessage():
            tickets.add_message(connection, effect, cause.mail_id, cause.message_id, cause.now)
        case Link(number, other):
            tickets.add_links(connection, number, other)
        case Unlink(number, other):
            tickets.remove_link(connection, number, other)
        case MoveMail(mail_id, to):
            tickets.move_mail(connection, mail_id, to)
        case MarkUndeliverable(token, detail):
            outbox.mark_bounced(connection, token, detail, cause.now)
        case MarkUnreachable() | TryUnreachable() | BeginFlood() | GrowFlood() | TellOfFlood():
            _braked(connection, effect, cause)
        case AddEvent() | Send():
            pass  # many at once, after these
        case _:
            _noted(connection, effect, cause)


def _braked(
    connection: Connection,
    effect: MarkUnreachable | TryUnreachable | BeginFlood | GrowFlood | TellOfFlood,
    cause: Cause,
) -> None:
    match effect:
        case MarkUnreachable(address, token, detail):
            unreachable.mark(connection, cause.desk, address, token, detail, cause.now)
        case TryUnreachable(address):
            unreachable.tried(connection, cause.desk, address, cause.now)
        case BeginFlood(flood):
            floods.begin(connection, cause.desk, flood)
        case GrowFlood(flood, received_at):
            floods.grow(connection, cause.desk, flood, received_at)
        case TellOfFlood(flood):
            floods.told(connection, cause.desk, flood, cause.now)
        case _:
            assert_never(effect)


def _noted(
    connection: Connection,
    effect: (
        Block | Unblock | AskConfirmation | SettleConfirmation | OweDigest | DigestSent | Warned | CanaryBack
    ),
    cause: Cause,
) -> None:
    match effect:
        case Block(address, number, by):
            blocks.add(connection, cause.desk, address, number, by, cause.now)
        case Unblock(address):
            blocks.remove(connection, cause.desk, address)
        case AskConfirmation(person):
            if cause.mail_id is not None:
                confirmations.ask(connection, cause.desk, cause.mail_id, person, cause.now)
        case SettleConfirmation(mail_id, confirmed):
            confirmations.settle(connection, mail_id, cause.now, confirmed=confirmed)
        case OweDigest(person):
            digests.owe(connection, cause.desk, person)
        case DigestSent(person, day):
            digests.sent(connection, cause.desk, person, day)
        case CanaryBack(token):
            canaries.came_back(connection, token, cause.now)
        case Warned(kind):
            alerts.told(connection, cause.desk, kind, cause.now)
        case _:
            assert_never(effect)
