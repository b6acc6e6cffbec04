"""What forms have in common: who sent them, where they lead, what the browser remembers."""

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote, unquote

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from web.access.guard import asking

NAME_COOKIE = "nines_name"
_YEAR_SECONDS = 365 * 86_400
_NAME_LIMIT = 80
_LONGEST = 500


class Print(Protocol):
    """Prints a page in the frame that all pages have."""

    def __call__(
        self,
        request: Request,
        template: str,
        section: str,
        title: str,
        *,
        topics: str,
        view: object,
        status: int = 200,
    ) -> HTMLResponse: ...


def see_other(target: str) -> RedirectResponse:
    """Go on there, by GET."""
    return RedirectResponse(target, 303)


def asked_address(request: Request) -> str:
    """What was asked for, on whichever host: the path, with what stands behind its `?`."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.path}{query}"


def remembered(request: Request) -> str:
    """Who has signed in, or the name that a form of this browser bore last; empty when none did."""
    principal = asking().principal
    if principal.is_named:
        return principal.name
    return clean(unquote(request.cookies.get(NAME_COOKIE, "")))


def clean(text: str, most: int = _NAME_LIMIT) -> str:
    """One line of what somebody wrote."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:most]


def remember(request: Request, response: Response, cookie: str, value: str) -> None:
    """Let the browser send it with what it asks for next. Who signs in needs no name for forms."""
    if cookie == NAME_COOKIE and asking().principal.is_named:
        return
    response.set_cookie(
        cookie,
        quote(value),
        max_age=_YEAR_SECONDS,
        httponly=cookie == NAME_COOKIE,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


async def fields(request: Request) -> dict[str, str]:
    """The form's fields, each a line that is no longer than makes sense."""
    sent: Mapping[str, object] = await request.form()
    return {name: clean(value, _LONGEST) for name, value in sent.items() if isinstance(value, str)}
