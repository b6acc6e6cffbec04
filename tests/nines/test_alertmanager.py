"""Who may use Alertmanager's API, and what it is told of what fires."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from alerting.config import AlertingConfig
from alerting.receivers import webhook
from alerting.silence import SilencePlan, read_matchers
from nines.alertmanager import Alertmanager
from slo.recurrence import Once
from tests.nines.living import Living, a_look, living
from web.alertmanager.port import RefusedError
from web.app import create_app
from web.settings import WebSettings

SLOS = """
up:
  objective: 99%
  window: 1d
  sli: {probe: front}
  tiers: [{severity: page, factor: 14.4, long: 5m, short: 1m, keep_firing_for: 10s}]
"""


def keeper(world: Living, config: AlertingConfig, *, on_loopback: bool = True) -> Alertmanager:
    return Alertmanager(
        intake=world.service.intake,
        own=world.service.own_firing,
        context=world.service.context,
        config=lambda: config,
        on_loopback=on_loopback,
        version="1",
        started_at=world.clock.now(),
    )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Living]:
    async with living(tmp_path, SLOS) as one:
        yield one


@pytest.mark.parametrize(
    ("written", "on_loopback", "header", "status"),
    [
        ({}, True, None, 200),
        ({}, False, None, 403),
        ({"enabled": False}, True, None, 404),
        ({"token": "t"}, True, None, 401),
        ({"token": "t"}, False, "Bearer wrong", 401),
        ({"token": "t"}, False, "Basic t", 401),
        ({"token": "t"}, False, "bearer t", 200),
        ({"token": "t"}, False, "Bearer é", 401),
    ],
)
async def test_who_may(
    world: Living,
    written: dict[str, object],
    on_loopback: bool,
    header: str | None,
    status: int,
) -> None:
    config = AlertingConfig.model_validate({"alertmanager_api": written})
    one = keeper(world, config, on_loopback=on_loopback)
    try:
        one.admit(header)
        got = 200
    except RefusedError as error:
        got = error.status

    assert got == status


async def test_every_endpoint_asks_who_it_is(world: Living) -> None:
    config = AlertingConfig.model_validate({"alertmanager_api": {"token": "t"}})
    app = create_app(world.service.live, settings=WebSettings(), alertmanager=keeper(world, config))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for method, path in (
            ("POST", "/alerts"),
            ("GET", "/alerts"),
            ("GET", "/alerts/groups"),
            ("GET", "/silences"),
            ("POST", "/silences"),
            ("GET", "/silence/x"),
            ("DELETE", "/silence/x"),
            ("GET", "/receivers"),
            ("GET", "/status"),
        ):
            answer = await client.request(method, f"/api/v2{path}")
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_our_own_alerts_are_told_by_the_labels_that_routes_know(world: Living) -> None:
    await world.pass_time(timedelta(minutes=6))
    await world.pass_time(timedelta(minutes=2), failing=["front"])

    (alert,) = await keeper(world, world.service.config.alerting).alerts()

    assert alert.labels == {
        "alertname": "ErrorBudgetBurn",
        "service": "shop",
        "slo": "up",
        "severity": "page",
        "kind": "burn",
        "rule": "shop/up#page:5m:1m",
    }
    assert alert.receivers == ("oncall", "desk")
    assert alert.url.endswith("/slos/shop/up")
    assert alert.annotations["summary"].startswith("burning")


async def test_its_configuration_names_receivers_that_only_stand_in(world: Living) -> None:
    receivers = {name: {"webhook": {"url": f"https://{name}.example/"}} for name in ("a", "b", "c")}
    route = {"receivers": ["a"], "failover": ["b"]}
    config = AlertingConfig.model_validate({"receivers": receivers, "route": route})

    shown = json.loads(keeper(world, config).status().config)

    assert [one["name"] for one in shown["receivers"]] == ["a", "b", "c"]


@pytest.mark.parametrize("named", ["alertname", "service", "alert", "severity", "kind", "rule"])
async def test_what_a_page_prints_is_what_the_api_shows_and_a_silence_takes(
    tmp_path: Path, named: str
) -> None:
    rule = "alerts: {down: {probe: front, down_for: 10s, severity: page}}"
    async with living(tmp_path, "calm: {objective: 50%, sli: {probe: back}}", rule) as one:
        await one.pass_time(timedelta(seconds=20), failing=["front"])
        look = a_look("shop/front", one.clock.now(), bad=True)
        one.service.rounds.on_confirming_look(look)
        await one.pass_time(timedelta(seconds=10), failing=["front"])

        (shown,) = await keeper(one, one.service.config.alerting).alerts()
        told = [row for row in await one.notifications() if row.receiver == "desk"]
        (printed,) = webhook.body(told[0].message, "https://nines.example")["alerts"]
        plan = SilencePlan(
            read_matchers([f'{named}="{printed["labels"][named]}"']),
            Once(one.clock.now(), one.clock.now() + timedelta(hours=1)),
            "a new database",
            "ada",
        )
        muted = await one.service.live.try_silence(plan)

        assert (printed["labels"], printed["fingerprint"]) == (shown.labels, shown.fingerprint)
        assert [alert.slo for alert in muted.now] == ["down"]
