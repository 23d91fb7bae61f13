"""What is a ticket?

Values only. Moments are aware UTC. Words are those of the project's glossary: see ARCHITECTURE.md.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailgate.message.message import Address


class Status(StrEnum):
    """Where a ticket stands."""

    NEW = "new"
    OPEN = "open"
    PENDING = "pending"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Outcome(StrEnum):
    """How a ticket ended."""

    SOLVED = "solved"
    REDIRECTED = "redirected"
    REJECTED = "rejected"
    MERGED = "merged"
    WITHDRAWN = "withdrawn"
    SPAM = "spam"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a rule proposes; None leaves alone."""

    rule: int
    """Its place in the settings, from 1."""
    work: str | None = None
    category: str | None = None
    priority: int | None = None
    holder: str | None = None
    role: str | None = None
    confidential: bool | None = None


TOLD = "told"
"""`Ticket.notified_by` where somebody told the requester by phone or in person."""
MOST_PARTICIPANTS = 10


@dataclass(frozen=True, slots=True)
class Ticket:
    """One matter of one requester at one desk."""

    number: str
    """"KOM-2026-000123": desk prefix, year of arrival in local time, serial; never reused."""
    desk: str
    """The key of the desk in the settings."""
    status: Status
    level: int
    """Place in the escalation chain, 0 is the front line."""
    holder: str | None
    """Listed address of the staff member who has it; None while nobody does."""
    outcome: Outcome | None
    """None until it ended."""
    channel: str
    """mail, phone, whatsapp or walk_in."""
    subject: str
    requester_name: str
    requester_address: str
    """As the requester wrote it."""
    category: str | None
    work: str | None
    """Code of the kind of work, which carries the service target; None: no target."""
    priority: int
    """1 is the most urgent, 3 the ordinary one, 4 can wait."""
    confidential: bool
    received_at: datetime
    """INTERNALDATE of the first mail."""
    notified_at: datetime | None
    first_response_at: datetime | None
    """When the first words of a person for the requester were handed to the outbox."""
    promised_due_at: datetime | None
    due_at: datetime | None
    resolved_at: datetime | None
    """The first resolution: the clock is measured against it."""
    closed_at: datetime | None
    reopened: int
    """How often it was opened again."""
    silent: bool
    """No automatic mail to the requester: a machine wrote, or another desk answers."""
    close_at: datetime | None = None
    """When silence closes a resolved ticket; None while it is not resolved."""
    started: bool = False
    """The requester was told that the repair begins."""
    notified_by: str | None = None
    """What `notified_at` rests on: the id of the accepted notice, or TOLD; None while it is None."""
    form: bool = False
    """A contact form wrote: the requester's address is its Reply-To, and nothing automatic goes there until
    staff have answered once."""
    requester_phone: str = ""
    requester_organisation: str = ""
    requester_street: str = ""
    participants: tuple[Address, ...] = ()
    """Who else gets what the requester gets, and may write on this ticket."""
    proposed: Address | None = None
    """Author of the mail that staff forwarded: perhaps the real requester."""
    external_number: str | None = None
    """What the ticket is called at a level outside."""
    survey: int | None = None
    """1 not content, to 4 very content."""
    merged_into: str | None = None
    stranger_of: str | None = None
    """The ticket that a stranger cited by opening this one, until somebody accepts or rejects it."""
    suggestion: Suggestion | None = None
    """What a rule proposes, until staff accept it or decide themselves."""
    started_at: datetime | None = None
    pending_since: datetime | None = None
    unheld_since: datetime | None = None
    external_since: datetime | None = None
    answered_at: datetime | None = None
    """The last words of a person to the requester."""
    contacts: int = 0
    """How often the requester wrote since then."""
    contacted_at: datetime | None = None
    """When they did last; None when nothing came since."""
    paused_seconds: int = 0
    """Service time spent waiting for the requester, at a desk that allows pausing."""
    survey_asked_at: datetime | None = None
    fired: tuple[str, ...] = ()
    """Keys of the escalations that acted: see `watch`."""
    watch_at: datetime | None = None
    """When time looks at it again; None: never."""

    @property
    def requester(self) -> Address:
        return Address(self.requester_name, self.requester_address)

    def knows(self, key: str) -> bool:
        """Whether the requester or a participant has this address, casefolded."""
        return key in {self.requester.key, *(one.key for one in self.participants)}
