"""Take up an SLO where it was left: its counts from storage, its rules' states, its absence."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nines.engine import Engine
from nines.entry import Entry
from nines.indicator import Indicator
from nines.setback import pull_back, states_by
from nines.storage.batches import CollectorRecord
from nines.storage.counts import CountStore, SeriesRecord
from nines.storage.histories import History
from nines.target import Target
from nines.threshold_memory import edited, resume, unpack, unpack_position
from nines.thresholds import Watched
from slo.alert_state import AlertState
from slo.definition import (
    SLI,
    SLO,
    CompositeSLI,
    DerivedSLI,
    QuorumSLI,
    beside,
    vantage_id,
    vantages,
)
from slo.detail import REACH, Detail
from slo.exclusion import NOTHING, Overlay
from slo.fingerprint import fingerprint
from slo.grid import AHEAD_SECONDS, Grid
from slo.ledger import FIVE_MINUTES, Ledger, grid_for
from slo.rule import Rule

# The detail that any ledger wants; its five-minute sums reach over the whole window.
_DETAIL_REACH = timedelta(days=3)
_SLACK = timedelta(minutes=10)  # the edges of a window's slots
# Counts of a clock that ran ahead further than this are left where they are.
_AHEAD = timedelta(seconds=AHEAD_SECONDS)


def resume_entries(
    slos: Mapping[str, SLO],
    *,
    counts: CountStore,
    bucket_seconds: int,
    states: Mapping[str, AlertState],
    now: datetime,
    running: Mapping[str, Entry],
    overlay_of: Callable[[SLO], Overlay] = lambda _: NOTHING,
) -> list[Entry]:
    """These SLOs under watch, by id. Blocks on storage for those that do not run already.

    `states` are all rules' stored states by rule key. An SLI over which another overlay lies now is
    counted anew from storage; of its SLOs nothing else changes.
    """
    groups: dict[str, list[SLO]] = {}
    for slo in (*slos.values(), *_counted_for(slos.values())):
        groups.setdefault(slo.sli_id, []).append(slo)
    quorums = {beside(slo).sli_id: slo for slo in slos.values() if isinstance(slo.sli, QuorumSLI)}
    asked = {part for slo in slos.values() for part in _parts(slo.sli)}
    known = {one.id: one for entry in running.values() for one in entry.indicator.whole}
    indicators: dict[str, Indicator] = {}
    fresh: list[_Wanted] = []
    for sli_id, of_sli in groups.items():
        wanted = _Wanted(
            slo=of_sli[0],
            mark=fingerprint(of_sli[0]),
            reach=max(slo.window.reach for slo in of_sli),
            has_detail=sli_id in asked or isinstance(of_sli[0].sli, DerivedSLI),
            overlay=overlay_of(quorums.get(sli_id, of_sli[0])),
        )
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
    for indicator in indicators.values():
        indicator.parts = tuple(indicators[part] for part in _parts(indicator.slo.sli))
        indicator.beside = indicators.get(beside(indicator.slo).sli_id)
    by_slo = _by_slo(states)
    entries = []
    for slo in slos.values():
        before = running.get(slo.id)
        indicator = indicators[slo.sli_id]
        if before is not None and before.indicator.number == indicator.number:
            entries.append(replace(before, slo=slo, indicator=indicator))
        else:
            stored = states_by(by_slo.get(slo.id, {}), now)
            entries.append(Entry(slo, indicator, stored, watched_from=now))
    return entries


def _counted_for(slos: Iterable[SLO]) -> Iterator[SLO]:
    """What is counted for derived SLIs, beside the SLOs themselves."""
    quorums = [slo for slo in slos if isinstance(slo.sli, QuorumSLI)]
    yield from vantages(quorums).values()
    yield from map(beside, quorums)


def _parts(sli: SLI) -> Sequence[str]:
    """The ids of the SLIs that this one is derived from."""
    match sli:
        case QuorumSLI(vantages=collectors):
            return [vantage_id(collector) for collector in collectors]
        case CompositeSLI(components=components):
            return [component.sli_id for component in components]
        case _:
            return ()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An SLI to be watched; `slo` is any of its SLOs."""

    slo: SLO
    mark: str
    reach: timedelta
    has_detail: bool = False  # it is derived, or something is derived from it
    overlay: Overlay = NOTHING

    @property
    def has_fine_slices(self) -> bool:
        """Five-minute sums cannot tell its slices: detail is wanted of the whole window."""
        return self.slo.slicing is not None and self.slo.slicing.is_fine


def _goes_on(running: Indicator, wanted: _Wanted) -> bool:
    return (
        running.fingerprint == wanted.mark
        and running.ledger.reach == wanted.reach
        and running.ledger.slicing == wanted.slo.slicing
        and (running.detail is not None) == wanted.has_detail
        and running.ledger.overlay.exclusions == wanted.overlay.exclusions
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
    histories = counts.histories(
        by_number,
        detail=now - _detail_reach(wanted, reach) - _SLACK,
        sums=now - reach - _SLACK,
        until=now + _AHEAD,
        overlays={number: one.overlay for number, (one, _) in by_number.items()},
    )
    grids = {reach: grid_for(bucket_seconds, reach) for reach in {one.reach for one in wanted}}
    for reach, grid in grids.items():
        grid.reserve(sum(one.reach == reach for one in wanted))
    loaded = {}
    for number, history in histories:
        one, record = by_number[number]
        ledger, *raw = (
            _ledger(one, record, history.under(overlay), bucket_seconds, overlay, grid, now)
            for overlay, grid in _laid(one.overlay, grids[one.reach])
        )
        indicator = Indicator(one.slo, number, record.fingerprint, ledger, raw[0] if raw else None)
        if one.has_detail:
            # What is derived counts what happened; what of it is excluded is its own exclusions'.
            indicator.detail = Detail(bucket_seconds)
            indicator.detail.load(history.detail, history.causes)
        loaded[one.slo.sli_id] = indicator
    return loaded


def _detail_reach(wanted: Sequence[_Wanted], reach: timedelta) -> timedelta:
    if any(one.has_fine_slices for one in wanted):
        return reach
    return min(max(reach, REACH), _DETAIL_REACH)


def _laid(overlay: Overlay, grid: Grid) -> list[tuple[Overlay, Grid | None]]:
    """What lies over each ledger of an SLI, and the grid that it joins; raw counts stand apart."""
    return [(overlay, grid), (NOTHING, None)] if overlay else [(NOTHING, grid)]


def _ledger(
    wanted: _Wanted,
    record: SeriesRecord,
    history: History,
    bucket_seconds: int,
    overlay: Overlay,
    grid: Grid | None,
    now: datetime,
) -> Ledger:
    ledger = Ledger(bucket_seconds, wanted.reach, wanted.slo.slicing, overlay, grid=grid)
    for width in ledger.widths:
        stored = history.fine if width % FIVE_MINUTES else history.coarse
        ledger.load(width, stored.loose)
        for strip in stored.strips:
            ledger.load_strip(width, strip)
    if wanted.slo.slicing is not None:
        ledger.load_slices(history.detail if wanted.has_fine_slices else history.sums)
    ledger.load_causes(history.causes)
    ledger.lifetime = record.lifetime
    ledger.watched_since = record.watched_since
    ledger.last_observation = record.last_observation
    pull_back(ledger, now)
    return ledger


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
    interval: timedelta,
    record: CollectorRecord | None,
    running: Target | None,
    now: datetime | None = None,
) -> Target:
    """A collector as the engine knows it: what it read last, and when it was last due.

    That was no later than `now`, whatever a clock said that has been set back since.
    """
    if running is not None:
        return replace(running, interval=interval)
    if record is None:
        return Target(interval)
    counters, _ = unpack(record.state)
    position = unpack_position(record.state)
    target = Target(interval, last_due=record.last_due, counters=counters, position=position)
    if now is not None:
        target.pull_back(now)
    return target


def last_page(counts: CountStore, collector_id: str) -> datetime | None:
    """When a collector read the last page that is stored as counted; blocks on storage."""
    record = counts.collector_states().get(collector_id)
    counters = None if record is None else unpack(record.state)[0]
    return None if counters is None else counters.at


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
    # First what was counted before: time that nobody watched pushes it out of reach.
    engine.catch_up(now)
    return sum(engine.book_absence(collector_id, now) for collector_id in engine.targets)
