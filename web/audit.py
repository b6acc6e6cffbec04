"""`/audit` and `/api/v1/audit`: who changed what, and how it was before and after."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from dashboards.access_facts import AuditRecordFacts, audit_record_facts
from dashboards.account_page import audit_view
from web.access.port import Access
from web.answer import answer
from web.cursor import read_cursor, write_cursor
from web.forms import Print, clean
from web.problem import bad_request

_PER_PAGE = 50
_ORDER = "audit"


@dataclass(frozen=True, slots=True)
class AuditList:
    """Newest first."""

    records: tuple[AuditRecordFacts, ...]
    next_cursor: str | None


def add_audit_routes(router: APIRouter, access: Access) -> None:
    """What programs ask."""

    async def records(
        request: Request,
        by: Annotated[str | None, Query(max_length=200, description="Of whom.")] = None,
        action: Annotated[
            str | None, Query(max_length=100, description="Such as `silence created`.")
        ] = None,
        cursor: Annotated[
            str | None, Query(max_length=4_000, description="`next_cursor` of the page before.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=250, description="How many at most.")] = 50,
    ) -> Response:
        """Every change, newest first: who, from where, what, before and after."""
        before = None if cursor is None else _place(cursor)
        page = await access.audit(before=before, limit=limit, by=by, action=action)
        following = None if page.before is None else write_cursor(_ORDER, (page.before,))
        return answer(request, AuditList(tuple(map(audit_record_facts, page.records)), following))

    router.add_api_route("/audit", records, methods=["GET"], response_model=AuditList)


def _place(cursor: str) -> int:
    """The number of the record that a cursor goes on after. Raises ProblemError."""
    try:
        (place,) = read_cursor(cursor, _ORDER)
    except ValueError as error:
        raise bad_request("query.cursor", str(error)) from None
    if not isinstance(place, int) or not 0 <= place < 2**63:
        raise bad_request("query.cursor", "this is not a cursor of this list")
    return place


class AuditPages:
    """What people see of it."""

    def __init__(
        self,
        access: Access,
        now: Callable[[], datetime],
        show: Print,
        error: Callable[[Request, int, str | None], HTMLResponse],
    ) -> None:
        self._access = access
        self._now = now
        self._show = show
        self._error = error

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        router.add_api_route("/audit", self.page, methods=["GET", "HEAD"], response_model=None)

    async def page(self, request: Request) -> HTMLResponse:
        """Newest first, by whom and of which kind one asks for."""
        asked = request.query_params
        by, action = clean(asked.get("by", ""), 200), clean(asked.get("action", ""), 100)
        before = asked.get("before", "")
        if before and not (before.isdecimal() and before.isascii() and len(before) < 19):
            return self._error(request, 400, "This place in the audit log does not exist.")
        found = await self._access.audit(
            before=int(before) if before else None,
            limit=_PER_PAGE,
            by=by or None,
            action=action or None,
        )
        view = audit_view(found.records, by=by, action=action, before=found.before, now=self._now())
        return self._show(request, "audit.html", "", "Audit log", topics="", view=view)
