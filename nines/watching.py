"""Watch what a configuration says; what stays the same goes on undisturbed."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from collectors.runnable import IsFed, IsTold, ReadsOn, Runnable
from collectors.schedule import Schedule
from nines.config import Config
from nines.config.rate_limits import requests
from nines.configured import Configured
from nines.dispatch import Dispatch
from nines.engine import Engine
from nines.entry import Entry
from nines.exclusions import configured
from nines.heartbeats import Heartbeats
from nines.live import Live
from nines.notices import Notices
from nines.recounting import Recounting
from nines.resume import resume_rules, resume_target
from nines.roster import Roster
from nines.silencing import Silencing
from nines.storage.alerts import AlertRecords
from nines.storage.batches import CollectorRecord
from nines.storage.counts import CountStore
from nines.storage.database import Database
from nines.storage.definitions import DefinitionRecords
from nines.threads import StorageThreads
from slo.alert_state import AlertState
from slo.exposition import Page


class Watching:
    """Whoever must know what is watched is told by `watch`, all at once."""

    def __init__(
        self,
        configured: Configured,
        *,
        path: Path,
        database: Database,
        threads: StorageThreads,
        engine: Engine,
        dispatch: Dispatch,
        recounting: Recounting,
        silencing: Silencing,
        notices: Notices,
        live: Live,
        schedule: Schedule,
        own: Runnable,
        page_of: Callable[[Runnable], Page],
        heartbeats: Heartbeats,
        now: Callable[[], datetime],
    ) -> None:
        """`path` is the configuration's: it is the author of what is planned there. `own` looks
        at ourselves.
        """
        self._configured = configured
        self._author = path.name
        self._threads = threads
        self._engine = engine
        self._dispatch = dispatch
        self._recounting = recounting
        self._silencing = silencing
        self._notices = notices
        self._live = live
        self._schedule = schedule
        self._own = own
        self._page_of = page_of
        self._heartbeats = heartbeats
        self._now = now
        self._counts = CountStore(database)
        self._records = AlertRecords(database)
        self._definitions = DefinitionRecords(database)

    async def watch(self, config: Config) -> None:
        """From now on. Raises StorageError, and ValueError where a TLS file is gone."""
        plans = [replace(plan, author=self._author) for plan in config.exclusions]
        kept = config.server.retention.sums
        await self._silencing.take_up(config.alerting.silence_plans(self._author), kept)
        counting = self._recounting
        async with self._dispatch.all_stored():
            changes = configured(counting.exclusions, plans, counting.terms(), kept)
            after = counting.exclusions.after(changes)
            records = await self._threads.read(self._counts.collector_states)
            entries = await self._threads.write(lambda: counting.entries(config, after, changes))
            definitions = await self._threads.read(self._definitions.load)
            states = await self._threads.read(self._records.alert_states)
            counting.exclusions = after
            self._watch_these(config, entries, records, states)
            self._live.define(definitions)

    def _watch_these(
        self,
        config: Config,
        entries: list[Entry],
        records: Mapping[str, CollectorRecord],
        states: Mapping[str, AlertState],
    ) -> None:
        """The part of `watch` in which nothing can come in between."""
        roster = Roster.of(config, self._own if config.alerting.own_slo else None)
        targets = {
            collector.id: resume_target(
                collector.interval,
                records.get(collector.id),
                self._engine.targets.get(collector.id),
                self._now(),
            )
            for collector in roster.collectors.values()
        }
        for collector in roster.collectors.values():
            targets[collector.id].is_told = isinstance(collector, IsTold)
        rules = resume_rules(
            config.rules,
            records=records,
            states=states,
            now=self._now(),
            running=self._engine.thresholds.watched,
        )
        self._engine.watch(entries, targets, rules)
        for collector in roster.collectors.values():
            if isinstance(collector, ReadsOn):
                collector.go_on_from(partial(self._position_of, collector.id))
            if isinstance(collector, IsFed):
                collector.fed_by(partial(self._page_of, collector))
            if isinstance(collector, IsTold):
                heard = partial(self._heartbeats.heard, collector.id)
                collector.told_by(heard, partial(self._told_position_of, collector.id))
        self._recounting.exclude_from_rules(config)
        self._notices.watch(entries)
        self._configured.collectors = roster.collectors
        self._live.show(roster.services, roster.cards)
        self._schedule.limit(
            {name: one.at_most for name, one in config.rate_limits.items()}, requests(config)
        )
        self._schedule.set(list(roster.collectors.values()))

    def _position_of(self, collector_id: str) -> str | None:
        """How far what was counted reaches."""
        target = self._engine.targets.get(collector_id)
        return target.counters.position if target is not None and target.counters else None

    def _told_position_of(self, collector_id: str) -> str | None:
        """How far what a job told was counted."""
        target = self._engine.targets.get(collector_id)
        return None if target is None else target.position
