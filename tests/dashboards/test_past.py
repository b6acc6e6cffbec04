"""The past as pages show it: where its links lead, and how records stood."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.incident import Incident, IncidentState
from dashboards.links import at_moment
from dashboards.past import collector_then, incident_then, past_view
from slo.severity import Severity
from tests.web.fakes import NOW, FakeSource

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
INCIDENT = Incident(
    id="INC1",
    service="shop",
    state=IncidentState.RESOLVED,
    severity=Severity.PAGE,
    title="shop: checkout",
    opened_at=NOW,
    acknowledged_at=NOW + 4 * MINUTE,
    acknowledged_by="Mia",
    resolved_at=NOW + 31 * MINUTE,
)


@pytest.mark.parametrize(
    ("minutes", "state", "by"),
    [
        (0, IncidentState.TRIGGERED, None),
        (3.9, IncidentState.TRIGGERED, None),
        (4, IncidentState.ACKNOWLEDGED, "Mia"),
        (30.9, IncidentState.ACKNOWLEDGED, "Mia"),
        (31, IncidentState.RESOLVED, "Mia"),
    ],
)
def test_an_incident_stands_as_it_did(minutes: float, state: IncidentState, by: str | None) -> None:
    then = incident_then(INCIDENT, NOW + minutes * MINUTE)

    assert (then.state, then.acknowledged_by) == (state, by)
    assert (then.resolved_at is None) == (state is not IncidentState.RESOLVED)


def test_an_incident_that_nobody_took_was_triggered_until_its_end() -> None:
    untaken = replace(INCIDENT, acknowledged_at=None, acknowledged_by=None)

    assert incident_then(untaken, NOW + 30 * MINUTE).state is IncidentState.TRIGGERED


def test_of_a_collector_only_runs_that_had_been_are_left() -> None:
    collector = FakeSource().collectors()[0]  # a run each ten seconds, the last 4 s ago

    then = collector_then(collector, NOW - MINUTE)
    long_ago = collector_then(collector, NOW - DAY)

    assert then.last is not None
    assert then.last.due == NOW - timedelta(seconds=64)
    assert then.recent == collector.recent[6:]
    assert (long_ago.last, long_ago.recent, long_ago.lateness) == (None, (), None)


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("/", "/?at=T"),
        ("/slos?sort=budget", "/slos?sort=budget&at=T"),
        ("/slos/a/b/numbers?at=X#list", "/slos/a/b/numbers?at=X#list"),
        ("/slos/a/b#rules", "/slos/a/b?at=T#rules"),
        ("https://runbooks.example/", "https://runbooks.example/"),
    ],
)
def test_links_between_pages_stay_at_the_moment(url: str, there: str) -> None:
    assert at_moment(url, "T") == there
    assert at_moment(url, None) == url


def test_the_note_offers_no_moment_that_cannot_be_shown() -> None:
    early = past_view(NOW - 30 * DAY, NOW, NOW - 30 * DAY - 2 * HOUR, "/slos", [("q", "a b")])
    late = past_view(NOW - 2 * HOUR, NOW, NOW - 30 * DAY, "/", [("at", "ignored")])

    assert [words for words, _ in early.steps][:2] == ["1 hour earlier", "5 minutes earlier"]
    assert [words for words, _ in late.steps][-1] == "1 hour later"
    assert early.now_url == "/slos?q=a+b"
    assert late.now_url == "/"
    assert late.at == "2026-11-21T10:00:07Z"
