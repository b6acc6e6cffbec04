"""The collectors' samples: probes in blackbox_exporter's words, and how the runs went."""

from collections.abc import Mapping
from datetime import datetime

from collectors.observation import Observation, Outcome
from dashboards.source import CollectorHealth
from web.exposition import Family, Labels, counter, gauge

_SUCCESS = gauge(
    "probe_success",
    "Whether the target passed its last run; absent when we failed to look.",
)
_DURATION = gauge("probe_duration_seconds", "How long the last run took.")
_PHASES = gauge("probe_http_duration_seconds", "How long each phase of the last HTTP request took.")
_EXPIRY = gauge(
    "probe_ssl_earliest_cert_expiry",
    "When the first of the certificates that were presented expires, as a Unix time.",
)
_VERIFIED_EXPIRY = gauge(
    "probe_ssl_last_chain_expiry_timestamp_seconds",
    "When the chain expires by which the target is trusted, as a Unix time.",
)
_LEAF_EXPIRY = gauge(
    "nines_collector_leaf_expiry_timestamp_seconds",
    "When the target's own certificate expires, as a Unix time.",
)
_RUNS = counter(
    "nines_collector_runs", "Runs of the collector, by outcome; unknown ones are our own failures."
)
_LAG = gauge("nines_collector_lag_seconds", "How late the collector's last run started.")

FAMILIES: tuple[Family, ...] = (
    _SUCCESS,
    _DURATION,
    _PHASES,
    _EXPIRY,
    _VERIFIED_EXPIRY,
    _LEAF_EXPIRY,
    _RUNS,
    _LAG,
)


class CollectorSamples:
    """The lines of one collector.

    `texts` are what was last told, one for each of FAMILIES. A fact that is not known is left out.
    """

    def __init__(self, collector_id: str) -> None:
        service, _, name = collector_id.partition("/")
        self.texts: tuple[bytes, ...] = (b"",) * len(FAMILIES)
        self._told: tuple[Observation | None, dict[str, int]] = (None, {})
        self._labels: Labels = (("service", service), ("collector", name))
        self._prepared: dict[tuple[str, str], bytes] = {}

    def tell(self, collector: CollectorHealth) -> None:
        """Say how it is doing."""
        told = collector.last, collector.runs
        if told[0] is self._told[0] and told[1] == self._told[1]:
            return
        self._told = told
        lateness = collector.lateness
        self.texts = (
            *self._last_run(collector.kind, collector.last),
            self._by(_RUNS, "result", collector.runs),
            self._line(_LAG, None if lateness is None else lateness.total_seconds()),
        )

    def _last_run(self, kind: str, last: Observation | None) -> tuple[bytes, ...]:
        if last is None:
            return (b"",) * 6
        passed = None if last.outcome is Outcome.UNKNOWN else int(last.outcome is Outcome.PASSED)
        http = kind == "http" or last.http_status is not None
        phases = {phase.value: took.total_seconds() for phase, took in last.phases.items()}
        return (
            self._line(_SUCCESS, passed),
            self._line(_DURATION, last.duration.total_seconds()),
            self._by(_PHASES, "phase", phases) if http else b"",
            self._line(_EXPIRY, _unix(last.certificate_expires)),
            self._line(_VERIFIED_EXPIRY, _unix(last.verified_chain_expires)),
            self._line(_LEAF_EXPIRY, _unix(last.leaf_expires)),
        )

    def _line(self, family: Family, value: float | None) -> bytes:
        if value is None:
            return b""
        prepared = self._prepared.get((family.name, ""))
        if prepared is None:
            prepared = self._prepared[family.name, ""] = family.prepared(self._labels)
        return prepared % repr(value).encode()

    def _by(self, family: Family, label: str, values: Mapping[str, float]) -> bytes:
        lines = []
        for key, value in values.items():
            prepared = self._prepared.get((family.name, key))
            if prepared is None:
                prepared = family.prepared((*self._labels, (label, key)))
                self._prepared[family.name, key] = prepared
            lines.append(prepared % repr(value).encode())
        return b"".join(lines)


def _unix(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment is not None else None
