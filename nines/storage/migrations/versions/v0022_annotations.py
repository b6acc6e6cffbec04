"""Remarks on services and SLOs, and what was done to them."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_LINK = "fk_annotation_events_annotation_id"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "annotations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("slo", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("end", sa.BigInteger),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("undone_at", sa.BigInteger),
    )
    op.create_table(
        "annotation_events",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column(
            "annotation_id",
            sa.Text,
            sa.ForeignKey("annotations.id", name=_LINK, ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text, nullable=False),
    )
    op.create_index(
        "ix_annotation_events_annotation_id_number",
        "annotation_events",
        ["annotation_id", "number"],
    )
