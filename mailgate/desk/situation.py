"""What was known at the moment of a decision?

`gateway` gathers it inside the transaction that will carry the decision out; thinking needs nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mailgate.desk.calendar import Calendar
from mailgate.desk.decision import Audience, HistoryLine
from mailgate.desk.ticket import Ticket
from mailgate.settings import Desk, Limits


@dataclass(frozen=True, slots=True)
class Counter:
    """The desk that decides, and what it has to know of the others."""

    key: str
    """Its key in the settings."""
    desk: Desk
    desks: Mapping[str, Desk]
    """All of them, itself included."""
    calendar: Calendar
    limits: Limits


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail of ours whose id is cited."""

    token: str
    desk: str
    number: str | None
    audience: Audience
    person_key: str
    """To whom it proves, casefolded."""
    recipient: str
    template: str
    created_at: datetime
    bounced: bool


@dataclass(frozen=True, slots=True)
class CitedMail:
    """A mail that came in earlier and is cited."""

    message_id: str
    number: str
    author_key: str


@dataclass(frozen=True, slots=True)
class Situation:
    """Facts about one incoming mail."""

    now: datetime
    received_at: datetime
    """INTERNALDATE."""
    number: str
    """What a new ticket would be called."""
    own: SentMail | None = None
    """This very mail is ours: it came back."""
    reported: SentMail | None = None
    """The mail that a delivery status notification speaks of."""
    sent: tuple[SentMail, ...] = ()
    """Mails of ours that are cited, the one being answered first."""
    cited: tuple[CitedMail, ...] = ()
    """Mails of others that are cited, the one being answered first."""
    tagged: tuple[str, ...] = ()
    """Existing tickets named in the subject."""
    tickets: Mapping[str, Ticket] = field(default_factory=dict)
    """Every ticket of this desk that one of the above leads to, locked."""
    threads: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """(number, person key): ids that this person wrote or received about the ticket, oldest first."""
    history: Mapping[str, tuple[HistoryLine, ...]] = field(default_factory=dict)
    """The last messages of each of `tickets`."""
    sibling: str | None = None
    """The ticket that the same mail opened at another desk."""
    same_subject: str | None = None
    """A ticket that already holds too many mails of this sender and subject."""
    automatic_lately: int = 0
    """Automatic mails from this desk to the author in the last hour."""
    mails_lately: int = 0
    """Mails of this author to this desk in the last hour, this one not counted."""
    refusals_today: int = 0
    """Confirmations sent to this staff member in the last 24 hours."""
    desk_exhausted: bool = False
    """The desk sent as many automatic mails in the last hour as it may."""
    silent: bool = False
    """Taken from a rebuilt mailbox: nobody is to be answered."""
