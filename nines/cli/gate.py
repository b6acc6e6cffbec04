"""`nines gate`: may a release go? By exit code, for pipelines."""

import json
from typing import Any
from urllib.parse import quote

import typer

from nines.cli.asking import AskError, clock, get, post, server_at
from nines.cli.planned import minute, print_table
from nines.cli.problems import FINE, WRONG_USE, fail

UNKNOWN = 2
_API = "/api/v1/gate/overrides"


def ask(
    server: str, slo: str | None, service: str | None, since: str | None, *, as_json: bool
) -> int:
    """Print the decision; gives 0 ok, 10 caution, 20 freeze, 2 where it is not known."""
    if (slo is None) == (service is None):
        return fail("say either an SLO, service/slo, or --service NAME", WRONG_USE)
    name, _, rest = (slo or "").partition("/")
    if slo is not None and not (name and rest):
        return fail(f"{slo!r} is no SLO: write service/slo, or --service {slo}", WRONG_USE)
    path = f"/api/v1/services/{quote(service or '', safe='')}/gate"
    if slo is not None:
        path = f"/api/v1/slos/{quote(name, safe='')}/{quote(rest, safe='')}/gate"
    try:
        with server_at(server) as client:
            told = get(client, path, {} if since is None else {"since": since})
    except AskError as error:
        return fail(str(error), UNKNOWN)  # 1 could be taken for the gate's own word
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        typer.echo(f"{told['state']}: {told['sentence']}")
        for reason in told["reasons"]:
            typer.echo(f"  {reason['state']}: {reason['sentence']}")
    code = told.get("exit_code")
    return code if isinstance(code, int) else UNKNOWN


def override(server: str, wanted: dict[str, Any], *, as_json: bool) -> int:
    """Say something in the policy's place."""
    try:
        with server_at(server) as client:
            told = post(client, _API, {key: value for key, value in wanted.items() if value})
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        one = told["override"]
        typer.echo(f"{one['state']} until {clock(one['until'])}, as {one['id']}.")
    return FINE


def overrides(server: str, *, every: bool, as_json: bool) -> int:
    """Print those that hold, or all."""
    try:
        with server_at(server) as client:
            found = get(client, _API, {})["overrides"]
    except AskError as error:
        return fail(str(error), error.code)
    found = [one for one in found if every or one["active"]]
    if as_json:
        typer.echo(json.dumps({"overrides": found}, indent=2))
    elif not found:
        typer.echo("Nothing is overridden.")
    else:
        print_table(
            ("id", "what", "state", "until", "why", "by"),
            (
                (
                    one["id"], "/".join(filter(None, (one["service"], one["slo"]))), one["state"],
                    f"{minute(one['until'])} UTC", one["reason"], one["author"],
                )
                for one in found
            ),
        )  # fmt: skip
    return FINE


def end(server: str, override_id: str, by: str) -> int:
    """End one."""
    try:
        with server_at(server) as client:
            post(client, f"{_API}/{quote(override_id, safe='')}/end", {"by": by})
    except AskError as error:
        return fail(str(error), error.code)
    typer.echo("Ended: the policy decides again.")
    return FINE
