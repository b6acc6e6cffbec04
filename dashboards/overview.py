"""The overview: does anybody need to do anything?"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from heapq import nsmallest

from alerting.incident import Incident, IncidentState
from alerting.routes import join
from dashboards import format as write
from dashboards import links, slo_row, states
from dashboards.flow import FlowOf, flow_of
from dashboards.format import Moment
from dashboards.glance import Glance, Roll
from dashboards.incident_page import IncidentRow, incident_rows
from dashboards.rule_row import RuleRow, firing, rule_rows
from dashboards.slo_row import SLORow
from dashboards.source import ServiceCard, SystemHealth
from dashboards.states import Mark
from slo.alert_state import AlertState
from slo.rule_status import RuleStatus
from slo.severity import Severity
from slo.status import SLOStatus
from slo.units import format_duration

MOST_ROWS = 12
MOST_TILES = 120
_TIGHTEST = 5
_NAMED = 3
_FIRST_DATA_WITHIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Chip:
    """How many SLOs bear a mark; a click lists them."""

    mark: Mark
    count: int
    url: str


@dataclass(frozen=True, slots=True)
class Loss:
    """An SLO and what it has lately lost of its budget."""

    name: str
    service: str
    url: str
    lost: str
    left: str


@dataclass(frozen=True, slots=True)
class Tile:
    """A service at a glance."""

    topic: str
    name: str
    title: str
    url: str
    mark: Mark | None  # the worst of its SLOs; None without any
    words: str


@dataclass(frozen=True, slots=True)
class OverviewView:
    """Everything the overview prints. `tone`: act, today, watch or calm."""

    tone: str
    sentence: str
    detail: str
    evaluated: Moment | None
    chips: tuple[Chip, ...]
    attention: tuple[SLORow, ...]
    attention_more: str | None
    attention_url: str
    untaken: tuple[IncidentRow, ...]  # pages that no SLO or threshold above stands for
    crossed: tuple[RuleRow, ...]
    tightest: tuple[SLORow, ...]
    losses: tuple[Loss, ...]
    losses_period: str
    tiles: tuple[Tile, ...]
    tiles_more: str | None  # services without a tile
    incidents: tuple[IncidentRow, ...]


def overview(
    *,
    services: Sequence[ServiceCard],
    roll: Roll,
    judged: Callable[[Glance], SLOStatus | None],
    rules: Sequence[RuleStatus] = (),
    alert_states: Callable[[str], Mapping[str, AlertState]],
    incidents: Sequence[Incident],
    slos: Mapping[str, Sequence[str]],
    health: SystemHealth,
    now: datetime,
    flows: FlowOf | None = None,
) -> OverviewView:
    """The page at `now`: the newest `incidents`, `slos` by incident, `alert_states` by SLO id.

    `judged` tells all about one of the `roll`, None where it is gone; asked of those shown alone.
    """
    census = roll.census
    needing = roll.needing
    open_ = slo_row.open_incidents(incidents, slos)
    cards = {card.name: card for card in services}
    flow = flows or (lambda status: flow_of(status, None, now))

    def row(status: SLOStatus) -> SLORow:
        service = status.slo.service
        return slo_row.slo_row(
            status,
            card=cards.get(service),
            alert_states=alert_states(status.slo.id),
            incident=open_.get(status.slo.id),
            now=now,
            flow=flow(status),
        )

    def told(some: Iterable[Glance]) -> list[SLOStatus]:
        return [status for one in some if (status := judged(one)) is not None]

    crossed = firing(rules)
    listed = {one.id for one in needing}
    listed |= {f"{one.rule.service}/{one.rule.name}" for one in crossed}
    alone = untaken(incidents, slos, listed)
    loud = louder(tone(census), crossed)
    more = len(needing) - MOST_ROWS
    calm = not needing
    tiled = [(card, roll.by_service.get(card.name, ())) for card in services]
    if len(tiled) > MOST_TILES:  # those that a person should look at come first
        tiled = sorted(tiled, key=_by_worst)[:MOST_TILES]
    lookback, losing = biggest_losses(roll) if calm else (None, ())
    tight = told(tightest(roll)) if calm else []
    shown = told(needing[:MOST_ROWS])
    return OverviewView(
        tone="act" if alone else loud,
        sentence=with_untaken(
            answer(
                sentence(census, len(roll), waiting=waiting(roll, health, now)),
                tone(census),
                crossed,
            ),
            loud,
            alone,
        ),
        detail=detail(
            tight[0] if calm and tight else next(iter(shown), None),
            calm=calm,
            alone=len(needing) == 1,
            now=now,
            flow=flow,
        ),
        evaluated=write.moment(health.last_evaluation, now) if health.last_evaluation else None,
        chips=tuple(
            Chip(each, census[each], links.with_query("/slos", state=each.key))
            for each in states.MARKS
            if census[each]
        ),
        attention=_say_once(map(row, shown)),
        attention_more=f"{more} more" if more > 0 else None,
        attention_url="/slos",
        untaken=incident_rows(alone, slos, now)[:MOST_ROWS],
        crossed=rule_rows(crossed, now)[:MOST_ROWS],
        tightest=tuple(map(row, tight)),
        losses=tuple(loss(status, lookback) for status in told(losing)) if lookback else (),
        losses_period=format_duration(lookback) if lookback else "",
        tiles=tuple(tile(card, own) for card, own in tiled),
        tiles_more=f"{len(services) - len(tiled)} more" if len(services) > len(tiled) else None,
        incidents=incident_rows(incidents, slos, now),
    )


def tone(census: Counter[Mark]) -> str:
    """How loud the page is."""
    if census[states.BURNING_FAST]:
        return "act"
    if census[states.BURNING] or census[states.FAILING] or census[states.EXHAUSTED]:
        return "today"
    if any(census[mark] for mark in states.ATTENTION):
        return "watch"
    return "calm"


_TONES = ("act", "today", "watch", "calm")  # the loudest first
_TONE_OF = {Severity.PAGE: "act", Severity.TICKET: "today"}


def louder(tone: str, crossed: Sequence[RuleStatus]) -> str:
    """The tone of the page where thresholds are crossed too; the loudest comes first."""
    other = _TONE_OF.get(crossed[0].rule.severity, "calm") if crossed else "calm"
    return min(tone, other, key=_TONES.index)


def answer(said: str, tone: str, crossed: Sequence[RuleStatus]) -> str:
    """The answer where thresholds are crossed too: theirs, where they are the louder ones."""
    now = louder(tone, crossed)
    if now == tone:
        return said
    urged = {"act": "Act now", "today": "Look today"}[now]
    severity = crossed[0].rule.severity
    count = sum(one.rule.severity is severity for one in crossed)
    return f"{urged}: {write.plural(count, 'threshold is', 'thresholds are')} crossed."


def untaken(
    incidents: Iterable[Incident], slos: Mapping[str, Sequence[str]], listed: Container[str]
) -> list[Incident]:
    """Pages that nobody acknowledged and that nothing `listed` (`service/name`) stands for."""
    return [
        one
        for one in incidents
        if one.state is IncidentState.TRIGGERED
        and one.worst is Severity.PAGE
        and not any(f"{one.service}/{name}" in listed for name in slos.get(one.id, ()))
    ]


def with_untaken(said: str, tone: str, alone: Sequence[Incident]) -> str:
    """The answer where such pages are open too."""
    if not alone:
        return said
    places = list(dict.fromkeys(one.service for one in alone))
    named = join(places[:_NAMED] + (["others"] if len(places) > _NAMED else []))
    pages = "the page" if len(alone) == 1 else f"{write.count(len(alone))} pages"
    words = f"nobody has taken {pages} of {named}"
    return f"{said.rstrip('.')}; {words}." if tone == "act" else f"Act now: {words}."


def waiting(roll: Iterable[Glance], health: SystemHealth, now: datetime) -> bool:
    """Has Nines only just begun, so that nothing could have come from those that say nothing?"""
    return now - health.started_at < _FIRST_DATA_WITHIN and all(
        not one.heard for one in roll if one.marks[0] in (states.STALE, states.NO_DATA)
    )


def sentence(census: Counter[Mark], total: int, *, waiting: bool = False) -> str:
    """The answer, in one sentence. `waiting`: data can hardly have come yet."""
    fast, slow, spent = (
        census[mark] for mark in (states.BURNING_FAST, states.BURNING, states.EXHAUSTED)
    )
    blind = census[states.STALE] + census[states.NO_DATA]
    if not total:
        return "Nothing is watched yet."
    if fast:
        return f"Act now: {write.plural(fast, 'SLO is', 'SLOs are')} burning fast."
    if slow:
        return f"Look today: {write.plural(slow, 'SLO is', 'SLOs are')} burning."
    if failing := census[states.FAILING]:
        return (
            f"Look now: {write.plural(failing, 'SLO is', 'SLOs are')} failing; it is too early "
            "for a rule to say more."
        )
    if spent:
        return (
            f"Nothing burns, but {write.plural(spent, 'budget is', 'budgets are')} spent: "
            "go easy on changes."
        )
    if blind and waiting:
        return f"Waiting for the first data of {write.plural(blind, 'SLO')}."
    if blind:
        return f"Look at the data: {write.plural(blind, 'SLO', 'SLOs')} cannot be judged."
    if census[states.AT_RISK] or census[states.RECOVERING]:
        watched = census[states.AT_RISK] + census[states.RECOVERING]
        return f"Nothing to do now; {write.plural(watched, 'SLO wants', 'SLOs want')} watching."
    if census[states.LEARNING]:
        return "Nothing to do: nothing burns, and some SLOs are still learning."
    if total == 1:
        return "Nothing to do: the one SLO is healthy."
    return f"Nothing to do: all {write.count(total)} SLOs are healthy."


def detail(first: SLOStatus | None, *, calm: bool, alone: bool, now: datetime, flow: FlowOf) -> str:
    """What stands behind the answer: the worst SLO, or on a calm day the tightest budget."""
    if first is None:
        return ""
    if calm:
        left = write.budget(first.budget.remaining if first.budget else None)
        return f"The tightest budget is that of {first.slo.id}: {left} is left."
    lead = "" if alone else "First: "
    outlook = slo_row.forecast(first, now)
    budget = {"lasts": "its budget lasts", "spent": "its budget is spent", "not known": ""}
    rest = budget.get(outlook, f"its budget {outlook}")
    why = slo_row.why(first, flow(first))
    return f"{lead}{first.slo.id}, {why}{'; ' if rest else ''}{rest}."


def _say_once(rows: Iterable[SLORow]) -> tuple[SLORow, ...]:
    """Each incident's button and each service's runbook at its first row only."""
    said: set[str] = set()
    found = []
    for row in rows:
        incident = row.incident
        if incident and incident.url in said:
            incident = replace(incident, acknowledge_url=None)
        runbook = None if row.service in said else row.runbook
        said |= {row.service} | ({incident.url} if incident else set())
        found.append(replace(row, incident=incident, runbook=runbook))
    return tuple(found)


@lru_cache(maxsize=1)
def tightest(roll: Roll) -> list[Glance]:
    """The SLOs with the least budget left, of those whose budget says something."""
    known = ((one.remaining, one.id, one) for one in roll if not one.learns)
    least = nsmallest(
        _TIGHTEST, ((left, name, one) for left, name, one in known if left is not None), key=_first
    )
    return [one for _, _, one in least]


@lru_cache(maxsize=1)
def biggest_losses(roll: Roll) -> tuple[timedelta | None, Sequence[Glance]]:
    """The longest stretch that all look back over, and who lost most of its budget within it."""
    known = [one for one in roll if not one.learns and one.remaining is not None]
    kept = {one.lookbacks for one in known}
    if not kept or not (common := set.intersection(*map(set, kept))):
        return None, ()
    lookback = max(common)
    found = [(-lost, one.id, one) for one in known if (lost := one.cost(lookback))]
    return lookback, [one for _, _, one in nsmallest(_TIGHTEST, found, key=_first)]


def loss(status: SLOStatus, lookback: timedelta) -> Loss:
    """What an SLO lost of its budget within this stretch."""
    burn, budget = status.burn(lookback), status.budget
    lost = Fraction(burn.cost) / budget.allowed if burn and budget else None
    return Loss(
        name=status.slo.name,
        service=status.slo.service,
        url=links.slo_url(status.slo.id),
        lost=write.share(lost),
        left=write.budget(budget.remaining if budget else None),
    )


def _first(ranked: tuple[float, str, Glance]) -> tuple[float, str]:
    return ranked[:2]


def _by_worst(pair: tuple[ServiceCard, Sequence[Glance]]) -> tuple[bool, int, str]:
    card, own = pair
    return not own, own[0].weight[0] if own else 0, card.name


def tile(card: ServiceCard, own: Sequence[Glance]) -> Tile:
    """One service: its worst state and how many of its SLOs, worst first, share it."""
    worst = own[0].marks[0] if own else None
    alike = sum(one.marks[0] is worst for one in own)
    if worst is None:
        words = "no SLOs"
    elif alike == len(own):
        words = f"{write.plural(len(own), 'SLO')}, {'all ' if len(own) > 1 else ''}" + (
            worst.word.lower()
        )
    else:
        words = f"{alike} of {write.plural(len(own), 'SLO')} {worst.word.lower()}"
    return Tile(
        topic=card.name,
        name=card.name,
        title=card.title,
        url=links.service_url(card.name),
        mark=worst,
        words=words,
    )
