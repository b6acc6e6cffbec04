"""`nines status`: ask a running Nines how its SLOs stand."""

import json
import math
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

import httpx
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from alerting import figures
from nines.cli.asking import AskError, get, server_at
from nines.cli.problems import FINE, NO, WRONG_USE, fail

_PAGE = 250
_BAD_BUDGETS = frozenset({"exhausted"})
_BAD_NOW = frozenset({"burning", "burning_fast", "failing"})


def status(server: str, slo: str | None, *, as_json: bool) -> int:
    """Print one SLO or all: 0 when none is in danger, 1 when one is or nobody answers."""
    try:
        with server_at(server) as client:
            found = _all(client) if slo is None else [_one(client, slo)]
    except AskError as error:
        return fail(str(error), error.code)
    if as_json:
        typer.echo(json.dumps(found[0] if slo is not None else {"slos": found}, indent=2))
    else:
        print_table(found, Console(highlight=False))
    return NO if any(_in_danger(each) for each in found) else FINE


def _all(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query: dict[str, str | int] = {"limit": _PAGE}
        if cursor is not None:
            query["cursor"] = cursor
        page = get(client, "/api/v1/slos", query)
        found += page.get("slos", [])
        cursor = page.get("next_cursor")
        if cursor is None:
            return found


def _one(client: httpx.Client, slo: str) -> dict[str, Any]:
    service, slash, name = slo.partition("/")
    if not (service and slash and name) or "/" in name:
        raise AskError(f"{slo!r} is no SLO's id: write service/slo", WRONG_USE)
    return get(client, f"/api/v1/slos/{quote(service, safe='')}/{quote(name, safe='')}", {})


def _in_danger(facts: Mapping[str, Any]) -> bool:
    return facts.get("budget_state") in _BAD_BUDGETS or facts.get("now_state") in _BAD_NOW


def print_table(found: list[dict[str, Any]], console: Console) -> None:
    """A line for each SLO, and the rules of a single one."""
    rows = [_row(facts) for facts in found]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    others = sum(widths[1:]) + _GAP * len(widths)
    # Whoever reads it through a pipe wants whole lines.
    wanted = console.width - others if console.is_terminal else widths[0]
    room = min(widths[0], max(wanted, _SHORTEST_NAME))
    console.width = max(console.width, room + others)
    table = Table(box=None, padding=(0, _GAP, 0, 0))
    for (heading, justify), width in zip(_COLUMNS, [room, *widths[1:]], strict=True):
        # A name is cut where it does not fit; a number never is.
        table.add_column(heading, justify=justify, no_wrap=True, min_width=width)
    for name, *rest in rows:
        table.add_row(*map(Text, (_cut(name, room), *rest)))
    console.print(table)
    for facts in found:
        for tier in facts.get("tiers", ()):  # only one SLO's own answer has them
            reason = f"{tier.get('severity')} {tier.get('state')}: {tier.get('reason')}"
            console.print(reason, markup=False, soft_wrap=True)


def _row(facts: Mapping[str, Any]) -> tuple[str, ...]:
    budget = facts.get("budget") or {}
    return (
        str(facts.get("id")),
        f"{facts.get('objective')}%",
        str(facts.get("window")),
        _sli(facts.get("sli_ratio")),
        "learning"
        if facts.get("budget_state") == "learning"
        else _plain(figures.budget(budget.get("remaining_ratio"))),
        _burn(facts),
        _words(facts.get("budget_state")),
        _words(facts.get("now_state")),
    )


def _cut(name: str, room: int) -> str:
    return name if len(name) <= room else f"{name[: room - 1]}…"


_GAP = 2
_SHORTEST_NAME = 12
_Justify = Literal["left", "right"]
_COLUMNS: tuple[tuple[str, _Justify], ...] = (
    ("SLO", "left"),
    ("objective", "right"),
    ("window", "right"),
    ("SLI", "right"),
    ("budget left", "right"),
    ("burn 1h", "right"),
    ("budget", "left"),
    ("now", "left"),
)

_HEADINGS = tuple(heading for heading, _ in _COLUMNS)


def _burn(facts: Mapping[str, Any]) -> str:
    for burn in facts.get("burns", ()):
        if burn.get("lookback") == "1h" and burn.get("rate") is not None:
            return figures.burn(burn["rate"])
    return figures.NO_DATA


def _plain(figure: str) -> str:
    return figure.replace(figures.NBSP, "")


def _words(state: object) -> str:
    return str(state).replace("_", " ")


def _sli(ratio: object) -> str:
    """The SLI, rounded down: what is not all must not look like it."""
    if not isinstance(ratio, int | float):
        return figures.NO_DATA
    # The answer carries floats; a float that means 0.9999 may be a hair below it.
    return f"{math.floor(round(ratio * 1_000_000, 6)) / 10_000:.4f}%"
