"""What storage takes of a batch that it refuses whole: one bad value keeps nothing else out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from nines.storage.batches import CountBatch, PageCounts, first_time, write_batch
from nines.storage.errors import UnfitError, storage_error

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Refused:
    """A smallest part that cannot be written, and why."""

    part: CountBatch
    why: str


def write_fitting(connection: Connection, batch: CountBatch) -> list[Refused]:
    """Add all of a batch that fits, within a transaction that is open; return what does not.

    Raises whatever is no fault of a value, so that nothing is written.
    """
    if batch.id is not None and not first_time(connection, batch.id):
        return []
    return _write(connection, list(parts(batch)))


def _write(connection: Connection, pieces: Sequence[CountBatch]) -> list[Refused]:
    """Halve what is refused until the parts at fault are alone."""
    try:
        with connection.begin_nested():
            write_batch(connection, _joined(pieces))
    except SQLAlchemyError as error:
        sentence = storage_error("here", error)
        if not isinstance(sentence, UnfitError):
            raise
        why = str(sentence)
    except UnfitError as error:
        why = str(error)
    else:
        return []
    if len(pieces) == 1:
        (piece,) = pieces
        rows = [replace(piece, pages=(row,)) for page in piece.pages for row in _rows(page)]
        return _write(connection, rows) if len(rows) > 1 else [Refused(piece, why)]
    half = len(pieces) // 2
    return [*_write(connection, pieces[:half]), *_write(connection, pieces[half:])]


def parts(batch: CountBatch) -> Iterator[CountBatch]:
    """A batch's parts that can stand alone, none with an id; a page is one."""
    for number in sorted({*batch.deltas, *batch.observed}):
        yield CountBatch(deltas=_only(batch.deltas, number), observed=_only(batch.observed, number))
    for number, some in batch.causes.items():
        yield CountBatch(causes={number: some})
    for page in batch.pages:
        yield CountBatch(pages=(page,))
    for name, record in batch.collector_states.items():
        yield CountBatch(collector_states={name: record})


def _only(values: Mapping[int, _Value], key: int) -> dict[int, _Value]:
    return {key: values[key]} if key in values else {}


def _rows(page: PageCounts) -> Iterator[PageCounts]:
    for place, number in enumerate(page.numbers):
        yield replace(page, numbers=(number,), amounts=page.amounts[place : place + 1])


def _joined(pieces: Sequence[CountBatch]) -> CountBatch:
    """Batches of which no two have a key in common."""
    return CountBatch(
        deltas={number: some for one in pieces for number, some in one.deltas.items()},
        causes={number: some for one in pieces for number, some in one.causes.items()},
        collector_states={name: at for one in pieces for name, at in one.collector_states.items()},
        observed={number: at for one in pieces for number, at in one.observed.items()},
        pages=[page for one in pieces for page in one.pages],
    )
