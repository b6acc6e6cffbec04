"""Those that were chosen are silenced, and no other."""

from urllib.parse import parse_qs, urlsplit

import pytest

from alerting.silence import read_matchers
from dashboards.silencing import silencing
from slo.definition import SLO
from tests.web.fakes import LONG, MARKUP, make_slo

SERVICES = ("shop", "a|b", "c.d", "x" * 200)
NAMES = ("checkout", "login", MARKUP, LONG, "back\\\\slash", 'quo"te', "a.c", "abc")
ALL = [make_slo(service, name) for service in SERVICES for name in NAMES]


def taken(url: str) -> set[tuple[str, str]]:
    """What the form that it leads to would mute, of all there are."""
    matchers = read_matchers(parse_qs(urlsplit(url).query)["matchers"])
    labels = [{"service": slo.service, "slo": slo.name} for slo in ALL]
    return {
        (one["service"], one["slo"])
        for one in labels
        if all(each.matches(one) for each in matchers)
    }


CHOICES = {
    "one": [ALL[0]],
    "two of one service": ALL[0:2],
    "the same of two services": [ALL[0], ALL[8]],
    "different ones of two services": [ALL[0], ALL[9]],
    "a dot is a dot": [make_slo("shop", "a.c"), make_slo("shop", "login")],
    "all": ALL,
}


@pytest.mark.parametrize("chosen", CHOICES.values(), ids=CHOICES.keys())
def test_the_forms_take_what_was_chosen_and_nothing_else(chosen: list[SLO]) -> None:
    ways = silencing(chosen).ways

    assert set().union(*(taken(way.url) for way in ways)) == {(o.service, o.name) for o in chosen}
    assert all(len(parse_qs(urlsplit(way.url).query)["matchers"][0]) <= 500 for way in ways)


def test_one_form_does_where_it_can() -> None:
    assert [len(silencing(CHOICES[name]).ways) for name in CHOICES][:4] == [1, 1, 1, 2]


def test_nothing_chosen_is_said() -> None:
    assert silencing([]).ways == ()
    assert silencing([]).title == "No SLO is chosen"
