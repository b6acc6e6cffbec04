"""Make a runnable collector of its configuration."""

from collections.abc import Collection

from collectors.config import (
    CollectorConfig,
    HttpConfig,
    PrometheusConfig,
    TcpConfig,
    TlsConfig,
)
from collectors.http import HttpProbe
from collectors.resolve import Resolver
from collectors.runnable import Runnable
from collectors.scrape import Scrape
from collectors.tcp import TcpProbe
from collectors.tls import TlsProbe

# One for the process, so that its bound on lookups at once is one; it holds nothing when idle.
_RESOLVER = Resolver()


def build(
    service: str,
    name: str,
    config: CollectorConfig,
    wanted: Collection[str],
    resolver: Resolver = _RESOLVER,
) -> Runnable:
    """The collector `service/name`; a scrape keeps the samples whose names are `wanted`.

    Raises ValueError in words: no interval or timeout was filled in, or a TLS file is unreadable.
    """
    collector_id = f"{service}/{name}"
    interval, timeout = config.interval, config.timeout
    if interval is None or timeout is None:
        raise ValueError(f"the collector {collector_id} has no interval or no timeout")
    try:
        match config:
            case HttpConfig():
                return HttpProbe(
                    collector_id, config, interval=interval, timeout=timeout, resolver=resolver
                )
            case TcpConfig():
                return TcpProbe(
                    collector_id, config, interval=interval, timeout=timeout, resolver=resolver
                )
            case TlsConfig():
                return TlsProbe(
                    collector_id, config, interval=interval, timeout=timeout, resolver=resolver
                )
            case PrometheusConfig():
                return Scrape(
                    collector_id,
                    config,
                    interval=interval,
                    timeout=timeout,
                    resolver=resolver,
                    wanted=wanted,
                )
    except ValueError as error:
        raise ValueError(f"the collector {collector_id}: {error}") from error
