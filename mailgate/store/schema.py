"""What do we know, column by column?

Moments are aware UTC. Addresses end in `_key` where they are casefolded for comparing and nothing else.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.types import TypeDecorator

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)
Id = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER PRIMARY KEY counts up by itself in SQLite


class Instant(TypeDecorator[datetime]):
    """A moment: aware UTC outside, naive UTC where the database knows no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment without a time zone: {value!r}")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002  # SQLAlchemy's shape
    ) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _number(comment: str, **options: Any) -> Column[str]:
    return Column("number", String(40), ForeignKey("ticket.number"), comment=comment, **options)


mailbox = Table(
    "mailbox",
    metadata,
    Column("desk", String(64), primary_key=True, comment="key of the desk in the settings"),
    Column("folder", String(255), primary_key=True, comment="watched folder"),
    Column("uidvalidity", BigInteger, nullable=False, comment="UIDs mean something only beside it"),
    Column(
        "first_uid", BigInteger, nullable=False, comment="lower UIDs are older than mailgate, or done with"
    ),
    Column("start_at", Instant, nullable=True, comment="older mail is never taken; NULL: all of it is"),
    Column("contacted_at", Instant, nullable=False, comment="first contact with this UIDVALIDITY"),
    Column("reconciled", Boolean, nullable=False, comment="false: rebuilt, old and new not yet told apart"),
    comment="where the reading of each watched folder began",
)

mail = Table(
    "mail",
    metadata,
    Column("id", Id, primary_key=True, comment="order of arrival in the store"),
    Column("desk", String(64), nullable=False, comment="whose mailbox it came in"),
    Column("folder", String(255), nullable=False, comment="where it was found, as the settings name it"),
    Column("uidvalidity", BigInteger, nullable=False, comment="of the folder it was seen in"),
    Column("uid", BigInteger, nullable=True, comment="its UID there; NULL: the server forgot it"),
    Column("content", String(64), nullable=True, comment="SHA-256 without trace fields; NULL: a duplicate"),
    Column("duplicate_of", Id, ForeignKey("mail.id"), nullable=True, comment="the mail it repeats"),
    Column("message_id", Text, nullable=True, comment="as its header says, without angle brackets"),
    Column("size", BigInteger, nullable=False, comment="octets as the server counts them"),
    Column("oversize", Boolean, nullable=False, comment="over message_mib: only its header was fetched"),
    Column("received_at", Instant, nullable=False, comment="INTERNALDATE, never in the future"),
    Column("kept_at", Instant, nullable=False, comment="when its bytes were durable here"),
    Column("silent", Boolean, nullable=False, comment="taken in without answering: the mailbox was rebuilt"),
    Column(
        "confirmed",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="the person in whose name it came said yes to it",
    ),
    Column("state", String(16), nullable=False, comment="kept, decided, aside, dropped or duplicate"),
    Column(
        "acknowledged_at", Instant, nullable=True, comment="when the server had moved it; NULL: it has not"
    ),
    Column("author_key", Text, nullable=True, comment="address in From, casefolded; NULL: not read yet"),
    Column("author_group", Text, nullable=True, comment="the same without dots and +tag, for the brakes"),
    Column("words", String(64), nullable=True, comment="SHA-256 of its subject and words; NULL: no words"),
    Column("author", Text, nullable=True, comment="From as read, for lists"),
    Column("subject", Text, nullable=True, comment="Subject as read, for lists"),
    Column("decided_at", Instant, nullable=True, comment="when the decision was taken"),
    Column(
        "mirrored",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="lies in the set-aside folder of its server, which has to follow what becomes of it",
    ),
    Column("handling", String(16), nullable=True, comment="opened, appended, commanded, refused or filed"),
    Column("reason", Text, nullable=True, comment="why it was decided, or set aside"),
    _number("the ticket it concerns", nullable=True),
    UniqueConstraint("desk", "folder", "uidvalidity", "uid"),
    UniqueConstraint("desk", "content"),
    Index(None, "state", "desk", "id"),
    Index(None, "message_id"),
    Index(None, "desk", "author_group", "kept_at"),
    Index(None, "desk", "author_group", "received_at"),
    Index("ix_mail_mirrored", "desk", sqlite_where=text("mirrored = 1"), postgresql_where=text("mirrored")),
    Index(None, "desk", "folder", "acknowledged_at", "state"),
    comment="every mail that came in, one row for each delivery",
)

raw = Table(
    "raw",
    metadata,
    Column(
        "mail_id", Id, ForeignKey("mail.id"), primary_key=True, autoincrement=False, comment="whose bytes"
    ),
    Column("deflated", LargeBinary, nullable=False, comment="the mail as received, compressed with zlib"),
    comment="raw mail, apart from everything that is queried",
)

reference = Table(
    "reference",
    metadata,
    Column("mail_id", Id, ForeignKey("mail.id"), primary_key=True, comment="the mail that cites"),
    Column("position", Integer, primary_key=True, comment="0 is what it answers most directly"),
    Column("message_id", Text, nullable=False, index=True, comment="the cited id, without angle brackets"),
    comment="In-Reply-To and References of every mail",
)

serial = Table(
    "serial",
    metadata,
    Column("desk", String(64), primary_key=True, comment="key of the desk"),
    Column("year", Integer, primary_key=True, comment="local year of arrival"),
    Column("last", Integer, nullable=False, comment="the last serial given; never given again"),
    comment="ticket numbers already used",
)

ticket = Table(
    "ticket",
    metadata,
    Column("number", String(40), primary_key=True, comment="KOM-2026-000123"),
    Column("desk", String(64), nullable=False, comment="exactly one desk"),
    Column("status", String(16), nullable=False, comment="new, open, pending, resolved or closed"),
    Column("level", Integer, nullable=False, comment="place in the escalation chain, 0 is the front line"),
    Column("holder", Text, nullable=True, comment="listed address of the staff member who has it"),
    Column("outcome", String(16), nullable=True, comment="solved, redirected, rejected, merged, …"),
    Column("channel", String(16), nullable=False, comment="how the request came: mail"),
    Column("subject", Text, nullable=False, comment="of the first mail"),
    Column("requester_name", Text, nullable=False, comment="display name of the first mail's author"),
    Column("requester_address", Text, nullable=False, comment="as its writer wrote it"),
    Column("requester_key", Text, nullable=False, comment="the address casefolded"),
    Column("category", String(64), nullable=True, comment="key of a category of the desk"),
    Column("work", String(16), nullable=True, comment="code of the kind of work; NULL: no target"),
    Column("priority", Integer, nullable=False, comment="1 most urgent … 4 can wait"),
    Column("confidential", Boolean, nullable=False, comment="only admin and head see it"),
    Column("silent", Boolean, nullable=False, comment="the requester gets no automatic mail"),
    Column("received_at", Instant, nullable=False, comment="INTERNALDATE of the first mail"),
    Column("opened_at", Instant, nullable=False, comment="when mailgate opened it"),
    Column("notified_at", Instant, nullable=True, comment="when the notice of the start was accepted"),
    Column("first_response_at", Instant, nullable=True, comment="first words of a person to the requester"),
    Column("promised_due_at", Instant, nullable=True, comment="the moment promised in a mail"),
    Column("due_at", Instant, nullable=True, comment="the standard's moment"),
    Column("resolved_at", Instant, nullable=True, comment="the first resolution"),
    Column("closed_at", Instant, nullable=True, comment="when it was last closed"),
    Column("close_at", Instant, nullable=True, comment="when silence closes it; NULL: it will not"),
    Column("reopened", Integer, nullable=False, comment="how often it was opened again"),
    Column(
        "started",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="the requester was told that the repair begins",
    ),
    Column("notified_by", String(32), nullable=True, comment="what notified_at rests on: outbox id, or told"),
    Column(
        "form",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="a contact form wrote, its Reply-To is the requester",
    ),
    Column("requester_phone", Text, nullable=False, server_default=text("''"), comment="as staff entered it"),
    Column(
        "requester_organisation",
        Text,
        nullable=False,
        server_default=text("''"),
        comment="as staff entered it",
    ),
    Column(
        "requester_street", Text, nullable=False, server_default=text("''"), comment="as staff entered it"
    ),
    Column(
        "participants",
        JSON,
        nullable=True,
        comment="who else may write and read: name and address",
    ),
    Column("proposed", JSON, nullable=True, comment="author of the mail that staff forwarded"),
    Column("external_number", Text, nullable=True, comment="what a level outside calls it"),
    Column("survey", Integer, nullable=True, comment="1 not content … 4 very content"),
    Column("merged_into", String(40), nullable=True, index=True, comment="the surviving ticket"),
    Column("stranger_of", String(40), nullable=True, index=True, comment="cited; to accept or reject"),
    Column("suggestion", JSON, nullable=True, comment="what a rule proposes to staff"),
    Column("started_at", Instant, nullable=True, comment="when the repair was announced"),
    Column("pending_since", Instant, nullable=True, comment="since when it waits for the requester"),
    Column("unheld_since", Instant, nullable=True, comment="since when nobody has it"),
    Column("external_since", Instant, nullable=True, comment="since when it is outside"),
    Column("answered_at", Instant, nullable=True, comment="last words of a person to the requester"),
    Column(
        "contacts", Integer, nullable=False, server_default=text("0"), comment="the requester's mails since"
    ),
    Column("contacted_at", Instant, nullable=True, comment="the requester's last mail since"),
    Column(
        "paused_seconds", Integer, nullable=False, server_default=text("0"), comment="service time of waiting"
    ),
    Column("survey_asked_at", Instant, nullable=True, comment="when the survey's question was sent"),
    Column("fired", JSON, nullable=True, comment="escalations that acted: row and what it counts from"),
    Column("watch_at", Instant, nullable=True, comment="when time looks again; NULL: never"),
    Index(None, "desk", "watch_at"),
    Index(None, "desk", "holder", "status"),
    Index(None, "requester_key", "survey_asked_at"),
    Index(None, "desk", "status", "received_at"),
    Index(None, "desk", "requester_key", "opened_at"),
    comment="one matter of one requester at one desk",
)

link = Table(
    "link",
    metadata,
    _number("one ticket", primary_key=True),
    Column("other", String(40), ForeignKey("ticket.number"), primary_key=True, comment="the other"),
    comment="tickets that belong together, each pair in both directions",
)

message = Table(
    "message",
    metadata,
    Column("id", Id, primary_key=True, comment="order within the history"),
    _number("whose history", nullable=False, index=True),
    Column("mail_id", Id, ForeignKey("mail.id"), nullable=True, comment="the mail that brought it"),
    Column("incoming", Boolean, nullable=False, comment="written by the requester's side"),
    Column("kind", String(16), nullable=False, comment="request, follow_up, reply, note, automatic, …"),
    Column("author_name", Text, nullable=False, comment="who wrote it"),
    Column("author_address", Text, nullable=False, comment="who wrote it"),
    Column("subject", Text, nullable=False, comment="of the mail that brought it"),
    Column("text", Text, nullable=False, comment="the words written this time"),
    Column("at", Instant, nullable=False, comment="when it was received or decided"),
    Column("message_id", Text, nullable=True, comment="of the mail that brought it"),
    Column("attachments", JSON, nullable=False, comment="list of name, type and size"),
    comment="what was said on a ticket",
)

event = Table(
    "event",
    metadata,
    Column("id", Id, primary_key=True, comment="order of what happened"),
    _number("whose history", nullable=False, index=True),
    Column(
        "mail_id", Id, ForeignKey("mail.id"), nullable=True, index=True, comment="the mail that caused it"
    ),
    Column("at", Instant, nullable=False, comment="when it was decided"),
    Column("actor", Text, nullable=False, comment="an address, or mailgate"),
    Column("what", String(40), nullable=False, comment="opened, acknowledged, taken, resolved, …"),
    Column("reason", Text, nullable=False, comment="why, one line"),
    Column("message_id", Text, nullable=True, comment="of the mail that caused it"),
    comment="what happened to a ticket, for ever",
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", Id, primary_key=True, comment="order of leaving per ticket and recipient"),
    Column("token", String(26), nullable=False, unique=True, comment="128 random bits: who cites it got it"),
    Column("desk", String(64), nullable=False, comment="from whose address it leaves"),
    _number("the ticket it is about", nullable=True),
    Column(
        "mail_id", Id, ForeignKey("mail.id"), nullable=True, index=True, comment="the mail that caused it"
    ),
    Column("template", String(32), nullable=False, comment="name of the template"),
    Column("audience", String(16), nullable=False, comment="requester, staff or admin"),
    Column("automatic", Boolean, nullable=False, comment="false: it carries words of a person"),
    Column("recipient", Text, nullable=False, comment="the one address it goes to"),
    Column("recipient_key", Text, nullable=False, comment="the same, casefolded"),
    Column("person_key", Text, nullable=False, comment="to whom the token proves, casefolded"),
    Column("message_id", Text, nullable=False, comment="the same on every attempt"),
    Column("raw", LargeBinary, nullable=False, comment="the final bytes"),
    Column("created_at", Instant, nullable=False, comment="when it was decided"),
    Column(
        "state",
        String(16),
        nullable=False,
        comment="ready, sending, sent, deferred, failed, uncertain or cancelled",
    ),
    Column("next_at", Instant, nullable=True, comment="not before; NULL: never again"),
    Column("attempts", Integer, nullable=False, comment="how often it was tried"),
    Column("claimed_by", String(64), nullable=True, comment="the instance that sends it"),
    Column("lease_until", Instant, nullable=True, comment="after this the claim is void"),
    Column(
        "data_at", Instant, nullable=True, comment="when DATA began: a lost answer is uncertain from here"
    ),
    Column("in_doubt", Boolean, nullable=False, comment="an earlier attempt may have succeeded"),
    Column("last_error", Text, nullable=True, comment="what the server said last"),
    Column("sent_at", Instant, nullable=True, comment="when the server accepted it"),
    Column("bounced_at", Instant, nullable=True, comment="when it came back"),
    Column("tried_at", Instant, nullable=True, comment="when it was last tried; NULL: not yet"),
    Column(
        "waited",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="seconds between its refusals, which count towards giving it up",
    ),
    Column(
        "priority",
        Integer,
        nullable=False,
        server_default=text("2"),
        comment="0 words of people, 1 answers, 2 notices, 3 reports",
    ),
    Column(
        "reduced",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="without the requester's words: the server refused the whole mail",
    ),
    Column(
        "recipient_group",
        Text,
        nullable=False,
        server_default=text("''"),
        comment="recipient_key without what one mailbox can be called besides: dots, a +tag",
    ),
    Column(
        "recipient_domain", Text, nullable=False, server_default=text("''"), comment="of it, for the brakes"
    ),
    Index(None, "state", "desk", "next_at"),
    Index(None, "desk", "sent_at", "automatic"),
    Index(None, "desk", "recipient_group", "created_at"),
    Index(None, "desk", "recipient_domain", "created_at"),
    Index(None, "number", "recipient_key", "seq"),
    comment="mail that leaves, one recipient each",
)

alert = Table(
    "alert",
    metadata,
    Column("desk", String(64), primary_key=True, comment="the desk it is about"),
    Column("kind", String(400), primary_key=True, comment="set_aside, rebuilt, …"),
    Column("sent_at", Instant, nullable=False, comment="when the last one was decided"),
    comment="when the admin was last told of what",
)

confirmation = Table(
    "confirmation",
    metadata,
    Column("mail_id", Id, ForeignKey("mail.id"), primary_key=True, autoincrement=False, comment="what waits"),
    Column("desk", String(64), nullable=False, comment="whose staff it is"),
    Column("person_key", Text, nullable=False, comment="who is asked, casefolded"),
    Column("asked_at", Instant, nullable=False, comment="valid for a day from here"),
    Column("settled_at", Instant, nullable=True, comment="when it was answered; NULL: not yet"),
    Column("confirmed", Boolean, nullable=True, comment="true: carried out; false: discarded"),
    Index(None, "desk", "person_key", "asked_at"),
    comment="words in the name of staff that wait for a yes",
)

blocked = Table(
    "blocked",
    metadata,
    Column("desk", String(64), primary_key=True, comment="which desk silenced the sender"),
    Column("address_key", String(320), primary_key=True, comment="the sender, casefolded"),
    Column(
        "address_group",
        String(320),
        nullable=False,
        server_default=text("''"),
        comment="the same without dots and +tag: no tag makes another sender",
    ),
    Column("address", Text, nullable=False, comment="as its writer wrote it"),
    _number("the ticket that was spam", nullable=False),
    Column("by", Text, nullable=False, comment="who said so"),
    Column("at", Instant, nullable=False, comment="when"),
    Index(None, "desk", "address_group"),
    comment="senders whose mail opens no ticket",
)

digest = Table(
    "digest",
    metadata,
    Column("desk", String(64), primary_key=True, comment="whose staff"),
    Column("person_key", String(320), primary_key=True, comment="listed address, casefolded"),
    Column("last_on", Date, nullable=True, comment="local day of the last morning digest; NULL: none yet"),
    Column("owed", Boolean, nullable=False, comment="reminders were kept back: one digest for all of them"),
    Index(None, "desk", "owed"),
    comment="who was sent the morning's list",
)

junk = Table(
    "junk",
    metadata,
    Column("desk", String(64), primary_key=True, comment="whose mailbox"),
    Column("mails", Integer, nullable=False, comment="in the junk folder when last looked"),
    Column("at", Instant, nullable=False, comment="when that was"),
    comment="what the mail server holds for junk",
)

submission = Table(
    "submission",
    metadata,
    Column("desk", String(64), primary_key=True, comment="whose mail leaves by it"),
    Column("paused_until", Instant, nullable=True, comment="nothing leaves before, then one; NULL: no pause"),
    Column("reason", Text, nullable=True, comment="what the server said of us"),
    Column("at", Instant, nullable=True, comment="when it first said so"),
    Column("held_since", Instant, nullable=True, comment="automatic mail waits for a limit; NULL: none does"),
    comment="what keeps a desk's mail back; who claims some of it locks its row",
)

unreachable = Table(
    "unreachable",
    metadata,
    Column("desk", String(64), primary_key=True, comment="whose mail came back"),
    Column("address_key", String(320), primary_key=True, comment="the address, casefolded"),
    Column("address_group", String(320), nullable=False, comment="whose mail clears it: no dots, no +tag"),
    Column("address", Text, nullable=False, comment="as we wrote it"),
    Column("token", String(26), nullable=False, comment="the mail that came back first"),
    Column("detail", Text, nullable=False, comment="what was said of it"),
    Column("at", Instant, nullable=False, comment="when"),
    Column("tried_at", Instant, nullable=True, comment="the last mail to it since; NULL: none"),
    Index(None, "desk", "address_group"),
    comment="addresses that get no automatic mail until a mail arrives from them",
)

flood = Table(
    "flood",
    metadata,
    Column("desk", String(64), primary_key=True, comment="who is flooded"),
    Column("sender_group", String(320), primary_key=True, comment="by whom, see mail.author_group"),
    Column("began_at", Instant, primary_key=True, comment="arrival of its first mail"),
    _number("the one ticket that holds it", nullable=False),
    Column("last_at", Instant, nullable=False, comment="arrival of its newest mail"),
    Column("mails", Integer, nullable=False, comment="how many it holds"),
    Column("told_mails", Integer, nullable=False, comment="of how many staff were told"),
    Column("told_at", Instant, nullable=False, comment="when"),
    Index(None, "desk", "last_at"),
    comment="senders whose many mails are one ticket",
)

canary = Table(
    "canary",
    metadata,
    Column("token", String(26), primary_key=True, comment="of the outbox row"),
    Column("desk", String(64), nullable=False, comment="which desk writes to itself"),
    Column("sent_at", Instant, nullable=False, comment="when it was written"),
    Column("due_at", Instant, nullable=False, comment="when it must be back"),
    Column("returned_at", Instant, nullable=True, comment="when it came back; NULL: not yet"),
    Column("told_at", Instant, nullable=True, comment="when somebody was told that it did not"),
    Column(
        "asked",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="somebody waits for it at a terminal, and need not be told",
    ),
    Index(None, "desk", "sent_at"),
    comment="marked mails to ourselves",
)
