"""Which life of the database this is: a restore begins a new one."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; in its first life a database has none to tell."""
    op.create_table("incarnation", sa.Column("id", sa.Text, primary_key=True))
