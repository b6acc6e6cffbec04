"""`nines canary`: have a running Nines send a receiver a message that shows that it can be."""

import json
import shlex
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import typer

from nines.cli.asking import AskError, clock, get, post, server_at
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
            standing = _standing(told, receiver)
            one = _canary(standing)
            ends = time.monotonic() + wait
            while one.get("state") == "pending" and time.monotonic() < ends:
                sleep(_ASK_EVERY)
                standing = _standing(get(client, _API, {}), receiver)
                one = _canary(standing)
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps({"receiver": receiver, "canary": one}, indent=2))
    else:
        typer.echo(said(standing, one, wait))
    return FINE if one.get("state") == "delivered" else NO


def _standing(told: Mapping[str, Any], receiver: str) -> dict[str, Any]:
    return dict(next(one for one in told["receivers"] if one["name"] == receiver))


def _canary(standing: Mapping[str, Any]) -> dict[str, Any]:
    return dict(standing["canary"] or {})


def said(standing: Mapping[str, Any], one: Mapping[str, Any], wait: float) -> str:
    """What became of it, in a sentence; `standing` is how its receiver stands."""
    receiver = standing["name"]
    tries = one.get("attempts", 0)
    of_tries = "1 try" if tries == 1 else f"{tries} tries"
    match one.get("state"):
        case "delivered":
            return f"The canary to {receiver} arrived ({of_tries})."
        case "pending" if standing["parked_at"]:
            return (
                f"The canary to {receiver} waits ({of_tries}): {receiver} is parked since "
                f"{clock(standing['parked_at'])}: {standing['problem'].rstrip('.')}. "
                f"Mend it, then: nines unpark {shlex.quote(receiver)} --by YOUR_NAME"
            )
        case "pending":
            return f"The canary to {receiver} has not arrived within {wait:g} s ({of_tries})."
        case _:
            return f"The canary to {receiver} failed: {one.get('reason')}."
