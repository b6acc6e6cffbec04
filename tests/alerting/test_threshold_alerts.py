"""Threshold rules as people are told of them: incidents, messages, routes, remarks."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from alerting import wording
from alerting.alert import AlertChange, AlertKind, Remark
from alerting.desk import decide
from alerting.incident import EventKind
from alerting.notification import Message
from alerting.receivers import email, evidence, pagerduty, slack, webhook
from alerting.routes import Route
from alerting.rule_wording import facts_of_rule, limit_text, value_text
from slo.alert_state import Phase
from slo.limit import Unit
from slo.recent import Sums
from slo.rule import Rule
from slo.rule_reading import Reading
from slo.selector import parse_matchers
from slo.severity import Severity
from tests.alerting.scene import PAGE, SHOP, Scene, sent
from tests.slo.builders import T0
from tests.slo.rules import a_rule
from tests.web.fakes import make_rule_status

CPU = a_rule(
    collector="metrics", metric="cpu", above="70%", clear_below="60%", for_="5m", by=["instance"],
    severity="page",
)  # fmt: skip
SLOW = a_rule(collector="m", histogram="seconds", quantile="99%", over="5m", above="2s")
ERRORS = a_rule(collector="m", bad='r{code="500"}', total="r", over="5m", above="1%")
FACTS = facts_of_rule(
    make_rule_status(
        CPU,
        Phase.FIRING,
        reading=Reading(0.832, (("instance=a", 0.832), ("instance=b", 0.71)), 2, 5, None, T0),
    )
)


def change(*, firing: bool = True) -> AlertChange:
    return AlertChange(CPU.id, "shop", "cpu", AlertKind.THRESHOLD, Severity.PAGE, firing, T0, FACTS)


def message() -> Message:
    decision = Scene().changes((change(),))
    return decision.notifications[0].message


def test_the_title_says_what_how_far_and_where() -> None:
    assert message().title == (
        "Shop cpu: 83.2 %, above 70 % for 5m, until below 60 % (instance=a and 1 more of 5 series)"
    )


def test_the_paragraph_says_since_when_and_what_to_open_next() -> None:
    text = wording.letter(message())

    assert "Shop cpu, since 2026-03-01 00:00 UTC: 83.2 %, above 70 % for 5m" in text
    assert f"Runbook: {SHOP.runbook}" in text
    assert "Dashboard of cpu: https://nines.example/services/shop#rule-cpu" in text


@pytest.mark.parametrize(
    ("rule", "reading", "phase", "reason"),
    [
        pytest.param(
            CPU,
            Reading(0.832, (("instance=a", 0.832),), 2, 5, None, T0),
            Phase.FIRING,
            "2 of 5 series of cpu are above 70 %",
            id="a gauge beyond its limit",
        ),
        pytest.param(
            CPU,
            Reading(0.65, (("instance=a", 0.65),), 0, 5, None, T0),
            Phase.FIRING,
            "none of 5 series of cpu is above 70 %, and it goes on until below 60 %",
            id="a gauge between its limits",
        ),
        pytest.param(
            CPU,
            Reading(0.5, (("instance=a", 0.5),), 0, 5, None, T0),
            Phase.INACTIVE,
            "none of 5 series of cpu is above 70 %",
            id="a gauge that is fine",
        ),
        pytest.param(
            SLOW,
            Reading(Fraction(1, 50), sums=Sums(timedelta(minutes=5), 98, 2), seen_at=T0),
            Phase.FIRING,
            "counted by seconds; 1 % may be above 2s",
            id="a quantile",
        ),
        pytest.param(
            ERRORS,
            Reading(Fraction(1, 200), sums=Sums(timedelta(minutes=5), 199, 1), seen_at=T0),
            Phase.INACTIVE,
            '0.5 % of 200 events bad (1), counted by r{code="500"} of r',
            id="a ratio that is over",
        ),
    ],
)
def test_the_reason_says_what_the_headline_does_not(
    rule: Rule, reading: Reading, phase: Phase, reason: str
) -> None:
    assert facts_of_rule(make_rule_status(rule, phase, reading=reading)).reason == reason


def test_the_rows_hold_measure_limit_and_series_and_no_objective() -> None:
    rows = dict(evidence.rows(message().alerts[0]))

    assert rows == {
        "Measured": "83.2 %",
        "Limit": "above 70 % for 5m, until below 60 %",
        "Worst": "instance=a 83.2 %, instance=b 71 %, and 3 more",
        "Since": "2026-03-01 00:00 UTC",
    }


def test_every_receiver_s_payload_says_it() -> None:
    told = message()

    event = pagerduty.event(told)
    assert event["payload"]["summary"] == told.title
    assert event["payload"]["component"] == "cpu"
    assert event["payload"]["class"] == "threshold"
    assert "instance=a 83.2 %" in str(event["payload"]["custom_details"])
    posted = str(slack.post(told))
    assert told.title in posted
    assert "*Limit*\\nabove 70 % for 5m, until below 60 %" in posted
    text = email.mail(told, "nines@example.com", ["sre@example.com"]).get_body(("plain",))
    assert text is not None
    assert "Worst      instance=a 83.2 %" in text.get_content()
    alert = webhook.body(told, "https://nines.example")["alerts"][0]
    assert alert["labels"]["alertname"] == "ThresholdCrossed"
    assert alert["labels"]["alert"] == "cpu"
    assert "slo" not in alert["labels"]
    assert alert["annotations"]["measured"] == "83.2 %"


def test_routes_match_its_kind_and_its_name() -> None:
    tree = Route(
        receivers=(),
        routes=(
            Route(parse_matchers('slo=~".+"'), ("slos",)),
            Route(parse_matchers('kind="threshold",alert="cpu"'), ("hosts",)),
        ),
    )

    assert sent(Scene(tree).changes((change(),))) == ["trigger to hosts"]


def test_it_joins_the_open_incident_of_its_service() -> None:
    scene = Scene()
    scene.fires("availability", PAGE)
    opened = scene.incident.id

    decision = scene.changes((change(),))

    assert [alert.incident_id for alert in decision.alerts] == [opened]


def test_a_remark_is_a_note_in_what_is_open_and_tells_nobody() -> None:
    scene = Scene()
    remark = Remark("shop", T0, "down: a confirming look passed.")
    assert decide((remark,), (), scene.context).empty

    scene.fires("availability", PAGE)
    decision = decide((remark,), scene.store.open_incidents("shop"), scene.context)

    assert [(event.kind, event.text) for event in decision.events] == [
        (EventKind.NOTE, remark.text)
    ]
    assert (decision.incidents, decision.notifications) == ((), ())


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (CPU, "above 70 % for 5m, until below 60 %"),
        (
            a_rule(collector="m", counter="lost_total", over="5m", above="12/m"),
            "above 12/m over 5m",
        ),
        (
            a_rule(collector="m", histogram="s", quantile="99.9%", over="5m", above="2s"),
            "p99.9 above 2s over 5m",
        ),
        (
            a_rule(probe="health", down_for="1m"),
            "every run failed for 1m, and so did a look 1s later",
        ),
        (
            a_rule(probe="health", down_for="0s"),
            "a run failed, and so did a look 1s later",
        ),
    ],
)
def test_a_limit_in_words(rule: Rule, text: str) -> None:
    assert limit_text(rule) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.9999, Unit.SHARE, "99.9 %"),
        (2.3149, Unit.SECONDS, "2.31 s"),
        (12.49, Unit.PER_MINUTE, "12.4/m"),
        (1234567, Unit.NUMBER, "1,234,567"),
        (0.00012345, Unit.NUMBER, "0.000123"),
        (0, Unit.NUMBER, "0"),
        (-4.567, Unit.NUMBER, "-4.56"),
    ],
)
def test_a_value_is_cut_off_and_never_rounded_up(value: float, unit: Unit, text: str) -> None:
    assert value_text(value, unit) == text


def test_an_end_is_told_with_what_it_is_now() -> None:
    scene = Scene()
    scene.changes((change(),))
    calm = replace(FACTS, headline="50 %", reason="none of 5 series of cpu is above 70 %")
    scene.clock.move(timedelta(minutes=1))

    decision = scene.changes((replace(change(firing=False), facts=calm),))

    (told, *_) = decision.notifications
    assert "none of 5 series of cpu is above 70 %" in wording.paragraph(told.message).lower()
