"""Charts get columns that add up, and a burn-down that ends on the budget's own figure."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from slo.status import BudgetState
from tests.web.fakes import NOW, FakeSource, make_slo, make_status

CHECKOUT = "/api/v1/slos/shop/checkout"
POINTS = f"{CHECKOUT}/points"


async def columns(client: httpx.AsyncClient, **query: str) -> dict[str, Any]:
    response = await client.get(POINTS, params=query)
    assert response.status_code == 200, response.text
    facts: dict[str, Any] = response.json()
    return facts


async def test_the_window_is_drawn_when_nothing_else_is_asked(client: httpx.AsyncClient) -> None:
    drawn = await columns(client)

    assert drawn["step_seconds"] == 1_800
    assert (drawn["start"], drawn["end"]) == ("2026-10-22T12:00:00Z", "2026-11-21T12:30:00Z")
    assert {len(drawn[name]) for name in ("t", "good", "bad", "unknown")} == {1_441}
    assert drawn["remaining"] is drawn["burn"] is None


async def test_the_columns_are_the_source_s_own_counts(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    drawn = await columns(client, start="now-2h", step="5m")

    points = await source.points(
        "shop/checkout",
        datetime.fromisoformat(drawn["start"]),
        datetime.fromisoformat(drawn["end"]),
        timedelta(minutes=5),
    )
    assert drawn["t"] == [int(point.start.timestamp()) for point in points]
    for name in ("good", "bad", "unknown"):
        assert drawn[name] == [getattr(point, name) for point in points]


@pytest.mark.parametrize(
    "start",
    [
        "2026-11-21T11:00:00Z",
        "2026-11-21T20:00:00+09:00",
        "2026-11-21T20:00:00 09:00",
        "2026-11-21T11:00:00",
        "1795258800",
        "1795258800000",
        "1795258800.5",
        "now-1h",
    ],
    ids=[
        "UTC",
        "Tokyo",
        "a plus lost in the query",
        "no zone",
        "epoch",
        "milliseconds",
        "a fraction",
        "relative",
    ],
)
async def test_a_time_may_be_written_in_many_ways(client: httpx.AsyncClient, start: str) -> None:
    drawn = await columns(client, start=start, end="2026-11-21T12:00:00Z", step="60")

    assert drawn["start"] == "2026-11-21T11:00:00Z"
    assert len(drawn["t"]) == 60


async def test_nothing_is_drawn_of_the_future(client: httpx.AsyncClient) -> None:
    drawn = await columns(client, start="now-1h", end="2026-12-01T00:00:00Z", step="10s")

    assert drawn["end"] == "2026-11-21T12:00:10Z"


async def test_the_burn_down_ends_on_the_budget_s_own_figure(client: httpx.AsyncClient) -> None:
    budget = (await client.get(CHECKOUT)).json()["budget"]

    drawn = await columns(client, start="now-1d", include="remaining")

    assert drawn["remaining"][-1] == budget["remaining_ratio"]


async def test_the_burn_down_falls_by_what_each_step_s_failures_cost(
    client: httpx.AsyncClient,
) -> None:
    drawn = await columns(client, start="now-1d", step="5m", include="remaining")

    falls = [
        before - after
        for before, after in zip(drawn["remaining"], drawn["remaining"][1:], strict=False)
    ]
    assert falls == pytest.approx([bad / 258.95 for bad in drawn["bad"][1:]])
    assert sum(drawn["bad"]) > 0


async def test_a_stretch_of_the_past_shows_the_same_burn_down_as_the_whole(
    client: httpx.AsyncClient,
) -> None:
    whole = await columns(client, start="now-30h", step="5m", include="remaining")
    part = await columns(
        client, start="now-30h", end="2026-11-21T07:55:00Z", step="5m", include="remaining"
    )

    assert part["remaining"] == whole["remaining"][: len(part["t"])]
    assert part["remaining"][-1] > whole["remaining"][-1]


async def test_before_the_window_began_there_is_no_budget_to_speak_of(
    client: httpx.AsyncClient,
) -> None:
    drawn = await columns(client, start="now-32d", step="1h", include="remaining")

    began = (NOW - timedelta(days=30)).timestamp()
    known = [at + 3_600 > began for at in drawn["t"]]
    assert [value is not None for value in drawn["remaining"]] == known


async def test_before_anybody_watched_there_is_no_budget_to_speak_of(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    watched = NOW - timedelta(hours=2)
    source.statuses_ = (replace(source.statuses_[0], watched_since=watched),)

    drawn = await columns(client, start="now-6h", step="1h", include="remaining")

    known = [at + 3_600 > watched.timestamp() for at in drawn["t"]]
    assert [value is not None for value in drawn["remaining"]] == known


async def test_without_events_no_budget_is_drawn(client: httpx.AsyncClient) -> None:
    response = await client.get(
        "/api/v1/slos/petuniverse-api/uploads/points",
        params={"start": "now-1h", "include": "remaining"},
    )

    assert set(response.json()["remaining"]) == {None}


async def test_the_burn_of_each_step_is_that_of_the_lookback_that_ends_there(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    drawn = await columns(client, start="now-6h", step="10m", include="burn")

    start = datetime.fromisoformat(drawn["start"])
    points = await source.points(
        "shop/checkout",
        start - timedelta(hours=2),
        datetime.fromisoformat(drawn["end"]),
        timedelta(minutes=10),
    )
    assert list(drawn["burn"]) == ["30m", "1h", "2h", "6h", "1d", "3d"]
    for index, rate in enumerate(drawn["burn"]["2h"][:-1]):
        within = points[index + 1 : index + 13]
        bad = sum(point.bad for point in within)
        total = bad + sum(point.good for point in within)
        assert rate == pytest.approx(bad / total / 0.001)


@pytest.mark.parametrize("stretch", ["1h", "6h", "24h", "7d"])
async def test_the_newest_burn_is_the_slo_s_own_to_the_last_bit(
    client: httpx.AsyncClient, stretch: str
) -> None:
    own = {one["lookback"]: one["rate"] for one in (await client.get(CHECKOUT)).json()["burns"]}

    drawn = await columns(client, start=f"now-{stretch}", include="burn")

    assert len(drawn["burn"]) >= 4
    assert {lookback: rates[-1] for lookback, rates in drawn["burn"].items()} == {
        lookback: own[lookback] for lookback in drawn["burn"]
    }
    assert drawn["ends"][-1] == NOW.timestamp()


async def test_a_step_that_is_not_over_is_marked_as_running(client: httpx.AsyncClient) -> None:
    now = await columns(client, start="now-1h", step="5m")
    past = await columns(client, start="now-2h", end="2026-11-21T11:00:00Z", step="5m")

    assert (now["running"], past["running"]) == (True, False)
    assert past["ends"] == [at + 300 for at in past["t"]]


async def test_a_small_slo_burns_by_its_own_objective(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    source.statuses_ = (
        make_status(
            make_slo("shop", "checkout", "90"), (900, 100, 0), budget_state=BudgetState.EXHAUSTED
        ),
    )

    drawn = await columns(client, start="now-1d", include="remaining,burn")

    assert drawn["remaining"][-1] == 0.0


@pytest.mark.parametrize(
    ("query", "place", "words"),
    [
        ({"start": "yesterday"}, "query.start", "not a time"),
        ({"start": "now+1h"}, "query.start", "not a time"),
        ({"start": "now-1y"}, "query.start", "not a duration"),
        ({"start": "1"}, "query.start", "2000"),
        ({"start": "9999-12-31T23:59:59-14:00"}, "query.start", ""),
        ({"end": "0001-01-01T00:00:00+14:00"}, "query.end", ""),
        ({"end": "9" * 400}, "query.end", ""),
        ({"start": "now", "end": "now"}, "query.start", "before the end"),
        ({"start": "now-1h", "end": "now-2h"}, "query.start", "before the end"),
        ({"step": "5"}, "query.step", "multiple of the bucket, so 10s is the least"),
        ({"step": "15s"}, "query.step", "10s is the least"),
        ({"step": "0s"}, "query.step", "10s is the least"),
        ({"step": "-1"}, "query.step", ""),
        ({"step": "often"}, "query.step", "not a duration"),
        ({"step": "10s"}, "query.step", "more than 5,000 points; from 8m40s on it fits"),
        ({"include": "everything"}, "query.include", "may name"),
    ],
)
async def test_a_stretch_that_makes_no_sense_is_a_400_that_says_why(
    client: httpx.AsyncClient, query: dict[str, str], place: str, words: str
) -> None:
    response = await client.get(POINTS, params=query)

    told = response.json()
    assert response.status_code == 400
    assert [one["place"] for one in told["places"]] == [place]
    assert words in told["detail"]


async def test_a_step_may_be_as_short_as_the_bucket(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    source.bucket_ = timedelta(seconds=1)

    drawn = await columns(client, start="now-5m", step="1s", include="remaining,burn")

    assert drawn["step_seconds"] == 1
    assert len(drawn["t"]) == len(drawn["remaining"]) == 300
    assert set(map(len, drawn["burn"].values())) == {300}
    response = await client.get(POINTS, params={"start": "now-5m", "step": "0.5"})
    assert "1s is the least" in response.json()["detail"]


async def test_the_step_that_is_named_as_the_least_is_taken(client: httpx.AsyncClient) -> None:
    drawn = await columns(client, step="8m40s")

    assert len(drawn["t"]) <= 5_000


async def test_a_century_is_drawn_in_few_points(client: httpx.AsyncClient) -> None:
    drawn = await columns(client, start="2000-01-01T00:00:00Z")

    assert len(drawn["t"]) <= 1_501
    assert drawn["step_seconds"] % 300 == 0
