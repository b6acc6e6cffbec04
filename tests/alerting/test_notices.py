"""A budget's mark was passed: told once, as evidence of what is open, or alone."""

from dataclasses import replace

from alerting import wording
from alerting.alert import NOTICE_SEVERITY, AlertChange, AlertKind, Facts
from alerting.incident import IncidentState
from alerting.notification import NotificationKind
from alerting.routes import Route
from alerting.store import Decision
from slo.selector import parse_matchers
from tests.alerting.scene import FACTS, PAGE, TICKET, Scene, only, sent

LOW = replace(
    FACTS,
    headline="24.9 % of the 30d budget left (10 min 45 s), below 25 %",
    reason="the remaining error budget is below 25 %, a mark to be told of",
    burn_long=None,
    burn_short=None,
    top_cause=None,
    budget_left_ratio=0.249,
    spent_most="Most went in 30 min from 2026-11-20 13:00 UTC: 61 % of the whole",
    lasts=True,
)


def noticed(
    scene: Scene, slo: str = "availability", facts: Facts = LOW, *, passed: bool = True
) -> AlertChange:
    return AlertChange(
        rule=f"shop/{slo}#budget",
        service="shop",
        slo=slo,
        kind=AlertKind.BUDGET,
        severity=NOTICE_SEVERITY,
        firing=passed,
        at=scene.clock.now(),
        facts=facts,
    )


def notice(scene: Scene, slo: str = "availability") -> Decision:
    return scene.changes([noticed(scene, slo)])


def test_with_nothing_open_it_goes_out_alone_and_leaves_nothing_open() -> None:
    scene = Scene()
    decision = notice(scene)

    assert sent(decision) == ["notice to sre"]
    assert scene.files == []
    assert scene.incident.state is IncidentState.RESOLVED
    assert scene.incident.title == (
        "Shop availability: 24.9 % of the 30d budget left (10 min 45 s), below 25 %"
    )
    (alert,) = decision.alerts
    assert not alert.firing
    assert scene.timeline[0] == (
        "opened: A notice of its own, closed as it was opened: nothing of this service was open."
    )


def test_it_is_routed_by_its_own_labels() -> None:
    tree = Route(
        receivers=("mail",),
        routes=(Route(parse_matchers('kind="budget",severity="ticket"'), ("budgets",)),),
    )
    decision = notice(Scene(tree))

    assert sent(decision) == ["notice to budgets"]
    message = decision.notifications[0].message
    assert (message.labels["kind"], message.labels["severity"]) == ("budget", "ticket")


def test_it_joins_what_is_open_and_ends_with_it() -> None:
    scene = Scene()
    scene.fires("availability", TICKET)
    decision = notice(scene)

    assert sent(decision) == ["update to sre"]
    message = decision.notifications[0].message
    assert message.what_changed == f"availability: {LOW.headline}."
    assert [line.kind for line in message.alerts] == [AlertKind.BURN, AlertKind.BUDGET]
    assert len(scene.store.incidents) == 1
    assert sent(scene.ends("availability", TICKET)) == ["resolve to sre"]
    assert scene.files == []


def test_whoever_hears_nothing_of_the_incident_hears_the_notice_alone() -> None:
    pages = Route(parse_matchers('severity="page"'), ("oncall",))
    scene = Scene(Route(receivers=("mail",), routes=(pages,)))
    scene.fires("availability", PAGE)
    decision = notice(scene)

    assert sent(decision) == ["notice to mail"]
    assert len(scene.store.incidents) == 1
    assert sent(scene.ends("availability", PAGE)) == ["resolve to oncall"]


def test_who_is_told_that_it_is_over_is_told_the_notice_too() -> None:
    to_b = (parse_matchers('slo="latency"'), parse_matchers('kind="budget"'))
    scene = Scene(Route(receivers=("a",), routes=tuple(Route(one, ("b",)) for one in to_b)))
    scene.fires("availability", PAGE)
    scene.fires("latency", TICKET)
    decision = scene.changes([noticed(scene), scene.change("latency", TICKET, firing=False)])

    assert sorted(sent(decision)) == ["notice to b", "resolve to b"]


def test_of_several_open_incidents_it_joins_that_of_its_slo() -> None:
    scene = Scene()
    scene.fires("availability", PAGE)
    scene.acknowledged()
    scene.fires("latency", PAGE)
    decision = notice(scene)

    (alert,) = decision.alerts
    assert alert.incident_id == min(scene.store.incidents)


def test_an_acknowledged_incident_takes_it() -> None:
    scene = Scene()
    scene.fires("availability", TICKET)
    scene.acknowledged()

    assert sent(notice(scene, "latency")) == ["update to sre"]
    assert len(scene.store.incidents) == 1


def test_what_begins_at_the_same_moment_takes_it() -> None:
    scene = Scene()
    decision = scene.changes([noticed(scene), scene.change("availability", TICKET, firing=True)])

    assert sent(decision) == ["trigger to sre"]
    assert len(scene.store.incidents) == 1


def test_what_ends_at_the_same_moment_does_not() -> None:
    scene = Scene()
    scene.fires("availability", TICKET)
    decision = scene.changes([noticed(scene), scene.change("availability", TICKET, firing=False)])

    assert sent(decision) == ["resolve to sre", "notice to sre"]
    assert scene.files == []


def test_two_slos_are_two_notices() -> None:
    scene = Scene()
    decision = scene.changes([noticed(scene), noticed(scene, "latency")])

    assert sent(decision) == ["notice to sre", "notice to sre"]
    assert scene.files == []


def test_a_mark_that_is_armed_again_is_nothing_to_speak_of() -> None:
    scene = Scene()

    assert scene.changes([noticed(scene, passed=False)]) == Decision()


def test_a_resolve_tells_of_what_fired_and_not_of_the_notice() -> None:
    scene = Scene()
    scene.fires("availability", TICKET)
    notice(scene, "latency")
    message = only(scene.ends("availability", TICKET), lambda n: n.receiver == "sre").message

    assert message.title.startswith("Shop availability: resolved after 2 min")


def test_it_reads_as_one_message() -> None:
    (notification,) = notice(Scene()).notifications

    assert notification.kind is NotificationKind.NOTICE
    assert wording.paragraph(notification.message) == (
        "Shop availability (promised: 99.9 % over 30d) has 24.9 % of the 30d budget left "
        "(10 min 45 s), below 25 %. Most went in 30 min from 2026-11-20 13:00 UTC: 61 % of the "
        "whole. At this pace it lasts. Nothing fires because of this, and "
        "nothing has to be resolved."
    )
