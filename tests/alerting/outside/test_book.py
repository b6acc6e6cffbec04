"""What postings and the time make of alerts from outside."""

from datetime import UTC, datetime, timedelta

import pytest

from alerting.origin import Origin, fingerprint
from alerting.outside import book as books
from alerting.outside.book import (
    Outside,
    Page,
    Terms,
    changes_of,
    expire,
    loudest_first,
    settled,
    take,
    turned,
)
from alerting.outside.meaning import Meaning, facts_of
from alerting.outside.posting import Posted
from alerting.routes import Route
from alerting.routes import Terms as RouteTerms
from slo.selector import parse_matchers
from slo.severity import Severity

NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LABELS = {"alertname": "Slow", "service": "shop", "severity": "critical"}
TREE = Route(receivers=("desk",))


class Book:
    """A book that is turned at once."""

    def __init__(self) -> None:
        self.alerts: dict[str, Outside] = {}
        self.now = NOW

    @property
    def terms(self) -> Terms:
        return Terms(self.now, Meaning(), TREE)

    def post(self, *posted: Posted) -> list[str]:
        return self._turn(take(self.alerts, posted, self.terms))

    def pass_time(self, by: timedelta, granted: datetime = NOW) -> list[str]:
        self.now += by
        return self._turn(expire(self.alerts, granted, self.terms))

    def _turn(self, page: Page) -> list[str]:
        """What is decided on, all at once."""
        turned(self.alerts, page.entries)
        said: list[str] = []
        while waiting := [one for one in self.alerts.values() if one.waits]:
            changes = changes_of(waiting, self.now)
            said += [f"{one.slo} {'fires' if one.firing else 'ends'}" for one in changes]
            turned(self.alerts, {one.fingerprint: settled(one) for one in waiting})
        return said

    @property
    def one(self) -> Outside:
        (one,) = self.alerts.values()
        return one


def posted(
    *,
    end: datetime | None = None,
    start: datetime = NOW,
    now: datetime = NOW,
    summary: str = "it is slow",
    **labels: str,
) -> Posted:
    said = labels or LABELS
    origin = Origin(said, {"summary": summary})
    return Posted(fingerprint(said), origin, start, end or now + 5 * MINUTE, end is None)


def test_one_that_is_sent_again_is_the_same_one() -> None:
    book = Book()

    assert book.post(posted()) == ["Slow fires"]
    assert book.post(posted(summary="slower"), posted(summary="slowest")) == []
    assert book.one.origin.annotations == {"summary": "slowest"}


def test_two_replicas_are_one_alert_and_its_start_is_the_first() -> None:
    book = Book()
    book.post(posted(end=NOW + 4 * MINUTE), posted(end=NOW + 4 * MINUTE, start=NOW - MINUTE))

    assert book.one.starts_at == NOW - MINUTE


def test_it_ends_when_its_sender_says_so() -> None:
    book = Book()
    book.post(posted(end=NOW + 4 * MINUTE))
    book.now += MINUTE

    assert book.post(posted(end=book.now)) == ["Slow ends"]
    assert book.alerts == {}


def test_it_ends_at_its_end_when_it_is_not_sent_again() -> None:
    book = Book()
    book.post(posted())

    assert book.pass_time(4 * MINUTE) == []
    book.post(posted(now=book.now))
    assert book.pass_time(4 * MINUTE) == []
    assert book.pass_time(MINUTE) == ["Slow ends"]


def test_nothing_ends_before_its_sender_had_the_time_to_say_otherwise() -> None:
    book = Book()
    book.post(posted())

    assert book.pass_time(9 * MINUTE, granted=NOW + 10 * MINUTE) == []
    assert book.pass_time(MINUTE, granted=NOW + 10 * MINUTE) == ["Slow ends"]


def test_the_latest_end_that_was_said_counts_and_one_that_was_assumed_holds_back_none() -> None:
    book = Book()
    book.post(posted(end=NOW + 10 * MINUTE), posted(end=NOW + 4 * MINUTE))
    assert book.one.ends_at == NOW + 10 * MINUTE

    other = Book()
    other.post(posted(), posted(end=NOW + 4 * MINUTE))
    assert other.one.ends_at == NOW + 4 * MINUTE


def test_one_that_is_over_and_was_never_seen_to_fire_changes_nothing() -> None:
    assert Book().post(posted(start=NOW - 2 * MINUTE, end=NOW - MINUTE)) == []


def test_what_begins_and_ends_in_one_posting_does_both() -> None:
    assert Book().post(posted(), posted(end=NOW)) == ["Slow fires", "Slow ends"]


def test_an_end_that_is_taken_back_before_it_was_decided_on_was_none() -> None:
    book = Book()

    assert book.post(posted(), posted(end=NOW), posted()) == ["Slow fires"]
    assert book.post(posted(end=NOW), posted(end=NOW + MINUTE)) == []


def test_what_is_only_stored_is_decided_on_whole_later() -> None:
    alerts: dict[str, Outside] = {}
    terms = Terms(NOW, Meaning(), TREE)
    for one in (posted(), posted(summary="slower"), posted(end=NOW)):
        turned(alerts, take(alerts, [one], terms).entries)
    (waiting,) = alerts.values()

    (begun,) = changes_of([waiting], NOW)
    assert (begun.firing, begun.facts.headline) == (True, "it is slow")
    rest = settled(waiting)
    assert rest is not None
    assert rest.waits
    (ended,) = changes_of([rest], NOW)
    assert (ended.firing, ended.facts.reason) == (False, "Its sender says so.")
    assert settled(rest) is None


def test_pages_are_decided_on_first_and_an_incident_s_alerts_together() -> None:
    terms = Terms(NOW, Meaning(), TREE)
    several = [
        posted(alertname="A", service="a", severity="warning"),
        posted(alertname="B", service="b", severity="warning"),
        posted(alertname="C", service="a", severity="warning"),
        posted(alertname="D", service="z", severity="critical"),
    ]
    waiting = loudest_first(take({}, several, terms).entries.values())

    assert [one.origin.labels["alertname"] for one in waiting] == ["D", "A", "C", "B"]


def test_beyond_the_most_the_known_go_on_and_the_new_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(books, "MOST", 1)
    book = Book()
    book.post(posted())
    more = posted(alertname="More")
    page = take(book.alerts, [posted(summary="slower"), more], book.terms)

    assert page.refused == {more.fingerprint}
    assert list(page.entries) == [book.one.fingerprint]


@pytest.mark.parametrize(
    ("labels", "group_by", "place"),
    [
        ({"alertname": "A", "service": "shop", "job": "node"}, (), "shop"),
        ({"alertname": "A", "job": "node"}, (), "node"),
        ({"alertname": "A"}, (), "A"),
        ({"x": "y"}, (), "alert"),
        ({"alertname": "A", "service": "shop"}, ("service",), "shop"),
        ({"alertname": "A", "service": "shop", "b": "2", "a": "1"}, ("b", "a"), "a=1, b=2"),
        ({"alertname": "A", "service": "shop"}, ("cluster",), "shop"),
        ({"alertname": "A\n\nB", "b": "x" * 500}, ("b",), "b=" + "x" * 197 + "…"),
    ],
)
def test_what_an_incident_is_about(
    labels: dict[str, str], group_by: tuple[str, ...], place: str
) -> None:
    tree = Route(receivers=("desk",), terms=RouteTerms(group_by=group_by))

    assert Meaning().place(labels, tree) == place


def test_the_first_route_that_takes_it_says_what_its_incident_is_about() -> None:
    tree = Route(
        receivers=("desk",),
        routes=(
            Route(parse_matchers('a="1"'), terms=RouteTerms(group_by=("a",)), go_on=True),
            Route(terms=RouteTerms(group_by=("b",))),
        ),
    )

    assert Meaning().place({"a": "1", "b": "2"}, tree) == "a=1"
    assert Meaning().place({"b": "2"}, tree) == "b=2"


def test_what_it_says_fits_into_any_database() -> None:
    notes = {"summary": "a\nb\0", "description": "c\nd\0"}
    facts = facts_of(Origin({"alertname": "A"}, notes))

    assert (facts.headline, facts.reason) == ("a b\ufffd", "c\nd\ufffd")


def test_without_words_of_its_own_its_labels_tell_it_apart() -> None:
    facts = facts_of(Origin({"alertname": "A", "severity": "page", "instance": "db-1"}))

    assert (facts.headline, facts.reason) == ("instance=db-1", "instance=db-1")


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("critical", Severity.PAGE),
        ("page", Severity.PAGE),
        ("Warning", Severity.TICKET),
        ("info", Severity.INFO),
        ("p1", Severity.PAGE),
        ("nonsense", Severity.TICKET),
        ("", Severity.TICKET),
    ],
)
def test_how_loud_it_is(word: str, severity: Severity) -> None:
    meaning = Meaning({**Meaning().severities, "p1": Severity.PAGE})

    assert meaning.severity({"severity": word}) is severity
