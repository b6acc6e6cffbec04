"""What one look at an address saw, as facts and in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from collectors.observation import Observation, Outcome
from collectors.target import without_secrets
from dashboards import format as write
from dashboards.proposal import ProposalFacts

_WORDS = {
    Outcome.PASSED: "It answers as it should",
    Outcome.FAILED: "It does not answer as it should",
    Outcome.UNKNOWN: "Nines could not find out",
}
_TONES = {Outcome.PASSED: "good", Outcome.FAILED: "bad", Outcome.UNKNOWN: "plain"}
_PHASES = {
    "resolve": "name looked up",
    "connect": "connected",
    "tls": "encrypted (TLS)",
    "processing": "first byte of the answer",
    "transfer": "rest of the answer",
    "judge": "looked at",
}


@dataclass(frozen=True, slots=True)
class TryFacts:
    """`outcome` is passed, failed or unknown; `cause` and `phase` are told of a failure. Times of
    certificates are those of the first one to end.
    """

    url: str
    outcome: str
    words: str
    cause: str | None
    phase: str | None
    duration_seconds: float
    phases_seconds: Mapping[str, float]
    http_status: int | None
    http_version: str | None
    tls_version: str | None
    certificate_expires: datetime | None
    address: str | None
    redirects: int
    body_bytes: int | None
    warning: str | None
    proposal: ProposalFacts | None = None


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """How long one part of the look took; start and width are percent of the whole."""

    key: str
    word: str
    took: str
    start: str
    width: str


@dataclass(frozen=True, slots=True)
class TriedView:
    """The same for a page."""

    url: str
    tone: str  # good, bad, plain
    title: str
    words: str
    phases: tuple[PhaseRow, ...]
    took: str
    facts: tuple[tuple[str, str], ...]


def try_facts(url: str, seen: Observation, proposal: ProposalFacts | None) -> TryFacts:
    """What was seen, for programs."""
    return TryFacts(
        url=without_secrets(url),
        outcome=str(seen.outcome),
        words=words_of(seen),
        cause=str(seen.cause) if seen.cause else None,
        phase=str(seen.phase) if seen.phase else None,
        duration_seconds=seen.duration.total_seconds(),
        phases_seconds={str(key): took.total_seconds() for key, took in seen.phases.items()},
        http_status=seen.http_status,
        http_version=seen.http_version,
        tls_version=seen.tls_version,
        certificate_expires=seen.certificate_expires,
        address=seen.address,
        redirects=seen.redirects,
        body_bytes=seen.body_bytes,
        warning=seen.warning,
        proposal=proposal,
    )


def words_of(seen: Observation) -> str:
    """What was seen, in one sentence."""
    if seen.outcome is Outcome.PASSED:
        status = f" {seen.http_status}" if seen.http_status else ""
        return f"{_WORDS[seen.outcome]}:{status} in {write.latency(seen.duration)}."
    cause = f" ({seen.cause} in {seen.phase})" if seen.cause else ""
    return f"{_WORDS[seen.outcome]}{cause}: {seen.detail}."


def tried_view(url: str, seen: Observation, now: datetime) -> TriedView:
    """What was seen, for people."""
    return TriedView(
        url=without_secrets(url),
        tone=_TONES[seen.outcome],
        title=_WORDS[seen.outcome],
        words=words_of(seen),
        phases=_phases(seen),
        took=write.latency(seen.duration),
        facts=tuple(_facts(seen, now)),
    )


def _phases(seen: Observation) -> tuple[PhaseRow, ...]:
    whole = sum(took.total_seconds() for took in seen.phases.values()) or 1.0
    rows, at = [], 0.0
    for phase, took in seen.phases.items():
        share = took.total_seconds() / whole * 100
        rows.append(
            PhaseRow(
                str(phase),
                _PHASES.get(str(phase), str(phase)),
                write.latency(took),
                f"{at:.2f}",
                f"{share:.2f}",
            )
        )
        at += share
    return tuple(rows)


def _facts(seen: Observation, now: datetime) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if seen.http_status is not None:
        found.append(("Answer", f"{seen.http_status} ({seen.http_version})"))
    if seen.body_bytes is not None:
        found.append(("Body", f"{write.count(seen.body_bytes)} bytes read"))
    if seen.redirects:
        found.append(("Redirects", write.count(seen.redirects)))
    if seen.address:
        found.append(("From", seen.address))
    if seen.tls_version:
        found.append(("Encryption", seen.tls_version))
    if seen.certificate_expires is not None:
        until = write.moment(seen.certificate_expires, now)
        found.append(("Certificate until", f"{until.absolute} ({until.relative})"))
    if seen.warning:
        found.append(("Beside", seen.warning))
    return found
