"""The real status board over the fake source, on a database of its own."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from dashboards.source import Point
from dashboards.status_page import Component, StatusPage
from nines.status_board import StatusBoard
from nines.storage.database import Database, open_database
from nines.storage.status_incidents import StatusIncidentRecords
from tests.web.fakes import NOW, FakeSource

T = TypeVar("T")
PAGE = StatusPage(
    title="Acme",
    public=True,
    zone=ZoneInfo("Asia/Tokyo"),
    support="mailto:help@acme.example",
    components=(
        Component("buy", "Buying <b>", "From cart to receipt", "Front", "front",
                  ("shop/checkout",), ("shop/search-latency",)),
        Component("browse", "Browsing", "", "Front", "front", ("shop/catalogue",), ()),
        Component("files", "Uploads", "", "Pets", "pets", ("petuniverse-api/uploads",), ()),
    ),
)  # fmt: skip


class YoungSource(FakeSource):
    """Nothing was counted before yesterday: ninety days of the fake counts take long to make."""

    async def points(
        self, slo_id: str, start: datetime, end: datetime, step: timedelta
    ) -> Sequence[Point]:
        late = max(0, (NOW - timedelta(days=1) - start) // step)
        first = start + late * step
        return await super().points(slo_id, first, end, step) if first < end else []


@dataclass
class BoardWorld:
    """The board, its source, and what may be changed while it runs."""

    source: FakeSource
    database: Database
    shown: StatusPage | None = PAGE
    now: datetime = NOW
    _ids: "count[int]" = field(default_factory=lambda: count(1))
    board: StatusBoard = field(init=False)

    def __post_init__(self) -> None:
        self.board = StatusBoard(
            StatusIncidentRecords(self.database),
            self.source,
            read=_at_once,
            write=_at_once,
            page=lambda: self.shown,
            now=lambda: self.now,
            new_id=lambda: f"status-{next(self._ids)}",
            sleep=_never,
        )


@contextmanager
def board_world(folder: Path, migrated: Path) -> Iterator[BoardWorld]:
    """Until the end; `migrated` is a database file that is up to date."""
    file = folder / "status.db"
    file.write_bytes(migrated.read_bytes())
    database = open_database(f"sqlite:///{file}")
    yield BoardWorld(YoungSource(), database)
    database.close()


async def _at_once(call: Callable[[], T]) -> T:
    return call()


async def _never(_: float) -> None:
    raise AssertionError
