"""The mail of a report, whatever things are called."""

import re
from dataclasses import replace

import pytest

from dashboards.report_mail import MOST_ROWS, mail_text, subject
from tests.dashboards.test_report_pdf import HEBREW, a_view

ROOT = "https://nines.example/"


def test_its_subject_says_how_it_went() -> None:
    assert subject(a_view("up")) == "SLO report, October 2026: 0 of 1 objectives met"
    owned = replace(a_view("up", missed=False), owner="shop\r\nBcc: eve@example.com")
    assert subject(owned) == (
        "SLO report, October 2026: 1 of 1 objectives met (shop Bcc: eve@example.com)"
    )
    assert subject(a_view()) == "SLO report, October 2026: no data"


def test_its_links_lead_to_the_dashboard() -> None:
    words = mail_text(a_view("up", view="executive", incidents=2), ROOT)

    links = set(re.findall(r'href="([^"]*)"', words.html))
    assert links == {
        "https://nines.example/reports/2026-10?view=executive",
        "https://nines.example/slos/shop/up",
    }
    assert "The whole report: https://nines.example/reports/2026-10?view=executive" in words.text


@pytest.mark.parametrize(
    "name", ['<script>alert(1)</script>"', HEBREW, "\U0001f680", "x" * 5_000, "{{7*7}}", "a\nb"]
)
def test_names_are_words_and_never_markup(name: str) -> None:
    words = mail_text(a_view(name, "other"), ROOT, (f"A note on {name}",))

    assert "<script" not in words.html
    assert "<img" not in words.html
    assert "49" not in words.html
    assert "shop/other" in words.html
    assert len(words.html) < 60_000


def test_a_thousand_objectives_make_no_long_mail() -> None:
    view = a_view(*(f"n{number}" for number in range(1_000)), incidents=1_000)

    words = mail_text(view, ROOT)

    assert words.html.count("/slos/shop/n") < 4 * MOST_ROWS
    assert len(words.html) < 100_000  # a larger one is cut by Gmail
    assert "The whole report has more." in words.html


def test_pages_by_hour_are_bars() -> None:
    html = mail_text(a_view("up", incidents=3), ROOT).html

    assert html.count("height:40px") == 1
    assert "background:#0072b2" in html
    assert "Nobody was paged." in mail_text(a_view("up"), ROOT).html
