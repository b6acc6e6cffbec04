"""`alerting.alertmanager_api` in config.yaml: who may send alerts here, and what they mean."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from alerting.outside.meaning import SERVICES, SEVERITIES, Meaning
from slo.fields import PositiveDuration
from slo.secret import SecretText
from slo.severity import Severity

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def _label(name: str) -> str:
    if not _LABEL.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a label")
    return name


class AlertmanagerApiConfig(BaseModel):
    """Take alerts and silences as an Alertmanager does, at /api/v2."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    enabled: bool = Field(default=True, strict=True, description="Whether there is any of it.")
    token: SecretText | None = Field(
        None,
        description="What requests must bear as `Authorization: Bearer ...`; without one, it is "
        "there on a loopback address only.",
    )
    resolve_timeout: PositiveDuration = Field(
        timedelta(minutes=5),
        description="When an alert without an end is over, unless it is sent again; and how long "
        "nothing is taken for over after a start.",
    )
    services: tuple[Annotated[str, AfterValidator(_label)], ...] = Field(
        SERVICES, description="The labels that may name an alert's service; the first that does."
    )
    severities: Mapping[str, Severity] = Field(
        default_factory=dict,
        description="What words in the label `severity` mean, beside critical and page, warning "
        "and ticket, none and info; any other word is a ticket.",
    )

    @property
    def meaning(self) -> Meaning:
        """What labels mean."""
        said = {word.lower(): severity for word, severity in self.severities.items()}
        return Meaning({**SEVERITIES, **said}, self.services)
