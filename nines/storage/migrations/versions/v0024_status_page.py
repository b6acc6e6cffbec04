"""What customers are told: incidents in people's words, and maintenance that is announced."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables, and the column."""
    op.add_column("exclusions", sa.Column("public", sa.Text))
    op.create_table(
        "status_incidents",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("impact", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("resolved_at", sa.BigInteger),
    )
    op.create_index("ix_status_incidents_created_at_id", "status_incidents", ["created_at", "id"])
    op.create_table(
        "status_updates",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column(
            "incident_id",
            sa.Text,
            sa.ForeignKey(
                "status_incidents.id", name="fk_status_updates_incident_id", ondelete="CASCADE"
            ),
            nullable=False,
        ),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("components", sa.Text, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("told", sa.Text, nullable=False),
        sa.UniqueConstraint("key", name="uq_status_updates_key"),
    )
    op.create_index(
        "ix_status_updates_incident_id_number", "status_updates", ["incident_id", "number"]
    )
