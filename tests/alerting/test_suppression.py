"""Who is held back, and by whom: counted and recorded, newly told to nobody, always told over."""

from datetime import timedelta

from alerting.routes import Route
from slo.selector import parse_matchers
from tests.alerting.scene import PAGE, TICKET, Scene, only, rule, sent, silence
from tests.alerting.test_notices import noticed

EVERYTHING = 'service="shop"'


def quiet(scene: Scene) -> None:
    scene.suppressors = lambda _: ()


def test_nobody_is_told_of_what_is_silenced_and_the_timeline_says_by_whom() -> None:
    scene = Scene()
    scene.suppressors = silence(EVERYTHING)

    decision = scene.fires()

    assert sent(decision) == []
    assert len(decision.incidents) == len(decision.alerts) == 1
    assert decision.alerts[0].held_by == ("silence S1 (deploy, by ann)",)
    assert scene.timeline[-1] == (
        "suppressed: Nobody is newly told of availability (page, 1h and 5m): "
        "silence S1 (deploy, by ann)."
    )


def test_who_was_not_told_is_told_when_the_silence_ends() -> None:
    scene = Scene()
    scene.suppressors = silence(EVERYTHING)
    scene.fires()
    assert scene.reviewed().empty  # said once, not at every look
    quiet(scene)

    decision = scene.reviewed()

    assert sent(decision) == ["trigger to oncall", "trigger to sre"]
    assert only(decision, lambda n: n.receiver == "sre").message.what_changed == (
        "It fires on and is no longer held back by silence S1 (deploy, by ann)."
    )
    assert scene.reviewed().empty


def test_what_ended_under_a_silence_is_told_to_nobody() -> None:
    scene = Scene()
    scene.suppressors = silence(EVERYTHING)
    scene.fires()

    assert sent(scene.ends()) == []
    assert scene.files == []


def test_who_was_told_firing_is_told_resolved_under_a_silence() -> None:
    scene = Scene()
    scene.fires()
    scene.suppressors = silence(EVERYTHING)

    assert sent(scene.reviewed()) == []
    assert sent(scene.ends()) == ["resolve to oncall", "resolve to sre"]


def test_another_alert_is_no_news_while_it_is_silenced() -> None:
    scene = Scene()
    scene.fires("availability")
    scene.suppressors = silence('slo="latency"')

    assert sent(scene.fires("latency")) == []
    quiet(scene)

    later = scene.reviewed()
    assert sent(later) == ["update to oncall", "update to sre"]
    assert "latency (page, 1h and 5m) fires" in later.notifications[0].message.what_changed


def test_who_was_told_of_one_alert_is_told_when_that_is_over_though_a_silenced_one_goes_on() -> (
    None
):
    scene = Scene()
    scene.fires("availability")
    scene.suppressors = silence('slo="latency"')
    scene.fires("latency")

    decision = scene.ends("availability")

    assert sent(decision) == ["resolve to oncall", "resolve to sre"]
    assert decision.notifications[0].message.what_changed.startswith(
        "Nothing that is routed to oncall"
    )
    assert [a.slo for a in decision.notifications[0].message.alerts] == ["availability"]
    assert len(scene.files) == 1


def test_an_acknowledgement_is_told_under_a_silence_to_whom_was_told() -> None:
    scene = Scene()
    scene.fires()
    scene.suppressors = silence(EVERYTHING)

    assert sent(scene.acknowledged()) == ["acknowledge to oncall", "acknowledge to sre"]


def test_a_silence_for_one_severity_leaves_the_other_to_be_told() -> None:
    scene = Scene()
    scene.suppressors = silence('severity="page"')

    assert sent(scene.changes([scene.change("a", PAGE, firing=True)])) == []
    assert sent(scene.fires("a", TICKET)) == ["trigger to sre"]
    assert [n.alerts for n in scene.store.notifications.values()] == [
        tuple(a.id for a in scene.store.alerts.values() if a.severity is TICKET)
    ]


def test_the_next_look_is_when_the_silence_ends() -> None:
    scene = Scene()
    until = scene.clock.now() + timedelta(minutes=30)
    scene.suppressors = silence(EVERYTHING, until=until)

    assert scene.fires().again == until


def test_an_edit_under_a_silence_tells_nobody_new_and_who_lost_the_route_that_it_is_over() -> None:
    scene = Scene()
    scene.fires()
    scene.suppressors = silence(EVERYTHING)

    edited = scene.reconfigured({rule("availability")}, Route(receivers=("night",)))
    quiet(scene)

    assert sent(edited) == ["resolve to oncall", "resolve to sre"]
    assert sent(scene.reviewed()) == ["trigger to night"]


def test_a_notice_under_a_silence_is_recorded_and_told_to_nobody() -> None:
    scene = Scene(Route(receivers=("mail",), routes=(Route(parse_matchers('a="b"'), ()),)))
    scene.suppressors = silence('kind="budget"')

    decision = scene.changes([noticed(scene, "availability")])

    assert sent(decision) == []
    assert decision.alerts[0].held_by
    assert any(line.startswith("suppressed: Nobody is newly told") for line in scene.timeline)
