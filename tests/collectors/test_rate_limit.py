"""How often a host is asked: never more than allowed in any time, spread, and none vanishes."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from collectors.kinds import CollectorConfig, hosts
from collectors.observation import Outcome
from collectors.rate_limit import Pace, RateLimit, Refused, parse_rate_limit
from collectors.settings import CollectorSettings
from tests.collectors.test_schedule import Collector, driving

S, M = timedelta(seconds=1), timedelta(minutes=1)
LOOKS: TypeAdapter[CollectorSettings] = TypeAdapter(CollectorConfig)


def paced(limit: RateLimit, requests: int = 1) -> Pace:
    pace = Pace()
    pace.set({"shop": limit}, {"shop/home": {"shop": requests}}, 0.0)
    return pace


@pytest.mark.parametrize("written", ["100/15m", "5/1s", "1/1h"])
def test_a_limit_reads_as_it_is_written(written: str) -> None:
    assert str(parse_rate_limit(written)) == written


@pytest.mark.parametrize("written", ["100", "0/1m", "100/m", "many/1m", 100, "100 per minute"])
def test_what_is_no_limit_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"such as 100/15m|is not a duration|duration"):
        parse_rate_limit(written)


@given(
    st.integers(1, 60),
    st.lists(st.floats(0, 20, allow_nan=False, allow_subnormal=False), max_size=150),
)
def test_never_more_than_allowed_in_any_time_as_long(allowed: int, gaps: list[float]) -> None:
    pace, now, made = paced(RateLimit(allowed, M)), 0.0, []
    for gap in gaps:
        now += gap
        wait = pace.wait("shop/home", now, patience=5.0)
        if not isinstance(wait, Refused):
            assert wait <= 5.0
            made.append(now + wait)
    made.sort()

    for start in made:
        assert sum(start <= one < start + 60 - 1e-6 for one in made) <= allowed


def test_some_may_come_at_once_after_a_rest_and_the_others_are_spread() -> None:
    pace = paced(RateLimit(60, M))  # 6 at once, 54 spread

    waits = [pace.wait("shop/home", 100.0, patience=60.0) for _ in range(8)]

    assert waits[:6] == pytest.approx([0.0] * 6)
    assert waits[6:] == pytest.approx([60 / 54, 120 / 54])


def test_one_that_would_be_too_late_is_told_why_and_takes_no_place() -> None:
    pace = paced(RateLimit(2, M))
    assert pace.wait("shop/home", 0.0, patience=5.0) == 0.0

    refused = pace.wait("shop/home", 10.0, patience=5.0)

    assert str(refused) == (
        "the rate limit `shop` of 2/1m is used up by other runs: there would be room in 50.0 s"
    )
    assert pace.wait("shop/home", 60.0, patience=5.0) == 0.0


def test_a_journey_takes_as_many_places_as_it_has_steps() -> None:
    pace = paced(RateLimit(9, M), requests=3)  # 3 at once, one every 10 s
    assert pace.wait("shop/home", 100.0, patience=60.0) == pytest.approx(0.0)

    assert pace.wait("shop/home", 100.0, patience=60.0) == pytest.approx(30.0)


def test_a_reload_does_not_forget_what_was_asked() -> None:
    pace, limit = paced(RateLimit(1, M)), RateLimit(1, M)
    pace.wait("shop/home", 0.0, patience=0.0)
    pace.set({"shop": limit}, {"shop/home": {"shop": 1}}, 1.0)

    assert isinstance(pace.wait("shop/home", 1.0, patience=5.0), Refused)


def test_who_asks_no_such_host_waits_for_nobody() -> None:
    assert paced(RateLimit(1, M)).wait("bank/home", 0.0, patience=0.0) == 0.0


async def test_collectors_that_ask_all_that_is_allowed_wait_for_each_other_and_none_is_lost() -> (
    None
):
    many = [
        Collector(id=f"s{n}/home", interval=10 * S) for n in range(6)
    ]  # 36 a minute, of 40 with 4 at once
    async with driving(*many) as bench:
        bench.schedule.limit({"host": RateLimit(40, M)}, {one.id: {"host": 1} for one in many})
        await bench.clock.advance(120)

        assert {one.outcome for one in bench.told} == {Outcome.PASSED}
        assert all(one.lateness <= 5 * S for one in bench.told)
        starts = sorted(one.started for one in bench.told)
        assert all(sum(start <= one < start + M for one in starts) <= 40 for start in starts)


async def test_runs_beyond_the_limit_are_unknown_and_not_lost() -> None:
    many = [Collector(id=f"s{n}/home", interval=10 * S) for n in range(6)]
    async with driving(*many) as bench:
        bench.schedule.limit({"host": RateLimit(20, M)}, {one.id: {"host": 1} for one in many})
        await bench.clock.advance(300)

        made = [one for one in bench.told if one.outcome is Outcome.PASSED]
        lost = [one for one in bench.told if one.outcome is Outcome.UNKNOWN]
        assert len(made) + len(lost) >= 6 * 29
        assert 4 * 18 <= len(made) <= 5 * 20
        assert all("the rate limit `host` of 20/1m is used up" in one.detail for one in lost)
        longest = max(
            later - earlier for earlier, later in pairwise(sorted(one.started for one in made))
        )
        assert longest <= 10 * S  # spread, and not all at the beginning of each minute


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ({"http": "https://Shop.Example/health"}, ["shop.example"]),
        ({"tcp": "db.example:5432"}, ["db.example"]),
        ({"tcp": "[::1]:5432"}, ["::1"]),
        ({"prometheus": "http://shop.example:9090/metrics"}, ["shop.example"]),
        (
            {"json": "http://shop.example/", "metrics": {"a": {"path": "$.a", "type": "gauge"}}},
            ["shop.example"],
        ),
        ({"websocket": "wss://shop.example/live"}, ["shop.example"]),
        ({"dns": "shop.example", "server": "192.0.2.53"}, ["192.0.2.53"]),
        ({"dns": "shop.example"}, []),
        (
            {
                "steps": [
                    {"name": "in", "url": "https://id.example/login"},
                    {"name": "buy", "url": "https://shop.example/cart"},
                ]
            },
            ["id.example", "shop.example"],
        ),
    ],
)
def test_whom_a_run_asks(written: dict[str, object], asked: list[str]) -> None:
    assert hosts(LOOKS.validate_python(written)) == asked
