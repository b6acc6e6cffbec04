"""Find pages whose receipt is awaited without reading all that were ever sent."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_AWAITED = "kind = 'trigger' AND state = 'delivered'"


def upgrade() -> None:
    """Make the index."""
    op.create_index(
        "ix_notifications_delivered_triggers",
        "notifications",
        ["receiver", "finished_at"],
        sqlite_where=sa.text(_AWAITED),
        postgresql_where=sa.text(_AWAITED),
    )
