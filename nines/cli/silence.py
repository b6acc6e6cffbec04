"""`nines silence`: tell a running Nines of which alerts nobody is to be told, and end that."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import typer

from nines.cli import planned
from nines.cli.asking import AskError, post, server_at
from nines.cli.problems import FINE, fail

_API = "/api/v1/silences"
_MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be silenced, as it was typed."""

    matchers: tuple[str, ...]
    start: str | None
    end: str | None
    duration: str | None
    rrule: str | None
    zone: str | None
    until_resolved: bool = False

    def body(self) -> dict[str, Any]:
        """The request."""
        said = {
            "start": self.start,
            "end": self.end,
            "duration": self.duration,
            "rrule": self.rrule,
            "zone": self.zone,
        }
        given = {key: value for key, value in said.items() if value}
        return {
            **given,
            "matchers": list(self.matchers),
            "until_resolved": self.until_resolved,
        }


def add(server: str, wanted: Wanted, *, reason: str, by: str, as_json: bool) -> int:
    """Make a silence, and tell what it mutes and when."""
    try:
        with server_at(server) as client:
            told = post(client, _API, wanted.body() | {"reason": reason, "author": by})
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return FINE
    typer.echo(f"Silenced, as {told['silence']['id']}: {_what(told['silence'])}.")
    _tell(told, "It mutes")
    return FINE


def preview(server: str, wanted: Wanted, *, as_json: bool) -> int:
    """Only show it."""
    try:
        with server_at(server) as client:
            told = post(client, f"{_API}/preview", wanted.body())
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return FINE
    _tell(told, "It would mute")
    return FINE


def show(server: str, *, every: bool, as_json: bool) -> int:
    """Print those that mute or will, or all."""
    try:
        with server_at(server) as client:
            found = [
                one
                for one in planned.every(client, _API, "silences", {})
                if every or one.get("state") != "expired"
            ]
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps({"silences": found}, indent=2))
    elif not found:
        typer.echo("Nothing is silenced." if every else "Nothing is silenced, now or later.")
    else:
        planned.print_table(("id", "state", "alerts", "when", "why", "by"), map(_row, found))
    return FINE


def end(server: str, silence: str, by: str, *, as_json: bool) -> int:
    """End one."""
    try:
        with server_at(server) as client:
            told = post(client, f"{_API}/{quote(silence, safe='')}/end", {"by": by})
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        typer.echo(f"Ended: {_what(told['silence'])} ({told['silence']['reason']}).")
    return FINE


def _tell(told: Mapping[str, Any], verb: str) -> None:
    typer.echo(f"{verb} {len(told['now'])} of the alerts that fire now.")
    for line in _alerts(told["now"]):
        typer.echo(line)
    typer.echo(f"Of those of the last seven days it would have muted {len(told['week'])}.")
    for line in _alerts(told["week"]):
        typer.echo(line)
    for line in planned.times(told["silence"]):
        typer.echo(line)


def _alerts(found: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for one in found[:_MOST_SHOWN]:
        ended = one["ended_at"]
        until = "still fires" if ended is None else f"until {planned.minute(ended)}"
        since = planned.minute(one["started_at"])
        yield f"  {one['service']}/{one['slo']}  {one['severity']}  since {since} UTC, {until}"
    if len(found) > _MOST_SHOWN:
        yield f"  and {len(found) - _MOST_SHOWN} more"


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    return (one["id"], one["state"], _what(one), planned.when(one), one["reason"], one["author"])


def _what(one: Mapping[str, Any]) -> str:
    return ", ".join(one["matchers"])
