"""What a Nines that stands by answers: that it lives, and that it is not the one to ask."""

from collections.abc import Callable

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_STANDS_BY = "This Nines stands by: another one has the database. It goes on when that one ends.\n"


def standby(failure: Callable[[], str | None]) -> ASGIApp:
    """200 to `/-/healthy`, and 503 to everything else, so that nobody is sent here.

    `failure`: why it is not known whether the database is free, in a sentence.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        lives = scope["path"] == "/-/healthy"
        why = failure()
        said = PlainTextResponse(
            _STANDS_BY if why is None else f"This Nines stands by for a database. {why}\n",
            200 if lives else 503,
            headers={"cache-control": "no-store"} | ({} if lives else {"retry-after": "1"}),
        )
        await said(scope, receive, send)

    return answer
