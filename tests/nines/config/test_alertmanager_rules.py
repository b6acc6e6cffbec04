"""What Alertmanager refuses of routes, time intervals and receivers, we refuse; or say why not."""

import json
from pathlib import Path

import pytest

from nines.config import ConfigError, load

TESTS = Path(__file__).parents[2]
RULES = json.loads((TESTS / "data/alertmanager/config_expectations.json").read_text("utf-8"))
# Their rule, and our file that breaks it.
REFUSED = {
    "unknown receiver (any depth)": "reference-receiver-unknown",
    "unknown time interval": "route-interval-unknown",
    "duplicate interval": "interval-twice",
    "group_by repeats a label": "route-group-by-twice",
    "group_by ... plus others": "route-group-by-all-and-one",
    "bad group_by label": "route-group-by-label",
    "mute on root": "route-root-mute",
    "active on root": "route-root-active",
    "matchers on root": "route-root-match",
    "continue on root": "route-root-continue",
    "group_interval 0": "route-group-interval-zero",
    "repeat_interval 0": "route-repeat-interval-zero",
    "receiver without name": "receiver-name",
    "interval without name": "interval-name",
    "duplicate receiver": "key-twice",  # ours are keys, as those of everything are
}
# Without receivers alerts are shown and nobody is told, which is advice and no mistake.
ALLOWED = {"empty file", "no route", "root without receiver"}


def test_every_rule_of_theirs_is_ours_or_known_not_to_be() -> None:
    assert set(RULES["inline_rules"]) == REFUSED.keys() | ALLOWED


@pytest.mark.parametrize("rule", REFUSED)
def test_what_they_refuse_is_refused_with_its_place(rule: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(TESTS / f"configs/{REFUSED[rule]}.yaml", {})

    assert caught.value.problems[0].line > 1
