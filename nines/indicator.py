"""One SLI under watch: what is counted of it, and what was said of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from slo.definition import SLO
from slo.detail import Detail
from slo.ledger import Ledger


@dataclass(slots=True)
class Indicator:
    """One SLI under watch: its counts, stored as series `number`; `slo` is any of its SLOs.

    `parts` are what it is derived from; `beside` counts what failed in a quorum to no effect.
    `raw` counts what the ledger's overlay excludes as well; None where there is no overlay.
    """

    slo: SLO
    number: int
    fingerprint: str
    ledger: Ledger
    raw: Ledger | None = None
    last_detail: dict[str, str] = field(default_factory=dict)  # cause -> newest sentence
    anomalies: dict[str, int] = field(default_factory=dict)  # sentence -> how often
    detail: Detail | None = None  # where it is derived, or something is derived from it
    parts: tuple["Indicator", ...] = ()
    beside: "Indicator | None" = None

    def is_silent(self, now: datetime) -> bool:
        """Whether it has not been heard of for as long as its SLO allows."""
        heard = self.ledger.last_observation
        return heard is None or now - heard >= self.slo.no_data_after

    def forget(self, now: datetime) -> None:
        """Drop what no window reaches any more."""
        self.ledger.forget(now)
        if self.raw is not None:
            self.raw.forget(now)
        if self.detail is not None:
            self.detail.forget()

    @property
    def whole(self) -> Iterator["Indicator"]:
        """Itself and all that it is made of; some may come twice."""
        yield self
        for part in self.parts:
            yield from part.whole
        if self.beside is not None:
            yield self.beside

    @property
    def id(self) -> str:
        """What it is fed by: the `service/name` that its SLOs share."""
        return self.slo.sli_id
