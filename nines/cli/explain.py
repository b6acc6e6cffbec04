"""`nines explain`: why a running Nines told somebody of something, or did not."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import typer

from nines.cli.asking import AskError, clock, get, server_at
from nines.cli.problems import FINE, fail

_TOLD = {True: "told", False: "not told", None: "perhaps told"}
_MET = {True: "met", False: "not met", None: "not known"}


def explain(server: str, of: str, at: str | None, *, as_json: bool) -> int:
    """Print the answer: 0 when there is one, 1 when there is nothing of that name."""
    query = {"of": of} | ({"at": at} if at else {})
    try:
        with server_at(server) as client:
            found = get(client, "/api/v1/why", query)
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return FINE
    for line in _lines(found):
        typer.echo(line)
    return FINE


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield from found["notes"]
    for alert in found["alerts"]:
        yield from _alert(alert)
    if found["steps"]:
        yield "What several of these alerts share, step by step:"
    for step in found["steps"]:
        yield f"  {_step(step)}"
    if found["rules"]:
        yield f"At {clock(found['at'])}:"
    for rule in found["rules"]:
        yield from _rule(rule)


def _alert(alert: Mapping[str, Any]) -> Iterator[str]:
    ended = f"ended {clock(alert['ended_at'])}" if alert["ended_at"] else "fires still"
    yield f"{alert['name']}: began {clock(alert['started_at'])}, {ended}"
    yield f"  alert {alert['alert_id']} of incident {alert['incident_id']}, rule {alert['rule']}"
    yield f"  {alert['answer']}"
    for one in alert["receivers"]:
        yield f"    {one['receiver']}: {_said(_TOLD[one['told']], one['words'])}"
    for route in alert["routes"]:
        who = ", ".join(route["receivers"]) or "nobody"
        yield f"  Route: {route['route']}, so to {who} ({', '.join(_terms(route))})"
        for held in route["held_by"]:
            until = f", until {clock(held['until'])}" if held["until"] else ""
            words = f" ({held['words']})" if held["words"] else ""
            yield f"    held back by {held['kind']} {held['id']}{words}{until}"
    yield "  Step by step:"
    for step in alert["steps"]:
        yield f"    {_step(step)}"
    for sentence in alert["since"]:
        yield f"  Since then: {sentence}"


def _step(step: Mapping[str, Any]) -> str:
    return f"{clock(step['at'])}  {step['words']}"


def _terms(route: Mapping[str, Any]) -> Iterator[str]:
    for name in ("group_wait", "group_interval", "repeat_interval"):
        if route[name]:
            yield f"{name} {route[name]}"
    if route["group"]:
        yield "group " + " ".join(f"{name}={value}" for name, value in route["group"].items())
    if route["failover"]:
        yield f"failover {', then '.join(route['failover'])}"
    for step in route["escalate"]:
        yield f"not acknowledged in {step}"


def _rule(rule: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {rule['rule']}: {rule['answer']}"
    for one in rule["conditions"]:
        yield f"    {one['what']}: {one['seen']}, wanted {one['wanted']}: {_MET[one['met']]}"
    if rule["alert_id"]:
        yield f"    who was told: nines explain {rule['alert_id']}"


def _said(word: str, words: str) -> str:
    """The verdict, unless the words begin with it."""
    return words if words.startswith(word) else f"{word}: {words}"
