"""staff by mail"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TICKET_COLUMNS = (
    "started",
    "notified_by",
    "form",
    "requester_phone",
    "requester_organisation",
    "requester_street",
    "participants",
    "proposed",
    "external_number",
    "survey",
    "merged_into",
    "stranger_of",
)


def upgrade() -> None:
    op.create_table(
        "blocked",
        sa.Column("desk", sa.String(length=64), nullable=False, comment="which desk silenced the sender"),
        sa.Column("address_key", sa.String(length=320), nullable=False, comment="the sender, casefolded"),
        sa.Column("address", sa.Text(), nullable=False, comment="as its writer wrote it"),
        sa.Column("number", sa.String(length=40), nullable=False, comment="the ticket that was spam"),
        sa.Column("by", sa.Text(), nullable=False, comment="who said so"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when"),
        sa.ForeignKeyConstraint(["number"], ["ticket.number"], name=op.f("fk_blocked_number")),
        sa.PrimaryKeyConstraint("desk", "address_key", name=op.f("pk_blocked")),
        comment="senders whose mail opens no ticket",
    )
    op.create_table(
        "confirmation",
        sa.Column(
            "mail_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="what waits",
        ),
        sa.Column("desk", sa.String(length=64), nullable=False, comment="whose staff it is"),
        sa.Column("person_key", sa.Text(), nullable=False, comment="who is asked, casefolded"),
        sa.Column(
            "asked_at", sa.DateTime(timezone=True), nullable=False, comment="valid for a day from here"
        ),
        sa.Column(
            "settled_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it was answered; NULL: not yet",
        ),
        sa.Column("confirmed", sa.Boolean(), nullable=True, comment="true: carried out; false: discarded"),
        sa.ForeignKeyConstraint(["mail_id"], ["mail.id"], name=op.f("fk_confirmation_mail_id")),
        sa.PrimaryKeyConstraint("mail_id", name=op.f("pk_confirmation")),
        comment="words in the name of staff that wait for a yes",
    )
    op.create_index(
        op.f("ix_confirmation_desk_person_key_asked_at"),
        "confirmation",
        ["desk", "person_key", "asked_at"],
        unique=False,
    )

    # When the admins were last told of what: no loss, and SQLite cannot widen a column.
    op.drop_table("alert")
    op.create_table(
        "alert",
        sa.Column("desk", sa.String(length=64), nullable=False, comment="the desk it is about"),
        sa.Column("kind", sa.String(length=400), nullable=False, comment="set_aside, rebuilt, …"),
        sa.Column(
            "sent_at", sa.DateTime(timezone=True), nullable=False, comment="when the last one was decided"
        ),
        sa.PrimaryKeyConstraint("desk", "kind", name=op.f("pk_alert")),
        comment="when the admin was last told of what",
    )
    op.add_column(
        "mail",
        sa.Column(
            "confirmed",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="the person in whose name it came said yes to it",
        ),
    )

    op.add_column(
        "ticket",
        sa.Column(
            "started",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="the requester was told that the repair begins",
        ),
    )
    op.add_column(
        "ticket",
        sa.Column(
            "notified_by",
            sa.String(length=32),
            nullable=True,
            comment="what notified_at rests on: outbox id, or told",
        ),
    )
    op.add_column(
        "ticket",
        sa.Column(
            "form",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="a contact form wrote, its Reply-To is the requester",
        ),
    )
    op.add_column(
        "ticket",
        sa.Column(
            "requester_phone",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="as staff entered it",
        ),
    )
    op.add_column(
        "ticket",
        sa.Column(
            "requester_organisation",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="as staff entered it",
        ),
    )
    op.add_column(
        "ticket",
        sa.Column(
            "requester_street",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="as staff entered it",
        ),
    )
    op.add_column(
        "ticket",
        sa.Column(
            "participants",
            sa.JSON(),
            nullable=True,
            comment="who else may write and read: name and address",
        ),
    )
    op.add_column(
        "ticket",
        sa.Column("proposed", sa.JSON(), nullable=True, comment="author of the mail that staff forwarded"),
    )
    op.add_column(
        "ticket",
        sa.Column("external_number", sa.Text(), nullable=True, comment="what a level outside calls it"),
    )
    op.add_column(
        "ticket", sa.Column("survey", sa.Integer(), nullable=True, comment="1 not content … 4 very content")
    )
    op.add_column(
        "ticket",
        sa.Column("merged_into", sa.String(length=40), nullable=True, comment="the surviving ticket"),
    )
    op.add_column(
        "ticket",
        sa.Column("stranger_of", sa.String(length=40), nullable=True, comment="cited; to accept or reject"),
    )
    op.create_index(op.f("ix_ticket_merged_into"), "ticket", ["merged_into"], unique=False)
    op.create_index(op.f("ix_ticket_stranger_of"), "ticket", ["stranger_of"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_ticket_merged_into"), "ticket")
    op.drop_index(op.f("ix_ticket_stranger_of"), "ticket")
    for name in TICKET_COLUMNS:
        op.drop_column("ticket", name)
    op.drop_column("mail", "confirmed")
    op.drop_table("confirmation")
    op.drop_table("blocked")
