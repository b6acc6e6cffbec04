"""Which incidents of the past resemble one, and in what."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerting.similar import Sketch, similar

T0 = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
NOW = Sketch(
    incident_id="now",
    service="shop",
    title="",
    opened_at=T0,
    slos=frozenset({"availability"}),
    causes=frozenset({"status"}),
    kinds=frozenset({"burn"}),
    labels={"service": "shop", "severity": "page", "tier": "1", "env": "prod"},
)


def earlier(id_: str, days: int = 1, **changed: object) -> Sketch:
    return replace(NOW, incident_id=id_, opened_at=T0 - timedelta(days=days), **changed)  # type: ignore[arg-type]


def ids(*others: Sketch) -> list[str]:
    return [one.sketch.incident_id for one in similar(NOW, others)]


def test_the_most_alike_comes_first() -> None:
    same = earlier("same", 30)
    other_cause = earlier("other cause", 1, causes=frozenset({"latency"}))

    assert ids(other_cause, same) == ["same", "other cause"]


def test_of_equals_the_newest_comes_first() -> None:
    assert ids(earlier("old", 9), earlier("new", 2)) == ["new", "old"]


def test_it_is_not_similar_to_itself() -> None:
    assert ids(NOW) == []


def test_the_same_service_alone_is_not_enough() -> None:
    assert ids(earlier("x", slos=frozenset({"b"}), causes=frozenset(), labels={})) == []


def test_the_same_cause_in_a_service_with_the_same_labels_is() -> None:
    other = earlier("x", service="pets", slos=frozenset({"uploads"}))

    (found,) = similar(NOW, [other])

    assert found.common == ("cause status", "env=prod, tier=1")


def test_what_is_in_common_is_said() -> None:
    (found,) = similar(NOW, [earlier("x", labels={})])

    assert found.common == ("the same service", "availability", "cause status")


def test_at_most_so_many() -> None:
    assert len(similar(NOW, [earlier(str(n), n) for n in range(1, 9)], limit=3)) == 3
