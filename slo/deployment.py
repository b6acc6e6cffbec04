"""A release that somebody rolled out: which service, which version, where and when. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from slo.planning import PlanError

AHEAD = timedelta(minutes=5)  # clocks of others differ from ours
OLDEST = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Rollout:
    """What is told of one release. `origin`: api, github or gitlab.

    `key`, where there is one, is the sender's own name for it: told twice, it is one release.
    `told` is what was sent under that key, so that another thing under the same key is noticed.
    """

    service: str
    version: str
    at: datetime
    by: str
    environment: str = ""
    commit: str = ""
    url: str = ""
    origin: str = "api"
    key: str | None = None
    told: str = ""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A release on record."""

    id: str
    rollout: Rollout
    created_at: datetime

    @property
    def at(self) -> datetime:
        """When it took effect."""
        return self.rollout.at


def judged(rollout: Rollout, now: datetime) -> Rollout:
    """The same. Raises PlanError where its moment makes no sense."""
    if rollout.at > now + AHEAD:
        raise PlanError("at", "it lies in the future: tell of a release once it is out")
    if rollout.at < now - OLDEST:
        raise PlanError("at", "it lies more than 400 days back, of which nothing is kept")
    return rollout
