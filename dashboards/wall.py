"""The wallboard: everything on one screen, read from across a room. Pure; it fits 1920 x 1080."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dashboards import format as write
from dashboards import learning, states
from dashboards.frame import problems as problems_of
from dashboards.slo_row import HOUR
from dashboards.source import ServiceCard, SystemHealth
from slo.status import SLOStatus

MOST_TILES = 48
# Columns and rows, for so many tiles at most: the tiles' size follows their count.
GRIDS = (
    (1, 1), (2, 1), (2, 2), (3, 2), (3, 3), (4, 3), (4, 4), (5, 4), (6, 4), (6, 5), (7, 5), (7, 6),
    (8, 6),
)  # fmt: skip
SLOS, SERVICES = "slos", "services"
THEMES = ("light", "dark")
_TONES = {
    states.BURNING_FAST: "fast",
    states.BURNING: "slow",
    states.FAILING: "fast",
    states.EXHAUSTED: "spent",
    states.STALE: "blind",
    states.NO_DATA: "blind",
    states.AT_RISK: "risk",
    states.RECOVERING: "risk",
    states.LEARNING: "blind",
    states.HEALTHY: "good",
}


class NoSuchViewError(ValueError):
    """A view of what is not there; in a sentence."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the grid. `key` is the state's shape; `figure` is large, `note` beside it."""

    key: str
    tone: str
    word: str
    name: str
    above: str
    figure: str
    note: str


@dataclass(frozen=True, slots=True)
class WallView:
    """One screen. `evaluated`: when the numbers were made, for the age that is shown."""

    title: str
    sentence: str
    tone: str
    columns: int
    rows: int
    tiles: tuple[Tile, ...]
    evaluated: str | None
    now: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WallPage:
    """The page around it: which views follow one another, and how fast; 0: it stays."""

    view: WallView
    views: str
    cycle: int
    zone: str
    clock: str
    theme: str | None


def wall(
    view: str,
    statuses: Sequence[SLOStatus],
    cards: Sequence[ServiceCard],
    health: SystemHealth,
    now: datetime,
) -> WallView:
    """One view: `slos`, `services`, `owner:NAME` or `service:NAME`. Raises NoSuchViewError."""
    by_name = {card.name: card for card in cards}
    kind, _, name = view.partition(":")
    shown = list(statuses)
    title = "All SLOs"
    match kind, bool(name):
        case ("owner", True):
            shown = [s for s in statuses if _owner(by_name, s) == name]
            title = name
        case ("service", True):
            shown = [s for s in statuses if s.slo.service == name]
            title = by_name[name].title if name in by_name else name
        case ("slos" | "services", False):
            title = "All SLOs" if kind == SLOS else "All services"
        case _:
            raise NoSuchViewError(
                f"There is no view {view[:100]!r}: write slos, services, owner:NAME or "
                "service:NAME."
            )
    if name and not shown:
        raise NoSuchViewError(f"There is no SLO for {view[:100]!r}.")
    tiles = _services(shown, by_name) if kind == SERVICES else _slos(shown, by_name)
    columns, rows = grid(len(tiles))
    worst = states.worst_first(shown)[0] if shown else None
    return WallView(
        title=title,
        sentence=sentence(shown),
        tone="blind" if worst is None else _TONES[states.marks(worst)[0]],
        columns=columns,
        rows=rows,
        tiles=tuple(tiles),
        evaluated=None
        if health.last_evaluation is None
        else health.last_evaluation.isoformat(timespec="seconds"),
        now=now.isoformat(timespec="milliseconds"),
        problems=problems_of(health, bool(statuses), now),
    )


def grid(count: int) -> tuple[int, int]:
    """The fewest columns and rows that hold so many tiles."""
    return next((one for one in GRIDS if one[0] * one[1] >= count), GRIDS[-1])


def sentence(statuses: Iterable[SLOStatus]) -> str:
    """How many are in which state, the worst first: `2 burning fast, 214 healthy`."""
    census = states.census(statuses)
    told = [
        f"{write.count(census[mark])} {mark.word.lower()}" for mark in states.MARKS if census[mark]
    ]
    return ", ".join(told) or "No SLOs yet"


def _slos(statuses: Sequence[SLOStatus], cards: Mapping[str, ServiceCard]) -> list[Tile]:
    ordered = states.worst_first(statuses)
    if len(ordered) <= MOST_TILES:
        return [_slo(one, cards) for one in ordered]
    calm = [one for one in ordered if states.marks(one)[0] not in states.ATTENTION]
    restless = [one for one in ordered if states.marks(one)[0] in states.ATTENTION]
    return _with_rest([_slo(one, cards) for one in restless], _calm(calm))


def _with_rest(restless: list[Tile], calm: list[Tile]) -> list[Tile]:
    """Those that want a look, as many as there is room for, and the others in a tile or two."""
    room = MOST_TILES - len(calm)
    if len(restless) > room:
        more = len(restless) - room + 1
        restless = [
            *restless[: room - 1],
            Tile("burning", "slow", "More", "", "", f"+{write.count(more)}", "want a look, too"),
        ]
    return [*restless, *calm]


def _calm(statuses: Iterable[SLOStatus]) -> list[Tile]:
    """One tile for all that are healthy, and one for those that are learning."""
    census = states.census(statuses)
    return [
        Tile(
            mark.key, _TONES[mark], mark.word, "", "", write.count(census[mark]), mark.word.lower()
        )
        for mark in (states.LEARNING, states.HEALTHY)
        if census[mark]
    ]


def _slo(status: SLOStatus, cards: Mapping[str, ServiceCard]) -> Tile:
    mark = states.marks(status)[0]
    card, burn = cards.get(status.slo.service), status.burn(HOUR)
    burns = mark in (states.BURNING_FAST, states.BURNING, states.RECOVERING) and burn is not None
    return Tile(
        mark.key,
        _TONES[mark],
        mark.word,
        status.slo.key,
        card.title if card is not None else status.slo.service,
        learning.budget(status),
        f"burning {write.burn(burn.rate)}" if burns and burn is not None else "budget left",
    )


def _services(statuses: Sequence[SLOStatus], cards: Mapping[str, ServiceCard]) -> list[Tile]:
    by_service: dict[str, list[SLOStatus]] = {}
    for one in statuses:
        by_service.setdefault(one.slo.service, []).append(one)
    worst = states.worst_first(states.worst_first(own)[0] for own in by_service.values())
    ordered = [by_service[one.slo.service] for one in worst]
    if len(ordered) <= MOST_TILES:
        return [_service(own, cards) for own in ordered]
    calm = [own for own in ordered if _mark(own) not in states.ATTENTION]
    restless = [own for own in ordered if _mark(own) in states.ATTENTION]
    rest = Counter(_mark(own) for own in calm)
    tiles = [
        Tile(mark.key, _TONES[mark], mark.word, "", "", write.count(rest[mark]), mark.word.lower())
        for mark in (states.LEARNING, states.HEALTHY)
        if rest[mark]
    ]
    return _with_rest([_service(own, cards) for own in restless], tiles)


def _mark(statuses: Sequence[SLOStatus]) -> states.Mark:
    return states.marks(states.worst_first(statuses)[0])[0]


def _service(statuses: Sequence[SLOStatus], cards: Mapping[str, ServiceCard]) -> Tile:
    mark, census = _mark(statuses), states.census(statuses)
    card = cards.get(statuses[0].slo.service)
    return Tile(
        mark.key,
        _TONES[mark],
        mark.word,
        card.title if card is not None else statuses[0].slo.service,
        (card.owner or "") if card is not None else "",
        f"{census[mark]} of {len(statuses)}",
        mark.word.lower(),
    )


def _owner(cards: Mapping[str, ServiceCard], status: SLOStatus) -> str | None:
    card = cards.get(status.slo.service)
    return card.owner if card is not None else None


def wall_page(
    view: WallView, views: Sequence[str], cycle: int, zone: ZoneInfo, theme: str, now: datetime
) -> WallPage:
    """The page; `theme` empty: as the system wishes."""
    return WallPage(
        view,
        ",".join(views),
        cycle,
        zone.key,
        f"{now.astimezone(zone):%H:%M}",
        theme if theme in THEMES else None,
    )
