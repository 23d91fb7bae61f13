"""What was decided, and why?

A Decision is data: `gateway` carries it out in one transaction. Message ids stand without angle brackets.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailgate.desk.ticket import Ticket
from mailgate.message.message import Address, Attachment, Content, Feedback, Invitation


class Audience(StrEnum):
    """For whom a mail is: it decides what may stand in it."""

    REQUESTER = "requester"
    STAFF = "staff"
    ADMIN = "admin"


class AutoSubmitted(StrEnum):
    """The keywords of RFC 3834, section 5.2, that mailgate writes."""

    REPLIED = "auto-replied"
    """The direct answer to one mail."""
    GENERATED = "auto-generated"
    """A notice that no mail asked for."""


class Template(StrEnum):
    """The mails that leave; each is a pair of files under templates/<language>/."""

    ACKNOWLEDGEMENT = "acknowledgement"
    REPLY = "reply"
    RESOLUTION = "resolution"
    REOPENED = "reopened"
    NOTIFICATION = "notification"
    RECEIPT = "receipt"
    CONFIRMATION = "confirmation"
    ALERT = "alert"


class MessageKind(StrEnum):
    """What a message in a ticket's history is."""

    REQUEST = "request"
    FOLLOW_UP = "follow_up"
    REPLY = "reply"
    NOTE = "note"
    AUTOMATIC = "automatic"
    BOUNCE = "bounce"
    FEEDBACK = "feedback"


class Notice(StrEnum):
    """What a notification to staff is about."""

    NEW = "new"
    FOLLOW_UP = "follow_up"
    REOPENED = "reopened"
    STRANGER = "stranger"
    """Somebody else wrote about this ticket and got a ticket of their own: `Letter.other_number`."""
    UNDELIVERABLE = "undeliverable"
    """Our mail to the requester came back: `Letter.text` is what the server said."""


class Result(StrEnum):
    """What became of one line of a staff mail; the receipt puts it into words."""

    REPLIED = "replied"
    NOTED = "noted"
    TAKEN = "taken"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REOPENED = "reopened"
    HELP = "help"
    # Why nothing at all was done. One of these in a mail, and nothing of the mail is done or relayed.
    UNKNOWN_COMMAND = "unknown_command"
    TEXT_MISSING = "text_missing"
    """The command needs words for the requester or for the note."""
    TWO_DESTINATIONS = "two_destinations"
    """One mail, one destination for its text."""
    BARE_WORD = "bare_word"
    """"selesai" without the #: a command or words for the requester?"""
    NOT_POSSIBLE = "not_possible"
    """The ticket is not in a state for it: `detail` is the status."""
    EMPTY = "empty"
    """Nothing was written."""
    QUOTE_INSIDE = "quote_inside"
    """A mail of ours is quoted among the words, and could not be told from them."""
    TOO_LARGE = "too_large"
    """The mail was so large that only its header was read."""
    NO_ORDER_HERE = "no_order_here"
    """The reply to a mail that only told that nothing was done."""
    UNREACHABLE = "unreachable"
    """Words for a requester to whose address no mail can be sent."""


PROBLEMS = frozenset(
    {
        Result.UNKNOWN_COMMAND,
        Result.TEXT_MISSING,
        Result.TWO_DESTINATIONS,
        Result.BARE_WORD,
        Result.NOT_POSSIBLE,
        Result.EMPTY,
        Result.QUOTE_INSIDE,
        Result.TOO_LARGE,
        Result.NO_ORDER_HERE,
        Result.UNREACHABLE,
    }
)


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One line of a staff mail and what became of it."""

    typed: str
    """As its writer typed it: "#selesai"; "" for free text."""
    result: Result
    detail: str = ""
    """A suggestion for UNKNOWN_COMMAND ("#selesai"), the status for NOT_POSSIBLE; else ""."""


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of a ticket's history in a notification."""

    at: datetime
    author: str
    kind: MessageKind
    text: str
    """Shortened to one line."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One mail that was set aside and waits for the admin."""

    mail_id: int
    author: str
    subject: str
    reason: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """What an outgoing mail says, before a template puts it into words."""

    ticket: Ticket | None = None
    """As it stands after the decision."""
    text: str = ""
    """The words of a person, carried verbatim; for RECEIPT the words that went to the requester."""
    author: str = ""
    """Who wrote `text`, for staff eyes: name and address."""
    notice: Notice | None = None
    """For NOTIFICATION."""
    other_number: str = ""
    """For Notice.STRANGER: the stranger's own ticket; for links of a new one: the other's."""
    reply_is_public: bool = True
    """For NOTIFICATION: whether the reader's plain reply goes to the requester or becomes a note."""
    promise: str = ""
    """The standard's own words for this kind of work; "" where it makes no promise."""
    opens_at: datetime | None = None
    """For ACKNOWLEDGEMENT: the next service moment when the mail came outside service hours; else None."""
    content: Content = Content.TEXT
    """What sort of words the mail has that it is about."""
    invitation: Invitation | None = None
    feedback: Feedback | None = None
    oversize: int = 0
    """Octets of the mail that it is about, where that was too large to be read; else 0."""
    attachments: tuple[Attachment, ...] = ()
    """Sent along."""
    left_out: tuple[Attachment, ...] = ()
    """Named, but not sent along (too large); their data may be empty."""
    history: tuple[HistoryLine, ...] = ()
    """Oldest first, without the message this mail is about."""
    lines: tuple[ReceiptLine, ...] = ()
    """For RECEIPT."""
    requester_was_sent: bool = False
    """For RECEIPT: whether the requester gets a mail by this decision."""
    looks_automatic: bool = False
    """For CONFIRMATION: not unproven, but perhaps a machine's."""
    waiting: tuple[Waiting, ...] = ()
    """For ALERT: mails set aside."""
    trouble: str = ""
    """For ALERT: one English line of what is wrong."""


@dataclass(frozen=True, slots=True)
class Send:
    """One mail to one recipient."""

    template: Template
    audience: Audience
    to: Address
    person: str
    """To whom its id will prove: the listed address of a staff member, or the requester's address."""
    letter: Letter
    automatic: AutoSubmitted | None
    """None: it carries words that a person wrote (RFC 3834, section 5.2)."""
    in_reply_to: str | None = None
    """An id that this recipient wrote or received; None starts a thread."""
    references: tuple[str, ...] = ()
    """Only ids that this recipient wrote or received, oldest first."""


@dataclass(frozen=True, slots=True)
class OpenTicket:
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class SaveTicket:
    """The ticket as it is to stand; its row has been locked since it was read."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class AddMessage:
    """One message of a ticket's history."""

    number: str
    incoming: bool
    kind: MessageKind
    author: Address
    subject: str
    text: str
    attachments: tuple[Attachment, ...] = ()
    """Named in the history; their bytes stay in the raw mail."""


@dataclass(frozen=True, slots=True)
class AddEvent:
    """One line of a ticket's audit trail."""

    number: str
    actor: str
    """An address, or "mailgate"."""
    what: str
    """A snake_case word: opened, acknowledged, taken, resolved, …"""
    reason: str


@dataclass(frozen=True, slots=True)
class Link:
    """Two tickets that belong together."""

    number: str
    other: str


@dataclass(frozen=True, slots=True)
class MarkUndeliverable:
    """An outgoing mail came back."""

    token: str
    """The id of its outbox row."""
    detail: str


Effect = OpenTicket | SaveTicket | AddMessage | AddEvent | Link | MarkUndeliverable | Send


class Handling(StrEnum):
    """What became of an incoming mail."""

    OPENED = "opened"
    APPENDED = "appended"
    COMMANDED = "commanded"
    """A proven staff member's words were carried out, or refused as a whole with a receipt."""
    REFUSED = "refused"
    """A staff From without proof: nothing was done."""
    FILED = "filed"
    """Kept, on its ticket where it has one; nobody is answered (bounces, vacation replies, our own mail)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """All of it happens in one transaction, or nothing."""

    handling: Handling
    reason: str
    """One English line for `why`."""
    number: str | None
    """The ticket it concerns; None where it concerns none."""
    effects: tuple[Effect, ...] = ()
