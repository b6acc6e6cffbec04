"""What pages tell of releases, and of what else happened beside the numbers."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from dashboards import links
from dashboards.annotations import of_annotations
from dashboards.lane import (
    Lane,
    lane,
    of_deployments,
    of_edits,
    of_exclusions,
    of_incidents,
    of_silences,
)
from dashboards.logbook import Wanted
from dashboards.release_cost import release_costs
from dashboards.releases import ReleaseRow, release_rows
from dashboards.source import ServiceCard, Source
from slo.annotation import Annotation
from slo.deployment import Deployment
from slo.status import SLOStatus

MOST = 5  # releases on a page
_MOST_SLOS = 8  # of each
_MOST_DRAWN = 100
BEFORE_INCIDENT = timedelta(hours=1)


async def releases(
    source: Source,
    service: str,
    statuses: Sequence[SLOStatus],
    now: datetime,
) -> tuple[ReleaseRow, ...]:
    """The newest of a service by `now`, with what each cost these SLOs."""
    found = await source.logbook().deployments(Wanted(service, end=now), MOST)
    return await releases_of(source, found, statuses, now)


async def releases_of(
    source: Source,
    found: Sequence[Deployment],
    statuses: Sequence[SLOStatus],
    now: datetime,
) -> tuple[ReleaseRow, ...]:
    """These, with what each cost these SLOs."""
    costs = await asyncio.gather(
        *(release_costs(source, statuses[:_MOST_SLOS], one.at, now) for one in found)
    )
    return release_rows(list(zip(found, costs, strict=True)), now)


async def lane_of(
    source: Source,
    status: SLOStatus,
    card: ServiceCard | None,
    annotations: Sequence[Annotation],
    start: datetime,
    now: datetime,
) -> Lane:
    """What happened to an SLO's service in [start, now)."""
    slo = status.slo
    wanted = Wanted(slo.service, start=start, end=now)
    deployments, incidents = await asyncio.gather(
        source.logbook().deployments(wanted, _MOST_DRAWN), source.incidents_of(slo.id, start, now)
    )
    labels = dict(card.labels) if card else {}
    labels |= {"service": slo.service, "slo": slo.name}
    if card and card.owner:
        labels["owner"] = card.owner
    return lane(
        [
            *of_deployments(deployments),
            *of_annotations(annotations),
            *of_edits(source.versions(slo.id)),
            *of_incidents(incidents, now),
            *of_exclusions(source.excluded(slo.id, start, now), links.exclusions_url(slo.sli_id)),
            *of_silences(source.silences(), labels, start, now),
        ],
        start,
        now,
    )
