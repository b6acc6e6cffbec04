"""What threshold rules remember over a restart, stored beside their collector's counters.

What fires is stored with the alerts that it raised; here stands what is on its way to that: what
is pending, an outage's failures so far, and what was counted in the last stretch of time. It goes
with the counters' baselines in one row, so that nothing is counted twice or lost between the two.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from nines.storage.codec import outage_from_json, outage_to_json, state_from_json, state_to_json
from nines.storage.errors import StorageError
from nines.thresholds import Watched
from slo.alert_state import AlertState, Phase
from slo.counter_state import TargetState
from slo.outage import Outage
from slo.recent import Recent
from slo.rule import NO_DATA, GaugeCheck, Rule, RunCheck

_RULES = "rules"
_COUNTERS = "counters"
_POSITION = "position"


def pack(
    counters: TargetState | None, rules: Sequence[Watched], position: str | None = None
) -> str:
    """A collector's state as text; without rules it is that of its counters alone.

    `position` is how far what a job told was counted.
    """
    baselines = "" if counters is None else counters.to_json()
    if not rules and position is None:
        return baselines
    remembered = {one.rule.name: _remembered(one) for one in rules}
    text = json.dumps(remembered, separators=(",", ":"))
    told = "" if position is None else f',"{_POSITION}":{json.dumps(position)}'
    return f'{{"{_RULES}":{text},"{_COUNTERS}":{baselines or "null"}{told}}}'


def unpack(text: str) -> tuple[TargetState | None, Mapping[str, Any]]:
    """The counters and what is remembered of rules, by their names."""
    if not text:
        return None, {}
    stored = json.loads(text)
    if _RULES not in stored:
        return TargetState.from_json(text), {}
    counters = stored[_COUNTERS]
    return (None if counters is None else TargetState.of(counters)), stored[_RULES]


def unpack_position(text: str) -> str | None:
    """How far what a job told was counted."""
    stored = json.loads(text) if text else {}
    position = stored.get(_POSITION) if _RULES in stored else None
    return position if isinstance(position, str) else None


def resume(
    rule: Rule,
    remembered: Any,  # noqa: ANN401 - whatever stood there
    states: Mapping[str, AlertState],
    now: datetime,
) -> Watched:
    """A rule as it was left. `states` are the stored ones of what fires.

    What cannot be read (an older or newer version of us wrote it) is forgotten: it will be known
    again once it was watched again.
    """
    watched = Watched(rule, now)
    try:
        if remembered is not None:
            _recall(watched, remembered)
    except (StorageError, ValueError, KeyError, TypeError):
        watched = Watched(rule, now)
    watched.no_data = states.get(rule.id + NO_DATA, AlertState())
    fires = states.get(rule.id)
    if fires is not None and fires.phase is Phase.FIRING:
        watched.state = fires
    elif watched.state.phase is Phase.FIRING and watched.state.since is not None:
        # It fired, and that was not stored: it does so again as soon as it is true.
        began = watched.outage.first or watched.state.since - rule.for_
        watched.state = AlertState(Phase.PENDING, began)
    if isinstance(rule.check, RunCheck):
        watched.outage = replace(watched.outage, state=watched.state)
    return watched


def edited(rule: Rule, running: Watched) -> Watched:
    """A rule that runs, as it is defined now. What fires goes on; what was pending begins anew
    where something else is looked at.
    """
    if running.rule == rule:
        return running
    if _mark(rule) == _mark(running.rule):
        running.rule = rule
        return running
    watched = Watched(rule, running.watched_from, no_data=running.no_data)
    if running.state.phase is Phase.FIRING:
        watched.state = running.state
        watched.outage = Outage(state=running.state)
    return watched


def _remembered(one: Watched) -> dict[str, Any]:
    return {
        "mark": _mark(one.rule),
        "state": json.loads(state_to_json(one.state)),
        "outage": json.loads(outage_to_json(one.outage)),
        "last_seen": None if one.last_seen is None else one.last_seen.isoformat(),
        "recent": {
            key: recent.to_rows() for key, recent in one.recent.items() if recent is not None
        },
    }


def _recall(watched: Watched, stored: Mapping[str, Any]) -> None:
    if stored["mark"] != _mark(watched.rule):
        return
    watched.state = state_from_json(json.dumps(stored["state"]))
    watched.outage = outage_from_json(json.dumps(stored["outage"]))
    if stored["last_seen"] is not None:
        watched.last_seen = datetime.fromisoformat(stored["last_seen"])
    check = watched.rule.check
    if not isinstance(check, GaugeCheck | RunCheck):
        watched.recent = {
            key: Recent.from_rows(check.over, rows) for key, rows in stored["recent"].items()
        }


def _mark(rule: Rule) -> str:
    """What is looked at, as a short stable hash."""
    return hashlib.sha256(repr(rule.check).encode()).hexdigest()[:16]
