"""Who stands in the store when its tests begin?"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mailgate.desk.ticket import Status, Ticket
from mailgate.store import tickets
from mailgate.store.database import Store

NOW = datetime(2026, 8, 3, 2, 0, tzinfo=UTC)

_TICKET = Ticket(
    number="KOM-2026-000001",
    desk="kominfo",
    status=Status.NEW,
    level=0,
    holder=None,
    outcome=None,
    channel="mail",
    subject="Jaringan mati",
    requester_name="Rina",
    requester_address="Rina@Disdik.example.go.id",
    category=None,
    work=None,
    priority=3,
    confidential=False,
    received_at=NOW,
    notified_at=None,
    first_response_at=None,
    promised_due_at=None,
    due_at=None,
    resolved_at=None,
    closed_at=None,
    reopened=0,
    silent=False,
)


def ticket(number: str = "KOM-2026-000001", **other: Any) -> Ticket:
    """Rina's complaint, new, with what the test wants to be different."""
    return replace(_TICKET, number=number, **other)


def keep(store: Store, *values: Ticket) -> None:
    """Open them as a decision would."""
    with store.writing() as write:
        for value in values:
            tickets.next_serial(write, value.desk, 2026)
            tickets.open_ticket(write, value, NOW)
