"""From a path to a configuration, or to every mistake at once."""

import re
from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from nines.config import ConfigError, Problem, load
from nines.config.document import read_yaml
from slo.definition import EventsSLI, ProbeSLI
from tests.nines.config.files import NOBODY, SHOP, load_text, mistakes

EXAMPLE = Path(__file__).parents[3] / "config.yaml"


def test_the_example_is_fine_without_any_environment() -> None:
    config = load(EXAMPLE, {})

    assert [each.sentence for each in config.advice] == [NOBODY]
    assert str(config.server.listen) == "127.0.0.1:9919"
    assert config.server.bucket == timedelta(seconds=10)
    assert {slo.id for slo in config.slos} >= {"nines/availability", "nines/collecting"}


def test_collectors_and_slos_take_the_defaults(tmp_path: Path) -> None:
    config = load_text(tmp_path, "defaults: {interval: 20s, timeout: 3s, window: 7d}\n" + SHOP)

    home = config.services["shop"].collectors["home"]
    assert (home.interval, home.timeout) == (timedelta(seconds=20), timedelta(seconds=3))
    up = config.slo("shop/up")
    assert up is not None
    assert (up.window.label, up.interval) == ("7d", timedelta(seconds=20))


def test_slos_are_built_with_their_sli_and_default_tiers(tmp_path: Path) -> None:
    config = load_text(tmp_path, SHOP)

    up, requests = config.slos
    assert up.sli == ProbeSLI("home")
    assert [tier.factor for tier in up.tiers] == [Fraction(72, 5), 6, 3, 1]
    assert isinstance(requests.sli, EventsSLI)
    assert str(requests.sli.bad[0]) == 'errors{code=~"5.."}'
    assert requests.objective.label == "99.95"


def test_ten_mistakes_are_told_in_one_run(tmp_path: Path) -> None:
    text = """\
server:
  bucket: 3s
  lisen: 127.0.0.1:1
services:
  shop:
    collectors:
      home: {http: https://shop.example/, interval: 10}
      metrics: {prometheus: https://shop.example/metrics}
      metrics: {prometheus: https://other.example/metrics}
    slos:
      up: {objective: 100%, sli: {probe: home}}
      down: {sli: {probe: hom}}
      requests:
        objective: 99%
        sli: {collector: metrics, bad: 'errors{', total: requests}
      slow:
        objective: 90%
        sli: {probe: home}
        tiers: [{severity: page, factor: 10, long: 1h, short: 5m}]
      login:
        objective: 90%
        sli: {collector: metrics, bad: errors, total: requests}
        tiers: [{severity: page, factor: 10, long: 1h, short: 2h}]
alerting: {route: {receivers: [mial]}}
"""
    assert mistakes(tmp_path, text) == [
        "2:11: a bucket is 10s or a divisor of it, 1s, 2s or 5s; 3s is none",
        "3:3: unknown key `lisen`; did you mean `listen`?",
        "7:53: 10 is not a duration: write a unit, such as 15s, 5m or 1h30m",
        f"9:7: `metrics` is written twice; the first time at {tmp_path}/config.yaml:8:7",
        (
            "11:23: an objective must lie between 0% and 100%, both excluded; "
            "100% leaves no error budget at all"
        ),
        "12:7: `objective` is missing",
        "12:27: there is no collector `hom`; did you mean `home`?",
        "15:40: 'errors{' is not a selector: column 8: expected a label name or '}'",
        (
            "19:17: this tier can never fire: a full outage of a 90% objective burns 10x, and the "
            "tier waits for more than 10x"
        ),
        (
            "23:17: this tier can never fire: a full outage of a 90% objective burns 10x, and the "
            "tier waits for more than 10x"
        ),
        "23:63: the short window, 2h, must be shorter than the long one, 1h",
        "24:32: there is no receiver `mial`, nor any other",
    ]


def test_a_reference_to_a_faulty_collector_is_no_mistake_of_its_own(tmp_path: Path) -> None:
    assert len(mistakes(tmp_path, SHOP.replace("https://shop.example/}", "ftp://x}"))) == 1


def test_empty_sections_are_as_if_left_out(tmp_path: Path) -> None:
    config = load_text(tmp_path, SHOP + "server:\ndefaults:\n")

    assert len(config.slos) == 2


def test_keys_with_x_at_the_top_are_a_place_for_anchors(tmp_path: Path) -> None:
    text = "x-fast: &fast {interval: 5s, timeout: 2s}\n" + SHOP.replace(
        "{http: https://shop.example/}", "{http: https://shop.example/, <<: *fast}"
    )

    home = load_text(tmp_path, text).services["shop"].collectors["home"]

    assert home.interval == timedelta(seconds=5)


def test_files_of_a_directory_complete_each_other(tmp_path: Path) -> None:
    (tmp_path / "10-server.yaml").write_text("server: {listen: 127.0.0.1:1}\n")
    (tmp_path / "20-shop.yaml").write_text(SHOP)
    (tmp_path / "30-more.yml").write_text(
        "services: {shop: {slos: {more: {objective: 99%, sli: {probe: home}}}}}\n"
    )
    (tmp_path / ".hidden.yaml").write_text("nonsense")
    (tmp_path / "readme.txt").write_text("nonsense")

    config = load(tmp_path, {})

    assert config.server.listen.port == 1
    assert [slo.id for slo in config.slos] == ["shop/up", "shop/requests", "shop/more"]


def test_the_same_thing_in_two_files_is_told_with_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SHOP)
    (tmp_path / "b.yaml").write_text("services: {shop: {collectors: {home: {tcp: 'x:1'}}}}\n")

    with pytest.raises(ConfigError) as caught:
        load(tmp_path, {})

    assert [str(problem) for problem in caught.value.problems] == [
        (
            f"{tmp_path}/b.yaml:1:32: `services.shop.collectors.home` is defined in two files; "
            f"the first time at {tmp_path}/a.yaml:4:7"
        )
    ]


def test_a_problem_in_a_directory_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("server: {bucket: 10s}\n")
    (tmp_path / "b.yaml").write_text(SHOP.replace("{probe: home}", "{probe: hom}"))

    with pytest.raises(ConfigError) as caught:
        load(tmp_path, {})

    assert str(caught.value).startswith(f"{tmp_path}/b.yaml:7:43: there is no collector `hom`")


def test_what_an_unreadable_file_may_hold_is_not_called_missing(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("services: {shop: {collectors: {home: [}}}\n")
    (tmp_path / "b.yaml").write_text(
        "services: {shop: {slos: {up: {objective: 99%, sli: {probe: home}}}}}\n"
    )

    with pytest.raises(ConfigError) as caught:
        load(tmp_path, {})

    assert [problem.path for problem in caught.value.problems] == [f"{tmp_path}/a.yaml"]


@pytest.mark.parametrize(
    "name", ["nowhere.yaml", "nul\0.yaml", "."], ids=["absent", "nul", "empty"]
)
def test_what_cannot_be_read_is_a_problem_not_a_traceback(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / name, {})

    assert len(caught.value.problems) == 1


WORDS = st.sampled_from(
    [
        *("server", "defaults", "services", "alerting", "collectors", "slos", "sli", "tiers"),
        *("http", "tcp", "tls", "prometheus", "expect", "json", "headers", "bearer_token", "file"),
        *("objective", "window", "probe", "collector", "bad", "total", "by", "interval", "timeout"),
        *("receivers", "route", "routes", "match", "email", "slack", "webhook", "pagerduty"),
        *("long", "short", "spent", "factor", "severity", "retention", "detail", "x-a", "a"),
        *("https://a.example/", "a:1", "10s", "5m", "99.9%", "2%", "page", "${A}", "${A:-b}"),
        *("up{a='b'}", "$.a", "(", "", "<<", "*a", "&a", "mail", "10", "true", "null", "0"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=25,
)
PIECES = st.sampled_from(
    [
        *("\n", "  ", "- ", ": ", "{", "}", "[", "]", "'", '"', "&a ", "*a", "<<: *a", "#", "|"),
        *(">", "?", "!", "%", "@", "\t", "\\", "---\n", "...\n", "\x85", "\u2028", "\x00", "\r"),
    ]
)
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def assert_fine_or_placed(file: Path, content: bytes) -> None:
    """Nothing but ConfigError comes out, and its places lie within the file."""
    file.write_bytes(content)
    problems: Sequence[Problem] = ()
    try:
        load(file, {"A": "value"})
    except ConfigError as error:
        problems = error.problems
        found = bool(problems)
    else:
        found = True
    assert found, "a ConfigError without a problem"
    lines = re.split("\r\n|[\n\r]", content.decode("utf-8-sig", errors="replace"))
    for problem in problems:
        assert problem.path == str(file)
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.sentence
        assert "Input should" not in problem.sentence


@QUICK
@given(st.lists(WORDS | PIECES | st.text(max_size=3), max_size=40))
def test_arbitrary_text_raises_nothing_but_config_errors(tmp_path: Path, parts: list[str]) -> None:
    text = "".join(parts)

    assert_fine_or_placed(tmp_path / "c.yaml", text.encode(errors="surrogatepass"))


@QUICK
@given(VALUES)
def test_arbitrary_data_raises_nothing_but_config_errors(tmp_path: Path, data: object) -> None:
    with (tmp_path / "dumped.yaml").open("w") as file:
        YAML(typ="safe", pure=True).dump(data, file)

    assert_fine_or_placed(tmp_path / "c.yaml", (tmp_path / "dumped.yaml").read_bytes())


def replaced(data: object, at: list[int], value: object) -> object:
    """The data with one node, found by going down `at`, replaced."""
    if not at or not isinstance(data, dict | list) or not data:
        return value
    step, *rest = at
    if isinstance(data, list):
        index = step % len(data)
        return [*data[:index], replaced(data[index], rest, value), *data[index + 1 :]]
    key = sorted(data)[step % len(data)]
    return {**data, key: replaced(data[key], rest, value)}


@QUICK
@given(st.lists(st.integers(0, 20), max_size=7), VALUES)
def test_the_example_with_one_node_replaced_raises_nothing_but_config_errors(
    tmp_path: Path, at: list[int], value: object
) -> None:
    document, _ = read_yaml(EXAMPLE.read_bytes(), "config.yaml")
    with (tmp_path / "dumped.yaml").open("w") as file:
        YAML(typ="safe", pure=True).dump(replaced(document.data, at, value), file)

    assert_fine_or_placed(tmp_path / "c.yaml", (tmp_path / "dumped.yaml").read_bytes())


@QUICK
@given(st.binary(max_size=60), st.integers(0, 3000))
def test_the_example_with_bytes_inserted_raises_nothing_but_config_errors(
    tmp_path: Path, inserted: bytes, at: int
) -> None:
    content = EXAMPLE.read_bytes()

    assert_fine_or_placed(tmp_path / "c.yaml", content[:at] + inserted + content[at:])


TWO = """
alerting:
  receivers:
    oncall: {{webhook: {{url: "https://oncall.example/"}}}}
    desk: {{webhook: {{url: "https://desk.example/"}}}}
  route: {{{root}, routes: [{{match: 'team="a"', {below}}}]}}
"""


@pytest.mark.parametrize(
    ("root", "below"),
    [
        ("receivers: [oncall, desk], failover: [desk]", "receivers: [oncall]"),
        ("receivers: [oncall], failover: [oncall]", "receivers: [desk]"),
        (
            "receivers: [oncall], failover: [oncall], escalate: [{after: 5m, receivers: [desk]}]",
            "receivers: [oncall]",
        ),
        (
            "receivers: [desk], escalate: [{after: 5m, receivers: [oncall]}]",
            "failover: [desk]",
        ),
    ],
)
def test_a_receiver_of_a_route_may_stand_in_for_another_of_it(
    tmp_path: Path, root: str, below: str
) -> None:
    assert mistakes(tmp_path, TWO.format(root=root, below=below)) == []


def test_a_receiver_cannot_stand_in_for_itself_at_a_route_below(tmp_path: Path) -> None:
    (said,) = mistakes(tmp_path, TWO.format(root="receivers: [desk]", below="failover: [desk]"))

    assert "`desk` is the only receiver here and cannot stand in for itself" in said
