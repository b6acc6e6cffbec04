"""Overrides of the gate of releases, and what was done to them."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "gate_overrides",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("slo", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
    )
    op.create_table(
        "gate_override_events",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column(
            "gate_override_id",
            sa.Text,
            sa.ForeignKey(
                "gate_overrides.id",
                name="fk_gate_override_events_gate_override_id",
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
        "ix_gate_override_events_gate_override_id_number",
        "gate_override_events",
        ["gate_override_id", "number"],
    )
