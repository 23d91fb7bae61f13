"""unbreakable: priorities, pauses, dead addresses, floods, the set-aside folder, canaries"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
STATES = "ready, sending, sent, deferred, failed, uncertain or cancelled"
MAIL_STATES = "kept, decided, aside, dropped or duplicate"


def upgrade() -> None:
    for column in (
        sa.Column(
            "first_at",
            MOMENT,
            nullable=True,
            comment="when it was first tried: giving up counts from here",
        ),
        sa.Column(
            "priority",
            sa.Integer(),
            nullable=False,
            server_default=sa.text("2"),
            comment="0 words of people, 1 answers, 2 notices, 3 reports",
        ),
        sa.Column(
            "reduced",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="without the requester's words: the server refused the whole mail",
        ),
        sa.Column(
            "recipient_group",
            sa.Text(),
            nullable=False,
            server_default=sa.text("''"),
            comment="recipient_key without what one mailbox can be called besides: dots, a +tag",
        ),
        sa.Column(
            "recipient_domain",
            sa.Text(),
            nullable=False,
            server_default=sa.text("''"),
            comment="of it, for the brakes",
        ),
    ):
        op.add_column("outbox", column)
    op.execute("UPDATE outbox SET first_at = created_at WHERE attempts > 0")
    op.execute("UPDATE outbox SET priority = 0 WHERE template = 'alert'")
    # The addresses as they are: brakes that look back one day need no better of the past.
    op.execute("UPDATE outbox SET recipient_group = recipient_key, priority = 0 WHERE NOT automatic")
    op.execute("UPDATE outbox SET recipient_group = recipient_key WHERE automatic")
    for columns in (
        ["desk", "sent_at"],
        ["desk", "recipient_group", "created_at"],
        ["desk", "recipient_domain", "created_at"],
    ):
        op.create_index(op.f(f"ix_outbox_{'_'.join(columns)}"), "outbox", columns)
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.alter_column("outbox", "state", existing_type=sa.String(16), comment=STATES)
        op.alter_column("mail", "state", existing_type=sa.String(16), comment=MAIL_STATES)
    op.add_column(
        "mail",
        sa.Column(
            "author_group", sa.Text(), nullable=True, comment="the same without dots and +tag, for the brakes"
        ),
    )
    op.add_column(
        "mail",
        sa.Column(
            "mirrored",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="lies in the set-aside folder of its server, which has to follow what becomes of it",
        ),
    )
    op.add_column(
        "mail",
        sa.Column(
            "words",
            sa.String(length=64),
            nullable=True,
            comment="SHA-256 of its subject and words; NULL: no words",
        ),
    )
    op.execute("UPDATE mail SET author_group = author_key")
    op.drop_index(op.f("ix_mail_desk_author_key_kept_at"), "mail")
    op.create_index(op.f("ix_mail_desk_author_group_kept_at"), "mail", ["desk", "author_group", "kept_at"])
    op.add_column(
        "blocked",
        sa.Column(
            "address_group",
            sa.String(length=320),
            nullable=False,
            server_default=sa.text("''"),
            comment="the same without dots and +tag: no tag makes another sender",
        ),
    )
    op.execute("UPDATE blocked SET address_group = address_key")
    op.create_index(op.f("ix_blocked_desk_address_group"), "blocked", ["desk", "address_group"])
    op.execute("UPDATE mail SET mirrored = (1 = 1) WHERE state = 'aside' AND acknowledged_at IS NOT NULL")
    op.create_index(
        op.f("ix_mail_desk_author_group_received_at"), "mail", ["desk", "author_group", "received_at"]
    )
    op.create_index(
        "ix_mail_mirrored",
        "mail",
        ["desk"],
        sqlite_where=sa.text("mirrored = 1"),
        postgresql_where=sa.text("mirrored"),
    )
    op.create_table(
        "submission",
        sa.Column("desk", sa.String(length=64), nullable=False, comment="whose mail leaves by it"),
        sa.Column(
            "paused_until",
            MOMENT,
            nullable=True,
            comment="nothing leaves before, then one; NULL: no pause",
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="what the server said of us"),
        sa.Column("at", MOMENT, nullable=True, comment="when it first said so"),
        sa.Column(
            "held_since",
            MOMENT,
            nullable=True,
            comment="automatic mail waits for a limit; NULL: none does",
        ),
        sa.PrimaryKeyConstraint("desk", name=op.f("pk_submission")),
        comment="what keeps a desk's mail back; who claims some of it locks its row",
    )
    op.create_table(
        "unreachable",
        sa.Column("desk", sa.String(length=64), nullable=False, comment="whose mail came back"),
        sa.Column("address_key", sa.String(length=320), nullable=False, comment="the address, casefolded"),
        sa.Column(
            "address_group",
            sa.String(length=320),
            nullable=False,
            comment="whose mail clears it: no dots, no +tag",
        ),
        sa.Column("address", sa.Text(), nullable=False, comment="as we wrote it"),
        sa.Column("token", sa.String(length=26), nullable=False, comment="the mail that came back first"),
        sa.Column("detail", sa.Text(), nullable=False, comment="what was said of it"),
        sa.Column("at", MOMENT, nullable=False, comment="when"),
        sa.Column("tried_at", MOMENT, nullable=True, comment="the last mail to it since; NULL: none"),
        sa.PrimaryKeyConstraint("desk", "address_key", name=op.f("pk_unreachable")),
        comment="addresses that get no automatic mail until a mail arrives from them",
    )
    op.create_index(op.f("ix_unreachable_desk_address_group"), "unreachable", ["desk", "address_group"])
    op.create_table(
        "flood",
        sa.Column("desk", sa.String(length=64), nullable=False, comment="who is flooded"),
        sa.Column(
            "sender_group", sa.String(length=320), nullable=False, comment="by whom, see mail.author_group"
        ),
        sa.Column("began_at", MOMENT, nullable=False, comment="arrival of its first mail"),
        sa.Column("number", sa.String(length=40), nullable=False, comment="the one ticket that holds it"),
        sa.Column("last_at", MOMENT, nullable=False, comment="arrival of its newest mail"),
        sa.Column("mails", sa.Integer(), nullable=False, comment="how many it holds"),
        sa.Column("told_mails", sa.Integer(), nullable=False, comment="of how many staff were told"),
        sa.Column("told_at", MOMENT, nullable=False, comment="when"),
        sa.PrimaryKeyConstraint("desk", "sender_group", "began_at", name=op.f("pk_flood")),
        sa.ForeignKeyConstraint(["number"], ["ticket.number"], name=op.f("fk_flood_number")),
        comment="senders whose many mails are one ticket",
    )
    op.create_index(op.f("ix_flood_desk_last_at"), "flood", ["desk", "last_at"])
    op.create_table(
        "canary",
        sa.Column("token", sa.String(length=26), nullable=False, comment="of the outbox row"),
        sa.Column("desk", sa.String(length=64), nullable=False, comment="which desk writes to itself"),
        sa.Column("sent_at", MOMENT, nullable=False, comment="when it was written"),
        sa.Column("due_at", MOMENT, nullable=False, comment="when it must be back"),
        sa.Column("returned_at", MOMENT, nullable=True, comment="when it came back; NULL: not yet"),
        sa.Column("told_at", MOMENT, nullable=True, comment="when somebody was told that it did not"),
        sa.Column(
            "asked",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="somebody waits for it at a terminal, and need not be told",
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_canary")),
        comment="marked mails to ourselves",
    )
    op.create_index(op.f("ix_canary_desk_sent_at"), "canary", ["desk", "sent_at"])


def downgrade() -> None:
    for table in ("canary", "flood", "unreachable", "submission"):
        op.drop_table(table)
    op.drop_index("ix_mail_mirrored", "mail")
    op.drop_index(op.f("ix_mail_desk_author_group_received_at"), "mail")
    op.drop_index(op.f("ix_blocked_desk_address_group"), "blocked")
    op.drop_column("blocked", "address_group")
    op.drop_index(op.f("ix_mail_desk_author_group_kept_at"), "mail")
    op.create_index(op.f("ix_mail_desk_author_key_kept_at"), "mail", ["desk", "author_key", "kept_at"])
    for name in ("author_group", "words", "mirrored"):
        op.drop_column("mail", name)
    for index in ("desk_sent_at", "desk_recipient_group_created_at", "desk_recipient_domain_created_at"):
        op.drop_index(op.f(f"ix_outbox_{index}"), "outbox")
    for name in ("first_at", "priority", "reduced", "recipient_group", "recipient_domain"):
        op.drop_column("outbox", name)
