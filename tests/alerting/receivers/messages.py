"""Messages as the desk writes them, and as nobody should have to read them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from alerting.alert import AlertKind, Facts
from alerting.notification import AlertLine, Message, NotificationKind
from slo.severity import Severity

TRIGGER, UPDATE = NotificationKind.TRIGGER, NotificationKind.UPDATE
ACKNOWLEDGE, RESOLVE = NotificationKind.ACKNOWLEDGE, NotificationKind.RESOLVE
NOTICE = NotificationKind.NOTICE
MISSED = NotificationKind.MISSED

OPENED = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
FACTS = Facts(
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


def line(
    slo: str = "availability", severity: Severity = Severity.PAGE, *, over: bool = False
) -> AlertLine:
    return AlertLine(
        rule=f"shop/{slo}#{severity}:1h:5m",
        slo=slo,
        kind=AlertKind.BURN,
        severity=severity,
        started_at=OPENED,
        ended_at=OPENED + timedelta(minutes=31) if over else None,
        facts=FACTS,
        dashboard_url=f"https://nines.example/slos/shop/{slo}",
    )


def message(kind: NotificationKind = TRIGGER, revision: int = 1, **changes: object) -> Message:
    """What receiver `sre` hears of a page of the shop."""
    over = kind.over
    written = Message(
        notification_id=f"01JD3T8Z{revision:04}",
        incident_id="01JD3T8ZINCIDENT",
        revision=revision,
        kind=kind,
        receiver="sre",
        severity=Severity.PAGE,
        service="shop",
        service_title="Shop",
        title="Shop availability: burning 14.6x, 12 % of the 30d budget left (5 min 21 s)",
        what_changed="availability (page, 1h and 5m) fires.",
        opened_at=OPENED,
        decided_at=OPENED + timedelta(minutes=31 if over else revision),
        incident_url="https://nines.example/incidents/01JD3T8ZINCIDENT",
        alerts=(line(over=over),),
        owner="pets-team",
        runbook="https://runbooks.example/shop",
        acknowledged_by="Mia" if kind is ACKNOWLEDGE else None,
        resolved_at=OPENED + timedelta(minutes=31) if over else None,
        labels={"env": "prod", "service": "shop", "slo": "availability", "severity": "page"},
    )
    return replace(written, **changes)  # type: ignore[arg-type]  # any field of it


def notice(**changes: object) -> Message:
    """What receiver `sre` hears when a budget passes a mark."""
    left = "24.9 % of the 30d budget left (10 min 45 s), below 25 %"
    noticed = replace(
        line(severity=Severity.TICKET),
        rule="shop/availability#budget",
        kind=AlertKind.BUDGET,
        ended_at=OPENED,
        facts=replace(
            FACTS,
            headline=left,
            burn_long=None,
            burn_short=None,
            budget_left_ratio=0.249,
            budget_left_seconds=645.4,
            top_cause=None,
            spent_most="Most went in 30 min from 2026-11-20 13:00 UTC: 61 % of the whole",
        ),
    )
    labels = {"service": "shop", "slo": "availability", "severity": "ticket", "kind": "budget"}
    made = message(
        NOTICE,
        severity=Severity.TICKET,
        title=f"Shop availability: {left}",
        what_changed=f"availability: {left}.",
        alerts=(noticed,),
        resolved_at=OPENED,
        labels=labels,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # any field of it


# Any character at all, lone surrogates and controls included, and some that mean something.
_ANY = st.text(st.characters(), max_size=200)
_NASTY = st.sampled_from(
    [
        "",
        "\r\nBcc: everyone@example.com\r\n\r\nHello",
        "<!channel> <@U012AB3CD> @here &amp; *bold* `code` ~no~",
        "<script>alert(1)</script>{{ 7 * 7 }}{% endif %}",
        "🔥" * 300,
        "\u202egnipp\u202c \ud800 \x00\x1b[31m",
        "e\u0301" * 200,
        "x" * 100_000,
        "&" * 20_000,
        "many words " * 9_000,
    ]
)
TEXT = st.one_of(_ANY, _NASTY)


@st.composite
def horrible(draw: st.DrawFn) -> Message:
    """A message whose every text came from somebody who meant harm, or from a broken program."""
    facts = replace(
        FACTS,
        headline=draw(TEXT),
        reason=draw(TEXT),
        top_cause=draw(st.none() | TEXT),
        exhausts_at=draw(st.none() | st.just(OPENED)),
        burn_long=draw(st.none() | st.floats(0, 1e9)),
        budget_left_ratio=draw(st.none() | st.floats(-1e6, 1)),
    )
    kind = draw(st.sampled_from(NotificationKind))
    some = replace(
        line(draw(TEXT), draw(st.sampled_from(Severity)), over=kind is RESOLVE), facts=facts
    )
    alerts = (some,) * draw(st.integers(1, 60))
    return message(
        kind,
        revision=draw(st.integers(1, 9999)),
        title=draw(TEXT),
        what_changed=draw(TEXT),
        service=draw(TEXT),
        service_title=draw(TEXT),
        owner=draw(st.none() | TEXT),
        runbook=draw(st.none() | TEXT | st.just("https://runbooks.example/" + "a" * 5000)),
        acknowledged_by=draw(st.none() | TEXT),
        labels=draw(st.dictionaries(TEXT, TEXT, max_size=3)),
        alerts=alerts,
    )
