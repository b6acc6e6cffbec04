"""The list of SLOs is sorted, filtered, grouped and paged by its address alone."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from dashboards.catalogue import Catalogue
from dashboards.glance import roll_of
from dashboards.slo_find import find
from dashboards.slo_list import SLOListView, slo_list
from dashboards.slo_query import OPTIONAL, PLAIN, Layout, read_query
from dashboards.slo_row import SLORow, slo_row
from slo.status import BudgetState
from tests.web.fakes import LONG, MARKUP, NOW, FakeSource, make_slo, make_status

LABELS = ("env", "tier")


def view(
    address: str = "", source: FakeSource | None = None, usual: Layout = PLAIN
) -> SLOListView[SLORow]:
    """What an address shows; `/slos?` may be left out."""
    facts = source or FakeSource()
    roll, catalogue = roll_of(facts.statuses()), Catalogue(facts.services())
    query = address.partition("#")[0].rpartition("?")[2]
    asked = read_query(parse_qsl(query, keep_blank_values=True), catalogue.label_keys, usual)
    found = find(roll, asked.query, catalogue)
    shown = [*found.page, *(one for group in found.groups for one in group.shown)]
    statuses = [status for one in shown if (status := facts.status(one.id))]
    rows = {
        status.slo.id: slo_row(status, card=None, alert_states={}, incident=None, now=NOW)
        for status in statuses
    }
    return slo_list(asked=asked, found=found, catalogue=catalogue, rows=rows)


def names(shown: SLOListView[SLORow]) -> list[str]:
    return [row.name for row in shown.rows]


def plain(sentence: str) -> str:
    """Without what only keeps words together."""
    invisible = {ord("\N{FIRST STRONG ISOLATE}"): "", ord("\N{POP DIRECTIONAL ISOLATE}"): ""}
    return sentence.replace("\N{NO-BREAK SPACE}", " ").translate(invisible)


def many(number: int) -> FakeSource:
    return FakeSource(
        statuses_=tuple(
            make_status(
                make_slo("shop", f"slo-{n:04}"), (1_000, n, 0), budget_state=BudgetState.HEALTHY
            )
            for n in range(number)
        )
    )


# --- what an address says ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("sort=colour", "“colour” is no order. Known are: worst, slo, -slo"),
        ("q=state:on_fire", "“on_fire” is no state. States are: burning_fast, burning"),
        ("state=on_fire", "“on_fire” is no state."),
        ("burn=2h", "“2h” is no stretch of time for the burn rate. Known are: 5m, 1h"),
        ("group=colour", "“colour” is no way to group. Known are: state, owner, service, window"),
        ("columns=colour", "“colour” is no column. Columns are: owner, objective"),
        ("rows=7", "“7” rows are not to be had: 25, 50, 100, 250 are."),
        ("density=thick", "“thick” is no density. Known are: roomy, compact."),
        ("after=garbage", "The list begins at its top: this is no place in a list."),
        ("after=WzFd", "The list begins at its top: this place belongs to a list in another order"),
        ("before=\u202e", "The list begins at its top: this is no place in a list."),
        ("page=2", "Pages have no numbers any more"),
        ("q=" + "x" * 501, "The search is too long: only its first 500 letters"),
        ("&".join(f"open={n}" for n in range(11)), "At most 10 groups are open at once"),
    ],
    ids=lambda value: value[:24],
)
def test_what_makes_no_sense_is_said_with_what_is_accepted(address: str, sentence: str) -> None:
    assert plain(view(address).mistakes[0]).startswith(sentence)


@pytest.mark.parametrize("address", ["sort=colour", "state=on_fire", "burn=2h", "rows=7", "page=²"])
def test_nonsense_in_the_address_falls_back(address: str) -> None:
    assert view(address).query == view().query
    assert len(view(address).rows) == 11


@pytest.mark.parametrize("wrong", [MARKUP, LONG, "\u202egnitset", "שלום", "a\0b"], ids=ascii)
def test_of_what_is_no_service_is_said_which_there_are(wrong: str) -> None:
    shown = view(replace(view().query, terms=read_query([("service", wrong)]).query.terms).url())

    assert shown.rows == ()
    assert "There is “petuniverse-api”, “shop”" in plain(shown.mistakes[0])
    assert "\u202e" not in shown.mistakes[0]


def test_the_address_and_the_query_are_the_same_thing() -> None:
    address = (
        "/slos?q=a+%22b%26c%22+state%3Aat_risk&sort=-burn&burn=6h&group=owner&open=x&open=y"
        "&columns=burn&density=compact&rows=25"
    )
    assert view().query.url() == "/slos"
    assert view(address).query.url() == address.replace("%22b%26c%22", "b%26c")


def test_filters_of_old_addresses_stand_in_the_search() -> None:
    assert view("state=at_risk&service=shop").query.text == "state:at_risk service:shop"


def test_what_one_is_used_to_is_not_told_by_ones_links_but_by_the_one_for_others() -> None:
    usual = Layout(("burn",), "compact", 25)
    shown = view("q=shop", usual=usual)

    assert [header.key for header in shown.headers] == ["state", "slo", "burn"]
    assert shown.clear_url == "/slos"
    assert shown.whole_url == "/slos?q=shop&columns=burn&density=compact&rows=25"
    assert view(shown.whole_url).query.layout == usual


def test_the_address_wins_over_what_one_is_used_to() -> None:
    usual = Layout(("burn",), "compact", 25)
    columns = ",".join(OPTIONAL)

    assert view(f"columns={columns}&density=roomy&rows=50", usual=usual).query.layout == PLAIN


def test_no_column_can_be_wanted() -> None:
    assert [header.key for header in view("columns=none").headers] == ["state", "slo"]


# --- order ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sort", "first", "last"),
    [
        ("worst", "checkout", "catalogue"),
        ("budget", "payments", "uploads"),
        ("-burn", "checkout", "uploads"),
        ("objective", "search-latency", "payments"),
        ("-budget", "catalogue", "uploads"),
        ("forecast", "login", "uploads"),
    ],
)
def test_each_column_sorts_and_what_has_no_data_comes_last(
    sort: str, first: str, last: str
) -> None:
    rows = names(view(f"sort={sort}"))

    assert (rows[0], rows[-1]) == (first, last)


def test_three_clicks_on_a_header_lead_back_to_worst_first() -> None:
    visited = ["worst"]
    for _ in range(3):
        header = next(one for one in view(f"sort={visited[-1]}").headers if one.key == "burn")
        assert header.url is not None
        visited.append(view(header.url).query.sort)

    assert visited == ["worst", "-burn", "burn", "worst"]


def test_an_address_of_the_time_when_an_objective_was_called_a_target_still_works() -> None:
    shown = view("sort=-target&columns=target,burn")

    assert shown.mistakes == ()
    assert shown.query.sort == "-objective"
    assert shown.query.layout.columns == ("objective", "burn")


def test_a_sorted_header_says_so_to_a_screen_reader() -> None:
    headers = {each.key: each.aria for each in view("sort=-burn").headers}

    assert headers["burn"] == "descending"
    assert headers["state"] == "none"


@pytest.mark.parametrize(
    ("address", "headed"),
    [("", True), ("group=service", False), ("group=service&open=shop", True)],
    ids=["rows", "closed groups", "an open group"],
)
def test_headers_stand_over_cells_alone(address: str, headed: bool) -> None:
    shown = view(f"{address}&burn=6h")

    assert shown.headed == headed
    # The header's selection sends the burn rate's stretch; without it the form has to.
    assert (("burn", "6h") in shown.kept) != headed


# --- search and facets ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("LOGIN", ["login"]),
        ("shop-team login", ["login"]),
        ("owner:shop-team login", ["login"]),
        ("owner:pets-team", []),
        ("owner:shop* state:exhausted", ["payments"]),
        ("state:exhausted state:burning_fast", ["checkout", "payments"]),
        ('state:"burning fast"', ["checkout"]),
        ("window:7d", ["images"]),
        ("service:petuniverse-api", 5),
        ("service:petu*", 5),
        ("env:prod pay", ["payments"]),
        ("env:pro", []),
        ("petuniverse api", 5),
        ("no such thing", []),
    ],
)
def test_the_search_finds_names_owners_labels_and_titles(text: str, found: list[str] | int) -> None:
    rows = names(view(f"q={text}"))

    assert (len(rows) if isinstance(found, int) else rows) == found


def test_a_state_lists_every_slo_whose_worst_it_is_and_its_facet_counts_as_many() -> None:
    shown = view("q=state:exhausted")

    facet = next(each for each in shown.states.values if each.chosen)
    assert names(shown) == ["payments"]
    assert (facet.word, facet.count, facet.url) == ("Exhausted", 1, "/slos")
    assert plain(shown.shown) == "1 of 11 SLOs"


def test_each_facet_shows_as_many_as_it_says() -> None:
    for facet in view().facets:
        assert sum(one.count for one in facet.values) == 11
        for one in facet.values:
            chosen = view(one.url)
            assert len(chosen.rows) == one.count, one
            again = next(each for each in chosen.facets if each.key == facet.key)
            assert [each.word for each in again.values if each.chosen] == [one.word]


def test_a_facet_counts_what_the_others_let_through() -> None:
    facets = {one.key: one for one in view("q=state:exhausted").facets}

    assert sum(one.count for one in facets["state"].values) == 11
    assert [(one.word, one.count) for one in facets["window"].values] == [("30d", 1)]


def test_of_many_values_the_facet_shows_those_with_the_worst() -> None:
    source = FakeSource(
        statuses_=tuple(
            make_status(make_slo(f"s-{n:02}", "a"), (1_000, n, 0), budget_state=BudgetState.HEALTHY)
            for n in range(20)
        )
    )
    service = next(one for one in view("", source).facets if one.key == "service")

    assert [one.word for one in service.values][:2] == ["s-19", "s-18"]
    assert plain(service.more or "") == "12 more: search for service:name"


# --- nothing to show -----------------------------------------------------------------------------


def test_an_empty_list_says_which_filters_hide_how_many() -> None:
    shown = view("q=zebra state:learning")

    assert shown.rows == ()
    assert plain(shown.empty) == (
        "Nothing matches “zebra state:learning”: 11 SLOs are hidden. "
        "Without “zebra” 1 would show; without “state:learning” 0 would show."
    )
    assert shown.clear_url == "/slos"


def test_nothing_configured_is_not_taken_for_nothing_found() -> None:
    bare = replace(FakeSource(), statuses_=(), services_=())

    assert view("", bare).empty == "No SLO is configured yet."
    assert not view("", bare).is_blind


def test_nothing_known_is_not_taken_for_nothing_there() -> None:
    shown = view("", replace(FakeSource(), statuses_=()))

    assert shown.is_blind
    assert plain(shown.empty).endswith("SLOs are configured, and nothing is known of any yet.")


# --- pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", ["worst", "-slo", "-budget", "sli"])
def test_the_pages_hold_fifty_each_and_every_slo_once_there_and_back(sort: str) -> None:
    source, address = many(120), f"sort={sort}"
    there = [view(address, source)]
    while there[-1].next_url:
        there.append(view(there[-1].next_url, source))
    back = [there[-1]]
    while back[-1].previous_url:
        back.append(view(back[-1].previous_url, source))

    assert [len(page.rows) for page in there] == [50, 50, 20]
    assert len({name for page in there for name in names(page)}) == 120
    assert [names(page) for page in reversed(back)] == [names(page) for page in there]
    assert plain(there[1].page_words or "") == "51 to 100 of 120 SLOs"
    assert there[0].first_url is None
    assert view(there[2].first_url or "", source).rows == there[0].rows


def test_an_slo_that_is_gone_moves_no_other_over_the_edge_of_a_page() -> None:
    before = view("sort=slo", many(120))
    fewer = replace(many(120), statuses_=many(120).statuses_[10:])

    assert names(view(before.next_url or "", fewer))[0] == "slo-0050"


def test_a_place_of_another_order_is_not_used() -> None:
    place = (view("sort=slo", many(120)).next_url or "").rpartition("after=")[2]
    shown = view(f"sort=-budget&after={place}", many(120))

    assert "another order" in shown.mistakes[0]
    assert plain(shown.shown) == "1 to 50 of 120 SLOs"


# --- groups --------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["service", "owner", "state", "window", "label:env"])
def test_groups_hold_every_slo_once_and_lead_to_as_many_as_they_say(way: str) -> None:
    shown = view(f"group={way}")

    assert sum(int(group.count.split("\N{NO-BREAK SPACE}")[0]) for group in shown.groups) == 11
    for group in shown.groups:
        assert sum(one.count for one in group.counts) == len(view(group.all_url).rows)
        for one in group.counts:
            assert len(view(one.url).rows) == one.count


def test_the_group_with_the_worst_slo_comes_first_and_names_it() -> None:
    first = view("group=service").groups[0]

    assert (first.word, first.worst, first.worst_url) == ("shop", "checkout", "/slos/shop/checkout")


def test_the_slos_of_a_group_come_when_it_is_opened() -> None:
    closed = view("group=service").groups[0]
    opened = view(closed.url).groups[0]

    assert (closed.is_open, closed.rows) == (False, ())
    assert (opened.is_open, opened.rows[0].name) == (True, "checkout")
    assert urlsplit(closed.url).fragment == opened.anchor
    assert view(opened.url).groups[0].rows == ()


def test_a_group_shows_its_first_and_where_all_are() -> None:
    group = view("group=service&open=shop", many(30)).groups[0]

    assert len(group.rows) == 25
    assert plain(group.more or "") == "All 30 SLOs"
    assert len(view(group.all_url, many(30)).rows) == 30


def test_the_burn_column_looks_back_as_far_as_asked() -> None:
    assert view("burn=5m").query.burn == "5m"
    chosen = [one.word for one in view("burn=5m").lookbacks if one.chosen]

    assert chosen == ["5m"]
    assert ("burn", "5m") in view("burn=5m&columns=none").kept
    assert ("burn", "5m") not in view("burn=5m").kept
