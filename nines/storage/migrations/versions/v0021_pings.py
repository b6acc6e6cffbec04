"""What jobs tell of their runs."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "pings",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("collector", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("exit_code", sa.Integer),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_autoincrement=True,  # a number that was forgotten never comes again
    )
    op.create_index("ix_pings_collector_number", "pings", ["collector", "number"])
