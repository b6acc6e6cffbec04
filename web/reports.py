"""`/reports`: what a day, a week or a month came to, for people."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from dashboards.report_facts import report_facts
from dashboards.report_list import reports_view
from dashboards.report_page import report_view
from web.answer import answer
from web.book import Book
from web.problem import ProblemError
from web.report_api import as_pdf, as_table
from web.report_making import Reports


@dataclass(frozen=True)
class ReportPages(Book):
    """The list of reports, and each as a page, a table and plain values."""

    reports: Reports

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        for path, endpoint in (
            ("/reports", self.every),
            ("/reports/{period}.csv", self.table),
            ("/reports/{period}.json", self.plain),
            ("/reports/{period}.pdf", self.pdf),
            ("/reports/{period}", self.one),
        ):
            told: Callable[..., Awaitable[Response]] = endpoint
            router.add_api_route(path, told, methods=["GET", "HEAD"], response_model=None)

    async def every(self, request: Request) -> HTMLResponse:
        """Which reports there are."""
        view = reports_view(
            self.reports.running(), self.source.kept_since(), await self.source.report_mails()
        )
        return self.show(request, "reports.html", "reports", "Reports", topics="", view=view)

    async def one(self, request: Request, period: str) -> HTMLResponse:
        """One report."""
        try:
            made = await self.reports.named(period, _owner(request))
        except ProblemError as error:
            return self.error(request, error.status, str(error))
        owners = sorted({card.owner for card in self.source.services() if card.owner})
        view = report_view(made, request.query_params.get("view", ""), owners)
        title = f"Report: {view.title}"
        return self.show(request, "report.html", "reports", title, topics="", view=view)

    async def table(self, request: Request, period: str) -> Response:
        """The SLOs of one, for spreadsheets."""
        return as_table(await self.reports.named(period, _owner(request)))

    async def plain(self, request: Request, period: str) -> Response:
        """All of one, for programs."""
        return answer(request, report_facts(await self.reports.named(period, _owner(request))))

    async def pdf(self, request: Request, period: str) -> Response:
        """One to be printed or passed on."""
        made = await self.reports.named(period, _owner(request))
        return await as_pdf(self.reports, made, request.query_params.get("view", ""))


def _owner(request: Request) -> str | None:
    return request.query_params.get("owner") or None
