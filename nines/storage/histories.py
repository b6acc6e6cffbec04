"""All that ledgers are filled with at a start, read for many series at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection, func, select

from nines.storage.chunks import BUCKET, DETAIL, SUMS, Grain, as_rows, by_series
from nines.storage.packing import NO_ROWS, Rows, add_up, unpack_all
from nines.storage.schema import causes
from nines.storage.stretches import bad_by_stretch, read_edges
from slo.exclusion import NOTHING, Overlay, counted, counted_causes, counted_sums
from slo.ledger import FIVE_MINUTES

_LOOSE_AT_ONCE = 1_000_000  # rows in memory while a start reads them
_READ_TOGETHER = 10_000  # rows


@dataclass(frozen=True, slots=True)
class History:
    """What a ledger is filled with: base buckets, five-minute sums, and causes.

    `edges` are the base buckets of sums that an exclusion cuts, without those from `edges_end` on
    that are in `detail`.
    """

    detail: Rows
    sums: Rows
    causes: Sequence[tuple[int, str, int]]  # (five-minute start, cause, bad events)
    edges: Rows = field(default_factory=lambda: NO_ROWS)
    edges_end: int = 0

    def under(self, overlay: Overlay) -> "History":
        """What of it counts."""
        if not overlay:
            return self
        finer = np.concatenate([self.edges, self.detail[self.detail[:, 0] >= self.edges_end]])
        left = add_up(counted_sums(self.sums, finer, overlay), FIVE_MINUTES)
        return History(
            detail=counted(self.detail, overlay),
            sums=left,
            causes=counted_causes(
                self.causes, bad_by_stretch(self.sums), bad_by_stretch(left), overlay
            ),
        )


def read_histories(
    connection: Connection,
    numbers: Iterable[int],
    *,
    detail: int,
    sums: int,
    end: int,
    overlays: Mapping[int, Overlay],
) -> Iterator[tuple[int, History]]:
    """As `CountStore.histories`, in epoch seconds."""
    wanted = sorted(set(numbers))
    grains = ((DETAIL, detail), (SUMS, sums))
    for group in _groups(connection, wanted, grains):
        loose = [_read_loose(connection, grain, first, group) for grain, first in grains]
        whys = _read_causes(connection, sums, end, group)
        for number in group:
            fine, coarse = (
                _with_chunks(connection, grain, number, first, rows.get(number, NO_ROWS))
                for (grain, first), rows in zip(grains, loose, strict=True)
            )
            fine, coarse = _before(end, fine), _before(end, coarse)
            edges, edges_end = NO_ROWS, 0
            overlay = overlays.get(number, NOTHING)
            if overlay:
                edges_end, last = (-(-at // FIVE_MINUTES) * FIVE_MINUTES for at in (detail, end))
                oldest = int(coarse[:, 0].min()) if len(coarse) else edges_end
                cut = overlay.cut(min(oldest, edges_end), max(edges_end, last))
                edges = read_edges(connection, number, cut, edges_end)
            yield number, History(fine, coarse, whys.get(number, ()), edges, edges_end)


def _groups(
    connection: Connection, numbers: Sequence[int], grains: Iterable[tuple[Grain, int]]
) -> Iterator[Sequence[int]]:
    """Split series so that the loose rows of a group fit into memory, packed lately or not."""
    rows = sum(
        connection.execute(select(func.count()).where(grain.rows.c.bucket >= first)).scalar_one()
        for grain, first in grains
    )
    size = max(1, len(numbers) * _LOOSE_AT_ONCE // max(_LOOSE_AT_ONCE, rows))
    return (numbers[at : at + size] for at in range(0, len(numbers), size))


def _read_loose(
    connection: Connection, grain: Grain, first: int, group: Sequence[int]
) -> dict[int, Rows]:
    # Below SQLAlchemy's own rows: a start reads all that is loose.
    mark = _mark(connection)
    found = connection.exec_driver_sql(
        f"SELECT series_id, {', '.join(BUCKET)} FROM {grain.rows.name}"  # noqa: S608 - names are ours
        f" WHERE bucket >= {mark} AND series_id BETWEEN {mark} AND {mark}",
        (first, group[0], group[-1]),
    )
    parts = []
    while some := found.cursor.fetchmany(_READ_TOGETHER):
        parts.append(as_rows(some, 1 + len(BUCKET)))
    found.close()
    return dict(by_series(np.concatenate(parts))) if parts else {}


def _with_chunks(
    connection: Connection, grain: Grain, number: int, first: int, loose: Rows
) -> Rows:
    table = grain.packed.name
    mark = _mark(connection)
    # Below SQLAlchemy's own statements: a start asks this for every series.
    chunks = connection.exec_driver_sql(
        f"SELECT rows FROM {table} WHERE series_id = {mark} AND start >= {mark} ORDER BY start",  # noqa: S608 - names are ours
        (number, first // grain.cold * grain.cold),
    ).scalars()
    return unpack_all(chunks, then=loose)


def _mark(connection: Connection) -> str:
    """How the driver wants a value's place marked."""
    return "%s" if connection.dialect.name == "postgresql" else "?"


def _before(end: int, rows: Rows) -> Rows:
    """Without what a clock that ran ahead once wrote."""
    early = rows[:, 0] < end
    return rows if early.all() else rows[early]


def _read_causes(
    connection: Connection, first: int, end: int, group: Sequence[int]
) -> dict[int, list[tuple[int, str, int]]]:
    query = (
        select(causes.c.series_id, causes.c.bucket, causes.c.cause, causes.c.bad)
        .where(
            causes.c.series_id.between(group[0], group[-1]),
            causes.c.bucket >= first // FIVE_MINUTES * FIVE_MINUTES,
            causes.c.bucket < end,
            causes.c.bad > 0,  # what was taken back leaves a row
        )
        .order_by(causes.c.series_id, causes.c.bucket, causes.c.cause)
    )
    found: dict[int, list[tuple[int, str, int]]] = {}
    for number, bucket, cause, bad in connection.execute(query):
        found.setdefault(number, []).append((bucket, cause, bad))
    return found
