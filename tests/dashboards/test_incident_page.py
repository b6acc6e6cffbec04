"""An incident's page tells who was told what, when, and who is on it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from alerting.incident import EventKind, IncidentEvent, IncidentState
from alerting.notification import Attempt, AttemptOutcome, NotificationState
from dashboards import incident_page, links
from dashboards.incident_facts import incident_facts
from dashboards.past import moment_query
from dashboards.source import IncidentDetail, IncidentPage
from slo.severity import Severity
from tests.dashboards.words import plain
from tests.web.fakes import NOW, FakeSource, make_incident


def view(detail: IncidentDetail) -> incident_page.IncidentView:
    return incident_page.incident_view(detail, card=None, remembered="Mia", notice=None, now=NOW)


@pytest.mark.parametrize(
    ("state", "summary", "offered"),
    [
        (IncidentState.TRIGGERED, "Nobody has taken it yet; it has been open for 2 h.", True),
        (
            IncidentState.ACKNOWLEDGED,
            "Mia <mia@example.com> has been on it; it has been open for 2 h.",
            False,
        ),
        (
            IncidentState.RESOLVED,
            "Over: it lasted 31 min; Mia <mia@example.com> looked after it.",
            False,
        ),
    ],
)
def test_the_summary_says_where_it_stands(
    state: IncidentState, summary: str, offered: bool
) -> None:
    shown = view(make_incident(2, "shop", "checkout", state))

    assert plain(shown.summary) == summary
    assert shown.can_acknowledge is offered


@pytest.mark.parametrize(
    ("state", "now"), [(IncidentState.ACKNOWLEDGED, "ticket"), (IncidentState.RESOLVED, None)]
)
def test_one_that_paged_is_shown_as_a_page_whatever_fires_still(
    state: IncidentState, now: str | None
) -> None:
    detail = make_incident(2, "shop", "checkout", state)
    incident = replace(detail.incident, severity=Severity.TICKET, peak=Severity.PAGE)
    shown = view(replace(detail, incident=incident)).row
    told = incident_facts(incident)

    assert (shown.severity, shown.severity_word) == ("page", "Page")
    assert (told.severity, told.severity_now) == ("page", now)


def test_the_timeline_begins_with_the_newest() -> None:
    shown = view(make_incident(2, "shop", "checkout", IncidentState.RESOLVED))

    assert [entry.word for entry in shown.timeline] == [
        "Resolved",
        "Acknowledged",
        "Delivered",
        "Routed",
        "Opened",
    ]


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_of_event_has_a_word(kind: EventKind) -> None:
    shown = incident_page.entry(IncidentEvent("INC1", NOW, kind, "something"), NOW)

    assert shown.word
    assert shown.text == "something"


def test_the_evidence_is_that_of_the_moment_of_the_alert() -> None:
    alert = view(make_incident(1, "shop", "checkout", IncidentState.TRIGGERED)).alerts[0]

    assert alert.state_word == "Firing"
    assert [(name, plain(value)) for name, value in alert.figures] == [
        ("Burn 1h", "117x"),
        ("Burn 5m", "333x"),
        ("Bad events", "42 of 360"),
        ("Budget spent in 1h", "16 %"),
        ("Budget left", "8 min 9 s"),
        ("Runs out", "13:07 UTC"),
        ("Top cause", "status: 40 of 42 failures"),
    ]


@pytest.mark.parametrize(
    ("state", "until"),
    [
        (IncidentState.TRIGGERED, NOW),  # it goes on
        (IncidentState.RESOLVED, NOW - timedelta(minutes=89) + timedelta(hours=1)),
    ],
)
def test_the_evidence_leads_to_the_charts_from_an_hour_before_to_an_hour_after(
    state: IncidentState, until: datetime
) -> None:
    alert = view(make_incident(2, "shop", "checkout", state)).alerts[0]

    since = moment_query(NOW - timedelta(hours=3))
    assert alert.charts_url == links.charts_url("shop/checkout", since, moment_query(until))


def test_each_try_to_tell_somebody_is_shown_with_how_it_ended() -> None:
    told = view(make_incident(1, "shop", "checkout", IncidentState.TRIGGERED)).told[0]

    assert (told.receiver, told.state_word) == ("oncall", "delivered")
    assert [(tried.outcome, tried.detail) for tried in told.tries] == [
        ("failed, to be tried again", "no answer within 5s"),
        ("delivered", "202 Accepted"),
    ]


@pytest.mark.parametrize(
    ("finished", "word"), [(NOW, "told in a digest"), (None, "waits in a digest")]
)
def test_what_a_digest_tells_is_told_once_that_has_arrived(
    finished: datetime | None, word: str
) -> None:
    (one,) = make_incident(1, "shop", "checkout", IncidentState.TRIGGERED).notifications
    row = replace(one, state=NotificationState.DIGESTED, finished_at=finished)

    assert incident_page.told_row(row, (), NOW).state_word == word


def test_a_try_under_way_says_so_and_a_status_is_not_told_twice() -> None:
    detail = make_incident(1, "shop", "checkout", IncidentState.TRIGGERED)
    attempts = (
        Attempt(detail.notifications[0].id, 1, NOW, NOW, AttemptOutcome.PERMANENT, 403, "no"),
        Attempt(detail.notifications[0].id, 2, NOW),
    )
    told = incident_page.told_row(detail.notifications[0], attempts, NOW)

    assert [(tried.outcome, tried.detail) for tried in told.tries] == [
        ("refused for good", "403: no"),
        ("under way", ""),
    ]


def test_the_times_are_told_from_the_opening() -> None:
    shown = view(make_incident(2, "shop", "checkout", IncidentState.RESOLVED))

    assert [(name, plain(value)) for name, value in shown.facts] == [
        ("Opened", "10:00:07 UTC"),
        ("Acknowledged", "after 4 min, by Mia <mia@example.com>"),
        ("Resolved", "10:31:07 UTC, after 31 min"),
    ]


@pytest.mark.parametrize(
    ("slos", "title"),
    [
        ([], "shop"),
        (["checkout"], "shop: checkout"),
        (["checkout", "login"], "shop: checkout and login"),
        (["checkout", "login", "pay"], "shop: checkout, login and pay"),
        (["checkout", "login", "pay", "search"], "shop: checkout, login and 2 more"),
    ],
)
def test_an_incidents_title_is_true_at_every_moment_of_it(slos: list[str], title: str) -> None:
    incident = make_incident(1, "shop", "checkout", IncidentState.TRIGGERED).incident

    assert incident_page.neutral_title(incident, slos) == title


def test_what_was_told_last_stays_readable() -> None:
    shown = view(make_incident(2, "shop", "checkout", IncidentState.RESOLVED))

    assert shown.row.title == "shop: checkout"
    assert shown.row.told == "shop: checkout burns its error budget 116.7x too fast"


def test_the_timeline_tells_seconds() -> None:
    shown = view(make_incident(2, "shop", "checkout", IncidentState.RESOLVED))

    assert shown.timeline[-1].time == "10:00:07 UTC"


def test_the_list_keeps_its_filter_when_it_goes_on() -> None:
    incident = make_incident(1, "shop", "checkout", IncidentState.TRIGGERED).incident
    shown = incident_page.incidents_view(
        IncidentPage((incident,), "more"),
        slos={},
        state="triggered",
        service="shop",
        cursor=None,
        now=NOW + timedelta(hours=1),
    )

    assert shown.older_url == "/incidents?state=triggered&service=shop&cursor=more"
    assert [each.word for each in shown.filters if each.chosen] == ["Triggered"]


@pytest.mark.parametrize(
    ("state", "words"),
    [(None, "No incident so far."), ("resolved", "No incident matches this filter.")],
)
def test_an_empty_list_tells_a_filter_from_peace(state: str | None, words: str) -> None:
    shown = incident_page.incidents_view(
        IncidentPage((), None), slos={}, state=state, service=None, cursor=None, now=NOW
    )

    assert shown.empty == words


def test_times_in_what_was_sent_are_written_as_all_others_of_the_page() -> None:
    detail = make_incident(1, "shop", "checkout", IncidentState.TRIGGERED)
    (alert, *_) = detail.alerts
    found = "a look 1s after the first failure failed too (2026-11-20 03:12 UTC)"
    seen = replace(alert, facts=replace(alert.facts, found=found))

    shown = dict(view(replace(detail, alerts=(seen,))).alerts[0].figures)

    assert shown["Looked again"] == (
        "a look 1s after the first failure failed too (Fri 20 Nov 03:12 UTC)"
    )


def test_a_service_is_named_by_its_title() -> None:
    detail = make_incident(1, "shop", "checkout", IncidentState.TRIGGERED)
    card = next(one for one in FakeSource().services() if one.name == "shop")

    shown = incident_page.incident_view(
        detail, card=replace(card, title="The shop"), remembered="", notice=None, now=NOW
    )

    assert (shown.service_title, view(detail).service_title) == ("The shop", "shop")
