"""Leases, fallbacks, and how the receivers' other sides stand."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column(
        "notifications", sa.Column("instead_of", sa.Text, nullable=False, server_default="")
    )
    op.add_column("notifications", sa.Column("lease_owner", sa.Text))
    op.add_column("notifications", sa.Column("leased_until", sa.BigInteger))
    op.add_column("attempts", sa.Column("by", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "destinations",
        sa.Column("receiver", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
    )
