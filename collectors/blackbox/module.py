"""A module of blackbox.yml: how to probe. Unknown keys are errors, as they are to the peer.

What the peer knows and we do not do is read all the same, so that a whole file can be taken over:
a module that needs it says so when it is asked for.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import dns.exception
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
from pydantic import AfterValidator, Field, JsonValue, model_validator

from collectors.blackbox.values import GoDuration, GoSize, SaidText
from collectors.pattern import RegexText
from collectors.settings import Strict, TlsOptions
from slo.secret import SecretText

Regexes = tuple[RegexText, ...]
Family = Literal["ip4", "ip6"]
_SPOKEN = frozenset({"HTTP/1.0", "HTTP/1.1", "HTTP/2.0"})
_TTL = 64  # as the system has it


class _Section(Strict):
    """What the sections of all probers have in common."""

    def lacking(self) -> Iterator[str]:
        """The keys that are written and that we do not act upon."""
        yield from ()


class _Addressed(_Section):
    preferred_ip_protocol: Family = "ip6"
    ip_protocol_fallback: bool = True
    source_ip_address: JsonValue = None

    def lacking(self) -> Iterator[str]:
        if self.source_ip_address:
            yield "source_ip_address"


class TlsSettings(TlsOptions):
    """The peer's tls_config."""

    min_version: str | None = None
    max_version: str | None = None

    @property
    def options(self) -> TlsOptions:
        """As our own collectors take it."""
        return TlsOptions.model_construct(
            **{name: getattr(self, name) for name in TlsOptions.model_fields}
        )

    def lacking(self) -> Iterator[str]:
        for key in ("min_version", "max_version"):
            if getattr(self, key):
                yield f"tls_config.{key}"

    @model_validator(mode="after")
    def _key_needs_certificate(self) -> Self:
        # The peer lets a ca_file stand beside insecure_skip_verify.
        if (self.key_file is None) != (self.cert_file is None):
            raise ValueError("cert_file and key_file are of use together only")
        return self


class BasicAuthSettings(Strict):
    """User and password, each written or in a file."""

    username: str = ""
    username_file: Path | None = None
    password: SecretText | None = None
    password_file: Path | None = None


class Authorization(Strict):
    type: str = "Bearer"
    credentials: SecretText | None = None
    credentials_file: Path | None = None


class HeaderValues(Strict):
    values: tuple[str, ...] = ()
    secrets: tuple[SecretText, ...] = ()
    files: tuple[Path, ...] = ()


class HeaderMatch(Strict):
    header: str = Field(min_length=1)
    regexp: RegexText
    allow_missing: bool = False


class HttpSection(_Addressed):
    """The prober `http`."""

    valid_status_codes: tuple[int, ...] = ()
    valid_http_versions: tuple[str, ...] = ()
    skip_resolve_phase_with_proxy: bool = False
    follow_redirects: bool = True
    no_follow_redirects: bool | None = None
    fail_if_ssl: bool = False
    fail_if_not_ssl: bool = False
    method: str = "GET"
    headers: Mapping[str, SecretText] = Field(default_factory=dict)
    http_headers: Mapping[str, HeaderValues] = Field(default_factory=dict)
    body: SecretText | None = None
    body_file: Path | None = None
    compression: Literal["gzip", "br", "deflate", "identity"] | None = None
    body_size_limit: GoSize = 0
    fail_if_body_matches_regexp: Regexes = ()
    fail_if_body_not_matches_regexp: Regexes = ()
    fail_if_body_json_matches_cel: str | None = None
    fail_if_body_json_not_matches_cel: str | None = None
    fail_if_header_matches: tuple[HeaderMatch, ...] = ()
    fail_if_header_not_matches: tuple[HeaderMatch, ...] = ()
    enable_http2: bool = True
    enable_http3: bool = False
    basic_auth: BasicAuthSettings | None = None
    authorization: Authorization | None = None
    bearer_token: SecretText | None = None
    bearer_token_file: Path | None = None
    oauth2: JsonValue = None
    tls_config: TlsSettings = TlsSettings()
    proxy_url: JsonValue = None
    no_proxy: JsonValue = None
    proxy_from_environment: bool = False
    proxy_connect_header: JsonValue = None

    def lacking(self) -> Iterator[str]:
        yield from super().lacking()
        yield from self.tls_config.lacking()
        # A proxy dials for us, and nobody could say what address it dials.
        for key in (
            "proxy_url", "proxy_from_environment", "oauth2", "enable_http3",
            "fail_if_body_json_matches_cel", "fail_if_body_json_not_matches_cel",
        ):  # fmt: skip
            if getattr(self, key):
                yield key
        if self.compression in ("br", "deflate"):
            yield f"compression: {self.compression}"
        if self.method not in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            yield f"method: {self.method}"
        if self.valid_http_versions and not _SPOKEN & set(self.valid_http_versions):
            yield f"valid_http_versions: {self.valid_http_versions[0]}"

    @property
    def follows(self) -> bool:
        if self.no_follow_redirects is not None:
            return not self.no_follow_redirects
        return self.follow_redirects

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.body is not None and self.body_file is not None:
            raise ValueError("body and body_file are not written both")
        if self.enable_http3 and self.enable_http2:
            raise ValueError("enable_http3 asks for enable_http2: false")
        if self.enable_http3 and "HTTP/3.0" not in self.valid_http_versions:
            raise ValueError('enable_http3 asks for valid_http_versions: ["HTTP/3.0"]')
        own = {name.lower(): secret.value for name, secret in self.headers.items()}
        accepted = own.get("accept-encoding")
        if self.compression and accepted and not _accepts(accepted, self.compression):
            raise ValueError(
                f"the header Accept-Encoding does not accept compression: {self.compression}"
            )
        signed = (self.basic_auth, self.authorization, self.bearer_token, self.bearer_token_file)
        if sum(each is not None for each in signed) > 1:
            raise ValueError("only one of basic_auth, authorization and bearer_token can be sent")
        return self


class LabelValue(Strict):
    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    value: str = ""


class QueryResponse(Strict):
    """What is expected, said, and whether TLS begins."""

    expect: RegexText | None = None
    expect_bytes: SaidText | None = None
    labels: tuple[LabelValue, ...] = ()
    send: SaidText | None = None
    starttls: bool = False


class TcpSection(_Addressed):
    """The prober `tcp`."""

    query_response: tuple[QueryResponse, ...] = ()
    tls: bool = False
    tls_config: TlsSettings = TlsSettings()

    def lacking(self) -> Iterator[str]:
        yield from super().lacking()
        yield from self.tls_config.lacking()


class RecordChecks(Strict):
    """Expressions that are searched for in records as a zone file writes them."""

    fail_if_matches_regexp: Regexes = ()
    fail_if_all_match_regexp: Regexes = ()
    fail_if_not_matches_regexp: Regexes = ()
    fail_if_none_matches_regexp: Regexes = ()


def _of_dns(read: Any, what: str) -> Any:  # noqa: ANN401 - one of dnspython's readers
    def check(value: str) -> str:
        try:
            read(value)
        except (dns.exception.DNSException, ValueError):
            raise ValueError(f"{value!r} is no {what}") from None
        return value

    return AfterValidator(check)


class DnsSection(_Addressed):
    """The prober `dns`."""

    dns_over_tls: bool = False
    tls_config: TlsSettings = TlsSettings()
    transport_protocol: Literal["udp", "tcp"] = "udp"
    query_name: Annotated[str, Field(min_length=1), _of_dns(dns.name.from_text, "name")]
    query_type: Annotated[str, _of_dns(dns.rdatatype.from_text, "type of record")] = "ANY"
    query_class: Annotated[str, _of_dns(dns.rdataclass.from_text, "class of records")] = "IN"
    recursion_desired: bool = True
    valid_rcodes: tuple[Annotated[str, _of_dns(dns.rcode.from_text, "answer's code")], ...] = ()
    validate_answer_rrs: RecordChecks = RecordChecks()
    validate_authority_rrs: RecordChecks = RecordChecks()
    validate_additional_rrs: RecordChecks = RecordChecks()

    def lacking(self) -> Iterator[str]:
        yield from super().lacking()
        yield from self.tls_config.lacking()

    @model_validator(mode="after")
    def _tls_is_over_tcp(self) -> Self:
        if self.dns_over_tls and self.transport_protocol != "tcp":
            raise ValueError("dns_over_tls asks for transport_protocol: tcp")
        return self


class IcmpSection(_Addressed):
    """The prober `icmp`."""

    payload_size: int = 0
    dont_fragment: bool = False
    ttl: int = Field(_TTL, ge=0, le=255)

    def lacking(self) -> Iterator[str]:
        yield from super().lacking()
        if self.payload_size:
            yield "payload_size"
        if self.dont_fragment:
            yield "dont_fragment"
        if self.ttl not in (0, _TTL):
            yield "ttl"


class GrpcSection(_Addressed):
    service: str = ""
    tls: bool = False
    tls_config: TlsSettings = TlsSettings()
    metadata: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)


class UnixSection(_Section):
    query_response: tuple[QueryResponse, ...] = ()
    tls: bool = False
    tls_config: TlsSettings = TlsSettings()


class WebsocketSection(_Section):
    http_config: JsonValue = None
    headers: Mapping[str, SecretText] = Field(default_factory=dict)
    query_response: tuple[QueryResponse, ...] = ()


class Module(Strict):
    """How to probe, whatever the target."""

    prober: Literal["http", "tcp", "dns", "icmp", "grpc", "unix", "websocket"]
    timeout: GoDuration = timedelta(0)
    http: HttpSection = HttpSection()
    tcp: TcpSection = TcpSection()
    dns: DnsSection | None = None
    icmp: IcmpSection = IcmpSection()
    grpc: GrpcSection = GrpcSection()
    unix: UnixSection = UnixSection()
    websocket: WebsocketSection = WebsocketSection()

    @model_validator(mode="after")
    def _asks_for_a_name(self) -> Self:
        if self.prober == "dns" and self.dns is None:
            raise ValueError("a module whose prober is dns needs a `dns` with a query_name")
        return self

    @property
    def section(self) -> HttpSection | TcpSection | DnsSection | IcmpSection | None:
        """What is written for its prober; None for one that is not supported."""
        match self.prober:
            case "http":
                return self.http
            case "tcp":
                return self.tcp
            case "dns":
                return self.dns
            case "icmp":
                return self.icmp
        return None

    @property
    def lacking(self) -> str | None:
        """What it needs and this version does not do, in words; None when it can be used."""
        if self.prober not in ("http", "tcp", "dns", "icmp"):
            return f"prober: {self.prober} is not supported by this version"
        section = self.section
        keys = list(section.lacking()) if section is not None else []
        verb = "are" if len(keys) > 1 else "is"
        return f"{', '.join(keys)} {verb} not supported by this version" if keys else None


class BlackboxFile(Strict):
    """A blackbox.yml."""

    modules: Mapping[str, Module]


def _accepts(header: str, encoding: str) -> bool:
    for each in header.split(","):
        name, _, quality = each.strip().partition(";")
        refused = quality.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000")
        if name.strip() in (encoding, "*"):
            return not refused
    return False
