"""`nines report`: its commands and their options."""

from pathlib import Path
from typing import Annotated

import typer

from nines.cli.options import SERVER, ByOption, Output, OutputOption, ServerOption

report = typer.Typer(
    help="What a day, a week or a month came to. Asks a running Nines.", no_args_is_help=True
)
PeriodArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[PERIOD]", help="2026-11-20, 2026-W47 or 2026-11; the newest day that is over."
    ),
]
OwnerOption = Annotated[
    str | None, typer.Option("--owner", help="Whose services alone it is to be about.")
]


@report.command("list")
def list_reports(server: ServerOption = SERVER, output: OutputOption = Output.TEXT) -> None:
    """Show which reports there are, and which are mailed."""
    from nines.cli import report as command

    raise typer.Exit(command.listed(server, as_json=output is Output.JSON))


@report.command()
def show(
    period: PeriodArgument = None,
    owner: OwnerOption = None,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Print a report. Exit code 1 when an objective was missed."""
    from nines.cli import report as command

    raise typer.Exit(command.show(server, period, owner, as_json=output is Output.JSON))


@report.command()
def write(
    file: Annotated[Path, typer.Argument(help="The file to write: .pdf, .csv or .json.")],
    period: PeriodArgument = None,
    owner: OwnerOption = None,
    executive: Annotated[
        bool, typer.Option("--executive", help="Of a PDF: the short one.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    server: ServerOption = SERVER,
) -> None:
    """Write a report into a file."""
    from nines.cli import report as command

    view = "executive" if executive else "technical"
    raise typer.Exit(command.write(server, file, period, owner, view, force=force))


@report.command()
def send(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `reports: mail:` has it.")],
    by: ByOption,
    period: Annotated[
        str | None, typer.Option("--period", help="Default: the newest that is over.")
    ] = None,
    server: ServerOption = SERVER,
) -> None:
    """Mail a report now, beside its schedule."""
    from nines.cli import report as command

    raise typer.Exit(command.send(server, name, period, by))
