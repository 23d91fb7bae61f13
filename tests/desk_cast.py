"""What does a desk have in hand when the tests of its decisions begin? Rina's ticket and mail."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mailgate.desk.ticket import Status, Ticket
from mailgate.message.message import Address, Message

MONDAY = datetime(2026, 8, 3, 2, 0, tzinfo=UTC)
"""09:00 WIB."""

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
    received_at=MONDAY,
    notified_at=None,
    first_response_at=None,
    promised_due_at=None,
    due_at=None,
    resolved_at=None,
    closed_at=None,
    reopened=0,
    silent=False,
)
_MESSAGE = Message(
    message_id="m@client.example",
    authors=(Address("Rina", "Rina@Disdik.example.go.id"),),
    reply_to=(),
    to=(),
    cc=(),
    resent_to=(),
    subject="Jaringan mati",
    date=None,
    in_reply_to=(),
    references=(),
    return_path=None,
    received_count=2,
    text="",
    reply_text="",
    own_words="",
    attachments=(),
    automatic=None,
    dsn=None,
    feedback=None,
    authentication_results=(),
    charset_guessed=False,
    defects=(),
)


def ticket(number: str = "KOM-2026-000001", **other: Any) -> Ticket:
    """Rina's complaint, new, with what the test wants to be different."""
    return replace(_TICKET, number=number, **other)


def message(text: str = "", **other: Any) -> Message:
    """Her mail, with nothing in it but that text."""
    return replace(_MESSAGE, **({"text": text, "reply_text": text, "own_words": text} | other))
