"""What an alert's change means for incidents, and who has to hear what."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.incident import EventKind, IncidentState
from alerting.notification import NotificationState
from alerting.routes import Route
from alerting.service import Service, labels_of
from slo.selector import parse_matchers
from tests.alerting.scene import FACTS, INFO, PAGE, ROUTES, SHOP, TICKET, Scene, only, rule, sent

ALL_TO_ONCALL = Route(receivers=("oncall",))


def test_a_page_opens_an_incident_and_tells_who_is_routed() -> None:
    scene = Scene()
    decision = scene.fires("availability", PAGE)

    assert sent(decision) == ["trigger to oncall", "trigger to sre"]
    assert scene.incident.state is IncidentState.TRIGGERED
    assert scene.incident.severity is PAGE
    assert scene.incident.revision == 1
    assert scene.incident.title == (
        "Shop availability: burning 14.6x, 12 % of the 30d budget left (5 min 21 s)"
    )


def test_the_timeline_says_why_each_was_told() -> None:
    scene = Scene()
    scene.fires("availability", PAGE)

    assert scene.timeline == [
        "opened: Opened: nothing of this service was open.",
        (
            "alert_firing: availability (page, 1h and 5m) fires: burning 14.6x, 12 % of the 30d "
            "budget left (5 min 21 s). Both windows burn faster than 14.4x."
        ),
        'routed: Routed to oncall and sre: severity="page" matched route 1.',
        "routed: To send: trigger to oncall and sre.",
    ]


def test_the_timeline_says_why_nobody_was_told() -> None:
    nobody = Route(parse_matchers('severity="info"'), receivers=())
    scene = Scene(replace(ROUTES, routes=(*ROUTES.routes, nobody)))
    decision = scene.fires("availability", INFO)

    assert sent(decision) == []
    assert (
        'routed: Nobody is told: severity="info" matched route 3, and no receivers stand there.'
        in scene.timeline
    )


def test_a_message_carries_what_its_reader_needs() -> None:
    scene = Scene()
    decision = scene.fires("availability", PAGE)
    notification = only(decision, lambda n: n.receiver == "oncall")
    message = notification.message

    assert notification.state is NotificationState.PENDING
    assert notification.next_attempt_at == notification.created_at == message.decided_at
    assert message.notification_id == notification.id
    assert message.incident_url == f"https://nines.example/incidents/{scene.incident.id}"
    assert message.alerts[0].dashboard_url == "https://nines.example/slos/shop/availability"
    assert message.runbook == SHOP.runbook
    assert message.owner == "pets"
    assert message.labels["env"] == "prod"
    assert message.resolved_at is None


def test_the_same_rule_firing_twice_is_one_alert() -> None:
    scene = Scene()
    scene.fires()

    assert scene.fires().empty


def test_the_same_change_twice_in_one_batch_is_one_alert() -> None:
    scene = Scene()
    decision = scene.changes([scene.change("availability", firing=True)] * 2)

    assert len(decision.alerts) == 1


def test_a_rule_that_does_not_fire_cannot_end() -> None:
    scene = Scene()
    assert scene.ends().empty
    scene.fires("latency")
    assert scene.ends("availability").empty


def test_another_slo_joins_as_evidence() -> None:
    scene = Scene()
    scene.fires("availability")
    decision = scene.fires("latency")

    assert len(scene.files) == 1
    assert sent(decision) == ["update to oncall", "update to sre"]
    assert scene.incident.revision == 2
    assert scene.incident.title.endswith("(5 min 21 s) (and 1 more)")
    assert decision.notifications[0].message.what_changed.startswith("latency (page, 1h and 5m)")
    assert [line.slo for line in decision.notifications[0].message.alerts] == [
        "availability",
        "latency",
    ]


def test_severity_moves_up_in_place() -> None:
    scene = Scene()
    scene.fires("availability", TICKET)
    decision = scene.fires("availability", PAGE)

    assert scene.incident.severity is PAGE
    assert sent(decision) == ["trigger to oncall", "update to sre"]
    assert "severity: Severity went up from ticket to page." in scene.timeline
    update = only(decision, lambda n: n.receiver == "sre")
    assert update.message.what_changed.endswith("Severity went up from ticket to page.")
    assert update.severity is PAGE


def test_the_pager_is_resolved_while_the_ticket_stays_open() -> None:
    scene = Scene()
    scene.fires("availability", PAGE)
    scene.fires("availability", TICKET)
    decision = scene.ends("availability", PAGE)

    assert sent(decision) == ["update to sre", "resolve to oncall"]
    assert scene.incident.open
    assert scene.incident.severity is TICKET
    assert "severity: Severity went down from page to ticket." in scene.timeline
    assert (
        "routed: To send: resolve to oncall, as nothing that is routed to it fires any more; "
        "the incident goes on." in scene.timeline
    )
    resolve = only(decision, lambda n: n.receiver == "oncall").message
    assert [line.severity for line in resolve.alerts] == [PAGE]
    assert resolve.resolved_at is not None


def test_a_receiver_hears_nothing_of_alerts_that_are_not_routed_to_it() -> None:
    scene = Scene()
    scene.fires("availability", PAGE)

    assert sent(scene.fires("availability", TICKET)) == ["update to sre"]


def test_a_receiver_is_told_again_when_it_fires_again() -> None:
    scene = Scene()
    scene.fires("availability", PAGE)
    scene.fires("availability", TICKET)
    scene.ends("availability", PAGE)

    assert sent(scene.fires("availability", PAGE)) == ["trigger to oncall", "update to sre"]
    assert len(scene.files) == 1


def test_a_rule_that_flaps_is_one_line_in_a_message() -> None:
    scene = Scene()
    scene.fires("availability", TICKET)
    for _ in range(5):
        scene.fires("availability", PAGE)
        flapped = scene.ends("availability", PAGE)
    lines = only(flapped, lambda n: n.receiver == "sre").message.alerts
    over = scene.ends("availability", TICKET).notifications[0].message

    assert [line.severity for line in lines] == [TICKET, PAGE]
    assert over.title.endswith("(and 1 more)")
    assert len(scene.store.alerts) == 6


def test_the_incident_resolves_with_its_last_alert() -> None:
    scene = Scene()
    scene.fires("availability")
    scene.fires("latency")
    assert sent(scene.ends("availability")) == ["update to oncall", "update to sre"]
    ended_at = scene.clock.now()
    decision = scene.ends("latency")

    assert sent(decision) == ["resolve to oncall", "resolve to sre"]
    assert scene.incident.state is IncidentState.RESOLVED
    assert scene.incident.resolved_at == ended_at
    assert scene.files == []
    assert "resolved: Resolved after 3 min: nothing of it fires any more." in scene.timeline
    assert decision.notifications[0].message.title == (
        "Shop latency: resolved after 3 min, 12 % of the 30d budget left (5 min 21 s) (and 1 more)"
    )


def test_the_title_of_a_resolved_incident_is_what_receivers_were_told() -> None:
    scene = Scene()
    scene.fires("availability")
    resolve = scene.ends("availability").notifications[0].message

    assert scene.incident.title == resolve.title


def test_an_update_says_what_is_true_now_not_what_was_in_the_first_second() -> None:
    scene = Scene()
    scene.fires("availability")
    now = replace(FACTS, headline="burning 3.1x, 4 % of the 30d budget left (1 min 43 s)")
    scene.present = {rule("availability"): now}
    decision = scene.fires("latency", TICKET)
    message = only(decision, lambda n: n.receiver == "sre").message

    assert message.title == f"Shop availability: {now.headline} (and 1 more)"
    assert message.alerts[0].facts == now
    assert scene.incident.title == message.title
    assert scene.store.alerts[scene.files[0].alerts[0].id].facts == FACTS


def test_a_new_incident_opens_after_the_old_one_resolved() -> None:
    scene = Scene()
    first = scene.fires().incidents[0].id
    scene.ends()
    second = scene.fires().incidents[0]

    assert second.id != first
    assert second.linked_to is None


def test_one_slo_ending_while_another_begins_keeps_the_incident_open() -> None:
    scene = Scene()
    scene.fires("availability")
    decision = scene.changes(
        [scene.change("availability", firing=False), scene.change("latency", firing=True)]
    )

    assert scene.incident.open
    assert len(scene.store.incidents) == 1
    assert sent(decision) == ["update to oncall", "update to sre"]


def test_what_begins_and_ends_in_one_batch_tells_nobody_and_says_so() -> None:
    scene = Scene()
    decision = scene.changes(
        [scene.change("availability", firing=True), scene.change("availability", firing=False)]
    )

    assert sent(decision) == []
    assert scene.incident.state is IncidentState.RESOLVED
    assert scene.timeline[-1] == (
        "routed: Nobody is told: it ended in the same evaluation in which it began."
    )


def test_an_acknowledgement_reaches_all_who_were_told() -> None:
    scene = Scene()
    scene.fires()
    decision = scene.acknowledged("ann")

    assert sent(decision) == ["acknowledge to oncall", "acknowledge to sre"]
    assert scene.incident.state is IncidentState.ACKNOWLEDGED
    assert scene.incident.acknowledged_by == "ann"
    assert scene.incident.revision == 2
    assert decision.notifications[0].message.what_changed == "ann acknowledged."
    assert decision.notifications[0].message.acknowledged_by == "ann"


def test_acknowledging_twice_is_only_noted() -> None:
    scene = Scene()
    scene.fires()
    scene.acknowledged("ann")
    decision = scene.acknowledged("bob")

    assert [event.kind for event in decision.events] == [EventKind.NOTE]
    assert replace(decision, events=()).empty
    assert scene.timeline[-1] == (
        "note: bob acknowledged this again; ann did so at 2026-11-20 14:01 UTC: nothing changed."
    )


def test_acknowledging_a_resolved_incident_is_only_noted() -> None:
    scene = Scene()
    scene.fires()
    scene.ends()
    decision = scene.acknowledged("ann")

    assert replace(decision, events=()).empty
    assert scene.incident.state is IncidentState.RESOLVED
    assert scene.timeline[-1] == (
        "note: ann acknowledged this after it was resolved at 2026-11-20 14:01 UTC: "
        "nothing changed."
    )


def test_after_an_acknowledgement_another_slo_opens_a_linked_incident() -> None:
    scene = Scene()
    first = scene.fires("availability").incidents[0].id
    scene.acknowledged()
    decision = scene.fires("latency")

    assert sent(decision) == ["trigger to oncall", "trigger to sre"]
    assert scene.incident.id != first
    assert scene.incident.linked_to == first
    assert decision.notifications[0].message.linked_to == first
    assert {file.incident.id for file in scene.files} == {first, scene.incident.id}


def test_after_an_acknowledgement_the_same_slo_joins_as_before() -> None:
    scene = Scene()
    scene.fires("availability", PAGE)
    scene.acknowledged()
    decision = scene.fires("availability", PAGE, pair="6h:30m")

    assert len(scene.files) == 1
    assert scene.incident.state is IncidentState.ACKNOWLEDGED
    assert sent(decision) == ["update to oncall", "update to sre"]


def test_an_acknowledged_ticket_does_not_swallow_a_page() -> None:
    scene = Scene(ALL_TO_ONCALL)
    ticket = scene.fires("availability", TICKET).incidents[0].id
    scene.acknowledged()
    decision = scene.fires("availability", PAGE)

    assert sent(decision) == ["trigger to oncall"]
    assert scene.incident.linked_to == ticket


def test_a_third_slo_joins_the_linked_incident() -> None:
    scene = Scene()
    scene.fires("availability")
    scene.acknowledged()
    linked = scene.fires("latency").incidents[0].id
    scene.fires("requests")

    assert scene.incident.id == linked
    assert len(scene.files) == 2


def test_more_evidence_goes_where_its_slo_is() -> None:
    scene = Scene()
    first = scene.fires("availability").incidents[0].id
    scene.acknowledged()
    scene.fires("latency")
    decision = scene.fires("availability", PAGE, pair="6h:30m")

    assert [incident.id for incident in decision.incidents] == [first]


def test_each_of_two_linked_incidents_ends_by_itself() -> None:
    scene = Scene()
    first = scene.fires("availability").incidents[0].id
    scene.acknowledged()
    second = scene.fires("latency").incidents[0].id

    assert [i.id for i in scene.ends("latency").incidents] == [second]
    assert [i.id for i in scene.ends("availability").incidents] == [first]
    assert scene.files == []


def test_a_rule_that_left_the_configuration_ends_its_alert() -> None:
    scene = Scene()
    scene.fires("availability")
    scene.fires("latency")
    decision = scene.reconfigured({rule("latency")})

    assert scene.incident.open
    assert sent(decision) == ["update to oncall", "update to sre"]
    assert any(
        text.endswith("Its rule is no longer in the configuration.") for text in scene.timeline
    )


def test_an_incident_without_rules_resolves() -> None:
    scene = Scene()
    scene.fires("availability")
    decision = scene.reconfigured(set())

    assert sent(decision) == ["resolve to oncall", "resolve to sre"]
    assert scene.incident.state is IncidentState.RESOLVED


def test_an_unchanged_configuration_changes_nothing() -> None:
    scene = Scene()
    scene.fires("availability")

    assert scene.reconfigured({rule("availability")}).empty


def test_who_lost_the_route_is_told_resolved_and_who_gained_it_is_told() -> None:
    scene = Scene()
    scene.fires("availability")
    decision = scene.reconfigured({rule("availability")}, Route(receivers=("sre", "night")))

    assert sent(decision) == ["trigger to night", "resolve to oncall"]
    assert scene.timeline[-2:] == [
        "routed: To send: trigger to night, as the configuration now routes this to it.",
        (
            "routed: To send: resolve to oncall, as the configuration no longer routes what fires "
            "to it; the incident goes on."
        ),
    ]
    resolve = only(decision, lambda n: n.receiver == "oncall").message
    assert resolve.title.startswith("Shop availability: no longer routed here")


def test_who_was_told_firing_is_told_resolved_after_the_routes_changed() -> None:
    scene = Scene()
    scene.fires("availability")
    scene.tree = Route(receivers=())

    assert sent(scene.ends("availability")) == ["resolve to oncall", "resolve to sre"]


def test_an_incident_of_a_service_that_was_removed_can_still_end() -> None:
    scene = Scene()
    scene.fires("availability")
    context = replace(scene.context, services={})

    assert context.service("shop") == Service("shop", "shop")
    assert sent(scene.reconfigured(set())) == ["resolve to oncall", "resolve to sre"]


def test_the_alerts_own_labels_win_over_the_services() -> None:
    scene = Scene()
    alert = scene.fires().alerts[0]
    service = Service("shop", "Shop", labels={"severity": "none", "env": "prod"})

    assert labels_of(alert, service) == {
        "env": "prod",
        "alertname": "ErrorBudgetBurn",
        "service": "shop",
        "slo": "availability",
        "severity": "page",
        "kind": "burn",
        "rule": alert.rule,
    }


@pytest.mark.parametrize("late", [timedelta(hours=3), timedelta(days=2)], ids=["hours", "days"])
def test_an_alert_that_ends_later_keeps_its_place_and_its_beginning(late: timedelta) -> None:
    scene = Scene()
    began = scene.fires("availability").alerts[0].started_at
    scene.later(late)
    alert = scene.ends("availability").alerts[0]

    assert (alert.started_at, alert.ended_at) == (began, began + timedelta(minutes=1) + late)


def test_a_clock_that_was_set_back_ends_nothing_before_it_began() -> None:
    scene = Scene()
    began = scene.fires("availability").alerts[0].started_at
    scene.later(timedelta(hours=-1))
    alert = scene.ends("availability").alerts[0]

    assert alert.ended_at == began
