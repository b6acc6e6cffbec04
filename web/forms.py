"""What forms have in common: who sent them, where they lead, what the browser remembers."""

from urllib.parse import quote, unquote

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

NAME_COOKIE = "nines_name"
_YEAR_SECONDS = 365 * 86_400
_NAME_LIMIT = 80


def see_other(target: str) -> RedirectResponse:
    """Go on there, by GET."""
    return RedirectResponse(target, 303)


def remembered(request: Request) -> str:
    """The name that a form of this browser bore last; empty when none did."""
    return clean(unquote(request.cookies.get(NAME_COOKIE, "")))


def clean(text: str, most: int = _NAME_LIMIT) -> str:
    """One line of what somebody wrote."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:most]


def remember(request: Request, response: Response, cookie: str, value: str) -> None:
    """Let the browser send it with what it asks for next."""
    response.set_cookie(
        cookie,
        quote(value),
        max_age=_YEAR_SECONDS,
        httponly=cookie == NAME_COOKIE,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
