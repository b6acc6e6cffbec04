"""`nines exclude`: tell a running Nines what does not count, and take it back."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import httpx
import typer

from nines.cli import planned
from nines.cli.asking import AskError, post, server_at
from nines.cli.planned import print_table
from nines.cli.problems import FINE, WRONG_USE, fail

_API = "/api/v1/exclusions"
_SHOWN_SLOS = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be excluded, as it was typed."""

    what: str | None
    labels: tuple[str, ...]
    start: str | None
    end: str | None
    duration: str | None
    rrule: str | None
    zone: str | None
    reason: str
    by: str
    public: str | None = None

    def body(self) -> dict[str, Any]:
        """The request. Raises AskError for what cannot be one."""
        service, _, slo = (self.what or "").partition("/")
        labels = dict(_label(text) for text in self.labels)
        if not service and not labels:
            raise AskError("say what is excluded: a service, service/slo, or --label", WRONG_USE)
        said = {
            "service": service,
            "slo": slo,
            "start": self.start,
            "end": self.end,
            "duration": self.duration,
            "rrule": self.rrule,
            "zone": self.zone,
            "public": self.public,
        }
        given = {key: value for key, value in said.items() if value}
        return {**given, "labels": labels, "reason": self.reason, "author": self.by}


def add(server: str, wanted: Wanted, *, preview: bool, as_json: bool) -> int:
    """Make an exclusion, or only show it; and the next times that it holds."""
    try:
        with server_at(server) as client:
            told = post(client, f"{_API}/preview" if preview else _API, wanted.body())
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return FINE
    exclusion = told["exclusion"]
    verb = "Would exclude" if preview else f"Excluded, as {exclusion['id']}:"
    typer.echo(f"{verb} {_some(told['slos'])}.")
    for line in planned.times(exclusion):
        typer.echo(line)
    return FINE


def show(server: str, slo: str | None, *, every: bool, as_json: bool) -> int:
    """Print those that are active or planned, or all."""
    try:
        with server_at(server) as client:
            found = list(_all(client, slo, every=every))
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps({"exclusions": found}, indent=2))
        return FINE
    if not found:
        typer.echo("Nothing is excluded." if every else "Nothing is excluded, now or later.")
        return FINE
    print_table(("id", "state", "what", "when", "why", "by"), map(_row, found))
    return FINE


def change(
    server: str, exclusion: str, action: Literal["end", "undo"], by: str, *, as_json: bool
) -> int:
    """End or undo one."""
    try:
        with server_at(server) as client:
            told = post(client, f"{_API}/{quote(exclusion, safe='')}/{action}", {"by": by})
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        done = "Ended" if action == "end" else "Undone"
        typer.echo(f"{done}: {_what(told['exclusion'])} ({told['exclusion']['reason']}).")
    return FINE


def _all(client: httpx.Client, slo: str | None, *, every: bool) -> Iterable[dict[str, Any]]:
    found = planned.every(client, _API, "exclusions", {} if slo is None else {"slo": slo})
    return (one for one in found if every or one.get("state") in ("active", "planned"))


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    when = planned.when(one)
    return (one["id"], one["state"], _what(one), when, one["reason"], one["author"])


def _what(one: Mapping[str, Any]) -> str:
    if one.get("service"):
        return "/".join(filter(None, (one["service"], one.get("slo"))))
    return ", ".join(f"{key}={value}" for key, value in one["labels"].items())


def _some(slos: Sequence[str]) -> str:
    more = f" and {len(slos) - _SHOWN_SLOS} more" if len(slos) > _SHOWN_SLOS else ""
    return ", ".join(slos[:_SHOWN_SLOS]) + more


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise AskError(f"{text!r} is no label: write key=value", WRONG_USE)
    return key, value
