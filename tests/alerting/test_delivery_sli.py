"""From decision to receipt: which deliveries are good events, which bad, and when that is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerting.config import AlertingConfig
from alerting.delivery_sli import Delivery, Verdict, verdict
from alerting.notification import NotificationState
from slo.severity import Severity
from tests.alerting.scene import PAGE

T0 = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
WAITS = Delivery("n-1", "oncall", T0, NotificationState.PENDING)
LATER = T0 + timedelta(hours=1)


def ended(state: NotificationState, after: timedelta) -> Delivery:
    return replace(WAITS, state=state, finished_at=T0 + after)


@pytest.mark.parametrize(
    ("one", "now", "found"),
    [
        (WAITS, T0 + MINUTE, None),
        (WAITS, T0 + MINUTE + SECOND, Verdict(good=False, at=T0 + MINUTE)),
        (
            ended(NotificationState.DELIVERED, MINUTE),
            LATER,
            Verdict(good=True, at=T0 + MINUTE),
        ),
        (
            ended(NotificationState.DELIVERED, MINUTE + SECOND),
            LATER,
            Verdict(good=False, at=T0 + MINUTE),
        ),
        (ended(NotificationState.FAILED, SECOND), LATER, Verdict(good=False, at=T0 + SECOND)),
        (ended(NotificationState.FAILED, 2 * MINUTE), LATER, Verdict(good=False, at=T0 + MINUTE)),
        (
            ended(NotificationState.DIGESTED, SECOND),
            LATER,
            Verdict(good=True, at=T0 + SECOND),
        ),
        (replace(WAITS, state=NotificationState.DIGESTED), T0 + MINUTE, None),
        (
            replace(WAITS, state=NotificationState.DIGESTED),
            LATER,
            Verdict(good=False, at=T0 + MINUTE),
        ),
        (ended(NotificationState.SKIPPED, SECOND), LATER, None),
        (ended(NotificationState.SKIPPED, 2 * MINUTE), LATER, Verdict(good=False, at=T0 + MINUTE)),
    ],
    ids=[
        "waits",
        "waits too long",
        "in time",
        "too late",
        "failed",
        "failed late",
        "told in a digest",
        "waits in a digest",
        "waits too long in a digest",
        "nothing left to say",
        "nothing left to say, too late",
    ],
)
def test_what_a_delivery_is(one: Delivery, now: datetime, found: Verdict | None) -> None:
    assert verdict(one, MINUTE, now) == found


def test_where_a_vendor_tells_what_became_its_yes_is_no_receipt() -> None:
    accepted = replace(ended(NotificationState.DELIVERED, SECOND), awaits_receipt=True)

    assert verdict(accepted, MINUTE, T0 + MINUTE) is None
    told = replace(accepted, receipt_at=T0 + 9 * SECOND)
    assert verdict(told, MINUTE, T0 + MINUTE) == Verdict(good=True, at=T0 + 9 * SECOND)
    assert verdict(accepted, MINUTE, LATER) == Verdict(good=False, at=T0 + MINUTE)


def test_a_verdict_never_changes_once_it_is_known() -> None:
    late = ended(NotificationState.DELIVERED, MINUTE + SECOND)
    waiting = verdict(WAITS, MINUTE, LATER)

    assert verdict(late, MINUTE, LATER) == waiting
    assert verdict(ended(NotificationState.FAILED, 5 * MINUTE), MINUTE, LATER) == waiting


RECEIVERS = {
    name: {"webhook": {"url": f"http://127.0.0.1:9/{name}"}} for name in ("oncall", "desk")
}
ROUTE = {"receivers": ["desk"], "routes": [{"match": 'severity="page"', "receivers": ["oncall"]}]}


def alerting(**more: object) -> AlertingConfig:
    written = {"receivers": RECEIVERS, "route": ROUTE, "delivery_slo": {}, **more}
    return AlertingConfig.model_validate(written)


def test_whoever_has_nines_watched_has_its_deliveries_watched() -> None:
    beat = {"url": "https://hc.example/x"}

    assert alerting(delivery_slo=None).own_slo is None
    assert alerting(delivery_slo=None, heartbeat=beat).own_slo is not None
    assert alerting(delivery_slo=None, canary={"every": "1d"}).own_slo is not None
    assert alerting(delivery_slo="off", heartbeat=beat).own_slo is None
    assert alerting(receivers={}, route={}).own_slo is None


OURS = {"service": "nines", "slo": "delivery", "severity": str(PAGE)}


def test_our_own_alerts_go_as_routes_say_and_find_their_way_past_a_dead_receiver() -> None:
    [hit] = alerting().route.hits(OURS)

    assert hit.receivers == ("oncall",)
    assert hit.failover == ("oncall", "desk")
    [ticket] = alerting().route.hits(OURS | {"severity": str(Severity.TICKET)})
    assert ticket.receivers == ("desk",)


def test_they_may_have_a_route_of_their_own() -> None:
    own = alerting(delivery_slo={"receivers": ["desk"]}).route

    assert [hit.receivers for hit in own.hits(OURS)] == [("desk",)]
    assert str(own.hits(OURS)[0]) == 'service="nines" matched route own'


def test_the_routes_of_others_keep_their_numbers() -> None:
    [hit] = alerting().route.hits({"service": "shop", "severity": str(PAGE)})

    assert str(hit) == 'severity="page" matched route 1'
    assert hit.failover == ()
    assert alerting(delivery_slo="off").route.hits({"severity": str(PAGE)}) == (hit,)
