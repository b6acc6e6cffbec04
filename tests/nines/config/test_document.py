"""YAML as plain data with places."""

import pytest

from nines.config.document import Document, read_yaml
from nines.config.nodes import MAX_DEPTH


def read(text: str) -> Document:
    """A document without mistakes."""
    document, problems = read_yaml(text.encode(), "f.yaml")
    assert problems == []
    return document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("1_000", "1_000"),
        ("0x1f", 31),
        ("0o17", 15),
        ("017", 17),
        ("-3", -3),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("true", True),
        ("~", None),
        ("'7'", "7"),
        ("!!str 7", "7"),
        ("9" * 5000, "9" * 5000),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_scalar_is_what_yaml_1_2_says(text: str, value: object) -> None:
    assert read(f"a: {text}").data == {"a": value}


def test_every_key_and_value_has_its_place() -> None:
    document = read("a:\n  - {b: 'x',   c: 2}\n")

    assert str(document.place(("a",), key=True)) == "f.yaml:1:1"
    assert str(document.place(("a", 0))) == "f.yaml:2:5"
    assert str(document.place(("a", 0, "c"), key=True)) == "f.yaml:2:16"
    assert str(document.place(("a", 0, "c"))) == "f.yaml:2:19"


def test_what_is_missing_is_placed_at_the_key_that_lacks_it() -> None:
    document = read("a:\n  b:\n    c: 1\n")

    assert str(document.place(("a", "b", "missing"))) == "f.yaml:2:3"
    assert str(document.place(("missing",))) == "f.yaml:1:1"


def test_every_duplicate_is_named_with_both_places() -> None:
    _, problems = read_yaml(b"a: 1\nb: {c: 1, c: 2, c: 3}\na: 2\n", "f.yaml")

    assert [str(problem) for problem in problems] == [
        "f.yaml:3:1: `a` is written twice; the first time at f.yaml:1:1",
        "f.yaml:2:11: `c` is written twice; the first time at f.yaml:2:5",
        "f.yaml:2:17: `c` is written twice; the first time at f.yaml:2:5",
    ]


def test_aliases_and_merge_keys_are_followed() -> None:
    document = read("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a\nd: {<<: [{z: 1}, *a]}\n")

    assert document.data["b"] == {"y": 3, "x": 1}
    assert document.data["c"] == {"x": 1, "y": 2}
    assert document.data["d"] == {"z": 1, "x": 1, "y": 2}
    assert str(document.place(("b", "x"))) == "f.yaml:1:11"


def test_a_long_chain_of_aliases_is_refused_before_the_stack_ends() -> None:
    chain = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 5000))

    _, problems = read_yaml(chain.encode(), "f.yaml")

    assert [problem.sentence for problem in problems] == [
        f"aliases nest deeper than {MAX_DEPTH} levels"
    ]


def test_deep_nesting_is_refused_before_the_stack_ends() -> None:
    _, problems = read_yaml(b"[" * 100_000, "f.yaml")

    assert [str(problem) for problem in problems] == ["f.yaml:1:49: nested deeper than 48 levels"]


def test_a_file_too_large_is_not_read() -> None:
    _, problems = read_yaml(b"#" * (4 * 1024 * 1024 + 1), "f.yaml")

    assert [problem.sentence for problem in problems] == ["the file is larger than 4 MiB"]


def test_an_old_version_directive_changes_nothing() -> None:
    assert read("%YAML 1.1\n---\na: on\n").data == {"a": "on"}


def test_a_byte_order_mark_is_no_character() -> None:
    document = read("\ufeffa: 1\n")

    assert document.data == {"a": 1}
    assert str(document.place(("a",), key=True)) == "f.yaml:1:1"
