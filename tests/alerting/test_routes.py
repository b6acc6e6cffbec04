"""The routing tree: which receivers an alert is for, and why them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from alerting.routes import Route, Terms, join
from slo.selector import parse_matchers
from slo.units import parse_duration

CASES = json.loads(
    (Path(__file__).parents[1] / "data/alertmanager/routing_cases.json").read_text("utf-8")
)
TREE = Route(
    receivers=("mail",),
    routes=(
        Route(
            parse_matchers('severity="page"'),
            ("oncall",),
            (
                Route(parse_matchers('env="dev"'), ()),
                Route(parse_matchers('team=~"pets|cats"'), ("pets",)),
                Route(parse_matchers('night!=""')),
            ),
            go_on=True,
        ),
        Route(parse_matchers('severity=~"page|ticket"'), ("sre", "oncall")),
    ),
)


def terms_of(node: Mapping[str, Any]) -> Terms:
    wait, interval, repeat = (
        parse_duration(node[key]) if key in node else None
        for key in ("group_wait", "group_interval", "repeat_interval")
    )
    by = tuple(node["group_by"]) if "group_by" in node else None
    return Terms(group_by=by, group_wait=wait, group_interval=interval, repeat_interval=repeat)


def alertmanager_route(node: Mapping[str, Any]) -> Route:
    """Their node as ours: `receiver` is a list of one, and both kinds of match are matchers."""
    equal = [f'{name}="{value}"' for name, value in node.get("match", {}).items()]
    regex = [f'{name}=~"{value}"' for name, value in node.get("match_re", {}).items()]
    return Route(
        parse_matchers(",".join([*equal, *regex])) if equal or regex else (),
        (node["receiver"],) if "receiver" in node else None,
        tuple(alertmanager_route(child) for child in node.get("routes", [])),
        node.get("continue", False),
        terms_of(node),
    )


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: str(case["labels"]))
def test_alerts_go_where_alertmanager_sends_them(case: Mapping[str, Any]) -> None:
    expected = [match["receiver"] for match in case["matches"]]

    assert list(alertmanager_route(CASES["tree"]).explain(case["labels"]).receivers) == expected


def amtool_tree(*, reverted: bool) -> Route:
    """The tree of conf.routing.yml: `test` 1 or 2 goes to test1 and on, 2 to test2 as well."""
    routes = (
        Route(parse_matchers('test=~"1|2"'), ("test1",), go_on=True),
        Route(parse_matchers('test="2"'), ("test2",), go_on=True),
    )
    return Route(receivers=("default",), routes=routes[::-1] if reverted else routes)


@pytest.mark.parametrize(
    "case", CASES["amtool_routes_test"], ids=lambda case: f"{case['config']}-{case['labels']}"
)
def test_alerts_go_where_amtool_says(case: Mapping[str, Any]) -> None:
    tree = amtool_tree(reverted="reverted" in case["config"])

    assert list(tree.explain(case["labels"]).receivers) == case["receivers"]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        pytest.param(
            {},
            "Routed to mail: no route matched, so the root's receivers",
            id="no route",
        ),
        pytest.param(
            {"severity": "ticket"},
            'Routed to sre and oncall: severity=~"page|ticket" matched route 2',
            id="first that matches",
        ),
        pytest.param(
            {"severity": "page", "team": "cats"},
            'Routed to pets, sre and oncall: severity="page" matched route 1, '
            'team=~"pets|cats" matched route 1.2; severity=~"page|ticket" matched route 2',
            id="deeper, then on to a sibling",
        ),
        pytest.param(
            {"severity": "page", "night": "yes"},
            'Routed to oncall and sre: severity="page" matched route 1, night!="" matched '
            'route 1.3; severity=~"page|ticket" matched route 2',
            id="receivers of the parent, each once",
        ),
        pytest.param(
            {"severity": "page", "team": "catsitters"},
            'Routed to oncall and sre: severity="page" matched route 1; '
            'severity=~"page|ticket" matched route 2',
            id="regexes are anchored",
        ),
    ],
)
def test_the_path_is_told_in_words(labels: dict[str, str], said: str) -> None:
    assert str(TREE.explain(labels)) == said


def test_an_empty_list_of_receivers_is_not_inherited_over() -> None:
    tree = Route(receivers=("mail",), routes=(Route(parse_matchers('env="dev"'), ()),))

    assert tree.explain({"env": "dev"}).receivers == ()


def test_a_route_without_matchers_takes_everything() -> None:
    tree = Route(routes=(Route((), ("all",)),))

    assert str(tree.explain({})) == "Routed to all: everything matched route 1"


def test_names_are_joined_as_one_would_say_them() -> None:
    assert [join(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_what_is_remembered_is_bounded_and_answers_as_before() -> None:
    tree = Route(
        receivers=("desk",), routes=(Route(parse_matchers('n=~".*7"'), receivers=("oncall",)),)
    )
    for number in (*range(5_000), *range(5_000)):
        (hit,) = tree.hits({"n": str(number)})
        assert hit.receivers == (("oncall",) if number % 10 == 7 else ("desk",))
    tree.hits({"n": "x" * 100_000})

    assert len(tree._found) <= 2_000
    assert max(len(value) for labels in tree._found for _, value in labels) < 10
    assert tree == Route(tree.matchers, tree.receivers, tree.routes)
