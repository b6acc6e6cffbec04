"""What alerting promises whatever happens: told firing, then told resolved; in order; once open."""

import asyncio
from collections import defaultdict
from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from alerting.alert import NOTICE_SEVERITY, AlertKind
from alerting.notification import (
    AttemptOutcome,
    DeliveryError,
    Message,
    NotificationKind,
    NotificationState,
)
from alerting.routes import Route
from alerting.rules import Rules
from alerting.service import labels_of, rule_labels
from slo.selector import parse_matchers
from slo.severity import Severity
from tests.alerting import scene
from tests.alerting.night import Night
from tests.alerting.scene import ROUTES, SHOP
from tests.alerting.test_notices import noticed
from tests.fakes.clock import settle
from tests.fakes.receiver import ScriptedReceiver

TREES = {
    "by severity": ROUTES,
    "all to one": Route(receivers=("oncall",)),
    "by SLO": Route(
        receivers=("mail",),
        routes=(
            Route(parse_matchers('slo="latency"'), ("sre",), go_on=True),
            Route(parse_matchers('severity="page"'), ("oncall",)),
        ),
    ),
    "nobody": Route(),
}
SLOS = st.sampled_from(["availability", "latency", "requests"])
SEVERITIES = st.sampled_from([Severity.PAGE, Severity.TICKET])
NAMES = st.sampled_from(["oncall", "sre", "mail"])


def refuses(outcome: AttemptOutcome, receiver: ScriptedReceiver) -> Callable[[Message], None]:
    """Fails so; but never a resolve for good, as that is visibly given up and so another story."""

    def answer(message: Message) -> None:
        if outcome is AttemptOutcome.PERMANENT and message.kind is NotificationKind.RESOLVE:
            return
        if outcome is AttemptOutcome.AMBIGUOUS:
            receiver.accepted.append(message)  # it arrived; the answer was lost
        raise DeliveryError(f"scripted {outcome}", outcome=outcome)

    return answer


class Promises(RuleBasedStateMachine):
    """One service, three receivers, any order of events; every message that a call carried."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.night = Night()
        self.configured: set[str] = set()
        self.runner.run(self._enter())
        self.night.loop = self.runner.get_loop()

    async def _enter(self) -> None:
        await self.night.__aenter__()

    async def _let_go(self, seconds: float = 0) -> None:
        self.night.delivery.notify()
        await settle()
        await self.night.passes(seconds)

    @rule(slo=SLOS, severity=SEVERITIES)
    def begins_to_burn(self, slo: str, severity: Severity) -> None:
        self.configured.add(scene.rule(slo, severity))
        self.night.fires(slo, severity)

    @rule(slo=SLOS, severity=SEVERITIES)
    def ceases_to_burn(self, slo: str, severity: Severity) -> None:
        self.night.ends(slo, severity)

    @rule(slo=SLOS, other=SLOS, severity=SEVERITIES)
    def one_for_another(self, slo: str, other: str, severity: Severity) -> None:
        self.configured.add(scene.rule(other, severity))
        self.night.changes(
            [
                self.night.change(slo, severity, firing=False),
                self.night.change(other, severity, firing=True),
            ]
        )

    @precondition(lambda self: self.night.store.incidents)
    @rule(pick=st.integers(0, 100))
    def somebody_acknowledges(self, pick: int) -> None:
        ids = list(self.night.store.incidents)
        self.night.acknowledged("ann", ids[pick % len(ids)])

    @rule(tree=st.sampled_from(list(TREES)))
    def routes_are_edited(self, tree: str) -> None:
        self.night.reconfigured(self.configured, TREES[tree])

    @rule(slo=SLOS)
    def an_slo_is_removed(self, slo: str) -> None:
        self.configured = {name for name in self.configured if f"/{slo}#" not in name}
        self.night.reconfigured(self.configured)

    @rule(slo=SLOS, severity=SEVERITIES)
    def a_tier_takes_anothers_place(self, slo: str, severity: Severity) -> None:
        old = scene.rule(slo, severity)
        new = scene.rule(slo, severity, pair="2h:5m")
        back = {new: old} if new in self.configured else {old: new}
        self.configured = {back.get(name, name) for name in self.configured}
        self.night.edited(Rules(self.configured, renamed=back))

    @rule(slo=SLOS)
    def an_slo_goes_into_the_shadow(self, slo: str) -> None:
        hidden = {name for name in self.configured if f"/{slo}#" in name}
        self.night.edited(Rules(self.configured, hidden))

    @rule(slo=SLOS)
    def a_budget_passes_a_mark(self, slo: str) -> None:
        before = set(self.night.store.notifications)
        named = self.night.tree.explain(
            rule_labels(SHOP, slo, NOTICE_SEVERITY, AlertKind.BUDGET, f"shop/{slo}#budget")
        ).receivers
        self.night.changes([noticed(self.night, slo)])
        rows = self.night.store.notifications
        told = [rows[id_].receiver for id_ in rows if id_ not in before]
        assert sorted(told) == sorted(named)

    @rule(name=NAMES, outcome=st.sampled_from(["retry", "permanent", "ambiguous"]))
    def a_receiver_will_refuse(self, name: str, outcome: str) -> None:
        receiver = self.night.receivers[name]
        receiver.script.append(refuses(AttemptOutcome(outcome), receiver))

    @rule(name=NAMES)
    def a_receiver_hangs(self, name: str) -> None:
        self.night.receivers[name].hangs = True

    @rule(name=NAMES)
    def a_receiver_is_freed(self, name: str) -> None:
        self.night.receivers[name].free()

    @rule(seconds=st.sampled_from([0, 1, 40, 400]))
    def time_passes(self, seconds: int) -> None:
        self.runner.run(self._let_go(seconds))

    @rule()
    def the_process_dies(self) -> None:
        self.runner.run(self.night.die())

    @invariant()
    def one_incident_is_open_and_the_others_are_linked(self) -> None:
        alone = [file for file in self.night.files if file.incident.linked_to is None]

        assert len(alone) <= 1

    @invariant()
    def severity_is_the_loudest_that_fires(self) -> None:
        for file in self.night.files:
            ranks = [alert.severity.rank for alert in file.alerts if alert.firing]
            assert file.incident.severity.rank == min(ranks)

    @invariant()
    def a_rule_fires_in_one_incident_at_most(self) -> None:
        firing = [a.rule for file in self.night.files for a in file.alerts if a.firing]

        assert len(firing) == len(set(firing))

    @invariant()
    def who_was_told_firing_is_whom_the_routes_name(self) -> None:
        for file in self.night.files:
            named = {
                receiver
                for alert in file.alerts
                if alert.firing
                for receiver in self.night.tree.explain(labels_of(alert, SHOP)).receivers
            }
            assert {name for name, told in file.told.items() if told == "firing"} == named

    @invariant()
    def calls_come_in_the_order_of_the_decisions(self) -> None:
        for name, receiver in self.night.receivers.items():
            for ids in self._first_calls(receiver).values():
                decided = [id_ for id_ in self.night.store.notifications if id_ in ids]
                assert ids == decided, name

    @invariant()
    def a_resolve_never_comes_before_its_trigger(self) -> None:
        rows = self.night.store.notifications
        for receiver in self.night.receivers.values():
            for ids in self._first_calls(receiver).values():
                kinds = [rows[id_].kind for id_ in ids]
                kinds = [kind for kind in kinds if not kind.alone]
                for before, kind in zip([None, *kinds], kinds, strict=False):
                    if kind is NotificationKind.RESOLVE:
                        assert before not in (None, NotificationKind.RESOLVE)

    def teardown(self) -> None:
        try:
            self.runner.run(self._end_well())
            self._assert_all_is_over()
        finally:
            self.runner.run(self.night.__aexit__())
            self.runner.close()

    async def _end_well(self) -> None:
        """The night ends: nothing burns any more and every receiver is well."""
        for receiver in self.night.receivers.values():
            receiver.script.clear()
            receiver.free()
        self.night.reconfigured(set())
        await self._let_go(3600)

    def _assert_all_is_over(self) -> None:
        store = self.night.store
        assert self.night.files == []
        assert store.outbox_pending() == (0, None)
        for name, receiver in self.night.receivers.items():
            last: dict[str, Message] = {}
            for message in receiver.accepted:
                if message.kind is not NotificationKind.NOTICE:
                    last[message.incident_id] = message
            for message in last.values():
                assert message.kind.over, name
        for row in store.notifications.values():
            assert row.state is NotificationState.DELIVERED or row.reason

    def _first_calls(self, receiver: ScriptedReceiver) -> dict[str, list[str]]:
        """Ids of the notifications that reached this receiver, by incident."""
        found: dict[str, list[str]] = defaultdict(list)
        for id_ in dict.fromkeys(id_ for id_, _, _ in receiver.calls):
            found[self.night.store.notifications[id_].incident_id].append(id_)
        return found


Promises.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestPromises = Promises.TestCase
