"""Of which alerts a notification tells, whom it fails over to, and who held an alert back."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is there already has none of it to tell."""
    op.add_column("notifications", sa.Column("alerts", sa.Text))
    op.add_column("notifications", sa.Column("failover", sa.Text))
    op.add_column("alerts", sa.Column("held_by", sa.Text))
