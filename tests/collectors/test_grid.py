"""Due instants: stable, exact and spread."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from collectors.grid import Grid, from_us, to_us

INSTANTS = st.integers(0, 4_000_000_000_000_000)
INTERVALS = st.integers(100, 86_400_000).map(lambda ms: timedelta(milliseconds=ms))


@given(st.text(max_size=20), INTERVALS, INSTANTS)
def test_the_next_instant_is_on_the_grid_and_less_than_an_interval_away(
    collector_id: str, interval: timedelta, now_us: int
) -> None:
    grid = Grid.of(collector_id, interval)
    following = grid.after(now_us)

    assert 0 < following - now_us <= grid.interval_us
    assert (following - grid.offset_us) % grid.interval_us == 0
    assert grid.after(following) == following + grid.interval_us


@given(INTERVALS, st.integers(0, 50), st.integers(0, 50), INSTANTS)
def test_no_two_generations_share_an_instant(
    interval: timedelta, one: int, other: int, now_us: int
) -> None:
    grid = Grid.of("shop/health", interval)
    same = grid.shifted(one).after(now_us) == grid.shifted(other).after(now_us)

    assert same == (one == other)


def test_an_id_always_has_the_same_place() -> None:
    # Another number here would shift every installation's rhythm by an upgrade.
    grid = Grid.of("shop/health", timedelta(seconds=10))

    assert (grid.interval_us, grid.offset_us) == (10_000_000, 7_385_014)


def test_ids_are_spread_over_the_interval() -> None:
    tenths = [0] * 10
    for number in range(1000):
        grid = Grid.of(f"service-{number}/health", timedelta(seconds=10))
        tenths[grid.offset_us * 10 // grid.interval_us] += 1

    assert min(tenths) > 60
    assert max(tenths) < 150


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis adds the zone
def test_instants_keep_every_microsecond(instant: datetime) -> None:
    assert from_us(to_us(instant)) == instant
