"""Options that several commands have."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Output(StrEnum):
    """For people, or for programs."""

    TEXT = "text"
    JSON = "json"


ConfigOption = Annotated[
    Path,
    typer.Option("--config", "-c", help="The file, or a directory of *.yaml files."),
]
ServerOption = Annotated[
    str, typer.Option("--server", envvar="NINES_SERVER", help="Where a Nines is running.")
]
SERVER = "http://127.0.0.1:9919"
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How the answer is written.")]
ByOption = Annotated[str, typer.Option("--by", envvar="NINES_NAME", help="Who you are.")]
