"""`nines route`: who would be told of an alert, and what other routes would have changed."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import typer

from alerting.alert import Alert
from alerting.dry_run import Difference, Plan, differences
from alerting.inhibition import Source
from alerting.routes import join
from alerting.service import Service, labels_of, with_labels_of
from alerting.way import Way, ways
from alerting.wording import duration, moment, name
from dashboards.route_facts import route_test
from nines.cli.problems import FINE, NO, WRONG_USE, fail, load_or_none
from nines.config import Config
from nines.silences import Silences
from nines.storage.alerts import AlertRecords
from nines.storage.database import Database, open_database, schema_version
from nines.storage.errors import StorageError
from nines.storage.silences import SilenceStore

_MOST_ALERTS = 100_000
_SHOWN = 200


def test(path: Path, labels: Sequence[str], at: datetime | None, *, as_json: bool) -> int:
    """Print the routes that take these labels; 1 when nobody would be told."""
    config = load_or_none(path)
    if config is None:
        return WRONG_USE
    given: dict[str, str] = {}
    for text in labels:
        label, equals, value = text.partition("=")
        if not equals or not label:
            return fail(f"{text!r} is no label: write it such as severity=page", WRONG_USE)
        given[label] = value
    service = config.services.get(given.get("service", ""))
    if service is not None:
        given = with_labels_of(_services(config)[given["service"]], given)
    now = at or datetime.now(UTC)
    try:
        found = _ways(config, given, now)
    except StorageError as error:
        return fail(str(error), NO)
    if as_json:
        typer.echo(json.dumps(asdict(route_test(given, found)), indent=2))
    else:
        typer.echo(", ".join(f"{label}={value}" for label, value in given.items()))
        for way in found:
            typer.echo("\n".join(way.lines()))
    return FINE if any(way.hit.receivers and not way.held_by for way in found) else NO


def diff(path: Path, new: Path, days: int, *, as_json: bool) -> int:
    """Print what `new` would have changed for the alerts of the last days; 1 when it would."""
    old_config, new_config = load_or_none(path), load_or_none(new)
    if old_config is None or new_config is None:
        return WRONG_USE
    now = datetime.now(UTC)
    since = now - timedelta(days=days)
    try:
        database = open_database(old_config.server.database.value)
        try:
            known = schema_version(database) is not None
            alerts = AlertRecords(database).alerts_since(since, _MOST_ALERTS) if known else []
        finally:
            database.close()
    except StorageError as error:
        return fail(str(error), NO)
    found = differences(alerts, _plan(old_config), _plan(new_config), now)
    if as_json:
        said = [_fields(one) for one in found]
        typer.echo(json.dumps({"alerts": len(alerts), "differences": said}, indent=2))
    else:
        _print(found, alerts, days)
    return NO if found else FINE


def _ways(config: Config, labels: dict[str, str], now: datetime) -> list[Way]:
    """With the silences and the firing alerts of the database, where there is one."""
    asked = partial(
        ways,
        config.alerting.route,
        labels,
        now,
        inhibitions=config.alerting.inhibitions,
        dependencies=config.dependencies,
    )
    url = config.server.database.value
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return asked()
    database = open_database(url)
    try:
        if schema_version(database) is None:
            return asked()
        silences = Silences.of(SilenceStore(database).all()).suppressors(now)
        firing = _firing(config, database)
    finally:
        database.close()
    return asked(firing=firing, silences=silences)


def _firing(config: Config, database: Database) -> list[Source]:
    services = _services(config)
    files = AlertRecords(database).open_incidents()
    return [
        Source(alert.id, alert.rule, labels_of(alert, services.get(alert.service, _nobody(alert))))
        for file in files
        for alert in file.alerts
        if alert.firing
    ]


def _nobody(alert: Alert) -> Service:
    return Service(alert.service, alert.service)


def _plan(config: Config) -> Plan:
    alerting = config.alerting
    return Plan(alerting.route, alerting.inhibitions, _services(config), config.dependencies)


def _services(config: Config) -> dict[str, Service]:
    return {
        key: Service(key, one.title or key, owner=one.owner, labels=dict(one.labels))
        for key, one in config.services.items()
    }


def _print(found: Sequence[Difference], alerts: Sequence[Alert], days: int) -> None:
    if not found:
        typer.echo(f"Nobody would have heard anything else of {len(alerts)} alerts in {days} days.")
        return
    pages = [one for one in found if one.is_page]
    for title, some in (("Pages", pages), ("Others", [one for one in found if not one.is_page])):
        if not some:
            continue
        typer.echo(f"{title}: {_count(some)}")
        for one in some[-_SHOWN:]:
            typer.echo(f"  {_line(one)}")
        if len(some) > _SHOWN:
            typer.echo(f"  and {len(some) - _SHOWN} earlier ones (--output json has all)")
    typer.echo(f"{len(found)} of {len(alerts)} alerts in {days} days; silences, escalations and")
    typer.echo("acknowledgements are not replayed.")


def _count(found: Sequence[Difference]) -> str:
    said = []
    for verb, names in (
        ("would gain", [who for one in found for who in one.gained]),
        ("would lose", [who for one in found for who in one.lost]),
    ):
        said += [f"{who} {verb} {names.count(who)}" for who in sorted(set(names))]
    return ", ".join(said)


def _line(one: Difference) -> str:
    alert = one.alert
    lasted = f"{duration(alert.ended_at - alert.started_at)}" if alert.ended_at else "fires still"
    what = f"{alert.service} {name(alert.slo, alert.severity, alert.facts)}"
    gained = [f"+{receiver}" for receiver in one.gained]
    lost = [f"-{receiver}" for receiver in one.lost]
    return f"{moment(alert.started_at)}  {join([*gained, *lost])}  {what}, {lasted}"


def _fields(one: Difference) -> dict[str, object]:
    alert = one.alert
    return {
        "alert": alert.id,
        "incident": alert.incident_id,
        "service": alert.service,
        "rule": alert.rule,
        "severity": str(alert.severity),
        "started_at": alert.started_at.isoformat(),
        "ended_at": alert.ended_at.isoformat() if alert.ended_at else None,
        "gained": list(one.gained),
        "lost": list(one.lost),
    }
