"""Whom one that fires speaks for: as loud, of the same sort, and nobody stands above it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerting.alert import Alert, AlertKind
from alerting.dependency import Dependencies, Dependency, Ended, Looks, Parents
from alerting.inhibition import Source
from slo.severity import Severity
from tests.alerting.scene import FACTS

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
S = timedelta(seconds=1)
GATEWAY = Dependency("gateway", "gateway")
ON_GATEWAY = Dependencies({"shop": (GATEWAY,)}, 60 * S)
ALERT = Alert(
    "1", "shop/up#page:1h:5m", "shop", "up", AlertKind.BURN, Severity.PAGE, NOW, FACTS, "i"
)


def labels(service: str, severity: str = "page", kind: str = "burn") -> Mapping[str, str]:
    return {"service": service, "severity": severity, "kind": kind}


def source(service: str = "gateway", severity: str = "page", kind: str = "burn") -> Source:
    return Source("id", f"{service}/up#{severity}:1h:5m", labels(service, severity, kind))


def held(parents: Parents, alert: Alert = ALERT, now: datetime = NOW) -> list[str]:
    return [one.id for one in parents.holding(alert, labels("shop"), now)]


@pytest.mark.parametrize(
    ("child", "parent", "spoken_for"),
    [
        (("page", "burn"), ("page", "burn"), True),
        (("page", "burn"), ("page", "threshold"), True),
        (("ticket", "burn"), ("page", "burn"), True),
        (("page", "burn"), ("ticket", "burn"), False),
        (("ticket", "no_data"), ("page", "burn"), True),
        (("ticket", "no_data"), ("ticket", "no_data"), True),
        (("ticket", "burn"), ("ticket", "no_data"), False),  # our blindness explains no failure
        (("page", "burn"), ("critical", "outside"), False),
        (("ticket", "budget"), ("page", "burn"), True),
    ],
)
def test_whom_it_speaks_for(
    child: tuple[str, str], parent: tuple[str, str], spoken_for: bool
) -> None:
    parents = Parents(ON_GATEWAY, [source("gateway", *parent)])

    assert bool(parents.suppressors(labels("shop", *child))) is spoken_for


def test_whoever_depends_on_nothing_is_held_by_nobody() -> None:
    parents = Parents(ON_GATEWAY, [source()])

    assert parents.suppressors(labels("gateway")) == ()
    assert parents.suppressors(labels("bank")) == ()


def test_of_two_of_which_one_depends_on_the_other_the_cause_speaks() -> None:
    dns = Dependency("dns", "dns")
    parents = Parents(
        Dependencies({"shop": (GATEWAY, dns), "gateway": (dns,)}), [source(), source("dns")]
    )

    assert [str(one) for one in parents.suppressors(labels("shop"))] == [
        "dependency dns (this depends on it, and it fires)"
    ]


@pytest.mark.parametrize(
    ("looks", "waits"),
    [
        (None, True),  # nobody probes it
        (Looks(None), True),  # a probe of it fails, or was not answered yet
        (Looks(NOW - S), True),  # it passed before this began
        (Looks(NOW + S), False),
        (Looks(NOW + S, burns=True), True),  # it fails its users, whatever its probe says
    ],
)
def test_one_that_began_waits_until_what_it_depends_on_was_seen_well(
    looks: Looks | None, waits: bool
) -> None:
    parents = Parents(ON_GATEWAY, [], (), lambda _: looks)

    assert bool(held(parents, now=NOW + 2 * S)) is waits
    assert held(parents, now=NOW + 60 * S) == []


def test_nobody_waits_for_what_no_rule_watches() -> None:
    mute = Dependencies({"shop": (replace(GATEWAY, speaks=False),)}, 60 * S)

    assert held(Parents(mute, [])) == []


def test_a_first_failure_counts_and_not_the_moment_that_made_it_an_alert() -> None:
    down = replace(ALERT, facts=replace(FACTS, since=NOW - 60 * S))
    parents = Parents(ON_GATEWAY, [], (), lambda _: Looks(NOW - 10 * S))

    assert held(parents) == ["gateway"]
    assert held(parents, down) == []


def test_the_failures_that_go_on_count_from_their_first() -> None:
    own = Looks(None, failing_since=NOW - 60 * S)
    seen = Looks(NOW - 10 * S)
    parents = Parents(ON_GATEWAY, [], (), lambda name: own if name == "shop" else seen)

    assert held(parents) == []


def test_after_a_recovery_there_is_time_to_follow() -> None:
    gone = [Ended(source(), NOW + 300 * S)]
    parents = Parents(ON_GATEWAY, [], gone)

    assert held(parents, now=NOW + 359 * S) == ["gateway"]
    assert held(parents, now=NOW + 360 * S) == []
    later = replace(ALERT, started_at=NOW + 301 * S)
    assert held(Parents(ON_GATEWAY, [], gone, lambda _: Looks(NOW + 310 * S)), later) == []


def test_after_that_one_whose_probes_pass_is_not_told_of_what_its_windows_remember() -> None:
    was_held = replace(ALERT, held_by=("dependency gateway (this depends on it, and it fires)",))
    only_waited = replace(
        ALERT, held_by=("dependency gateway (this depends on it, and it may speak first)",)
    )
    at = NOW + 600 * S

    def seen(looks: Looks | None) -> Parents:
        return Parents(ON_GATEWAY, [], (), lambda name: looks if name == "shop" else None)

    assert held(seen(Looks(at - S)), was_held, at) == ["gateway"]
    assert held(seen(Looks(None)), was_held, at) == []
    assert held(seen(None), was_held, at) == []
    assert held(seen(Looks(at - S)), only_waited, at) == []


def test_a_collector_speaks_by_what_it_feeds_alone() -> None:
    side = Dependency("gateway/side", "gateway", frozenset({"gateway/slow", "gateway#alert:down"}))
    on_side = Dependencies({"shop": (side,)})

    def spoken_for(rule: str) -> bool:
        one = Source("id", rule, labels("gateway"))
        return bool(Parents(on_side, [one]).suppressors(labels("shop")))

    assert spoken_for("gateway/slow@99.9#page:1h:5m")
    assert spoken_for("gateway#alert:down")
    assert not spoken_for("gateway/up#page:1h:5m")
    assert not spoken_for("gateway#alert:downhill")
