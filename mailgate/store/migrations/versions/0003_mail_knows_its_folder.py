"""mail knows its folder: two are watched, and their UIDs may be the same"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Until now one folder of each desk was watched; who once changed its name has several rows.
FOLDER = """
    UPDATE mail SET folder = COALESCE(
        (SELECT MAX(b.folder) FROM mailbox b WHERE b.desk = mail.desk AND b.uidvalidity = mail.uidvalidity),
        (SELECT MAX(b.folder) FROM mailbox b WHERE b.desk = mail.desk),
        'INBOX'
    )
"""
# The older schema has no word for a second folder: its mails stay, the server's name for them goes.
WITHOUT_FOLDER = """
    UPDATE mail SET uid = NULL WHERE EXISTS (
        SELECT 1 FROM mail o WHERE o.desk = mail.desk AND o.uidvalidity = mail.uidvalidity
        AND o.uid = mail.uid AND o.id < mail.id
    )
"""


def upgrade() -> None:
    comment = "where it was found, as the settings name it"
    op.add_column("mail", sa.Column("folder", sa.String(length=255), nullable=True, comment=comment))
    op.execute(FOLDER)
    with op.batch_alter_table("mail") as batch_op:
        batch_op.alter_column(
            "folder", existing_type=sa.String(length=255), existing_comment=comment, nullable=False
        )
        batch_op.drop_constraint("uq_mail_desk_uidvalidity_uid", type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_mail_desk_folder_uidvalidity_uid"), ["desk", "folder", "uidvalidity", "uid"]
        )
        batch_op.drop_index("ix_mail_desk_acknowledged_at_state")
        batch_op.create_index(
            batch_op.f("ix_mail_desk_folder_acknowledged_at_state"),
            ["desk", "folder", "acknowledged_at", "state"],
        )
    _say("lower UIDs are older than mailgate, or done with", "when the server had moved it; NULL: it has not")


def downgrade() -> None:
    op.execute(WITHOUT_FOLDER)
    with op.batch_alter_table("mail") as batch_op:
        batch_op.drop_index("ix_mail_desk_folder_acknowledged_at_state")
        batch_op.create_index(
            batch_op.f("ix_mail_desk_acknowledged_at_state"), ["desk", "acknowledged_at", "state"]
        )
        batch_op.drop_constraint("uq_mail_desk_folder_uidvalidity_uid", type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_mail_desk_uidvalidity_uid"), ["desk", "uidvalidity", "uid"]
        )
        batch_op.drop_column("folder")
    _say("lower UIDs were there before mailgate", "when the server had moved it; NULL: not yet")


def _say(first_uid: str, acknowledged_at: str) -> None:
    if op.get_bind().dialect.name == "sqlite":  # which keeps no comments
        return
    op.alter_column("mailbox", "first_uid", comment=first_uid)
    op.alter_column("mail", "acknowledged_at", comment=acknowledged_at)
