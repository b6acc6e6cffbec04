"""A report as a mail: text, and HTML that mail programs show (tables, no script, no image)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from alerting.receivers.text import one_line
from dashboards.report_page import ReportView
from dashboards.report_summary import Figure

MOST_ROWS = 25  # of a table; the attachments and the page have more
_SUBJECT = 160


@dataclass(frozen=True, slots=True)
class MailText:
    """What it says."""

    subject: str
    text: str
    html: str


def mail_text(view: ReportView, root: str, notes: tuple[str, ...] = ()) -> MailText:
    """The words of the mail. `root` is where its links lead; `notes` are sentences at its end."""
    told: Mapping[str, Any] = {
        "view": view,
        "root": root.rstrip("/"),
        "page": f"{root.rstrip('/')}{view.page}",
        "most": MOST_ROWS,
        "notes": notes,
        "tone": _tone,
        "tallest": max((bar.count for bar in view.bars), default=0),
    }
    return MailText(
        subject(view),
        _TEMPLATES.get_template("report_mail.txt").render(told),
        _TEMPLATES.get_template("report_mail.html").render(told),
    )


def subject(view: ReportView) -> str:
    """How it went, before it is opened: `SLO report, May 2026: 12 of 14 objectives met (shop)`."""
    met = view.figures[0].value
    went = f"{met} objectives met" if view.has_data else "no data"
    whose = f" ({view.owner})" if view.owner else ""
    return one_line(f"SLO report, {view.title}: {went}{whose}".replace("\xa0", " "), _SUBJECT)


def _tone(figure: Figure) -> str:
    return {True: "#266e4f", False: "#a83e00", None: "#555e6a"}[figure.good]


_TEMPLATES = Environment(
    loader=PackageLoader("dashboards"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
