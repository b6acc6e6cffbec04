"""The kinds of collectors: what can be looked at, and how."""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Protocol, Union
from urllib.parse import urlsplit

from pydantic import ValidatorFunctionWrapHandler, WrapValidator

from collectors.amqp import AmqpConfig, AmqpProbe
from collectors.dns import DnsConfig, DnsProbe, server_at
from collectors.grpc import GrpcConfig, GrpcProbe
from collectors.heartbeat import Heartbeat, JobConfig
from collectors.http import HttpConfig, HttpProbe
from collectors.icmp import IcmpConfig, IcmpProbe
from collectors.json_metrics import JsonConfig, JsonMetrics
from collectors.kafka import KafkaConfig, KafkaProbe
from collectors.log import LogConfig, LogLines
from collectors.log_search import LogSearch, LogSearchConfig
from collectors.means import Means
from collectors.mongodb import MongodbConfig, MongodbProbe
from collectors.promql import Promql, PromqlConfig
from collectors.pushed.collector import OtlpConfig, PushConfig, Pushed, RemoteWriteConfig
from collectors.redis import RedisConfig, RedisProbe
from collectors.resolve import Resolver
from collectors.runnable import Runnable
from collectors.scrape import PrometheusConfig, Scrape
from collectors.settings import CollectorSettings
from collectors.smtp import SmtpConfig, SmtpProbe
from collectors.sql import SqlConfig, SqlProbe
from collectors.ssh import SshConfig, SshProbe
from collectors.step import StepsConfig
from collectors.steps import Steps
from collectors.target import HostPort
from collectors.tcp import TcpConfig, TcpProbe
from collectors.tls import TlsConfig, TlsProbe
from collectors.websocket import WebSocketConfig, WebSocketProbe


class _Make(Protocol):
    """Makes a collector of settings of its kind.

    Raises ValueError in words when a file that they name cannot be used.
    """

    def __call__(self, collector_id: str, config: Any, means: Means, /) -> Runnable: ...  # noqa: ANN401 - of its kind


class Kind(NamedTuple):
    """What a kind of collector is made of.

    The runs of a probe pass or fail: `probe: name` counts them. One that has a page reads values:
    `collector: name` reads them. A kind may be both. One that is not asked is told.
    """

    config: type[CollectorSettings]
    make: _Make
    is_probe: bool = True
    has_page: bool = False
    is_asked: bool = True


# To add one: its file here, its line below, its test. The key is what holds the target.
KINDS: Mapping[str, Kind] = {
    "amqp": Kind(AmqpConfig, AmqpProbe, has_page=True),
    "dns": Kind(DnsConfig, DnsProbe, has_page=True),
    "grpc": Kind(GrpcConfig, GrpcProbe),
    "heartbeat": Kind(JobConfig, Heartbeat, is_asked=False),
    "http": Kind(HttpConfig, HttpProbe),
    "icmp": Kind(IcmpConfig, IcmpProbe, has_page=True),
    "json": Kind(JsonConfig, JsonMetrics, is_probe=False, has_page=True),
    "kafka": Kind(KafkaConfig, KafkaProbe, has_page=True),
    "log": Kind(LogConfig, LogLines, is_probe=False, has_page=True),
    "log_search": Kind(LogSearchConfig, LogSearch, is_probe=False, has_page=True),
    "mongodb": Kind(MongodbConfig, MongodbProbe, has_page=True),
    "otlp": Kind(OtlpConfig, Pushed, is_probe=False, has_page=True),
    "prometheus": Kind(PrometheusConfig, Scrape, is_probe=False, has_page=True),
    "promql": Kind(PromqlConfig, Promql, is_probe=False, has_page=True),
    "push": Kind(PushConfig, Pushed, is_probe=False, has_page=True),
    "redis": Kind(RedisConfig, RedisProbe, has_page=True),
    "remote_write": Kind(RemoteWriteConfig, Pushed, is_probe=False, has_page=True),
    "smtp": Kind(SmtpConfig, SmtpProbe),
    "sql": Kind(SqlConfig, SqlProbe, has_page=True),
    "ssh": Kind(SshConfig, SshProbe),
    "steps": Kind(StepsConfig, Steps, has_page=True),
    "tcp": Kind(TcpConfig, TcpProbe),
    "tls": Kind(TlsConfig, TlsProbe),
    "websocket": Kind(WebSocketConfig, WebSocketProbe, has_page=True),
}
_OF_CONFIG = {kind.config: kind for kind in KINDS.values()}


def kinds_in(written: Mapping[str, object]) -> Iterator[str]:
    """The kinds whose keys are written; one, where nothing is wrong."""
    for kind in KINDS:
        # `tls:` with options below it belongs to the collector beside it.
        if kind in written and not (kind == "tls" and isinstance(written["tls"], Mapping)):
            yield kind


def _by_kind(value: object, _: ValidatorFunctionWrapHandler) -> CollectorSettings:
    """Validate as the kind that the keys name, so that an error's place is the key's own."""
    if isinstance(value, CollectorSettings):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(
            "a collector is a mapping whose key is its kind, such as http: https://..."
        )
    kinds = list(kinds_in(value))
    match kinds:
        case [kind]:
            return KINDS[kind].config.model_validate(value)
        case []:
            raise ValueError(f"a collector has a kind: one of {', '.join(KINDS)} holds its target")
        case _:
            raise ValueError(f"a collector has one kind, not {' and '.join(kinds)}")


if TYPE_CHECKING:
    _AnyKind = CollectorSettings
else:  # for the schema, which tells every key that may stand in a collector
    _AnyKind = Union[tuple(_OF_CONFIG)]  # noqa: UP007 - made of a table
CollectorConfig = Annotated[_AnyKind, WrapValidator(_by_kind)]


def has_page(config: CollectorSettings) -> bool:
    """Whether SLIs and threshold rules may read values of such a collector."""
    return _OF_CONFIG[type(config)].has_page


def is_probe(config: CollectorSettings) -> bool:
    """Whether the runs of such a collector pass or fail."""
    return _OF_CONFIG[type(config)].is_probe


def is_asked(config: CollectorSettings) -> bool:
    """Whether such a collector asks its target, so that asking again may tell more."""
    return _OF_CONFIG[type(config)].is_asked


def hosts(config: CollectorSettings) -> list[str]:
    """The hosts that one run asks, one for each request, as far as they are written down."""
    if isinstance(config, StepsConfig):
        return [host for step in config.steps if (host := urlsplit(step.url).hostname)]
    if isinstance(config, DnsConfig):
        return [] if config.server is None else [server_at(config.server, 53).host.lower()]
    key = next(name for name, kind in KINDS.items() if kind.config is type(config))
    # Where the key is a name that a model has already, the field has another.
    target = getattr(config, f"{key}_", None) or getattr(config, key, None)
    if isinstance(target, HostPort):
        return [target.host.lower()]
    host = urlsplit(target).hostname if isinstance(target, str) else None
    return [host] if host else []


# One for the process, so that its bound on lookups at once is one; it holds nothing when idle.
_RESOLVER = Resolver()


def build(
    collector_id: str,
    config: CollectorSettings,
    wanted: Collection[str] = (),
    resolver: Resolver = _RESOLVER,
) -> Runnable:
    """The collector `service/collector`; of a page it keeps the samples whose names are `wanted`.

    Raises ValueError in words: no interval or timeout was filled in, or a TLS file is unreadable.
    """
    if config.interval is None or config.timeout is None:
        raise ValueError(f"the collector {collector_id} has no interval or no timeout")
    means = Means(config.interval, config.timeout, resolver, frozenset(wanted))
    try:
        return _OF_CONFIG[type(config)].make(collector_id, config, means)
    except ValueError as error:
        raise ValueError(f"the collector {collector_id}: {error}") from error
