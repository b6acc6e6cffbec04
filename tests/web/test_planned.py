"""What holds of exclusions and of silences alike: who may plan them, and that they are there."""

from typing import Any

import httpx
import pytest

from tests.web.planned import EXCLUDE, SILENCE, page

KINDS = [
    pytest.param("exclusion", EXCLUDE, id="exclusion"),
    pytest.param("silence", SILENCE, id="silence"),
]
ELSEWHERE = {"Sec-Fetch-Site": "cross-site"}


async def all_of(client: httpx.AsyncClient, kind: str) -> list[Any]:
    found: list[Any] = (await client.get(f"/api/v1/{kind}s")).json()[f"{kind}s"]
    return found


@pytest.mark.parametrize(("kind", "form"), KINDS, ids=["exclusion", "silence"])
async def test_nobody_ends_anything_namelessly(
    client: httpx.AsyncClient, kind: str, form: dict[str, str]
) -> None:
    await client.post(f"/{kind}s", data=form)
    client.cookies.clear()

    response = await client.post(f"/{kind}s/{kind}-1/end", data={"name": ""})

    assert response.status_code == 400
    assert len((await client.get(f"/api/v1/{kind}s/{kind}-1")).json()["trail"]) == 1


@pytest.mark.parametrize(("kind", "form"), KINDS, ids=["exclusion", "silence"])
async def test_one_that_is_not_there_is_not_found(
    client: httpx.AsyncClient, kind: str, form: dict[str, str]
) -> None:
    del form
    ended = await client.post(f"/{kind}s/none/end", data={"name": "ada"})
    by_program = await client.post(f"/api/v1/{kind}s/none/end", json={"by": "ada"})

    assert (ended.status_code, by_program.status_code) == (404, 404)
    await page(client, f"/{kind}s/none", 404)
    assert (await client.get(f"/api/v1/{kind}s/none")).json()["status"] == 404


@pytest.mark.parametrize(("kind", "form"), KINDS, ids=["exclusion", "silence"])
async def test_another_site_cannot_make_one(
    client: httpx.AsyncClient, kind: str, form: dict[str, str]
) -> None:
    sent = await client.post(f"/{kind}s", data=form, headers=ELSEWHERE)
    asked = await client.post(f"/api/v1/{kind}s", json={"reason": "x"}, headers=ELSEWHERE)

    assert (sent.status_code, asked.status_code) == (403, 403)
    assert await all_of(client, kind) == []
