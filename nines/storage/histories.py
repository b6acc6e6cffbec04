"""All that ledgers are filled with at a start, read for many series at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection, func, select

from nines.storage.chunks import BUCKET, DETAIL, SUMS, Grain, as_rows
from nines.storage.packing import NO_ROWS, Rows, add_up, unpack_strips
from nines.storage.schema import causes
from nines.storage.stretches import bad_by_stretch, read_edges
from slo.exclusion import NOTHING, Overlay, counted, counted_causes, counted_sums
from slo.ledger import FIVE_MINUTES
from slo.strip import Strip, joined, strips_of

_LOOSE_AT_ONCE = 1_000_000  # rows in memory while a start reads them
_READ_TOGETHER = 10_000  # rows
_SERIES_TOGETHER = 50  # whose chunks are read with one query


@dataclass(frozen=True, slots=True)
class Stored:
    """One series' counts at one grain: strips, newest first, and rows of no steady pace."""

    strips: Sequence[Strip]
    loose: Rows

    def rows(self) -> Rows:
        """All of it, in no order and with repeats."""
        return np.concatenate([*(strip.rows() for strip in self.strips), self.loose])

    def before(self, end: int) -> "Stored":
        """Without what a clock that ran ahead once wrote."""
        strips = [strip.before(end) for strip in self.strips if strip.first < end]
        early = self.loose[:, 0] < end
        return Stored(strips, self.loose if early.all() else self.loose[early])


@dataclass(frozen=True, slots=True)
class History:
    """What a ledger is filled with: base buckets, five-minute sums, and causes.

    `edges` are the base buckets of sums that an exclusion cuts, without those from `edges_end` on
    that are in `fine`.
    """

    fine: Stored
    coarse: Stored
    causes: Sequence[tuple[int, str, int]]  # (five-minute start, cause, bad events)
    edges: Rows = field(default_factory=lambda: NO_ROWS)
    edges_end: int = 0

    @property
    def detail(self) -> Rows:
        """The base buckets as rows, in no order and with repeats."""
        return self.fine.rows()

    @property
    def sums(self) -> Rows:
        """The five-minute sums as rows, likewise."""
        return self.coarse.rows()

    def under(self, overlay: Overlay) -> "History":
        """What of it counts."""
        if not overlay:
            return self
        detail, sums = self.detail, self.sums
        finer = np.concatenate([self.edges, detail[detail[:, 0] >= self.edges_end]])
        left = add_up(counted_sums(sums, finer, overlay), FIVE_MINUTES)
        return History(
            fine=Stored((), counted(detail, overlay)),
            coarse=Stored((), left),
            causes=counted_causes(self.causes, bad_by_stretch(sums), bad_by_stretch(left), overlay),
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
        for at in range(0, len(group), _SERIES_TOGETHER):
            some = group[at : at + _SERIES_TOGETHER]
            packed = [_read_chunks(connection, grain, first, some) for grain, first in grains]
            for number in some:
                fine, coarse = (
                    _stored(chunks.get(number, ()), rows.get(number, NO_ROWS)).before(end)
                    for chunks, rows in zip(packed, loose, strict=True)
                )
                edges, edges_end = NO_ROWS, 0
                overlay = overlays.get(number, NOTHING)
                if overlay:
                    edges_end = -(-detail // FIVE_MINUTES) * FIVE_MINUTES
                    last = -(-end // FIVE_MINUTES) * FIVE_MINUTES
                    oldest = int(coarse.rows()[:, 0].min(initial=edges_end))
                    cut = overlay.cut(oldest, max(edges_end, last))
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
) -> dict[int, Strip | Rows]:
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
    return strips_of(np.concatenate(parts)) if parts else {}


def _read_chunks(
    connection: Connection, grain: Grain, first: int, numbers: Sequence[int]
) -> dict[int, list[bytes]]:
    """The chunks of these series that may hold something from `first` on, oldest first."""
    mark = _mark(connection)
    # Below SQLAlchemy's own rows: a start reads thousands.
    found = connection.exec_driver_sql(
        f"SELECT series_id, rows FROM {grain.packed.name}"  # noqa: S608 - names are ours
        f" WHERE series_id IN ({', '.join([mark] * len(numbers))}) AND start >= {mark}"
        " ORDER BY series_id, start",
        (*numbers, first // grain.cold * grain.cold),
    )
    by_series: dict[int, list[bytes]] = {}
    for number, chunk in found.cursor.fetchall():
        by_series.setdefault(number, []).append(chunk)
    found.close()
    return by_series


def _stored(chunks: Sequence[bytes], loose: Strip | Rows) -> Stored:
    strips, rows = unpack_strips(chunks)
    if isinstance(loose, Strip):
        strips.append(loose)
    elif len(loose):
        rows = np.concatenate([rows, loose])
    return Stored(joined(strips), rows)


def _mark(connection: Connection) -> str:
    """How the driver wants a value's place marked."""
    return "%s" if connection.dialect.name == "postgresql" else "?"


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
