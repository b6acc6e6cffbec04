"""What routes promise whoever is silenced, muted, inhibited, waited for, escalated to or edited."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from alerting.inhibition import Inhibition
from alerting.notification import NotificationKind
from alerting.routes import Escalation, Route, Terms
from alerting.service import labels_of
from alerting.store import Decision
from alerting.suppressor import Suppressor
from slo.selector import parse_matchers
from slo.severity import Severity
from tests.alerting import scene
from tests.alerting.scene import SHOP, silence
from tests.alerting.test_terms import BOSS, HOUR, MINUTE, PEERS, Slow
from tests.alerting.test_time_interval import interval

HALF_HOURS = interval(
    *({"times": [{"start_time": f"{h:02}:00", "end_time": f"{h:02}:30"}]} for h in range(24))
)
PAGE = parse_matchers('severity="page"')
TREES = {
    "patient": Route(receivers=("sre",), terms=PEERS),
    "escalating": Route(receivers=("sre",), terms=BOSS.below(PEERS)),
    "muted": Route(
        receivers=("mail",),
        routes=(Route(PAGE, ("oncall",), go_on=True), Route(PAGE, ("sre",), mute=(HALF_HOURS,))),
        terms=PEERS,
    ),
    "active": Route(
        receivers=("mail",), routes=(Route(PAGE, ("oncall", "sre"), active=(HALF_HOURS,)),)
    ),
    "failing over": Route(
        receivers=("oncall",),
        terms=Terms(failover=("sre",), escalate=(Escalation(HOUR, ("mail",)),)),
    ),
    "nobody": Route(),
}
SILENCES: Mapping[str, Callable[[Mapping[str, str]], tuple[Suppressor, ...]]] = {
    "nobody": lambda _: (),
    "everybody": silence('service="shop"'),
    "pages": silence('severity="page"', "S2"),
    "latency": silence('slo="latency"', "S3"),
}
INHIBITIONS = (Inhibition("rule", PAGE, parse_matchers('severity="ticket"'), ("service",)),)
SLOS = st.sampled_from(["availability", "latency", "requests"])
SEVERITIES = st.sampled_from([Severity.PAGE, Severity.TICKET])


class QuietPromises(RuleBasedStateMachine):
    """One service and any order of events; each is decided, stored and checked at once."""

    def __init__(self) -> None:
        super().__init__()
        self.night = Slow(TREES["patient"])
        self.configured: set[str] = set()

    def check(self, decision: Decision) -> None:
        """Nobody is newly told of what somebody holds back."""
        alerts = self.night.store.alerts
        for sent in decision.notifications:
            if sent.kind not in (NotificationKind.TRIGGER, NotificationKind.UPDATE):
                continue
            told = [
                row
                for row in self.night.store.notifications.values()
                if row.receiver == sent.receiver and row.id != sent.id
            ]
            known = {id_ for row in told for id_ in row.alerts or ()}
            for id_ in sent.alerts or ():
                assert id_ in known or not self.night.suppressors(labels_of(alerts[id_], SHOP))

    @rule(slo=SLOS, severity=SEVERITIES)
    def begins_to_burn(self, slo: str, severity: Severity) -> None:
        self.configured.add(scene.rule(slo, severity))
        self.check(self.night.fires(slo, severity))

    @rule(slo=SLOS, severity=SEVERITIES)
    def ceases_to_burn(self, slo: str, severity: Severity) -> None:
        self.check(self.night.ends(slo, severity))

    @precondition(lambda self: self.night.store.incidents)
    @rule(pick=st.integers(0, 100))
    def somebody_acknowledges(self, pick: int) -> None:
        ids = list(self.night.store.incidents)
        self.check(self.night.acknowledged("ann", ids[pick % len(ids)]))

    @rule(tree=st.sampled_from(list(TREES)))
    def routes_are_edited(self, tree: str) -> None:
        self.check(self.night.reconfigured(self.configured, TREES[tree]))

    @rule(slo=SLOS)
    def an_slo_is_removed(self, slo: str) -> None:
        self.configured = {name for name in self.configured if f"/{slo}#" not in name}
        self.check(self.night.reconfigured(self.configured))

    @rule(which=st.sampled_from(list(SILENCES)))
    def somebody_asks_for_quiet(self, which: str) -> None:
        self.night.suppressors = SILENCES[which]

    @rule(inhibiting=st.booleans())
    def inhibition_is_edited(self, inhibiting: bool) -> None:
        self.night.inhibitions = INHIBITIONS if inhibiting else ()

    @rule(minutes=st.sampled_from([0, 1, 7, 40, 300]))
    def time_passes(self, minutes: int) -> None:
        self.night.later(minutes * MINUTE)
        self.check(self.night.reviewed())
        again = self.night.reviewed()
        assert not (again.notifications)
        assert not (again.events)
        assert again.again is None or again.again > self.night.clock.now()
        self.who_is_told_firing_knows_of_something_that_fires()

    def who_is_told_firing_knows_of_something_that_fires(self) -> None:
        """Or is to hear of something once its interval is over."""
        for file in self.night.files:
            firing = [alert for alert in file.alerts if alert.firing]
            heard = [a for a in firing if not self.night.suppressors(labels_of(a, SHOP))]
            for said in file.said.values():
                assert heard or any(alert.id in said.firing for alert in firing)

    @invariant()
    def nobody_is_left_believing_that_what_is_over_goes_on(self) -> None:
        for incident in self.night.store.incidents.values():
            file = self.night.store.incident_file(incident.id)
            assert file is not None
            assert incident.open or not file.said

    def teardown(self) -> None:
        """At last nobody holds anything back: whom the routes name knows all that fires."""
        self.night.suppressors, self.night.inhibitions = SILENCES["nobody"], ()
        self.night.tree = TREES["patient"]
        self.night.later(timedelta(days=1))
        self.night.reviewed()
        for file in self.night.files:
            firing = {alert.id for alert in file.alerts if alert.firing}
            assert file.said["sre"].firing.keys() == firing
        self.night.reconfigured(set())
        assert self.night.files == []
        self.nobody_is_left_believing_that_what_is_over_goes_on()


QuietPromises.TestCase.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, derandomize=True
)
TestQuietPromises = QuietPromises.TestCase
