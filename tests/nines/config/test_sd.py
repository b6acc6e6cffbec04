"""Lists of targets in Prometheus's form, good and bad."""

import json
import os
from pathlib import Path

import pytest

from nines.config.sd import MOST_TARGETS, Target, from_files, parse_groups, parse_json

BERLIN = {"targets": ["a:80", "b:80"], "labels": {"city": "Berlin"}}


def test_every_target_bears_the_labels_of_its_group() -> None:
    found = parse_groups([BERLIN, {"targets": ["c:80"]}])

    assert found == (
        Target.of("a:80", {"city": "Berlin"}),
        Target.of("b:80", {"city": "Berlin"}),
        Target.of("c:80", {}),
    )


def test_a_target_that_is_named_twice_is_one_and_with_other_labels_another() -> None:
    found = parse_groups([BERLIN, BERLIN, {"targets": ["a:80"], "labels": {"city": "Rome"}}])

    assert [(one.address, one.labels["city"]) for one in found] == [
        ("a:80", "Berlin"),
        ("b:80", "Berlin"),
        ("a:80", "Rome"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"targets": []}, "the list is no list of groups"),
        ("a:80", "the list is no list of groups"),
        (["a:80"], "group 1 is no mapping with `targets`"),
        ([BERLIN, {"targts": []}], "group 2 holds 'targts', which is no key of it"),
        ([{"targets": "a:80"}], "group 1: `targets` is no list"),
        ([{"targets": [80]}], "group 1: a target is a text"),
        ([{"targets": [" "]}], "group 1: a target is a text"),
        ([{"targets": ["a"], "labels": []}], None),
        ([{"targets": ["a"], "labels": ["x"]}], "group 1: `labels` is no mapping"),
        ([{"targets": ["a"], "labels": {"a-b": "x"}}], "group 1: 'a-b' is not a label name"),
        ([{"targets": ["a"], "labels": {"port": 80}}], "the label port is no text"),
        ([{"targets": [str(n) for n in range(MOST_TARGETS + 1)]}], "more than 5,000 targets"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(content: object, said: str | None) -> None:
    if said is None:
        assert parse_groups(content)
        return
    with pytest.raises(ValueError, match=said):
        parse_groups(content)


def test_a_text_that_is_no_json_is_said() -> None:
    with pytest.raises(ValueError, match="its answer is no JSON"):
        parse_json(b"<html>", "its answer")


def test_files_are_read_in_both_forms_and_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "sd").mkdir()
    (tmp_path / "sd/b.json").write_text(json.dumps([BERLIN]))
    (tmp_path / "sd/a.yaml").write_text("- targets: ['c:80']\n  labels: {city: Rome}\n")

    found, problems = from_files(["sd/*.json", "sd/*.yaml", "none/*.yml"], tmp_path)

    assert ([one.address for one in found], problems) == (["a:80", "b:80", "c:80"], [])


def test_of_a_faulty_file_nothing_is_taken_and_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('[{"targets": ["a:80"]}')
    (tmp_path / "bad.yml").write_text("- targets: [a:80\n")
    (tmp_path / "good.json").write_text(json.dumps([BERLIN]))

    found, problems = from_files(["*.json", "*.yml"], tmp_path)

    assert [one.address for one in found] == ["a:80", "b:80"]
    assert [Path(one.path).name for one in problems] == ["bad.json", "bad.yml"]


def test_a_pipe_and_a_folder_are_no_files_of_targets_and_hold_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "good.json").write_text(json.dumps([BERLIN]))

    found, problems = from_files(["*.json"], tmp_path)

    assert len(found) == len(BERLIN["targets"])
    assert [one.sentence for one in problems] == [
        "the targets cannot be read: is a directory",
        "the targets cannot be read: it is no ordinary file",
    ]
