"""The draft of a post-mortem: every fact that is known, and nothing that is not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerting.alert import Facts
from alerting.incident import EventKind, IncidentState
from alerting.notification import NotificationKind, NotificationState
from dashboards.aftermath import aftermath_facts
from dashboards.aftermath_page import aftermath_view
from dashboards.postmortem import postmortem
from dashboards.source import Aftermath, IncidentDetail
from tests.web.fake_aftermath import aftermath_of
from tests.web.fakes import NOW, make_incident

OVER = make_incident(2, "shop", "checkout", IncidentState.RESOLVED)
BEFORE = make_incident(50, "shop", "checkout", IncidentState.RESOLVED)


def draft(detail: IncidentDetail = OVER, aftermath: Aftermath | None = None) -> str:
    found = aftermath or aftermath_of(detail, [detail, BEFORE], NOW)
    text = postmortem(detail, found, None, "https://nines.example/", NOW)
    return text.replace("\N{NO-BREAK SPACE}", " ")


def section(name: str) -> str:
    return draft().partition(f"## {name}\n")[2].partition("\n## ")[0]


def test_the_sections_are_those_of_handling_an_incident_in_order() -> None:
    names = [line[3:] for line in draft().splitlines() if line.startswith("## ")]

    assert " ".join(names) == "Impact Detect Contain Eradicate Recover Lessons Timeline"


def test_impact_is_what_the_ledger_says() -> None:
    assert "| shop/checkout | 42 | 360 | 25 % |" in section("Impact")


def test_detect_says_when_it_began_and_who_was_told() -> None:
    assert "Time to detect: 2 min." in section("Detect")
    assert "- oncall was told at 2026-" in section("Detect")


@pytest.mark.parametrize(
    ("told", "lines"),
    [
        ({"state": NotificationState.DIGESTED}, ["- oncall was told at"]),
        ({"kind": NotificationKind.MISSED}, ["- oncall was told at"]),
        ({"state": NotificationState.DIGESTED, "finished_at": None}, ["- Nobody was told."]),
        ({"kind": NotificationKind.REPORT}, ["- Nobody was told."]),
    ],
    ids=["in a digest", "once it was over", "not yet in a digest", "about something else"],
)
def test_whoever_heard_of_it_was_told(told: dict[str, Any], lines: list[str]) -> None:
    (one,) = OVER.notifications
    text = draft(replace(OVER, notifications=(replace(one, **told),)))

    found = [line for line in text.splitlines() if "was told" in line]
    assert [line[: len(said)] for line, said in zip(found, lines, strict=True)] == lines


def test_each_receiver_is_named_once_with_when_it_was_first_told() -> None:
    (one,) = OVER.notifications
    assert one.finished_at is not None
    later = replace(one, id="later", kind=NotificationKind.UPDATE, finished_at=NOW)
    first = replace(one, id="first", receiver="mail", finished_at=one.created_at)

    text = draft(replace(OVER, notifications=(later, one, first)))

    found = [line for line in text.splitlines() if "was told at" in line]
    assert [line.split()[1] for line in found] == ["mail", "oncall"]
    assert f"{one.finished_at:%H:%M:%S}" in found[1]


def test_contain_says_who_took_it_and_when() -> None:
    assert r"Mia \<mia@example.com\> acknowledged at" in section("Contain")
    assert "Time to acknowledge: 4 min." in section("Contain")


def test_contain_is_silent_about_what_only_kept_people_quiet() -> None:
    begin = replace(OVER.events[0], text="the noise")
    kinds = (EventKind.NOTE, EventKind.SUPPRESSED, EventKind.ACKNOWLEDGED)
    told = draft(replace(OVER, events=tuple(replace(begin, kind=kind) for kind in kinds)))

    contain, _, rest = told.partition("## Contain\n")[2].partition("\n## Eradicate")
    assert "the noise" not in contain
    assert rest.count("the noise") == len(kinds)  # the timeline keeps it


def test_a_rule_that_ended_is_told_by_what_it_fired_on() -> None:
    (alert, *_), (one, *_) = OVER.alerts, OVER.notifications
    ended = replace(alert, facts=Facts("up", "The probe passes.", measured="up"))
    fired = Facts("down for 60 s, 7 runs failed", "", measured="down for 60 s, 7 runs failed")
    line = replace(
        one.message.alerts[0],
        rule=alert.rule,
        started_at=alert.started_at,
        ended_at=None,
        facts=fired,
    )
    told = replace(one, message=replace(one.message, alerts=(line,)))

    text = draft(replace(OVER, alerts=(ended,), notifications=(told,)))
    assert "- checkout, when it fired: down for 60 s, 7 runs failed." in text
    assert "measured up" not in text
    # What was told to nobody is left out: its own evidence is that of its end.
    assert "when it fired" not in draft(replace(OVER, alerts=(ended,), notifications=()))


def test_a_budget_still_being_learnt_has_no_percentage() -> None:
    found = replace(aftermath_of(OVER, [OVER], NOW), learning=frozenset({"shop/checkout"}))

    assert "| shop/checkout | 42 | 360 | learning |" in draft(aftermath=found)
    assert aftermath_facts(OVER.incident, found).costs[0].budget_ratio is None


def test_what_was_excluded_is_said() -> None:
    stretch = (NOW - timedelta(minutes=9), NOW)
    found = replace(aftermath_of(OVER, [OVER], NOW), excluded=(("shop/checkout", (stretch,)),))

    said = f"{stretch[0]:%Y-%m-%d %H:%M:%S} UTC to {NOW:%Y-%m-%d %H:%M:%S} UTC"
    impact = draft(aftermath=found).partition("## Detect")[0]
    assert f"- Of shop/checkout this time was excluded and counts for nothing: {said}." in impact


def test_causes_and_recovery_are_told() -> None:
    assert "What failed in shop/checkout: status (40), latency (2)." in section("Eradicate")
    assert "Time to resolve: 31 min." in section("Recover")


def test_of_how_many_bad_events_causes_are_told_is_said() -> None:
    found = aftermath_of(OVER, [OVER], NOW)
    ((slo_id, ledger),) = found.costs
    calm = replace(ledger.background, bad=5, good=7_000)
    found = replace(found, costs=((slo_id, replace(ledger, background=calm)),))

    assert (
        "What failed in shop/checkout: status (40), latency (2). That is of the 42 of 47 bad "
        "events that came faster than the budget allows; causes of the others are not told apart."
    ) in draft(aftermath=found)


@pytest.mark.parametrize(
    ("calm_bad", "words"),
    [(5, "mostly status"), (100, "40 of them status")],
    ids=["most have causes", "few have causes"],
)
def test_most_is_said_of_most_alone(calm_bad: int, words: str) -> None:
    found = aftermath_of(OVER, [OVER], NOW)
    ((slo_id, ledger),) = found.costs
    calm = replace(ledger.background, bad=calm_bad)
    found = replace(found, costs=((slo_id, replace(ledger, background=calm)),))

    (row,) = aftermath_view(OVER.incident.id, found, NOW).impact

    assert row.cause == words


def test_lessons_name_what_happened_before() -> None:
    assert "- INC0050 at" in section("Lessons")


def test_what_is_not_known_is_said_to_be_so_and_is_no_zero() -> None:
    times = replace(aftermath_of(OVER, [OVER], NOW).times, detect=None)

    text = draft(aftermath=Aftermath(times, None, NOW, (), ()))

    assert "Time to detect: not known." in text
    assert "No error budget is known to have been spent." in text


def test_one_that_is_open_says_so() -> None:
    text = draft(make_incident(1, "shop", "checkout", IncidentState.TRIGGERED))

    assert "> The incident is still open" in text
    assert "| Acknowledged | by nobody |" in text
    assert "Time to acknowledge: not known." in text


def test_words_of_others_break_no_table() -> None:
    wild = replace(OVER, incident=replace(OVER.incident, title="a | b\n# c <script>"))

    assert draft(wild).splitlines()[0] == r"# Post-mortem: a \| b \# c \<script\>"
