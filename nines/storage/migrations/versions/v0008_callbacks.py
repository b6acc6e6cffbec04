"""What comes back about notifications: callbacks, receipts, and the key that signs links."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "callbacks",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("once", sa.Text),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("done_at", sa.BigInteger),
    )
    op.create_index("ix_callbacks_once", "callbacks", ["once"])
    op.create_index("ix_callbacks_done_at", "callbacks", ["done_at"])
    op.create_table(
        "inbound",
        sa.Column("receiver", sa.Text, primary_key=True),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "receipts",
        sa.Column(
            "notification_id",
            sa.Text,
            sa.ForeignKey(
                "notifications.id", name="fk_receipts_notification_id", ondelete="CASCADE"
            ),
            primary_key=True,
        ),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "signing_keys",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("secret", sa.Text, nullable=False),
    )
