"""The counts of every SLI: written within a second, read for windows and charts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Row, func, select

from nines.storage.batches import CollectorRecord, CountBatch, write_batch
from nines.storage.chunks import DETAIL, SUMS, join_chunks, pack_rows
from nines.storage.database import Database
from nines.storage.fitting import Refused, write_fitting
from nines.storage.histories import History, read_histories
from nines.storage.packing import add_up
from nines.storage.retention import forget
from nines.storage.schema import causes, collectors, series
from nines.storage.stretches import bad_by_stretch, read_counted, read_stretch
from nines.storage.upsert import upsert
from slo.counts import Counts
from slo.exclusion import NOTHING, Overlay, counted_causes
from slo.ledger import FIVE_MINUTES, epoch_micros

_PRUNE_ROWS = 10_000  # a batch: the writer is never held up for long
_PACK_ROWS = 10_000
# Any number will do that no other lock of ours has.
_PACK_LOCK = 0x7061636B


@dataclass(frozen=True, slots=True)
class SeriesRecord:
    """One SLI's counts as stored: its number, and what was counted since it was made."""

    series_id: int
    slo_id: str
    fingerprint: str
    created_at: datetime
    lifetime: Counts
    watched_since: datetime | None
    last_observation: datetime | None


# The bucket's start, then its counts in the order of BucketDelta's fields.
StoredBucket = tuple[int, int, int, int, int, int, int, int]


class CountStore:
    """Counts in the database. Writes come from one thread, reads from any."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, slo_id: str, fingerprint: str, at: datetime) -> SeriesRecord:
        """The series of this SLI; a new fingerprint makes a new one that starts empty."""
        return self.register_all([(slo_id, fingerprint)], at)[0]

    def register_all(self, wanted: Sequence[tuple[str, str]], at: datetime) -> list[SeriesRecord]:
        """The series of these (SLO's id, fingerprint), in their order, in one transaction."""
        if not wanted:
            return []
        with self._database.write() as connection:
            upsert(
                connection,
                series,
                [
                    {"slo_id": slo_id, "fingerprint": mark, "created_at": at, "used_at": at}
                    for slo_id, mark in sorted(set(wanted))
                ],
                key=("slo_id", "fingerprint"),
                change=("used_at",),
            )
            # What was just touched, by anybody: at least all that is wanted.
            touched = select(series).where(series.c.used_at >= at)
            if len(wanted) == 1:
                ((slo_id, mark),) = wanted
                touched = select(series).filter_by(slo_id=slo_id, fingerprint=mark)
            found = {(row.slo_id, row.fingerprint): row for row in connection.execute(touched)}
            return [_record(found[key]) for key in wanted]

    def series(self, slo_id: str) -> list[SeriesRecord]:
        """Every series an SLO ever had, newest first."""
        query = (
            select(series)
            .where(series.c.slo_id == slo_id)
            .order_by(series.c.created_at.desc(), series.c.series_id.desc())
        )
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(query)]

    def flush(self, batch: CountBatch) -> None:
        """Add a batch in one transaction. A series that was never registered is an error."""
        with self._database.write() as connection:
            write_batch(connection, batch)

    def flush_fitting(self, batch: CountBatch) -> list[Refused]:
        """Add what can be added of a batch that `flush` refused for its values, in one transaction.

        Returns what cannot, in the smallest parts.
        """
        with self._database.write() as connection:
            return write_fitting(connection, batch)

    def load(
        self,
        series_id: int,
        width_seconds: int,
        since: datetime,
        until: datetime,
        overlay: Overlay = NOTHING,
    ) -> list[StoredBucket]:
        """Stored counts in buckets of `width_seconds` that touch [since, until), oldest first.

        Widths that are whole five minutes come from the five-minute sums, others from the base
        buckets. Empty buckets are left out, and what `overlay` excludes.
        """
        first = _seconds(since) // width_seconds * width_seconds
        end = -(-_ceiling(until) // width_seconds) * width_seconds
        grain = DETAIL if width_seconds % FIVE_MINUTES else SUMS
        with self._database.read() as connection:
            rows = read_counted(connection, grain, series_id, first, end, overlay)
        rows = add_up(rows, width_seconds)
        if overlay:
            rows = rows[rows[:, 1:].any(axis=1)]
        columns = (column.tolist() for column in rows.T)
        return list(zip(*columns, strict=True))

    def histories(
        self,
        numbers: Iterable[int],
        detail: datetime,
        sums: datetime,
        until: datetime,
        overlays: Mapping[int, Overlay] | None = None,
    ) -> Iterator[tuple[int, History]]:
        """Each series' base buckets from `detail`, and sums and causes from `sums`, to `until`.

        Some may be older. One snapshot; what is still loose is read once for many series. Nothing
        is left out, and what the `overlays` of these series need is in it, so that the caller can.
        """
        with self._database.read() as connection:
            yield from read_histories(
                connection,
                numbers,
                detail=_seconds(detail),
                sums=_seconds(sums),
                end=_ceiling(until),
                overlays=overlays or {},
            )

    def points(
        self,
        series_id: int,
        start: datetime,
        end: datetime,
        step_seconds: int,
        overlay: Overlay = NOTHING,
    ) -> list[tuple[int, int, int, int, int]]:
        """(step's start, good, bad, unknown, seen) in steps from `start` on; empty ones left out.

        Steps on the five-minute grid are added up from the sums and only the last, open stretch
        from the base buckets: the same numbers for a thirtieth of the reading.
        """
        first, last = _seconds(start), _ceiling(end)
        on_grid = first % FIVE_MINUTES == 0 and step_seconds % FIVE_MINUTES == 0
        turn = max(first, last // FIVE_MINUTES * FIVE_MINUTES) if on_grid else first
        with self._database.read() as connection:
            parts = [
                read_counted(connection, SUMS, series_id, first, turn, overlay),
                read_counted(connection, DETAIL, series_id, turn, last, overlay),
            ]
        steps = add_up(np.concatenate(parts), step_seconds, anchor=first)[:, :5].tolist()
        return [(at, good, bad, unknown, seen) for at, good, bad, unknown, seen in steps]

    def causes(
        self, series_id: int, start: datetime, end: datetime, overlay: Overlay = NOTHING
    ) -> dict[str, int]:
        """Bad events by cause in the five minutes that [start, end) touches, largest first."""
        if overlay:
            sums: dict[str, int] = {}
            for _, cause, count in self.load_causes(series_id, start, end, overlay):
                sums[cause] = sums.get(cause, 0) + count
            return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))
        bad = func.sum(causes.c.bad)
        query = (
            select(causes.c.cause, bad)
            .where(*_of_causes(series_id, start, end))
            .group_by(causes.c.cause)
            .having(bad > 0)
            .order_by(bad.desc(), causes.c.cause)
        )
        with self._database.read() as connection:
            return {cause: int(bad) for cause, bad in connection.execute(query)}

    def load_causes(
        self, series_id: int, since: datetime, until: datetime, overlay: Overlay = NOTHING
    ) -> list[tuple[int, str, int]]:
        """(five-minute start, cause, bad events), oldest first: what `Ledger.load_causes` takes."""
        query = (
            select(causes.c.bucket, causes.c.cause, causes.c.bad)
            .where(*_of_causes(series_id, since, until), causes.c.bad > 0)
            .order_by(causes.c.bucket, causes.c.cause)
        )
        with self._database.read() as connection:
            found = [(bucket, cause, bad) for bucket, cause, bad in connection.execute(query)]
            if not overlay or not found:
                return found
            first, end = found[0][0], found[-1][0] + FIVE_MINUTES
            whole = read_stretch(connection, SUMS, series_id, first, end)
            left = read_counted(connection, SUMS, series_id, first, end, overlay)
        return counted_causes(found, bad_by_stretch(whole), bad_by_stretch(left), overlay)

    def collector_states(self) -> dict[str, CollectorRecord]:
        """Every collector's stored state, by its id."""
        with self._database.read() as connection:
            return {
                row.collector_id: CollectorRecord(row.last_due, row.state)
                for row in connection.execute(select(collectors))
            }

    def pack(self, now: datetime, limit: int = _PACK_ROWS) -> int:
        """Pack about `limit` of the oldest rows that have come to rest, or else join some chunks.

        Gives how many of them. One short transaction: call it until it gives 0. Late bookings are
        packed by a later call.
        """
        with self._database.write() as connection:
            _alone(connection)
            at = _seconds(now)
            moved = sum(pack_rows(connection, grain, at, limit) for grain in (DETAIL, SUMS))
            return moved or sum(join_chunks(connection, grain, at) for grain in (DETAIL, SUMS))

    def prune(
        self,
        now: datetime,
        detail: timedelta,
        sums: timedelta,
        limit: int = _PRUNE_ROWS,
        overlays: Mapping[int, Overlay] | None = None,
    ) -> int:
        """Forget base buckets older than `detail` and all else older than `sums`.

        One short transaction of about `limit` rows: call it until it gives 0, the number of rows
        that went. Flushes get their turn in between. Base buckets of sums that the `overlays` of
        their series cut are kept for as long as the sums.
        """
        with self._database.write() as connection:
            _alone(connection)
            return forget(connection, now, detail, sums, limit, overlays or {})


def _alone(connection: Connection) -> None:
    """Wait until no other process rewrites chunks, until the transaction's end."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_PACK_LOCK})")


def _of_causes(number: int, start: datetime, end: datetime) -> tuple[ColumnElement[bool], ...]:
    first = _seconds(start) // FIVE_MINUTES * FIVE_MINUTES
    return (
        causes.c.series_id == number,
        causes.c.bucket >= first,
        causes.c.bucket < _ceiling(end),
    )


def _record(row: Row[Any]) -> SeriesRecord:
    return SeriesRecord(
        series_id=row.series_id,
        slo_id=row.slo_id,
        fingerprint=row.fingerprint,
        created_at=row.created_at,
        lifetime=Counts(row.good, row.bad, row.unknown),
        watched_since=row.watched_since,
        last_observation=row.last_observation,
    )


def _seconds(at: datetime) -> int:
    return epoch_micros(at) // 1_000_000


def _ceiling(at: datetime) -> int:
    return -(-epoch_micros(at) // 1_000_000)
