"""`nines deployment`: tell a running Nines of releases, and list them."""

import json
from collections.abc import Mapping
from typing import Any

import typer

from nines.cli.asking import AskError, clock, get, post, server_at, there_is
from nines.cli.planned import minute, print_table
from nines.cli.problems import FINE, WRONG_USE, fail

_API = "/api/v1/deployments"


def add(server: str, told: Mapping[str, Any], key: str | None, *, as_json: bool) -> int:
    """Put one on record."""
    body = {name: value for name, value in told.items() if value}
    if key is not None and not (key.isascii() and key.isprintable()):
        return fail("--key: write it in ASCII", WRONG_USE)
    headers = {} if key is None else {"Idempotency-Key": key}
    try:
        with server_at(server) as client:
            made = post(client, _API, body, headers)
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps(made, indent=2))
    else:
        one = made["deployment"]
        typer.echo(
            f"{one['service']} {one['version']} is on record as {one['id']}, since"
            f" {clock(one['at'])}."
        )
    return FINE


def show(server: str, service: str | None, limit: int, *, as_json: bool) -> int:
    """Print the newest."""
    query: dict[str, str | int] = {"limit": limit}
    if service is not None:
        query["service"] = service
    try:
        with server_at(server) as client:
            found = get(client, _API, query)
            if service and not found["deployments"]:
                there_is(client, service)
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    elif not found["deployments"]:
        typer.echo("No deployment is on record.")
    else:
        print_table(
            ("at", "service", "version", "environment", "by", "id"),
            (
                (
                    f"{minute(one['at'])} UTC", one["service"], one["version"],
                    one["environment"], one["by"], one["id"],
                )
                for one in found["deployments"]
            ),
        )  # fmt: skip
    return FINE
