"""What was decided, and why?

A Decision is data: `gateway` carries it out in one transaction. Message ids stand without angle brackets.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from mailgate.desk.alarms import News
from mailgate.desk.figures import Figures
from mailgate.desk.ticket import Ticket
from mailgate.message.message import Address, Attachment, Content, Feedback, Invitation
from mailgate.settings import ConditionKind, Duration


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

    # to requesters
    ACKNOWLEDGEMENT = "acknowledgement"
    STARTED = "started"
    QUESTION = "question"
    REPLY = "reply"
    PROMISE = "promise"
    RESOLUTION = "resolution"
    CLOSED = "closed"
    OUT_OF_SCOPE = "out_of_scope"
    REOPENED = "reopened"
    REDIRECT = "redirect"
    MERGED = "merged"
    PUBLIC_STATUS = "public_status"
    # to staff
    NOTIFICATION = "notification"
    DELEGATION = "delegation"
    ESCALATION = "escalation"
    REMINDER = "reminder"
    DIGEST = "digest"
    RECEIPT = "receipt"
    CONFIRMATION = "confirmation"
    LIST = "list"
    # to those who run the service
    ALERT = "alert"
    CANARY = "canary"
    """To the desk itself: it has to come back."""


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
    NOTE = "note"
    """A colleague, `Letter.author`, wrote an internal note: `Letter.text`."""
    ANSWERED = "answered"
    """A colleague, `Letter.author`, answered the requester and has the ticket: one line."""
    TAKEN = "taken"
    """A colleague, `Letter.author`, took the ticket, or gave it to somebody else: one line."""
    CLOSED = "closed"
    """A colleague, `Letter.author`, ended the ticket without a word to the requester: one line."""
    RETURNED = "returned"
    """A colleague, `Letter.author`, gave the ticket back to this level."""
    MERGED = "merged"
    """`Letter.other_number` was merged into this ticket; `Letter.text` is what its requester wrote."""
    CONFIDENTIAL = "confidential"
    """A complaint about the service itself: only admin and head see it."""
    COURTESY = "courtesy"
    """A thank-you, or the survey's answer (`Letter.ticket.survey`), on a resolved ticket: nothing to do."""
    HOLDER_AWAY = "holder_away"
    """The holder's mail program says that they are away: `Letter.text`."""
    HOLDER_UNREACHABLE = "holder_unreachable"
    """Our mail to a member of the staff came back: `Letter.text`."""
    REFUSED = "refused"
    """The server refused a mail to this member of the staff for what stands in it, `Letter.text` is its code:
    here is what it was about, without anything that the requester wrote."""
    CANCELLED = "cancelled"
    """An admin cancelled a mail of ours to `Letter.text` before it left: `Letter.withdrawn`."""
    FLOOD = "flood"
    """One sender's many mails are one ticket, and not told of one by one: `Letter.flood`."""


class Result(StrEnum):
    """What became of one line of a staff mail; the receipt puts it into words.

    `ReceiptLine.detail` carries what is named here in brackets.
    """

    REPLIED = "replied"
    NOTED = "noted"
    TAKEN = "taken"
    ASSIGNED = "assigned"
    """[the new holder's name]"""
    CATEGORY_SET = "category_set"
    """[label]"""
    WORK_SET = "work_set"
    """[name of the work]"""
    PRIORITY_SET = "priority_set"
    """[1 to 4]"""
    STARTED = "started"
    """The requester is told that the repair begins; a notified clock starts when that mail is accepted."""
    ASKED = "asked"
    ESCALATED = "escalated"
    """[name of the level, and of the holder where there is one]"""
    RETURNED = "returned"
    """[the same]"""
    RESOLVED = "resolved"
    CLOSED = "closed"
    REOPENED = "reopened"
    PROMISED = "promised"
    """`Ticket.promised_due_at` says until when."""
    EXTERNAL = "external"
    """[number outside]"""
    REDIRECTED = "redirected"
    OUT_OF_SCOPE = "out_of_scope"
    AGREED = "agreed"
    """[what was suggested and is set now, as `choices`]"""
    MERGED = "merged"
    """[the surviving ticket]"""
    SPLIT = "split"
    """[the ticket that came of it]"""
    LINKED = "linked"
    """[the other ticket]"""
    JOINED = "joined"
    """[addresses that are participants now]"""
    ACCEPTED = "accepted"
    """[the stranger's ticket, which is merged into this one]"""
    REJECTED = "rejected"
    """[the stranger's ticket, which goes its own way]"""
    SPAM = "spam"
    """[address that is silenced]"""
    MADE_CONFIDENTIAL = "made_confidential"
    ATTACHMENTS = "attachments"
    """[how many are sent]"""
    REPORTED = "reported"
    """[number of the new ticket]: `Letter.ticket` is it."""
    REQUESTER_SET = "requester_set"
    """[address]: the forwarded mail's author is the requester now."""
    TOLD = "told"
    """`Ticket.notified_at` says when."""
    LISTED = "listed"
    SHOWN = "shown"
    FIGURES = "figures"
    HELP = "help"
    ANSWERED_BEFORE = "answered_before"
    """[name of the colleague who has the ticket and answered it]: done all the same, but said."""
    # Why nothing at all was done. One of these in a mail, and nothing of the mail is done or relayed.
    UNKNOWN_COMMAND = "unknown_command"
    """[a suggestion: "#selesai"]"""
    TEXT_MISSING = "text_missing"
    """The command needs words for the requester or for the note."""
    TWO_DESTINATIONS = "two_destinations"
    """One mail, one destination for its text."""
    TWICE = "twice"
    """The same command again."""
    NOT_TOGETHER = "not_together"
    """[the other line]: the two contradict each other."""
    BARE_WORD = "bare_word"
    """[the command: "#selesai"]: a command without the #, or words for the requester?"""
    NOT_POSSIBLE = "not_possible"
    """[status]: the ticket is not in a state for it."""
    NOT_ALLOWED = "not_allowed"
    """Only admin or head may."""
    HOLDER_ONLY = "holder_only"
    """Only the holder, admin or head may."""
    NO_TICKET = "no_ticket"
    """The mail is about no ticket, and the command needs one."""
    ARGUMENT_MISSING = "argument_missing"
    """`choices`: what could follow, or examples."""
    ARGUMENT_UNCLEAR = "argument_unclear"
    """[what was typed]: nothing or several matched; `choices`: what could be typed instead."""
    NO_SUCH_TICKET = "no_such_ticket"
    """[what was typed]"""
    SAME_TICKET = "same_ticket"
    """A ticket with itself."""
    REASON_MISSING = "reason_missing"
    CATEGORY_MISSING = "category_missing"
    """A technician is asked only with a category; `choices`."""
    LEVEL_TOP = "level_top"
    LEVEL_BOTTOM = "level_bottom"
    LEVEL_OUTSIDE = "level_outside"
    """The next level is outside the office: that is #lkpp NOMOR."""
    NO_LEVEL_OUTSIDE = "no_level_outside"
    """This desk hands nothing to anybody outside."""
    NOT_IN_FUTURE = "not_in_future"
    """A promised moment that has passed."""
    NOT_IN_PAST = "not_in_past"
    """A report or a call that lies ahead, before the report, or more than a week back."""
    FIELDS_MISSING = "fields_missing"
    """`choices`: keys of the labelled lines that are missing: name, phone, street, email, complaint."""
    FIELDS_WRONG = "fields_wrong"
    """`choices`: keys of the labelled lines that cannot be: phone, email, time, channel."""
    NOBODY_WAITS = "nobody_waits"
    """No stranger's ticket waits for #terima or #tolak; or several do, see `choices`."""
    NOT_SPLITTABLE = "not_splittable"
    """What is answered is no further mail of this ticket."""
    NOT_AN_ADDRESS = "not_an_address"
    """[what was typed]: for #cc; addresses of staff and of desks included."""
    TOO_MANY = "too_many"
    """[how many participants a ticket may have]"""
    NOT_BLOCKABLE = "not_blockable"
    """The sender is one of the staff or a desk."""
    ALREADY_TOLD = "already_told"
    """The clock runs since the first notice."""
    NOTHING_ATTACHED = "nothing_attached"
    NOTHING_SUGGESTED = "nothing_suggested"
    """No rule proposed anything, or it was decided already."""
    EMPTY = "empty"
    """Nothing was written."""
    QUOTE_INSIDE = "quote_inside"
    """A mail of ours is quoted among the words or attached, and could not be told from them."""
    TOO_LARGE = "too_large"
    """The mail was so large that only its header was read."""
    EXPIRED = "expired"
    """A yes to a question that was asked more than a day ago."""
    UNREACHABLE = "unreachable"
    """[address]: words for a requester to whose address no mail can be sent."""
    NO_ADDRESS = "no_address"
    """The requester has no mail address: tell them by phone, then #diberitahukan."""


_DONE = frozenset(
    {
        Result.REPLIED, Result.NOTED, Result.TAKEN, Result.ASSIGNED, Result.CATEGORY_SET, Result.WORK_SET,
        Result.PRIORITY_SET, Result.STARTED, Result.ASKED, Result.ESCALATED, Result.RETURNED,
        Result.RESOLVED, Result.CLOSED, Result.REOPENED, Result.PROMISED, Result.EXTERNAL,
        Result.REDIRECTED, Result.OUT_OF_SCOPE, Result.AGREED, Result.MERGED, Result.SPLIT, Result.LINKED,
        Result.JOINED, Result.ACCEPTED, Result.REJECTED, Result.SPAM, Result.MADE_CONFIDENTIAL,
        Result.ATTACHMENTS, Result.REPORTED, Result.REQUESTER_SET, Result.TOLD, Result.LISTED, Result.SHOWN,
        Result.FIGURES, Result.HELP, Result.ANSWERED_BEFORE,
    }
)  # fmt: skip
PROBLEMS = frozenset(Result) - _DONE


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One line of a staff mail and what became of it."""

    typed: str
    """As its writer typed it: "#selesai"; "" for free text."""
    result: Result
    detail: str = ""
    """See `Result`; else ""."""
    choices: tuple[str, ...] = ()
    """What could be typed instead; see `Result`."""


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
    desk: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """An escalation that acted."""

    kind: ConditionKind
    duration: Duration
    since: datetime
    """What it counts from: the due moment for OVERDUE and DUE_IN, else when it began."""
    times: int = 0
    """For REPEATED_CONTACT."""


@dataclass(frozen=True, slots=True)
class Agenda:
    """What one member of the staff has to do; a ticket stands in one list only, the first that fits."""

    overdue: tuple[Ticket, ...] = ()
    due_today: tuple[Ticket, ...] = ()
    mine: tuple[Ticket, ...] = ()
    waiting: tuple[Ticket, ...] = ()
    """Theirs, and waiting for the requester."""
    unheld: tuple[Ticket, ...] = ()
    """At their level, and nobody has them."""
    left_out: int = 0
    """So many more."""
    junk: int = 0
    """Mails in the junk folder of the desk's mailbox, for the front line."""

    @property
    def empty(self) -> bool:
        return not (self.overdue or self.due_today or self.mine or self.waiting or self.unheld or self.junk)


@dataclass(frozen=True, slots=True)
class Dead:
    """An address to which mail comes back."""

    at: datetime
    """Since when."""
    tried_at: datetime | None
    """The last mail that went there all the same; None: none since."""


@dataclass(frozen=True, slots=True)
class Flood:
    """So many mails of one sender that they are one ticket."""

    sender_group: str
    """See `ids.mailbox_group`."""
    number: str
    """The ticket that holds them."""
    began_at: datetime
    """Arrival of its first mail …"""
    last_at: datetime
    """… and of its newest one."""
    mails: int
    told_mails: int
    """Of so many staff were told …"""
    told_at: datetime
    """… and when."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A mail that was cancelled before it left."""

    template: Template
    perhaps: bool
    """It may have left all the same: an answer was lost."""


@dataclass(frozen=True, slots=True)
class FloodNews:
    """What staff are told of a flood."""

    flood: Flood
    subjects: tuple[str, ...] = ()
    """The first distinct ones; none where it only begins."""
    per_minute: int = 0
    """More than so many in a minute make one."""
    over: bool = False
    """Nothing came for a while."""


@dataclass(frozen=True, slots=True)
class PassedOn:
    """An alert that waits at a desk whose mail does not leave."""

    who: str
    """Name and address of that desk."""
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What an outgoing mail says, before a template puts it into words."""

    ticket: Ticket | None = None
    """As it stands after the decision."""
    text: str = ""
    """The words of a person, carried verbatim; for RECEIPT those that went to the requester; for DELEGATION
    and ESCALATION what the requester wrote first."""
    author: str = ""
    """Who wrote `text`, or did what is told, for staff eyes: name and address."""
    reason: str = ""
    """For DELEGATION, ESCALATION and Notice.RETURNED: what the colleague says; for PROMISE: the reason."""
    notice: Notice | None = None
    """For NOTIFICATION."""
    other_number: str = ""
    """For Notice.STRANGER: the stranger's own ticket; for links of a new one: the other's; for
    Template.MERGED and Notice.MERGED: the ticket that was merged into this one."""
    reply_is_public: bool = True
    """For mails to staff: whether the reader's plain reply goes to the requester or becomes a note."""
    reads_only: bool = False
    """For mails to staff: the reader is none of them, and has a copy of a complaint to read."""
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
    """Named, but not sent along (too large, or not at the front line); their data may be empty."""
    history: tuple[HistoryLine, ...] = ()
    """Oldest first, without the message this mail is about."""
    lines: tuple[ReceiptLine, ...] = ()
    """For RECEIPT; for CONFIRMATION what would be done."""
    requester_was_sent: bool = False
    """For RECEIPT: whether the requester gets a mail by this decision."""
    reaches: tuple[str, ...] = ()
    """For RECEIPT: the addresses that get `text`, the requester's first."""
    causes: tuple[Due, ...] = ()
    """For REMINDER: what the ticket ran into; for ESCALATION and DELEGATION by time likewise."""
    again: bool = False
    """For QUESTION: it was asked before, `text` is what."""
    incident: bool = False
    """For ACKNOWLEDGEMENT: a security incident, which needs contact, description, chronology and impact."""
    survey: bool = False
    """For RESOLUTION: whether it asks the survey's question."""
    agenda: Agenda | None = None
    """For DIGEST."""
    flood: FloodNews | None = None
    """For Notice.FLOOD."""
    withdrawn: Withdrawn | None = None
    """For Notice.CANCELLED."""
    undeliverable_since: datetime | None = None
    """For staff: since when mail to the ticket's requester comes back; None: it does not."""
    looks_automatic: bool = False
    """For CONFIRMATION: not unproven, but perhaps a machine's."""
    tickets: tuple[Ticket, ...] = ()
    """For LIST."""
    figures: Figures | None = None
    """For RECEIPT of #laporan."""
    waiting: tuple[Waiting, ...] = ()
    """For ALERT: mails set aside."""
    trouble: str = ""
    """For ALERT: one English line of what is wrong."""
    alarm: News | None = None
    """For ALERT: a part of the service that does not work, or works again."""
    passed_on: PassedOn | None = None
    """For ALERT: one that could not leave through its own desk."""


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
    own_mail: bool = True
    """False: somebody else's mail brought it, so `author` knows nothing of that mail's id."""


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
class CanaryBack:
    """The marked mail to ourselves has come back."""

    token: str


@dataclass(frozen=True, slots=True)
class MarkUndeliverable:
    """An outgoing mail came back."""

    token: str
    """The id of its outbox row."""
    detail: str


@dataclass(frozen=True, slots=True)
class MarkUnreachable:
    """Mail to this address comes back: nothing automatic goes there until a mail arrives from it."""

    address: str
    token: str
    """The id of the mail that came back."""
    detail: str


@dataclass(frozen=True, slots=True)
class TryUnreachable:
    """One mail goes to this address although the last one came back."""

    address: str


@dataclass(frozen=True, slots=True)
class BeginFlood:
    flood: Flood


@dataclass(frozen=True, slots=True)
class GrowFlood:
    """One mail more."""

    flood: Flood
    received_at: datetime


@dataclass(frozen=True, slots=True)
class TellOfFlood:
    """Staff are told of as many mails as it holds, by the same decision."""

    flood: Flood


@dataclass(frozen=True, slots=True)
class Unlink:
    """Two tickets that do not belong together after all."""

    number: str
    other: str


@dataclass(frozen=True, slots=True)
class MoveMail:
    """One incoming mail and what it said belong to another ticket."""

    mail_id: int
    to: str


@dataclass(frozen=True, slots=True)
class Block:
    """No mail of this sender opens a ticket at this desk or is told to anybody."""

    address: str
    number: str
    """The ticket that was spam."""
    by: str


@dataclass(frozen=True, slots=True)
class Unblock:
    address: str


@dataclass(frozen=True, slots=True)
class AskConfirmation:
    """This mail waits for a yes of the person in whose name it came."""

    person: str


@dataclass(frozen=True, slots=True)
class SettleConfirmation:
    """A yes has the waiting mail decided once more, now with proof; anything else discards it."""

    mail_id: int
    confirmed: bool


@dataclass(frozen=True, slots=True)
class OweDigest:
    """Too much came due at once: this person gets one list of all instead of a mail for each."""

    person: str


@dataclass(frozen=True, slots=True)
class DigestSent:
    """This person has the list of this local day, or needs none; nothing is owed any more."""

    person: str
    day: date


@dataclass(frozen=True, slots=True)
class Warned:
    """The admins are told of this by the same decision: not again for a while."""

    kind: str


Effect = (
    OpenTicket
    | SaveTicket
    | AddMessage
    | AddEvent
    | Link
    | Unlink
    | MoveMail
    | Block
    | Unblock
    | AskConfirmation
    | SettleConfirmation
    | OweDigest
    | DigestSent
    | Warned
    | CanaryBack
    | MarkUndeliverable
    | MarkUnreachable
    | TryUnreachable
    | BeginFlood
    | GrowFlood
    | TellOfFlood
    | Send
)


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
