"""What was discovered last."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "discovered",
        sa.Column("group", sa.Text, primary_key=True),
        sa.Column("sources", sa.Text, nullable=False),
        sa.Column("targets", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
