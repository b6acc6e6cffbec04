"""`deployments:` in the configuration: who may tell of releases by webhook."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from slo.secret import SecretText

_STRICT = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class GitHubHook(BaseModel):
    """A webhook of GitHub for the event `deployment_status`, content type JSON."""

    model_config = _STRICT

    secret: SecretText = Field(description="The webhook's secret: it signs each body.")


class GitLabHook(BaseModel):
    """A webhook of GitLab for deployment events."""

    model_config = _STRICT

    token: SecretText = Field(description="The webhook's secret token.")


class DeploymentsConfig(BaseModel):
    """Releases that others tell of."""

    model_config = _STRICT

    github: GitHubHook | None = None
    gitlab: GitLabHook | None = None
    repositories: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict, description="By owner/name, the services that it deploys."
    )
    environments: tuple[str, ...] = Field(
        (), description="Which ones count; without any, all of them."
    )
