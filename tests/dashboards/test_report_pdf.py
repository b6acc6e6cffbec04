"""The PDF of a report: read back by another library, whatever things are called."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from pypdf import PdfReader

from alerting.incident import Incident, IncidentState
from alerting.incident_times import times_of
from dashboards.report import SLORecord, report
from dashboards.report_page import ReportView, report_view
from dashboards.report_paper import drawable
from dashboards.report_pdf import report_pdf
from slo.severity import Severity
from tests.dashboards.test_report import an_slo, facts, tally

MADE_AT = datetime(2026, 11, 1, 7, tzinfo=UTC)
ROOT = "https://nines.example"
HEBREW, ARABIC = "\u05e9\u05dc\u05d5\u05dd", "\u0645\u062a\u062c\u0631"  # hello; shop


def drawn(view: ReportView) -> PdfReader:
    return PdfReader(io.BytesIO(report_pdf(view, MADE_AT, ROOT)))


def text_of(reader: PdfReader) -> str:
    """All of it on one line: where lines are broken says nothing."""
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def a_view(*names: str, view: str = "", incidents: int = 0, missed: bool = True) -> ReportView:
    records = tuple(
        SLORecord(an_slo(name), "the owners", tally(100, 50 if missed else 0), None)
        for name in names
    )
    at = datetime(2026, 10, 5, 12, tzinfo=UTC)
    opened = tuple(
        (one, times_of(one, None))
        for one in (
            Incident(
                f"i{number}", "shop", IncidentState.RESOLVED, Severity.PAGE, f"It burns {number}",
                at, resolved_at=at + timedelta(minutes=5),
            )
            for number in range(incidents)
        )
    )  # fmt: skip
    return report_view(report(replace(facts(*records), incidents=opened)), view, ())


def test_it_tells_what_the_page_tells() -> None:
    view = a_view("checkout", incidents=3)
    reader = drawn(view)

    text = text_of(reader)

    assert reader.metadata is not None
    assert reader.metadata.title == "October 2026"
    for words in (
        "October 2026",
        " ".join(view.summary),
        *(one.name for one in view.figures),
        *(one.value for one in view.figures),
        view.slos[0].allowance,
        "missed",
        view.incidents[0].opened,
        view.pages,
        view.hours,
        *view.terms,
        view.definitions[0][2],
    ):
        assert " ".join(words.split()) in text, words


def test_bookmarks_lead_to_its_sections() -> None:
    outline = drawn(a_view("checkout")).outline
    titles = [str(one["/Title"]) for one in outline if not isinstance(one, list)]

    assert titles[0] == "Objectives by owner"
    assert "What each objective counts" in titles


def test_its_links_lead_to_the_dashboard() -> None:
    reader = drawn(a_view("checkout"))
    links = {
        annotation.get_object()["/A"]["/URI"]
        for page in reader.pages
        for annotation in page.get("/Annots", ())
    }

    assert links == {f"{ROOT}/slos/shop/checkout"}


def test_the_executive_one_is_short() -> None:
    view = a_view(*(f"n{number}" for number in range(200)), view="executive", incidents=500)

    assert len(drawn(view).pages) <= 2


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (HEBREW, HEBREW),
        (ARABIC, None),  # its letters are joined: they are other characters in the file
        ("caf\u00e9 \u0394\u03c1\u03bf\u03bc\u03bf\u03c2 \u0416\u0443\u043a", None),
        ("\U0001f600 fine", "\U0001f600 fine"),
        ("\U0001f680 not in any font", "\u25a1 not in any font"),
        ("\u65e5\u672c", "\u25a1\u25a1"),
        ("\u202ereversed\u202c", "reversed"),
        ("a\x00b\x1b[31mc", "ab[31mc"),
        ("e\u0301" + "\u0301" * 300, None),
        ("<b>&amp;{{7*7}}</b> \\ %PDF (x) Tj", "<b>&amp;{{7*7}}</b> \\ %PDF (x) Tj"),
        ("**bold** __under__ [a](http://x)", "**bold** __under__ [a](http://x)"),
        ("{nb} pages", None),
        ("x" * 5_000, None),
        (" ", None),
    ],
    ids=[
        "Hebrew", "Arabic", "accents, Greek, Cyrillic", "an emoji", "an emoji that no font has",
        "Japanese", "overrides", "controls", "marks", "markup", "markdown", "an alias", "long",
        "nothing",
    ],
)  # fmt: skip
def test_whatever_something_is_called_it_is_drawn(name: str, told: str | None) -> None:
    text = text_of(drawn(a_view(name, "checkout")))

    assert "shop/checkout" in text
    if told is not None:
        # Right to left, it is drawn from its end on.
        assert told in text or told[::-1] in text


def test_ten_thousand_incidents_and_five_thousand_objectives_fit() -> None:
    view = a_view(*(f"objective-{number}" for number in range(5_000)), incidents=10_000)

    file = report_pdf(view, MADE_AT, ROOT)

    reader = PdfReader(io.BytesIO(file))
    assert len(file) < 2_000_000
    assert len(reader.pages) < 100
    text = text_of(reader)
    assert "And 4,500 more: the CSV has every one." in text
    assert "And 9,800 more: the JSON has every one." in text


def test_it_is_given_up_when_told_so() -> None:
    asked = count()

    with pytest.raises(TimeoutError):
        report_pdf(a_view("a", "b", "c"), MADE_AT, ROOT, lambda: next(asked) < 3)
    assert next(asked) == 4


def test_the_same_report_is_the_same_file() -> None:
    view = a_view("checkout")

    assert report_pdf(view, MADE_AT, ROOT) == report_pdf(view, MADE_AT, ROOT)


def test_what_is_cut_says_so() -> None:
    assert drawable("a" * 401) == "a" * 400 + "…"
