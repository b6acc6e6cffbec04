"""`nines annotation`: remark something on a service or an SLO of a running Nines."""

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any
from urllib.parse import quote

import typer

from nines.cli.asking import AskError, post, server_at, there_is
from nines.cli.planned import every, minute, print_table
from nines.cli.problems import FINE, fail

_API = "/api/v1/annotations"


def add(server: str, what: str, said: Mapping[str, str | None], *, as_json: bool) -> int:
    """Put one on record; `what` is `service` or `service/slo`."""
    service, _, slo = what.partition("/")
    body = {"service": service, "slo": slo, **said}
    try:
        with server_at(server) as client:
            told = post(client, _API, {name: value for name, value in body.items() if value})
    except AskError as error:
        return fail(str(error), error.code)
    return _say(told, "Annotated", as_json=as_json)


def edit(server: str, annotation: str, text: str, by: str, *, as_json: bool) -> int:
    """Say one in other words."""
    return _change(server, annotation, "edit", {"text": text, "by": by}, as_json=as_json)


def undo(server: str, annotation: str, by: str, *, as_json: bool) -> int:
    """Take one back."""
    return _change(server, annotation, "undo", {"by": by}, as_json=as_json)


def show(server: str, what: str | None, limit: int, *, as_json: bool) -> int:
    """Print the newest; of an SLO those that its page shows, so those of its whole service too."""
    service, _, slo = (what or "").partition("/")
    query = {"service": service} if service else {}
    try:
        with server_at(server) as client:
            told = every(client, _API, "annotations", query)
            wanted = (one for one in told if not slo or one["slo"] in (None, slo))
            found = list(islice(wanted, limit))
            if service and not found:
                there_is(client, service)
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps({"annotations": found}, indent=2))
    elif not found:
        typer.echo("Nothing is annotated.")
    else:
        print_table(("id", "what", "when", "text", "by"), map(_row, found))
    return FINE


def _change(
    server: str, annotation: str, action: str, body: Mapping[str, str], *, as_json: bool
) -> int:
    try:
        with server_at(server) as client:
            told = post(client, f"{_API}/{quote(annotation, safe='')}/{action}", body)
    except AskError as error:
        return fail(str(error), error.code)
    return _say(told, "Changed" if action == "edit" else "Undone", as_json=as_json)


def _say(told: Mapping[str, Any], done: str, *, as_json: bool) -> int:
    one = told["annotation"]
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        typer.echo(f"{done}, as {one['id']}: {_what(one)}, {_when(one)}: {one['text']}")
    return FINE


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    return (one["id"], _what(one), _when(one), one["text"], one["author"])


def _what(one: Mapping[str, Any]) -> str:
    return "/".join(filter(None, (one["service"], one["slo"])))


def _when(one: Mapping[str, Any]) -> str:
    until = f" to {minute(one['end'])}" if one["end"] else ""
    return f"{minute(one['start'])}{until} UTC"
