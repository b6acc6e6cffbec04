"""docs/receivers.md names every setting."""

import re
from pathlib import Path

import pytest

from alerting.receivers import RECEIVERS

TEXT = (Path(__file__).parents[3] / "docs/receivers.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("kind", RECEIVERS)
def test_every_key_is_documented(kind: str) -> None:
    keys = set(RECEIVERS[kind].config.model_json_schema()["properties"])

    assert keys <= set(re.findall(r"`(\w+)`", SECTIONS[kind]))


@pytest.mark.parametrize("kind", RECEIVERS)
def test_every_key_says_what_it_is_for(kind: str) -> None:
    settings = RECEIVERS[kind].config.model_json_schema()["properties"]

    assert [key for key, setting in settings.items() if not setting.get("description")] == []
