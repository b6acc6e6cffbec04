"""The lane: whatever happened in the window, cut to it; drawn and as a table."""

import json
from datetime import UTC, datetime, timedelta

from alerting.incident import Incident, IncidentState
from alerting.silence import Silence, read_matchers
from dashboards.lane import (
    LaneEvent,
    lane,
    of_deployments,
    of_exclusions,
    of_incidents,
    of_silences,
)
from slo.deployment import Deployment, Rollout
from slo.recurrence import Once
from slo.severity import Severity

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
START = NOW - 6 * HOUR


def incident(opened: datetime, resolved: datetime | None) -> Incident:
    state = IncidentState.TRIGGERED if resolved is None else IncidentState.RESOLVED
    return Incident("i1", "shop", state, Severity.PAGE, "It fails", opened, resolved_at=resolved)


def silence(matcher: str, ended: datetime | None = None) -> Silence:
    return Silence(
        id="s1",
        matchers=read_matchers([matcher]),
        schedule=Once(NOW - 2 * HOUR, NOW + HOUR),
        reason="a new database",
        author="ada",
        origin="api",
        created_at=START,
        ended_at=ended,
    )


def drawn(*events: LaneEvent) -> list[tuple[str, float, float | None]]:
    """In hours from the window's start."""
    found = json.loads(lane(events, START, NOW).drawn)

    def hours(at: float | None) -> float | None:
        return None if at is None else (at - START.timestamp()) / 3_600

    return [(one["kind"], hours(one["at"]) or 0, hours(one["to"])) for one in found]


def test_what_lies_in_the_window_is_drawn_oldest_first_and_cut_to_it() -> None:
    releases = of_deployments(
        Deployment(str(n), Rollout("shop", "v2", at, "ada"), at)
        for n, at in enumerate((START - HOUR, START, NOW - HOUR, NOW))
    )
    excluded = of_exclusions([(START - HOUR, START + HOUR)], "/exclusions")
    incidents = of_incidents([incident(NOW - 3 * HOUR, NOW - 2 * HOUR)], NOW)
    still_open = of_incidents([incident(NOW - HOUR / 2, None)], NOW)

    assert drawn(*releases, *excluded, *incidents, *still_open) == [
        ("exclusion", 0, 1),
        ("deployment", 0, None),
        ("incident", 3, 4),
        ("deployment", 5, None),
        ("incident", 5.5, 6),
    ]


def test_the_table_tells_the_same_newest_first() -> None:
    rollout = Rollout("shop", "v2", NOW - HOUR, "ada", environment="eu", url="javascript:x")
    release = of_deployments([Deployment("d", rollout, NOW)])
    still_open = of_incidents([incident(NOW - HOUR / 2, None)], NOW)

    rows = lane([*release, *still_open], START, NOW).rows

    assert [(one.word, one.when, one.label, one.url) for one in rows] == [
        ("Incident", "since 11:30 UTC", "It fails", "/incidents/i1"),
        ("Deployment", "11:00 UTC", "v2 (eu) by ada", None),
    ]


def test_a_silence_is_there_where_it_mutes_any_alert_of_the_slo() -> None:
    labels = {"service": "shop", "slo": "up"}

    def found(one: Silence) -> list[tuple[str, float, float | None]]:
        return drawn(*of_silences([one], labels, START, NOW))

    assert found(silence('service="shop"')) == [("silence", 4, 6)]
    assert found(silence('severity="page"')) == [("silence", 4, 6)]
    assert found(silence('service="shop"', NOW - HOUR)) == [("silence", 4, 5)]
    assert found(silence('service="mail"')) == []
