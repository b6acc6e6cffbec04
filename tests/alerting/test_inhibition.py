"""Inhibition as Alertmanager's: equal labels, missing is empty, no two hold each other back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.inhibition import Inhibition, Source, inhibitors
from slo.selector import parse_matchers
from tests.alerting.scene import PAGE, TICKET, Scene, sent

PAGES_HOLD_TICKETS = Inhibition(
    "inhibit rule 1",
    parse_matchers('severity="page"'),
    parse_matchers('severity="ticket"'),
    ("service",),
)
BOTH = Inhibition("inhibit rule 1", parse_matchers('a=~".+"'), parse_matchers('b=~".+"'), ("env",))


def source(rule: str = "shop/up#page", **labels: str) -> Source:
    return Source("id", rule, labels)


@pytest.mark.parametrize(
    ("target", "by", "held"),
    [
        ({"severity": "ticket", "service": "shop"}, {"severity": "page", "service": "shop"}, True),
        ({"severity": "ticket", "service": "shop"}, {"severity": "page", "service": "bank"}, False),
        ({"severity": "info", "service": "shop"}, {"severity": "page", "service": "shop"}, False),
        ({"severity": "ticket"}, {"severity": "page"}, True),  # both lack it: equal
        ({"severity": "ticket"}, {"severity": "page", "service": ""}, True),
        ({"severity": "ticket"}, {"severity": "page", "service": "shop"}, False),
    ],
)
def test_who_holds_whom_back(target: dict[str, str], by: dict[str, str], held: bool) -> None:
    assert bool(inhibitors([PAGES_HOLD_TICKETS], target, [source(**by)])) is held


def test_two_that_are_on_both_sides_do_not_hold_each_other_back() -> None:
    both, other = {"a": "1", "b": "1"}, {"a": "2", "b": "2"}

    assert not BOTH.holds_back(both, other)
    assert not BOTH.holds_back(both, both)
    assert BOTH.holds_back(both, {"a": "1"})  # one that is a source alone does


def test_a_two_sided_source_hides_no_one_sided_one() -> None:
    both, alone = source("a", a="1", b="1"), source("b", a="1")

    assert [str(one) for one in inhibitors([BOTH], {"a": "2", "b": "2"}, [both, alone])] == [
        "inhibited by b (inhibit rule 1, while that fires)"
    ]


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "env"]), st.sampled_from(["", "1"]))))
def test_never_do_all_of_what_fires_hold_each_other_back(firing: list[dict[str, str]]) -> None:
    """Somebody is told of something: a source that nobody holds back is always left."""
    sources = [Source(str(n), str(n), labels) for n, labels in enumerate(firing)]
    held = [one for one in sources if inhibitors([BOTH], one.labels, sources)]

    assert len(held) < len(sources) or not sources


def test_a_page_holds_its_tickets_back_and_they_are_told_when_it_ends() -> None:
    scene = Scene()
    scene.inhibitions = (PAGES_HOLD_TICKETS,)
    decision = scene.changes(
        [
            scene.change("latency", TICKET, firing=True),
            scene.change("availability", PAGE, firing=True),
        ]
    )

    assert sent(decision) == ["trigger to oncall", "trigger to sre"]
    assert [n.message.alerts[0].slo for n in decision.notifications] == ["availability"] * 2
    assert any("inhibited by shop/availability#page:1h:5m" in line for line in scene.timeline)

    ended = scene.ends("availability")

    assert sent(ended) == ["update to sre", "resolve to oncall"]
    assert "latency (ticket, 1h and 5m) fires" in ended.notifications[0].message.what_changed


def test_a_page_elsewhere_holds_back_what_agrees_with_it() -> None:
    scene = Scene()
    scene.inhibitions = (
        Inhibition(
            "inhibit rule 1",
            parse_matchers('service="db"'),
            parse_matchers('service="shop"'),
            ("env",),
        ),
    )
    scene.elsewhere = (source("db/up#page", service="db", env="prod"),)

    assert sent(scene.fires()) == []

    scene.elsewhere = ()
    assert sent(scene.reviewed()) == ["trigger to oncall", "trigger to sre"]
