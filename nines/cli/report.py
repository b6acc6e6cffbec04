"""`nines report`: print a report, write it into a file, or have it mailed now."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import typer

from nines.cli.asking import AskError, clock, get, get_bytes, post, server_at
from nines.cli.planned import print_table
from nines.cli.problems import FINE, NO, WRONG_USE, fail

_API = "/api/v1/reports"
_SUFFIXES = {".pdf": ".pdf", ".csv": ".csv", ".json": ""}
_MOST = 20  # rows of a table; --output json has all
_PATIENCE = 120.0  # seconds: one of a thousand SLOs is made anew


def listed(server: str, *, as_json: bool) -> int:
    """Print which reports there are, and which are mailed."""
    try:
        with server_at(server) as client:
            told = get(client, _API, {})
            mails = get(client, "/api/v1/report-mails", {})["mails"]
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps({**told, "mails": mails}, indent=2))
        return FINE
    print_table(
        ("period", "report", ""),
        (
            (one["period"], one["title"], "" if one["is_over"] else "so far")
            for one in told["reports"]
        ),
    )
    typer.echo(f"\nDays begin at midnight in {told['zone']}.")
    if mails:
        typer.echo()
        print_table(
            ("mailed", "every", "to", "next", "last"),
            (
                (
                    one["name"],
                    f"{one['every']} at {one['at']} {one['zone']}",
                    ", ".join(one["to"]),
                    clock(one["next_at"]),
                    _last(one["last"]),
                )
                for one in mails
            ),
        )
    return FINE


def show(server: str, period: str | None, owner: str | None, *, as_json: bool) -> int:
    """Print one; gives 1 when an objective was missed."""
    try:
        with _patient(server) as client:
            told = get(client, f"{_API}/{_named(client, period)}", _query(owner))
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        _print(told)
    return NO if told["missed"] else FINE


def write(
    server: str, file: Path, period: str | None, owner: str | None, view: str, *, force: bool
) -> int:
    """Write one into a file, whose name says of which kind."""
    suffix = _SUFFIXES.get(file.suffix.lower())
    if suffix is None:
        return fail(f"{file}: a report is written as .pdf, .csv or .json", WRONG_USE)
    if file.exists() and not force:
        return fail(f"{file} exists already; --force replaces it", WRONG_USE)
    query = _query(owner) | ({"view": view} if suffix == ".pdf" else {})
    try:
        with _patient(server) as client:
            path = f"{_API}/{_named(client, period)}{suffix}"
            content = get_bytes(client, path, query)
        file.write_bytes(content)
    except AskError as error:
        return fail(str(error), error.code)
    except OSError as error:
        return fail(f"{file} cannot be written: {error.strerror}", NO)
    typer.echo(f"{file}: {len(content):,} bytes.")
    return FINE


def send(server: str, name: str, period: str | None, by: str) -> int:
    """Have one mailed now."""
    body = {"by": by} | ({"period": period} if period else {})
    try:
        with _patient(server) as client:
            told = post(client, f"/api/v1/report-mails/{quote(name, safe='')}/send", body)
    except AskError as error:
        return fail(str(error), error.code)
    typer.echo(f"{told['said']}.")
    return FINE


def _patient(server: str) -> httpx.Client:
    client = server_at(server)
    client.timeout = httpx.Timeout(_PATIENCE)
    return client


def _named(client: httpx.Client, period: str | None) -> str:
    if period is not None:
        return quote(period, safe="")
    for one in get(client, _API, {})["reports"]:
        if one["is_over"]:
            return str(one["period"])
    raise AskError("there is no report yet of a day that is over; name a period")


def _query(owner: str | None) -> dict[str, str | int]:
    return {} if owner is None else {"owner": owner}


def _print(told: Mapping[str, Any]) -> None:
    whose = f" of {told['owner']}" if told["owner"] else ""
    typer.echo(f"{told['period']}{whose}, {told['zone']}{'' if told['is_over'] else ', so far'}")
    typer.echo(f"\n{told['summary']}\n")
    missed = [one for one in told["slos"] if one["met"] is not True]
    if missed:
        print_table(
            ("objective", "owner", "", "target", "SLI", "before", "spent"),
            (
                (
                    f"{one['service']}/{one['slo']}", one["owner"] or "",
                    "no data" if one["met"] is None else "missed", f"{one['objective']} %",
                    _percent(one["sli"]), _percent(one["sli_before"]), _percent(one["spent"]),
                )
                for one in missed[:_MOST]
            ),
        )  # fmt: skip
        if len(missed) > _MOST:
            typer.echo(f"and {len(missed) - _MOST} more: --output json has all")
        typer.echo()
    if told["losses"]:
        print_table(
            ("lost", "from", "of its budget", "why"),
            (
                (
                    one["slo"], clock(one["start"]), _percent(one["spent"]),
                    ", ".join(one["causes"]),
                )
                for one in told["losses"]
            ),
        )  # fmt: skip
        typer.echo()
    pages = told["pages"]
    typer.echo(
        f"Incidents: {len(told['incidents'])}. Pages: {pages['count']}, at night "
        f"{pages['at_night']}, acted on {pages['acted_on']}."
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.6g} %"


def _last(posting: Mapping[str, Any] | None) -> str:
    if posting is None:
        return ""
    problem = f" ({posting['problem']})" if posting["problem"] else ""
    return f"{posting['period']} {posting['state']}{problem}"
