"""`nines deployment`: its commands and their options."""

from typing import Annotated

import typer

from nines.cli.options import SERVER, ByOption, Output, OutputOption, ServerOption

deployment = typer.Typer(
    help="Tell a running Nines of releases, so that their cost is seen.", no_args_is_help=True
)
_ServiceArgument = Annotated[str, typer.Argument(metavar="SERVICE", help="Its name.")]


@deployment.command()
def add(
    service: _ServiceArgument,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="What is out now.")],
    by: ByOption,
    environment: Annotated[str, typer.Option("--environment", "-e", help="Where.")] = "",
    at: Annotated[
        str | None, typer.Option("--at", help="When, such as now-5m; default: now.")
    ] = None,
    commit: Annotated[str, typer.Option("--commit", help="The commit it was made from.")] = "",
    url: Annotated[str, typer.Option("--url", help="Where to read more.")] = "",
    key: Annotated[
        str | None,
        typer.Option("--key", help="Your own name for it: told twice, it is one release."),
    ] = None,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Put a release on record."""
    from nines.cli import deployments as command

    told = {
        "service": service,
        "version": version,
        "environment": environment,
        "at": at,
        "commit": commit,
        "url": url,
        "by": by,
    }
    raise typer.Exit(command.add(server, told, key, as_json=output is Output.JSON))


@deployment.command("list")
def list_deployments(
    service: Annotated[
        str | None, typer.Argument(metavar="[SERVICE]", help="Those of one service.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=250, help="How many.")] = 20,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the newest releases."""
    from nines.cli import deployments as command

    raise typer.Exit(command.show(server, service, limit, as_json=output is Output.JSON))
