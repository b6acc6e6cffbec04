"""What outlives the process: counts, alerts, incidents and the outbox, on SQLite or PostgreSQL."""
