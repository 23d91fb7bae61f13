"""What did a mail say, as plain data?

Values only: they cross the process wall of the reading worker as msgpack. Every str in them is free of
CR (and, in header values and file names, of LF), NUL, other control characters and bidi overrides.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailgate.message.wire import on_the_wire

MOST_KEY = 320


def writable(address: str) -> bool:
    """Whether mail can be sent there: one plain mailbox.

    Of a local part beyond ASCII only the submission server knows whether it can be carried on; where it
    cannot, the mail fails and staff are told.
    """
    return on_the_wire(address) is not None


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox."""

    name: str
    """The decoded display name, "" when there is none."""
    address: str
    """The addr-spec as its writer wrote it, without angle brackets: "Budi@example.go.id"."""

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address

    @property
    def key(self) -> str:
        """For comparing only: foreign local parts are never rewritten (RFC 5321, section 2.3.11).

        No address that can be written to is cut (RFC 5321, section 4.5.3.1.3); longer ones no index takes.
        """
        return self.address.casefold()[:MOST_KEY]


class AttachmentKind(StrEnum):
    """What a part is good for, beyond its media type."""

    FILE = "file"
    INLINE = "inline"
    """An image or the like that stands in the text."""
    MESSAGE = "message"
    """A whole mail."""
    CALENDAR = "calendar"
    SIGNATURE = "signature"
    """S/MIME or PGP, beside the words it signs."""
    ENCRYPTED = "encrypted"
    """S/MIME or PGP: nobody here can read it."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is not the text of the mail."""

    name: str
    """Safe to show and to save: no path, no control characters; "" when the sender gave none."""
    type: str
    """Lower-case media type: "image/png"."""
    size: int
    """Decoded bytes."""
    data: bytes
    """The decoded bytes; for message/rfc822 the whole attached message."""
    kind: AttachmentKind = AttachmentKind.FILE


class Content(StrEnum):
    """What sort of words a mail has; how to tell it to people is for templates to say."""

    TEXT = "text"
    EMPTY = "empty"
    """None: the mail is blank, or has only attachments."""
    ENCRYPTED = "encrypted"
    """They are encrypted with S/MIME or PGP, and `text` is empty or PGP armour."""
    CALENDAR = "calendar"
    """Only those of a calendar entry; `text` tells it."""
    FORWARDED = "forwarded"
    """None of its own: `text` is that of the one message that it passes on, which is also kept whole."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A calendar entry; every field is "" when it is not said."""

    method: str
    """Lower case: request, reply, cancel, publish (RFC 5546)."""
    summary: str
    start: str
    """2026-08-03, or 2026-08-03 09:00 followed by the zone as the calendar names it."""
    end: str
    location: str
    organizer: str
    """An address, mostly."""
    description: str
    """May have several lines."""


class AutomaticKind(StrEnum):
    """What sort of machine wrote."""

    RESPONSE = "response"
    """It answers a mail (vacation reply, read receipt, DSN): never opens a ticket, never answered."""
    NOTICE = "notice"
    """It writes of its own accord (monitoring, cron): may open a ticket, never answered."""
    BULK = "bulk"
    """A mailing list or bulk mail: may open a ticket, never answered."""
    SUSPECTED = "suspected"
    """Only its words say so, as people's may: a ticket like any person's, and not answered by a machine."""


@dataclass(frozen=True, slots=True)
class Automatic:
    """Why a mail is taken for a machine's."""

    kind: AutomaticKind
    reason: str
    """The mark that was found, for `why`: "Auto-Submitted: auto-replied"."""


@dataclass(frozen=True, slots=True)
class DsnRecipient:
    """One per-recipient group of a delivery status notification (RFC 3464, section 2.3)."""

    address: str
    action: str
    """failed, delayed, delivered, relayed or expanded; lower case. Decides, not the status class."""
    status: str
    """Such as "5.1.1"; "" when not said."""
    diagnostic: str
    """What the remote server said, one line, at most 500 characters; "" when not said."""


@dataclass(frozen=True, slots=True)
class Dsn:
    """A delivery status notification, or a bounce that no standard foresaw."""

    action: str
    """The worst of its recipients' actions: failed before delayed before the rest."""
    recipients: tuple[DsnRecipient, ...]
    original_message_id: str | None
    """Of the mail that it reports on, without angle brackets; None when it says nothing of it."""
    envelope_id: str | None = None
    """ENVID of its envelope (RFC 3461, section 4.4), of ours the outbox id; None when it is not said."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """An abuse report (RFC 5965, X-ARF)."""

    type: str
    """Lower case, as reported: abuse, fraud, auth-failure, opt-out, …; one that nobody knows is kept too."""
    source_ip: str
    """"" when not said."""
    reported_domain: str = ""
    """Lower case; "" when not said."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The mail of somebody else that this one passes on, as its sender shows it: it proves nothing."""

    author: Address
    """A proposal for who asks; can be written to."""
    subject: str
    """One line; "" when it is not said."""
    text: str
    """All that stands below its header; "" when nothing does."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a mail says. Message ids stand everywhere without angle brackets."""

    message_id: str | None
    """None when the mail has none that can be read."""
    authors: tuple[Address, ...]
    """The mailboxes of From; more than one never proves anybody; empty when none can be read."""
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    """Without Resent-*; see `resent_to`."""
    resent_to: tuple[Address, ...]
    """Resent-To and Resent-Cc."""
    subject: str
    """Decoded, one line, "" when there is none."""
    date: datetime | None
    """The author's own clock in UTC, shown and never counted with; None when unreadable."""
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    return_path: str | None
    """"" is the null return path of RFC 5321, section 4.5.5; None when the server kept none."""
    received_count: int
    """Received fields: 100 and more is a loop (RFC 5321, section 6.3)."""
    text: str
    """The whole text, "\\n" line ends, quotes and signatures included; "" when there is none."""
    reply_text: str
    """The words written this time; never empty when `text` is not."""
    own_words: str
    """The same without what is passed on or quoted by hand, "" where that is all: what staff order."""
    attachments: tuple[Attachment, ...]
    automatic: Automatic | None
    """None: a person wrote, as far as one can tell."""
    dsn: Dsn | None
    feedback: Feedback | None
    authentication_results: tuple[str, ...]
    """The Authentication-Results fields as they stand, topmost first, unfolded."""
    charset_guessed: bool
    defects: tuple[str, ...]
    only_quoted: bool = False
    """A mail program's own line introduces all there is: nothing was written; `reply_text` shows it."""
    content: Content = Content.TEXT
    invitation: Invitation | None = None
    """The calendar entry that came with it."""
    forwarded: Forwarded | None = None
    """Another's mail, in the text or as the one attached message. None where a machine wrote."""
    oversize: int = 0
    """Octets of a mail so large that its header alone was read; 0 where it was read whole."""

    @property
    def author(self) -> Address | None:
        """The one mailbox of From; None when there is none or several."""
        return self.authors[0] if len(self.authors) == 1 else None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A mail that is set aside."""

    reason: str
    """One line for the admin: "reading took more than 5 s of CPU time"."""
