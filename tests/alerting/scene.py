"""A service, its routes and its rules, so that a test reads like the night it tells of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

from alerting.alert import AlertChange, AlertKind, Facts
from alerting.context import Context
from alerting.desk import acknowledge, decide, review
from alerting.flapping import Recent
from alerting.incident import Incident
from alerting.inhibition import Inhibition, Source
from alerting.notification import Notification
from alerting.routes import Route
from alerting.rules import Rules
from alerting.service import Service
from alerting.store import Decision, IncidentFile
from alerting.suppressor import Suppressor, SuppressorKind
from slo.selector import parse_matchers
from slo.severity import Severity
from tests.fakes.alert_store import MemoryAlertStore
from tests.fakes.clock import FakeClock

PAGE, TICKET, INFO = Severity.PAGE, Severity.TICKET, Severity.INFO
FACTS = Facts(
    headline="burning 14.6x, 12 % of the 30d budget left (5 min 21 s)",
    reason="both windows burn faster than 14.4x",
    objective="99.9",
    window="30d",
    long="1h",
    short="5m",
    factor=14.4,
    burn_long=14.6,
    burn_short=15.23,
    bad=230,
    total=15_753,
    long_spent_ratio=0.0203,
    budget_left_ratio=0.124,
    budget_left_seconds=321.4,
)
ENDED = replace(FACTS, headline="burning 0.4x", reason="the short window burns at 0.4x")

ROUTES = Route(
    receivers=("mail",),
    routes=(
        Route(parse_matchers('severity="page"'), ("oncall", "sre")),
        Route(parse_matchers('severity="ticket"'), ("sre",)),
    ),
)
SHOP = Service("shop", "Shop", "pets", "https://runbooks.example/shop", {"env": "prod"})


def rule(slo: str, severity: Severity = PAGE, service: str = "shop", pair: str = "1h:5m") -> str:
    return f"{service}/{slo}#{severity}:{pair}"


def silence(
    matchers: str, id_: str = "S1", until: datetime | None = None
) -> Callable[[Mapping[str, str]], tuple[Suppressor, ...]]:
    """One silence that holds for labels that meet the matchers."""
    wanted = parse_matchers(matchers)
    one = Suppressor(SuppressorKind.SILENCE, id_, "deploy, by ann", until)
    return lambda labels: (one,) if all(m.matches(labels) for m in wanted) else ()


class Scene:
    """The desk with a store behind it. Each call decides, stores, and gives the decision."""

    def __init__(self, tree: Route = ROUTES, store: MemoryAlertStore | None = None) -> None:
        self.tree = tree
        self.clock = FakeClock()
        self.store = store or MemoryAlertStore()
        self.present: dict[str, Facts] = {}
        self.suppressors: Callable[[Mapping[str, str]], tuple[Suppressor, ...]] = lambda _: ()
        self.inhibitions: tuple[Inhibition, ...] = ()
        self.elsewhere: tuple[Source, ...] = ()
        self.recent: Recent = {}
        self._numbers = count(1)

    @property
    def context(self) -> Context:
        return Context(
            now=self.clock.now(),
            new_id=self.new_id,
            tree=self.tree,
            services={"shop": SHOP},
            external_url="https://nines.example/",
            present=self.present,
            suppressors=self.suppressors,
            inhibitions=self.inhibitions,
            elsewhere=self.elsewhere,
            recent=self.recent,
        )

    def new_id(self) -> str:
        return f"{next(self._numbers):06}"

    def fires(self, slo: str = "availability", severity: Severity = PAGE, **more: str) -> Decision:
        return self.changes((self.change(slo, severity, firing=True, **more),))

    def ends(self, slo: str = "availability", severity: Severity = PAGE, **more: str) -> Decision:
        return self.changes((self.change(slo, severity, firing=False, **more),))

    def change(
        self, slo: str, severity: Severity = PAGE, *, firing: bool, pair: str = "1h:5m"
    ) -> AlertChange:
        return AlertChange(
            rule=rule(slo, severity, pair=pair),
            service="shop",
            slo=slo,
            kind=AlertKind.BURN,
            severity=severity,
            firing=firing,
            at=self.clock.now(),
            facts=FACTS if firing else ENDED,
        )

    def changes(self, changes: Sequence[AlertChange]) -> Decision:
        return self.keep(decide(changes, self.store.open_incidents("shop"), self.context))

    def acknowledged(self, by: str = "ann", incident_id: str | None = None) -> Decision:
        file = self.store.incident_file(incident_id or self.incident.id)
        assert file
        return self.keep(acknowledge(file, by, self.context))

    def reviewed(self) -> Decision:
        """Time has passed, and somebody looks."""
        return self.keep(review(self.store.open_incidents(), self.context))

    def reconfigured(self, rules: set[str], tree: Route | None = None) -> Decision:
        self.tree = tree or self.tree
        return self.edited(Rules(rules))

    def edited(self, rules: Rules, *changes: AlertChange) -> Decision:
        """The configuration was edited, and these are the changes that came of it."""
        return self.keep(decide(changes, self.store.open_incidents(), self.context, rules))

    def keep(self, decision: Decision) -> Decision:
        self.store.apply(decision, {})
        self.later()
        return decision

    def later(self, by: timedelta = timedelta(minutes=1)) -> datetime:
        self.clock.move(by)
        return self.clock.now()

    @property
    def incident(self) -> Incident:
        """The newest one."""
        return list(self.store.incidents.values())[-1]

    @property
    def files(self) -> list[IncidentFile]:
        return self.store.open_incidents()

    @property
    def timeline(self) -> list[str]:
        return [f"{event.kind}: {event.text}" for event in self.store.events]


def sent(decision: Decision) -> list[str]:
    """What was decided to be said, as `trigger to oncall`."""
    return [f"{n.kind} to {n.receiver}" for n in decision.notifications]


def only(decision: Decision, where: Callable[[Notification], bool]) -> Notification:
    found = [n for n in decision.notifications if where(n)]
    assert len(found) == 1
    return found[0]
