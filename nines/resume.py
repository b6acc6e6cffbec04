"""Take up an SLO where it was left: its counts from storage, its rules' states, its absence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nines.engine import Engine, Entry, Indicator, Target
from nines.storage.counts import CollectorRecord, CountStore
from nines.threshold_memory import edited, resume, unpack
from nines.thresholds import Watched
from slo.alert_state import AlertState
from slo.config import fingerprint
from slo.definition import SLO
from slo.ledger import FIVE_MINUTES, Ledger, grid_for
from slo.rule import Rule

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
    groups: dict[str, list[SLO]] = {}
    for slo in slos.values():
        groups.setdefault(slo.sli_id, []).append(slo)
    known = {entry.indicator.id: entry.indicator for entry in running.values()}
    indicators: dict[str, Indicator] = {}
    fresh: list[_Wanted] = []
    for sli_id, of_sli in groups.items():
        wanted = _Wanted(of_sli[0], fingerprint(of_sli[0]), max(slo.window.reach for slo in of_sli))
        kept = known.get(sli_id)
        if kept is not None and _goes_on(kept, wanted):
            indicators[sli_id] = kept
            kept.slo = wanted.slo
        else:
            fresh.append(wanted)
    fine = [wanted for wanted in fresh if wanted.has_fine_slices]
    rest = [wanted for wanted in fresh if not wanted.has_fine_slices]
    loaded = _load(rest, counts, bucket_seconds, now) | _load(fine, counts, bucket_seconds, now)
    indicators |= loaded
    by_slo = _by_slo(states)
    entries = []
    for slo in slos.values():
        before = running.get(slo.id)
        if before is not None and slo.sli_id not in loaded:
            entries.append(replace(before, slo=slo))
        else:
            stored = by_slo.get(slo.id, {})
            entries.append(Entry(slo, indicators[slo.sli_id], stored, watched_from=now))
    return entries


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An SLI to be watched; `slo` is any of its SLOs."""

    slo: SLO
    mark: str
    reach: timedelta

    @property
    def has_fine_slices(self) -> bool:
        """Five-minute sums cannot tell its slices: detail is wanted of the whole window."""
        return self.slo.slicing is not None and self.slo.slicing.is_fine


def _goes_on(running: Indicator, wanted: _Wanted) -> bool:
    return (
        running.fingerprint == wanted.mark
        and running.ledger.reach == wanted.reach
        and running.ledger.slicing == wanted.slo.slicing
    )


def _load(
    wanted: Sequence[_Wanted], counts: CountStore, bucket_seconds: int, now: datetime
) -> dict[str, Indicator]:
    """These SLIs with their counts as stored, by id."""
    records = counts.register_all([(one.slo.sli_id, one.mark) for one in wanted], now)
    by_number = {
        record.series_id: (one, record) for one, record in zip(wanted, records, strict=True)
    }
    reach = max((one.reach for one in wanted), default=timedelta(0))
    fine = any(one.has_fine_slices for one in wanted)
    histories = counts.histories(
        by_number,
        detail=now - (reach if fine else min(reach, _DETAIL_REACH)) - _SLACK,
        sums=now - reach - _SLACK,
        until=now + _AHEAD,
    )
    grids = {reach: grid_for(bucket_seconds, reach) for reach in {one.reach for one in wanted}}
    for reach, grid in grids.items():
        grid.reserve(sum(one.reach == reach for one in wanted))
    loaded = {}
    for number, history in histories:
        one, record = by_number[number]
        ledger = Ledger(bucket_seconds, one.reach, one.slo.slicing, grid=grids[one.reach])
        for width in ledger.widths:
            ledger.load(width, history.detail if width % FIVE_MINUTES else history.sums)
        ledger.load_slices(history.detail if one.has_fine_slices else history.sums)
        ledger.load_causes(history.causes)
        ledger.lifetime = record.lifetime
        ledger.watched_since = record.watched_since
        ledger.last_observation = record.last_observation
        loaded[one.slo.sli_id] = Indicator(one.slo, number, record.fingerprint, ledger)
    return loaded


def _by_slo(states: Mapping[str, AlertState]) -> dict[str, dict[str, AlertState]]:
    """Stored states by the SLO's id and the rule's own key; also of tiers that an edit took away
    while nobody was here, for which others may go on.
    """
    found: dict[str, dict[str, AlertState]] = {}
    for rule, state in states.items():
        slo_id, _, key = rule.partition("#")
        found.setdefault(slo_id, {})[key] = state
    return found


def resume_target(
    interval: timedelta, record: CollectorRecord | None, running: Target | None
) -> Target:
    """A collector as the engine knows it: what it read last, and when it was last due."""
    if running is not None:
        return replace(running, interval=interval)
    if record is None:
        return Target(interval)
    counters, _ = unpack(record.state)
    return Target(interval, last_due=record.last_due, counters=counters)


def resume_rules(
    rules: Sequence[Rule],
    *,
    records: Mapping[str, CollectorRecord],
    states: Mapping[str, AlertState],
    now: datetime,
    running: Mapping[str, Watched],
) -> list[Watched]:
    """These threshold rules under watch: as they run, else as they were left."""
    remembered = {
        collector_id: unpack(records[collector_id].state)[1]
        for collector_id in {rule.collector_id for rule in rules}
        if collector_id in records
    }
    return [
        edited(rule, running[rule.id])
        if rule.id in running
        else resume(rule, remembered.get(rule.collector_id, {}).get(rule.name), states, now)
        for rule in rules
    ]


def book_our_absence(engine: Engine, now: datetime) -> int:
    """The runs that were due while we were not there are unknown; gives how many."""
    return sum(engine.book_absence(collector_id, now) for collector_id in engine.targets)
