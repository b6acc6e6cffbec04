"""`nines postmortem`: the draft of an incident's post-mortem, from a running Nines."""

from urllib.parse import quote

import typer

from nines.cli.asking import AskError, get_text, server_at
from nines.cli.problems import FINE, fail


def postmortem(server: str, incident: str) -> int:
    """Print the draft in Markdown."""
    try:
        with server_at(server) as client:
            text = get_text(client, f"/api/v1/incidents/{quote(incident, safe='')}/postmortem.md")
    except AskError as error:
        return fail(str(error), error.code)
    typer.echo(text, nl=False)
    return FINE
