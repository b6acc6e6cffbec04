"""Find what a digest tells without reading all that was ever sent."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    told = sa.text("digest IS NOT NULL")
    op.create_index(
        "ix_notifications_digest",
        "notifications",
        ["digest"],
        sqlite_where=told,
        postgresql_where=told,
    )
