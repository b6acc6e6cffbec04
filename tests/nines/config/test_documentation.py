"""docs/configuration.md says what is true."""

import re
from functools import cache
from pathlib import Path

import pytest

from alerting.receivers import RECEIVERS
from nines.config import schema
from tests.nines.config.files import NOBODY, load_text

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "configuration.md").read_text()
WORD = re.compile(r"\w+")
ENVIRON = {"ONCALL_URL": "https://oncall.example/hook", "ALERTS_TOKEN": "t"}
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
COLLECTORS = [
    (file.stem, block)
    for file in sorted((DOCS / "collectors").glob("*.md"))
    for block in re.findall(r"^```yaml\n(.*?)^```", file.read_text(), re.DOTALL | re.MULTILINE)
]


@cache
def shown() -> set[str]:
    """The words of all code on this page and those that it links to."""
    linked = set(re.findall(r"\]\(([\w/-]+\.md)", TEXT))
    texts = [TEXT, *((DOCS / page).read_text() for page in sorted(linked))]
    code = re.compile(r"^```.*?^```|`[^`\n]+`", re.DOTALL | re.MULTILINE)
    return {word for text in texts for part in code.findall(text) for word in WORD.findall(part)}


@pytest.mark.parametrize(("file", "block"), COLLECTORS)
def test_every_example_of_a_collector_is_a_whole_file(
    tmp_path: Path, file: str, block: str
) -> None:
    advice = load_text(tmp_path, block, ENVIRON).advice

    assert {each.sentence for each in advice} <= {NOBODY}, file


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_every_example_is_a_whole_file_that_is_fine(tmp_path: Path, block: str) -> None:
    advice = load_text(tmp_path, block, ENVIRON).advice

    assert {each.sentence for each in advice} <= {NOBODY}


def test_there_are_examples() -> None:
    assert len(BLOCKS) == 15


@pytest.mark.parametrize("key", schema()["properties"])
def test_every_part_of_a_file_has_a_section(key: str) -> None:
    assert f"\n## {key}\n" in TEXT


@pytest.mark.parametrize("model", schema()["$defs"])
def test_every_key_is_shown_here_or_on_a_page_that_is_linked(model: str) -> None:
    assert set(schema()["$defs"][model].get("properties", {})) <= shown()


def test_every_kind_of_receiver_is_named() -> None:
    section = TEXT.split("## alerting\n")[1].split("\n\n")[0]

    assert {kind for kind in RECEIVERS if f"`{kind}`" in section} == set(RECEIVERS)
