"""Which SLIs read which series of a page."""

from hypothesis import given
from hypothesis import strategies as st

from slo.definition import EventsSLI
from slo.exposition import Series
from slo.selection import Selection
from slo.selector import parse_selector

SELECTORS = (
    "a", 'a{x="1"}', 'a{x!="1"}', 'a{x="1",y="2"}', 'a{x=""}', 'a{x=~"1|2"}', 'a{le="1"}',
    'a{le="1.0",x="2"}', "b", 'b{x="1",x!="2"}',
)  # fmt: skip
EVENTS = {
    f"shop/{number}": EventsSLI("m", total=(parse_selector(text),), bad=(parse_selector("c"),))
    for number, text in enumerate(SELECTORS)
}
labels = st.dictionaries(st.sampled_from(["x", "y", "le"]), st.sampled_from(["1", "2", "1.0"]))


@given(st.sampled_from("abcd"), labels)
def test_a_series_is_matched_by_the_selectors_that_select_it(
    metric: str, pairs: dict[str, str]
) -> None:
    series = Series(metric, tuple(sorted(pairs.items())))
    matches = Selection(EVENTS).matches([series], {})

    selectors = [parse_selector(text) for text in (*SELECTORS, "c")]
    assert matches[series] == {
        str(one) for one in selectors if one.metric == metric and one.matches(pairs)
    }


def test_the_readers_of_a_selector_are_the_slos_that_have_it_on_either_side() -> None:
    selection = Selection(EVENTS)

    assert list(selection.readers(['a{x="1"}'])) == ["shop/1"]
    assert set(selection.readers(["c"])) == set(EVENTS)


def test_a_selection_is_of_equal_slis_alone() -> None:
    selection = Selection(EVENTS)
    fewer = {slo: sli for slo, sli in EVENTS.items() if slo != "shop/0"}

    assert selection.is_of(dict(EVENTS))
    assert not selection.is_of(fewer)
    assert not selection.is_of({**fewer, "shop/0": EVENTS["shop/1"]})
