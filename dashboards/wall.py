"""The wallboard: everything on one screen, read from across a room. Pure; it fits 1920 x 1080."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dashboards import format as write
from dashboards import learning, states
from dashboards.frame import problems as problems_of
from dashboards.glance import Glance, Roll, census
from dashboards.slo_row import HOUR
from dashboards.source import ServiceCard, SystemHealth

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
    roll: Roll,
    cards: Sequence[ServiceCard],
    health: SystemHealth,
    now: datetime,
) -> WallView:
    """One view: `slos`, `services`, `owner:NAME` or `service:NAME`. Raises NoSuchViewError."""
    by_name = {card.name: card for card in cards}
    kind, _, name = view.partition(":")
    shown: Sequence[Glance] = roll.worst_first
    match kind, bool(name):
        case ("owner", True):
            shown = [one for one in shown if _owner(by_name, one) == name]
            title = name
        case ("service", True):
            shown = roll.by_service.get(name, ())
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
    return WallView(
        title=title,
        sentence=sentence(shown),
        tone=_TONES[shown[0].marks[0]] if shown else "blind",
        columns=columns,
        rows=rows,
        tiles=tuple(tiles),
        evaluated=None
        if health.last_evaluation is None
        else health.last_evaluation.isoformat(timespec="seconds"),
        now=now.isoformat(timespec="milliseconds"),
        problems=problems_of(health, bool(len(roll)), now),
    )


def grid(count: int) -> tuple[int, int]:
    """The fewest columns and rows that hold so many tiles."""
    return next((one for one in GRIDS if one[0] * one[1] >= count), GRIDS[-1])


def sentence(shown: Iterable[Glance]) -> str:
    """How many are in which state, the worst first: `2 burning fast, 214 healthy`."""
    found = census(shown)
    told = [
        f"{write.count(found[mark])} {mark.word.lower()}" for mark in states.MARKS if found[mark]
    ]
    return ", ".join(told) or "No SLOs yet"


def _slos(ordered: Sequence[Glance], cards: Mapping[str, ServiceCard]) -> list[Tile]:
    if len(ordered) <= MOST_TILES:
        return [_slo(one, cards) for one in ordered]
    calm = [one for one in ordered if one.marks[0] not in states.ATTENTION]
    restless = [one for one in ordered if one.marks[0] in states.ATTENTION]
    return _with_rest([_slo(one, cards) for one in restless], _calm(one.marks[0] for one in calm))


def _with_rest(restless: list[Tile], calm: list[Tile]) -> list[Tile]:
    """Those that want a look, as many as there is room for, and the others in a tile or two."""
    room = MOST_TILES - len(calm)
    if len(restless) > room:
        more = len(restless) - room + 1
        restless = [
            *restless[: room - 1],
            Tile(
                states.BURNING.key,
                _TONES[states.BURNING],
                "More",
                "",
                "",
                f"+{write.count(more)}",
                "want a look, too",
            ),
        ]
    return [*restless, *calm]


def _calm(found: Iterable[states.Mark]) -> list[Tile]:
    """One tile for all that are healthy, and one for those that are learning."""
    counted = Counter(found)
    return [
        Tile(
            mark.key, _TONES[mark], mark.word, "", "", write.count(counted[mark]), mark.word.lower()
        )
        for mark in (states.LEARNING, states.HEALTHY)
        if counted[mark]
    ]


def _slo(one: Glance, cards: Mapping[str, ServiceCard]) -> Tile:
    mark, rate = one.marks[0], one.rate(HOUR)
    card = cards.get(one.slo.service)
    burns = mark in (states.BURNING_FAST, states.BURNING, states.RECOVERING)
    words = "" if one.learns else "left"
    return Tile(
        mark.key,
        _TONES[mark],
        mark.word,
        one.slo.key,
        card.title if card is not None else one.slo.service,
        learning.WORD if one.learns else write.budget(one.remaining),
        f"burning {write.burn(rate)}" if burns and rate else words,
    )


def _services(found: Sequence[Glance], cards: Mapping[str, ServiceCard]) -> list[Tile]:
    by_service: dict[str, list[Glance]] = {}
    for one in found:  # the worst first, and so are the services, each by its worst
        by_service.setdefault(one.slo.service, []).append(one)
    ordered = list(by_service.values())
    if len(ordered) <= MOST_TILES:
        return [_service(own, cards) for own in ordered]
    calm = [own for own in ordered if _mark(own) not in states.ATTENTION]
    restless = [own for own in ordered if _mark(own) in states.ATTENTION]
    return _with_rest([_service(own, cards) for own in restless], _calm(map(_mark, calm)))


def _mark(own: Sequence[Glance]) -> states.Mark:
    return own[0].marks[0]


def _service(own: Sequence[Glance], cards: Mapping[str, ServiceCard]) -> Tile:
    mark, counted = _mark(own), census(own)
    card = cards.get(own[0].slo.service)
    return Tile(
        mark.key,
        _TONES[mark],
        mark.word,
        card.title if card is not None else own[0].slo.service,
        (card.owner or "") if card is not None else "",
        f"{counted[mark]} of {len(own)}",
        mark.word.lower(),
    )


def _owner(cards: Mapping[str, ServiceCard], one: Glance) -> str | None:
    card = cards.get(one.slo.service)
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
