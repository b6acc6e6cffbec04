"""The gate over the API: what it decides from, what overrides it, and what it refuses."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx

from slo.gate import GatePolicy, GateState
from slo.status import BudgetState
from tests.web.fakes import NOW, FakeSource, make_slo, make_status

API = "/api/v1"
OVERRIDE = {
    "service": "shop",
    "state": "freeze",
    "until": (NOW + timedelta(hours=2)).isoformat(),
    "reason": "the sale begins",
    "by": "ada",
}


async def gate(client: httpx.AsyncClient, path: str = "/slos/shop/checkout/gate") -> dict[str, Any]:
    answer = await client.get(f"{API}{path}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def well(source: FakeSource) -> None:
    """One SLO that spent a tenth of its budget, in a service without an incident."""
    source.details.clear()
    source.statuses_ = (
        make_status(
            make_slo("shop", "checkout"), (999_900, 100, 0), budget_state=BudgetState.HEALTHY
        ),
    )


async def test_with_budget_left_it_is_ok(source: FakeSource, client: httpx.AsyncClient) -> None:
    well(source)

    told = await gate(client)

    assert (told["state"], told["exit_code"], told["known"]) == ("ok", 0, True)
    assert told["sentence"] == "A release may go."
    assert [one["sentence"] for one in told["reasons"]] == [
        "90.00% of the error budget of shop/checkout is left."
    ]


async def test_a_spent_budget_freezes(source: FakeSource, client: httpx.AsyncClient) -> None:
    well(source)
    spent = make_status(
        make_slo("shop", "checkout"), (999_000, 2_000, 0), budget_state=BudgetState.EXHAUSTED
    )
    source.statuses_ = (spent,)

    assert ((await gate(client))["state"], (await gate(client))["exit_code"]) == ("freeze", 20)


async def test_our_own_illness_means_what_the_policy_says(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    well(source)
    source.health_ = replace(source.health_, last_evaluation=NOW - timedelta(minutes=5))

    told = await gate(client)
    source.gate_policy = GatePolicy(unknown=GateState.UNKNOWN)
    doubted = await gate(client)

    assert (told["state"], told["known"]) == ("caution", False)
    assert told["reasons"][0]["sentence"].startswith("Nines is behind: it judged last at 2026-11-2")
    assert (doubted["state"], doubted["exit_code"]) == ("unknown", 2)


async def test_open_incidents_of_the_service_count(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    with_incidents = dict(source.details)
    well(source)
    source.details.update(with_incidents)
    ids = [
        one.incident.id
        for one in with_incidents.values()
        if one.incident.open and one.incident.service == "shop"
    ]

    told = await gate(client)

    assert ids
    said = " ".join(one["sentence"] for one in told["reasons"])
    assert all(f"Incident {one} is open" in said for one in ids)


async def test_a_service_without_slos_is_not_known(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    well(source)
    source.statuses_ = ()

    told = await gate(client, "/services/shop/gate")

    assert (told["state"], told["known"]) == ("caution", False)


async def test_an_override_holds_is_ended_and_stays_on_record(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    well(source)

    made = await client.post(f"{API}/gate/overrides", json=OVERRIDE)
    assert made.status_code == 201, made.text
    one = made.json()["override"]
    frozen = await gate(client)
    of_service = await gate(client, "/services/shop/gate")
    ended = await client.post(f"{API}/gate/overrides/{one['id']}/end", json={"by": "grace"})
    again = await client.post(f"{API}/gate/overrides/{one['id']}/end", json={"by": "grace"})

    assert (frozen["state"], frozen["override"]["id"]) == ("freeze", one["id"])
    assert frozen["sentence"] == (
        "No release may go. ada says so until 2026-11-21 14:00 UTC: the sale begins"
    )
    assert of_service["state"] == "freeze"
    assert ended.status_code == 200
    assert [(each["by"], each["action"]) for each in ended.json()["trail"]] == [
        ("ada", "created"),
        ("grace", "ended"),
    ]
    assert again.status_code == 409
    assert (await gate(client))["state"] == "ok"
    listed = (await client.get(f"{API}/gate/overrides")).json()["overrides"]
    assert [(each["id"], each["active"]) for each in listed] == [(one["id"], False)]


async def test_an_override_of_one_slo_says_nothing_of_the_service(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    well(source)

    await client.post(f"{API}/gate/overrides", json=OVERRIDE | {"slo": "checkout"})

    assert (await gate(client))["state"] == "freeze"
    assert (await gate(client, "/services/shop/gate"))["state"] == "ok"


async def test_what_makes_no_sense_is_refused_with_its_place(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    source.gate_policy = GatePolicy(owners=("ada",))

    async def place(**more: object) -> tuple[int, str]:
        answer = await client.post(f"{API}/gate/overrides", json=OVERRIDE | more)
        return answer.status_code, answer.json()["places"][0]["place"]

    assert await place(service="shpo") == (400, "body.service")
    assert await place(slo="nothing") == (400, "body.slo")
    assert await place(state="unknown") == (400, "body.state")
    assert await place(until="soon") == (400, "body.until")
    assert await place(until="2027-11-21T12:00:00Z") == (400, "body.until")
    assert await place(by="eve") == (400, "body.by")
    assert await place(reason="") == (400, "body.reason")
    for path in ("/slos/shop/nothing/gate", "/services/nothing/gate", "/gate/overrides/none"):
        assert (await client.get(f"{API}{path}")).status_code == 404
    for since in ("now", "now-2d", "soon"):
        answer = await client.get(f"{API}/services/shop/gate", params={"since": since})
        assert answer.json()["places"][0]["place"] == "query.since"
