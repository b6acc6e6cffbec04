"""`nines replay`: the alerts that stored counts give, beside those that were recorded."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from alerting.alert import Alert, ShadowAlert
from alerting.delivery_sli import SERVICE as OURSELVES
from alerting.wording import duration, moment
from nines.cli.problems import FINE, NO, WRONG_USE, fail, load_or_none
from nines.config import Config
from nines.exclusions import Exclusions
from nines.replay import Comparison, Episode, compare, episodes, replay
from nines.storage.alerts import AlertRecords
from nines.storage.counts import CountStore
from nines.storage.database import Database, open_database, schema_version
from nines.storage.definitions import DefinitionRecords
from nines.storage.errors import StorageError
from nines.storage.exclusions import ExclusionStore
from nines.storage.shadows import ShadowRecords
from slo.alert_state import AlertState, Phase
from slo.definition import SLO, steps
from slo.epoch import ceiling, floor
from slo.evaluate import NO_DATA
from slo.exclusion import Overlay
from slo.fingerprint import fingerprint
from slo.ledger import BucketDelta
from slo.units import format_duration

_MOST_ALERTS = 100_000
_EDGE = timedelta(minutes=10)  # a window may begin so much before its length


@dataclass(frozen=True, slots=True)
class Replayed:
    """One SLO's alerts, with why each that differs may do so; `note` where there is nothing."""

    slo: SLO
    found: Sequence[tuple[Comparison, str]] = ()
    note: str = ""

    @property
    def differs(self) -> bool:
        return any(not one.same for one, _ in self.found)


def show(path: Path, slo_id: str | None, days: int, *, as_json: bool) -> int:
    """Print the alerts of the last days; 1 when other ones were recorded."""
    config = load_or_none(path)
    if config is None:
        return WRONG_USE
    ours = config.alerting.own_slo is not None  # of our own deliveries nobody asks unless by name
    slos = [
        one
        for one in config.slos
        if slo_id in (one.id, one.sli_id)
        or (slo_id is None and not (ours and one.service == OURSELVES))
    ]
    if not slos:
        return fail(f"there is no SLO {slo_id!r} in {path}", WRONG_USE)
    detail = config.server.retention.detail
    longest = max(_lead(slo) for slo in slos)
    if timedelta(days=days) + longest > detail:
        return fail(
            f"counts finer than 5m are kept for {format_duration(detail)} "
            f"(server.retention.detail), and the windows reach back {format_duration(longest)} "
            f"more: replay at most {max((detail - longest).days, 0)} days",
            WRONG_USE,
        )
    bucket = config.server.bucket
    end = floor(datetime.now(UTC), bucket) - bucket
    start = floor(end - timedelta(days=days), bucket)
    try:
        database = open_database(config.server.database.value)
        try:
            if schema_version(database) is None:
                return fail("nothing is stored in this database yet", NO)
            told = list(_replayed(database, config, slos, start, end))
        finally:
            database.close()
    except StorageError as error:
        return fail(str(error), NO)
    if as_json:
        typer.echo(json.dumps(_fields(told, start, end), indent=2))
    else:
        _print(told, start, end)
    return NO if any(one.differs for one in told) else FINE


def _replayed(
    database: Database, config: Config, slos: Sequence[SLO], start: datetime, end: datetime
) -> Iterator[Replayed]:
    recorded = _recorded(database, start, end)
    exclusions = Exclusions.of(ExclusionStore(database).all())
    labels = {name: service.labels for name, service in config.services.items()}
    edits = {sli: versions[-1] for sli, versions in DefinitionRecords(database).load().items()}
    by_sli = {slo.sli_id: slo for slo in config.slos}
    counts, bucket = CountStore(database), config.server.bucket
    seconds = int(bucket.total_seconds())
    for slo in slos:
        mark = fingerprint(slo)
        series = next((s for s in counts.series(slo.sli_id) if s.fingerprint == mark), None)
        if series is None or series.watched_since is None:
            yield Replayed(slo, note="nothing was ever counted of what its SLI selects now")
            continue
        overlay = exclusions.over_all(steps(slo, by_sli), labels, seconds)
        stored = counts.load(series.series_id, seconds, start - _lead(slo), end)
        buckets = [BucketDelta(*row) for row in stored]
        known = recorded.get(slo.id, [])
        firing = {
            one.rule: AlertState(Phase.FIRING, one.started) for one in known if one.started <= start
        }
        watched = max(start, ceiling(series.watched_since, bucket))  # before, nobody looked
        changes = replay(
            slo, buckets, bucket_seconds=seconds, start=watched, end=end, states=firing,
            overlay=overlay,
        )  # fmt: skip
        tolerance = slo.interval + slo.judged_after + 2 * bucket
        compared = compare(episodes(changes, firing), known, tolerance)
        edit = edits.get(slo.sli_id)
        edited = edit.valid_from if edit is not None and edit.number > 1 else None
        yield Replayed(
            slo, [(one, "" if one.same else _why(slo, one, buckets, overlay, edited))
                  for one in compared],
        )  # fmt: skip


def _lead(slo: SLO) -> timedelta:
    """How far back the rules' windows reach, and no data."""
    longest = max((tier.long for tier in slo.tiers), default=timedelta(0))
    return max(longest, slo.no_data_after) + _EDGE


def _recorded(database: Database, start: datetime, end: datetime) -> dict[str, list[Episode]]:
    """By SLO, the alerts that fired in [start, end); those in shadow too."""
    alerts: list[Alert | ShadowAlert] = [*AlertRecords(database).alerts_since(start, _MOST_ALERTS)]
    found: dict[str, list[Episode]] = {}
    for alert in [*alerts, *ShadowRecords(database).since(start)]:
        slo_id, _, key = alert.rule.partition("#")
        if alert.started_at < end:
            ended = alert.ended_at if alert.ended_at and alert.ended_at < end else None
            found.setdefault(slo_id, []).append(Episode(key, alert.started_at, ended))
    return found


def _why(
    slo: SLO,
    one: Comparison,
    buckets: Sequence[BucketDelta],
    overlay: Overlay,
    edited: datetime | None,
) -> str:
    """What makes a replay differ from what was recorded then, as far as it can be told."""
    tier = next((tier for tier in slo.tiers if tier.key == one.rule), None)
    if tier is None and one.rule != NO_DATA:
        return "the configuration has no such rule"
    both = [episode for episode in (one.replayed, one.recorded) if episode is not None]
    first = min(episode.started for episode in both)
    since = first - (slo.no_data_after if tier is None else tier.long)
    until = max(episode.ended or episode.started for episode in both)
    if edited is not None and edited > first:
        return f"the SLO was edited {moment(edited)}: this is told by how it is now"
    if overlay.between(since, until):
        return "planned work is excluded here that may have been entered afterwards"
    within = [
        bucket for bucket in buckets if since.timestamp() < bucket.bucket <= until.timestamp()
    ]
    if not within:
        return "nothing was looked at then: Nines may not have run"
    if any(bucket.smeared_good or bucket.smeared_bad for bucket in within):
        return "counts of a gap came late: here they are known in the time that they are of"
    if any(bucket.missed for bucket in within):
        return "some looks of this time were missed: Nines may not have run, or not been awake long"
    return "the rules may have been others, or some counts came late"


def _print(told: Sequence[Replayed], start: datetime, end: datetime) -> None:
    for one in told:
        if one.note or one.found:
            typer.echo(f"{one.slo.id}{': ' if one.note else ''}{one.note}")
        for compared, why in one.found:
            typer.echo(f"  {_line(compared, why)}")
    alerts = [compared for one in told for compared, _ in one.found]
    same = sum(compared.same for compared in alerts)
    typer.echo(
        f"{moment(start)} to {moment(end)}: "
        f"{sum(compared.replayed is not None for compared in alerts)} alerts replayed, "
        f"{sum(compared.recorded is not None for compared in alerts)} recorded, {same} the same."
    )


def _line(one: Comparison, why: str) -> str:
    either = one.either
    lasted = duration(either.ended - either.started) if either.ended else "fires still"
    text = f"{moment(either.started)}  {one.rule}, {lasted}"
    if one.same:
        return f"{text}: as recorded"
    if one.recorded is None:
        return f"{text}: would fire, was not recorded; {why}"
    if one.replayed is None:
        return f"{text}: was recorded, would not fire; {why}"
    recorded = one.recorded
    ended = f" to {moment(recorded.ended)}" if recorded.ended else ""
    return f"{text}: recorded {moment(recorded.started)}{ended}; {why}"


def _fields(told: Sequence[Replayed], start: datetime, end: datetime) -> dict[str, object]:
    return {
        "start": start.isoformat(),
        "end": end.isoformat(),
        "slos": [
            {
                "slo": one.slo.id,
                "note": one.note or None,
                "alerts": [
                    {
                        "rule": compared.rule,
                        "same": compared.same,
                        "replayed": _episode(compared.replayed),
                        "recorded": _episode(compared.recorded),
                        "why": why or None,
                    }
                    for compared, why in one.found
                ],
            }
            for one in told
        ],
    }


def _episode(one: Episode | None) -> dict[str, str | None] | None:
    if one is None:
        return None
    ended = one.ended.isoformat() if one.ended else None
    return {"started_at": one.started.isoformat(), "ended_at": ended}
