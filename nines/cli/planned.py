"""What commands that plan something print: its times, and lists of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nines.cli.asking import get

_PAGE = 250


def every(
    client: httpx.Client, path: str, key: str, query: Mapping[str, str | int]
) -> Iterable[dict[str, Any]]:
    """All that a list of the API holds below `key`, page by page. Raises AskError."""
    asked = {"limit": _PAGE, **query}
    while True:
        page = get(client, path, asked)
        yield from page.get(key, [])
        if page.get("next_cursor") is None:
            return
        asked["cursor"] = page["next_cursor"]


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a list as columns."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(highlight=False)
    if not console.is_terminal:  # whoever reads it through a pipe wants whole lines
        console.width = 1_000
    console.print(table)


def when(one: Mapping[str, Any]) -> str:
    """When it holds, in a line."""
    if one.get("rrule"):
        return f"{one['rrule']} {one['zone']}"
    return f"{minute(one['start'])} to {minute(one['end'])} UTC"


def times(one: Mapping[str, Any]) -> Iterable[str]:
    """The next times, as the clocks of the zone show them and in UTC."""
    if one.get("rrule") and not one["next"]:
        yield "All of its times are over."
    elif not one["next"]:
        yield f"From {minute(one['start'])} to {minute(one['end'])} UTC."
    for time in one["next"]:
        local = ""
        if one.get("zone"):
            local = f"  ({_local(time['local_start'])} to {_local(time['local_end'])})"
        yield f"{minute(time['start'])} to {minute(time['end'])} UTC{local}"


def minute(iso: str) -> str:
    """A moment, to the minute."""
    return iso[:16].replace("T", " ")


def _local(iso: str) -> str:
    return f"{minute(iso)} {iso[-6:]}"
