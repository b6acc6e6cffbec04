"""docs/delivery.md and docs/alertmanager.md promise nothing that no test keeps."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACT = (ROOT / "docs/delivery.md").read_text(encoding="utf-8")
OUTSIDE = (ROOT / "docs/alertmanager.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/\S+\.py)::(\w+)`", CONTRACT + OUTSIDE)


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_the_test_that_keeps_a_promise_exists(file: str, name: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")

    assert re.search(rf"^(async def|def|class) {name}\b|^{name} = ", text, re.MULTILINE)


def test_every_promise_in_the_lists_names_a_test() -> None:
    promises = re.findall(r"^- .*(?:\n  .*)*", CONTRACT, re.MULTILINE)

    assert len(promises) > 12
    assert [promise for promise in promises if "::" not in promise] == []
