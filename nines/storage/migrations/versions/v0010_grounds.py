"""The grounds on which each alert was told or not, so that the past can be explained."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "grounds",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column(
            "incident_id",
            sa.Text,
            sa.ForeignKey("incidents.id", name="fk_grounds_incident_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("alert_id", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("grounds", sa.Text, nullable=False),
    )
    op.create_index("ix_grounds_alert_id_number", "grounds", ["alert_id", "number"])
    op.create_index("ix_grounds_incident_id", "grounds", ["incident_id"])
