"""Scrape a page of metrics, each time on a fresh connection, as Prometheus would."""

import asyncio
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Protocol

from collectors.client import Client, Response
from collectors.exposition import PageReader
from collectors.exposition_line import PageError
from collectors.exposition_protobuf import ProtobufReader
from collectors.known import Known
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Observation, Phase
from collectors.runnable import Clock
from collectors.selective import SelectiveReader
from collectors.settings import RequestSettings
from collectors.size import Size
from collectors.source import TIMEOUT_HEADER, Source, refused
from collectors.target import HttpUrl, without_secrets
from slo.definition import BUCKET
from slo.exposition import Page

# As Prometheus 3 builds it (scrape/scrape.go).
ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
# Before text, where a histogram is wanted: only protobuf carries native ones.
_PROTOBUF = "application/vnd.google.protobuf"
_FAMILIES = "io.prometheus.client.MetricFamily"
ACCEPT_NATIVE = (
    f"{_PROTOBUF};proto={_FAMILIES};encoding=delimited;escaping=allow-utf-8;q=0.7,{ACCEPT}"
)
_TOLD, _TOLD_LENGTH = 3, 400  # remarks on a page that are told, and their characters
_READ_ASIDE_BYTES = 2 * 1024 * 1024  # raw bytes gathered before a thread reads them
_PIECE_BYTES = 256 * 1024  # of a decompressed body, read at a time


class PrometheusConfig(RequestSettings):
    """Scrape a page of metrics."""

    prometheus: HttpUrl
    page_limit: Size = 64 << 20


class Reader(Protocol):
    """Takes one page in chunks; `known` is what it taught, once it is closed."""

    known: Known

    def feed(self, chunk: bytes) -> None: ...

    def close(self) -> Page: ...


class Scrape:
    """One page of metrics, and the names of the samples that SLOs read from it."""

    kind = "prometheus"

    def __init__(self, collector_id: str, config: PrometheusConfig, means: Means) -> None:
        """Raises ValueError in words when a TLS file cannot be read."""
        self.id = collector_id
        self.target = without_secrets(config.prometheus)
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        self._wanted = means.wanted
        self._known = Known()
        self._advice: tuple[str, ...] = ()  # of the newest page that was read whole
        accept = ACCEPT_NATIVE if wants_natives(self._wanted) else ACCEPT
        own = {"accept": accept, TIMEOUT_HEADER: f"{means.timeout.total_seconds():g}"}
        self._source = Source(config.prometheus, config, means, own)

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        return await self._source.visit(look, partial(self._look, look))

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _look(self, look: Look, client: Client) -> Observation:
        response = await self._source.fetch(look, client)
        if response.status != HTTPStatus.OK:
            return refused(response, look)
        page = await self._read(response, look)
        look.watch.stop()
        look.body_bytes = page.size_bytes
        look.warning = _warning(look.warning, self._advice)
        return replace(look.passed(), page=page)

    async def _read(self, response: Response, look: Look) -> Page:
        """The page, decoded and parsed in threads while it comes."""
        reader = self._reader(response.headers.get("content-type", ""), look)
        body = _Body(response.headers.get("content-encoding", ""), reader)
        gathered: list[bytes] = []
        size = 0
        while part := await response.read():
            gathered.append(part)
            size += len(part)
            if size >= _READ_ASIDE_BYTES:
                look.watch.enter(Phase.JUDGE)
                await asyncio.to_thread(body.feed, gathered)
                look.watch.enter(Phase.TRANSFER)
                gathered, size = [], 0
        look.watch.enter(Phase.JUDGE)
        page = await asyncio.to_thread(body.close, gathered)
        self._known = reader.known
        if not isinstance(reader, SelectiveReader):  # it reads past what it does not need
            self._advice = page.advice
        return page

    def _reader(self, content_type: str, look: Look) -> Reader:
        """What reads a page of this type.

        Text is read whole until something of it is known, and again after a page that was bad.
        """
        known, self._known = self._known, Known()
        limit = self._config.page_limit
        if _is_protobuf(content_type):
            return ProtobufReader(self._wanted, limit_bytes=limit)
        openmetrics, look.warning = _format(content_type)
        if known.series and known.openmetrics is openmetrics:
            return SelectiveReader(self._wanted, limit_bytes=limit, known=known)
        return PageReader(self._wanted, openmetrics=openmetrics, limit_bytes=limit)


class _Body:
    """Undoes the content encoding piece by piece, so that a bomb is found before it is whole."""

    def __init__(self, content_encoding: str, reader: Reader) -> None:
        encoding = content_encoding.strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip"):
            raise PageError(f"the page is encoded as {encoding[:40]!r}, and only gzip was accepted")
        self._reader = reader
        self._is_gzip = encoding in ("gzip", "x-gzip")
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._begun = False

    def feed(self, raw: Iterable[bytes]) -> None:
        """Take what came. Raises PageError."""
        for part in raw:
            for piece in self._decoded(part) if self._is_gzip else (part,):
                self._reader.feed(piece)

    def close(self, raw: Iterable[bytes]) -> Page:
        """Take the rest; the page. Raises PageError."""
        self.feed(raw)
        if self._begun and not self._member.eof:
            raise PageError("the page ends before its gzip encoding does: it was cut off")
        return self._reader.close()

    def _decoded(self, raw: bytes) -> Iterator[bytes]:
        while raw:
            if self._member.eof:  # another gzip member may follow (RFC 1952, 2.2)
                self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            self._begun = True
            try:
                piece = self._member.decompress(raw, _PIECE_BYTES)
            except zlib.error as error:
                raise PageError(f"the page is not encoded as its header says: {error}") from None
            if piece:
                yield piece
            raw = self._member.unconsumed_tail or self._member.unused_data


def wants_natives(wanted: Collection[str]) -> bool:
    """Whether a histogram is among these by its bare name, as histogram SLIs want them."""
    return any(f"{name}{BUCKET}" in wanted for name in wanted)


def _is_protobuf(content_type: str) -> bool:
    """Whether the page is delimited metric families. Raises PageError for other protobuf."""
    media, *parameters = (part.strip().lower().replace('"', "") for part in content_type.split(";"))
    if media != _PROTOBUF:
        return False
    if not {f"proto={_FAMILIES.lower()}", "encoding=delimited"} <= set(parameters):
        raise PageError(
            f"the page is protobuf as {content_type[:120]!r}; only delimited metric families "
            "are read"
        )
    return True


def _warning(about_type: str | None, advice: Sequence[str]) -> str | None:
    """What people are told beside a good look: the first remarks, and how many more there are."""
    said = [*([about_type] if about_type else ()), *advice]
    more = f" (and {len(said) - _TOLD} more remarks)" if len(said) > _TOLD else ""
    return "; ".join(said[:_TOLD])[:_TOLD_LENGTH] + more or None


def _format(content_type: str) -> tuple[bool, str | None]:
    """Whether the page is OpenMetrics, and a warning where its content type does not say."""
    media = content_type.partition(";")[0].strip().lower()
    if media == "application/openmetrics-text":
        return True, None
    if media == "text/plain":
        return False, None
    told = f"has the content type {media[:60]!r}" if media else "has no content type"
    return False, (
        f"the page {told}: it was read as Prometheus text 0.0.4, which Prometheus 3 would refuse"
    )
