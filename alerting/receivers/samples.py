"""Messages of every kind, to try templates and receivers on before an incident does."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerting.alert import AlertKind, Facts
from alerting.notification import AlertLine, Message, NotificationKind
from slo.severity import Severity

OPENED = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
OVER = OPENED + timedelta(minutes=31)
BURNING = Facts(
    headline="burning 14.6x, 12 % of the 30d budget left (5 min 21 s)",
    reason="Both windows burn faster than 14.4x.",
    objective="99.9",
    window="30d",
    long="1h",
    short="5m",
    factor=14.4,
    burn_long=14.6,
    burn_short=15.23,
    bad=230,
    total=15_753,
    long_spent_ratio=0.0203,
    budget_left_ratio=0.124,
    budget_left_seconds=321.4,
    exhausts_at=OPENED + timedelta(hours=6),
    lasts=False,
    top_cause="status: 212 of 230 failures",
)
_SILENT = Facts(
    headline="no data for 5 min: the target does not answer",
    reason="The target does not answer.",
    objective="99.9",
    window="30d",
)
NOTICED = replace(
    BURNING,
    headline="24.9 % of the 30d budget left (10 min 45 s), below 25 %",
    burn_long=None,
    burn_short=None,
    budget_left_ratio=0.249,
    budget_left_seconds=645.4,
    top_cause=None,
    spent_most="Most went in 30 min from 2026-11-20 13:00 UTC: 61 % of the whole",
)
_CROSSED = Facts(
    headline="83.2 %, above 70 % for 5m",
    reason="The worst series is above the limit.",
    measured="83.2 %",
    limit="above 70 % for 5m",
    series='{instance="db1", mount="/"}',
)
_LONG = "Ünïcode ☎ " * 20  # 200 characters


def samples() -> Iterator[Message]:
    """Trigger, update, acknowledgement, resolve, notice, threshold, no data, and odd names."""
    for kind in NotificationKind:
        yield message(f"SAMPLE-{kind.upper()}", kind, line(AlertKind.BURN, BURNING, kind))
    yield message("SAMPLE-THRESHOLD", NotificationKind.TRIGGER, line(AlertKind.THRESHOLD, _CROSSED))
    yield message("SAMPLE-NO-DATA", NotificationKind.TRIGGER, line(AlertKind.NO_DATA, _SILENT))
    yield replace(
        message("SAMPLE-BARE", NotificationKind.TRIGGER, line(AlertKind.NO_DATA, Facts("", ""))),
        owner=None,
        runbook=None,
        labels={},
    )
    odd = replace(line(AlertKind.BURN, BURNING), slo=_LONG)
    for name, text in (("LONG", _LONG), ("EMOJI", "🔥" * 50), ("NEWLINES", "a\r\nb\n\nc")):
        yield replace(
            message(f"SAMPLE-{name}", NotificationKind.UPDATE, odd, odd),
            service=text,
            service_title=text,
            title=text,
            owner=text,
            labels={"team": text},
        )


def line(
    kind: AlertKind, facts: Facts, told: NotificationKind = NotificationKind.TRIGGER
) -> AlertLine:
    """An alert of these facts, as a message of the kind `told` has it."""
    notice = told is NotificationKind.NOTICE
    return AlertLine(
        rule="shop/availability#page:1h:5m",
        slo="availability",
        kind=AlertKind.BUDGET if notice else kind,
        severity=Severity.TICKET if notice else Severity.PAGE,
        started_at=OPENED,
        ended_at=OVER if told.over or notice else None,
        facts=NOTICED if notice else facts,
        dashboard_url="https://nines.example/slos/shop/availability",
    )


def message(id_: str, kind: NotificationKind, *lines: AlertLine) -> Message:
    """What a receiver hears of the shop's incident `id_`."""
    severity = lines[0].severity
    return Message(
        notification_id=f"{id_}-1",
        incident_id=id_,
        revision=1,
        kind=kind,
        receiver="oncall",
        severity=severity,
        service="shop",
        service_title="Shop",
        title=f"Shop availability: {lines[0].facts.headline}",
        what_changed="availability (page, 1h and 5m) fires.",
        opened_at=OPENED,
        decided_at=OVER if kind.over else OPENED,
        incident_url=f"https://nines.example/incidents/{id_}",
        alerts=lines,
        owner="shop-team",
        runbook="https://runbooks.example/shop",
        acknowledged_by="Mia" if kind is NotificationKind.ACKNOWLEDGE else None,
        resolved_at=OVER if kind.over else None,
        first_slo="availability",
        first_severity=severity,
        labels={"env": "prod", "service": "shop", "severity": str(severity)},
    )
