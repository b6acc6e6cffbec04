"""Run the command line as a person would, in this process."""

from dataclasses import dataclass

from typer.testing import CliRunner

from nines.cli.app import app


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a command."""

    code: int
    out: str
    err: str


def run(*arguments: object, environ: dict[str, str] | None = None) -> Ran:
    """Run `nines` with these arguments. A traceback is raised, as it is none of a command's."""
    result = CliRunner().invoke(app, [str(each) for each in arguments], env=environ)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)
