"""What an SLO was in the past: its definitions, what each changed, and from when until when."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboards import format as write
from dashboards.format import Moment
from slo.versions import Version, in_force

_FIRST = "As it was first taken up"


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One definition in a line."""

    number: int
    since: Moment
    since_when: str
    until: str
    in_force: bool
    changes: tuple[str, ...]
    counts: str


@dataclass(frozen=True, slots=True)
class VersionsView:
    """The section on an SLO's page. `edits`: where charts mark them, as JSON."""

    rows: tuple[VersionRow, ...]  # newest first
    edits: str
    note: str


def versions_view(versions: Sequence[Version], now: datetime, *, past: bool) -> VersionsView | None:
    """The section as of `now`; None where nothing is known. `past`: `now` is a moment in it."""
    known = [version for version in versions if version.definition.valid_from <= now]
    valid = in_force(known, now)
    if not known or valid is None:
        return None
    of_now = "then" if past else "now"
    return VersionsView(
        rows=tuple(_row(version, version is valid, now, of_now) for version in reversed(known)),
        edits=json.dumps(
            [
                {
                    "at": version.definition.valid_from.timestamp(),
                    "label": f"Version {version.definition.number}",
                }
                for version in known[1:]
            ]
        ),
        note=f"Version {valid.definition.number} was in force then."
        if past
        else "Every number above is by the newest; the others can be read on the API.",
    )


def _row(version: Version, valid: bool, now: datetime, of_now: str) -> VersionRow:
    one = version.definition
    ended = version.until is not None and version.until <= now
    return VersionRow(
        number=one.number,
        since=write.moment(one.valid_from, now),
        since_when=write.stamp(one.valid_from, now),
        until=write.stamp(version.until, now) if ended and version.until else of_now,
        in_force=valid,
        changes=version.changes or (_FIRST,),
        counts=counts_words(version),
    )


def counts_words(version: Version) -> str:
    """Which counts it is judged over: an edited SLI starts empty, an earlier one has its own."""
    one = version.definition
    if version.counts_of == one.number:
        return "counted from then on"
    return f"the counts of version {version.counts_of} go on"
