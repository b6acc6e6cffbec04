"""Nobody overrides the gate or remarks on what is another owner's, by whichever way."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.nines.test_accounts import World, world  # the fixture
from web.access.decision import Role

__all__ = ["world"]
SHOP, PETS = "shop", "petuniverse-api"
OVERRIDE = {"state": "ok", "until": "2026-11-22T00:00Z", "reason": "it mends it", "by": "eve"}
REMARK = {"text": "The cache is on.", "by": "eve"}


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Of an editor of the shop's owner alone."""
    owners = {card.name: card.owner for card in world.source.services()}
    assert owners[SHOP] != owners[PETS]
    world.user("ada", Role.ADMIN)
    token = world.token(Role.EDITOR, str(owners[SHOP]))
    async with world.serving() as asking:
        asking.headers["Authorization"] = f"Bearer {token}"
        yield asking


async def made_by_admin(world: World, client: httpx.AsyncClient, path: str, body: object) -> str:
    """The id of what somebody with every right made."""
    token = world.token(Role.ADMIN)
    answer = await client.post(path, json=body, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 201, answer.text
    return str(next(one["id"] for one in answer.json().values() if isinstance(one, dict)))


def assert_refused(answer: httpx.Response, doing: str) -> None:
    assert answer.status_code == 403, answer.text
    assert f"may not {doing} for a service without an owner" in answer.json()["detail"]


async def test_an_override_for_another_owner_is_refused(
    world: World,
    client: httpx.AsyncClient,
) -> None:
    path = "/api/v1/gate/overrides"
    refused = await client.post(path, json={"service": PETS, **OVERRIDE})
    assert_refused(refused, "deploy")
    assert await world.source.gatekeeping().overrides() == []

    mine = await client.post(path, json={"service": SHOP, **OVERRIDE})
    assert mine.status_code == 201, mine.text
    assert mine.json()["override"]["author"] == "ci (token of ada)"

    theirs = await made_by_admin(world, client, path, {"service": PETS, **OVERRIDE})
    assert_refused(await client.post(f"{path}/{theirs}/end", json={"by": "eve"}), "deploy")
    found = {one.id: one for one in await world.source.gatekeeping().overrides()}
    assert found[theirs].ended_at is None


async def test_a_remark_on_another_owners_service_is_refused(
    world: World,
    client: httpx.AsyncClient,
) -> None:
    path = "/api/v1/annotations"
    refused = await client.post(path, json={"service": PETS, **REMARK})
    assert_refused(refused, "annotate")
    assert await world.source.annotations().every() == []

    mine = await client.post(path, json={"service": SHOP, **REMARK})
    assert mine.status_code == 201, mine.text
    assert mine.json()["annotation"]["author"] == "ci (token of ada)"

    theirs = await made_by_admin(world, client, path, {"service": PETS, **REMARK})
    for way in ("edit", "undo"):
        answer = await client.post(f"{path}/{theirs}/{way}", json=REMARK)
        assert_refused(answer, "annotate")
    (kept,) = (one for one in await world.source.annotations().every() if one.id == theirs)
    assert (kept.plan.text, kept.undone_at) == (REMARK["text"], None)


async def test_the_forms_on_an_slos_page_refuse_too(
    world: World,
    client: httpx.AsyncClient,
) -> None:
    slo = next(one for one in world.source.slo_ids() if one.startswith(f"{PETS}/"))
    form = {"slo": slo, "name": "eve", "text": "gone"}
    page = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    answer = await client.post("/annotations", data=form, headers=page)
    theirs = await made_by_admin(world, client, "/api/v1/annotations", {"service": PETS, **REMARK})
    undone = await client.post(f"/annotations/{theirs}/undo", data=form, headers=page)

    assert (answer.status_code, undone.status_code) == (403, 403)
    (kept,) = await world.source.annotations().every()
    assert kept.undone_at is None
