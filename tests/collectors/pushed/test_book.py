"""What is kept from sample to sample: counts never fall, and each sample counts once."""

from collections.abc import Sequence

import pytest

from collectors.pushed import book
from collectors.pushed.book import Book, Kept, Point, Terms, Told, follow
from slo.exposition import MANY_PROCESSES, Series
from tests.collectors.pushed.bodies import STALE

NOW_MS = 1_800_000_000_000
LASTS = 300.0
REQUESTS = Series("requests", (("job", "shop"),))
ALL = Terms(lambda _: True)


def told(*points: tuple[int, float], series: Series = REQUESTS, delta: bool = False) -> Told:
    return Told(series, [Point(NOW_MS + at, float(value)) for at, value in points], delta)


def sent(
    into: Book, *what: Told, terms: Terms = ALL, ticks: float = 0.0, now_ms: int = NOW_MS
) -> tuple[str, ...]:
    """Send it, and have it stored."""
    changes = into.plan(what, terms, now_ms, ticks)
    into.turn(changes, ticks, terms)
    return changes.problems


def shown(of: Book, ticks: float = 0.0, gauges: Sequence[str] = ()) -> dict[str, int | float]:
    """What a look sees, by series."""
    page = of.page(gauges, ticks, LASTS)
    assert page.process_start == MANY_PROCESSES
    return {str(series): sample.value for series, sample in page.samples.items()}


def counted(*points: tuple[int, float], delta: bool = False) -> int | float:
    """What one series comes to."""
    one = Book({}, {}, 0)
    sent(one, told(*points, delta=delta))
    (value,) = shown(one).values()
    return value


@pytest.mark.parametrize(
    ("points", "count"),
    [
        pytest.param([(0, 5), (1, 9)], 9, id="it rises"),
        pytest.param([(0, 100), (1, 130), (2, 20), (3, 25)], 155, id="it began again"),
        pytest.param([(0, 9), (1, 3), (2, 1)], 13, id="it began again twice"),
        pytest.param([(0, 5), (1, 9), (1, 7), (1, 9)], 9, id="the same moment again"),
        pytest.param([(0, 5), (9, 9), (3, 7), (10, 10)], 10, id="out of order"),
        pytest.param([(0, 5), (1, STALE), (2, 9)], 9, id="gone and back"),
        pytest.param([(0, 5), (1, STALE), (2, 3)], 8, id="gone, and back from nought"),
        pytest.param([(0, 5), (1, -1), (2, 9)], 9, id="a negative one between"),
        pytest.param([(0, 5), (1, float("nan")), (2, float("inf")), (3, 4)], 9, id="no numbers"),
        pytest.param([(0, 2.0**63), (1, 1), (2, 3)], 2**63 + 3, id="exact beyond a float"),
    ],
)
def test_a_counter_is_told_what_it_counted_in_all(
    points: list[tuple[int, float]], count: int
) -> None:
    assert counted(*points) == count


def test_deltas_add_up_and_one_that_is_sent_again_does_not() -> None:
    assert counted((0, 5), (1, 2), (1, 2), (2, 4), delta=True) == 11


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_what_is_no_count_is_shown_as_it_is(value: float) -> None:
    assert repr(float(counted((0, 5), (1, value)))) == repr(float(value))


def test_a_start_that_moved_on_is_a_restart_that_no_value_shows() -> None:
    before = follow(None, Point(1, 50.0, began_ms=100))
    after = follow(before, Point(2, 60.0, began_ms=200))

    assert after is not None
    assert after.base + after.count == 110


def test_a_gauge_is_its_last_value() -> None:
    one = Book({}, {}, 0)
    sent(one, told((0, 5), (1, -2.5)))

    assert shown(one, gauges=["requests"]) == {'requests{job="shop"}': -2.5}


def test_a_series_that_ended_is_not_there() -> None:
    one = Book({}, {}, 0)
    sent(one, told((0, 5)))
    sent(one, told((1, STALE)))

    assert shown(one) == {}


def test_a_series_without_a_new_sample_is_there_for_a_while() -> None:
    one = Book({}, {}, 0)
    sent(one, told((0, 5)))
    sent(one, told((0, 5)), ticks=200)  # sent again says nothing new

    assert shown(one, ticks=300) != {}
    assert shown(one, ticks=301) == {}


def test_what_is_stored_is_shown_once_it_is_heard_of_again() -> None:
    stored = Kept.of(Kept(100, 7, NOW_MS).to_text())
    one = Book({REQUESTS: stored}, {}, 0)
    assert shown(one) == {}

    sent(one, told((0, 7), (1, 9)))

    assert shown(one) == {'requests{job="shop"}': 109}


def test_nothing_changes_before_it_is_stored() -> None:
    one = Book({}, {}, 0)
    one.plan([told((0, 5))], ALL, NOW_MS, 0)

    assert shown(one) == {}
    assert len(one) == 0


def test_what_nobody_wants_is_not_kept() -> None:
    one = Book({}, {}, 0)
    sent(one, told((0, 5)), terms=Terms(lambda series: series != REQUESTS))

    assert len(one) == 0


def test_a_sample_from_far_ahead_is_left_out_and_hides_none() -> None:
    one = Book({}, {}, 0)
    said = sent(one, told((3_600_000, 9), (0, 5)))

    assert said == ("1 samples are of more than 10 minutes ahead of our clock: left out",)
    assert shown(one) == {'requests{job="shop"}': 5}


def test_no_more_series_are_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "MOST_SERIES", 2)
    one = Book({}, {}, 0)
    series = [Series("requests", (("pod", str(number)),)) for number in range(4)]
    said = sent(one, *(told((0, 1), series=each) for each in series))

    assert len(one) == 2
    assert "2 series are beyond" in said[0]

    # A week later those that are gone make room.
    week = 8 * 24 * 3600 * 1000
    assert sent(one, told((week, 1), series=series[3]), now_ms=NOW_MS + week) == ()
    assert shown(one) == {'requests{pod="3"}': 1}


REPLICAS = Terms(lambda _: True, replica_label="replica")


def from_replica(replica: str, at: int, value: float, cluster: str = "eu") -> Told:
    labels = (("cluster", cluster), ("job", "shop"), ("replica", replica))
    return told((at, value), series=Series("requests", labels))


def test_of_two_replicas_one_counts_until_it_is_silent() -> None:
    one = Book({}, {}, 0)
    sent(one, from_replica("a", 0, 10), from_replica("b", 1, 9), terms=REPLICAS)
    sent(one, from_replica("b", 2, 11), terms=REPLICAS, ticks=30)
    assert shown(one) == {'requests{cluster="eu", job="shop"}': 10}

    sent(one, from_replica("b", 3, 14), terms=REPLICAS, ticks=31)
    sent(one, from_replica("a", 4, 13), terms=REPLICAS, ticks=32)
    assert shown(one) == {'requests{cluster="eu", job="shop"}': 14}


def test_each_cluster_has_its_own_replica() -> None:
    one = Book({}, {}, 0)
    sent(one, from_replica("a", 0, 10), from_replica("b", 0, 5, "us"), terms=REPLICAS)

    assert list(shown(one).values()) == [10, 5]


def test_the_replica_that_was_listened_to_is_after_a_restart_too() -> None:
    one = Book({}, {"eu": "a"}, ticks=1000)
    changes = one.plan([from_replica("b", 0, 5)], REPLICAS, NOW_MS, 1010)

    assert changes.is_empty


def test_clusters_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "_MOST_CLUSTERS", 3)
    one = Book({}, {}, 0)
    for number in range(5):
        sent(one, from_replica("a", 0, 1, str(number)), terms=REPLICAS)

    assert len(shown(one)) == 3


SETTLING = Terms(lambda _: True, frozenset({"requests", "errors"}), settles=300)
OTHER = Series("requests", (("job", "other"),))
ERRORS = Series("errors", ())


def test_what_a_series_counted_before_its_sender_was_there_is_past() -> None:
    one = Book({}, {}, 0)
    sent(one, told((0, 1000)), terms=SETTLING)
    sent(one, told((0, 500), (1, 501), series=OTHER), terms=SETTLING, ticks=299)  # a later batch
    sent(one, told((1, 1002), (2, 5)), terms=SETTLING, ticks=301)
    assert shown(one, ticks=301) == {'requests{job="shop"}': 7, 'requests{job="other"}': 1}


def test_a_series_that_comes_to_a_sender_that_was_there_is_new() -> None:
    one = Book({}, {}, 0)
    sent(one, told((0, 1000)), terms=SETTLING)
    sent(one, told((1, 3), series=ERRORS), terms=SETTLING, ticks=300)
    assert shown(one, ticks=301) == {"errors": 3}


def test_after_a_restart_a_series_is_new_at_once() -> None:
    one = Book({REQUESTS: Kept(0, 7, NOW_MS)}, {}, 0)
    sent(one, told((1, 3), series=ERRORS), told((1, 9)), terms=SETTLING)
    assert shown(one) == {"errors": 3, 'requests{job="shop"}': 9}


def test_a_metric_that_is_newly_wanted_settles_for_itself() -> None:
    one = Book({}, {}, 0)
    only = Terms(lambda _: True, frozenset({"requests"}), settles=300)
    sent(one, told((0, 1000)), terms=only)
    sent(one, told((1, 1001)), told((1, 3), series=ERRORS), terms=SETTLING, ticks=1000)
    assert shown(one, ticks=1000) == {'requests{job="shop"}': 1, "errors": 0}


def test_a_delta_has_no_past() -> None:
    one = Book({}, {}, 0)
    sent(one, told((0, 3), delta=True), terms=SETTLING)
    assert shown(one) == {'requests{job="shop"}': 3}
