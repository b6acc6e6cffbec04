"""The tables, the same on SQLite and PostgreSQL (docs/decisions/0003-storage-shape.md).

`migrations/versions` builds them; a test compares both, so change the two together.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
    true,
)

from slo.ledger import epoch_micros

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime as whole microseconds since 1970: exact, and sorts alike everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> int | None:
        return None if value is None else epoch_micros(value)

    def process_result_value(self, value: int | None, _: Dialect) -> datetime | None:
        return None if value is None else instant(value)


def instant(micros: int) -> datetime:
    """The moment that many microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=micros)


# SQLite numbers rows by itself only where the key is called INTEGER.
_Number = BigInteger().with_variant(Integer, "sqlite")

# The seven counts of a bucket, in the order of BucketDelta's fields.
COUNTED = ("good", "bad", "unknown", "seen", "missed", "smeared_good", "smeared_bad")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

series = Table(
    "series",
    metadata,
    Column("series_id", _Number, primary_key=True, autoincrement=True),
    Column("slo_id", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=False),  # registered or written last: for retention
    Column("good", BigInteger, nullable=False, server_default=text("0")),
    Column("bad", BigInteger, nullable=False, server_default=text("0")),
    Column("unknown", BigInteger, nullable=False, server_default=text("0")),
    Column("watched_since", Instant),
    Column("last_observation", Instant),
    UniqueConstraint("slo_id", "fingerprint"),
)


def _planned_tables(name: str, *own: Column[Any]) -> tuple[Table, Table]:
    """Of what people plan, that is in force by a schedule; and of what was done to each."""
    subjects = Table(
        f"{name}s",
        metadata,
        Column("id", Text, primary_key=True),
        *own,
        Column("schedule", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("author", Text, nullable=False),
        Column("origin", Text, nullable=False),
        Column("created_at", Instant, nullable=False),
        Column("ended_at", Instant),
    )
    return subjects, _event_table(name)


def _event_table(name: str) -> Table:
    """Of what was done to each row of a table."""
    link = ForeignKey(f"{name}s.id", ondelete="CASCADE")
    return Table(
        f"{name}_events",
        metadata,
        Column("number", _Number, primary_key=True, autoincrement=True),
        Column(f"{name}_id", Text, link, nullable=False),
        Column("at", Instant, nullable=False),
        Column("by", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("before", Text),
        Column("after", Text, nullable=False),
        Index(None, f"{name}_id", "number"),
    )


def _bucket_table(name: str) -> Table:
    # The bucket leads the key: a tick of a thousand series then lands on neighbouring pages.
    # No foreign key: `flush` checks every series once, instead of once a row.
    return Table(
        name,
        metadata,
        Column("bucket", BigInteger, primary_key=True, autoincrement=False),
        Column("series_id", BigInteger, primary_key=True, autoincrement=False),
        *(Column(c, BigInteger, nullable=False, server_default=text("0")) for c in COUNTED),
        sqlite_with_rowid=False,
    )


def _packed_table(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("series_id", BigInteger, primary_key=True, autoincrement=False),
        Column("start", BigInteger, primary_key=True, autoincrement=False),
        Column("rows", LargeBinary, nullable=False),
        Index(None, "start"),
        sqlite_with_rowid=False,
    )


counts = _bucket_table("counts")  # base buckets, still being written to
sums = _bucket_table("sums")  # five-minute sums, still being written to
packed_counts = _packed_table("packed_counts")  # base buckets, an hour to a day a row
packed_sums = _packed_table("packed_sums")  # five-minute sums, one to ten days a row

# Base buckets of five minutes that an exclusion's edge cuts, kept for as long as the sums.
edge_counts = _bucket_table("edge_counts")

causes = Table(
    "causes",
    metadata,
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
    Column("bucket", BigInteger, primary_key=True, autoincrement=False),
    Column("cause", Text, primary_key=True),
    Column("bad", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

collectors = Table(
    "collectors",
    metadata,
    Column("collector_id", Text, primary_key=True),
    Column("last_due", Instant, nullable=False),
    Column("state", Text, nullable=False),
)

flushes = Table(
    "flushes",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("batch_id", Text, nullable=False, unique=True),
)

# At most one row: which life of the database this is. A restore begins a new one.
incarnation = Table("incarnation", metadata, Column("id", Text, primary_key=True))

exclusions, exclusion_events = _planned_tables(
    "exclusion",
    Column("service", Text),
    Column("slo", Text),
    Column("labels", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("undone_at", Instant),
    Column("public", Text),
)
silences, silence_events = _planned_tables(
    "silence",
    Column("matchers", Text, nullable=False),
    Column("until_resolved", Boolean, nullable=False),
    Column("warned_of", Instant),
)

# Releases. `key` is the sender's own name for one, `told` what was sent under it.
deployments = Table(
    "deployments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("service", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("commit_id", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("key", Text),
    Column("told", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("key"),
    Index(None, "at", "id"),
    Index(None, "service", "at", "id"),
)

# What somebody says in the place of the policy of releases.
gate_overrides = Table(
    "gate_overrides",
    metadata,
    Column("id", Text, primary_key=True),
    Column("service", Text, nullable=False),
    Column("slo", Text),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("ended_at", Instant),
)
gate_override_events = _event_table("gate_override")

# Remarks on services and SLOs.
annotations = Table(
    "annotations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("service", Text, nullable=False),
    Column("slo", Text),
    Column("text", Text, nullable=False),
    Column("start", Instant, nullable=False),
    Column("end", Instant),
    Column("author", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("undone_at", Instant),
)
annotation_events = _event_table("annotation")

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("service", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", Text),
    Column("resolved_at", Instant),
    Column("linked_to", Text),
    Index(None, "opened_at", "id"),
    Index(None, "service", "opened_at", "id"),
    Index(None, "state", "opened_at", "id"),
)


def _of_incident(*, primary_key: bool = False) -> Column[str]:
    return Column(
        "incident_id",
        Text,
        ForeignKey("incidents.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
    )


alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),
    _of_incident(),
    Column("rule", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("slo", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("facts", Text, nullable=False),
    Column("held_by", Text),
    Column("origin", Text),
    Index(None, "incident_id"),
    Index(None, "started_at"),
)

# Alerts from outside that fire, as they were told last, and what is to be decided on about them.
outside_alerts = Table(
    "outside_alerts",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("open_ended", Boolean, nullable=False),
    Column("place", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("decided", Boolean, nullable=False, server_default=true()),
    Column("over", Text),
)

alert_states = Table(
    "alert_states",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("state", Text, nullable=False),
)

budget_marks = Table(
    "budget_marks",
    metadata,
    Column("slo_id", Text, primary_key=True),
    Column("marks", Text, nullable=False),
)

# Alerts that nobody was told of: no incident holds them.
shadow_alerts = Table(
    "shadow_alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("slo", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("facts", Text, nullable=False),
    Column("receivers", Text, nullable=False),
    Index(None, "service", "slo", "started_at"),
)

definitions = Table(
    "definitions",
    metadata,
    Column("sli_id", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("definition", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("valid_from", Instant, nullable=False),
)

incident_events = Table(
    "incident_events",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    _of_incident(),
    Column("at", Instant, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index(None, "incident_id", "id"),
)

# Why each alert was told or not, in JSON: never changed, as the past does not change.
grounds = Table(
    "grounds",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    _of_incident(),
    Column("alert_id", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("grounds", Text, nullable=False),
    Index(None, "alert_id", "number"),
    Index(None, "incident_id"),
)

notifications = Table(
    "notifications",
    metadata,
    Column("sequence", _Number, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    _of_incident(),
    Column("receiver", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("severity", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("next_attempt_at", Instant, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("finished_at", Instant),
    Column("reason", Text, nullable=False),
    Column("alerts", Text),
    Column("failover", Text),
    Column("instead_of", Text, nullable=False, server_default=""),
    Column("lease_owner", Text),
    Column("leased_until", Instant),
    Column("digest", Text),
    Index(None, "incident_id", "receiver", "revision", "sequence"),
    # The outbox: small however long the history is.
    Index(
        "ix_notifications_pending",
        "next_attempt_at",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
    # What a digest tells: few ever are told by one.
    Index(
        "ix_notifications_digest",
        "digest",
        sqlite_where=text("digest IS NOT NULL"),
        postgresql_where=text("digest IS NOT NULL"),
    ),
    # Whose receipt may still be awaited: looked for after each delivery.
    Index(
        "ix_notifications_delivered_triggers",
        "receiver",
        "finished_at",
        sqlite_where=text("kind = 'trigger' AND state = 'delivered'"),
        postgresql_where=text("kind = 'trigger' AND state = 'delivered'"),
    ),
)

attempts = Table(
    "attempts",
    metadata,
    Column(
        "notification_id",
        Text,
        ForeignKey("notifications.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("outcome", Text),
    Column("status", BigInteger),
    Column("detail", Text, nullable=False),
    Column("by", Text, nullable=False, server_default=""),
    Index(
        "ix_attempts_open",
        "notification_id",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

# How each receiver's other side stands, in JSON: what a restart must not forget.
destinations = Table(
    "destinations",
    metadata,
    Column("receiver", Text, primary_key=True),
    Column("state", Text, nullable=False),
)

handles = Table(
    "handles",
    metadata,
    _of_incident(primary_key=True),
    Column("receiver", Text, primary_key=True),
    Column("handle", Text, nullable=False),
)

# What came back about notifications. `once` marks callbacks that ask for the same.
callbacks = Table(
    "callbacks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("receiver", Text, nullable=False),
    Column("once", Text),
    Column("at", Instant, nullable=False),
    Column("act", Text, nullable=False),
    Column("done_at", Instant),
    Index(None, "once"),
    Index(None, "done_at"),
)

# Receivers whose webhook has reached us, properly signed.
inbound = Table(
    "inbound",
    metadata,
    Column("receiver", Text, primary_key=True),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    Column(
        "notification_id",
        Text,
        ForeignKey("notifications.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("state", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("secret", Text, nullable=False),
)

# The targets of each group of `discovery`, as they were last found, in JSON.
discovered = Table(
    "discovered",
    metadata,
    Column("group", Text, primary_key=True),
    Column("sources", Text, nullable=False),
    Column("targets", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

# The series of collectors that others send to, as of the last sample of each; `mark` is a digest of
# the series, which may be longer than an index takes.
pushed_series = Table(
    "pushed_series",
    metadata,
    Column("collector", Text, primary_key=True),
    Column("mark", Text, primary_key=True),
    Column("series", Text, nullable=False),
    Column("state", Text, nullable=False),
)

# Which of a sender's replicas is listened to.
pushed_replicas = Table(
    "pushed_replicas",
    metadata,
    Column("collector", Text, primary_key=True),
    Column("cluster", Text, primary_key=True),
    Column("replica", Text, nullable=False),
)

# What was counted of events that were posted, by series, and the keys under which they came.
pushed_events = Table(
    "pushed_events",
    metadata,
    Column("collector", Text, primary_key=True),
    Column("mark", Text, primary_key=True),
    Column("series", Text, nullable=False),
    Column("total", BigInteger, nullable=False),
)
pushed_keys = Table(
    "pushed_keys",
    metadata,
    Column("collector", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_pushed_keys_at", "at"),
)

# Who may sign in. `password` is a hash; None: by single sign-on, or no longer.
users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True),
    Column("password", Text),
    Column("grants", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
)

# Who is signed in. What a cookie bears is kept as its hash alone.
sessions = Table(
    "sessions",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("user", Text, nullable=False),
    Column("local", Boolean, nullable=False),
    Column("grants", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index(None, "user"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("grants", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("revoked_at", Instant),
    UniqueConstraint("hash"),
)

# Every change, by whom, and how it was before and after (JSON).
audit = Table(
    "audit",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("address", Text, nullable=False, server_default=""),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Index(None, "at"),
)

# What jobs tell of their runs, in the order in which it was stored.
pings = Table(
    "pings",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("collector", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", Text, nullable=False),
    Column("run_id", Text),
    Column("exit_code", Integer),
    Column("body", Text, nullable=False),
    Index("ix_pings_collector_number", "collector", "number"),
    sqlite_autoincrement=True,
)

# What customers are told, in people's words. `resolved_at` is kept so that old ones are found.
status_incidents = Table(
    "status_incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("impact", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    Index(None, "created_at", "id"),
)

# `components` is JSON; `key` is the sender's own name for the request, `told` a digest of it.
status_updates = Table(
    "status_updates",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),
    Column(
        "incident_id", Text, ForeignKey("status_incidents.id", ondelete="CASCADE"), nullable=False
    ),
    Column("stage", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("components", Text, nullable=False),
    Column("key", Text),
    Column("told", Text, nullable=False),
    UniqueConstraint("key"),
    Index(None, "incident_id", "number"),
)

# A period's report for one entry of `reports.mail`: owed, sent, or neither. `lease_until`: somebody
# sends it.
report_mails = Table(
    "report_mails",
    metadata,
    Column("name", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("had", Text, nullable=False),  # JSON: the addresses that have it
    Column("problem", Text),
    Column("ended_at", Instant),
    Column("lease_until", Instant),
)
