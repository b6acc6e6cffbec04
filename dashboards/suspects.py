"""What may be behind an incident, beside releases: edits just before it, and trouble elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from alerting.incident import Incident
from dashboards import format as write
from dashboards import links
from dashboards.incident_page import neutral_title
from slo.versions import Version

BEFORE = timedelta(hours=1)
_MOST = 8


@dataclass(frozen=True, slots=True)
class Suspect:
    """One thing in a line: `before` is how long before the incident it was."""

    word: str
    what: str
    before: str
    url: str


def suspects(
    incident: Incident,
    *,
    versions: Mapping[str, Sequence[Version]],
    open_then: Iterable[Incident],
    slos: Mapping[str, Sequence[str]],
) -> tuple[Suspect, ...]:
    """The nearest first. `versions` by SLO id; `open_then` when it was opened, `slos` in each."""
    opened = incident.opened_at
    found: list[tuple[timedelta, Suspect]] = []
    for slo_id, several in versions.items():
        for one in several[1:]:
            ago = opened - one.definition.valid_from
            if timedelta(0) <= ago <= BEFORE:
                what = f"{slo_id}: {'; '.join(one.changes) or 'its definition'}"
                url = f"{links.slo_url(slo_id)}#versions"
                found.append((ago, Suspect("Edited", what, f"{write.span(ago)} before", url)))
    for other in open_then:
        if other.id != incident.id and other.service != incident.service:
            ago = opened - other.opened_at
            what = neutral_title(other, slos.get(other.id, ()))
            url = links.incident_url(other.id)
            found.append((ago, Suspect("Open already", what, f"for {write.span(ago)}", url)))
    found.sort(key=lambda pair: (pair[0], pair[1].url))
    return tuple(one for _, one in found[:_MOST])
