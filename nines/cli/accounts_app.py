"""The options of `nines user` and `nines token`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nines.cli.options import ConfigOption, Output, OutputOption

_CONFIG = Path("config.yaml")


class RoleName(StrEnum):
    """Each may what those before it may."""

    WALL = "wall"
    VIEWER = "viewer"
    RESPONDER = "responder"
    EDITOR = "editor"
    ADMIN = "admin"


NameArgument = Annotated[str, typer.Argument(metavar="NAME")]
RoleOption = Annotated[
    RoleName,
    typer.Option(
        "--role",
        help="wall sees the wallboard alone; viewer reads; responder acknowledges and silences "
        "too; editor excludes too; admin may all.",
    ),
]
OwnerOption = Annotated[
    list[str] | None,
    typer.Option("--owner", help="For this owner's services alone; may be given several times."),
]
StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password's line from standard input.")
]

user = typer.Typer(
    help="Who may sign in, and may what. Works on the configured database.", no_args_is_help=True
)
token = typer.Typer(
    help="What programs show in place of a password. Works on the configured database.",
    no_args_is_help=True,
)


@user.command("add")
def add_user(
    name: NameArgument,
    role: RoleOption = RoleName.VIEWER,
    owner: OwnerOption = None,
    password_stdin: StdinOption = False,
    config: ConfigOption = _CONFIG,
) -> None:
    """Make a user. With the first one, Nines begins to ask who one is."""
    from nines.cli import accounts as command

    code = command.add_user(config, name, role, owner or (), from_stdin=password_stdin)
    raise typer.Exit(code)


@user.command("list")
def list_users(output: OutputOption = Output.TEXT, config: ConfigOption = _CONFIG) -> None:
    """Show all users."""
    from nines.cli import accounts as command

    raise typer.Exit(command.list_users(config, as_json=output is Output.JSON))


@user.command("disable")
def disable_user(name: NameArgument, config: ConfigOption = _CONFIG) -> None:
    """Sign somebody out for good, and revoke their tokens."""
    from nines.cli import accounts as command

    raise typer.Exit(command.set_disabled(config, name, disabled=True))


@user.command("enable")
def enable_user(name: NameArgument, config: ConfigOption = _CONFIG) -> None:
    """Let somebody sign in again."""
    from nines.cli import accounts as command

    raise typer.Exit(command.set_disabled(config, name, disabled=False))


@user.command("password")
def change_password(
    name: NameArgument, password_stdin: StdinOption = False, config: ConfigOption = _CONFIG
) -> None:
    """Give somebody a new password, and sign them out everywhere."""
    from nines.cli import accounts as command

    raise typer.Exit(command.set_password(config, name, from_stdin=password_stdin))


@user.command("role")
def change_role(
    name: NameArgument,
    role: RoleOption,
    owner: OwnerOption = None,
    config: ConfigOption = _CONFIG,
) -> None:
    """Change what somebody may."""
    from nines.cli import accounts as command

    raise typer.Exit(command.set_role(config, name, role, owner or ()))


@token.command("create")
def create_token(
    name: NameArgument,
    role: RoleOption = RoleName.VIEWER,
    owner: OwnerOption = None,
    expires: Annotated[
        str, typer.Option("--expires", help="After how long it ends, such as 30d.")
    ] = "90d",
    output: OutputOption = Output.TEXT,
    config: ConfigOption = _CONFIG,
) -> None:
    """Make a token, and print it this once."""
    from nines.cli import accounts as command

    code = command.create_token(
        config, name, role, owner or (), expires, as_json=output is Output.JSON
    )
    raise typer.Exit(code)


@token.command("list")
def list_tokens(output: OutputOption = Output.TEXT, config: ConfigOption = _CONFIG) -> None:
    """Show all tokens: what they may, until when, and when they were used last."""
    from nines.cli import accounts as command

    raise typer.Exit(command.list_tokens(config, as_json=output is Output.JSON))


@token.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    config: ConfigOption = _CONFIG,
) -> None:
    """End a token; a running Nines knows it within seconds."""
    from nines.cli import accounts as command

    raise typer.Exit(command.revoke_token(config, token_id))
