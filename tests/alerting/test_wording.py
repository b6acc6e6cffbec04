"""The sentences about alerts that people read."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting import wording
from alerting.alert import AlertKind
from alerting.notification import AlertLine, Message, NotificationKind
from alerting.receivers import evidence
from dashboards import format as write
from tests.alerting.scene import FACTS, PAGE, TICKET, Scene, only
from tests.alerting.test_notices import notice
from tests.fakes.clock import START

HOUR = timedelta(hours=1)


def told(kind: str = "trigger", receiver: str = "sre") -> Message:
    """What one receiver is told of a page that lasts 3 minutes."""
    scene = Scene()
    decisions = {
        "trigger": scene.fires("availability", PAGE),
        "update": scene.fires("latency", TICKET),
        "acknowledge": scene.acknowledged("ann"),
    }
    scene.ends("latency", TICKET)
    decisions["resolve"] = scene.ends("availability", PAGE)
    decisions["notice"] = notice(scene)
    if kind in ("missed", "report", "canary", "digest"):
        return replace(told("resolve", receiver), kind=NotificationKind(kind))
    return only(decisions[kind], lambda n: n.receiver == receiver).message


def line(**changes: object) -> AlertLine:
    return replace(told().alerts[0], **changes)  # type: ignore[arg-type]  # any field of it


def shown(figure: str) -> str:
    """As a page has it, without the spaces that hold a number to its unit."""
    return figure.replace("\N{NO-BREAK SPACE}", " ")


fractions = st.fractions(0, 2000)
spans = st.timedeltas(timedelta(0), timedelta(days=400))


@given(fractions, spans)
def test_a_message_has_the_page_s_digits(number: Fraction, length: timedelta) -> None:
    assert wording.burn(number) == shown(write.burn(number))
    assert wording.share(number / 2000) == shown(write.share(number / 2000))
    assert wording.duration(length) == shown(write.span(length))
    left = wording.budget_left(1 - number, length, "30d")
    assert left.startswith(f"{shown(write.budget(1 - number))} of the 30d budget")
    assert shown(write.span(length)) in left


@given(fractions)
def test_the_float_of_a_fraction_is_said_as_it_was_meant(number: Fraction) -> None:
    cut = Fraction(round(number * 100), 100)

    assert wording.burn(float(cut)) == wording.burn(cut)
    assert wording.budget_left(float(cut), HOUR, "30d") == wording.budget_left(cut, HOUR, "30d")


def test_what_is_overspent_is_said_in_minutes() -> None:
    left = wording.budget_left(Fraction(-12, 100), timedelta(minutes=-5), "30d")

    assert left == "-12 % of the 30d budget, 5 min over"


def test_a_title_never_exceeds_its_limit_and_keeps_the_numbers() -> None:
    title = wording.title("Shop " * 100, [line()])

    assert len(title) == wording.TITLE_LIMIT
    assert title.endswith("… availability: " + FACTS.headline)


def test_even_an_endless_headline_fits() -> None:
    endless = line(slo="s" * 300, facts=replace(FACTS, headline="no data " * 100))

    assert len(wording.title("Shop", [endless])) <= wording.TITLE_LIMIT


def test_the_paragraph_answers_what_a_woken_person_asks() -> None:
    facts = replace(
        FACTS,
        exhausts_at=START + timedelta(hours=6, minutes=11),
        top_cause="status 503: 212 of 230 failures",
    )
    message = replace(told(), alerts=(line(facts=facts),))

    assert wording.paragraph(message) == (
        "Shop availability (promised: 99.9 % over 30d) burns its error budget at 14.6x over 1h and "
        "15.2x over 5m, above the page's 14.4x, since 2026-11-20 14:00 UTC. "
        "230 of 15,753 events failed in the last 1h, which spent 2 % of the whole budget. "
        "12 % of the 30d budget left (5 min 21 s). "
        "At this pace it is gone at 2026-11-20 20:11 UTC, in 6 h 11 min. "
        "Mostly status 503: 212 of 230 failures."
    )


def test_a_budget_that_is_gone_is_called_exhausted() -> None:
    facts = replace(FACTS, budget_left_ratio=-0.12, budget_left_seconds=-300.0, lasts=None)
    text = wording.paragraph(replace(told(), alerts=(line(facts=facts),)))

    assert "-12 % of the 30d budget, 5 min over. The budget is exhausted." in text


def test_a_window_that_is_mostly_empty_gives_no_share_of_a_budget() -> None:
    facts = replace(
        FACTS,
        learning="2 of 20 probes failed; the whole 30d budget is 4 min 19 s",
        budget_left_ratio=-832.334,
        budget_left_seconds=-215_000.0,
        long_spent_ratio=83.3,
        exhausts_at=START,
    )
    told_now = replace(told(), alerts=(line(facts=facts),))
    rows = dict(evidence.rows(told_now.alerts[0]))

    assert wording.paragraph(told_now).endswith(
        "230 of 15,753 events failed in the last 1h. "
        "2 of 20 probes failed; the whole 30d budget is 4 min 19 s."
    )
    assert rows["Budget"] == facts.learning
    assert "Runs out" not in rows


@pytest.mark.parametrize(
    ("clause", "beginning"),
    [
        ("burning 0x over 1h", "Burning 0x over 1h"),
        ("https://shop.example answers", "https://shop.example answers"),
        ("$.database is false", "$.database is false"),
        ("", ""),
    ],
)
def test_a_sentence_begins_with_a_capital_unless_it_begins_with_an_address(
    clause: str, beginning: str
) -> None:
    assert wording.capital(clause) == beginning


def test_a_budget_that_lasts_is_said_to_last() -> None:
    text = wording.paragraph(replace(told(), alerts=(line(facts=replace(FACTS, lasts=True)),)))

    assert text.endswith("At this pace it lasts.")


def test_an_update_begins_with_what_changed_and_names_the_rest() -> None:
    text = wording.paragraph(told("update"))

    assert text.startswith("latency (ticket, 1h and 5m) fires: burning 14.6x")
    assert "Also firing: latency (ticket, 1h and 5m): burning 14.6x" in text


def test_an_acknowledgement_says_who() -> None:
    assert wording.paragraph(told("acknowledge")).startswith("ann acknowledged. Shop availability")


def test_a_resolve_says_how_long_it_took_and_what_is_left() -> None:
    assert wording.paragraph(told("resolve")) == (
        "Nothing of this incident fires any more. "
        "The incident began at 2026-11-20 14:00 UTC, 4 min before. "
        "The short window burns at 0.4x. "
        "12 % of the 30d budget left (5 min 21 s)."
    )


def test_a_linked_incident_says_what_it_is_linked_to() -> None:
    text = wording.paragraph(replace(told(), linked_to="000001"))

    assert text.startswith("This began while incident 000001 was acknowledged already")


def test_missing_data_is_not_called_a_burn() -> None:
    facts = replace(FACTS, headline="no data for 3 min: the target does not answer", burn_long=None)
    message = replace(told(), alerts=(line(kind=AlertKind.NO_DATA, facts=facts),))

    assert wording.paragraph(message).startswith(
        "Shop availability, since 2026-11-20 14:00 UTC: no data for 3 min: the target does not "
        "answer. Both windows"
    )


def test_the_links_lead_to_the_runbook_first() -> None:
    assert wording.links(told("update")) == (
        ("Runbook", "https://runbooks.example/shop"),
        ("Incident", "https://nines.example/incidents/000001"),
        ("Why you were told", "https://nines.example/why?of=000001"),
        ("Dashboard of availability", "https://nines.example/slos/shop/availability"),
        ("Dashboard of latency", "https://nines.example/slos/shop/latency"),
    )


def test_what_has_no_page_but_its_incident_is_linked_once() -> None:
    message = told()
    bare = replace(line(), dashboard_url=message.incident_url)

    assert [words for words, _ in wording.links(replace(message, alerts=(bare,)))] == [
        *("Runbook", "Incident", "Why you were told"),
    ]


def test_a_letter_has_the_links_below() -> None:
    message = told()
    first, empty, *rest = wording.letter(message).splitlines()

    assert (first, empty) == (wording.paragraph(message), "")
    assert rest[0] == "Runbook: https://runbooks.example/shop"


@pytest.mark.parametrize("kind", list(NotificationKind))
def test_no_text_has_holes(kind: NotificationKind) -> None:
    message = told(str(kind))

    for text in (message.title, message.what_changed, wording.letter(message)):
        assert "None" not in text
        assert "  " not in text
        assert ".." not in text.replace("...", "")
