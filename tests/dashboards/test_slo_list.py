"""The list of SLOs is sorted, filtered and paged by its address alone."""

from dataclasses import replace

import pytest

from dashboards import slo_list
from dashboards.glance import roll_of
from dashboards.slo_list import ListQuery, SLOListView, read_query
from slo.status import BudgetState
from tests.web.fakes import NOW, FakeSource, make_slo, make_status


def view(query: ListQuery, source: FakeSource | None = None) -> SLOListView:
    facts = source or FakeSource()
    roll = roll_of(facts.statuses())
    found = slo_list.find(roll, query, {card.name: card for card in facts.services()})
    return slo_list.slo_list(
        query=query,
        found=found,
        of=len(roll),
        statuses=[status for one in found.page if (status := facts.status(one.id))],
        services=facts.services(),
        alert_states={},
        incidents=[],
        slos={},
        sparks={},
        now=NOW,
    )


def many(number: int) -> FakeSource:
    return FakeSource(
        statuses_=tuple(
            make_status(
                make_slo("shop", f"slo-{n:04}"), (1_000, n, 0), budget_state=BudgetState.HEALTHY
            )
            for n in range(number)
        )
    )


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({"sort": "colour"}, id="an unknown column"),
        pytest.param({"state": "on_fire"}, id="an unknown state"),
        pytest.param({"burn": "2h"}, id="an unknown lookback"),
        pytest.param({"page": "-1"}, id="a page before the first"),
        pytest.param({"page": "²"}, id="a page that only looks like a number"),
        pytest.param({"page": "9" * 400}, id="a page of four hundred digits"),
    ],
)
def test_nonsense_in_the_address_falls_back(parameters: dict[str, str]) -> None:
    assert read_query(parameters) == ListQuery()


def test_the_address_and_the_query_are_the_same_thing() -> None:
    query = ListQuery("a b&c", "at_risk", "shop", "-burn", "6h", 2)

    assert query.url() == "/slos?q=a+b%26c&state=at_risk&service=shop&sort=-burn&burn=6h&page=2"
    assert ListQuery().url() == "/slos"


@pytest.mark.parametrize(
    ("sort", "first", "last"),
    [
        ("worst", "checkout", "catalogue"),
        ("budget", "payments", "uploads"),
        ("-burn", "checkout", "uploads"),
        ("target", "search-latency", "payments"),
        ("-budget", "catalogue", "uploads"),
        ("forecast", "login", "uploads"),
    ],
)
def test_each_column_sorts_and_what_has_no_data_comes_last(
    sort: str, first: str, last: str
) -> None:
    rows = [row.name for row in view(ListQuery(sort=sort)).rows]

    assert (rows[0], rows[-1]) == (first, last)


def test_three_clicks_on_a_header_lead_back_to_worst_first() -> None:
    visited = ["worst"]
    for _ in range(3):
        header = next(
            each for each in view(ListQuery(sort=visited[-1])).headers if each.key == "burn"
        )
        assert header.url is not None
        visited.append(read_query(dict(_pairs(header.url))).sort)

    assert visited == ["worst", "-burn", "burn", "worst"]


def _pairs(url: str) -> list[tuple[str, str]]:
    query = url.partition("?")[2]
    return [(part.split("=")[0], part.split("=")[1]) for part in query.split("&") if part]


def test_a_sorted_header_says_so_to_a_screen_reader() -> None:
    headers = {each.key: each.aria for each in view(ListQuery(sort="-burn")).headers}

    assert headers["burn"] == "descending"
    assert headers["state"] == "none"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("LOGIN", ["login"]),
        ("shop-team login", ["login"]),
        ("owner:shop-team login", ["login"]),
        ("owner:pets-team", []),
        ("service:petuniverse-api", 5),
        ("env:prod pay", ["payments"]),
        ("petuniverse api", 5),
        ("no such thing", []),
    ],
)
def test_the_search_finds_names_owners_labels_and_titles(text: str, names: list[str] | int) -> None:
    rows = [row.name for row in view(ListQuery(text=text)).rows]

    assert (len(rows) if isinstance(names, int) else rows) == names


def test_a_state_lists_every_slo_whose_worst_it_is_and_its_facet_counts_as_many() -> None:
    shown = view(ListQuery(state="exhausted"))

    facet = next(each for each in shown.facets if each.chosen)
    assert [row.name for row in shown.rows] == ["payments"]
    assert (facet.mark.key, facet.count, facet.url) == ("exhausted", 1, "/slos")
    assert shown.shown.replace("\N{NO-BREAK SPACE}", " ") == "1 of 11 SLOs"


def test_an_empty_list_says_which_filters_hide_how_many() -> None:
    shown = view(ListQuery(text="zebra", state="learning"))

    assert shown.rows == ()
    assert shown.empty.replace("\N{NO-BREAK SPACE}", " ") == (
        "Nothing matches the search for “zebra” and the state learning: 11 SLOs are hidden."
    )
    assert shown.clear_url == "/slos"


def test_nothing_configured_is_not_taken_for_nothing_found() -> None:
    shown = view(ListQuery(), replace(FakeSource(), statuses_=()))

    assert shown.empty == "No SLO is configured yet."


def test_the_pages_hold_fifty_each_and_every_slo_once() -> None:
    source = many(120)
    pages = [view(ListQuery(page=number), source) for number in (1, 2, 3)]

    names = [row.name for page in pages for row in page.rows]
    assert [len(page.rows) for page in pages] == [50, 50, 20]
    assert len(set(names)) == 120
    assert (pages[0].previous_url, pages[0].next_url) == (None, "/slos?page=2")
    assert (pages[2].previous_url, pages[2].next_url) == ("/slos?page=2", None)


def test_a_page_beyond_the_last_shows_the_last() -> None:
    shown = view(ListQuery(page=99), many(60))

    assert len(shown.rows) == 10
    assert shown.page_words == "Page 2 of 2"


def test_the_burn_column_looks_back_as_far_as_asked() -> None:
    hour, brief = (view(ListQuery(text="checkout", burn=burn)).rows[0] for burn in ("1h", "5m"))

    assert (hour.burn, brief.burn) == ("117x", "333x")
