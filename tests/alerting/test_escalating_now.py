"""Somebody does not wait for an escalation, and somebody writes a note."""

from datetime import timedelta

from alerting.desk import escalate, note
from alerting.routes import Escalation, Route, Terms
from alerting.store import Decision
from tests.alerting.scene import PAGE, Scene, sent

STEPS = (
    Escalation(timedelta(minutes=15), ("boss",)),
    Escalation(timedelta(hours=1), ("cto",)),
)
TREE = Route(receivers=("sre",), terms=Terms(escalate=STEPS))


def burning() -> Scene:
    scene = Scene(TREE)
    scene.fires("availability", PAGE)
    return scene


def pressed(scene: Scene) -> Decision:
    file = scene.store.incident_file(scene.incident.id)
    assert file is not None
    return scene.keep(escalate(file, "ann", scene.context))


def test_the_next_step_is_told_at_once_and_the_one_after_waits() -> None:
    scene = burning()

    first, second = pressed(scene), pressed(scene)

    assert sent(first) == ["trigger to boss"]
    assert "Ann escalated this." in first.notifications[0].message.what_changed
    assert "routed: To send: trigger to boss, as ann escalated this." in scene.timeline
    assert sent(second) == ["trigger to cto"]


def test_where_nobody_is_left_a_note_says_so() -> None:
    scene = burning()
    pressed(scene)
    pressed(scene)

    third = pressed(scene)

    assert sent(third) == []
    assert [event.text for event in third.events] == [
        "ann escalated this, but the route names nobody further: nothing changed."
    ]


def test_without_an_escalation_nobody_is_left_to_be_told() -> None:
    scene = Scene()
    scene.fires("availability", PAGE)

    assert sent(pressed(scene)) == []


def test_who_has_taken_it_may_call_for_more_and_they_hear_of_the_end() -> None:
    scene = burning()
    scene.acknowledged()

    called = pressed(scene)
    over = scene.ends("availability", PAGE)

    assert sent(called) == ["trigger to boss"]
    assert sent(over) == ["resolve to sre", "resolve to boss"]


def test_what_is_over_is_not_escalated() -> None:
    scene = burning()
    scene.ends("availability", PAGE)

    decision = pressed(scene)

    assert sent(decision) == []
    assert decision.events[0].text.startswith("ann escalated this after it was resolved at")


def test_a_note_is_written_down_and_told_to_nobody() -> None:
    scene = burning()
    file = scene.store.incident_file(scene.incident.id)
    assert file is not None

    decision = scene.keep(note(file, "rolled back to 1.4", "ann", scene.context))

    assert sent(decision) == []
    assert "note: ann: rolled back to 1.4" in scene.timeline
