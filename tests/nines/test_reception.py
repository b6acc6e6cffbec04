"""What others send, through a real service: stored before the yes, counted once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from collectors.observation import Observation
from nines import reception
from nines.storage.errors import StorageError
from slo.evaluate import NO_DATA
from tests.collectors.pushed.bodies import STALE, first, named
from tests.collectors.pushed.exports import a_gauge, request
from tests.nines.living import STEP, Living
from web.pushes import BadPushError
from web.senders import NotKeptError, RefusedSenderError

METRICS = "shop/metrics"
FILE = """
server: {database: "sqlite:///DATABASE"}
alerting: {route: {receivers: []}}
services:
  shop:
    collectors:
      metrics: {remote_write: prometheus, bearer_token: for-metrics, interval: 10s}
      other: {remote_write: agent, basic_auth: {username: agent, password: for-other}}
      open: {remote_write: anybody}
      plain: {otlp: opentelemetry, bearer_token: for-plain}
      zoned: {otlp: opentelemetry, bearer_token: for-plain, resource_attributes: [zone]}
    slos:
      requests:
        objective: 99%
        sli: {collector: metrics, bad: 'requests{code="500"}', total: requests}
      depth:
        objective: 99%
        sli: {collector: metrics, metric: depth, below: "10"}
      pool:
        objective: 99%
        sli: {collector: plain, metric: pool_usage_ratio, below: "0.5"}
      pool-here:
        objective: 99%
        sli: {collector: zoned, metric: 'pool_usage_ratio{zone="here"}', below: "0.5"}
      others:
        objective: 99%
        sli: {collector: other, bad: 'requests{code="500"}', total: requests}
"""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Living]:
    one = Living(tmp_path)
    (tmp_path / "config.yaml").write_text(FILE.replace("DATABASE", str(tmp_path / "nines.db")))
    await one.open()
    yield one
    await one.service.close()


async def send(
    world: Living, good: float, bad: float, depth: float = 1, *, to: str = METRICS, later: int = 0
) -> None:
    at = int(world.clock.now().timestamp() * 1000) + later
    body = first(
        (named("requests", code="200"), [(at, good)]),
        (named("requests", code="500"), [(at, bad)]),
        (named("depth"), [(at, depth)]),
    )
    kept = await world.service.reception.write(body, frozenset({to}), second=False)
    assert kept.problems == ()


async def look(world: Living, collector: str = METRICS) -> Observation:
    """One look at what came by now."""
    world.clock.move(STEP)
    runnable = world.service.configured.collectors[collector]
    seen = await runnable.run(world.clock.now(), world.clock)
    world.service.rounds.on_observation(seen)
    await world.service.dispatch.flush()
    return seen


def counted(world: Living, slo: str = "requests") -> tuple[int, int]:
    lifetime = world.service.engine.entries[f"shop/{slo}"].ledger.lifetime
    return lifetime.good, lifetime.bad


async def test_samples_count_from_the_first_look_on_with_all_that_is_between_two(
    world: Living,
) -> None:
    await send(world, 1000, 10)
    await look(world)
    assert counted(world) == (0, 0)

    await send(world, 1100, 12)
    await send(world, 30, 0, later=1)  # it restarted
    await send(world, 35, 1, later=2)
    await look(world)
    assert counted(world) == (135, 3)
    assert counted(world, "depth") == (2, 0)


async def test_a_kill_loses_nothing_that_was_said_yes_to_and_counts_nothing_twice(
    world: Living,
) -> None:
    await send(world, 1000, 10)
    await look(world)
    await send(world, 1100, 12)
    await world.restart()

    seen = await look(world)
    assert seen.page is not None
    assert seen.page.samples == {}  # nobody knows how it is now
    await send(world, 1100, 12)  # of which the yes was lost
    await send(world, 5, 0, later=1)
    await look(world)
    assert counted(world) == (105, 2)


async def test_what_came_late_is_spread_over_the_time_that_it_is_of(world: Living) -> None:
    await send(world, 1000, 0)
    await look(world)
    for _ in range(40):  # longer than `staleness`
        await look(world)
    await send(world, 1410, 0)
    await look(world)

    assert counted(world) == (410, 0)
    now, minute = world.clock.now(), timedelta(minutes=1)
    points = await world.service.live.points("shop/requests", now - 10 * minute, now, minute)
    assert sum(point.good for point in points) == 410
    assert sum(point.good > 0 for point in points) >= 2


async def test_a_sender_that_is_silent_is_no_data_and_says_so(world: Living) -> None:
    seen = await look(world)
    assert seen.page is not None
    said = "prometheus has sent nothing of it since Nines started"
    assert dict(seen.page.absent) == {"requests": said, "depth": said}
    assert seen.warning == said

    await send(world, 1000, 10)
    await look(world)
    for _ in range(31):
        seen = await look(world)
    assert seen.warning == "prometheus has sent nothing of it for 320 s"
    entry = world.service.engine.entries["shop/requests"]
    assert entry.indicator.last_detail[NO_DATA] == (
        "requests: prometheus has sent nothing of it for 320 s"
    )


async def test_a_target_that_went_away_is_no_data_while_its_sender_goes_on(world: Living) -> None:
    await send(world, 1000, 10, depth=3)
    await look(world)
    at = int(world.clock.now().timestamp() * 1000)
    body = first((named("requests", code="200"), [(at, STALE)]))
    await world.service.reception.write(body, frozenset({METRICS}), second=False)
    seen = await look(world)

    assert seen.page is not None
    assert {str(series) for series in seen.page.samples} == {'requests{code="500"}', "depth"}
    assert seen.page.absent == {}


async def test_only_what_an_slo_selects_is_stored(world: Living) -> None:
    now = int(world.clock.now().timestamp() * 1000)
    body = first(
        (named("depth"), [(now, 1.0)]),
        (named("requests", code="200"), [(now, 1.0)]),
        (named("memory_bytes"), [(now, 1.0)]),
    )
    await world.service.reception.write(body, frozenset({"shop/other", "shop/open"}), second=False)
    stored = world.service.reception._records.load()

    assert {name: [str(one) for one in kept] for name, (kept, _) in stored.items()} == {
        "shop/other": ['requests{code="200"}']
    }


async def test_storage_that_refuses_is_no_yes_and_the_next_try_counts(
    world: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(world, 1000, 0)
    await look(world)

    def refuse(_: object) -> None:
        raise StorageError("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(world.service.reception._records, "save", refuse)
        with pytest.raises(NotKeptError, match="The disk is full"):
            await send(world, 1007, 0)
    await look(world)
    assert counted(world) == (0, 0)

    await send(world, 1007, 0, later=-10_000)
    await look(world)
    assert counted(world) == (7, 0)


async def test_what_is_no_body_is_told_to_the_sender_and_shown(world: Living) -> None:
    with pytest.raises(BadPushError, match="no snappy block"):
        await world.service.reception.write(b"hello", frozenset({METRICS}), second=False)

    seen = await look(world)
    assert "no snappy block" in (seen.warning or "")


async def test_too_many_at_once_are_sent_again(
    world: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reception, "_AT_ONCE", 3)
    ends = await asyncio.gather(
        *(send(world, number, 0) for number in range(5)), return_exceptions=True
    )

    assert [type(end) for end in ends if end is not None] == [NotKeptError] * 2


@pytest.mark.parametrize(
    ("authorization", "names"),
    [
        (None, {"open"}),
        ("Bearer for-metrics", {"metrics", "open"}),
        ("bearer  for-metrics ", {"metrics", "open"}),
        ("Basic YWdlbnQ6Zm9yLW90aGVy", {"other", "open"}),
        ("Bearer for-other", {"open"}),
        ("Basic for-metrics", {"open"}),
        ("Bearer f\u00fcr", {"open"}),
    ],
)
async def test_who_may_send_to_which(
    world: Living, authorization: str | None, names: set[str]
) -> None:
    admitted = world.service.reception.admit("remote_write", authorization)

    assert admitted == {f"shop/{name}" for name in names}


async def test_whoever_reaches_it_from_elsewhere_needs_a_token(
    world: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.service.reception, "_on_loopback", lambda: False)
    with pytest.raises(RefusedSenderError) as refusal:
        world.service.reception.admit("remote_write", "Bearer guess")
    assert refusal.value.status == 401

    admitted = world.service.reception.admit("remote_write", "Bearer for-metrics")
    assert admitted == {METRICS}


async def test_a_reload_takes_up_what_is_selected_now(world: Living, tmp_path: Path) -> None:
    await send(world, 1000, 10)
    await look(world)
    await send(world, 1001, 10)
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text().replace("for-metrics", "changed"))
    assert (await world.service.reloading.reload()).problems == ()

    await look(world)
    assert counted(world) == (1, 0)
    assert METRICS in world.service.reception.admit("remote_write", "Bearer changed")


async def test_each_collector_of_opentelemetry_has_its_own_labels(world: Living) -> None:
    at = int(world.clock.now().timestamp() * 1000)
    gauge, broken = a_gauge(0.25, at_ms=at), a_gauge(0.25, at_ms=0)
    body = request(gauge, broken, resource={"zone": "here"})
    admitted = world.service.reception.admit("otlp", "Bearer for-plain")
    kept = await world.service.reception.export(body, admitted, as_json=False, encoding="")

    assert kept.rejected == 1
    seen = [(await look(world, f"shop/{name}")).page for name in ("plain", "zoned")]
    assert [[str(one) for one in page.samples] for page in seen if page is not None] == [
        ["pool_usage_ratio"],
        ['pool_usage_ratio{zone="here"}'],
    ]


async def test_a_sample_that_is_left_out_is_counted_as_rejected(world: Living) -> None:
    ahead = int(world.clock.now().timestamp() * 1000) + 3_600_000
    body = request(a_gauge(0.25, at_ms=ahead))
    kept = await world.service.reception.export(
        body, frozenset({"shop/plain"}), as_json=False, encoding=""
    )

    assert kept.rejected == 1
    assert "ahead of our clock" in kept.problems[0]
