"""Alerts from outside that are stored before it is decided who hears of them."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is still to be decided on; of those stored until now, nothing is."""
    decided = sa.Column("decided", sa.Boolean, nullable=False, server_default=sa.true())
    op.add_column("outside_alerts", decided)
    op.add_column("outside_alerts", sa.Column("over", sa.Text))
