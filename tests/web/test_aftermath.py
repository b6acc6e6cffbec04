"""What incidents came to: by page, by API and by command."""

import httpx

from tests.nines.cli.running import run
from tests.nines.cli.serving import served
from tests.web.test_api import get


async def test_an_incident_tells_what_it_cost_and_how_long_it_took(
    client: httpx.AsyncClient,
) -> None:
    told = await get(client, "/incidents/INC0002/aftermath")

    assert (told["detect_seconds"], told["acknowledge_seconds"]) == (120, 240)
    assert told["costs"][0]["budget_ratio"] == 0.25
    assert told["costs"][0]["causes"] == {"status": 40, "latency": 2}


async def test_a_time_that_is_not_known_yet_is_null(client: httpx.AsyncClient) -> None:
    told = await get(client, "/incidents/INC0001/aftermath")

    assert told["acknowledge_seconds"] is None
    assert told["resolve_seconds"] is None


async def test_medians_are_told_by_service_and_by_owner(client: httpx.AsyncClient) -> None:
    told = await get(client, "/incidents/times")

    assert told["all"]["incidents"] == 4
    assert told["all"]["acknowledge"] == {"median_seconds": 240, "known": 3}
    assert [one["name"] for one in told["services"]] == ["petuniverse-api", "shop"]
    assert sum(one["incidents"] for one in told["owners"]) == 4
    assert told["complete"] is True


async def test_the_range_is_the_one_that_is_asked_for(client: httpx.AsyncClient) -> None:
    told = await get(client, "/incidents/times", start="now-4h", end="now")

    assert told["all"]["incidents"] == 3
    backwards = await client.get("/api/v1/incidents/times?start=now&end=now-1h")
    assert backwards.status_code == 400


async def test_the_draft_is_markdown(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/incidents/INC0002/postmortem.md")

    assert response.headers["content-type"] == "text/markdown; charset=utf-8"
    assert response.text.startswith("# Post-mortem: ")
    assert (await client.get("/api/v1/incidents/none/postmortem.md")).status_code == 404


async def test_the_pages_show_it(client: httpx.AsyncClient) -> None:
    page = (await client.get("/incidents/INC0002")).text
    assert "25 % of its error budget: 42 of 360 events were bad, mostly status" in page
    assert 'href="/incidents/INC0002/postmortem"' in page

    assert "# Post-mortem: " in (await client.get("/incidents/INC0002/postmortem")).text
    assert (await client.get("/incidents/none/postmortem")).status_code == 404
    assert "How long it takes" in (await client.get("/incidents")).text


def test_the_command_prints_the_draft() -> None:
    with served() as server:
        ran = run("postmortem", "INC0002", "--server", server)
        missing = run("postmortem", "nothing", "--server", server)

    assert ran.code == 0
    assert ran.out.startswith("# Post-mortem: ")
    assert missing.code == 1
    assert "There is no incident 'nothing'." in missing.err
