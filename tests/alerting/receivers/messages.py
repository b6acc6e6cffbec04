"""Messages as the desk writes them, and as nobody should have to read them."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st

from alerting.alert import AlertKind
from alerting.notification import AlertLine, Message, NotificationKind
from alerting.receivers import samples
from slo.severity import Severity

TRIGGER, UPDATE = NotificationKind.TRIGGER, NotificationKind.UPDATE
ACKNOWLEDGE, RESOLVE = NotificationKind.ACKNOWLEDGE, NotificationKind.RESOLVE
NOTICE = NotificationKind.NOTICE
MISSED = NotificationKind.MISSED

OPENED, OVER, FACTS = samples.OPENED, samples.OVER, samples.BURNING


def line(
    slo: str = "availability", severity: Severity = Severity.PAGE, *, over: bool = False
) -> AlertLine:
    return replace(
        samples.line(AlertKind.BURN, FACTS),
        rule=f"shop/{slo}#{severity}:1h:5m",
        slo=slo,
        severity=severity,
        ended_at=OVER if over else None,
        dashboard_url=f"https://nines.example/slos/shop/{slo}",
    )


def message(kind: NotificationKind = TRIGGER, revision: int = 1, **changes: object) -> Message:
    """What receiver `sre` hears of a page of the shop."""
    written = replace(
        samples.message("01JD3T8ZINCIDENT", kind, line(over=kind.over)),
        notification_id=f"01JD3T8Z{revision:04}",
        revision=revision,
        receiver="sre",
        decided_at=OVER if kind.over else OPENED + timedelta(minutes=revision),
        owner="pets-team",
        first_slo="",
        first_severity=None,
        labels={"env": "prod", "service": "shop", "slo": "availability", "severity": "page"},
    )
    return replace(written, **changes)  # type: ignore[arg-type]  # any field of it


def notice(**changes: object) -> Message:
    """What receiver `sre` hears when a budget passes a mark."""
    noticed = replace(
        samples.line(AlertKind.BUDGET, samples.NOTICED, NOTICE),
        rule="shop/availability#budget",
        ended_at=OPENED,
    )
    labels = {"service": "shop", "slo": "availability", "severity": "ticket", "kind": "budget"}
    left = samples.NOTICED.headline
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
