"""The first schema. A step is never edited once released: it repeats what the tables were then."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_ZERO = sa.text("0")


def upgrade() -> None:
    """Make every table."""
    _counts()
    _alerting()
    _outbox()


def _counts() -> None:
    op.create_table(
        "series",
        sa.Column("series_id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("slo_id", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger, nullable=False),
        sa.Column("good", sa.BigInteger, nullable=False, server_default=_ZERO),
        sa.Column("bad", sa.BigInteger, nullable=False, server_default=_ZERO),
        sa.Column("unknown", sa.BigInteger, nullable=False, server_default=_ZERO),
        sa.Column("watched_since", sa.BigInteger),
        sa.Column("last_observation", sa.BigInteger),
        sa.UniqueConstraint("slo_id", "fingerprint", name="uq_series_slo_id"),
    )
    for name in ("counts", "sums"):
        op.create_table(
            name,
            sa.Column("bucket", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("series_id", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("good", sa.BigInteger, nullable=False, server_default=_ZERO),
            sa.Column("bad", sa.BigInteger, nullable=False, server_default=_ZERO),
            sa.Column("unknown", sa.BigInteger, nullable=False, server_default=_ZERO),
            sa.Column("seen", sa.BigInteger, nullable=False, server_default=_ZERO),
            sa.Column("missed", sa.BigInteger, nullable=False, server_default=_ZERO),
            sa.Column("smeared_good", sa.BigInteger, nullable=False, server_default=_ZERO),
            sa.Column("smeared_bad", sa.BigInteger, nullable=False, server_default=_ZERO),
            sqlite_with_rowid=False,
        )
    for name in ("packed_counts", "packed_sums"):
        op.create_table(
            name,
            sa.Column("series_id", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("rows", sa.LargeBinary, nullable=False),
            sqlite_with_rowid=False,
        )
        op.create_index(f"ix_{name}_start", name, ["start"])
    op.create_table(
        "causes",
        sa.Column("series_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("bucket", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("cause", sa.Text, primary_key=True),
        sa.Column("bad", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "collectors",
        sa.Column("collector_id", sa.Text, primary_key=True),
        sa.Column("last_due", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_table(
        "flushes",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("batch_id", sa.Text, nullable=False),
        sa.UniqueConstraint("batch_id", name="uq_flushes_batch_id"),
    )


def _alerting() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger),
        sa.Column("acknowledged_by", sa.Text),
        sa.Column("resolved_at", sa.BigInteger),
        sa.Column("linked_to", sa.Text),
    )
    op.create_index("ix_incidents_opened_at_id", "incidents", ["opened_at", "id"])
    op.create_index(
        "ix_incidents_service_opened_at_id", "incidents", ["service", "opened_at", "id"]
    )
    op.create_index("ix_incidents_state_opened_at_id", "incidents", ["state", "opened_at", "id"])
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text, primary_key=True),
        _of_incident("alerts"),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("slo", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("facts", sa.Text, nullable=False),
    )
    op.create_index("ix_alerts_incident_id", "alerts", ["incident_id"])
    op.create_table(
        "alert_states",
        sa.Column("rule", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_table(
        "incident_events",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        _of_incident("incident_events"),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("ix_incident_events_incident_id_id", "incident_events", ["incident_id", "id"])


def _outbox() -> None:
    op.create_table(
        "notifications",
        sa.Column("sequence", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        _of_incident("notifications"),
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
        sa.UniqueConstraint("id", name="uq_notifications_id"),
    )
    op.create_index(
        "ix_notifications_incident_id_receiver_revision_sequence",
        "notifications",
        ["incident_id", "receiver", "revision", "sequence"],
    )
    op.create_index(
        "ix_notifications_pending",
        "notifications",
        ["next_attempt_at"],
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "attempts",
        sa.Column(
            "notification_id",
            sa.Text,
            sa.ForeignKey(
                "notifications.id", ondelete="CASCADE", name="fk_attempts_notification_id"
            ),
            primary_key=True,
        ),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("outcome", sa.Text),
        sa.Column("status", sa.BigInteger),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index(
        "ix_attempts_open",
        "attempts",
        ["notification_id"],
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "handles",
        _of_incident("handles", primary_key=True),
        sa.Column("receiver", sa.Text, primary_key=True),
        sa.Column("handle", sa.Text, nullable=False),
    )


def _of_incident(table: str, *, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(
        "incident_id",
        sa.Text,
        sa.ForeignKey("incidents.id", ondelete="CASCADE", name=f"fk_{table}_incident_id"),
        primary_key=primary_key,
        nullable=False,
    )
