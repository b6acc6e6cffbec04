"""`web` in config.yaml: who may see and change what."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from nines.config.probe_endpoint import allowed_entry
from slo.fields import PositiveDuration
from slo.secret import SecretText
from web.access.decision import Grant, Role

_STRICT = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
_LONGEST = timedelta(days=90)
Anybody = Literal["anonymous", "signed_in"]


class GrantConfig(BaseModel):
    """A role, everywhere or for the services of some owners."""

    model_config = _STRICT

    role: Role = Field(description="wall, viewer, responder, editor or admin.")
    owners: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description="Whose services it may change; everybody's, if empty."
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        self.grant()
        return self

    def grant(self) -> Grant:
        """As decisions take it. Raises ValueError."""
        return Grant(self.role, frozenset(self.owners) or None)


class SessionConfig(BaseModel):
    """How long somebody stays signed in."""

    model_config = _STRICT

    idle: PositiveDuration = Field(timedelta(hours=12), description="Without a request.")
    absolute: PositiveDuration = Field(timedelta(days=7), description="At most. Up to 90d.")

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        if self.absolute > _LONGEST:
            raise ValueError("`absolute` is at most 90d: a stolen session ends one day")
        if self.idle > self.absolute:
            raise ValueError("`idle` is at most `absolute`, after which all sessions end")
        return self


def _issuer(value: str) -> str:
    parts = urlsplit(value)
    on_this_machine = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1")
    if (parts.scheme != "https" and not on_this_machine) or not parts.hostname:
        raise ValueError(f"{value!r} is not an issuer: it begins with https://")
    return value.rstrip("/")


class OidcConfig(BaseModel):
    """Single sign-on by OpenID Connect."""

    model_config = _STRICT

    issuer: Annotated[str, AfterValidator(_issuer)] = Field(
        description="Below it stands /.well-known/openid-configuration."
    )
    client_id: str = Field(min_length=1)
    client_secret: SecretText
    scopes: tuple[str, ...] = Field(
        ("openid", "profile", "email", "groups"), description="What is asked for."
    )
    name_claim: str = Field("email", description="Which claim is somebody's name.")
    groups_claim: str = Field("groups", description="Which claim lists their groups.")
    groups: Mapping[str, GrantConfig] = Field(
        min_length=1, description="What members of each group may; all others may nothing."
    )
    title: str = Field("Sign in by single sign-on", min_length=1, description="On the button.")
    ca_file: str | None = Field(None, description="Certificates to trust instead of the system's.")

    @model_validator(mode="after")
    def _asks_for_identity(self) -> Self:
        if "openid" not in self.scopes:
            raise ValueError("`scopes` lacks openid, without which nobody says who it is")
        return self


class AccessConfig(BaseModel):
    """Who may see and change what. Users are made by `nines user add`."""

    model_config = _STRICT

    anonymous: Literal["viewer", "none"] = Field(
        "none", description="What people may who have not signed in, once there are users."
    )
    health: Anybody = Field("anonymous", description="Who may ask below /-/.")
    metrics: Anybody = Field("anonymous", description="Who may scrape /metrics.")
    probe: Anybody = Field("anonymous", description="Who may ask /probe.")
    alerts: Literal["local", "anonymous", "signed_in"] = Field(
        "local",
        description="Who may send alerts to /api/v2/alerts without a token; local: whoever asks "
        "on this machine, where Nines listens on loopback.",
    )
    session: SessionConfig = SessionConfig()
    oidc: OidcConfig | None = Field(None, description="Single sign-on.")


class TriesConfig(BaseModel):
    """Which addresses people may try from the page /start."""

    model_config = _STRICT

    allow: tuple[Annotated[str, AfterValidator(allowed_entry)], ...] = Field(
        (),
        description="Private addresses and networks, beside the Internet: without any, neither "
        "this machine nor its neighbours are tried.",
    )


class WebConfig(BaseModel):
    """What concerns the pages and the API."""

    model_config = _STRICT

    access: AccessConfig = AccessConfig()
    tries: TriesConfig = TriesConfig()
