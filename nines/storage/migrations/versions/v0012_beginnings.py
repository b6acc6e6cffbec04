"""Find what began to fire lately without reading all that ever did."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    op.create_index("ix_alerts_started_at", "alerts", ["started_at"])
