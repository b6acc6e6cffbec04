"""Rules in shadow: what would have been told is written down, with whom; nobody hears of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from alerting.alert import AlertChange, AlertKind, ShadowAlert
from alerting.rules import Rules
from alerting.shadow import SHOWN, ShadowSummary, record, summarize
from slo.severity import Severity
from tests.alerting.scene import PAGE, TICKET, Scene, rule, sent
from tests.alerting.test_notices import noticed

M = timedelta(minutes=1)


class Shadow(Scene):
    """The scene with what was written down in it."""

    def __init__(self) -> None:
        super().__init__()
        self.episodes: dict[str, ShadowAlert] = {}

    def hidden(self, *changes: AlertChange, rules: Rules | None = None) -> list[ShadowAlert]:
        decision = record(changes, list(self.episodes.values()), self.context, rules)
        assert replace(decision, shadows=()).empty
        self.episodes |= {one.id: one for one in decision.shadows}
        self.later()
        return list(decision.shadows)

    def begins(self, slo: str = "availability", severity: Severity = PAGE) -> ShadowAlert:
        (one,) = self.hidden(self.change(slo, severity, firing=True))
        return one

    def is_over(
        self, slo: str = "availability", severity: Severity = PAGE
    ) -> Sequence[ShadowAlert]:
        return self.hidden(self.change(slo, severity, firing=False))

    def summary(self) -> ShadowSummary:
        return summarize(self.episodes.values(), self.clock.now())


def test_an_episode_says_whom_the_routes_would_have_told() -> None:
    scene = Shadow()
    one = scene.begins("availability", PAGE)

    assert one.receivers == ("oncall", "sre")
    assert one.firing
    (ended,) = scene.is_over()
    assert ended == replace(one, ended_at=one.started_at + M, facts=ended.facts)


def test_what_goes_on_begins_once_and_what_never_began_cannot_end() -> None:
    scene = Shadow()
    scene.begins()

    assert scene.hidden(scene.change("availability", firing=True)) == []
    assert scene.is_over("latency") == []


def test_a_notice_is_written_down_as_a_moment() -> None:
    scene = Shadow()

    (one,) = scene.hidden(noticed(scene))

    assert one.ended_at == one.started_at
    assert scene.summary() == ShadowSummary(notices=1, last=one.started_at)


def test_leaving_the_shadow_while_it_burns_opens_the_incident_then() -> None:
    scene = Shadow()
    scene.begins()
    firing = {rule("availability"): scene.change("availability", firing=True)}
    rules = Rules({rule("availability")}, frozenset(), firing)

    (ended,) = scene.hidden(rules=rules)
    decision = scene.edited(rules)

    assert ended.facts.reason == "It left the shadow: people are told of it from now on."
    assert sent(decision) == ["trigger to oncall", "trigger to sre"]


def test_entering_the_shadow_ends_its_part_and_tells_who_knew() -> None:
    scene = Shadow()
    scene.fires("availability", PAGE)
    scene.fires("latency", TICKET)
    firing = {
        rule("availability"): scene.change("availability", firing=True),
        rule("latency", TICKET): scene.change("latency", TICKET, firing=True),
    }
    rules = Rules(set(firing), {rule("availability")}, firing)

    decision = scene.edited(rules)
    (hidden,) = scene.hidden(rules=rules)

    assert sent(decision) == ["update to sre", "resolve to oncall"]
    assert any("It is in shadow from now on: nobody is told of it." in t for t in scene.timeline)
    assert hidden.rule == rule("availability")
    assert hidden.firing


def test_an_edit_without_a_change_of_shadow_writes_nothing() -> None:
    scene = Shadow()
    scene.begins()
    firing = {rule("availability"): scene.change("availability", firing=True)}

    assert scene.hidden(rules=Rules(set(firing), set(firing), firing)) == []


def test_a_rule_that_is_gone_ends_and_one_that_was_renamed_goes_on() -> None:
    scene = Shadow()
    one, other = scene.begins("availability"), scene.begins("latency")
    new = rule("availability", pair="2h:5m")

    changed = scene.hidden(rules=Rules({new}, {new}, {}, {one.rule: new}))

    assert {episode.id: episode.rule for episode in changed if episode.firing} == {one.id: new}
    (ended,) = [episode for episode in changed if not episode.firing]
    assert ended.id == other.id
    assert ended.facts.reason == "Its rule is no longer in the configuration."


def test_episodes_that_overlap_would_have_been_one_incident() -> None:
    scene = Shadow()
    scene.begins("availability", TICKET)
    scene.begins("availability", PAGE)
    scene.is_over("availability", TICKET)
    scene.is_over("availability", PAGE)
    assert (scene.summary().incidents, scene.summary().pages) == (1, 1)

    scene.later()
    last = scene.begins("availability", TICKET)

    assert scene.summary() == ShadowSummary(2, 1, 0, last.started_at, firing=True)


def test_one_that_lasts_keeps_those_within_it_together() -> None:
    scene = Shadow()
    scene.begins("availability", TICKET)
    for _ in range(3):
        scene.begins("availability", PAGE)
        scene.is_over("availability", PAGE)
    scene.is_over("availability", TICKET)

    assert (scene.summary().incidents, scene.summary().pages) == (1, 1)


def test_what_is_long_over_is_not_counted() -> None:
    scene = Shadow()
    scene.begins()
    scene.is_over()
    assert scene.summary().pages == 1

    scene.clock.move(SHOWN)

    assert scene.summary() == ShadowSummary()


def test_kinds_of_rules_have_their_labels_in_the_routes() -> None:
    scene = Shadow()
    change = replace(scene.change("availability", TICKET, firing=True), kind=AlertKind.NO_DATA)

    (one,) = scene.hidden(change)

    assert one.receivers == ("sre",)
