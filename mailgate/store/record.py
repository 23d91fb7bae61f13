"""How does a decision become rows?"""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from sqlalchemy import Connection

from mailgate.desk.decision import (
    AddEvent,
    AddMessage,
    Decision,
    Link,
    MarkUndeliverable,
    OpenTicket,
    SaveTicket,
    Send,
)
from mailgate.store import outbox, tickets
from mailgate.store.outbox import Composed


def record(
    connection: Connection,
    decision: Decision,
    composed: Sequence[Composed],
    mail_id: int | None,
    message_id: str | None,
    now: datetime,
) -> None:
    """Write ticket, history and outgoing mail; the caller's transaction makes it all or nothing.

    `mail_id` and `message_id` are those of the mail that caused it; None where time did.
    """
    for effect in decision.effects:
        match effect:
            case OpenTicket(ticket):
                tickets.open_ticket(connection, ticket, now)
            case SaveTicket(ticket):
                tickets.save(connection, ticket)
            case AddMessage():
                tickets.add_message(connection, effect, mail_id, message_id, now)
            case Link(number, other):
                tickets.add_links(connection, number, other)
            case MarkUndeliverable(token, detail):
                outbox.mark_bounced(connection, token, detail, now)
            case AddEvent() | Send():
                pass  # below, many at once
            case _:
                assert_never(effect)
    events = [effect for effect in decision.effects if isinstance(effect, AddEvent)]
    tickets.add_events(connection, events, mail_id, message_id, now)
    outbox.add(connection, composed, now)
