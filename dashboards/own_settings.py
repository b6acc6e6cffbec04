"""What Nines goes by and from where: facts for programs, and the page /settings. Never a secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboards import format as write
from dashboards import links
from dashboards.format import Moment
from dashboards.receivers_page import ReceiverStanding, receiver_rows
from dashboards.source import CollectorHealth, SystemHealth

_SHOWN_OF_HASH = 12
_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file of the configuration, as it is now."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class ReloadFacts:
    """How the last reload ended; with problems, the configuration of before goes on."""

    at: datetime
    ok: bool
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CountFacts:
    """How many are configured."""

    services: int = 0
    slos: int = 0
    alerts: int = 0
    collectors: int = 0
    receivers: int = 0


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """`advice` and `problems` are `file:line:column: sentence`, as `nines check` prints them.

    `is_current`: the files hold what is gone by. `why_not_saved`: why /start cannot add to them.
    """

    path: str
    files: tuple[FileFacts, ...]
    is_current: bool
    loaded_at: datetime | None
    reload: ReloadFacts | None  # None: none since the start
    advice: tuple[str, ...]
    counts: CountFacts
    listen: str
    external_url: str
    database: str  # its kind
    bucket: str
    detail: str
    sums: str
    interval: str
    timeout: str
    window: str
    zone: str  # in which reports begin their days
    anonymous: str  # what may be done without signing in, once there are users
    single_sign_on: bool
    why_not_saved: str | None


NOTHING_TOLD = OwnSettings(
    path="",
    files=(),
    is_current=True,
    loaded_at=None,
    reload=None,
    advice=(),
    counts=CountFacts(),
    listen="",
    external_url="",
    database="",
    bucket="",
    detail="",
    sums="",
    interval="",
    timeout="",
    window="",
    zone="UTC",
    anonymous="none",
    single_sign_on=False,
    why_not_saved="this process was started without a configuration file",
)


@dataclass(frozen=True, slots=True)
class Library:
    """One that the pages are made with. `text` is where that of its licence stands."""

    name: str
    version: str
    licence: str
    text: str


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file, its hash short and whole."""

    path: str
    short: str
    whole: str
    size: str


@dataclass(frozen=True, slots=True)
class NameRow:
    """A receiver or collector: where it is told of, its kind, and what is to be said of it."""

    name: str
    url: str
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class SettingsView:
    """The page. `state` says how configuration and files stand to each other; `tone` is good,
    bad or plain.
    """

    path: str
    state: str
    tone: str
    problems: tuple[str, ...]
    advice: tuple[str, ...]
    files: tuple[FileRow, ...]
    loaded: Moment | None
    reloaded: Moment | None
    watched: str
    facts: tuple[tuple[str, str], ...]
    kept: tuple[tuple[str, str], ...]
    receivers: tuple[NameRow, ...]
    collectors: tuple[NameRow, ...]
    collectors_total: int
    libraries: tuple[Library, ...]
    who: str
    why_not_saved: str | None
    zone: str
    version: str


def settings_view(
    own: OwnSettings,
    *,
    receivers: Sequence[ReceiverStanding],
    collectors: Sequence[CollectorHealth],
    health: SystemHealth,
    libraries: Sequence[Library],
    now: datetime,
) -> SettingsView:
    """Arrange it."""
    state, tone = _state(own)
    loaded = own.loaded_at
    return SettingsView(
        path=own.path,
        state=state,
        tone=tone,
        problems=own.reload.problems if own.reload is not None else (),
        advice=own.advice,
        files=tuple(
            FileRow(one.path, one.sha256[:_SHOWN_OF_HASH], one.sha256, size(one.bytes))
            for one in own.files
        ),
        loaded=write.moment(loaded, now) if loaded is not None else None,
        reloaded=write.moment(own.reload.at, now) if own.reload is not None else None,
        watched=_watched(own.counts),
        facts=(
            ("Listens on", own.listen),
            ("Reached at", own.external_url),
            ("Database", _database(own, health)),
            ("Step of counting", own.bucket),
            ("A collector looks every", f"{own.interval}, and gives up after {own.timeout}"),
            ("Window of an SLO", own.window),
        ),
        kept=(
            ("Counts by step", own.detail),
            ("Sums of five minutes, incidents, the audit log", own.sums),
        ),
        receivers=tuple(
            NameRow(row.name, "/receivers", row.kind, row.word)
            for row in receiver_rows(receivers, now)
        ),
        collectors=tuple(
            NameRow(
                one.id,
                links.service_url(one.id.partition("/")[0]),
                one.kind,
                one.last.warning,
            )
            for one in collectors
            if one.last is not None and one.last.warning
        ),
        collectors_total=len(collectors),
        libraries=tuple(libraries),
        who=_who(own),
        why_not_saved=own.why_not_saved,
        zone=own.zone,
        version=health.version,
    )


def size(count: int) -> str:
    """Bytes for people: `312 bytes`, `4.2 MiB`."""
    for unit, name in _UNITS:
        if count >= unit:
            return f"{count / unit:.1f}{write.NBSP}{name}"
    return write.plural(count, "byte")


def _state(own: OwnSettings) -> tuple[str, str]:
    refused = own.reload is not None and not own.reload.ok
    if refused:
        return "The last reload was refused: what was loaded before goes on.", "bad"
    if not own.files:
        return "There is no file yet: nothing is configured.", "plain"
    if not own.is_current:
        return "The files have changed since: they are taken up within seconds.", "plain"
    return "Nines goes by what the files hold.", "good"


def _watched(counts: CountFacts) -> str:
    parts = [
        write.plural(number, word)
        for number, word in (
            (counts.services, "service"),
            (counts.slos, "SLO"),
            (counts.alerts, "threshold rule"),
            (counts.collectors, "collector"),
            (counts.receivers, "receiver"),
        )
    ]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _database(own: OwnSettings, health: SystemHealth) -> str:
    if health.storage_bytes is None:
        return f"{own.database}, not measured yet"
    return f"{own.database}, {size(health.storage_bytes)}"


def _who(own: OwnSettings) -> str:
    reads = "may read" if own.anonymous == "viewer" else "may do nothing"
    ways = "a password or single sign-on" if own.single_sign_on else "a password"
    return f"Users sign in by {ways}. As soon as there is one, whoever has not signed in {reads}."
