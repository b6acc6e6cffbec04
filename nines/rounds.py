"""What is looked at as observations come and time passes; what changed is handed on."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from collectors.observation import Observation
from collectors.schedule import Schedule
from nines.changes import Broadcast
from nines.clock import Clock, next_edge
from nines.confirming import Confirming
from nines.dispatch import Dispatch
from nines.engine import Engine
from nines.live import Live, Pulse
from nines.notices import Notices
from nines.silencing import Silencing
from nines.storage.errors import StorageError

_TOGETHER = 20  # SLOs evaluated before the loop may do something else


class Rounds:
    """Judges at every observation, at every bucket's edge, and when a change was to come."""

    def __init__(
        self,
        *,
        engine: Engine,
        dispatch: Dispatch,
        notices: Notices,
        silencing: Silencing,
        live: Live,
        broadcast: Broadcast,
        pulse: Pulse,
        clock: Clock,
        counted: Callable[[], None],
        confirming: Confirming,
    ) -> None:
        """`counted` is called whenever there may be counts to store."""
        self._engine = engine
        self._dispatch = dispatch
        self._notices = notices
        self._silencing = silencing
        self._live = live
        self._broadcast = broadcast
        self._pulse = pulse
        self._clock = clock
        self._counted = counted
        self._confirming = confirming
        self.schedule = Schedule(clock, self.on_observation)

    def on_observation(self, observation: Observation) -> None:
        """Hops 2 to 4: count it, judge its SLOs, hand changes on."""
        collector_log = self._live.logs.get(observation.collector_id)
        if collector_log is not None:
            collector_log.add(observation)
        self._pulse.lateness.add(observation.lateness)
        now = self._clock.now()
        is_news = self._engine.begins_to_fail(observation)
        self._dispatch.submit(self._engine.observe(observation, now))
        for look in self._engine.thresholds.take_looks():
            self.schedule.look_again(look.collector_id, look.after, self.on_confirming_look)
        if is_news:
            self._confirming.look(self.schedule, observation)
        if self._broadcast.is_heard:
            self._broadcast.tell(self._engine.changed(now, observation.collector_id))
        self._counted()

    def on_confirming_look(self, observation: Observation) -> None:
        """A look that a rule asked for: it may page, and counts for nothing else."""
        self._dispatch.submit(self._engine.confirm(observation, self._clock.now()))

    def judge(self, slo_ids: Sequence[str] | None = None) -> None:
        """Look at these SLOs, or at all, as time passes, and hand on what changed."""
        self._dispatch.submit(self._engine.tick(self._clock.now(), slo_ids))

    def take_up(self, receivers: Mapping[str, str] | None = None) -> None:
        """Judge everything by the configuration of now, and make what is open fit it.

        `receivers`: those that got another name, by the one that they had.
        """
        self.judge()
        rules = self._engine.take_rules(self._clock.now())
        self._dispatch.reconcile(replace(rules, receivers=receivers or {}))

    async def tick_at_bucket_edges(self) -> None:
        """Look at whatever time alone may change, until it is cancelled."""
        bucket = self._engine.bucket_seconds
        while True:
            await next_edge(self._clock, bucket)
            began = self._clock.monotonic()
            suspects = self._engine.suspects(self._clock.now())
            for start in range(0, len(suspects), _TOGETHER):
                self.judge(suspects[start : start + _TOGETHER])
                await asyncio.sleep(0)
            now = self._clock.now()
            self._dispatch.submit(self._engine.tick_rules(now))
            await self.look_at_budgets()
            await self.look_at_silences()
            if self._broadcast.is_heard:
                self._broadcast.tell(self._engine.changed(now))
            self._counted()
            self._pulse.last_evaluation = self._clock.now()
            self._pulse.evaluation_seconds = self._clock.monotonic() - began

    async def look_at_budgets(self) -> None:
        """Hand on which budgets passed a mark, or may be told again."""
        if self._engine.setback is not None and self._engine.setback.lost:
            return
        now = self._clock.now()
        wanted = self._engine.unsettled(now)
        for start in range(0, len(wanted), _TOGETHER):
            part = wanted[start : start + _TOGETHER]
            # A reload may come in between.
            entries = filter(None, map(self._engine.entries.get, part))
            self._dispatch.submit(self._notices.look(entries, now))
            await asyncio.sleep(0)

    async def look_at_silences(self) -> None:
        """End and tell what the silences want as time passes."""
        with contextlib.suppress(StorageError):  # the flush has reported it; the next look is soon
            await self._silencing.look()

    async def review_when_due(self) -> None:
        """Look at what is open at every bucket's edge, and when there is a change to come."""
        bucket = self._engine.bucket_seconds
        while True:
            now, due = self._clock.now(), self._dispatch.next_review
            edge = bucket - now.timestamp() % bucket
            sooner = edge if due is None else min(edge, max((due - now).total_seconds(), 0))
            if not await self._dispatch.rescheduled.heard_within(sooner, self._clock):
                # What depends on others, or on a clock that was set, is seen at the edges.
                await self._dispatch.review(due=sooner < edge)
