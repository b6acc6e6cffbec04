"""Take up an SLO where it was left: its counts from storage, its rules' states, its absence."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from nines.engine import Engine, Entry, Target, rule_key
from nines.storage.counts import CollectorRecord, CountStore
from slo.alert_state import AlertState
from slo.counter import TargetState
from slo.definition import SLO
from slo.evaluate import NO_DATA
from slo.ledger import FIVE_MINUTES, MINUTE, Ledger

# How far back each grain is asked for; the coarsest reaches over the whole window.
_GRAIN_REACH = {MINUTE: timedelta(days=3)}
_BASE_REACH = timedelta(hours=6)


def resume_entry(
    slo: SLO,
    fingerprint: str,
    *,
    counts: CountStore,
    bucket_seconds: int,
    states: Mapping[str, AlertState],
    now: datetime,
    running: Entry | None = None,
) -> Entry:
    """The SLO under watch. Blocks on storage, unless it is `running` with the same counts.

    `states` are all rules' stored states by rule key.
    """
    if (
        running is not None
        and running.fingerprint == fingerprint
        and running.slo.window == slo.window
    ):
        return replace(running, slo=slo, states=_known(slo, running.states))
    record = counts.register(slo.id, fingerprint, now)
    ledger = Ledger(bucket_seconds, slo.window.length)
    until = now + timedelta(hours=1)
    for width in ledger.widths:
        reach = slo.window.length
        if width != FIVE_MINUTES:
            reach = min(reach, _GRAIN_REACH.get(width, _BASE_REACH))
        since = now - reach - timedelta(seconds=2 * width)
        ledger.load(width, counts.load(record.series_id, width, since, until))
    ledger.load_causes(counts.load_causes(record.series_id, now - slo.window.length, until))
    ledger.lifetime = record.lifetime
    ledger.watched_since = record.watched_since
    ledger.last_observation = record.last_observation
    stored = {
        key: states[rule_key(slo, key)]
        for key in (*(tier.key for tier in slo.tiers), NO_DATA)
        if rule_key(slo, key) in states
    }
    return Entry(slo, record.series_id, fingerprint, ledger, stored, watched_from=now)


def resume_target(
    interval: timedelta, record: CollectorRecord | None, running: Target | None
) -> Target:
    """A collector as the engine knows it: what it read last, and when it was last due."""
    if running is not None:
        return replace(running, interval=interval)
    if record is None:
        return Target(interval)
    counters = TargetState.from_json(record.state) if record.state else None
    return Target(interval, last_due=record.last_due, counters=counters)


def book_our_absence(engine: Engine, now: datetime) -> int:
    """The runs that were due while we were not there are unknown; gives how many."""
    return sum(engine.book_absence(collector_id, now) for collector_id in engine.targets)


def _known(slo: SLO, states: Mapping[str, AlertState]) -> dict[str, AlertState]:
    keys = {NO_DATA, *(tier.key for tier in slo.tiers)}
    return {key: state for key, state in states.items() if key in keys}
