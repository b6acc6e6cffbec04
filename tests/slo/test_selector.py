"""PromQL series selectors, read and matched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.selector import Matcher, Selector, SelectorError, matcher, parse_matchers, parse_selector


def selects(text: str, **labels: str) -> bool:
    return parse_selector(text).matches(labels)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("up", Selector("up")),
        (" job:up:sum5m ", Selector("job:up:sum5m")),
        ("up{}", Selector("up")),
        ('up{a="b"}', Selector("up", (Matcher("a", "=", "b"),))),
        ("up{a='b'}", Selector("up", (Matcher("a", "=", "b"),))),
        ("up{a=`b\\`}", Selector("up", (Matcher("a", "=", "b\\"),))),
        (
            'up { a != "b" , c = "" , }',
            Selector("up", (Matcher("a", "!=", "b"), Matcher("c", "=", ""))),
        ),
        ('{__name__="up"}', Selector("up")),
        ('{"my.metric", "größe"="1"}', Selector("my.metric", (Matcher("größe", "=", "1"),))),
        ('{a="b", "my.metric"}', Selector("my.metric", (Matcher("a", "=", "b"),))),
        (r'up{a="\"\\\n\x41\u00e9\101"}', Selector("up", (Matcher("a", "=", '"\\\nAéA'),))),
        ('up{a="}"}', Selector("up", (Matcher("a", "=", "}"),))),
    ],
)
def test_a_selector_is_read_as_prometheus_does(text: str, meaning: Selector) -> None:
    assert parse_selector(text) == meaning


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "column 1: a selector begins with a metric name"),
        ("{}", "column 1: a selector begins with a metric name"),
        ('{__name__=~"up.*"}', "column 1: a selector begins with a metric name"),
        ('up{__name__="down"}', "column 1: the metric name is given twice"),
        ('up{"down"}', "column 1: the metric name is given twice"),
        ("rate(up[5m])", "column 5: '(up[5m])' is left over"),
        ("up[5m]", "column 3: '[5m]' is left over"),
        ("up / 2", "column 4: '/ 2' is left over"),
        ("up{", "column 4: expected a label name or '}'"),
        ("up{,}", "column 4: expected a label name or '}'"),
        ("up{a}", "column 5: expected one of"),
        ('up{a=="b"}', "column 6: expected a quoted value"),
        ("up{a=b}", "column 6: expected a quoted value"),
        ('up{a="b}', "column 6: expected a quoted value"),
        ('up{a="b" c="d"}', "column 10: expected ',' or '}'"),
        (r'up{a=~"5\.."}', r"column 7: \. is not an escape sequence"),
        (r'up{a="\ud800"}', r"column 6: \ud800 is not a character"),
        ('up{a=~"("}', "column 7: the regular expression '(' is not valid"),
        ('up{a=~"(a)\\\\1"}', "column 7: the regular expression"),
    ],
)
def test_what_is_no_selector_is_refused_with_its_column(text: str, words: str) -> None:
    with pytest.raises(SelectorError) as refused:
        parse_selector(text)

    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "labels", "selected"),
    [
        ('up{code="200"}', {"code": "200"}, True),
        ('up{code="200"}', {"code": "2000"}, False),
        ('up{code!="200"}', {"code": "500"}, True),
        ('up{code!="200"}', {}, True),
        ('up{code=""}', {}, True),
        ('up{code=""}', {"code": "1"}, False),
        ('up{code=~"5.."}', {"code": "503"}, True),
        ('up{code=~"5.."}', {"code": "5031"}, False),
        ('up{code=~"5|6"}', {"code": "56"}, False),
        ('up{code=~".+"}', {}, False),
        ('up{code=~".*"}', {}, True),
        ('up{code!~"5.."}', {"code": "200"}, True),
        ('up{code!~"5.."}', {"code": "503"}, False),
        ('up{code=~"a.b"}', {"code": "a\nb"}, True),
        ('up{code=~"ü+"}', {"code": "üü"}, True),
        ('up{a="1",b="2"}', {"a": "1"}, False),
    ],
)
def test_matchers_select_as_in_prometheus(
    text: str, labels: dict[str, str], selected: bool
) -> None:
    assert selects(text, **labels) is selected


def test_a_hostile_regular_expression_costs_linear_time() -> None:
    # Backtracking would need 2^40 steps.
    assert not selects('up{a=~"(x+x+)+y"}', a="x" * 40_000)


def test_bare_matchers_are_read() -> None:
    assert parse_matchers('severity="page", team!="a"') == (
        Matcher("severity", "=", "page"),
        Matcher("team", "!=", "a"),
    )


@pytest.mark.parametrize("text", ["", 'a="b"}', "a", 'a="b",,', '"a"'])
def test_what_are_no_matchers_is_refused(text: str) -> None:
    with pytest.raises(SelectorError):
        parse_matchers(text)


names = st.text(min_size=1).filter(lambda name: name != "__name__")
matchers = st.builds(
    Matcher,
    st.one_of(st.sampled_from(["code", "_a"]), names),
    st.sampled_from(["=", "!="]),
    st.text(),
)


@given(st.one_of(st.sampled_from(["up", "a:b"]), names), st.lists(matchers, max_size=3))
def test_a_selector_written_out_reads_back(metric: str, conditions: list[Matcher]) -> None:
    selector = Selector(metric, tuple(conditions))

    assert parse_selector(str(selector)) == selector


@given(st.text(alphabet="ab{}=~!\"'`\\,. _\n1x"))
def test_any_text_is_a_selector_or_a_selector_error(text: str) -> None:
    try:
        outcome: Selector | str = parse_selector(text)
    except SelectorError as error:
        outcome = str(error)

    assert outcome


def test_equal_matchers_are_equal_whatever_was_compiled() -> None:
    assert {matcher("a", "=~", "b.*"), matcher("a", "=~", "b.*")} == {matcher("a", "=~", "b.*")}
