"""The list of SLOs: its page, its table for spreadsheets, and what its forms do."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlencode

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from alerting.incident import Incident
from dashboards import links
from dashboards.catalogue import Catalogue
from dashboards.glance import Glance
from dashboards.past import moment_query
from dashboards.saved_views import (
    ViewError,
    Views,
    forgotten,
    read_views,
    saved,
    write_views,
)
from dashboards.silencing import silencing
from dashboards.slo_find import every, find
from dashboards.slo_list import shown_columns, slo_list
from dashboards.slo_query import (
    ALWAYS,
    LOOKBACKS,
    OPTIONAL,
    Asked,
    Layout,
    read_layout,
    read_query,
)
from dashboards.slo_row import RowFacts, open_incidents
from dashboards.slo_sheet import sheet
from dashboards.source import Source
from web.forms import clean, remember, see_other
from web.framed import Framed, row_printer
from web.look import Look, asked_past, look
from web.rows import PrintedRow, Rows, print_row
from web.spared import Spared
from web.sparklines import NO_SPARKLINES, Sparklines

LAYOUT_COOKIE = "nines_list"
VIEWS_COOKIE = "nines_views"
_CHOOSE = "choose"  # the box before a row; what was in the past cannot be silenced
_COLUMNS = (_CHOOSE, *ALWAYS, *OPTIONAL)
_NO_INCIDENTS: Mapping[str, Incident] = {}
_MOST_CHOSEN = 250  # what one page can show


class ListPages:
    """What people see of all SLOs at once."""

    def __init__(
        self,
        source: Source,
        now: Callable[[], datetime],
        framed: Framed,
        sparklines: Sparklines,
    ) -> None:
        self._source, self._now, self._framed = source, now, framed
        self._sparklines = sparklines
        self._rows = Rows()
        self._kept = Catalogue(())

    async def page(self, request: Request) -> HTMLResponse:
        """The list, as the address asks for it."""
        catalogue, asked = self._asked(request)
        seen = await self._look(request, asked)
        query = asked.query
        found = find(seen.roll, query, catalogue)
        shown = [*found.page, *(one for group in found.groups for one in group.shown)]
        spared = Spared(past=seen.past)
        rows = await self._rows_of(shown, seen, LOOKBACKS[query.burn], spared)
        columns = (*(() if seen.past else (_CHOOSE,)), *shown_columns(query))
        view = slo_list(
            asked=asked,
            found=found,
            catalogue=catalogue,
            rows={row.topic: row.laid_out(columns) for row in rows},
            views=_views(request),
        )
        return self._framed.page(
            request,
            "slos.html",
            "slos",
            "SLOs",
            topics="*",
            view=view,
            seen=seen,
            missing=spared.missing,
        )

    async def csv(self, request: Request) -> Response:
        """All that the list finds, on one sheet."""
        catalogue, asked = self._asked(request)
        seen = await self._look(request, asked)
        found = every(seen.roll, asked.query, catalogue)
        return Response(
            sheet(found, catalogue, LOOKBACKS[asked.query.burn]),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="slos.csv"'},
        )

    async def silence(
        self, request: Request, slo: Annotated[list[str] | None, Query()] = None
    ) -> Response:
        """From the SLOs that were chosen to the form that silences them, filled in."""
        known = self._source.latest_roll().by_id
        chosen = [known[one].slo for one in dict.fromkeys(slo or ()) if one in known]
        view = silencing(chosen[:_MOST_CHOSEN])
        if len(view.ways) == 1:
            return see_other(view.ways[0].url)
        return self._framed.page(
            request, "choose_silence.html", "slos", "Silence SLOs", topics="", view=view
        )

    async def remember(self, request: Request, back: Annotated[str, Form()] = "/slos") -> Response:
        """Let this browser see lists in this layout until it says otherwise; or as usual."""
        told = [
            (key, value)
            for key, value in (await request.form()).multi_items()
            if isinstance(value, str)
        ]
        response = see_other(links.safe_return(back))
        layout = read_layout([*told, ("columns", "none")])
        if ("as", "usual") in told:
            response.delete_cookie(LAYOUT_COOKIE)
        else:
            remember(request, response, LAYOUT_COOKIE, urlencode(layout.told()))
        return response

    async def name(
        self,
        request: Request,
        name: Annotated[str, Form()] = "",
        query: Annotated[str, Form()] = "",
        act: Annotated[str, Form()] = "save",
    ) -> Response:
        """Let this browser keep a list by a name, or forget the one of this name."""
        called, views = clean(name, 200), _views(request)
        catalogue, _ = self._asked(request)
        try:
            kept = (
                forgotten(views, called)
                if act == "forget"
                else saved(views, called, query, catalogue.label_keys)
            )
        except ViewError as error:
            return self._framed.error(request, 400, str(error))
        shown = next((one.url for one in kept if one.name == called), "/slos")
        response = see_other(shown)
        remember(request, response, VIEWS_COOKIE, write_views(kept))
        return response

    # --- how -------------------------------------------------------------------------------------

    def _asked(self, request: Request) -> tuple[Catalogue, Asked]:
        services = self._source.services()
        if services is not self._kept.cards:
            self._kept = Catalogue(services)
        usual = read_layout(parse_qsl(unquote(request.cookies.get(LAYOUT_COOKIE, ""))), Layout())
        pairs = request.query_params.multi_items()
        return self._kept, read_query(pairs, self._kept.label_keys, usual)

    async def _look(self, request: Request, asked: Asked) -> Look:
        """What it is told from. SLOs of the past are dear: of one service, where it is named."""
        at = asked_past(request)
        named = [term.value for term in asked.query.terms if term.key == "service"]
        card = self._kept.by_name.get(named[0]) if at and len(named) == 1 else None
        return await look(self._source, self._now(), at, card.slo_ids if card else None)

    async def _rows_of(
        self, page: Sequence[Glance], seen: Look, lookback: timedelta, spared: Spared
    ) -> Sequence[PrintedRow]:
        """The rows of these; those of now are printed once for all who look."""
        shown = seen.statuses(page)
        stood_in = await spared.ask("incidents", lambda: self._stood_in(seen), _NO_INCIDENTS)
        sparks = await spared.ask("charts", lambda: self._sparklines.of(shown, seen), NO_SPARKLINES)
        facts = [
            RowFacts(
                status,
                self._kept.by_name.get(status.slo.service),
                seen.rules(status.slo.id),
                stood_in.get(status.slo.id),
                sparks.get(status.slo.id),
                seen.flow(status),
            )
            for status in shown
        ]
        if seen.past:
            make = row_printer(_COLUMNS, moment_query(seen.now))
            return [print_row(one, seen.now, lookback, make) for one in facts]
        return self._rows.printed(facts, seen.now, lookback, lambda: row_printer(_COLUMNS, None))

    async def _stood_in(self, seen: Look) -> Mapping[str, Incident]:
        """The open incident that an SLO stands in, by its id."""
        incidents = await seen.incidents(None, 0)
        return open_incidents(
            incidents, await self._source.slos_of([incident.id for incident in incidents])
        )


def _views(request: Request) -> Views:
    """The lists that this browser keeps by name."""
    return read_views(unquote(request.cookies.get(VIEWS_COOKIE, "")))
