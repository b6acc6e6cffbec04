"""`/api/v1/deployments`: a release is told once, listed in order, and refused by name."""

from datetime import timedelta

import httpx

from tests.web.fakes import NOW

ONE = {
    "service": "shop",
    "version": "v2.4.1",
    "environment": "production",
    "at": "2026-11-21T11:30:00Z",
    "commit": "9fceb02",
    "url": "https://ci.example/run/77",
    "by": "ada",
}


async def told(client: httpx.AsyncClient, key: str | None = None, **more: object) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post("/api/v1/deployments", json=ONE | more, headers=headers)


async def test_what_was_told_is_on_record(client: httpx.AsyncClient) -> None:
    made = await told(client)

    assert made.status_code == 201
    one = made.json()["deployment"]
    assert {name: one[name] for name in ONE} == ONE
    assert one["origin"] == "api"
    assert one["created_at"] == NOW.isoformat().replace("+00:00", "Z")
    assert (await client.get(f"/api/v1/deployments/{one['id']}")).json() == made.json()
    assert (await client.get("/api/v1/deployments")).json() == {
        "deployments": [one],
        "next_cursor": None,
    }


async def test_without_a_moment_it_is_out_now(client: httpx.AsyncClient) -> None:
    made = await told(client, at=None)

    assert made.json()["deployment"]["at"] == NOW.isoformat().replace("+00:00", "Z")


async def test_told_twice_under_a_key_it_is_one(client: httpx.AsyncClient) -> None:
    first, again = await told(client, "run-77"), await told(client, "run-77")
    other = await told(client, "run-77", version="v2.4.2")

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 422)
    assert first.json() == again.json()
    assert other.json()["detail"].startswith("header.Idempotency-Key: another release")
    assert len((await client.get("/api/v1/deployments")).json()["deployments"]) == 1


async def test_pages_go_on_after_the_last_one_although_more_come(
    client: httpx.AsyncClient,
) -> None:
    for minutes in (1, 2, 2, 3, 4):
        await told(client, at=(NOW - timedelta(minutes=minutes)).isoformat())
    seen, cursor = [], None
    while True:
        after = f"&cursor={cursor}" if cursor else ""
        page = (await client.get(f"/api/v1/deployments?limit=2{after}")).json()
        seen += [one["id"] for one in page["deployments"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        await told(client, at=NOW.isoformat())

    assert seen == [f"deployment-{n}" for n in (1, 3, 2, 4, 5)]


async def test_the_list_is_narrowed(client: httpx.AsyncClient) -> None:
    await told(client)
    await told(client, environment="staging")
    await told(client, at="2026-11-20T11:30:00Z")

    async def found(**query: str) -> int:
        answer = await client.get("/api/v1/deployments", params=query)
        return len(answer.json()["deployments"])

    assert await found(environment="staging") == 1
    assert await found(start="2026-11-21T11:30:00Z") == 2
    assert await found(end="2026-11-21T11:30:00Z") == 1
    assert await found(service="petuniverse-api") == 0


async def test_what_makes_no_sense_is_refused_with_its_place(client: httpx.AsyncClient) -> None:
    async def refused(**more: object) -> tuple[int, str]:
        answer = await told(client, None, **more)
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.status_code, answer.json()["places"][0]["place"]

    assert await refused(service="shpo") == (400, "body.service")
    assert await refused(version="") == (400, "body.version")
    assert await refused(at="tomorrow") == (400, "body.at")
    assert await refused(at="2026-11-21T12:30:00Z") == (400, "body.at")
    assert await refused(at="2025-01-01T00:00:00Z") == (400, "body.at")
    assert await refused(url="javascript:alert(1)") == (400, "body.url")
    assert await refused(by="ada\nbob") == (400, "body.by")
    assert await refused(surprise=1) == (400, "body.surprise")
    assert (await told(client, service="shpo")).json()["detail"].endswith("did you mean 'shop'?")
    assert (await client.get("/api/v1/deployments?cursor=WyJ4Il0")).status_code == 400
    assert (await client.get("/api/v1/deployments/none")).status_code == 404
