"""The stretch of time that an SLO's charts show: as it is typed, chosen, shared, and refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dashboards.span import RANGES, SpanError, preset, read_span, span_view
from slo.window import Calendar, Period
from slo.zone import parse_zone
from tests.web.fakes import NOW, make_slo
from web.moment import read_moment

SLO = make_slo("shop", "checkout")
HOUR = timedelta(hours=1)


def test_without_a_word_it_is_the_last_day_and_moves_on() -> None:
    span = read_span({}, SLO, NOW, read_moment)

    assert (span.key, span.start, span.end) == ("24h", NOW - 24 * HOUR, NOW)
    assert (span.since, span.until, span.moves) == ("now-1d", "now", True)


def test_what_is_typed_from_now_moves_on_with_it() -> None:
    span = read_span({"from": " now-36h ", "to": ""}, SLO, NOW, read_moment)

    assert (span.start, span.end) == (NOW - 36 * HOUR, NOW)
    assert (span.key, span.since, span.until) == ("", "now-36h", "now")
    assert span.phrase(NOW) == "last 1d12h"


def test_an_absolute_one_stays() -> None:
    asked = {"from": "2026-11-21T09:00Z", "to": "2026-11-21 10:30+00:00"}
    span = read_span(asked, SLO, NOW, read_moment)

    assert (span.since, span.until) == ("2026-11-21T09:00:00Z", "2026-11-21T10:30:00Z")
    assert not span.moves
    assert span.phrase(NOW) == "09:00 to 10:30 UTC"


def test_the_window_before_ends_where_this_one_begins() -> None:
    rolling = preset("previous", SLO, NOW)
    tokyo = Calendar(Period.MONTH, parse_zone("Asia/Tokyo"))
    month = preset("previous", replace(SLO, window=tokyo), NOW)

    assert (rolling.since, rolling.until) == ("now-60d", "now-30d")
    assert month.start == datetime(2026, 9, 30, 15, tzinfo=UTC)
    assert (month.until, month.moves) == ("2026-10-31T15:00:00Z", False)


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"from": "yesterday"}, "from", "'yesterday' is not a time: write ISO 8601"),
        ({"from": "now-1h", "to": "nwo"}, "to", "'nwo' is not a time"),
        ({"to": "now"}, "from", "where it begins is missing"),
        ({"from": "2199-01-01"}, "from", "lies in the future"),
        ({"from": "now", "to": "now-12h"}, "to", "it ends before it begins"),
        ({"from": "now"}, "to", "it has no length"),
        ({"from": "now-1h", "to": "now-2h"}, "to", "it ends before it begins"),
        ({"from": "now-10s"}, "to", "it is shorter than 1m"),
        ({"from": "2020-01-01"}, "from", "it is longer than 400d"),
        ({"range": "fortnight"}, "", "there is no range 'fortnight': 1h, 6h"),
    ],
    ids=[
        "word",
        "typo",
        "no start",
        "future",
        "from now back",
        "empty",
        "backwards",
        "too short",
        "too long",
        "no preset",
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    asked: dict[str, str], field: str, words: str
) -> None:
    with pytest.raises(SpanError, match=words.replace("(", r"\(")) as caught:
        read_span(asked, SLO, NOW, read_moment)

    assert caught.value.field == field


def test_an_end_in_the_future_is_now() -> None:
    span = read_span({"from": "now-1h", "to": "2026-11-22"}, SLO, NOW, read_moment)

    assert span.end == NOW


def test_the_bar_shares_the_stretch_as_it_is() -> None:
    span = read_span({"range": "6h"}, SLO, NOW, read_moment)
    bar = span_view(SLO, span, {"range": "6h"}, None, NOW)

    assert bar.share_url == (
        "/slos/shop/checkout?from=2026-11-21T06%3A00%3A07Z&to=2026-11-21T12%3A00%3A07Z"
    )
    assert [link.word for link in bar.ranges if link.chosen] == ["6h"]
    assert (bar.since, bar.until, bar.problem) == ("now-6h", "now", None)


def test_the_bar_keeps_what_was_typed_wrongly_and_says_so() -> None:
    asked, problem = {"from": "noon", "to": "now"}, SpanError("from", "'noon' is not a time")
    bar = span_view(SLO, preset("24h", SLO, NOW), asked, problem, NOW)

    assert (bar.since, bar.until, bar.wrong) == ("noon", "now", "from")
    assert bar.problem == (
        "This stretch cannot be shown: 'noon' is not a time. Below is the last 1d."
    )
    assert not any(link.chosen for link in bar.ranges)


@pytest.mark.parametrize("key", RANGES)
def test_a_preset_is_cut_into_at_most_25_steps(key: str) -> None:
    cut = preset(key, SLO, NOW).stretch(NOW)

    assert 12 <= (cut.end - cut.start) / cut.step <= 25


def test_what_is_kept_by_five_minutes_is_cut_into_no_less() -> None:
    asked = {"from": "now-40d", "to": "2026-10-12T13:00Z"}
    span = read_span(asked, SLO, NOW, read_moment)

    assert span.stretch(NOW).step == timedelta(minutes=5)
    assert read_span({"range": "1h"}, SLO, NOW, read_moment).stretch(NOW).step < HOUR / 20
