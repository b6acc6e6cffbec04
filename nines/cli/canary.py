"""`nines canary`: have a running Nines send a receiver a message that shows that it can be."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import typer

from nines.cli.asking import AskError, get, post, server_at
from nines.cli.problems import FINE, NO, fail

_API = "/api/v1/receivers"
_ASK_EVERY = 0.2  # seconds


def send(
    server: str,
    receiver: str,
    by: str,
    *,
    wait: float,
    as_json: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Send one and wait up to `wait` seconds for what becomes of it; 1 when it does not arrive."""
    try:
        with server_at(server) as client:
            told = post(client, f"{_API}/{quote(receiver, safe='')}/canary", {"by": by})
            one = _canary(told, receiver)
            ends = time.monotonic() + wait
            while one.get("state") == "pending" and time.monotonic() < ends:
                sleep(_ASK_EVERY)
                one = _canary(get(client, _API, {}), receiver)
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps({"receiver": receiver, "canary": one}, indent=2))
    else:
        typer.echo(_said(receiver, one, wait))
    return FINE if one.get("state") == "delivered" else NO


def _canary(told: Mapping[str, Any], receiver: str) -> dict[str, Any]:
    found = (one for one in told["receivers"] if one["name"] == receiver)
    return dict(next(found)["canary"] or {})


def _said(receiver: str, one: Mapping[str, Any], wait: float) -> str:
    tries = one.get("attempts", 0)
    of_tries = "1 try" if tries == 1 else f"{tries} tries"
    match one.get("state"):
        case "delivered":
            return f"The canary to {receiver} arrived ({of_tries})."
        case "pending":
            return f"The canary to {receiver} has not arrived within {wait:g} s ({of_tries})."
        case _:
            return f"The canary to {receiver} failed: {one.get('reason')}."
