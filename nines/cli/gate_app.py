"""`nines gate` and `nines gate-override`: their options."""

from enum import StrEnum
from typing import Annotated

import typer

from nines.cli.options import SERVER, ByOption, Output, OutputOption, ServerOption

gate_override = typer.Typer(
    help="Say in the gate policy's place whether releases may go; it expires.",
    no_args_is_help=True,
)


class State(StrEnum):
    """What an override may say."""

    OK = "ok"
    CAUTION = "caution"
    FREEZE = "freeze"


def gate(
    slo: Annotated[str | None, typer.Argument(metavar="[SLO]", help="service/slo.")] = None,
    service: Annotated[
        str | None, typer.Option("--service", help="Of all SLOs of a service together.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", help="When a canary went out, such as now-10m: compare with before."
        ),
    ] = None,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Say whether a release may go: exit 0 ok, 10 caution, 20 freeze, 2 not known."""
    from nines.cli import gate as command

    as_json = output is Output.JSON
    raise typer.Exit(command.ask(server, slo, service, since, as_json=as_json))


@gate_override.command()
def add(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="A service, or service/slo.")],
    state: Annotated[State, typer.Argument(metavar="STATE", help="ok, caution or freeze.")],
    until: Annotated[str, typer.Option("--until", help="When it expires; at most in 7 days.")],
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    by: ByOption,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Override the policy for a while."""
    from nines.cli import gate as command

    service, _, slo = what.partition("/")
    wanted = {"service": service, "slo": slo, "state": state.value, "until": until}
    wanted |= {"reason": reason, "by": by}
    raise typer.Exit(command.override(server, wanted, as_json=output is Output.JSON))


@gate_override.command("list")
def list_overrides(
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what is overridden."""
    from nines.cli import gate as command

    raise typer.Exit(command.overrides(server, every=every, as_json=output is Output.JSON))


@gate_override.command()
def end(
    override: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    by: ByOption,
    server: ServerOption = SERVER,
) -> None:
    """End an override now."""
    from nines.cli import gate as command

    raise typer.Exit(command.end(server, override, by))
