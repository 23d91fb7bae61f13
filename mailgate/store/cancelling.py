"""Which mail is not to leave after all, and where does that stand?

What follows for its ticket: `gateway.cancelling`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.desk.decision import AddEvent
from mailgate.store import outbox, tickets
from mailgate.store.outbox import CANCELLED, CLAIMABLE, FAILED, SENDING, SENT, UNCERTAIN

ADMIN = "admin"
"""The actor on the ticket: whoever has a shell."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one wish."""

    wanted: str
    """As it was typed; for many at once the part of the Message-ID before the @."""
    cancelled: bool
    words: str
    """One English line: what was cancelled, or why nothing was."""
    token: str = ""
    """Of what was cancelled."""
    perhaps: bool = False
    """It may have left before: an answer was lost."""


_REFUSED = {
    SENT: "has left already",
    SENDING: "is on its way at this moment; ask again when `mailgate outbox list` shows another state",
    FAILED: "failed already and does not leave by itself",
    CANCELLED: "was cancelled before",
}


def by_id(connection: Connection, wanted: Sequence[str], now: datetime) -> list[Outcome]:
    """Each by its Message-ID, or the part before the @."""
    return [_one(connection, one, now) for one in dict.fromkeys(wanted)]


def automatic(connection: Connection, desk: str, now: datetime) -> list[Outcome]:
    """All automatic mail of a desk that waits; alerts stay."""
    rows = outbox.waiting_automatic(connection, desk)
    _cancel(connection, rows, now)
    return [_done(row.token, row) for row in rows]


def _one(connection: Connection, wanted: str, now: datetime) -> Outcome:
    row = outbox.cancellable(connection, wanted)
    if row is None:
        return Outcome(wanted, False, "no outgoing mail has this id; `mailgate outbox list` names them")
    if row.state not in CLAIMABLE:
        return Outcome(wanted, False, _REFUSED[row.state])
    _cancel(connection, [row], now)
    return _done(wanted, row)


def _cancel(connection: Connection, rows: Iterable[Row[Any]], now: datetime) -> None:
    rows = list(rows)
    outbox.cancel(connection, [row.seq for row in rows])
    events = [
        AddEvent(row.number, ADMIN, "cancelled", f"{row.template} to {row.recipient}{_perhaps(row)}")
        for row in rows
        if row.number
    ]
    tickets.add_events(connection, events, None, None, now)


def _done(wanted: str, row: Row[Any]) -> Outcome:
    words = f"cancelled: {row.template} to {row.recipient}{_perhaps(row)}"
    return Outcome(wanted, True, words, row.token, perhaps=row.state == UNCERTAIN)


def _perhaps(row: Row[Any]) -> str:
    return "; it may have left before, an answer was lost" if row.state == UNCERTAIN else ""
