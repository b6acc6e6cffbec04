"""On which terms a route speaks: waits, intervals, repetitions, failover and escalation."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerting.routes import Escalation, Route, Terms
from alerting.store import Decision
from slo.selector import parse_matchers
from slo.units import parse_duration
from tests.alerting.scene import PAGE, TICKET, Scene, only, rule, sent, silence
from tests.alerting.test_routes import CASES, alertmanager_route
from tests.alerting.test_time_interval import interval

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
PEERS = Terms(group_wait=30 * SECOND, group_interval=5 * MINUTE, repeat_interval=4 * HOUR)


class Slow(Scene):
    """Time passes only when the test says so."""

    def keep(self, decision: Decision) -> Decision:
        self.store.apply(decision, {})
        return decision


def scene(terms: Terms = PEERS, *routes: Route, receivers: tuple[str, ...] = ("sre",)) -> Slow:
    return Slow(Route(receivers=receivers, routes=routes, terms=terms))


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: str(case["labels"]))
def test_terms_come_from_above_as_alertmanagers_do(case: Mapping[str, Any]) -> None:
    defaults = {key: value for key, value in CASES["defaults"].items() if key != "group_by"}
    tree = alertmanager_route({**defaults, "group_by": [], **CASES["tree"]})
    found = [
        {
            "receiver": hit.receivers[0],
            "group_by": list(hit.terms.group_by or ()),
            "group_wait": hit.wait,
            "group_interval": hit.interval,
            "repeat_interval": hit.repeat,
        }
        for hit in tree.hits(case["labels"])
    ]

    assert found == [
        {k: parse_duration(v) if k.endswith(("wait", "interval")) else v for k, v in one.items()}
        for one in case["matches"]
    ]


def test_a_page_waits_for_nobody() -> None:
    assert sent(scene().fires("a", PAGE)) == ["trigger to sre"]


def test_a_ticket_waits_for_others_and_is_told_with_them() -> None:
    slow = scene()
    first = slow.fires("a", TICKET)
    assert sent(first) == []
    assert first.again == slow.clock.now() + 30 * SECOND
    assert slow.timeline[-1].endswith("for others to join it, as group_wait is 30 s.")
    slow.later(20 * SECOND)
    assert sent(slow.fires("b", TICKET)) == []
    slow.later(9 * SECOND)
    assert slow.reviewed().empty
    slow.later(SECOND)

    told = slow.reviewed()

    assert sent(told) == ["trigger to sre"]
    assert {line.slo for line in told.notifications[0].message.alerts} == {"a", "b"}
    assert slow.reviewed().empty


def test_a_ticket_that_ends_while_it_waits_is_told_to_nobody() -> None:
    slow = scene()
    slow.fires("a", TICKET)
    slow.later(10 * SECOND)

    assert sent(slow.ends("a", TICKET)) == []
    assert slow.files == []


def test_a_page_brings_the_waiting_ticket_along() -> None:
    slow = scene()
    slow.fires("a", TICKET)

    told = slow.fires("b", PAGE)

    assert sent(told) == ["trigger to sre"]
    assert len(told.notifications[0].message.alerts) == 2
    slow.later(30 * SECOND)
    assert slow.reviewed().empty


def test_updates_come_once_an_interval_with_the_newest_alone() -> None:
    slow = scene()
    slow.fires("a", PAGE)
    slow.later(MINUTE)
    assert sent(slow.fires("b", TICKET)) == []
    slow.later(MINUTE)
    assert sent(slow.fires("c", TICKET)) == []
    assert sent(slow.ends("b", TICKET)) == []
    slow.later(3 * MINUTE)

    told = slow.reviewed()

    assert sent(told) == ["update to sre"]
    assert "c (ticket" in told.notifications[0].message.what_changed
    assert "b (ticket" not in told.notifications[0].message.what_changed
    assert slow.reviewed().empty


def test_a_resolve_and_another_page_do_not_wait_for_the_interval() -> None:
    slow = scene()
    slow.fires("a", PAGE)

    assert sent(slow.fires("b", PAGE)) == ["update to sre"]
    slow.ends("a", PAGE)
    assert sent(slow.ends("b", PAGE)) == ["resolve to sre"]


def test_it_is_said_again_until_somebody_takes_it() -> None:
    slow = scene()
    slow.fires("a", PAGE)
    slow.later(4 * HOUR - SECOND)
    assert slow.reviewed().empty
    slow.later(SECOND)

    again = slow.reviewed()
    assert sent(again) == ["update to sre"]
    assert again.notifications[0].message.what_changed == (
        "It still fires and nobody acknowledged it, which is repeated every 4 h."
    )
    assert slow.reviewed().again == slow.clock.now() + 4 * HOUR

    slow.acknowledged()
    slow.later(5 * HOUR)
    assert slow.reviewed().empty


def test_what_is_silenced_is_not_said_again() -> None:
    slow = scene()
    slow.fires("a", PAGE)
    slow.suppressors = silence('service="shop"')
    slow.later(4 * HOUR)

    assert sent(slow.reviewed()) == []


def test_a_notification_names_who_is_tried_next() -> None:
    slow = scene(Terms(failover=("backup", "sre", "mail")))

    told = slow.fires()

    assert told.notifications[0].failover == ("backup", "mail")


def test_whom_it_failed_over_to_is_told_when_it_is_over_and_not_before() -> None:
    slow = scene(Terms(failover=("backup",)))
    first = slow.fires().notifications[0]
    beside = replace(first, id="beside", receiver="backup", failover=())
    slow.store.notifications["beside"] = beside

    assert slow.reviewed().empty
    assert sent(slow.ends()) == ["resolve to sre", "resolve to backup"]


BOSS = Terms(escalate=(Escalation(15 * MINUTE, ("boss",)), Escalation(HOUR, ("cto",))))


def test_it_escalates_when_nobody_acknowledges() -> None:
    slow = scene(BOSS)
    slow.fires()
    assert slow.reviewed().again == slow.clock.now() + 15 * MINUTE
    slow.later(15 * MINUTE)

    told = slow.reviewed()

    assert sent(told) == ["trigger to boss"]
    assert told.notifications[0].message.what_changed == ("Nobody acknowledged this within 15 min.")
    slow.later(45 * MINUTE)
    assert sent(slow.reviewed()) == ["trigger to cto"]
    assert sent(slow.ends()) == ["resolve to sre", "resolve to boss", "resolve to cto"]


def test_an_acknowledgement_ends_the_escalation_and_reaches_whom_it_reached() -> None:
    slow = scene(BOSS)
    slow.fires()
    slow.later(15 * MINUTE)
    slow.reviewed()

    assert sent(slow.acknowledged()) == ["acknowledge to sre", "acknowledge to boss"]
    slow.later(2 * HOUR)
    assert slow.reviewed().empty
    assert sent(slow.ends()) == ["resolve to sre", "resolve to boss"]


def test_what_nobody_was_told_of_does_not_escalate() -> None:
    slow = scene(BOSS)
    slow.suppressors = silence('service="shop"')
    slow.fires()
    slow.later(2 * HOUR)
    assert sent(slow.reviewed()) == []
    slow.suppressors = lambda _: ()

    assert sent(slow.reviewed()) == ["trigger to sre"]
    slow.later(15 * MINUTE)
    assert sent(slow.reviewed()) == ["trigger to boss"]


def test_an_edit_in_the_middle_of_an_escalation_goes_on_by_what_is_written_now() -> None:
    slow = scene(BOSS)
    slow.fires()
    slow.later(10 * MINUTE)
    tree = Route(receivers=("sre", "night"), terms=Terms(escalate=(Escalation(HOUR, ("cto",)),)))

    assert sent(slow.reconfigured({rule("availability")}, tree)) == ["trigger to night"]
    slow.later(10 * MINUTE)
    assert slow.reviewed().empty  # the boss is no longer part of it
    slow.later(40 * MINUTE)
    assert sent(slow.reviewed()) == ["trigger to cto"]  # an hour after sre was told
    assert sent(slow.reconfigured({rule("availability")}, Route(receivers=("sre",)))) == [
        "resolve to night",
        "resolve to cto",
    ]
    assert sent(slow.ends()) == ["resolve to sre"]


def test_a_route_is_quiet_in_its_mute_intervals_and_its_children_are_not() -> None:
    afternoon = interval({"times": [{"start_time": "14:00", "end_time": "15:00"}]})
    tree = Route(
        receivers=("mail",),
        routes=(
            Route(
                parse_matchers('service="shop"'),
                ("sre",),
                (Route(parse_matchers('severity="page"'), ("oncall",)),),
                mute=(afternoon,),
            ),
        ),
    )
    slow = Slow(tree)  # it is 14:00

    assert sent(slow.fires("a", PAGE)) == ["trigger to oncall"]
    muted = slow.fires("b", TICKET)
    assert sent(muted) == []
    assert muted.again == slow.clock.now() + HOUR
    assert slow.timeline[-1] == (
        "suppressed: Nobody is newly told of b (ticket, 1h and 5m): mute t (route 1 is quiet then)."
    )
    slow.later(HOUR)
    assert sent(slow.reviewed()) == ["trigger to sre"]


def test_a_route_speaks_only_in_its_active_intervals() -> None:
    evening = interval({"times": [{"start_time": "18:00", "end_time": "22:00"}]})
    tree = Route(
        receivers=("mail",),
        routes=(Route(parse_matchers('severity="page"'), ("sre",), active=(evening,)),),
    )
    slow = Slow(tree)
    early = slow.fires()
    assert sent(early) == []
    assert slow.timeline[-1].endswith("inactive outside t (route 1 speaks only then).")
    slow.later(4 * HOUR)

    assert sent(slow.reviewed()) == ["trigger to sre"]
    slow.later(4 * HOUR)
    assert slow.reviewed().notifications == ()
    assert sent(slow.ends()) == ["resolve to sre"]


def test_alerts_of_several_routes_are_held_back_for_each_by_its_own() -> None:
    always = interval({})
    tree = Route(
        receivers=(),
        routes=(
            Route(parse_matchers('service="shop"'), ("sre",), go_on=True, mute=(always,)),
            Route(parse_matchers('service="shop"'), ("oncall",)),
        ),
    )
    slow = Slow(tree)

    decision = slow.fires()

    assert sent(decision) == ["trigger to oncall"]
    assert decision.alerts[0].held_by == ("mute t (route 1 is quiet then), for sre",)
    assert only(decision, lambda n: n.receiver == "oncall").alerts == (decision.alerts[0].id,)
