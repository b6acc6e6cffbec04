"""Watch for receipts: a page that a vendor accepted and then never told of is said by another."""

import functools
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog

from alerting import receipt
from alerting.config import AlertingConfig
from alerting.incident import IncidentState
from alerting.notification import Notification, NotificationKind, NotificationState
from alerting.receipt import Known, ReceiptState
from alerting.receivers.pagerduty import PagerDutyConfig
from dashboards.source import IncidentDetail
from nines.bell import Bell
from nines.clock import Clock
from nines.storage.alerts import AlertRecords
from nines.storage.callbacks import CallbackRecords
from nines.storage.errors import StorageError
from nines.threads import StorageThreads

_TOGETHER = 1.0  # seconds: pages that are delivered within them are looked at together
_AGAIN_AFTER = timedelta(seconds=1)  # where storage refused
_CONCERNS = timedelta(days=1)  # what is older than that is history

log = structlog.get_logger("nines.receipts")


class Receipts:
    """Looks after `moved` is called, and when the next receipt is overdue.

    `told` is called with an incident about which others are told.
    """

    def __init__(
        self,
        *,
        records: CallbackRecords,
        alerts: AlertRecords,
        threads: StorageThreads,
        config: Callable[[], AlertingConfig],
        clock: Clock,
        told: Callable[[str], None],
    ) -> None:
        self._records = records
        self._alerts = alerts
        self._threads = threads
        self._config = config
        self._clock = clock
        self._told = told
        self._bell = Bell()

    def moved(self) -> None:
        """A page may have been delivered."""
        self._bell.ring()

    async def run(self) -> None:
        """Look until it is cancelled."""
        while True:
            try:
                due = await self.look()
            except StorageError as error:
                log.warning("receipts_put_off", error=str(error))
                due = self._clock.now() + _AGAIN_AFTER
            if await self._woken_by(due):
                await self._clock.sleep(_TOGETHER)

    async def _woken_by(self, due: datetime | None) -> bool:
        """Wait until a page may have been delivered, True, or it is time to look again."""
        if due is None:
            await self._bell.heard()
            return True
        wait = max((due - self._clock.now()).total_seconds(), 0)
        return await self._bell.heard_within(wait, self._clock)

    async def look(self) -> datetime | None:
        """Give up on receipts that are overdue; when the next one will be. Raises StorageError."""
        dues = []
        for name, config in self._expecting().items():
            now, within = self._clock.now(), config.receipt_within
            look = functools.partial(self._records.unreceipted, name, now - _CONCERNS, now)
            for one in await self._threads.read(look):
                assert one.finished_at is not None  # noqa: S101 - they are delivered
                if one.finished_at + within > now:
                    dues.append(one.finished_at + within)
                else:
                    await self._give_up(one, within)
        return min(dues, default=None)

    def of(self, detail: IncidentDetail) -> Mapping[str, Known]:
        """What is known of each delivered page of an incident; blocks on storage."""
        expecting, proven = self._expecting(), self._records.proven()
        standing, long_ago = self._alerts.destinations(), self._clock.now() - _CONCERNS
        found = self._records.receipts_of(detail.incident.id)
        kinds = {name: one.kind for name, one in self._config().receivers.items()}
        known: dict[str, Known] = {}
        for one in detail.notifications:
            pages = kinds.get(one.receiver) == "pagerduty"
            if one.kind is not NotificationKind.TRIGGER or not (pages or one.id in found):
                continue
            if one.id in found:
                known[one.id] = Known(*found[one.id])
            elif one.state is NotificationState.DELIVERED and one.finished_at is not None:
                since = proven.get(one.receiver) if one.receiver in expecting else None
                # Nobody waits for a day, nor for the word of a receiver that is parked.
                awaited = since is not None and one.finished_at >= max(since, long_ago)
                destination = standing.get(one.receiver)
                awaited &= destination is None or destination.parked_at is None
                known[one.id] = Known(
                    ReceiptState.AWAITED if awaited else ReceiptState.UNVERIFIED, None
                )
        return known

    def _expecting(self) -> dict[str, PagerDutyConfig]:
        return {
            name: receiver.config
            for name, receiver in self._config().receivers.items()
            if isinstance(receiver.config, PagerDutyConfig) and receiver.config.webhook_secret
        }

    async def _give_up(self, notification: Notification, within: timedelta) -> None:
        names = set(self._config().receivers)

        def write() -> bool:
            file = self._alerts.incident_file(notification.incident_id)
            now: datetime = self._clock.now()
            burns = file is not None and file.incident.state is IncidentState.TRIGGERED
            well = names if burns else set[str]()
            events, instead = receipt.missed(notification, within, well, now)
            return self._records.give_up_on(notification, now, events, instead)

        if await self._threads.write(write):
            log.warning("no_receipt", notification=notification.id, receiver=notification.receiver)
            self._told(notification.incident_id)
