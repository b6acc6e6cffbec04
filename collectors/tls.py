"""Probe a TLS port: make a full handshake and look at the certificate."""

from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from collectors.certificate import Trust, first_to_expire, too_few_days
from collectors.chains import Chains
from collectors.dialling import Dialling
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation
from collectors.runnable import Clock
from collectors.settings import CollectorSettings
from collectors.target import Target


class TlsConfig(CollectorSettings):
    """Make a TLS handshake and look at the certificate."""

    tls: Target
    server_name: str | None = None
    ca_file: Path | None = None
    insecure_skip_verify: bool = False
    certificate_days: int | None = Field(default=None, ge=0, strict=True)
    days_of: Literal["presented", "verified", "leaf"] = Field(
        "presented", description="Which certificates must last that long."
    )

    @model_validator(mode="after")
    def _has_what_is_judged(self) -> Self:
        if self.days_of == "verified" and self.insecure_skip_verify:
            raise ValueError("`days_of: verified` judges what insecure_skip_verify leaves out")
        return self


class TlsProbe:
    """One port, the name it should bear, and how long its certificates should last."""

    kind = "tls"

    def __init__(self, collector_id: str, config: TlsConfig, means: Means) -> None:
        """Raises ValueError in words when the ca_file cannot be read."""
        self.id = collector_id
        self.target = str(config.tls)
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        trust = Trust(ca_file=config.ca_file, verify=not config.insecure_skip_verify)
        self._dialling = Dialling(config.tls, means, trust, config.server_name)

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        try:
            async with self._dialling.connected(look):
                return self._judged(look)
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error)

    def _judged(self, look: Look) -> Observation:
        chains, days, days_of = look.chains, self._config.certificate_days, self._config.days_of
        look.warning = _expired_and_unneeded(chains, look.started)
        if days is None:
            return look.passed()
        judged = {
            "leaf": chains.leaf,
            "presented": chains.presented,
            "verified": chains.verified,
        }[days_of]
        certificate = first_to_expire(judged)
        if certificate is None:
            return look.failed(Cause.CERTIFICATE, "the target presented no certificate")
        why = too_few_days(certificate, days, look.started)
        if why is None:
            return look.passed()
        return look.failed(Cause.CERTIFICATE, why + chains.place(certificate))

    async def close(self) -> None:
        """Nothing outlives a run."""


def _expired_and_unneeded(chains: Chains, now: datetime) -> str | None:
    """What other clients may stumble over, in words; None when there is nothing."""
    first = first_to_expire(chains.unneeded)
    if first is None or first.expires > now:
        return None
    return (
        f"the certificate of {first.subject}, which is presented, expired at "
        f"{first.expires:%Y-%m-%d %H:%M} UTC; "
        "the verified chain does without it, older clients may not"
    )
