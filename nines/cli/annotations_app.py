"""`nines annotation`: its commands and their options."""

from typing import Annotated

import typer

from nines.cli.options import SERVER, ByOption, Output, OutputOption, ServerOption

annotation = typer.Typer(
    help="Remark something on a service or an SLO of a running Nines; it changes no number.",
    no_args_is_help=True,
)
_IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")]
_TextArgument = Annotated[str, typer.Argument(metavar="TEXT", help="What is to be known.")]


@annotation.command()
def add(
    what: Annotated[str, typer.Argument(metavar="SERVICE[/SLO]", help="What it is about.")],
    text: _TextArgument,
    by: ByOption,
    start: Annotated[
        str | None, typer.Option("--start", help="When, such as now-5m; default: now.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--end", help="Until when; without it, it is of a moment.")
    ] = None,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Put an annotation on record, and into the chart."""
    from nines.cli import annotations as command

    said = {"text": text, "start": start, "end": end, "by": by}
    raise typer.Exit(command.add(server, what, said, as_json=output is Output.JSON))


@annotation.command("list")
def list_annotations(
    what: Annotated[
        str | None, typer.Argument(metavar="[SERVICE[/SLO]]", help="Those about this one.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="How many.")] = 20,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the newest annotations; those that were undone are left out."""
    from nines.cli import annotations as command

    raise typer.Exit(command.show(server, what, limit, as_json=output is Output.JSON))


@annotation.command()
def edit(
    annotation_id: _IdArgument,
    text: _TextArgument,
    by: ByOption,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Say it in other words; the former ones stay on record."""
    from nines.cli import annotations as command

    as_json = output is Output.JSON
    raise typer.Exit(command.edit(server, annotation_id, text, by, as_json=as_json))


@annotation.command()
def undo(
    annotation_id: _IdArgument,
    by: ByOption,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Take an annotation back; it stays on record."""
    from nines.cli import annotations as command

    raise typer.Exit(command.undo(server, annotation_id, by, as_json=output is Output.JSON))
