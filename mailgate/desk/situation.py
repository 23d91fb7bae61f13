"""What was known at the moment of a decision?

`gateway` gathers it inside the transaction that will carry the decision out; thinking needs nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mailgate.desk.calendar import Calendar
from mailgate.desk.decision import Audience, Flood, HistoryLine
from mailgate.desk.ticket import Ticket
from mailgate.message.message import Address, Attachment
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
    alert_to: tuple[str, ...] = ()
    """Who runs the service."""


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
    mail_id: int | None = None
    """The incoming mail that it told of; None where none caused it."""
    automatic: bool = False
    came_back: bool = False
    """An earlier mail about this ticket to this address did: whoever has the ticket knows of it."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A mail that was decided, as the brakes see it."""

    at: datetime
    """INTERNALDATE."""
    number: str | None
    """The ticket that it opened; None where it opened none."""


@dataclass(frozen=True, slots=True)
class CitedMail:
    """A mail that came in earlier and is cited."""

    message_id: str
    number: str
    author_key: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """An incoming mail of a ticket's history that a mail of ours told of."""

    mail_id: int
    number: str
    """The ticket it is on now."""
    author: Address
    subject: str
    text: str
    received_at: datetime
    first: bool
    """It opened that ticket."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A confirmation that was asked for."""

    asked_at: datetime
    settled: bool


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
    questions: Mapping[str, str] = field(default_factory=dict)
    """What staff last wrote to the requester; asked only where time acts."""
    surveyed: frozenset[str] = frozenset()
    """Tickets whose requester was asked the survey's question within 30 days; asked only for staff."""
    requests: Mapping[str, str] = field(default_factory=dict)
    """What the requester wrote first, whole; asked only for staff."""
    files: Mapping[str, tuple[Attachment, ...]] = field(default_factory=dict)
    """Every attachment of a ticket's incoming mails, by name only; asked only for staff."""
    spoken: Mapping[int, Spoken] = field(default_factory=dict)
    """By mail id: what the mails in `sent` told of; asked only for staff."""
    asked: Mapping[int, Asked] = field(default_factory=dict)
    """By mail id: what the confirmations in `sent` ask about."""
    strangers: tuple[Ticket, ...] = ()
    """Tickets that wait for #terima or #tolak, where one of these is typed; locked."""
    elsewhere: frozenset[str] = frozenset()
    """Tickets of other desks that are named by commands, and exist."""
    attachments: Mapping[str, tuple[Attachment, ...]] = field(default_factory=dict)
    """By ticket, with their bytes: what #lampiran may ask for."""
    listing: tuple[Ticket, ...] = ()
    """Unfinished tickets of this desk, for #daftar."""
    month: tuple[Ticket, ...] = ()
    """Tickets received in the month that #laporan asks for."""
    confirmed: bool = False
    """The person in whose name it came has said yes to it."""
    blocked: bool = False
    """Staff silenced this sender."""
    unreachable: bool = False
    """Mail to the author came back, before this mail shows that it arrives again."""
    told_lately: frozenset[str] = frozenset()
    """Kinds of `Warned` that were told within a day."""
    sibling: str | None = None
    """The ticket that the same mail opened at another desk."""
    same_subject: str | None = None
    """A ticket that already holds too many mails of this sender and subject."""
    automatic_lately: int = 0
    """Automatic mails of this desk to the author as a requester in the last hour, in any spelling …"""
    automatic_today: int = 0
    """… and in the last 24."""
    automatic_at: tuple[datetime, ...] = ()
    """When the last of them left, or were written where they have not left."""
    kept_at: datetime | None = None
    """When this mail was kept: what we wrote later it cannot answer."""
    domain_full: bool = False
    """The author's domain had as many automatic mails within the hour as it may."""
    repeated: bool = False
    """The author wrote the same words within 24 hours, and got automatic mail."""
    mails_lately: int = 0
    """Mails of this author to this desk in the last hour, this one not counted."""
    flood: Flood | None = None
    """The flood of this sender that this mail belongs to."""
    minute: tuple[Arrived, ...] = ()
    """Mails of this sender within a minute of this one; not asked while a flood is on."""
    touched: frozenset[str] = frozenset()
    """Those of the tickets opened in that minute that staff have looked after."""
    hushed: bool = False
    """Staff are not told of each mail: a flood."""
    unanswered: int = 0
    """Confirmations sent to this staff member in the last 24 hours that nobody answered."""
    silent: bool = False
    """Taken from a rebuilt mailbox: nobody is to be answered."""
    by_hand: bool = False
    """Found in the folder of mail that people sent from the mailbox itself."""
