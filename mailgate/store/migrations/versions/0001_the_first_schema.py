"""the first schema"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("desk", sa.String(length=64), nullable=False, comment="the desk it is about"),
        sa.Column("kind", sa.String(length=32), nullable=False, comment="set_aside, rebuilt, …"),
        sa.Column(
            "sent_at", sa.DateTime(timezone=True), nullable=False, comment="when the last one was decided"
        ),
        sa.PrimaryKeyConstraint("desk", "kind", name=op.f("pk_alert")),
        comment="when the admin was last told of what",
    )
    op.create_table(
        "mailbox",
        sa.Column("desk", sa.String(length=64), nullable=False, comment="key of the desk in the settings"),
        sa.Column("folder", sa.String(length=255), nullable=False, comment="watched folder"),
        sa.Column(
            "uidvalidity", sa.BigInteger(), nullable=False, comment="UIDs mean something only beside it"
        ),
        sa.Column(
            "first_uid", sa.BigInteger(), nullable=False, comment="lower UIDs were there before mailgate"
        ),
        sa.Column(
            "start_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="older mail is never taken; NULL: all of it is",
        ),
        sa.Column(
            "contacted_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="first contact with this UIDVALIDITY",
        ),
        sa.Column(
            "reconciled",
            sa.Boolean(),
            nullable=False,
            comment="false: rebuilt, old and new not yet told apart",
        ),
        sa.PrimaryKeyConstraint("desk", "folder", name=op.f("pk_mailbox")),
        comment="where the reading of each watched folder began",
    )
    op.create_table(
        "serial",
        sa.Column("desk", sa.String(length=64), nullable=False, comment="key of the desk"),
        sa.Column("year", sa.Integer(), nullable=False, comment="local year of arrival"),
        sa.Column("last", sa.Integer(), nullable=False, comment="the last serial given; never given again"),
        sa.PrimaryKeyConstraint("desk", "year", name=op.f("pk_serial")),
        comment="ticket numbers already used",
    )
    op.create_table(
        "ticket",
        sa.Column("number", sa.String(length=40), nullable=False, comment="KOM-2026-000123"),
        sa.Column("desk", sa.String(length=64), nullable=False, comment="exactly one desk"),
        sa.Column(
            "status", sa.String(length=16), nullable=False, comment="new, open, pending, resolved or closed"
        ),
        sa.Column(
            "level",
            sa.Integer(),
            nullable=False,
            comment="place in the escalation chain, 0 is the front line",
        ),
        sa.Column(
            "holder", sa.Text(), nullable=True, comment="listed address of the staff member who has it"
        ),
        sa.Column(
            "outcome", sa.String(length=16), nullable=True, comment="solved, redirected, rejected, merged, …"
        ),
        sa.Column("channel", sa.String(length=16), nullable=False, comment="how the request came: mail"),
        sa.Column("subject", sa.Text(), nullable=False, comment="of the first mail"),
        sa.Column(
            "requester_name", sa.Text(), nullable=False, comment="display name of the first mail's author"
        ),
        sa.Column("requester_address", sa.Text(), nullable=False, comment="as its writer wrote it"),
        sa.Column("requester_key", sa.Text(), nullable=False, comment="the address casefolded"),
        sa.Column("category", sa.String(length=64), nullable=True, comment="key of a category of the desk"),
        sa.Column(
            "work", sa.String(length=16), nullable=True, comment="code of the kind of work; NULL: no target"
        ),
        sa.Column("priority", sa.Integer(), nullable=False, comment="1 most urgent … 4 can wait"),
        sa.Column("confidential", sa.Boolean(), nullable=False, comment="only admin and head see it"),
        sa.Column("silent", sa.Boolean(), nullable=False, comment="the requester gets no automatic mail"),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="INTERNALDATE of the first mail",
        ),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False, comment="when mailgate opened it"),
        sa.Column(
            "notified_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the notice of the start was accepted",
        ),
        sa.Column(
            "first_response_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="first words of a person to the requester",
        ),
        sa.Column(
            "promised_due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the moment promised in a mail",
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True, comment="the standard's moment"),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True, comment="the first resolution"),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True, comment="when it was last closed"),
        sa.Column(
            "close_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when silence closes it; NULL: it will not",
        ),
        sa.Column("reopened", sa.Integer(), nullable=False, comment="how often it was opened again"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ticket")),
        comment="one matter of one requester at one desk",
    )
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_close_at"), ["close_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_ticket_desk_requester_key_opened_at"),
            ["desk", "requester_key", "opened_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ticket_desk_status_received_at"), ["desk", "status", "received_at"], unique=False
        )

    op.create_table(
        "link",
        sa.Column("number", sa.String(length=40), nullable=False, comment="one ticket"),
        sa.Column("other", sa.String(length=40), nullable=False, comment="the other"),
        sa.ForeignKeyConstraint(["number"], ["ticket.number"], name=op.f("fk_link_number")),
        sa.ForeignKeyConstraint(["other"], ["ticket.number"], name=op.f("fk_link_other")),
        sa.PrimaryKeyConstraint("number", "other", name=op.f("pk_link")),
        comment="tickets that belong together, each pair in both directions",
    )
    op.create_table(
        "mail",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="order of arrival in the store",
        ),
        sa.Column("desk", sa.String(length=64), nullable=False, comment="whose mailbox it came in"),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False, comment="of the folder it was seen in"),
        sa.Column("uid", sa.BigInteger(), nullable=True, comment="its UID there; NULL: the server forgot it"),
        sa.Column(
            "content",
            sa.String(length=64),
            nullable=True,
            comment="SHA-256 without trace fields; NULL: a duplicate",
        ),
        sa.Column(
            "duplicate_of",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="the mail it repeats",
        ),
        sa.Column(
            "message_id", sa.Text(), nullable=True, comment="as its header says, without angle brackets"
        ),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="octets as the server counts them"),
        sa.Column(
            "oversize", sa.Boolean(), nullable=False, comment="over message_mib: only its header was fetched"
        ),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="INTERNALDATE, never in the future",
        ),
        sa.Column(
            "kept_at", sa.DateTime(timezone=True), nullable=False, comment="when its bytes were durable here"
        ),
        sa.Column(
            "silent",
            sa.Boolean(),
            nullable=False,
            comment="taken in without answering: the mailbox was rebuilt",
        ),
        sa.Column("state", sa.String(length=16), nullable=False, comment="kept, decided, aside or duplicate"),
        sa.Column(
            "acknowledged_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the server had moved it; NULL: not yet",
        ),
        sa.Column(
            "author_key", sa.Text(), nullable=True, comment="address in From, casefolded; NULL: not read yet"
        ),
        sa.Column("author", sa.Text(), nullable=True, comment="From as read, for lists"),
        sa.Column("subject", sa.Text(), nullable=True, comment="Subject as read, for lists"),
        sa.Column(
            "decided_at", sa.DateTime(timezone=True), nullable=True, comment="when the decision was taken"
        ),
        sa.Column(
            "handling",
            sa.String(length=16),
            nullable=True,
            comment="opened, appended, commanded, refused or filed",
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it was decided, or set aside"),
        sa.Column("number", sa.String(length=40), nullable=True, comment="the ticket it concerns"),
        sa.ForeignKeyConstraint(["duplicate_of"], ["mail.id"], name=op.f("fk_mail_duplicate_of")),
        sa.ForeignKeyConstraint(["number"], ["ticket.number"], name=op.f("fk_mail_number")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail")),
        sa.UniqueConstraint("desk", "content", name=op.f("uq_mail_desk_content")),
        sa.UniqueConstraint("desk", "uidvalidity", "uid", name=op.f("uq_mail_desk_uidvalidity_uid")),
        comment="every mail that came in, one row for each delivery",
    )
    with op.batch_alter_table("mail", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_mail_desk_acknowledged_at_state"),
            ["desk", "acknowledged_at", "state"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_mail_desk_author_key_kept_at"), ["desk", "author_key", "kept_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_mail_message_id"), ["message_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_mail_state_desk_id"), ["state", "desk", "id"], unique=False)

    op.create_table(
        "event",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="order of what happened",
        ),
        sa.Column("number", sa.String(length=40), nullable=False, comment="whose history"),
        sa.Column(
            "mail_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="the mail that caused it",
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when it was decided"),
        sa.Column("actor", sa.Text(), nullable=False, comment="an address, or mailgate"),
        sa.Column(
            "what", sa.String(length=40), nullable=False, comment="opened, acknowledged, taken, resolved, …"
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="why, one line"),
        sa.Column("message_id", sa.Text(), nullable=True, comment="of the mail that caused it"),
        sa.ForeignKeyConstraint(["mail_id"], ["mail.id"], name=op.f("fk_event_mail_id")),
        sa.ForeignKeyConstraint(["number"], ["ticket.number"], name=op.f("fk_event_number")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        comment="what happened to a ticket, for ever",
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_mail_id"), ["mail_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_event_number"), ["number"], unique=False)

    op.create_table(
        "message",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="order within the history",
        ),
        sa.Column("number", sa.String(length=40), nullable=False, comment="whose history"),
        sa.Column(
            "mail_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="the mail that brought it",
        ),
        sa.Column("incoming", sa.Boolean(), nullable=False, comment="written by the requester's side"),
        sa.Column(
            "kind",
            sa.String(length=16),
            nullable=False,
            comment="request, follow_up, reply, note, automatic, …",
        ),
        sa.Column("author_name", sa.Text(), nullable=False, comment="who wrote it"),
        sa.Column("author_address", sa.Text(), nullable=False, comment="who wrote it"),
        sa.Column("subject", sa.Text(), nullable=False, comment="of the mail that brought it"),
        sa.Column("text", sa.Text(), nullable=False, comment="the words written this time"),
        sa.Column(
            "at", sa.DateTime(timezone=True), nullable=False, comment="when it was received or decided"
        ),
        sa.Column("message_id", sa.Text(), nullable=True, comment="of the mail that brought it"),
        sa.Column("attachments", sa.JSON(), nullable=False, comment="list of name, type and size"),
        sa.ForeignKeyConstraint(["mail_id"], ["mail.id"], name=op.f("fk_message_mail_id")),
        sa.ForeignKeyConstraint(["number"], ["ticket.number"], name=op.f("fk_message_number")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        comment="what was said on a ticket",
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_number"), ["number"], unique=False)

    op.create_table(
        "outbox",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="order of leaving per ticket and recipient",
        ),
        sa.Column(
            "token", sa.String(length=26), nullable=False, comment="128 random bits: who cites it got it"
        ),
        sa.Column("desk", sa.String(length=64), nullable=False, comment="from whose address it leaves"),
        sa.Column("number", sa.String(length=40), nullable=True, comment="the ticket it is about"),
        sa.Column(
            "mail_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="the mail that caused it",
        ),
        sa.Column("template", sa.String(length=32), nullable=False, comment="name of the template"),
        sa.Column("audience", sa.String(length=16), nullable=False, comment="requester, staff or admin"),
        sa.Column("automatic", sa.Boolean(), nullable=False, comment="false: it carries words of a person"),
        sa.Column("recipient", sa.Text(), nullable=False, comment="the one address it goes to"),
        sa.Column("recipient_key", sa.Text(), nullable=False, comment="the same, casefolded"),
        sa.Column("person_key", sa.Text(), nullable=False, comment="to whom the token proves, casefolded"),
        sa.Column("message_id", sa.Text(), nullable=False, comment="the same on every attempt"),
        sa.Column("raw", sa.LargeBinary(), nullable=False, comment="the final bytes"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, comment="when it was decided"),
        sa.Column(
            "state",
            sa.String(length=16),
            nullable=False,
            comment="ready, sending, sent, deferred, failed, uncertain",
        ),
        sa.Column(
            "next_at", sa.DateTime(timezone=True), nullable=True, comment="not before; NULL: never again"
        ),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="how often it was tried"),
        sa.Column("claimed_by", sa.String(length=64), nullable=True, comment="the instance that sends it"),
        sa.Column(
            "lease_until", sa.DateTime(timezone=True), nullable=True, comment="after this the claim is void"
        ),
        sa.Column(
            "data_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when DATA began: a lost answer is uncertain from here",
        ),
        sa.Column("in_doubt", sa.Boolean(), nullable=False, comment="an earlier attempt may have succeeded"),
        sa.Column("last_error", sa.Text(), nullable=True, comment="what the server said last"),
        sa.Column(
            "sent_at", sa.DateTime(timezone=True), nullable=True, comment="when the server accepted it"
        ),
        sa.Column("bounced_at", sa.DateTime(timezone=True), nullable=True, comment="when it came back"),
        sa.ForeignKeyConstraint(["mail_id"], ["mail.id"], name=op.f("fk_outbox_mail_id")),
        sa.ForeignKeyConstraint(["number"], ["ticket.number"], name=op.f("fk_outbox_number")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outbox")),
        sa.UniqueConstraint("token", name=op.f("uq_outbox_token")),
        comment="mail that leaves, one recipient each",
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_outbox_desk_automatic_created_at"),
            ["desk", "automatic", "created_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_outbox_desk_recipient_key_created_at"),
            ["desk", "recipient_key", "created_at"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_outbox_mail_id"), ["mail_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_outbox_number_recipient_key_seq"), ["number", "recipient_key", "seq"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_outbox_state_next_at"), ["state", "next_at"], unique=False)

    op.create_table(
        "raw",
        sa.Column(
            "mail_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="whose bytes",
        ),
        sa.Column(
            "deflated", sa.LargeBinary(), nullable=False, comment="the mail as received, compressed with zlib"
        ),
        sa.ForeignKeyConstraint(["mail_id"], ["mail.id"], name=op.f("fk_raw_mail_id")),
        sa.PrimaryKeyConstraint("mail_id", name=op.f("pk_raw")),
        comment="raw mail, apart from everything that is queried",
    )
    op.create_table(
        "reference",
        sa.Column(
            "mail_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="the mail that cites",
        ),
        sa.Column("position", sa.Integer(), nullable=False, comment="0 is what it answers most directly"),
        sa.Column("message_id", sa.Text(), nullable=False, comment="the cited id, without angle brackets"),
        sa.ForeignKeyConstraint(["mail_id"], ["mail.id"], name=op.f("fk_reference_mail_id")),
        sa.PrimaryKeyConstraint("mail_id", "position", name=op.f("pk_reference")),
        comment="In-Reply-To and References of every mail",
    )
    with op.batch_alter_table("reference", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reference_message_id"), ["message_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("reference", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reference_message_id"))

    op.drop_table("reference")
    op.drop_table("raw")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_state_next_at"))
        batch_op.drop_index(batch_op.f("ix_outbox_number_recipient_key_seq"))
        batch_op.drop_index(batch_op.f("ix_outbox_mail_id"))
        batch_op.drop_index(batch_op.f("ix_outbox_desk_recipient_key_created_at"))
        batch_op.drop_index(batch_op.f("ix_outbox_desk_automatic_created_at"))

    op.drop_table("outbox")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_message_number"))

    op.drop_table("message")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_number"))
        batch_op.drop_index(batch_op.f("ix_event_mail_id"))

    op.drop_table("event")
    with op.batch_alter_table("mail", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mail_state_desk_id"))
        batch_op.drop_index(batch_op.f("ix_mail_message_id"))
        batch_op.drop_index(batch_op.f("ix_mail_desk_author_key_kept_at"))
        batch_op.drop_index(batch_op.f("ix_mail_desk_acknowledged_at_state"))

    op.drop_table("mail")
    op.drop_table("link")
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ticket_desk_status_received_at"))
        batch_op.drop_index(batch_op.f("ix_ticket_desk_requester_key_opened_at"))
        batch_op.drop_index(batch_op.f("ix_ticket_close_at"))

    op.drop_table("ticket")
    op.drop_table("serial")
    op.drop_table("mailbox")
    op.drop_table("alert")
