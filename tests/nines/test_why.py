"""Why somebody was told, from the records of a real service: also of what was edited since."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerting.destination import Destination
from dashboards import format as write
from dashboards.receivers_page import ReceiverStanding
from dashboards.why import AlertWhy, WhyFacts, alert_why
from nines.live import Live
from slo.versions import Version
from tests.nines.living import START, Living
from tests.nines.test_intake import FILE, alert, post
from web.why import UnknownError, why

UP = "up: {objective: 99.9%, sli: {probe: front}}"
LOOSER = "up: {objective: 99%, sli: {probe: front}}"
M = timedelta(minutes=1)


async def outage(tmp_path: Path) -> Living:
    living = Living(tmp_path)
    living.write(UP)
    await living.open()
    await living.pass_time(10 * M)
    await living.pass_time(2 * M, failing=["front"])
    return living


async def asked(living: Living, of: str, at: str | None = None) -> WhyFacts:
    return await why(living.service.live, of, at, living.clock.now())


async def page_of(living: Living) -> AlertWhy:
    """What is told of the alert that paged."""
    found = await living.service.live.incidents(state=None, service=None, cursor=None, limit=1)
    alerts = (await asked(living, found.incidents[0].id)).alerts
    return next(one for one in alerts if one.severity in ("page", "critical"))


async def test_the_page_is_explained_with_its_route_and_what_waits(tmp_path: Path) -> None:
    living = await outage(tmp_path)

    told = await page_of(living)

    assert [one.receiver for one in told.receivers] == ["oncall", "desk"]
    assert all(one.words.startswith("not told yet (not tried yet)") for one in told.receivers)
    assert told.routes[0].route == 'severity="page" matched route 1'
    assert told.labels["slo"] == "up"
    assert told.since == ()
    await living.service.close()


async def test_what_waits_for_a_parked_receiver_says_so_and_how_to_unpark_it(
    tmp_path: Path,
) -> None:
    living = await outage(tmp_path)
    alert_id = (await page_of(living)).alert_id
    file = await living.service.live.why(alert_id)
    assert file is not None

    parked = Destination("oncall", parked_at=START, problem="HTTP 404")
    told = alert_why(file, [ReceiverStanding("oncall", "pagerduty", parked)])

    oncall, desk = (one.words for one in told.receivers)
    assert oncall.startswith("not told yet (not tried yet): oncall is parked since ")
    assert oncall.endswith(
        ": HTTP 404; nothing is sent there until it is unparked, by an edit that mends it or by: "
        "nines unpark oncall --by YOUR_NAME"
    )
    assert "the next try is due at" in desk
    await living.service.close()


async def test_what_waits_for_its_receiver_says_what_holds_it(tmp_path: Path) -> None:
    living = await outage(tmp_path)
    file = await living.service.live.why((await page_of(living)).alert_id)
    assert file is not None
    later = living.clock.now() + M
    broken = Destination("oncall", failures=6, open_until=later, problem="HTTP 503")

    told = alert_why(
        file,
        [
            ReceiverStanding("oncall", "pagerduty", broken, paced_until=later),
            ReceiverStanding("desk", "webhook", Destination("desk"), paced_until=later),
        ],
    )

    oncall, desk = (one.words for one in told.receivers)
    assert oncall.startswith(
        "not told yet (not tried yet): 6 tries in a row to oncall failed: HTTP 503; the next try "
        "there is due at "
    )
    assert desk.startswith(
        "not told yet (not tried yet): desk is told no faster than it takes, the most urgent "
        "first; the next message to it may go at "
    )
    assert oncall.endswith(write.full(later))
    assert desk.endswith(write.full(later))
    await living.service.close()


async def test_an_edit_since_is_said_and_the_past_stays_as_it_was(tmp_path: Path) -> None:
    living = await outage(tmp_path)
    before = await page_of(living)
    await living.edit(LOOSER)

    told = await page_of(living)

    assert told.routes == before.routes
    assert told.steps[: len(before.steps)] == before.steps
    assert [one for one in told.since if "objective 99.9% -> 99%" in one]
    await living.service.close()


async def test_the_first_version_is_no_edit_though_it_began_after_the_alert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = Live.versions

    def with_a_late_start(live: Live, slo_id: str) -> list[Version]:
        found = list(stored(live, slo_id))
        late = replace(found[0].definition, valid_from=START + timedelta(days=1))
        return [replace(found[0], definition=late), *found[1:]]

    monkeypatch.setattr(Live, "versions", with_a_late_start)
    living = await outage(tmp_path)

    assert (await page_of(living)).since == ()
    await living.service.close()


async def test_of_a_rule_that_is_gone_it_says_so_and_explains_all_the_same(tmp_path: Path) -> None:
    living = await outage(tmp_path)
    alert = (await page_of(living)).alert_id
    await living.edit("other: {objective: 99.9%, sli: {probe: back}}")

    (told,) = (await asked(living, alert)).alerts

    assert told.since[-1] == "Its rule is no longer in the configuration: it could not fire now."
    assert told.routes[0].route == 'severity="page" matched route 1'
    await living.service.close()


async def test_an_alert_from_outside_is_explained_like_ours(tmp_path: Path) -> None:
    living = Living(tmp_path)
    text = FILE.replace("{database}", str(tmp_path / "nines.db"))
    (tmp_path / "config.yaml").write_text(text)
    await living.open()
    await post(living, alert())

    told = await page_of(living)

    assert told.routes[0].receivers == ("oncall",)
    assert told.labels["alertname"] == "Slow"
    assert told.origin_url == "http://prometheus.example/graph?g0.expr=x"
    assert told.since == ()
    await living.service.close()


async def test_alerts_from_outside_are_found_by_their_name(tmp_path: Path) -> None:
    living = Living(tmp_path)
    text = FILE.replace("{database}", str(tmp_path / "nines.db"))
    (tmp_path / "config.yaml").write_text(text)
    await living.open()
    await post(living, alert(), alert(instance="b"), alert("Down"))
    before = living.clock.now() - M

    told = await asked(living, "cart/Slow")

    assert [one.slo for one in told.alerts] == ["Slow", "Slow"]
    assert told.alerts[0].routes[0].receivers == ("oncall",)
    assert len((await asked(living, "cart/Down")).alerts) == 1
    with pytest.raises(UnknownError, match="There is no alert, incident, SLO or rule"):
        await asked(living, "cart/Slo")
    with pytest.raises(UnknownError, match="no alert that fired at "):
        await asked(living, "cart/Slow", before.isoformat())
    await living.service.close()


async def test_a_restart_of_the_same_adds_nothing_to_the_story(tmp_path: Path) -> None:
    living = await outage(tmp_path)
    before = await page_of(living)

    await living.restart()

    assert (await page_of(living)).steps == before.steps
    await living.service.close()


async def test_what_did_not_fire_says_which_window_was_short_of_what(tmp_path: Path) -> None:
    living = Living(tmp_path)
    living.write(UP)
    await living.open()
    await living.pass_time(10 * M)

    rules = (await asked(living, "shop/up")).rules

    assert [rule.state for rule in rules] == ["inactive"] * 4
    assert rules[0].answer == "It did not fire: burning 0x over 1h, not above 14.4x."
    assert [(one.what, one.met) for one in rules[0].conditions[:2]] == [
        ("burn rate over 1h", False),
        ("burn rate over 5m", False),
    ]
    await living.service.close()


async def test_the_past_is_told_by_the_definition_that_was_in_force(tmp_path: Path) -> None:
    living = await outage(tmp_path)
    then = living.clock.now() - timedelta(seconds=30)
    await living.edit(LOOSER)
    await living.pass_time(5 * M)

    found = await asked(living, "shop/up#page:1h:5m", f"{then:%Y-%m-%dT%H:%M:%SZ}")

    (rule,) = found.rules
    assert rule.state == "firing"
    assert rule.conditions[0].wanted == "above 14.4x"
    assert found.notes[0].startswith("Told by version 1 of this SLO, which was in force until")
    await living.service.close()
