"""Keep the silences: change them, look at them as time passes, and say what they mute."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from alerting.alert import Alert, Remark
from alerting.context import Context
from alerting.incident import Incident
from alerting.service import common_labels, labels_of
from alerting.silence import (
    WEEK,
    Labelled,
    Silence,
    SilencePlan,
    is_resolved,
    muted,
    wants_warning,
    would_have_muted,
)
from alerting.suppressor import Suppressor
from alerting.wording import moment
from dashboards.source import SilenceFile
from nines.silences import (
    Change,
    Silences,
    Terms,
    changed,
    configured,
    ended,
    ended_by_itself,
    made,
    warned,
)
from nines.storage.alerts import AlertRecords
from nines.storage.silences import SilenceStore
from nines.threads import StorageThreads
from slo.recurrence import Interval, Once
from slo.selector import Matcher, matcher

log = structlog.get_logger("nines.silencing")
_MOST_ALERTS = 10_000  # that a preview looks at


class Silencing:
    """The silences of a running service. What they mute is told by the `context` of decisions."""

    def __init__(
        self,
        *,
        store: SilenceStore,
        records: AlertRecords,
        threads: StorageThreads,
        context: Callable[[], Context],
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        remark: Callable[[Sequence[Remark]], None],
        review: Callable[[], Awaitable[None]],
    ) -> None:
        """`remark` writes to timelines; `review` decides again who is to be told of what."""
        self._store = store
        self._records = records
        self._threads = threads
        self._context = context
        self._now = now
        self._new_id = new_id
        self._remark = remark
        self._review = review
        self._changing = asyncio.Lock()
        self.silences = Silences()
        self.muted_alerts = 0

    async def load(self) -> None:
        """Take up what is stored."""
        self.silences = Silences.of(await self._threads.read(self._store.all))

    def suppressors(self, now: datetime) -> Callable[[Mapping[str, str]], tuple[Suppressor, ...]]:
        """Which silences mute an alert with some labels."""
        return self.silences.suppressors(now)

    async def file(self, silence_id: str) -> SilenceFile | None:
        """One with its trail and what it mutes."""
        silence = self.silences.by_id.get(silence_id)
        if silence is None:
            return None
        trail = await self._threads.read(lambda: self._store.trail(silence_id))
        return replace(await self._seen(silence), trail=tuple(trail))

    async def preview(self, plan: SilencePlan) -> SilenceFile:
        """What making it would make and mute. Raises PlanError."""
        silence, _ = made(plan, self._terms(), self.silences)
        return await self._seen(silence)

    async def make(self, plan: SilencePlan, instead_of: str | None) -> Silence:
        """Make one, or change one. Raises PlanError, and LookupError for none to change."""

        def decide(known: Silences, terms: Terms) -> list[Change]:
            if instead_of is None:
                return [made(plan, terms, known)]
            return changed(known.by_id[instead_of], plan, terms, known)

        return (await self._change(decide))[0][0]

    async def silence_incident(self, incident: Incident, by: str, until: datetime) -> str:
        """What its alerts have in common, as a button in a message asks for; gives a sentence."""
        file = await self._threads.read(lambda: self._records.incident_file(incident.id))
        firing = [] if file is None else [alert for alert in file.alerts if alert.firing]
        reason = f"A button in the message about incident {incident.id}"
        matchers = _of_all(incident.service, firing)
        silence = await self.make(SilencePlan(matchers, Once(self._now(), until), reason, by), None)
        return f"{by} silenced {incident.service} until {moment(until)} (silence {silence.id})."

    async def end(self, silence_id: str, by: str) -> Silence | None:
        """It is over now. Raises PlanError."""
        if silence_id not in self.silences.by_id:
            return None
        changes = await self._change(
            lambda known, terms: [ended(known.by_id[silence_id], by, terms.now)]
        )
        return changes[0][0]

    async def take_up(self, plans: Sequence[SilencePlan], kept: timedelta) -> None:
        """Those of the configuration are these; whoever reads it has everything decided again."""
        async with self._changing:
            await self._write(configured(self.silences, plans, self._terms(), kept))

    async def look(self) -> None:
        """End those whose alerts have resolved, warn of those that end soon, count the muted."""
        now = self._now()
        active = list(self.silences.active(now))
        if not active:
            self.muted_alerts = 0
            return
        firing = self._labelled(await self._threads.read(self._firing))
        self.muted_alerts = sum(
            any(silence.matches(one.labels) for silence, _ in active) for one in firing
        )
        for silence, stretch in active:
            held = muted(silence, firing)
            if silence.until_resolved and not held:
                await self._end_if_resolved(silence, stretch)
            elif held and wants_warning(silence, stretch, now):
                await self._warn(silence, stretch, held)

    async def prune(self, kept: timedelta) -> int:
        """Forget those that are over for longer than this; gives how many."""
        async with self._changing:
            now = self._now()
            gone = await self._threads.write(lambda: self._store.prune(now, kept))
            if gone:
                await self.load()
            return gone

    async def _end_if_resolved(self, silence: Silence, stretch: Interval) -> None:
        past = await self._threads.read(lambda: self._since(stretch.start))
        if is_resolved(silence, stretch.start, self._labelled(past)):
            await self._change(lambda known, terms: _by_itself(known, silence, terms))

    async def _warn(self, silence: Silence, stretch: Interval, held: Sequence[Alert]) -> None:
        text = (
            f"Silence {silence.id} of {silence.author} ({silence.reason}) ends at"
            f" {moment(stretch.end)}, and what it mutes still fires: then it is told."
        )
        incidents = {alert.incident_id: alert.service for alert in held}
        now = self._now()
        self._remark([Remark(service, now, text, one) for one, service in incidents.items()])
        await self._change(
            lambda known, terms: (
                [warned(known.by_id[silence.id], stretch.end, terms.now)]
                if silence.id in known.by_id
                else []
            )
        )

    async def _change(
        self, decide: Callable[[Silences, Terms], Sequence[Change]]
    ) -> Sequence[Change]:
        """Decide on what there is, write it down, and have it heard."""
        async with self._changing:
            changes = decide(self.silences, self._terms())
            await self._write(changes)
        if changes:
            await self._review()
        return changes

    async def _write(self, changes: Sequence[Change]) -> None:
        if not changes:
            return
        await self._threads.write(lambda: self._store.write(changes))
        self.silences = self.silences.after(changes)
        for silence, entry in changes:
            log.info("silence", action=entry.action, id=silence.id, by=entry.by)

    async def _seen(self, silence: Silence) -> SilenceFile:
        """The silence with what it mutes."""
        since = self._now() - WEEK
        firing, week = await self._threads.read(lambda: (self._firing(), self._since(since)))
        return SilenceFile(
            silence,
            trail=(),
            now=muted(silence, self._labelled(firing)),
            week=would_have_muted(silence, self._labelled(week)),
        )

    def _firing(self) -> list[Alert]:
        files = self._records.open_incidents()
        return [one for file in files for one in file.alerts if one.firing]

    def _since(self, at: datetime) -> list[Alert]:
        return self._records.alerts_since(at, _MOST_ALERTS)

    def _labelled(self, alerts: Sequence[Alert]) -> list[Labelled]:
        context = self._context()
        return [Labelled(one, labels_of(one, context.service(one.service))) for one in alerts]

    def _terms(self) -> Terms:
        return Terms(self._now(), self._new_id)


def _of_all(service: str, firing: Sequence[Alert]) -> tuple[Matcher, ...]:
    """Its service, or, with alerts from outside among them, the labels that all share."""
    shared = {"service": service}
    if any(alert.origin is not None for alert in firing):
        shared = common_labels(service, firing) or shared
    return tuple(matcher(name, "=", value) for name, value in shared.items())


def _by_itself(known: Silences, silence: Silence, terms: Terms) -> list[Change]:
    """Unless somebody ended it meanwhile."""
    found = known.by_id.get(silence.id)
    if found is None or found.stretch(terms.now) is None:
        return []
    return [ended_by_itself(found, terms.now)]
