"""People get pages, programs get problems; nothing of it depends on another site."""

import httpx
import pytest

from tests.web.fakes import FakeSource

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def test_a_person_who_is_lost_gets_a_page(client: httpx.AsyncClient) -> None:
    response = await client.get("/nothing/here", headers=BROWSER)

    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/nothing/here", "/api/v1/nothing", "/-/nothing", "/metrics/x"])
async def test_a_program_that_is_lost_gets_a_problem(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


async def test_the_api_gives_problems_even_to_browsers(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/slos/shop/none", headers=BROWSER)

    assert response.headers["content-type"] == "application/problem+json"


async def test_a_method_that_is_not_offered_names_those_that_are(
    client: httpx.AsyncClient,
) -> None:
    response = await client.put("/api/v1/slos")

    assert (response.status_code, response.headers["allow"]) == (405, "GET")


async def test_a_page_that_fails_says_so_in_a_page(
    source: FakeSource, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(**_: object) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(source, "incidents", fail)
    response = await client.get("/incidents", headers=BROWSER)

    assert response.status_code == 500
    assert response.headers["content-type"].startswith("text/html")
    assert "hunter2" not in response.text


async def test_when_even_the_error_page_fails_there_is_a_problem(
    source: FakeSource, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(source, "statuses", fail)
    response = await client.get("/", headers=BROWSER)

    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in response.text


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
async def test_pages_that_would_need_a_content_network_are_off(
    client: httpx.AsyncClient, path: str
) -> None:
    assert (await client.get(path)).status_code == 404
