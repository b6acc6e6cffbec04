"""The definitions that an SLO has had, and what each edit changed, in words."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from slo.config import SLOConfig, build_slos
from slo.surroundings import Surroundings
from slo.units import parse_duration
from slo.versions import Definition, changes, define, history, in_force
from tests.slo.builders import T0

DAY = timedelta(days=1)
AROUND = Surroundings("shop", timedelta(seconds=10), 30 * DAY, timedelta(seconds=10))
PROBE = {"probe": "front"}
REQUESTS = {
    "collector": "metrics",
    "bad": 'requests_total{code="500"}',
    "total": "requests_total",
}
REQUESTS_IN_WORDS = 'bad requests_total{code="500"}, collector metrics, total requests_total'
PAGE = {"severity": "page", "factor": 14.4, "long": "1h", "short": "5m"}
TICKET = {"severity": "ticket", "spent": "10%", "long": "1d", "short": "2h", "for": "5m"}


def defined(default_window: str = "30d", **written: Any) -> Definition:  # noqa: ANN401 - YAML
    config = SLOConfig.model_validate({"objective": "99.9%", "sli": PROBE, **written})
    slo = build_slos("up", config, AROUND)[0]
    return define(config, slo, parse_duration(default_window), T0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"objective": "99.9%"}, {"objective": "99.90%"}),
        ({"objective": "99.9%"}, {"objective": ["99.9%"]}),
        ({}, {"window": "30d"}),
        ({"window": "4w"}, {"window": "28d"}),
        ({}, {"method": "occurrences"}),
        (
            {"tiers": [PAGE]},
            {"tiers": [{**PAGE, "long": "60m", "for": "0s", "keep_firing_for": "60s"}]},
        ),
        ({"sli": {**REQUESTS, "total": ["requests_total"]}}, {"sli": REQUESTS}),
        ({}, {"shadow": True, "notices": ["10%"]}),
    ],
)
def test_the_same_promise_is_the_same_text_however_it_is_written(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert defined(**one) == defined(**other)


def test_another_default_window_is_another_promise_where_none_is_written() -> None:
    assert defined("28d").text != defined("30d").text
    assert defined("28d", window="7d") == defined("30d", window="7d")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({}, {"objective": "99.95%"}, ["objective 99.9% -> 99.95%"]),
        ({}, {"objective": ["99.9%", "99.99%"]}, ["objective 99.9% -> 99.9%, 99.99%"]),
        ({}, {"window": "month UTC"}, ["window 30d -> month UTC"]),
        (
            {},
            {"method": "timeslices", "slice": "1m", "slice_target": "95%", "no_data": "good"},
            [
                "method occurrences -> timeslices",
                "no data ignore -> good",
                "slice 1m added",
                "slice target 95% added",
            ],
        ),
        ({"no_data_after": "5m"}, {}, ["no data after 5m removed"]),
        (
            {"tiers": [PAGE]},
            {"tiers": [{**PAGE, "factor": 10}]},
            ["tier page 1h/5m: factor 14.4 -> factor 10"],
        ),
        (
            {"tiers": [PAGE]},
            {"tiers": [TICKET]},
            ["tier page 1h/5m removed", "tier ticket 1d/2h added: 10% spent, for 5m"],
        ),
        ({}, {"tiers": [PAGE]}, ["tiers: the default ones -> page 1h/5m factor 14.4"]),
        ({"sli": PROBE}, {"sli": {"probe": "back"}}, ["SLI probe front -> back"]),
        (
            {"sli": REQUESTS},
            {"sli": {**REQUESTS, "by": ["path"]}},
            ["SLI by path added"],
        ),
        (
            {"sli": PROBE},
            {"sli": REQUESTS},
            [f"SLI probe front -> {REQUESTS_IN_WORDS}"],
        ),
        (
            {},
            {"objective": "99%", "window": "7d"},
            ["objective 99.9% -> 99%", "window 30d -> 7d"],
        ),
    ],
)
def test_an_edit_in_words(before: dict[str, Any], after: dict[str, Any], words: list[str]) -> None:
    assert list(changes(defined(**before), defined(**after))) == words


def test_an_edit_of_what_it_is_derived_from_is_said() -> None:
    assert changes(defined(), replace(defined(), mark="another")) == (
        "what it is derived from was edited",
    )


def test_a_definition_reads_back_as_the_slos_that_it_was() -> None:
    written: dict[str, Any] = {
        "objective": ["99.9%", "99%"],
        "window": ["7d", "month UTC"],
        "tiers": [PAGE, TICKET],
        "sli": REQUESTS,
    }
    config = SLOConfig.model_validate(written)

    assert defined(**written).slos(AROUND) == build_slos("up", config, AROUND)


def test_a_definition_of_another_nines_is_refused_and_not_guessed() -> None:
    unknown = replace(
        defined(), text='{"objective":["99.9%"],"sli":{"vibes":"good"},"window":["30d"]}'
    )

    with pytest.raises(ValueError, match="vibes"):
        unknown.slos(AROUND)


def test_versions_know_from_when_until_when_and_whose_counts_they_have() -> None:
    edits: list[dict[str, Any]] = [
        {},
        {"objective": "99.5%"},
        {"sli": {"probe": "back"}},
        {"objective": "99.5%"},
    ]
    definitions = [
        replace(defined(**edit), number=number, valid_from=T0 + number * DAY)
        for number, edit in enumerate(edits, start=1)
    ]

    found = history(definitions)

    assert [one.until for one in found] == [T0 + n * DAY for n in (2, 3, 4)] + [None]
    assert [one.counts_of for one in found] == [1, 1, 3, 1]
    assert found[0].changes == ()
    assert found[3].changes == ("objective 99.9% -> 99.5%", "SLI probe back -> front")


def test_the_version_in_force_at_a_moment() -> None:
    definitions = [replace(defined(), number=n, valid_from=T0 + n * DAY) for n in (1, 2)]
    found = history(definitions)

    valid = [in_force(found, T0 + hours * timedelta(hours=1)) for hours in (0, 24, 47, 48)]

    assert [one.definition.number if one else None for one in valid] == [None, 1, 1, 2]


def test_the_text_is_json_that_a_person_can_read() -> None:
    assert json.loads(defined(tiers=[PAGE]).text) == {
        "objective": ["99.9%"],
        "sli": {"probe": "front"},
        "tiers": [PAGE],
        "window": ["30d"],
    }
