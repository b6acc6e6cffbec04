"""What a run has seen so far, and the observation that it becomes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collectors.certificate import Certificate, presented, verified
from collectors.chains import Chains, why_untrusted
from collectors.failure import translate, translate_phase, untrusted
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.runnable import Clock
from collectors.stopwatch import Stopwatch
from collectors.stream import Stream


@dataclass(slots=True)
class Look:
    """One run under way."""

    collector_id: str
    due: datetime
    started: datetime
    watch: Stopwatch
    http_status: int | None = None
    http_version: str | None = None
    redirects: int = 0
    body_bytes: int | None = None
    tls_version: str | None = None
    chains: Chains = field(default_factory=Chains)
    address: str | None = None
    warning: str | None = None

    @classmethod
    def begin(cls, collector_id: str, due: datetime, clock: Clock) -> "Look":
        return cls(collector_id, due, clock.now(), Stopwatch(clock.monotonic))

    def dialled(self, stream: Stream | None) -> None:
        """Note where the newest connection went, whatever came of it; None where there is none."""
        self.address = None if stream is None else str(stream.address)

    def at(self, stream: Stream) -> None:
        """Note where the connection went and what it is made of."""
        self.address = str(stream.address)
        if stream.tls is not None:
            self.tls_version = stream.tls.version()
            self.chains = Chains(presented(stream.tls), verified(stream.tls))

    @property
    def chain(self) -> Sequence[Certificate]:
        """What the target presented, its own certificate first."""
        return self.chains.presented

    def answered(self, status: int, version: str, stream: Stream | None) -> None:
        """Note the head of an HTTP answer, and where it is from."""
        self.http_status = status
        self.http_version = version
        if stream is not None:
            self.at(stream)

    def passed(self) -> Observation:
        return self._observation(Outcome.PASSED)

    def failed(self, cause: Cause, detail: str, phase: Phase = Phase.JUDGE) -> Observation:
        return self._observation(Outcome.FAILED, cause, phase, detail)

    def unknown(self, detail: str) -> Observation:
        return self._observation(Outcome.UNKNOWN, detail=detail)

    def broke(self, error: BaseException, where: str = "") -> Observation:
        """The error ended the run; whose failure it was, `failure` knows."""
        self.watch.stop()
        outcome, cause, sentence = translate(error, self.watch.phase)
        phase = translate_phase(error, self.watch.phase)
        if (refused := untrusted(error)) is not None:
            self.chains = Chains(refused.chain)
            sentence += why_untrusted(refused.verify_code, refused.chain, self.started)
        return self._observation(outcome, cause, phase, sentence + where)

    def _observation(
        self,
        outcome: Outcome,
        cause: Cause | None = None,
        phase: Phase | None = None,
        detail: str = "",
    ) -> Observation:
        return Observation(
            collector_id=self.collector_id,
            due=self.due,
            started=self.started,
            lateness=max(self.started - self.due, timedelta(0)),
            duration=self.watch.duration,
            outcome=outcome,
            cause=cause,
            phase=phase,
            detail=detail,
            phases=self.watch.phases,
            http_status=self.http_status,
            http_version=self.http_version,
            redirects=self.redirects,
            body_bytes=self.body_bytes,
            tls_version=self.tls_version,
            certificate_expires=self.chains.expires,
            leaf_expires=self.chains.leaf_expires,
            verified_chain_expires=self.chains.verified_expires,
            first_to_expire=self.chains.first_to_expire,
            address=self.address,
            warning=self.warning,
        )
