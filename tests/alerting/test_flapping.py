"""A rule that fires and clears again and again: held back by a stated rule, and never swallowed."""

from datetime import timedelta

from alerting.store import Decision
from tests.alerting.scene import Scene, rule, sent

M = timedelta(minutes=1)


class Flaps(Scene):
    """A scene that knows when its rules began, as the store does."""

    def begins(self) -> Decision:
        began = [one.started_at for one in self.store.alerts.values()]
        self.recent = {rule("availability"): began}
        return self.fires()

    def flap(self, times: int) -> None:
        """So many times for a minute, with a minute between."""
        for _ in range(times):
            self.begins()
            self.ends()


def test_the_first_ones_are_told_at_once() -> None:
    scene = Flaps()
    scene.flap(2)

    assert sent(scene.begins()) == ["trigger to oncall", "trigger to sre"]


def test_the_last_that_is_told_at_once_says_what_comes() -> None:
    scene = Flaps()
    scene.flap(2)

    told = scene.begins().notifications[0].message.what_changed

    assert told.endswith(
        "Flapping: it began 3 times in 4 min; from now on it is told only once it has fired for "
        "5 min."
    )


def test_the_next_ones_are_held_back_and_their_incident_says_so() -> None:
    scene = Flaps()
    scene.flap(3)

    assert sent(scene.begins()) == []
    assert scene.timeline[-1].startswith(
        "suppressed: Nobody is newly told of availability (page, 1h and 5m): "
        "flapping shop/availability#page:1h:5m (it began 4 times in 6 min)"
    )
    assert sent(scene.ends()) == []


def test_one_that_fires_on_is_told_when_its_time_is_over_and_why_so_late() -> None:
    scene = Flaps()
    scene.flap(3)
    begun = scene.begins()
    assert begun.again == begun.alerts[0].started_at + 5 * M
    scene.later(4 * M)

    decision = scene.reviewed()

    assert sent(decision) == ["trigger to oncall", "trigger to sre"]
    told = decision.notifications[0].message.what_changed
    assert "is no longer held back by flapping" in told
    assert "it began 4 times in 6 min" in told
    assert sent(scene.ends()) == ["resolve to oncall", "resolve to sre"]


def test_after_a_calm_half_hour_it_is_told_at_once_again() -> None:
    scene = Flaps()
    scene.flap(4)
    scene.later(30 * M)

    assert sent(scene.begins()) == ["trigger to oncall", "trigger to sre"]


def test_another_rule_is_told_at_once_beside_it() -> None:
    scene = Flaps()
    scene.flap(3)
    scene.begins()

    assert sent(scene.fires("latency")) == ["trigger to oncall", "trigger to sre"]


def test_what_was_told_firing_is_told_resolved_though_its_rule_flaps() -> None:
    scene = Flaps()
    scene.flap(2)
    scene.begins()

    assert sent(scene.ends()) == ["resolve to oncall", "resolve to sre"]
