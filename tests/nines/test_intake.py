"""Alerts from outside through a real service: one incident, told once, over restarts too."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerting.alert import AlertChange
from alerting.outside.posting import RefusedBodyError
from alerting.store import Decision
from nines.storage.errors import StorageError
from tests.nines.living import HEAD, Living

MINUTE = timedelta(minutes=1)
ROUTES = """
    routes:
      - {match: 'severity="critical"', receivers: [oncall]}
      - {match: 'cluster=~".+"', receivers: [desk], group_by: [cluster]}
"""
FILE = (
    HEAD.format(database="{database}").replace("{{", "{").partition("    routes:")[0]
    + "    group_wait: 0s"
    + ROUTES
    + """  alertmanager_api: {}
  inhibit_rules:
    - {source_matchers: 'severity="critical"', target_matchers: 'severity="warning"',
       equal: [service]}
services: {}
"""
)


@pytest.fixture
async def world(tmp_path: Path) -> Any:  # noqa: ANN401 - a generator of one
    one = Living(tmp_path)
    text = FILE.replace("{database}", str(tmp_path / "nines.db"))
    (tmp_path / "config.yaml").write_text(text)
    await one.open()
    yield one
    await one.service.close()


def alert(name: str = "Slow", *, end: datetime | None = None, **labels: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "labels": {"alertname": name, "service": "cart", "severity": "critical", **labels},
        "annotations": {
            "summary": f"{name} it is",
            "description": "p99 is 3 s",
            "runbook_url": "https://runbooks.example/slow",
        },
        "generatorURL": "http://prometheus.example/graph?g0.expr=x",
    }
    return found | ({"endsAt": end.isoformat()} if end else {})


async def post(world: Living, *alerts: dict[str, Any]) -> tuple[str, ...]:
    return await world.service.intake.post(json.dumps(alerts).encode())


async def pass_time(world: Living, by: timedelta) -> None:
    world.clock.move(by)
    await world.service.intake.look()
    await world.service.dispatch.review()


async def incidents(world: Living) -> list[tuple[str, str, str]]:
    page = await world.service.live.incidents(state=None, service=None, cursor=None, limit=100)
    return sorted((one.service, str(one.state), str(one.severity)) for one in page.incidents)


async def test_one_pages_with_its_own_words_and_its_end_is_told(world: Living) -> None:
    await post(world, alert())
    await post(world, alert())  # another replica, or the same one a minute later

    assert await world.told() == ["trigger to oncall"]
    (sent,) = await world.notifications()
    message = sent.message
    assert message.title == "cart Slow: Slow it is"
    assert message.runbook == "https://runbooks.example/slow"
    (line,) = message.alerts
    assert line.dashboard_url == "http://prometheus.example/graph?g0.expr=x"
    assert line.facts.reason == "p99 is 3 s"
    assert line.origin is not None
    assert line.origin.labels["alertname"] == "Slow"

    world.clock.move(MINUTE)
    await post(world, alert(end=world.clock.now()))
    assert await world.told() == ["trigger to oncall", "resolve to oncall"]
    assert await incidents(world) == [("cart", "resolved", "page")]


async def test_one_that_is_not_sent_again_is_over_at_its_end(world: Living) -> None:
    await post(world, alert())
    await pass_time(world, 4 * MINUTE)
    assert await incidents(world) == [("cart", "triggered", "page")]

    await pass_time(world, 2 * MINUTE)

    assert await incidents(world) == [("cart", "resolved", "page")]
    assert any("Nothing was heard of it since" in line for line in await world.timeline())


async def test_what_we_did_not_hear_while_we_were_away_ends_nothing(world: Living) -> None:
    await post(world, alert())
    world.clock.move(timedelta(hours=1))
    await world.restart()

    await pass_time(world, 4 * MINUTE)
    assert await incidents(world) == [("cart", "triggered", "page")]
    await post(world, alert())  # Prometheus has found us again
    await pass_time(world, 4 * MINUTE)
    assert await incidents(world) == [("cart", "triggered", "page")]
    await pass_time(world, 2 * MINUTE)
    assert await incidents(world) == [("cart", "resolved", "page")]
    assert await world.told() == ["trigger to oncall", "resolve to oncall"]


async def test_a_clock_that_was_set_forward_ends_nothing(world: Living) -> None:
    await post(world, alert())
    running = asyncio.create_task(world.service.intake.run())
    await world.clock.advance(timedelta(seconds=3))

    world.clock.set(world.clock.now() + timedelta(hours=1))
    await world.clock.advance(timedelta(seconds=3))

    assert await incidents(world) == [("cart", "triggered", "page")]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await pass_time(world, 6 * MINUTE)
    assert await incidents(world) == [("cart", "resolved", "page")]


async def test_nothing_is_looked_for_until_somebody_sends_an_alert(world: Living) -> None:
    running = asyncio.create_task(world.service.intake.run())
    looks: list[datetime] = []
    look = world.service.intake.look

    async def looked() -> None:
        looks.append(world.clock.now())
        await look()

    world.service.intake.look = looked  # type: ignore[method-assign]
    await world.clock.advance(timedelta(hours=1))
    assert looks == []

    await post(world, alert())
    for _ in range(20):
        await world.clock.advance(MINUTE / 2)
        await asyncio.sleep(0.02)  # storage has a thread of its own
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert await incidents(world) == [("cart", "resolved", "page")]
    assert world.service.intake.book == {}
    assert max(looks) < world.clock.now() - MINUTE  # and not again, once it was over


async def test_alerts_of_a_group_are_one_incident_whatever_their_services(world: Living) -> None:
    for name in ("A", "B", "C"):
        await post(world, alert(name, service=name, severity="warning", cluster="eu"))

    assert await incidents(world) == [("cluster=eu", "triggered", "ticket")]
    assert (await world.told())[0] == "trigger to desk"


async def test_inhibition_and_silences_hold_them_back(world: Living) -> None:
    await post(world, alert("Down"), alert("Slow", severity="warning"))
    assert await world.told() == ["trigger to oncall"]
    assert any("by outside/" in line for line in await world.timeline())


async def test_a_reload_ends_none_of_them(world: Living) -> None:
    await post(world, alert())
    assert (await world.service.reloading.reload()).problems == ()
    await world.service.dispatch.settle()

    assert await incidents(world) == [("cart", "triggered", "page")]


async def test_one_bad_alert_costs_no_good_one(world: Living) -> None:
    odd = alert("a\nb\0😀", service="x" * 100_000)
    problems = await post(world, alert(), {"labels": {}}, odd)

    assert problems == ("at least one label pair required",)
    assert len(await incidents(world)) == 2


async def test_nothing_of_a_body_that_cannot_be_read_is_taken(world: Living) -> None:
    with pytest.raises(RefusedBodyError):
        await world.service.intake.post(b'[{"labels":{"alertname":"A"}},{"labels":{"a":1}}]')

    assert world.service.intake.book == {}


async def test_what_storage_refuses_is_not_taken_and_its_sender_hears_so(
    world: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(world.service.records, "apply", full)
        answers = await asyncio.gather(
            post(world, alert("A")), post(world, alert("B")), return_exceptions=True
        )
        assert [type(one) for one in answers] == [StorageError, StorageError]
    assert world.service.intake.book == {}

    await post(world, alert("A"))
    assert await incidents(world) == [("cart", "triggered", "page")]


async def test_many_postings_at_once_are_one_transaction_each_answered(world: Living) -> None:
    many = [alert(f"A{n}", service=f"s{n % 7}") for n in range(100)]
    await asyncio.gather(*(post(world, one) for one in many))

    assert len(world.service.intake.book) == 100
    assert len(await incidents(world)) == 7
    await world.restart()
    assert len(world.service.intake.book) == 100


@pytest.fixture
def slowly(world: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each decision takes half a second."""
    take = world.service.dispatch.take

    async def slow(*args: Any) -> None:  # noqa: ANN401 - as it takes them
        await take(*args)
        world.clock.move(timedelta(seconds=0.5))

    monkeypatch.setattr(world.service.dispatch, "take", slow)


async def rounds(world: Living, until: Callable[[], bool]) -> None:
    """Decide on what is only stored until that holds."""
    deciding = asyncio.create_task(world.service.intake.decide())
    for _ in range(200):
        if until():
            break
        await world.clock.advance(timedelta(seconds=0.5))
        await asyncio.sleep(0.01)  # storage has a thread of its own
    deciding.cancel()
    await asyncio.gather(deciding, return_exceptions=True)
    assert until()


def decided(world: Living) -> bool:
    return not any(one.waits for one in world.service.intake.book.values())


@pytest.mark.usefixtures("slowly")
async def test_what_comes_close_behind_is_stored_and_then_decided_on_together(
    world: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post(world, alert("A"))
    for name in ("B", "C"):
        await post(world, alert(name, service=name))
    assert [one[0] for one in await incidents(world)] == ["cart"]
    assert len(world.service.intake.book) == 3

    taken: list[int] = []
    take = world.service.dispatch.take

    async def counted(changes: Sequence[AlertChange], page: Decision) -> None:
        taken.append(len(changes))
        await take(changes, page)

    monkeypatch.setattr(world.service.dispatch, "take", counted)
    await rounds(world, lambda: decided(world))

    assert taken == [2]
    assert [one[0] for one in await incidents(world)] == ["B", "C", "cart"]
    assert await world.told() == ["trigger to oncall"] * 3


@pytest.mark.usefixtures("slowly")
async def test_what_was_stored_and_not_decided_on_is_decided_on_after_a_restart(
    world: Living,
) -> None:
    await post(world, alert("A"))
    await post(world, alert("B", service="b"))
    await world.restart()
    assert [one[0] for one in await incidents(world)] == ["cart"]

    await rounds(world, lambda: decided(world))

    assert [one[0] for one in await incidents(world)] == ["b", "cart"]
    assert await world.told() == ["trigger to oncall"] * 2


@pytest.mark.usefixtures("slowly")
async def test_what_ends_before_it_was_decided_on_is_told_from_its_beginning(
    world: Living,
) -> None:
    await post(world, alert("A"))
    await post(world, alert("B", service="b"))
    await post(world, alert("B", service="b", end=world.clock.now()))
    await world.restart()
    await rounds(world, lambda: len(world.service.intake.book) == 1)

    assert await incidents(world) == [
        ("b", "resolved", "page"),
        ("cart", "triggered", "page"),
    ]
    told = ["trigger to oncall", "trigger to oncall", "resolve to oncall"]
    assert sorted(await world.told()) == sorted(told)


@pytest.mark.usefixtures("slowly")
async def test_a_decision_that_storage_refuses_is_made_as_soon_as_it_takes_it(
    world: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post(world, alert("A"))
    await post(world, alert("B", service="b"))
    apply = world.service.records.apply
    refused: list[Any] = []

    def full(*args: Any) -> None:  # noqa: ANN401 - as it takes them
        if len(refused) < 3:
            refused.append(args)
            raise StorageError("The disk is full.")
        apply(*args)

    monkeypatch.setattr(world.service.records, "apply", full)
    await rounds(world, lambda: decided(world))

    assert len(refused) == 3
    assert await world.told() == ["trigger to oncall"] * 2


async def test_the_button_in_a_message_silences_what_they_share(world: Living) -> None:
    await post(world, alert("A", job="x"), alert("B", job="x"))
    page = await world.service.live.incidents(state=None, service=None, cursor=None, limit=1)
    until = world.clock.now() + timedelta(hours=1)

    await world.service.silencing.silence_incident(page.incidents[0], "ada", until)

    (silence,) = world.service.live.silences()
    assert silence.label == 'service="cart", severity="critical", job="x"'
