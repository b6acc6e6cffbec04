"""People get pages, programs get problems; nothing of it depends on another site."""

import httpx
import pytest

from dashboards.source import NotAnsweringError
from tests.web.fakes import FakeSource
from web.access.decision import Principal
from web.access.everybody import Everybody
from web.access.port import Credentials
from web.app import create_app
from web.settings import WebSettings

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

    monkeypatch.setattr(source, "health", fail)
    response = await client.get("/", headers=BROWSER)

    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in response.text


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
async def test_pages_that_would_need_a_content_network_are_off(
    client: httpx.AsyncClient, path: str
) -> None:
    assert (await client.get(path)).status_code == 404


async def _not_answering(**_: object) -> None:
    raise NotAnsweringError("The database nines.db did not answer: the disk is full.")


@pytest.mark.parametrize("path", ["/incidents", "/api/v1/incidents"])
async def test_storage_that_does_not_answer_is_said_and_to_be_asked_again(
    source: FakeSource, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(source, "incidents", _not_answering)
    response = await client.get(path, headers=BROWSER)

    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert "did not answer: the disk is full." in response.text


async def test_whoever_cannot_be_looked_up_is_told_that_storage_does_not_answer(
    source: FakeSource, settings: WebSettings
) -> None:
    class Away(Everybody):
        async def who(self, credentials: Credentials, *, reads: bool = False) -> Principal:
            del credentials, reads
            raise NotAnsweringError("The database nines.db did not answer: it is away.")

    transport = httpx.ASGITransport(create_app(source, settings=settings, access=Away()))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9919") as asking:
        page = await asking.get("/slos", headers=BROWSER)
        told = await asking.get("/api/v1/slos")
        form = await asking.get("/sign-in", headers=BROWSER)

    assert (page.status_code, told.status_code, form.status_code) == (503, 503, 200)
    assert page.headers["content-type"].startswith("text/html")
    assert told.json()["detail"] == "The database nines.db did not answer: it is away."


@pytest.mark.parametrize(
    ("said", "body"),
    [("text/plain", b'{"by": "ada"}'), ("application/x-www-form-urlencoded", b"by=ada")],
)
async def test_a_body_of_another_type_is_named(
    client: httpx.AsyncClient, source: FakeSource, said: str, body: bytes
) -> None:
    path = "/api/v1/incidents/INC0001/acknowledge"
    response = await client.post(path, content=body, headers={"content-type": said})

    assert response.status_code == 415
    assert response.json()["detail"] == (
        f"Content-Type is '{said}'; only application/json is taken here."
    )
    assert source.details["INC0001"].incident.acknowledged_by is None
