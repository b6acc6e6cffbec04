"""A collector to which others send: it asks nobody, and looks at what came."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import Field, model_validator

from collectors.look import Look
from collectors.means import Means
from collectors.observation import Observation
from collectors.runnable import Clock
from collectors.settings import BasicAuth, CollectorSettings
from slo.exposition import Page
from slo.fields import PositiveDuration
from slo.secret import SecretText


class SentSettings(CollectorSettings):
    """What the kinds that others send to have in common: how a sender signs in."""

    kind: ClassVar[str]

    bearer_token: SecretText | None = Field(
        None, description="What a sender must bear as `Authorization: Bearer ...`."
    )
    basic_auth: BasicAuth | None = Field(None, description="What a sender must sign in as.")

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> "SentSettings":
        if self.bearer_token is not None and self.basic_auth is not None:
            raise ValueError("only one of bearer_token and basic_auth can be asked for")
        return self

    @property
    def sender(self) -> str:
        """Whom the metrics are from, as people know it."""
        raise NotImplementedError

    @property
    def header(self) -> str | None:
        """What a sender has to bear; None: nothing."""
        if self.bearer_token is not None:
            return f"Bearer {self.bearer_token.value}"
        return self.basic_auth.header if self.basic_auth is not None else None


class PushedSettings(SentSettings):
    """The same of those to which series are sent, sample by sample."""

    staleness: PositiveDuration = Field(
        timedelta(minutes=5), description="How long a series counts as there after its last sample."
    )

    @property
    def replicas(self) -> tuple[str | None, str]:
        """The labels that tell replicas apart, and which of them belong together."""
        return None, ""


class RemoteWriteConfig(PushedSettings):
    """Take what a Prometheus writes to `/api/v1/write`."""

    kind = "remote_write"

    remote_write: str = Field(
        min_length=1, max_length=100, description="The sender's name, as people know it."
    )
    replica_label: str | None = Field(
        None,
        description="The label that tells replicas of one sender apart: one is listened to at a "
        "time.",
    )
    cluster_label: str = Field(
        "cluster", description="The label that says which replicas belong together."
    )

    @property
    def sender(self) -> str:
        return self.remote_write

    @property
    def replicas(self) -> tuple[str | None, str]:
        return self.replica_label, self.cluster_label


class OtlpConfig(PushedSettings):
    """Take what OpenTelemetry exports to `/v1/metrics`."""

    kind = "otlp"

    otlp: str = Field(
        min_length=1, max_length=100, description="The sender's name, as people know it."
    )
    resource_attributes: tuple[str, ...] = Field(
        (), max_length=50, description="Attributes of the resource that become labels, too."
    )

    @property
    def sender(self) -> str:
        return self.otlp


class PushConfig(SentSettings):
    """Take the events that are posted to `/api/v1/events`."""

    kind = "push"

    push: str = Field(
        min_length=1, max_length=100, description="The sender's name, as people know it."
    )

    @property
    def sender(self) -> str:
        return self.push


def _nothing() -> Page:
    return Page({})


class Pushed:
    """One sender's metrics. Where they are kept, somebody else knows."""

    def __init__(self, collector_id: str, config: SentSettings, means: Means) -> None:
        self.id = collector_id
        self.kind = config.kind
        self.target = config.sender
        self.interval = means.interval
        self.timeout = means.timeout
        self._page: Callable[[], Page] = _nothing

    def fed_by(self, page: Callable[[], Page]) -> None:
        """What came so far is told by this."""
        self._page = page

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once at what came."""
        look = Look.begin(self.id, due, clock)
        page = self._page()
        look.watch.stop()
        look.warning = "; ".join(page.advice)[:500] or None
        return replace(look.passed(), page=page)

    async def close(self) -> None:
        """Nothing outlives a run."""
