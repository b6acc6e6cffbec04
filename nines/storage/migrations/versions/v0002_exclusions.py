"""Exclusions, what was done to them, and the base buckets that their edges need for long."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_COUNTED = ("good", "bad", "unknown", "seen", "missed", "smeared_good", "smeared_bad")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "exclusions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("service", sa.Text),
        sa.Column("slo", sa.Text),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("schedule", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("undone_at", sa.BigInteger),
    )
    op.create_table(
        "exclusion_events",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column(
            "exclusion_id",
            sa.Text,
            sa.ForeignKey(
                "exclusions.id",
                name="fk_exclusion_events_exclusion_id",
                ondelete="CASCADE",
            ),
            nullable=False,
        ),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text, nullable=False),
    )
    op.create_index(
        "ix_exclusion_events_exclusion_id_number", "exclusion_events", ["exclusion_id", "number"]
    )
    op.create_table(
        "edge_counts",
        sa.Column("bucket", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("series_id", sa.BigInteger, primary_key=True, autoincrement=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0"))
            for name in _COUNTED
        ),
        sqlite_with_rowid=False,
    )
