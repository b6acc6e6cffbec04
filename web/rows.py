"""The rows of SLOs in a list, each printed once for all who look, until what it shows changes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from dashboards.slo_row import RowFacts, SLORow

Cells = Mapping[str, Markup]  # by the column's key
Printer = Callable[[SLORow], Cells]
MOST = 2_000  # rows that are kept, of a few kilobytes each


@dataclass(frozen=True, slots=True)
class PrintedRow:
    """One SLO's row as it goes into the page. `topic` is its id in the live stream."""

    topic: str
    cells: Cells

    def laid_out(self, columns: Iterable[str]) -> "LaidOutRow":
        """With these columns, in this order."""
        return LaidOutRow(self.topic, Markup("").join(map(self.cells.__getitem__, columns)))


@dataclass(frozen=True, slots=True)
class LaidOutRow:
    """A row with the columns that are asked for."""

    topic: str
    html: Markup


@dataclass(frozen=True, slots=True)
class _Kept:
    shown: tuple[object, ...]
    row: PrintedRow


class Rows:
    """Those asked for last are kept."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: dict[tuple[str, timedelta], _Kept] = {}

    def printed(
        self,
        facts: Sequence[RowFacts],
        now: datetime,
        lookback: timedelta,
        printer: Callable[[], Printer],
    ) -> list[PrintedRow]:
        """The row of each. A printer is asked for where one is to be printed anew."""
        found, make = [], None
        for one in facts:
            key, shown = (one.status.slo.id, lookback), one.shown(now)
            kept = self._kept.pop(key, None)
            if kept is None or kept.shown != shown:
                make = make or printer()
                kept = _Kept(shown, print_row(one, now, lookback, make))
            self._kept[key] = kept  # the last of all
            found.append(kept.row)
        while len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]
        return found


def print_row(one: RowFacts, now: datetime, lookback: timedelta, make: Printer) -> PrintedRow:
    """One row, as it is now."""
    row = one.row(now, lookback)
    return PrintedRow(row.topic, make(row))
