"""a clock and an outage: giving up counts refusals, and mail is found however much left before"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
ASKED_BY = (["state", "desk", "next_at"], ["desk", "sent_at", "automatic"])
NO_LONGER = (
    ["state", "next_at"],
    ["desk", "sent_at"],
    ["desk", "recipient_key", "created_at"],
    ["desk", "automatic", "created_at"],
)


def upgrade() -> None:
    columns_now = {one["name"] for one in sa.inspect(op.get_bind()).get_columns("outbox")}
    if "tried_at" in columns_now:  # made while all of this stood in 0005
        return
    op.add_column(
        "outbox",
        sa.Column("tried_at", MOMENT, nullable=True, comment="when it was last tried; NULL: not yet"),
    )
    op.add_column(
        "outbox",
        sa.Column(
            "waited",
            sa.Integer(),
            nullable=False,
            server_default=sa.text("0"),
            comment="seconds between its refusals, which count towards giving it up",
        ),
    )
    # How long it was refused so far nobody noted: its days begin anew.
    op.execute("UPDATE outbox SET tried_at = first_at")
    op.drop_column("outbox", "first_at")
    for columns in ASKED_BY:
        op.create_index(_name(columns), "outbox", columns)
    for columns in NO_LONGER:
        op.drop_index(_name(columns), "outbox")
    op.drop_index(op.f("ix_ticket_close_at"), "ticket")


def downgrade() -> None:
    op.create_index(op.f("ix_ticket_close_at"), "ticket", ["close_at"])
    for columns in NO_LONGER:
        op.create_index(_name(columns), "outbox", columns)
    for columns in ASKED_BY:
        op.drop_index(_name(columns), "outbox")
    comment = "when it was first tried: giving up counts from here"
    op.add_column("outbox", sa.Column("first_at", MOMENT, nullable=True, comment=comment))
    op.execute("UPDATE outbox SET first_at = tried_at")
    for name in ("tried_at", "waited"):
        op.drop_column("outbox", name)


def _name(columns: list[str]) -> str:
    return op.f(f"ix_outbox_{'_'.join(columns)}")
