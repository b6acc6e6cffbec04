"""What a Nines that stands by answers: that it lives, and that it is not the one to ask."""

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

_STANDS_BY = "This Nines stands by: another one has the database. It goes on when that one ends.\n"


async def standby(scope: Scope, receive: Receive, send: Send) -> None:
    """200 to `/-/healthy`, and 503 to everything else, so that nobody is sent here."""
    if scope["type"] != "http":
        return
    lives = scope["path"] == "/-/healthy"
    answer = PlainTextResponse(
        _STANDS_BY,
        200 if lives else 503,
        headers={"cache-control": "no-store"} | ({} if lives else {"retry-after": "1"}),
    )
    await answer(scope, receive, send)
