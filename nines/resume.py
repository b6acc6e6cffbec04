"""Take up an SLO where it was left: its counts from storage, its rules' states, its absence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from nines.engine import Engine, Entry, Target, rule_key
from nines.storage.counts import CollectorRecord, CountStore
from slo.alert_state import AlertState
from slo.config import fingerprint
from slo.counter import TargetState
from slo.definition import SLO
from slo.evaluate import NO_DATA
from slo.ledger import FIVE_MINUTES, Ledger

# The detail that any ledger wants; its five-minute sums reach over the whole window.
_DETAIL_REACH = timedelta(days=3)
_SLACK = timedelta(minutes=10)  # the edges of a window's slots
# Counts of a clock that ran ahead further than this are left where they are.
_AHEAD = timedelta(hours=1)


def resume_entries(
    slos: Mapping[str, SLO],
    *,
    counts: CountStore,
    bucket_seconds: int,
    states: Mapping[str, AlertState],
    now: datetime,
    running: Mapping[str, Entry],
) -> list[Entry]:
    """These SLOs under watch, by id. Blocks on storage for those that do not run already.

    `states` are all rules' stored states by rule key.
    """
    marks = {slo_id: fingerprint(slo) for slo_id, slo in slos.items()}
    fresh = [slo for slo in slos.values() if not _goes_on(running.get(slo.id), slo, marks[slo.id])]
    fine = [slo for slo in fresh if _has_fine_slices(slo)]
    rest = [slo for slo in fresh if not _has_fine_slices(slo)]
    ledgers = _ledgers(rest, marks, counts, bucket_seconds, now) | _ledgers(
        fine, marks, counts, bucket_seconds, now
    )
    return [
        Entry(slo, *ledgers[slo.id], _stored(slo, states), watched_from=now)
        if slo.id in ledgers
        else replace(running[slo.id], slo=slo, states=_known(slo, running[slo.id].states))
        for slo in slos.values()
    ]


def _goes_on(running: Entry | None, slo: SLO, mark: str) -> bool:
    return (
        running is not None
        and running.fingerprint == mark
        and running.slo.window == slo.window
        and running.slo.slicing == slo.slicing
    )


def _has_fine_slices(slo: SLO) -> bool:
    """Slices that five-minute sums cannot tell, so that detail is wanted of the whole window."""
    return slo.slicing is not None and slo.slicing.is_fine


def _ledgers(
    slos: Sequence[SLO],
    marks: Mapping[str, str],
    counts: CountStore,
    bucket_seconds: int,
    now: datetime,
) -> dict[str, tuple[int, str, Ledger]]:
    """Each SLO's series, fingerprint, and counts as stored."""
    records = counts.register_all([(slo.id, marks[slo.id]) for slo in slos], now)
    by_number = {record.series_id: (slo, record) for slo, record in zip(slos, records, strict=True)}
    reach = max((slo.window.reach for slo in slos), default=timedelta(0))
    detail = reach if any(map(_has_fine_slices, slos)) else min(reach, _DETAIL_REACH)
    histories = counts.histories(
        by_number,
        detail=now - detail - _SLACK,
        sums=now - reach - _SLACK,
        until=now + _AHEAD,
    )
    ledgers = {}
    for number, history in histories:
        slo, record = by_number[number]
        ledger = Ledger(bucket_seconds, slo.window.reach, slo.slicing)
        for width in ledger.widths:
            ledger.load(width, history.detail if width % FIVE_MINUTES else history.sums)
        ledger.load_slices(history.detail if _has_fine_slices(slo) else history.sums)
        ledger.load_causes(history.causes)
        ledger.lifetime = record.lifetime
        ledger.watched_since = record.watched_since
        ledger.last_observation = record.last_observation
        ledgers[slo.id] = (number, record.fingerprint, ledger)
    return ledgers


def _stored(slo: SLO, states: Mapping[str, AlertState]) -> dict[str, AlertState]:
    return {
        key: states[rule_key(slo, key)]
        for key in (*(tier.key for tier in slo.tiers), NO_DATA)
        if rule_key(slo, key) in states
    }


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
