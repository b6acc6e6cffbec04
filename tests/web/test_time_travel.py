"""The API at a moment in the past: counted again from what is stored, alerts as they were."""

from typing import Any

import httpx
import pytest

from dashboards.source import TooMuchError
from tests.web.fakes import FakeSource

API = "/api/v1/slos"
THEN = "2026-11-21T11:15:00Z"  # within the first incident, which began an hour before noon


async def get(client: httpx.AsyncClient, path: str, **query: str | int) -> dict[str, Any]:
    response = await client.get(path, params=query)
    assert response.status_code == 200, response.text
    facts: dict[str, Any] = response.json()
    return facts


async def test_an_slo_is_told_as_of_the_moment_with_its_alerts_as_recorded(
    client: httpx.AsyncClient,
) -> None:
    then = await get(client, f"{API}/shop/checkout", at=THEN)
    before = await get(client, f"{API}/shop/checkout", at="2026-11-21T10:59:50Z")

    assert then["at"] == THEN
    # Four failures of 11:53 were still to come, and its last five minutes held none.
    assert [burn["events"]["bad"] for burn in then["burns"] if burn["lookback"] == "1h"] == [0]
    states = {tier["key"]: (tier["state"], tier["since"]) for tier in then["tiers"]}
    assert states["page:1h:5m"] == ("firing", "2026-11-21T11:00:07Z")
    assert then["now_state"] == "burning_fast"
    assert {tier["state"] for tier in before["tiers"]} == {"inactive"}


async def test_the_list_is_of_the_moment_and_filters_by_its_states(
    client: httpx.AsyncClient,
) -> None:
    listed = await get(client, API, at=THEN)
    fast = await get(client, API, at=THEN, state="burning_fast")

    assert {one["at"] for one in listed["slos"]} == {THEN}
    assert listed["total"] == 11
    assert [one["name"] for one in fast["slos"]] == ["checkout"]


async def test_now_is_a_moment_too_and_takes_the_last_bucket_s_edge(
    client: httpx.AsyncClient,
) -> None:
    told = await get(client, f"{API}/shop/checkout", at="now")

    assert told["at"] == "2026-11-21T12:00:00Z"


@pytest.mark.parametrize(
    ("at", "words"),
    [("2026-11-21T12:00:08Z", "lies in the future"), ("whenever", "is not a time")],
    ids=["the future", "no time"],
)
@pytest.mark.parametrize("path", [API, f"{API}/shop/checkout"], ids=["list", "slo"])
async def test_a_moment_that_cannot_be_told_is_refused(
    client: httpx.AsyncClient, path: str, at: str, words: str
) -> None:
    response = await client.get(path, params={"at": at})

    assert response.status_code == 400
    assert words in response.json()["detail"]


async def test_too_many_at_once_are_said_to_be(
    source: FakeSource, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> object:
        raise TooMuchError("12,000 SLOs are too many: ask for one service.")

    monkeypatch.setattr(source, "as_of", refuse)

    response = await client.get(API, params={"at": THEN})

    assert response.status_code == 503
    assert response.json()["detail"] == "12,000 SLOs are too many: ask for one service."


async def test_before_anything_is_kept_nothing_is_told(client: httpx.AsyncClient) -> None:
    for path in (API, f"{API}/shop/checkout", "/api/v1/services", "/api/v1/services/shop"):
        response = await client.get(path, params={"at": "2026-09-01T00:00:00Z"})

        assert response.status_code == 400
        assert "nothing is kept from before 2026-09-22 12:00:07 UTC" in response.text


async def test_services_are_of_the_moment(client: httpx.AsyncClient) -> None:
    listed = await get(client, "/api/v1/services", at=THEN)
    shop = await get(client, "/api/v1/services/shop", at=THEN)

    (known,) = (one for one in listed["services"] if one["name"] == "shop")
    assert known["states"]["burning_fast"] == shop["service"]["states"]["burning_fast"] == 1
    assert {one["at"] for one in shop["slos"]} == {THEN}
    assert shop["collectors"][0]["last"] is None  # single runs of then are not kept


async def test_points_end_at_the_moment_and_add_up_to_its_window(
    client: httpx.AsyncClient,
) -> None:
    moment = "2026-11-21T11:15:20Z"  # within a step of five minutes
    status = await get(client, f"{API}/shop/checkout", at=moment)
    drawn = await get(
        client,
        f"{API}/shop/checkout/points",
        at=moment,
        start="now-1d",
        step="5m",
        include="remaining,burn",
    )

    assert drawn["ends"][-1] == 1795259720.0
    assert drawn["good"][-1] + drawn["bad"][-1] == 2  # twenty seconds of the last five minutes
    last_hour = await get(
        client, f"{API}/shop/checkout/points", at=moment, start="2026-11-21T10:15:20Z", step="10s"
    )
    (hour,) = (burn for burn in status["burns"] if burn["lookback"] == "1h")
    assert sum(last_hour["bad"]) == hour["events"]["bad"]
    assert sum(last_hour["good"]) == hour["events"]["good"]
    assert drawn["remaining"][-1] == status["budget"]["remaining_ratio"]


async def test_the_budget_s_ledger_is_of_the_moment(client: httpx.AsyncClient) -> None:
    ledger = await get(client, f"{API}/shop/checkout/budget", at=THEN)

    assert ledger["end"] == THEN
