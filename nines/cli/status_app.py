"""`nines status`: its commands and their options; without one of them, how SLOs stand."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from nines.cli.options import SERVER, ByOption, Output, OutputOption, ServerOption


class _OrShow(TyperGroup):
    """What is no command is one of `show`: `nines status` and `nines status shop/checkout`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - of the library
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


status = typer.Typer(
    cls=_OrShow,
    help="Show the SLOs of a running Nines (or one: service/slo), or write on its status page.",
)


# The same as in alerting.status_incident, which no command line waits to be loaded.
class StageOption(StrEnum):
    """How far an incident is."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    POSTMORTEM = "postmortem"


class ImpactOption(StrEnum):
    """How much it harms."""

    NONE = "none"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


_Text = Annotated[str, typer.Option("--text", help="What customers read.")]
_Components = Annotated[
    list[str] | None,
    typer.Option(
        "--component",
        metavar="KEY[=STATE]",
        help="One that is touched, such as checkout=partial_outage; several times.",
    ),
]
_Key = Annotated[
    str | None,
    typer.Option("--key", help="Your own name for the request: sent twice, it counts once."),
]


@status.command(hidden=True)
def show(
    slo: Annotated[
        str | None, typer.Argument(metavar="[SLO]", help="Its id, service/slo. Default: all.")
    ] = None,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Ask a running Nines how its SLOs stand. Exit code 1 when a budget is spent or burns."""
    from nines.cli import status as command

    raise typer.Exit(command.status(server, slo, as_json=output is Output.JSON))


@status.command()
def post(
    title: Annotated[str, typer.Option("--title", help="In the words of customers.")],
    text: _Text,
    by: ByOption,
    impact: Annotated[
        ImpactOption, typer.Option("--impact", help="How much it harms.")
    ] = ImpactOption.MINOR,
    stage: Annotated[
        StageOption, typer.Option("--status", help="How far it is.")
    ] = StageOption.INVESTIGATING,
    component: _Components = None,
    key: _Key = None,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Tell customers of an incident on the status page."""
    from nines.cli import status_posts as command

    said = {"title": title, "text": text, "by": by, "impact": impact.value, "status": stage.value}
    as_json = output is Output.JSON
    raise typer.Exit(command.tell(server, None, said, component or (), key, as_json=as_json))


@status.command()
def update(
    incident: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    stage: Annotated[StageOption, typer.Option("--status", help="How far it is.")],
    text: _Text,
    by: ByOption,
    impact: Annotated[
        ImpactOption | None, typer.Option("--impact", help="How much it harms; as before.")
    ] = None,
    component: _Components = None,
    key: _Key = None,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Tell them more of it: what was found, that it is over, what was learnt."""
    from nines.cli import status_posts as command

    said = {"text": text, "by": by, "status": stage.value, "impact": impact and impact.value}
    as_json = output is Output.JSON
    raise typer.Exit(command.tell(server, incident, said, component or (), key, as_json=as_json))


@status.command("list")
def list_incidents(
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=250, help="How many.")] = 50,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what customers were told."""
    from nines.cli import status_posts as command

    as_json = output is Output.JSON
    raise typer.Exit(command.show(server, limit, every=every, as_json=as_json))
