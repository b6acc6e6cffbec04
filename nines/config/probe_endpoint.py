"""What `/probe` may be asked for: a file of modules, and the targets that are allowed."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from collectors.blackbox.allowed import read_entry


def allowed_entry(value: str) -> str:
    """One of `allow`. Raises ValueError."""
    read_entry(value)
    return value


class ProbeEndpoint(BaseModel):
    """The modules of a blackbox.yml, for whoever may reach this server."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    modules: Path = Field(description="A blackbox.yml, from the configuration's own directory.")
    allow: tuple[Annotated[str, AfterValidator(allowed_entry)], ...] = Field(
        (),
        description="Addresses, networks and names (shop.example, *.shop.example) that may be "
        "probed; without any, nothing is.",
    )
