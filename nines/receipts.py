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
from nines.clock import Clock
from nines.storage.alerts import AlertRecords
from nines.storage.callbacks import CallbackRecords
from nines.storage.errors import StorageError
from nines.threads import StorageThreads

_LOOK_EVERY = 1.0  # seconds
_CONCERNS = timedelta(days=1)  # what is older than that is history

log = structlog.get_logger("nines.receipts")


class Receipts:
    """Looks every second; `told` is called with an incident about which others are told."""

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

    async def run(self) -> None:
        """Look until it is cancelled."""
        while True:
            await self._clock.sleep(_LOOK_EVERY)
            try:
                await self.look()
            except StorageError as error:
                log.warning("receipts_put_off", error=str(error))

    async def look(self) -> None:
        """Give up on receipts that are overdue now. Raises StorageError."""
        for name, config in self._expecting().items():
            now = self._clock.now()
            before, since = now - config.receipt_within, now - _CONCERNS
            look = functools.partial(self._records.unreceipted, name, since, before)
            overdue = await self._threads.read(look)
            for one in overdue:
                await self._give_up(one, config.receipt_within)

    def of(self, detail: IncidentDetail) -> Mapping[str, Known]:
        """What is known of each delivered page of an incident; blocks on storage."""
        expecting, proven = self._expecting(), self._records.proven()
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
                awaited = since is not None and one.finished_at >= since
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
