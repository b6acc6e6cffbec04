"""What is kept of a decision, so that "why was I (not) paged?" is answered as it was then."""

from datetime import timedelta

from alerting.grounds import Grounds
from alerting.routes import Escalation, Route, Terms
from alerting.store import Decision
from slo.selector import parse_matchers
from tests.alerting.scene import PAGE, TICKET, Scene, rule, silence

PATIENT = Route(
    receivers=("sre",),
    terms=Terms(
        group_wait=timedelta(seconds=30),
        escalate=(Escalation(timedelta(minutes=15), ("lead",)),),
        failover=("mail",),
    ),
)


def only(decision: Decision) -> Grounds:
    (found,) = decision.grounds
    return found


def test_who_is_told_and_by_which_route_is_kept_with_the_alert() -> None:
    decision = Scene().fires()

    grounds = only(decision)
    assert grounds.alert_id == decision.alerts[0].id
    assert grounds.words == {"oncall": "told now: trigger", "sre": "told now: trigger"}
    assert [course.route for course in grounds.courses] == ['severity="page" matched route 1']
    assert grounds.labels["env"] == "prod"
    assert grounds.what.startswith("availability (page, 1h and 5m) fires: burning 14.6x")


def test_the_terms_of_the_route_are_those_of_the_moment() -> None:
    (course,) = only(Scene(PATIENT).fires()).courses

    assert (course.group_wait, course.failover) == ("30s", ("mail",))
    assert course.escalate == ("15m: lead",)


def test_a_silence_is_kept_with_its_id() -> None:
    scene = Scene()
    scene.suppressors = silence('service="shop"')

    grounds = only(scene.fires())

    assert grounds.words["oncall"] == "told nothing new: held back by silence S1 (deploy, by ann)"
    assert [one.id for one in grounds.courses[0].held_by] == ["S1"]


def test_what_waits_says_until_when_and_for_what() -> None:
    words = only(Scene(PATIENT).fires("latency", TICKET)).words

    assert words["sre"].startswith("waits until 14:00:30 UTC for others to join it")


def test_when_the_wait_is_over_the_telling_is_kept_too() -> None:
    scene = Scene(PATIENT)
    scene.fires("latency", TICKET)

    assert only(scene.reviewed()).words["sre"].startswith("told now: trigger")


def test_an_escalation_is_kept_as_one() -> None:
    scene = Scene(PATIENT)
    assert only(scene.fires()).words["lead"] == (
        "told nothing yet: it is told if nobody acknowledges within 15 min"
    )
    scene.later(timedelta(minutes=20))

    told = only(scene.reviewed()).words["lead"]

    assert told == "told now: trigger, as nobody acknowledged this within 15 min"


def test_that_somebody_has_taken_it_is_kept_with_what_fires() -> None:
    scene = Scene(PATIENT)
    scene.fires()

    words = only(scene.acknowledged("ann")).words

    assert words == {
        "sre": "told now: acknowledge",
        "lead": "told nothing: ann has taken the incident",
    }


def test_an_edit_of_the_routes_keeps_the_new_way() -> None:
    scene = Scene()
    scene.fires()

    edited = scene.reconfigured({rule("availability")}, Route(receivers=("night",)))

    assert only(edited).courses[0].route == "no route matched, so the root's receivers"
    assert only(edited).words["night"].startswith("told now: trigger")


def test_a_look_at_which_nothing_happens_keeps_nothing() -> None:
    scene = Scene(Route(routes=(Route(parse_matchers('severity="page"'), ("oncall",)),)))
    scene.fires("availability", PAGE)

    assert scene.reviewed().empty
