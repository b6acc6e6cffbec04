"""`nines unpark`: a receiver was mended, so what waits for it is tried at once."""

from urllib.parse import quote

import typer

from nines.cli.asking import AskError, post, server_at
from nines.cli.problems import FINE, fail


def unpark(server: str, receiver: str, by: str) -> int:
    """Unpark it; 1 when there is no receiver of that name."""
    try:
        with server_at(server) as client:
            told = post(client, f"/api/v1/receivers/{quote(receiver, safe='')}/unpark", {"by": by})
    except AskError as error:
        return fail(str(error), error.code)
    waiting = next(one["waiting"] for one in told["receivers"] if one["name"] == receiver)
    waits = "1 message that waits" if waiting == 1 else f"{waiting} messages that wait"
    tried = f": {waits} for it will be tried at once" if waiting else ""
    typer.echo(f"{receiver} is not parked any more{tried}.")
    return FINE
