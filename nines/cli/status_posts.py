"""`nines status post|update|list`: tell customers by a running Nines what is wrong."""

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

import typer

from nines.cli import planned
from nines.cli.asking import AskError, post, server_at
from nines.cli.planned import minute, print_table
from nines.cli.problems import FINE, WRONG_USE, fail

_API = "/api/v1/status/incidents"


def tell(
    server: str,
    incident: str | None,
    said: Mapping[str, str | None],
    components: Sequence[str],
    key: str | None,
    *,
    as_json: bool,
) -> int:
    """Begin an incident (None), or say more of one."""
    path = _API if incident is None else f"{_API}/{quote(incident, safe='')}/updates"
    headers = {} if key is None else {"Idempotency-Key": key}
    if key is not None and not (key.isascii() and key.isprintable()):
        return fail("--key: write it in ASCII", WRONG_USE)
    try:
        body = {name: value for name, value in said.items() if value}
        with server_at(server) as client:
            told = post(client, path, {**body, "components": dict(map(_one, components))}, headers)
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        typer.echo(f"{told['title']}: {told['status']}, as {told['id']}. Customers read it at")
        typer.echo(told["url"])
    return FINE


def show(server: str, limit: int, *, every: bool, as_json: bool) -> int:
    """Print what customers were told: of open incidents, or of all."""
    try:
        with server_at(server) as client:
            told = planned.every(client, _API, "incidents", {})
            wanted = (one for one in told if every or one["resolved_at"] is None)
            found = list(islice(wanted, limit))
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps({"incidents": found}, indent=2))
    elif not found:
        typer.echo("Customers were told nothing yet." if every else "No incident is open.")
    else:
        print_table(("id", "status", "impact", "title", "last told"), map(_row, found))
    return FINE


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    told = f"{minute(one['updated_at'])} UTC"
    return (one["id"], one["status"], one["impact"], one["title"], told)


def _one(text: str) -> tuple[str, str | None]:
    key, _, state = text.partition("=")
    if not key:
        raise AskError(f"{text!r} is no component: write key, or key=state", WRONG_USE)
    return key, state or None
