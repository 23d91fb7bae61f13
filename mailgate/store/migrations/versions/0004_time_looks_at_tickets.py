"""time looks at tickets: escalations, the morning's list, what rules propose"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENTS = {
    "started_at": "when the repair was announced",
    "pending_since": "since when it waits for the requester",
    "unheld_since": "since when nobody has it",
    "external_since": "since when it is outside",
    "answered_at": "last words of a person to the requester",
    "contacted_at": "the requester's last mail since",
    "survey_asked_at": "when the survey's question was sent",
    "watch_at": "when time looks again; NULL: never",
}
NUMBERS = {
    "contacts": "the requester's mails since",
    "paused_seconds": "service time of waiting",
}
VALUES = {
    "suggestion": "what a rule proposes to staff",
    "fired": "escalations that acted: row and what it counts from",
}


def upgrade() -> None:
    for name, comment in MOMENTS.items():
        op.add_column("ticket", sa.Column(name, sa.DateTime(timezone=True), nullable=True, comment=comment))
    for name, comment in NUMBERS.items():
        column = sa.Column(name, sa.Integer(), nullable=False, server_default=sa.text("0"), comment=comment)
        op.add_column("ticket", column)
    for name, comment in VALUES.items():
        op.add_column("ticket", sa.Column(name, sa.JSON(), nullable=True, comment=comment))
    # Time looks at every open ticket once, and works out itself when to look again.
    op.execute("UPDATE ticket SET watch_at = received_at WHERE status != 'closed'")
    op.create_index(op.f("ix_ticket_desk_watch_at"), "ticket", ["desk", "watch_at"])
    op.create_index(op.f("ix_ticket_desk_holder_status"), "ticket", ["desk", "holder", "status"])
    op.create_index(
        op.f("ix_ticket_requester_key_survey_asked_at"), "ticket", ["requester_key", "survey_asked_at"]
    )
    op.create_table(
        "digest",
        sa.Column("desk", sa.String(length=64), nullable=False, comment="whose staff"),
        sa.Column("person_key", sa.String(length=320), nullable=False, comment="listed address, casefolded"),
        sa.Column(
            "last_on",
            sa.Date(),
            nullable=True,
            comment="local day of the last morning digest; NULL: none yet",
        ),
        sa.Column(
            "owed",
            sa.Boolean(),
            nullable=False,
            comment="reminders were kept back: one digest for all of them",
        ),
        sa.PrimaryKeyConstraint("desk", "person_key", name=op.f("pk_digest")),
        comment="who was sent the morning's list",
    )
    op.create_index(op.f("ix_digest_desk_owed"), "digest", ["desk", "owed"])
    op.create_table(
        "junk",
        sa.Column("desk", sa.String(length=64), nullable=False, comment="whose mailbox"),
        sa.Column("mails", sa.Integer(), nullable=False, comment="in the junk folder when last looked"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when that was"),
        sa.PrimaryKeyConstraint("desk", name=op.f("pk_junk")),
        comment="what the mail server holds for junk",
    )


def downgrade() -> None:
    op.drop_table("junk")
    op.drop_table("digest")
    for index in ("desk_watch_at", "desk_holder_status", "requester_key_survey_asked_at"):
        op.drop_index(op.f(f"ix_ticket_{index}"), "ticket")
    for name in (*MOMENTS, *NUMBERS, *VALUES):
        op.drop_column("ticket", name)
