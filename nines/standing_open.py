"""What stands open, in memory, so that not every decision asks storage about all of it."""

from collections.abc import Collection, Iterable

from alerting.alert import Alert
from alerting.incident import Incident
from nines.storage.alerts import AlertRecords


class StandingOpen:
    """The services of open incidents, and the alerts of them that fire; read when first asked for.

    Asked by the thread that writes, and told by whoever it wrote for, before it writes again.
    """

    def __init__(self, records: AlertRecords) -> None:
        self._records = records
        self._services: dict[str, str] | None = None  # by incident
        self._firing: dict[str, Alert] | None = None  # by id

    @property
    def is_none(self) -> bool:
        """Whether it is known that nothing is open."""
        return self._services is not None and not self._services

    def services(self) -> set[str]:
        """Those that have an open incident."""
        if self._services is None:
            self._services = self._records.open_services()
        return set(self._services.values())

    def firing(self) -> Collection[Alert]:
        """The alerts of open incidents that fire, oldest incident first."""
        if self._firing is None:
            files = self._records.open_incidents()
            self._firing = {one.id: one for file in files for one in file.alerts if one.firing}
        return self._firing.values()

    def nothing(self) -> None:
        """Somebody looked: nothing is."""
        self._services, self._firing = {}, {}

    def forget(self) -> None:
        """Storage is to be asked: a commit whose answer was lost may have opened one."""
        self._services = self._firing = None

    def moved(self, incidents: Iterable[Incident], alerts: Iterable[Alert]) -> None:
        """These were stored."""
        if self._services is not None:
            for incident in incidents:
                if incident.open:
                    self._services[incident.id] = incident.service
                else:
                    self._services.pop(incident.id, None)
        if self._firing is not None:
            for alert in alerts:
                if alert.firing:
                    self._firing[alert.id] = alert
                else:
                    self._firing.pop(alert.id, None)
