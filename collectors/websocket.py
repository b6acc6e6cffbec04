"""Probe a WebSocket: open it, perhaps say something and hear an answer, and take leave."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Self

import httpx
from pydantic import Field, field_validator, model_validator

from collectors.dialling import Dialling
from collectors.expect import Words
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation, Phase
from collectors.pattern import RegexText
from collectors.request import TOO_MANY_REQUESTS, own_headers, secrets, trust
from collectors.runnable import Clock
from collectors.settings import CollectorSettings, HeaderOptions, TlsOptions
from collectors.size import format_size
from collectors.stream import Stream
from collectors.target import HostPort, WebSocketUrl, without_secrets
from collectors.websocket_wire import (
    LIMIT_BYTES,
    BadWebSocketError,
    ClosedError,
    RefusedError,
    TooMuchError,
    WebSocket,
    port_of,
)
from slo.exposition import Page, Sample, Series
from slo.secret import Secret

_FAREWELL_SECONDS = 1.0  # that the target has to answer ours
_OURS = {"connection", "upgrade", "content-length", "transfer-encoding"}
_PING = b"nines"
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]


class WebSocketConfig(HeaderOptions, CollectorSettings):
    """Open a WebSocket; perhaps say something, perhaps wait for an answer."""

    websocket: WebSocketUrl
    subprotocols: tuple[_Name, ...] = Field((), description="Offered; one must be chosen.")
    send: str | None = None
    expect: str | None = Field(default=None, min_length=1, description="Found in a message.")
    expect_regex: RegexText | None = None
    ping: bool = Field(default=False, strict=True, description="Time a ping's answer.")
    tls: TlsOptions = TlsOptions()

    @field_validator("headers")
    @classmethod
    def _headers_are_not_the_protocol_s(cls, headers: Mapping[str, Secret]) -> Mapping[str, Secret]:
        for name in headers:
            if name.lower() in _OURS or name.lower().startswith("sec-websocket-"):
                raise ValueError(f"the header {name} is the protocol's own")
        return headers

    @model_validator(mode="after")
    def _expects_one_thing(self) -> Self:
        if self.expect is not None and self.expect_regex is not None:
            raise ValueError("expect a text or an expression: expect and expect_regex are one")
        return self


class WebSocketProbe:
    """One address and what should be heard there."""

    kind = "websocket"

    def __init__(self, collector_id: str, config: WebSocketConfig, means: Means) -> None:
        """Raises ValueError in words when a TLS file cannot be read."""
        self.id = collector_id
        self.target = without_secrets(config.websocket)
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        self._url = url = httpx.URL(config.websocket)
        self._headers = own_headers(config)
        self._words = Words(tuple(secrets(config)))
        self._dialling = Dialling(
            HostPort(url.raw_host.decode("ascii"), port_of(url)),
            means,
            trust(config.tls) if url.scheme == "wss" else None,
            config.tls.server_name,
        )

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        heard: list[bytes] = []
        try:
            async with self._dialling.connected(look) as stream:
                talk = WebSocket(stream, self._url, self._headers, self._config.subprotocols)
                return await self._talk(look, talk, stream, heard, clock)
        except RefusedError as refused:
            return self._refused(look, refused)
        except ClosedError as closed:
            look.watch.stop()
            reason = f": {self._words.quote(closed.reason)}" if closed.reason else ""
            said = f"the target closed with {closed.told}{reason}{self._came(heard)}"
            return look.failed(Cause.STATUS, said, look.watch.phase)
        except BadWebSocketError as bad:
            return look.broke(BadWebSocketError(self._words.hide(str(bad))))
        except TooMuchError:
            look.watch.stop()
            return look.failed(Cause.BODY, self._too_much(heard), Phase.TRANSFER)
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error, self._came(heard))

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _talk(
        self, look: Look, talk: WebSocket, stream: Stream, heard: list[bytes], clock: Clock
    ) -> Observation:
        await talk.open()
        look.answered(101, "HTTP/1.1", stream)
        config = self._config
        if config.subprotocols and talk.subprotocol is None:
            look.watch.stop()
            offered = " or ".join(config.subprotocols)
            return look.failed(Cause.ASSERTION, f"no subprotocol was chosen; expected {offered}")
        look.watch.enter(Phase.PROCESSING)
        if config.send is not None:
            await talk.say(config.send)
        while self._expects and not (heard and self._is_expected(heard[-1])):
            heard.append(await talk.hear())
        samples: dict[Series, Sample] = {}
        if config.ping:
            look.watch.enter(Phase.PROCESSING)
            asked = clock.monotonic()
            await talk.ping(_PING)
            samples[Series("websocket_ping_seconds", ())] = Sample(clock.monotonic() - asked)
        look.watch.stop()
        look.body_bytes = sum(map(len, heard)) if self._expects else None
        seen = look.passed()
        try:
            # No time of the target's answer: nobody waits for it.
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await talk.close()
        except TimeoutError:
            seen = replace(seen, warning="the target does not answer a farewell (close frame)")
        return replace(seen, page=Page(samples))

    @property
    def _expects(self) -> bool:
        return self._config.expect is not None or self._config.expect_regex is not None

    def _is_expected(self, message: bytes) -> bool:
        if self._config.expect is not None:
            return self._config.expect.encode() in message
        regex = self._config.expect_regex
        return regex is not None and regex.found_in(message.decode(errors="replace"))

    def _refused(self, look: Look, refused: RefusedError) -> Observation:
        look.watch.stop()
        look.http_status, look.http_version = refused.status, "HTTP/1.1"
        if refused.status == TOO_MANY_REQUESTS:
            look.warning = "the target's own rate limiter answered 429"
            return look.unknown(look.warning)
        where = refused.headers.get("location")
        leads = f" (it leads to {self._words.quote(without_secrets(where))})" if where else ""
        said = f"the status is {refused.status}; expected 101, which opens a WebSocket{leads}"
        return look.failed(Cause.STATUS, said)

    def _too_much(self, heard: list[bytes]) -> str:
        most = format_size(LIMIT_BYTES)
        if not self._expects:
            return f"more than {most} came before what was waited for"
        wanted = self._config.expect or str(self._config.expect_regex)
        said = f"{self._words.quote(wanted)} is not in the first {most} of its messages"
        return f"{said}{self._came(heard)}"

    def _came(self, heard: list[bytes]) -> str:
        if not self._expects:
            return ""
        if not heard:
            return "; no message came"
        return f"; the last message is {self._words.quote(heard[-1].decode(errors='replace'))}"
