"""What a probe found: gauges by the peer's names, and what happened, in sentences."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]

HELP: Mapping[str, str] = {
    "probe_dns_additional_rrs": "Records in the additional section of the answer",
    "probe_dns_answer_rrs": "Records in the answer section of the answer",
    "probe_dns_authority_rrs": "Records in the authority section of the answer",
    "probe_dns_duration_seconds": "Duration of the DNS request by phase",
    "probe_dns_lookup_time_seconds": "How long the lookup of the target's name took",
    "probe_dns_query_succeeded": "Whether an answer came",
    "probe_dns_serial": "Serial number of the zone",
    "probe_duration_seconds": "How long the probe took",
    "probe_expect_info": "What was matched in an answer",
    "probe_failed_due_to_bytes": "Whether the probe failed because bytes were not as expected",
    "probe_failed_due_to_regex": "Whether the probe failed because of a regular expression",
    "probe_http_content_length": "Length of the body as its header tells, -1 if it does not",
    "probe_http_duration_seconds": "Duration of the HTTP request by phase, over all redirects",
    "probe_http_last_modified_timestamp_seconds": "The Last-Modified header",
    "probe_http_redirects": "How many redirects were followed",
    "probe_http_ssl": "Whether the last answer came over TLS",
    "probe_http_status_code": "Status of the last answer, 0 without one",
    "probe_http_uncompressed_body_length": "Length of the body that was read, decoded",
    "probe_http_version": "Version of HTTP of the last answer",
    "probe_icmp_duration_seconds": "Duration of the ICMP echo by phase",
    "probe_ip_addr_hash": "Hash of the IP address, to see it change",
    "probe_ip_protocol": "Whether IPv4 or IPv6 was spoken, 0 for neither",
    "probe_ssl_earliest_cert_expiry": "When the first of the presented certificates expires",
    "probe_ssl_last_chain_expiry_timestamp_seconds": "When the verified chain expires",
    "probe_ssl_last_chain_info": "The target's own certificate",
    "probe_success": "Whether the probe succeeded",
    "probe_timeout_seconds": "How long the probe was given",
    "probe_tls_cipher_info": "The cipher of the TLS connection",
    "probe_tls_version_info": "The version of TLS",
}


@dataclass(slots=True)
class Findings:
    """Of one probe."""

    samples: dict[str, dict[Labels, float]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def set(self, name: str, value: float, **labels: str) -> None:
        """A gauge; one that was set before has the new value."""
        self.samples.setdefault(name, {})[tuple(sorted(labels.items()))] = float(value)

    def say(self, sentence: str) -> None:
        self.lines.append(sentence)
