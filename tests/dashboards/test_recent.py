"""What changed lately, and what maintenance comes next."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from alerting.silence import Silence, read_matchers
from dashboards.recent import RecentView, recent_view
from slo.deployment import Deployment, Rollout
from slo.exclusion import Exclusion, Scope
from slo.recurrence import Once, Schedule, recurring
from tests.web.fakes import NOW, FakeSource

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def silence(made_ago: timedelta) -> Silence:
    at = NOW - made_ago
    return Silence(
        "s1", read_matchers(["service=shop"]), Once(at, at + HOUR), "noise", "ann", "api", at
    )


def exclusion(schedule: Schedule, name: str = "x1") -> Exclusion:
    at = NOW - 2 * HOUR
    return Exclusion(name, Scope("shop"), schedule, "a new disk", "ann", "api", at, at)


def view(*exclusions: Exclusion, silences: tuple[Silence, ...] = ()) -> RecentView:
    released = Deployment("d1", Rollout("shop", "1.4", NOW - HOUR, "ci", "prod"), NOW)
    return recent_view(
        deployments=[released],
        silences=silences,
        exclusions=exclusions,
        health=FakeSource().health(),
        now=NOW,
    )


def test_releases_silences_exclusions_and_the_configuration_stand_newest_first() -> None:
    found = view(exclusion(Once(NOW - 9 * DAY, NOW - 8 * DAY)), silences=(silence(3 * HOUR),))

    assert [(row.word, row.what, row.url) for row in found.changes] == [
        ("Released", "shop 1.4 (prod)", "/services/shop"),
        ("Excluded", "shop", "/exclusions/x1"),
        ("Silenced", 'service="shop"', "/silences/s1"),
        ("Configuration", "read anew", "/settings"),
    ]


def test_what_is_older_than_a_week_is_left_out() -> None:
    assert "Silenced" not in [row.word for row in view(silences=(silence(8 * DAY),)).changes]


def test_the_next_maintenance_is_the_one_that_runs_or_comes_first() -> None:
    later = exclusion(Once(NOW + 2 * DAY, NOW + 3 * DAY), "later")
    daily = exclusion(
        recurring(
            "FREQ=DAILY", (NOW + HOUR).replace(tzinfo=None), ZoneInfo("UTC"), timedelta(minutes=30)
        ),
        "daily",
    )
    running = exclusion(Once(NOW - HOUR, NOW + HOUR), "running")

    first, second = view(later, daily).work, view(later, daily, running).work

    assert first is not None
    assert first.url == "/exclusions/daily"
    assert first.words.endswith("in 1 h") or "in 1\u00a0h" in first.words
    assert second is not None
    assert (second.url, second.words) == ("/exclusions/running", "runs until 13:00 UTC")


def test_a_correction_of_the_past_is_no_maintenance() -> None:
    assert view(exclusion(Once(NOW - 2 * DAY, NOW - DAY))).work is None
