"""Print a page, or an error, in the frame that all pages have."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import pass_context
from jinja2.runtime import Context

from dashboards import frame, links
from dashboards.past import PastView, moment_query, past_view
from dashboards.source import Source
from web.account import visitor
from web.forms import asked_address
from web.look import Look
from web.rows import Printer
from web.templates import templates

THEME_COOKIE = "nines_theme"
_LOOK_BACK = timedelta(hours=1)
# Whoever sent a form meant it, and at a page that is there: no address made no sense to them.
_NOT_DONE = "That was not done"
_ERRORS = {
    400: ("This address makes no sense", "The address asks for something that cannot be."),
    401: ("Sign in first", "Nothing was changed: Nines does not know who you are."),
    403: ("Not allowed", "That is not yours to do, so nothing was changed."),
    404: ("Nothing here", "There is no such page. It may have been renamed or removed."),
    405: ("Not like that", "This page cannot be asked in this way."),
    500: ("That failed", "Nines could not make this page. The log says why; alerts go on."),
    503: ("Not ready", "Nines is starting or stopping. Try again in a moment."),
}


@pass_context
def _then(context: Context, url: str) -> str:
    """The filter of links between pages: they stay at the moment that the page shows."""
    return links.at_moment(url, context["frame"].at)


_TEMPLATES = templates()
_TEMPLATES.filters["then"] = _then


@dataclass(frozen=True, slots=True)
class _Around:
    """As much of a frame as a row asks for."""

    at: str | None


def row_printer(columns: Iterable[str], at: str | None) -> Printer:
    """Prints the cells of an SLO's row; its links stay at this moment."""
    parts = _TEMPLATES.get_template("_parts.html").make_module({"frame": _Around(at)})
    cell, keys = parts.slo_cell, tuple(columns)  # type: ignore[attr-defined] # a macro
    return lambda row: {key: cell(row, key) for key in keys}


@dataclass(frozen=True, slots=True)
class ErrorView:
    """What went wrong, in words."""

    status: int
    title: str
    words: str
    back: str | None = None  # the page whose form was sent


class Framed:
    """The frame tells how the whole stands by the roll that was asked for last: a router of pages
    asks for it first, by `dependencies=[Depends(source.roll)]`.
    """

    def __init__(self, source: Source, now: Callable[[], datetime]) -> None:
        self._source = source
        self._now = now

    def page(
        self,
        request: Request,
        template: str,
        section: str,
        title: str,
        *,
        topics: str,
        view: object,
        status: int = 200,
        seen: Look | None = None,
        missing: frame.Missing | None = None,
        **parts: object,
    ) -> HTMLResponse:
        """A page; `seen` is what it is told from, where that may be the past. `missing` is what
        it leaves out.
        """
        past = self._past(request, seen) if seen is not None and seen.past else None
        around = frame.frame(
            section=section,
            title=title,
            theme=request.cookies.get(THEME_COOKIE),
            here=asked_address(request),
            census=self._source.latest_roll().census,
            health=self._source.health(),
            now=self._now(),
            past=past,
            look_back=None if seen is None or past else self._look_back(request),
            visitor=visitor(),
            missing=missing,
        )
        html = _TEMPLATES.get_template(template).render(
            frame=around, view=view, topics="" if past else topics, **parts
        )
        return HTMLResponse(html, status)

    def error(self, request: Request, status: int, words: str | None) -> HTMLResponse:
        """An error; `words` say more than the status can."""
        title, usual = _ERRORS.get(status, _ERRORS[500 if status >= 500 else 404])
        sent = request.method == "POST"
        if sent and status in (400, 409):
            title = _NOT_DONE
        view = ErrorView(status, title, words or usual, _came_from(request) if sent else None)
        return self.page(request, "error.html", "", title, topics="", view=view, status=status)

    def _past(self, request: Request, seen: Look) -> PastView:
        return past_view(
            seen.now,
            self._now(),
            self._source.kept_since(),
            request.url.path,
            request.query_params.multi_items(),
        )

    def _look_back(self, request: Request) -> str | None:
        """The same page a while ago, where anything is kept from then."""
        at, since = self._now() - _LOOK_BACK, self._source.kept_since()
        if since is None or at < since:
            return None
        return links.at_moment(asked_address(request), moment_query(at))


def _came_from(request: Request) -> str | None:
    """The page of ours whose form was sent, as far as the browser says."""
    there = urlsplit(request.headers.get("referer", ""))
    if there.netloc != request.url.netloc or there.path[:1] != "/" or there.path[:2] == "//":
        return None
    asked = [(name, value) for name, value in parse_qsl(there.query) if name != "notice"]
    return f"{there.path}?{urlencode(asked)}" if asked else there.path
