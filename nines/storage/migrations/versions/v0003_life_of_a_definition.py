"""Versions of definitions, marks of budgets, and alerts in shadow."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "budget_marks",
        sa.Column("slo_id", sa.Text, primary_key=True),
        sa.Column("marks", sa.Text, nullable=False),
    )
    op.create_table(
        "shadow_alerts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("slo", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("receivers", sa.Text, nullable=False),
    )
    op.create_index(
        "ix_shadow_alerts_service_slo_started_at", "shadow_alerts", ["service", "slo", "started_at"]
    )
    op.create_table(
        "definitions",
        sa.Column("sli_id", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("valid_from", sa.BigInteger, nullable=False),
    )
