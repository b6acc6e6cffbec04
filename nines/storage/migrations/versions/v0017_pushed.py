"""Keep the series that others send."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "pushed_series",
        sa.Column("collector", sa.Text(), primary_key=True),
        sa.Column("mark", sa.Text(), primary_key=True),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
    )
    op.create_table(
        "pushed_replicas",
        sa.Column("collector", sa.Text(), primary_key=True),
        sa.Column("cluster", sa.Text(), primary_key=True),
        sa.Column("replica", sa.Text(), nullable=False),
    )
