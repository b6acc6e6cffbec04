"""The API gives every fact as it is, in pages, and says in words what it cannot give."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from slo.status import BudgetState, NowState
from tests.web.fakes import LONG, MARKUP, NOW, FakeSource, make_slo, make_status

API = "/api/v1"


async def get(
    client: httpx.AsyncClient, path: str, **query: str | int | list[str]
) -> dict[str, Any]:
    """The facts at a path; fails unless it answers 200."""
    response = await client.get(f"{API}{path}", params=query)
    assert response.status_code == 200, response.text
    facts: dict[str, Any] = response.json()
    return facts


async def problem(client: httpx.AsyncClient, path: str, **query: str | int) -> dict[str, Any]:
    """The problem at a path, with its status checked against the answer's own."""
    response = await client.get(f"{API}{path}", params=query)
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == response.status_code
    return body


async def test_the_list_begins_with_the_worst(client: httpx.AsyncClient) -> None:
    listed = await get(client, "/slos")

    assert [one["name"] for one in listed["slos"]] == [
        "checkout",  # burning fast
        "login",  # exhausted and still burning
        "search-latency",  # burning
        "payments",  # exhausted
        "images",  # stale, with budget left
        "uploads",  # no data
        "database",  # at risk
        MARKUP,  # recovering
        "availability",  # learning
        LONG,  # healthy, 54 % left
        "catalogue",  # healthy, 96 % left
    ]


async def test_equal_states_are_sorted_by_what_is_left_of_the_budget(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    source.statuses_ = tuple(
        make_status(
            make_slo("shop", f"s{bad}"), (100_000, bad, 0), budget_state=BudgetState.HEALTHY
        )
        for bad in (7, 50, 1, 20)
    )

    listed = await get(client, "/slos")

    assert [one["name"] for one in listed["slos"]] == ["s50", "s20", "s7", "s1"]


@pytest.mark.parametrize("sort", ["worst", "name", "budget", "burn"])
async def test_pages_hold_every_slo_exactly_once(client: httpx.AsyncClient, sort: str) -> None:
    whole = [one["id"] for one in (await get(client, "/slos", sort=sort))["slos"]]
    paged, query = [], {"sort": sort, "limit": "3"}
    while True:
        page = await get(client, "/slos", **query)
        paged += [one["id"] for one in page["slos"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert paged == whole
    assert len(set(paged)) == 11


async def test_an_slo_that_vanishes_between_two_pages_shifts_no_other(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    first = await get(client, "/slos", sort="name", limit=4)
    gone = first["slos"][3]["id"]
    source.statuses_ = tuple(one for one in source.statuses_ if one.slo.id != gone)

    second = await get(client, "/slos", sort="name", limit=50, cursor=first["next_cursor"])

    assert len(second["slos"]) == 7


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"service": "petuniverse-api", "state": "stale"}, {"images", "uploads"}),
        ({"state": ["exhausted", "learning"]}, {"payments", "login", "availability"}),
        ({"state": "ok", "service": "shop"}, {"payments", "catalogue"}),
        ({"q": "SEARCH"}, {"search-latency"}),
        ({"q": "& checkout", "state": "burning_fast"}, {"checkout"}),
        ({"q": "nothing is called so"}, set()),
    ],
    ids=["service and state", "two states", "now state", "name", "title", "nothing"],
)
async def test_filters_narrow_the_list(
    client: httpx.AsyncClient, query: dict[str, Any], names: set[str]
) -> None:
    listed = await get(client, "/slos", **query)

    assert {one["name"] for one in listed["slos"]} == names
    assert listed["total"] == len(names)


async def test_every_slo_counts_in_its_budget_state_and_in_its_now_state(
    client: httpx.AsyncClient,
) -> None:
    counts = (await get(client, "/slos", limit=1))["states"]

    budget = [counts[state] for state in BudgetState]
    now = [counts[state] for state in NowState]
    assert sum(budget) == sum(now) == 11
    assert counts["exhausted"] == 2


async def test_a_detail_gives_exact_ratios_and_whole_counts(client: httpx.AsyncClient) -> None:
    slo = await get(client, "/slos/shop/payments")

    assert slo["events"] == {"good": 1_999_000, "bad": 1_000, "unknown": 0, "total": 2_000_000}
    assert slo["sli_ratio"] == 0.9995
    assert slo["budget"] == {
        "allowed_events": 200.0,
        "spent_events": 1_000,
        "spent_ratio": 5.0,
        "remaining_ratio": -4.0,
        "remaining_seconds": -1036.8,
        "total_seconds": 259.2,
    }


async def test_a_tier_says_its_state_its_threshold_its_reason_and_its_evidence(
    client: httpx.AsyncClient,
) -> None:
    slo = await get(client, "/slos/shop/checkout")

    tier = slo["tiers"][0]
    assert (tier["key"], tier["state"], tier["factor"]) == ("page:1h:5m", "firing", 14.4)
    assert tier["since"] == "2026-11-21T11:51:07Z"
    assert tier["reason"].startswith("burning 116.7x over 1h")
    assert tier["evidence"] == {"likelihood": 1.2e-9, "enough_bad": None}
    assert tier["spends_ratio"] == 0.02
    assert tier["exhausts_seconds"] == 180_000.0


async def test_without_events_nothing_is_claimed(client: httpx.AsyncClient) -> None:
    slo = await get(client, "/slos/petuniverse-api/uploads")

    for name in ("sli_ratio", "budget", "coverage_ratio", "sli_lowest_ratio", "last_observation"):
        assert slo[name] is None
    assert {burn["rate"] for burn in slo["burns"]} == {None}
    assert slo["forecast"] == {"lasts": None, "exhausts_at": None}


async def test_unknown_events_widen_the_bounds(client: httpx.AsyncClient) -> None:
    slo = await get(client, "/slos/petuniverse-api/images")

    assert slo["sli_lowest_ratio"] == 58_000 / 60_480
    assert slo["sli_highest_ratio"] == 60_380 / 60_480


@pytest.mark.parametrize("name", [MARKUP, LONG], ids=["markup", "two hundred characters"])
async def test_an_slo_with_any_name_has_an_address(client: httpx.AsyncClient, name: str) -> None:
    service = "shop" if name == MARKUP else "petuniverse-api"

    slo = await get(client, f"/slos/{service}/{quote(name, safe='')}")

    assert slo["name"] == name


async def test_a_misspelt_slo_is_a_404_that_says_what_was_meant(client: httpx.AsyncClient) -> None:
    told = await problem(client, "/slos/shop/chekout")

    assert told["status"] == 404
    assert told["suggestions"] == ["shop/checkout"]
    assert "Did you mean shop/checkout?" in told["detail"]


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ({"limit": 251}, "query.limit"),
        ({"limit": 0}, "query.limit"),
        ({"limit": "many"}, "query.limit"),
        ({"sort": "best"}, "query.sort"),
        ({"state": "fine"}, "query.state.0"),
        ({"cursor": "x"}, "query.cursor"),
        ({"cursor": "WyJuYW1lIiwiYSIsImIiXQ"}, "query.cursor"),
        ({"cursor": "WyJ3b3JzdCIsIm9uZSJd"}, "query.cursor"),
    ],
    ids=[
        "limit too large",
        "limit zero",
        "limit no number",
        "unknown order",
        "unknown state",
        "cursor of nothing",
        "cursor of another order",
        "cursor of another shape",
    ],
)
async def test_a_query_that_makes_no_sense_is_a_400_that_names_the_place(
    client: httpx.AsyncClient, query: dict[str, str | int], place: str
) -> None:
    told = await problem(client, "/slos", **query)

    assert told["status"] == 400
    assert [one["place"] for one in told["places"]] == [place]


async def test_services_show_their_worst_state(client: httpx.AsyncClient) -> None:
    services = (await get(client, "/services"))["services"]

    assert [(one["name"], one["worst"]) for one in services] == [
        ("shop", "burning_fast"),
        ("petuniverse-api", "stale"),
    ]
    assert services[0]["title"] == "Coupon shop <b>& checkout</b>"


async def test_a_service_lists_its_slos_and_collectors(client: httpx.AsyncClient) -> None:
    shop = await get(client, "/services/shop")

    assert {one["service"] for one in shop["slos"]} == {"shop"}
    assert [one["id"] for one in shop["collectors"]] == ["shop/health", "shop/metrics"]


async def test_an_unknown_service_is_a_404(client: httpx.AsyncClient) -> None:
    assert (await problem(client, "/services/shpo"))["suggestions"] == ["shop"]


async def test_a_collector_gives_its_newest_runs(client: httpx.AsyncClient) -> None:
    collector = await get(client, "/collectors/shop/health")

    assert len(collector["recent"]) == 100
    assert collector["recent"][0]["cause"] == "status"
    assert collector["last"]["phases_seconds"]["connect"] == 0.02


async def test_a_collector_that_never_ran_is_listed_all_the_same(client: httpx.AsyncClient) -> None:
    listed = (await get(client, "/collectors"))["collectors"]

    assert [one["last"] for one in listed if one["id"] == "petuniverse-api/metrics"] == [None]


async def test_incidents_come_newest_first_in_pages(client: httpx.AsyncClient) -> None:
    first = await get(client, "/incidents", limit=3)
    second = await get(client, "/incidents", limit=3, cursor=first["next_cursor"])

    ids = [one["id"] for one in first["incidents"] + second["incidents"]]
    assert ids == ["INC0001", "INC0002", "INC0003", "INC0050"]
    assert second["next_cursor"] is None


async def test_incidents_can_be_narrowed(client: httpx.AsyncClient) -> None:
    listed = await get(client, "/incidents", state="resolved", service="shop")

    assert [one["id"] for one in listed["incidents"]] == ["INC0002"]


async def test_a_cursor_of_no_list_of_incidents_is_a_400(client: httpx.AsyncClient) -> None:
    assert (await problem(client, "/incidents", cursor="nonsense"))["status"] == 400


async def test_an_incident_tells_its_story_and_who_was_told(client: httpx.AsyncClient) -> None:
    incident = await get(client, "/incidents/INC0001")

    assert [one["kind"] for one in incident["timeline"]] == ["opened", "routed", "delivered"]
    assert [one["outcome"] for one in incident["notifications"][0]["attempts"]] == ["retry", "ok"]
    assert incident["alerts"][0]["evidence"]["burn_long"] == 116.66666666666667


async def test_acknowledging_says_who(source: FakeSource, client: httpx.AsyncClient) -> None:
    response = await client.post(f"{API}/incidents/INC0001/acknowledge", json={"by": " Ada "})

    assert response.status_code == 200
    assert response.json()["acknowledged_by"] == "Ada"
    assert (response.json()["changed"], response.json()["in_vain"]) == (True, None)
    assert source.details["INC0001"].incident.acknowledged_at == NOW


async def test_acknowledging_a_resolved_incident_changes_nothing_and_says_so(
    client: httpx.AsyncClient,
) -> None:
    response = await client.post(f"{API}/incidents/INC0002/acknowledge", json={"by": "Ada"})

    incident = response.json()
    assert incident["state"] == "resolved"
    assert incident["changed"] is False
    assert re.fullmatch(
        r"It was resolved at .* UTC already: nothing changed\.", incident["in_vain"]
    )
    assert "nothing changed" in incident["timeline"][-1]["text"]


async def test_acknowledging_what_somebody_has_changes_nothing_and_says_who(
    client: httpx.AsyncClient,
) -> None:
    for by in ("Ada", "Zoë"):
        response = await client.post(f"{API}/incidents/INC0001/acknowledge", json={"by": by})

    incident = response.json()
    assert (incident["changed"], incident["acknowledged_by"]) == (False, "Ada")
    assert incident["in_vain"].startswith("Ada acknowledged it at ")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "body.by"),
        ({"by": " "}, "body.by"),
        ({"by": "a\nb"}, "body.by"),
        ({"by": "x" * 101}, "body.by"),
        ({"by": 7}, "body.by"),
        ([], "body"),
    ],
    ids=["missing", "blank", "two lines", "too long", "a number", "a list"],
)
async def test_acknowledging_without_a_name_is_refused(
    source: FakeSource, client: httpx.AsyncClient, body: object, place: str
) -> None:
    response = await client.post(f"{API}/incidents/INC0001/acknowledge", json=body)

    assert response.status_code == 400
    assert [one["place"] for one in response.json()["places"]] == [place]
    assert source.details["INC0001"].incident.acknowledged_by is None


async def test_a_note_goes_into_the_timeline(client: httpx.AsyncClient) -> None:
    note = {"text": " The disks of db-3 are full. ", "by": "Ada"}
    response = await client.post(f"{API}/incidents/INC0001/notes", json=note)

    assert response.status_code == 201
    assert response.json()["timeline"][-1]["text"] == "Ada: The disks of db-3 are full."


@pytest.mark.parametrize(
    ("note", "place"),
    [
        ({"text": "It is the disks."}, "body.by"),
        ({"text": " ", "by": "Ada"}, "body.text"),
        ({"text": "two\nlines", "by": "Ada"}, "body.text"),
        ({"text": "x" * 1_001, "by": "Ada"}, "body.text"),
    ],
    ids=["nobody", "blank", "two lines", "too long"],
)
async def test_a_note_that_is_none_is_refused(
    source: FakeSource, client: httpx.AsyncClient, note: dict[str, str], place: str
) -> None:
    before = source.details["INC0001"].events
    response = await client.post(f"{API}/incidents/INC0001/notes", json=note)

    assert response.status_code == 400
    assert [one["place"] for one in response.json()["places"]] == [place]
    assert source.details["INC0001"].events == before


@pytest.mark.parametrize("told", [["phone", "boss"], []], ids=["two", "nobody"])
async def test_escalating_says_who_is_told(
    source: FakeSource, client: httpx.AsyncClient, told: list[str]
) -> None:
    source.next_step = tuple(told)
    response = await client.post(f"{API}/incidents/INC0001/escalate", json={"by": "Ada"})

    assert response.status_code == 200
    assert response.json()["told"] == told
    assert response.json()["id"] == "INC0001"
    assert source.escalated == [("INC0001", "Ada")]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/incidents/INC9999", 404),
        ("POST", "/incidents/INC9999/acknowledge", 404),
        ("POST", "/incidents/INC9999/escalate", 404),
        ("GET", "/nothing/here", 404),
        ("DELETE", "/slos", 405),
    ],
)
async def test_what_is_not_there_is_a_problem_too(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    response = await client.request(
        method, f"{API}{path}", json={"by": "Ada"} if method == "POST" else None
    )

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["instance"] == f"{API}{path}"


async def test_health_tells_how_long_the_oldest_notification_waits(
    client: httpx.AsyncClient,
) -> None:
    health = await get(client, "/health")

    assert health["outbox_oldest_seconds"] == 75.0
    assert health["problems"] == ["The collector petuniverse-api/health is 31 s late."]


async def test_an_answer_that_the_client_has_is_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get(f"{API}/slos")
    etag = first.headers["etag"]
    again = await client.get(f"{API}/slos", headers={"If-None-Match": f'"other", W/{etag}'})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag


async def test_a_changed_fact_changes_the_etag(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    etag = (await client.get(f"{API}/slos/shop/catalogue")).headers["etag"]
    source.statuses_ = (
        make_status(make_slo("shop", "catalogue"), (9, 1, 0), budget_state=BudgetState.EXHAUSTED),
    )
    again = await client.get(f"{API}/slos/shop/catalogue", headers={"If-None-Match": etag})

    assert again.status_code == 200


async def test_a_failure_of_ours_is_a_500_without_details(
    source: FakeSource, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(source, "roll", fail)
    response = await client.get(f"{API}/slos")

    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in response.text


async def test_a_page_never_holds_more_than_250(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    source.statuses_ = tuple(
        make_status(make_slo("shop", f"slo-{n}"), (999, 1, 0), budget_state=BudgetState.AT_RISK)
        for n in range(300)
    )

    listed = await get(client, "/slos", limit=250)
    rest = await get(client, "/slos", limit=250, cursor=listed["next_cursor"])

    assert (len(listed["slos"]), listed["total"], len(rest["slos"])) == (250, 300, 50)


async def test_times_are_utc_with_a_z(client: httpx.AsyncClient) -> None:
    slo = await get(client, "/slos/shop/checkout")

    assert slo["at"] == "2026-11-21T12:00:07Z"
    assert slo["forecast"]["exhausts_at"] == "2026-11-21T13:07:07Z"
    assert slo["last_observation"] == "2026-11-21T12:00:03Z"
    assert timedelta(seconds=slo["window_seconds"]) == timedelta(days=30)


async def test_the_outlook_has_a_band_where_weeks_suffice(client: httpx.AsyncClient) -> None:
    told = (await client.get("/api/v1/slos/shop/checkout/outlook")).json()

    assert told["weeks"] == told["weeks_needed"] == 3
    assert told["lowest_ratio"] < told["middle_ratio"] <= told["highest_ratio"]


async def test_an_outlook_from_the_future_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/slos/shop/checkout/outlook", params={"at": "2100-01-01"})

    assert answer.status_code == 400
    assert "lies in the future" in answer.text


async def test_the_threshold_rules_of_a_service_with_what_they_saw(
    client: httpx.AsyncClient,
) -> None:
    answered = await get(client, "/services/shop/rules")

    rules = {rule["name"]: rule for rule in answered["rules"]}
    assert {name: rule["state"] for name, rule in rules.items()} == {
        "cpu": "firing",
        "disk": "no_data",
        "lost": "ok",
        "down": "pending",
    }
    assert rules["cpu"]["value"] == 0.832
    assert rules["cpu"]["limit_value"] == 0.7
    assert rules["cpu"]["series"][0] == {"series": f"instance={MARKUP}", "value": 0.832}
    assert rules["lost"]["unit"] == "per minute"
    assert rules["lost"]["value"] == 0.6
    assert (rules["down"]["value"], rules["down"]["limit_value"]) == (30, 60)
    assert rules["disk"]["value"] is None


async def test_rules_of_a_service_that_is_none(client: httpx.AsyncClient) -> None:
    assert (await problem(client, "/services/nobody/rules"))["status"] == 404


async def test_what_comes_is_told_of_each_slo_with_its_reason(client: httpx.AsyncClient) -> None:
    listed = await get(client, "/slos", limit=250)
    one = await get(client, "/slos/petuniverse-api/images")

    flows = {slo["name"]: slo["flow"] for slo in listed["slos"]}
    assert flows["catalogue"]["state"] == "flowing"
    assert flows["images"] == one["flow"]
    assert flows["images"]["state"] == "collector_down"
    assert "no file descriptor was left" in flows["images"]["sentence"]
    assert flows["images"]["since"] == "2026-11-21T11:46:07Z"
    assert one["sli_lowest_ratio"] < one["sli_ratio"] < one["sli_highest_ratio"]
