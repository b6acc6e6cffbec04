"""`/api/v1/reports`: what a day, a week or a month came to, for programs."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from dashboards.report import Report
from dashboards.report_facts import ReportFacts, ReportList, report_csv, report_facts, report_list
from dashboards.report_list import every_period
from dashboards.report_page import EXECUTIVE, TECHNICAL
from dashboards.report_posting import ReportMailError, ReportMailStanding
from web.answer import answer
from web.planning import Person, Word
from web.problem import ProblemError, bad_request
from web.report_example import LIST, REPORT, TABLE
from web.report_making import Reports

Period = Annotated[
    str,
    Path(
        description="A day, a week or a month in the reports' zone.",
        openapi_examples={
            "day": {"value": "2026-11-20"},
            "week": {"value": "2026-W47"},
            "month": {"value": "2026-11"},
        },
    ),
]
Owner = Annotated[
    str | None, Query(max_length=400, description="Whose services alone it is to be about.")
]
View = Annotated[
    Literal["executive", "technical"], Query(description="The short one, or all of it.")
]
PDF = "application/pdf"


class SendRequest(BaseModel):
    """Who wants it, and of which period: without one, of the newest that is over."""

    model_config = ConfigDict(extra="forbid")

    by: Person
    period: Word | None = Field(None, examples=["2026-W47"])


@dataclass(frozen=True, slots=True)
class Mailed:
    """What the mail server said."""

    said: str


@dataclass(frozen=True, slots=True)
class ReportMailList:
    """In the order of the configuration."""

    mails: tuple[ReportMailStanding, ...]


def add_report_routes(router: APIRouter, reports: Reports) -> None:
    """Every endpoint below `/reports`."""

    async def every(request: Request) -> Response:
        """The reports that there are: the newest of each kind, those that go on first."""
        periods = every_period(reports.running(), reports.source.kept_since())
        shown = (one for kind in periods for one in kind)
        zone = reports.settings().zone.key
        return answer(request, report_list(shown, zone, reports.now()))

    async def table(period: Period, owner: Owner = None) -> Response:
        """The objectives of one, for spreadsheets: a line for each."""
        return as_table(await reports.named(period, owner or None))

    async def pdf(period: Period, owner: Owner = None, view: View = "technical") -> Response:
        """One as a PDF, for those who print it or pass it on."""
        return await as_pdf(reports, await reports.named(period, owner or None), view)

    async def one(request: Request, period: Period, owner: Owner = None) -> Response:
        """All of one: objectives, losses, incidents, pages, what to review, what was excluded."""
        return answer(request, report_facts(await reports.named(period, owner or None)))

    async def mails(request: Request) -> Response:
        """The reports that are mailed: what, to whom, when next, and how the last one went."""
        return answer(request, ReportMailList(tuple(await reports.source.report_mails())))

    async def send(request: Request, name: str, wanted: SendRequest) -> Response:
        """Mail one now, beside its schedule."""
        try:
            said = await reports.source.mail_report(name, wanted.period, wanted.by)
        except ReportMailError as error:
            if error.status == 400:
                raise bad_request("body.period", str(error).rstrip(".")) from None
            raise ProblemError(error.status, str(error)) from None
        return answer(request, Mailed(said))

    router.add_api_route("/report-mails", mails, methods=["GET"], response_model=ReportMailList)
    router.add_api_route("/report-mails/{name}/send", send, methods=["POST"], response_model=Mailed)
    router.add_api_route(
        "/reports", every, methods=["GET"], response_model=ReportList, responses=_example(LIST)
    )
    router.add_api_route(
        "/reports/{period}.csv",
        table,
        methods=["GET"],
        response_model=None,
        response_class=Response,
        responses={200: {"content": {"text/csv": {"example": TABLE}}, "description": "A table."}},
    )
    router.add_api_route(
        "/reports/{period}.pdf",
        pdf,
        methods=["GET"],
        response_model=None,
        response_class=Response,
        responses={
            200: {
                "content": {PDF: {"schema": {"type": "string", "format": "binary"}}},
                "description": "A4, with bookmarks.",
            }
        },
    )
    router.add_api_route(
        "/reports/{period}",
        one,
        methods=["GET"],
        response_model=ReportFacts,
        responses=_example(REPORT),
    )


def as_table(made: Report) -> Response:
    """A report as a file for spreadsheets."""
    return Response(
        report_csv(made),
        headers=_file(made, "csv"),
        media_type="text/csv; charset=utf-8",
    )


async def as_pdf(reports: Reports, made: Report, view: str) -> Response:
    """A report as a file for readers. Raises ProblemError."""
    shown = EXECUTIVE if view == EXECUTIVE else TECHNICAL
    drawn = await reports.pdf(made, shown)
    return Response(drawn, headers=_file(made, "pdf"), media_type=PDF)


def _file(made: Report, suffix: str) -> dict[str, str]:
    name = f'attachment; filename="nines-{made.facts.period.slug}.{suffix}"'
    return {"Cache-Control": "private, no-cache", "Content-Disposition": name}


def _example(of: object) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": of}}}}
