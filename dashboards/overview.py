"""The overview: does anybody need to do anything?"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction

from alerting.incident import Incident, IncidentState
from alerting.routes import join
from dashboards import format as write
from dashboards import learning, links, slo_row, states
from dashboards.flow import FlowOf, flow_of
from dashboards.format import Moment
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
    incidents: tuple[IncidentRow, ...]


def overview(
    *,
    services: Sequence[ServiceCard],
    statuses: Sequence[SLOStatus],
    rules: Sequence[RuleStatus] = (),
    alert_states: Mapping[str, Mapping[str, AlertState]],
    incidents: Sequence[Incident],
    slos: Mapping[str, Sequence[str]],
    health: SystemHealth,
    now: datetime,
    flows: FlowOf | None = None,
) -> OverviewView:
    """The page at `now`: the newest `incidents`, `slos` by incident, `alert_states` by SLO id."""
    census = states.census(statuses)
    ordered = states.worst_first(statuses)
    needing = [status for status in ordered if states.ATTENTION & set(states.marks(status))]
    open_ = slo_row.open_incidents(incidents, slos)
    cards = {card.name: card for card in services}
    flow = flows or (lambda status: flow_of(status, None, now))

    def row(status: SLOStatus) -> SLORow:
        service = status.slo.service
        return slo_row.slo_row(
            status,
            card=cards.get(service),
            alert_states=alert_states.get(status.slo.id, {}),
            incident=open_.get(status.slo.id),
            now=now,
            flow=flow(status),
        )

    crossed = firing(rules)
    listed = {status.slo.id for status in needing}
    listed |= {f"{one.rule.service}/{one.rule.name}" for one in crossed}
    alone = untaken(incidents, slos, listed)
    loud = louder(tone(census), crossed)
    more = len(needing) - MOST_ROWS
    calm = not needing
    period, losses = biggest_losses(statuses) if calm else ("", ())
    return OverviewView(
        tone="act" if alone else loud,
        sentence=with_untaken(
            answer(
                sentence(census, len(statuses), waiting=waiting(statuses, health, now)),
                tone(census),
                crossed,
            ),
            loud,
            alone,
        ),
        detail=detail(needing or tightest(statuses)[:1], calm=not needing, now=now, flow=flow),
        evaluated=write.moment(health.last_evaluation, now) if health.last_evaluation else None,
        chips=tuple(
            Chip(each, census[each], links.with_query("/slos", state=each.key))
            for each in states.MARKS
            if census[each]
        ),
        attention=_say_once(row(status) for status in needing[:MOST_ROWS]),
        attention_more=f"{more} more" if more > 0 else None,
        attention_url="/slos",
        untaken=incident_rows(alone, slos, now)[:MOST_ROWS],
        crossed=rule_rows(crossed, now)[:MOST_ROWS],
        tightest=tuple(row(status) for status in tightest(statuses)) if calm else (),
        losses=losses,
        losses_period=period,
        tiles=tuple(tile(card, statuses) for card in services),
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


def waiting(statuses: Sequence[SLOStatus], health: SystemHealth, now: datetime) -> bool:
    """Has Nines only just begun, so that nothing could have come from those that say nothing?"""
    return now - health.started_at < _FIRST_DATA_WITHIN and all(
        status.last_observation is None
        for status in statuses
        if states.marks(status)[0] in (states.STALE, states.NO_DATA)
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


def detail(ordered: Sequence[SLOStatus], *, calm: bool, now: datetime, flow: FlowOf) -> str:
    """What stands behind the answer: the worst SLO, or on a calm day the tightest budget."""
    if not ordered:
        return ""
    first = ordered[0]
    if calm:
        left = write.budget(first.budget.remaining if first.budget else None)
        return f"The tightest budget is that of {first.slo.id}: {left} is left."
    lead = "" if len(ordered) == 1 else "First: "
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


def tightest(statuses: Sequence[SLOStatus]) -> list[SLOStatus]:
    """The SLOs with the least budget left, of those whose budget says something."""
    known = [
        (status.budget.remaining, status)
        for status in statuses
        if status.budget and not learning.learns(status)
    ]
    known.sort(key=lambda pair: (pair[0], pair[1].slo.id))
    return [status for _, status in known[:_TIGHTEST]]


def biggest_losses(statuses: Sequence[SLOStatus]) -> tuple[str, tuple[Loss, ...]]:
    """Who lost most of its budget within the longest stretch that every status keeps."""
    statuses = [status for status in statuses if not learning.learns(status)]
    kept = [{burn.lookback for burn in status.burns} for status in statuses if status.budget]
    if not kept or not (common := set.intersection(*kept)):
        return "", ()
    lookback = max(common)
    found: list[tuple[Fraction, SLOStatus]] = []
    for status in statuses:
        burn = status.burn(lookback)
        if burn is not None and status.budget and burn.cost:
            found.append((burn.cost / status.budget.allowed, status))
    found.sort(key=lambda pair: (-pair[0], pair[1].slo.id))
    return format_duration(lookback), tuple(
        Loss(
            name=status.slo.name,
            service=status.slo.service,
            url=links.slo_url(status.slo.id),
            lost=write.share(lost),
            left=write.budget(status.budget.remaining if status.budget else None),
        )
        for lost, status in found[:_TIGHTEST]
    )


def tile(card: ServiceCard, statuses: Sequence[SLOStatus]) -> Tile:
    """One service: its worst state and how many SLOs share it."""
    own = states.worst_first(status for status in statuses if status.slo.service == card.name)
    census = states.census(own)
    worst = states.marks(own[0])[0] if own else None
    if worst is None:
        words = "no SLOs"
    elif census[worst] == len(own):
        words = f"{write.plural(len(own), 'SLO')}, {'all ' if len(own) > 1 else ''}" + (
            worst.word.lower()
        )
    else:
        words = f"{census[worst]} of {write.plural(len(own), 'SLO')} {worst.word.lower()}"
    return Tile(
        topic=card.name,
        name=card.name,
        title=card.title,
        url=links.service_url(card.name),
        mark=worst,
        words=words,
    )
