"""What the wiring tells the web room."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dashboards.own_settings import NOTHING_TOLD, OwnSettings
from web.report_settings import ReportSettings


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ReloadResult:
    """How a reload ended; with problems the old configuration goes on. Each is a sentence."""

    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


async def _nothing_to_reload() -> ReloadResult:
    return ReloadResult(("This process was started without a configuration file.",))


async def _nothing_told() -> OwnSettings:
    return NOTHING_TOLD


@dataclass(frozen=True, slots=True)
class WebSettings:
    """`ready` gives the reasons why we are not; `stop` ends every open stream. `overdue` says what
    of our own work should have happened by now.

    `listen` is the host that we listen on: on loopback, only its own names are answered to. `own`
    gathers what /settings tells.
    """

    external_url: str = "http://127.0.0.1:9919"
    version: str = "0"
    listen: str = "127.0.0.1"
    reload: Callable[[], Awaitable[ReloadResult]] = _nothing_to_reload
    ready: Callable[[], Sequence[str]] = tuple
    overdue: Callable[[], Sequence[str]] = tuple
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    now: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    reports: Callable[[], ReportSettings] = ReportSettings
    own: Callable[[], Awaitable[OwnSettings]] = _nothing_told
